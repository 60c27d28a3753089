"""An init as PID 1 of namespaces of its own."""

import os
import select
import shutil
import signal
import socket
import subprocess
import time

from .inits import INITS, OURS, PATIENCE, SERVER, die, put

# Makes a root of its own from what is there, read-only: an init may clean folders that it takes for its own. The words
# are the folder of the bench, that of the inits, and the files of zinit-pid1 and of the server.
ENTER = """
set -e
box=$1 inits=$2 pid1=$3 server=$4
shift 4
cd "$box/root"
mount -t tmpfs -o mode=755 root .
cd "$box/root"
mkdir dev etc proc run sys tmp usr var inits none
for name in bin lib lib64 sbin; do ln -s usr/$name $name; done
mount -t overlay -o "lowerdir=$inits/usr:/usr" usr usr
mount -t overlay -o "lowerdir=$inits:$PWD/none" inits inits
for name in null zero; do touch dev/$name; mount --bind /dev/$name dev/$name; done
touch zinit-pid1 server
mount --bind "$pid1" zinit-pid1
mount --bind "$server" server
cp -r "$box/etc" .
mount -t proc proc proc
mount -t tmpfs -o mode=755 run run
mkdir run/bench
mount --bind "$box/bench" run/bench
exec chroot . /server launch "$@"
"""


class Container:
    """An init as PID 1 of namespaces of its own, with the server."""

    # None of these may be left behind.
    started = []

    def __init__(self, init, folder):
        self.init = init
        self.box = folder
        shutil.rmtree(folder, ignore_errors=True)
        for name in "root", "etc", "bench/services":
            os.makedirs(f"{folder}/{name}")
        put(init.files("/server"), lambda name: f"{folder}/{name}" if name.startswith("etc/") else f"{folder}/bench/{name}")
        # runsvdir waits for the next second if its folder is as new as this one.
        os.utime(f"{folder}/bench/services", (0, 0))
        with open(f"{folder}/out", "wb") as out:
            # In a session of its own: some inits signal the group.
            self.unshare = subprocess.Popen(
                ["unshare", "-U", "-r", "-p", "-m", "-f", "--mount-proc", "--kill-child=KILL", "--", "sh", "-c", ENTER, "sh",
                 folder, INITS, OURS, SERVER, *init.command],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
                env={"PATH": os.environ["PATH"], "ZINIT_SERVER": "/server", "HOME": "/", "TERM": "dumb"})
        self.started.append(self.unshare)
        self.wait_for("the server", lambda: "ready" in self.log())
        self.pid1 = children(self.unshare.pid)[0]

    def log(self):
        """The instants that the server has written down, ns."""
        try:
            with open(f"{self.box}/bench/log", encoding="ascii") as file:
                text = file.read()
        except FileNotFoundError:
            return {}
        return {words[0]: int(words[1]) for line in text.splitlines(True) if line.endswith("\n") for words in [line.split()]}

    def wait_for(self, what, condition):
        begin = time.monotonic()
        while not condition():
            if self.unshare.poll() is not None or time.monotonic() - begin > PATIENCE:
                with open(f"{self.box}/out", encoding="utf-8", errors="replace") as out:
                    said = out.read()
                self.kill()
                die(f"{self.init.name}: waited in vain for {what}\n{said}")
            time.sleep(0.001)

    def start_time(self):
        log = self.log()
        return log["started"] - log["launched"]

    def processes(self):
        """All processes but the server."""
        found, left = [], [self.pid1]
        while left:
            pid = left.pop()
            if not os.path.samefile(f"/proc/{pid}/exe", SERVER):
                found.append(pid)
            left += children(pid)
        return found

    def stop(self):
        """Sends TERM; the time to the end, ns, and whether the server could end by itself."""
        file = os.pidfd_open(self.pid1)
        begin = time.monotonic_ns()
        os.kill(self.pid1, signal.SIGTERM)
        ready, _, _ = select.select([file], [], [], PATIENCE)
        taken = time.monotonic_ns() - begin
        os.close(file)
        if not ready:
            self.kill()
            die(f"{self.init.name} does not end")
        self.unshare.wait()
        return taken, "left" in self.log()

    def orphans(self, count):
        """CPU time of PID 1 for each of so many orphans, ns, and how many it reaps in a second.

        They come in batches, since the kernel has no more pids than 32,768.
        """
        before = children(self.pid1)
        left, cpu, passed = count, 0, 0
        while left:
            control, made = self.new_orphans(min(left, BATCH))
            left -= made
            cpu -= cpu_time(self.pid1)
            passed -= time.monotonic_ns()
            begin = time.monotonic()
            control.close()
            while some_children(self.pid1) != before:
                if time.monotonic() - begin > PATIENCE:
                    self.kill()
                    die(f"{self.init.name} does not reap {made} orphans")
                # This look costs PID 1 something: it is a fiftieth of the time at most.
                time.sleep(max(0.0002, (time.monotonic() - begin) / 50))
            passed += time.monotonic_ns()
            self.is_quiet()
            cpu += cpu_time(self.pid1)
        return cpu / count, count * 1e9 / passed

    def ended_orphans(self):
        """CPU time of PID 1 for each of ENDED orphans that have all exited before it is continued, ns."""
        before = children(self.pid1)
        control, made = self.new_orphans(ENDED)
        os.kill(self.pid1, signal.SIGSTOP)
        control.close()
        self.wait_for("zombies", lambda: zombies(self.pid1) == made)
        cpu = cpu_time(self.pid1)
        os.kill(self.pid1, signal.SIGCONT)
        self.wait_for("no zombie", lambda: some_children(self.pid1) == before)
        self.is_quiet()
        return (cpu_time(self.pid1) - cpu) / made

    def new_orphans(self, count):
        """Has the server make orphans, and returns what they wait for to be closed, and how many there are."""
        while True:
            control = socket.socket(socket.AF_UNIX)
            control.connect(f"{self.box}/bench/control")
            control.sendall(f"{count}\n".encode())
            made = int(control.makefile().readline())
            if made:
                self.is_quiet()
                return control, made
            # Somebody else has all pids.
            control.close()
            time.sleep(0.1)

    def is_quiet(self):
        """Waits until PID 1 sleeps."""
        def sleeps():
            before = cpu_time(self.pid1)
            time.sleep(0.002)
            with open(f"/proc/{self.pid1}/stat", encoding="ascii", errors="replace") as file:
                return file.read().rpartition(") ")[2][0] == "S" and cpu_time(self.pid1) == before
        self.wait_for("sleep", sleeps)

    def kill(self):
        """Kills all its processes; unshare is told to let its child die with it."""
        self.unshare.kill()
        self.unshare.wait()


