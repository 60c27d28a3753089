"""What is compared: the inits, and the rows of the tables."""

import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
INITS = f"{ROOT}/target/inits"
OURS = f"{ROOT}/target/release/zinit-pid1"
SERVER = f"{ROOT}/target/release/examples/bench"
CTL = f"{ROOT}/target/release/zinit-pid1ctl"
GUEST = f"{ROOT}/target/release/examples/guest"
KERNEL = f"{ROOT}/target/vm/kernels/x86_64/vmlinuz"
# What something may take that is not measured, s.
PATIENCE = 180


# The steps that show growth.
ORPHAN_COUNTS = (1_000, 20_000, 100_000)
MOUNT_COUNTS = (50, 500, 2_000, 8_000)


def die(text):
    sys.exit(f"bench: {text}")


class Init:
    """An init, and how it is made to run the server.

    `programs` are the files that it consists of, the first one being PID 1. `files` are written to `/etc` or to the
    folder of services, and may be links to the server. In a container the server is `/server`, in a machine
    `/sbin/zinit-server`.
    """

    def __init__(self, name, programs, command, remarks, files=None, mounts=None, poweroff="TERM"):
        self.name = name
        self.programs = programs
        self.command = command
        self.remarks = remarks
        self.files = files or (lambda server: {})
        # Its files, if it makes the first mounts of a machine and undoes all at the end.
        self.mounts = mounts
        # The signal that asks for a power off.
        self.poweroff = poweroff


def link(target):
    """The content of a file that is a link."""
    return ("link", target)


# The first mounts of zinit-pid1, which an init without them is given.
MOUNTS = (
    ("proc", "/proc", "nosuid,nodev,noexec"),
    ("sysfs", "/sys", "nosuid,nodev,noexec"),
    ("devtmpfs", "/dev", "nosuid,mode=755"),
    ("tmpfs", "/run", "nosuid,nodev,mode=755"),
    ("tmpfs", "/tmp", "nosuid,nodev"),
    ("devpts", "/dev/pts", "nosuid,noexec,gid=5,mode=620"),
    ("tmpfs", "/dev/shm", "nosuid,nodev"),
    ("cgroup2", "/sys/fs/cgroup", "nosuid,nodev,noexec"),
)
MOUNTING = "".join(
    f"::sysinit:/bin/mkdir -p {point}\n::sysinit:/bin/mount -t {kind} -o {options} {kind} {point}\n"
    for kind, point, options in MOUNTS)
ENDS_WITH_SERVER = "runs one program and ends with it: no restart of the server, no first mounts, no end of a machine"
SUPERVISES = "first mounts and the end of a machine are left to scripts"

ALL = (
    Init("zinit-pid1", [OURS], ["/zinit-pid1"], "updates, status and commands need `zinit-pid1ctl` beside it, which is not counted",
         mounts={}),
    Init("tini", [f"{INITS}/usr/bin/tini"], ["/usr/bin/tini", "--", "/server"], ENDS_WITH_SERVER),
    Init("tini-static", [f"{INITS}/usr/bin/tini-static"], ["/usr/bin/tini-static", "--", "/server"], ENDS_WITH_SERVER),
    Init("dumb-init", [f"{INITS}/usr/bin/dumb-init"], ["/usr/bin/dumb-init", "--", "/server"], ENDS_WITH_SERVER),
    Init("catatonit", [f"{INITS}/usr/bin/catatonit"], ["/usr/bin/catatonit", "--", "/server"], ENDS_WITH_SERVER),
    Init("runsvdir", [f"{INITS}/usr/bin/runsvdir", f"{INITS}/usr/bin/runsv"],
         ["/usr/bin/runsvdir", "-P", "/run/bench/services"],
         f"exits at TERM without a word to the server, which the kernel then kills; {SUPERVISES}",
         lambda server: {"services/server/run": link(server)}),
    Init("s6-svscan", [f"{INITS}/usr/bin/s6-svscan", f"{INITS}/usr/bin/s6-supervise"],
         ["/usr/bin/s6-svscan", "/run/bench/services"], SUPERVISES,
         lambda server: {"services/server/run": link(server)}),
    Init("busybox", [f"{INITS}/bin/busybox"], ["/inits/bin/busybox", "init"],
         "waits a second after TERM and after KILL, whether or not a process is left; no deadlines",
         lambda server: {"etc/inittab": f"::respawn:{server}\n"},
         mounts={"etc/inittab": f"{MOUNTING}::respawn:/sbin/zinit-server\n::shutdown:/bin/umount -a -r\n"},
         poweroff="USR2"),
    Init("finit", [f"{INITS}/sbin/finit"], ["/inits/sbin/finit"], "waits a second after TERM; its first mounts, those of `/etc/fstab`, were not measured",
         lambda server: {"etc/finit.conf": f"service [S12345789] {server} -- server\n"}),
)


