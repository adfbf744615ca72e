# SPDX-License-Identifier: GPL-2.0
"""
A virtual machine for the documents: commands, the programs of porting.md and
twqctl --json, each a shell script of its own, with what it printed and its
status. The module is loaded before each.
"""
import os
import pathlib
import re
import shutil
import subprocess

from documents import TOP

BUILD = TOP / "build/doc"
KERNEL = os.environ.get("KERNEL", "stock-6.1")
VM = TOP / "tools/vm"
FLAGS = ("-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-pthread",
         "-static")

# Each of the scripts, between two lines of our own.
RUN = """cd /twq/guest
PATH=/twq:$PATH
mkdir -p /doc/build/tools /doc/build/RELEASE
ln -s /twq/twqctl /doc/build/tools
ln -s /twq/twq.ko /doc/build/RELEASE
for script in *.sh; do
	name=${script%.sh}
	cp -r $name.files/. /doc 2>/dev/null
	[ -e /dev/twq ] || insmod /twq/twq.ko
	! grep -q insmod.*build/ $script || rmmod twq
	echo "doc: begin $name"
	(cd /doc && timeout 120 sh -e /twq/guest/$script 2>/tmp/err)
	status=$?
	sed 's/^/doc: err /' /tmp/err
	echo
	echo "doc: end $name $status"
done
rmmod twq
"""

# A script with every command, and with lines that fail.
SCRIPT = """create a cpus=0 shared
create b interval=20ms
queue a +10ms
events 1
query a
query b
schedule a +1s
affinity a 0
cancel a
cancel a
queue a never
wakeup b io,msg
queue b now
events 3 within 5s
events
on 0 query a
queue a 5
queue nobody now
wakeup a timer
affinity a 1023
events 9 within 10ms
frob
destroy b
sleep 1ms
stats
"""


class Failure(Exception):
    """What a check has found."""


def run(*command, cwd=None, env=None, seconds=900):
    """Runs a command, which has to succeed; all that it printed."""
    done = subprocess.run([str(word) for word in command], cwd=cwd, text=True,
                          stdin=subprocess.DEVNULL, check=False,
                          timeout=seconds, env={**os.environ, **(env or {})},
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise Failure(f"{' '.join(str(w) for w in command)}: status "
                      f"{done.returncode}\n{done.stdout[-4000:]}")
    return done.stdout


def output_of(*command):
    """What a command prints on standard output."""
    done = subprocess.run([str(word) for word in command], text=True,
                          check=False, cwd=TOP, stdout=subprocess.PIPE)
    if done.returncode:
        raise Failure(f"{command}: status {done.returncode}")
    return done.stdout


class Guest:
    """The machine: scripts are added, it is booted once, then asked."""

    # What is run for --json, by the name of the schema and more: status, words.
    JSON = {
        "info": (0, "info"),
        "stats": (0, "stats"),
        "stats-watch": (143, "stats --watch=1"),
        "checks": (0, "checks --duration=1s --checks=10 --silence=20s"),
        "checks-hotplug": (0, "checks --duration=2s --checks=10 "
                              "--silence=20s --hotplug"),
        "checks-broken": (1, "checks --duration=1s --checks=10 --rate=0 "
                             "--silence=1ms"),
        "storm": (0, "storm --seed=1 --duration=1s"),
        "storm-hotplug": (0, "storm --seed=2 --duration=2s --hotplug"),
        "top": (0, "top --count=2"),
        "trace": (0, "trace --output=/tmp/trace --duration=500ms"),
        "run": (1, "run -k script.twq"),
    }

    def __init__(self):
        self.folder = BUILD / "guest"
        self.results = {}
        self.files = []
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.module = output_of(VM / "build.sh", KERNEL).strip()
        self.release = os.path.basename(os.path.dirname(self.module))
        self.kernel = output_of(VM / "kernel.sh", KERNEL).strip()
        self.tools = TOP / "build/tools"
        run("make", "-s", "-C", TOP / "tools", f"O={self.tools}", "lib",
            "twqctl")

    def add(self, name, command, files=()):
        """A command, to be run among files."""
        text = command.replace("$RELEASE", self.release)
        (self.folder / f"{name}.sh").write_text(text + "\n")
        for path, content in files:
            (self.folder / f"{name}.files").mkdir(exist_ok=True)
            (self.folder / f"{name}.files" / path).write_text(content)

    def add_json(self):
        """All that twqctl has to say in JSON."""
        for name, (_, words) in self.JSON.items():
            command = f"twqctl {words} --json"
            if "--watch" in words:
                command = f"timeout 3 {command}"
            self.add(f"json-{name}", command, [("script.twq", SCRIPT)])

    def add_programs(self, programs):
        """Programs, and modules, which include <linux/module.h>."""
        modules = {}
        for name, text in programs.items():
            if "<linux/module.h>" in text:
                modules[name] = text
                self.add(name, f"insmod /twq/guest/{name}.ko\n"
                         f"rmmod {name}\ndmesg | sed -n 's/.*port: //p' | "
                         "tail -n 1")
                continue
            source = self.folder / f"{name}.c"
            source.write_text(text)
            run("gcc", *FLAGS, f"-I{TOP}/tools/lib", f"-I{TOP}/include/uapi",
                "-o", self.folder / name, source, self.tools / "libtwq.a")
            self.add(name, f"/twq/guest/{name}")
        self.add_modules(modules)

    def add_modules(self, modules):
        """Built beside twq.ko, whose symbols they take."""
        folder = BUILD / "modules"
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in modules.items():
            (folder / f"{name}.c").write_text(text)
        (folder / "Kbuild").write_text(
            "".join(f"obj-m += {name}.o\n" for name in modules) +
            f"ccflags-y += -I{TOP}/include -Werror\n")
        if modules:
            arch = (pathlib.Path(self.kernel) / "arch").read_text().strip()
            run("make", "-s", "-C", f"{self.kernel}/build", f"M={folder}",
                f"ARCH={arch}", "W=1", "CONFIG_DEBUG_INFO_BTF_MODULES=",
                f"KBUILD_EXTRA_SYMBOLS={os.path.dirname(self.module)}/"
                "Module.symvers", "modules")
        for name in modules:
            shutil.copy(folder / f"{name}.ko", self.folder)

    def boot(self):
        """Runs all that was added; the kernel must have no complaint."""
        try:
            run(VM / "run.sh", "-k", KERNEL, "-c", 4, "-t", 600, "-o",
                BUILD / "machine", "-f", self.module, "-f",
                self.tools / "twqctl", "-f", self.folder,
                RUN.replace("RELEASE", self.release))
        finally:
            text = (BUILD / "machine/output").read_text(errors="replace")
            for name, body, status in re.findall(
                    r"^doc: begin (\S+)\n(.*?)\ndoc: end \1 (\d+)$",
                    text.replace("\r", ""), re.M | re.S):
                self.results[name] = (int(status), body)

    def result(self, name, status=0):
        """What a script printed on standard output; its status has to be so."""
        if name not in self.results:
            raise Failure(f"{name} was not run")
        was, body = self.results[name]
        if was != status:
            raise Failure(f"{name}: status {was} instead of {status}\n{body}")
        return "".join(line + "\n" for line in body.splitlines()
                       if line and not line.startswith("doc: err "))