# How many orphans exit at once.
BATCH = 20_000
# How many orphans PID 1 finds at once.
ENDED = 5_000


def some_children(pid):
    """The first children of a process, and perhaps not all."""
    with open(f"/proc/{pid}/task/{pid}/children", "rb", buffering=0) as file:
        return [int(word) for word in file.read(256).split()]


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(word) for word in file.read().split()]


def cpu_time(pid):
    """The time on a processor, ns."""
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:
        return int(file.read().split()[0])


def zombies(pid):
    """The number of children that have exited and were not reaped."""
    def state(child):
        with open(f"/proc/{child}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(") ")[2][0]
    return [state(child) for child in children(pid)].count("Z")


def field(path, key):
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith(f"{key}:"):
                return int(line.split()[1])
    die(f"{path} has no {key}")


def at_idle(containers, seconds):
    """Memory and wake-ups of all at the same time: only what an init runs by itself can wake it."""
    time.sleep(2)

    def switches(container):
        return sum(field(f"/proc/{pid}/status", f"{kind}voluntary_ctxt_switches")
                   for pid in container.processes() for kind in ("", "non"))
    before = [switches(container) for container in containers]
    time.sleep(seconds)
    for container, count in zip(containers, before):
        pids = container.processes()

        def memory(key):
            return sum(field(f"/proc/{pid}/smaps_rollup", key) for pid in pids)
        yield container.init, {
            "wakeups": (switches(container) - count) * 10 / seconds, "processes": len(pids),
            "resident": memory("Rss"), "proportional": memory("Pss"), "anonymous": memory("Anonymous")}
