"""An init as PID 1 of an emulated machine that counts instructions."""

import json
import os
import re
import select
import shlex
import socket
import subprocess
import time

from .inits import CTL, GUEST, INITS, KERNEL, MOUNT_COUNTS, MOUNTS, OURS, PATIENCE, ROOT, die, libraries, link, put

APPLETS = ("sh", "mount", "umount", "mkdir", "mknod", "touch", "cp", "echo", "sleep", "kill")
QEMU = ("qemu-system-x86_64", "-accel", "tcg", "-m", "512",
        # Without RDRAND, which processors have had since 2012, a kernel that has just started makes random bytes by a hash:
        # 75,000 instructions of each exec.
        "-cpu", "qemu64,+rdrand", "-display", "none", "-net", "none", "-no-reboot",
        # A nanosecond is an instruction, on any computer and under any load; who sleeps does not wait.
        "-icount", "shift=0,sleep=off", "-rtc", "clock=vm",
        "-append", "console=ttyS0 panic=-1 loglevel=1 no_timer_check nokaslr", "-kernel", KERNEL)
# The first process asks what it is to become: all machines begin as copies of one that waits here, because its kernel
# needs a hundred times as long to start as an init.
ASKING = """#!/bin/sh
mkdir -p /dev
mknod /dev/kmsg c 1 11
mknod /dev/console c 5 1
echo bench: ready >/dev/console
read scenario </dev/console
. /scenarios/$scenario
"""
BEGIN = "echo guest: begin >/dev/kmsg\n"
STARTED = r"guest: started after (\d+) us"


def scenarios(init, mode):
    """Shell commands that the first process of a machine executes, by the name of the row, with files in `/files`."""
    def copied(row, files, commands):
        folder = f"{init.name}-{row}"
        copy = "".join(f"mkdir -p /{os.path.dirname(name)}; cp -a /files/{folder}/{name} /{name}\n" for name in files)
        if "services" in copy:
            copy += "touch -d 2020-01-01 /services\n"
        return folder, {f"scenarios/{folder}": copy + commands, **{f"files/{folder}/{name}": files[name] for name in files}}
    inside = {"/server": "/sbin/zinit-server", "/zinit-pid1": "/sbin/zinit-pid1", "/run/bench/services": "/services"}
    command = shlex.join(inside.get(word, word.removeprefix("/inits")) for word in init.command)
    mounts = "".join(f"mkdir -p {point}; mount -t {kind} -o {options} {kind} {point}\n" for kind, point, options in MOUNTS)
    yield copied("mounted", init.files("/sbin/zinit-server"), f"{mounts}{BEGIN}exec {command}\n")
    if init.mounts is None:
        return
    yield copied("mounting", init.mounts, f"{BEGIN}exec {command}\n")
    for count in MOUNT_COUNTS[:mode.mounts]:
        server = f"""#!/bin/sh
mkdir -p /mnt/all /mnt/bound
guest mounts {count} /mnt/all /mnt/bound
echo "<0>bench: end" >/dev/kmsg
kill -{init.poweroff} 1
exec sleep 1000
"""
        yield copied(f"mounts{count}", init.mounts | {"sbin/zinit-server": server}, f"exec {command}\n")


class Machines:
    """Copies of one machine."""

    def __init__(self, inits, mode, folder):
        self.folder = folder
        self.copies = 0
        files = {f"bin/{name}": link("busybox") for name in APPLETS} | {"init": ASKING}
        for init in inits:
            for _, more in scenarios(init, mode):
                files |= more
        put(files, lambda name: f"{folder}/tree/{name}")
        pairs = [(f"{folder}/tree", "/"), (GUEST, "/bin/guest"), (GUEST, "/sbin/zinit-server"),
                 (f"{INITS}/bin/busybox", "/bin/busybox")]
        programs = {program for init in inits for program in init.programs if program.startswith(INITS)}
        needed = {library for program in programs for library in libraries(program)}
        pairs += [(file, file.removeprefix(INITS)) for file in sorted(programs | needed) if file != f"{INITS}/bin/busybox"]
        command = [f"{ROOT}/scripts/image", "initramfs", f"{folder}/initramfs", "--bare", "--compress", "none",
                   "--init", OURS, "--tool", CTL]
        for source, target in pairs:
            command += ["--add", f"{os.path.realpath(source)}:{target}"]
        packed = subprocess.run(command, capture_output=True, text=True, check=False)
        if packed.returncode:
            die(packed.stderr)
        # Becomes the state of all copies, once it waits.
        self.run("", "bench: ready", self.save)

    def save(self):
        ask = self.monitor()
        ask({"execute": "migrate", "arguments": {"uri": f"exec:cat >{shlex.quote(self.folder)}/state"}})
        while (status := ask({"execute": "query-migrate"})["status"]) != "completed":
            if status in ("failed", "cancelled"):
                die("QEMU cannot save its machine")
            time.sleep(0.05)

    def monitor(self):
        """A function that asks QEMU, which may be about to start."""
        monitor, begin = socket.socket(socket.AF_UNIX), time.monotonic()
        while monitor.connect_ex(f"{self.folder}/monitor"):
            if time.monotonic() - begin > PATIENCE:
                die("QEMU does not start")
            time.sleep(0.01)
        lines = monitor.makefile("rw", encoding="utf-8")

        def ask(request):
            lines.write(json.dumps(request) + "\n")
            lines.flush()
            for line in lines:
                answer = json.loads(line)
                if "return" in answer:
                    return answer["return"]
                if "error" in answer:
                    break
            die(f"QEMU does not do {request}")
        ask({"execute": "qmp_capabilities"})
        return ask

    def measure(self, init, row):
        """The result of a row of the table: ns of the machine's clock, each of which is an instruction."""
        if row.startswith("mounts"):
            pattern = r"\[ *([\d.]+)\] bench: end\r?\n.*\[ *([\d.]+)\] reboot: Power down"
            begin, end = self.run(f"{init.name}-{row}", pattern)
            return (end - begin) * 1e9
        return self.run(f"{init.name}-{row}", STARTED)[0] * 1e3

    def run(self, scenario, pattern, then=None):
        """Runs a copy, and returns the numbers in the first text that fits."""
        monitor = f"{self.folder}/monitor"
        if os.path.exists(monitor):
            os.remove(monitor)
        command = [*QEMU, "-initrd", f"{self.folder}/initramfs", "-serial", "stdio", "-qmp", f"unix:{monitor},server,nowait"]
        if scenario:
            command += ["-incoming", f"exec:cat {shlex.quote(self.folder)}/state"]
        machine = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        text, deadline = "", time.monotonic() + PATIENCE
        if scenario:
            ask = self.monitor()
            # What is typed earlier is lost.
            while ask({"execute": "query-status"})["status"] != "running":
                time.sleep(0.01)
            machine.stdin.write(f"{scenario}\n".encode())
            machine.stdin.flush()
        try:
            while time.monotonic() < deadline:
                if not select.select([machine.stdout], [], [], 1)[0]:
                    continue
                more = os.read(machine.stdout.fileno(), 65536)
                text += more.decode(errors="replace")
                found = re.search(pattern, text, re.DOTALL)
                if found:
                    if then:
                        then()
                    return [float(number) for number in found.groups()]
                if not more:
                    break
        finally:
            machine.kill()
            machine.wait()
        die(f"{scenario}: the machine does not come to {pattern}\n{text[-2000:]}")