class Row:
    """Something that is measured. `digits` are those that are shown; `lower` is true if less is better."""

    def __init__(self, key, title, unit, scale=1, digits=0, lower=True):
        self.key = key
        self.title = title
        self.unit = unit
        self.scale = scale
        self.digits = digits
        self.lower = lower


def rows(mode):
    """The tables, and in each its rows."""
    orphans, mounts = ORPHAN_COUNTS[:mode.orphans], MOUNT_COUNTS[:mode.mounts]
    return {
        "Files and memory": [
            Row("file", "file of PID 1", "bytes"),
            Row("files", "file with the programs that it needs", "bytes"),
            Row("libraries", "dynamic libraries", "bytes"),
            Row("resident", "resident", "kB"),
            Row("proportional", "proportional", "kB"),
            Row("anonymous", "anonymous", "kB"),
            Row("processes", "processes without the server", ""),
            Row("wakeups", "wake-ups in 10 s", ""),
        ],
        "Start, stop and orphans": [
            Row("start", "start to the server's exec", "ms", 1e6, 2),
            Row("stop", "TERM to exit", "ms", 1e6, 2),
            Row("ended", "CPU time for one of 5,000 orphans, reaped when all have exited", "µs", 1e3, 2),
        ] + [Row(f"cpu{count}", f"CPU time for one of {count:,} orphans", "µs", 1e3, 2) for count in orphans]
          + [Row(f"rate{count}", f"orphans in a second, of {count:,}", "", 1, 0, False) for count in orphans],
        "A machine, counted in instructions": [
            Row("mounted", "exec of PID 1 to the server's, all mounted", "million instructions", 1e6, 2),
            Row("mounting", "exec of PID 1 to the server's, with 8 mounts", "million instructions", 1e6, 2),
        ] + [Row(f"mounts{count}", f"request to power off, {count:,} mounts", "s", 1e9, 3) for count in mounts],
    }


class Mode:
    """How much is measured; the shorter one is for a test."""

    def __init__(self, short):
        self.name = "short" if short else "full"
        self.rounds = 1 if short else 9
        # Starts and stops of each init in a round.
        self.starts = 1 if short else 3
        # Length of the idle time, s.
        self.idle = 2 if short else 10
        # How many of the steps that show growth.
        self.orphans, self.mounts = (1, 1) if short else (3, 4)


def put(files, path):
    for name, content in files.items():
        os.makedirs(os.path.dirname(path(name)), exist_ok=True)
        if isinstance(content, tuple):
            os.symlink(content[1], path(name))
        else:
            with open(path(name), "w", encoding="utf-8") as file:
                file.write(content)
            if content.startswith("#!"):
                os.chmod(path(name), 0o755)


def libraries(program):
    """The files of the dynamic libraries that a program needs, with the loader."""
    environment = dict(os.environ, LD_LIBRARY_PATH=":".join(
        f"{INITS}/{folder}" for folder in ("usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu")))
    said = subprocess.run(["ldd", program], capture_output=True, text=True, env=environment, check=False).stdout
    return sorted(set(re.findall(r"(/\S+) \(0x", said)))


def sizes(init):
    needed = {os.path.realpath(file) for program in init.programs for file in libraries(program)}
    return {"file": os.path.getsize(init.programs[0]), "files": sum(map(os.path.getsize, init.programs)),
            "libraries": sum(map(os.path.getsize, needed))}


def versions():
    """The upstream versions of the packages, by the names of the inits."""
    found = {"zinit-pid1": re.search(r'^version = "(.*)"', open(f"{ROOT}/Cargo.toml", encoding="utf-8").read(), re.M)[1]}
    packages = {"runit": ["runsvdir"], "s6": ["s6-svscan"], "busybox-static": ["busybox"], "tini": ["tini", "tini-static"]}
    with open(f"{INITS}/versions", encoding="ascii") as file:
        for line in file:
            package, version = line.split()
            for name in packages.get(package, [package]):
                found[name] = re.sub(r"^\d+:|-[^-]*$", "", version)
    return found
