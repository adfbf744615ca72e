#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""
intree.py SOURCE: prints the patch that puts twq into the kernel tree SOURCE (6.12
or newer), as for 'git am': kernel/time/twq with Kconfig, Makefile, the suites and
.kunitconfig, the headers, Documentation/timers/twq.rst, a selftest and an entry in
MAINTAINERS. SOURCE is only read. What the tree has not is taken out: the origin's
rule that tools/vm/race.sh shows, a version of the module's own, other versions of
the kernel; a rest of that is an error.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HERE = os.path.join(TOP, "tools/intree")
HOME = "kernel/time/twq"
SELFTEST = "tools/testing/selftests/twq"
# Tests of the calls as they are, which need no library and nothing installed.
TESTS = ["calls", "deadlines", "errors", "events", "intervals", "owner", "slots",
         "submit"]
TITLE = "TIMER WAIT QUEUES (TWQ)"
# Remains of what a kernel's tree has not.
FOREIGN = re.compile(r"\b(LINUX_VERSION_CODE|KERNEL_VERSION|TWQ_RACE|TWQ_VERSION)\b|"
                     r"linux/version\.h|\btools/(?!testing)\w+/")
# Comments that say what is so outside of it: file, from, to.
COMMENTS = (
    ("race.h", r"\n \*\n \* With TWQ_RACE,.*?(?=\n \*/)", ""),
    ("compat.h", r"Differences between kernel versions, .*",
     "What guards a CPU's own trees, and what else the version decides."),
    ("", r"\n \* tools/model/.*?(?=\n \*/)", ""),
)
MESSAGE = """\
From: {maintainer}
Subject: [PATCH] timers: add per-CPU timer wait queues

Deadlines of servers are moved later time and again and nearly never come.
Each CPU owns a tree of deadlines that it touches without a lock; tasks
that other CPUs move live in a shared tree. The trees hold lower bounds,
so that a deadline is moved later by a store: in the kernel by
twq_task_extend(), in user space in a page that /dev/twq maps.

Signed-off-by: {maintainer}
---
"""


def die(text):
    sys.exit(f"intree.py: {text}")


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


class Tree:
    """The touched files of SOURCE as they are (a/) and as they will be (b/)."""

    def __init__(self, source, scratch):
        self.source, self.scratch = source, scratch
        for side in "ab":
            os.mkdir(os.path.join(scratch, side))

    def add(self, path, text):
        if os.path.lexists(os.path.join(self.source, path)):
            die(f"{path} is there already: has this tree twq?")
        write(os.path.join(self.scratch, "b", path), text)

    def edit(self, path, change):
        """CHANGE is given the text and returns the new one."""
        old = os.path.join(self.source, path)
        if not os.path.isfile(old):
            die(f"{self.source} has no {path}: not a kernel's source tree")
        text = read(old)
        write(os.path.join(self.scratch, "a", path), text)
        write(os.path.join(self.scratch, "b", path), change(path, text))

    def diff(self):
        done = subprocess.run(["git", "diff", "--no-index", "--no-prefix",
                               "--no-renames", "--stat", "--patch", "a", "b"],
                              cwd=self.scratch, capture_output=True, text=True,
                              check=False)
        if done.returncode != 1:
            die(f"git diff: {done.stderr}")
        return done.stdout


def before(pattern, line):
    """A change that puts LINE before the first match of PATTERN."""
    def change(path, text):
        found = re.search(pattern, text, re.M)
        if not found:
            die(f"{path}: no place found for {line.split()[0]}")
        return text[:found.start()] + line + text[found.start():]
    return change


def after(pattern, line):
    def change(path, text):
        found = re.search(pattern + r".*\n", text, re.M)
        if not found:
            die(f"{path}: no place found for {line.split()[0]}")
        return text[:found.end()] + line + text[found.end():]
    return change


def at_end(line):
    return lambda path, text: text.rstrip("\n") + "\n" + line


def version_code(major, minor, patch):
    return (int(major) << 16) + (int(minor) << 8) + min(int(patch), 255)


def version_of(source):
    """The version of a kernel's tree, as LINUX_VERSION_CODE has it."""
    text = read(os.path.join(source, "Makefile"))
    return version_code(*(re.search(rf"^{name} = (\d+)$", text, re.M)[1]
                          for name in ("VERSION", "PATCHLEVEL", "SUBLEVEL")))


def stripped(path, version):
    """A source file without what is not for a kernel's tree of that version."""
    text = re.sub(r"\bKERNEL_VERSION\((\d+), (\d+), (\d+)\)",
                  lambda found: str(version_code(*found.groups())), read(path))
    done = subprocess.run(["unifdef", "-UTWQ_RACE", "-UTWQ_VERSION",
                           f"-DLINUX_VERSION_CODE={version}"],
                          input=text, capture_output=True, text=True, check=False)
    if done.returncode > 1:
        die(f"unifdef: {done.stderr}")
    text = done.stdout.replace("#include <linux/version.h>\n", "")
    text = re.sub(r"\n{3,}", "\n\n", text)
    for name, old, new in COMMENTS:
        if name in ("", os.path.basename(path)):
            text, found = re.subn(old, new, text, flags=re.S if not new else 0)
            if name and not found:
                die(f"{path}: no {old}")
    found = FOREIGN.search(text)
    if found:
        die(f"{path}: {found[0]} is left")
    return text


def objects(folder):
    """What Kbuild links of a folder, but for what TWQ_KUNIT_FAIL adds."""
    text = re.sub(r"ifeq \(\$\(TWQ_KUNIT_FAIL.*?\nendif", "",
                  read(os.path.join(TOP, "Kbuild")), flags=re.S)
    return re.findall(rf"\b{folder}/(\w+)\.o", text)


def link(names, folder=""):
    lines, line = [], "twq-y +="
    for name in names:
        word = f" {folder}{name}.o"
        if len(line + word) > 78:
            lines.append(line)
            line = "twq-y +="
        line += word
    return "\n".join(lines + [line]) + "\n"


def makefile():
    return ("# SPDX-License-Identifier: GPL-2.0\n"
            "obj-$(CONFIG_TWQ) += twq.o\n\n" + link(objects("module")) +
            "\nccflags-y += -I$(src)\n\n"
            "ifdef CONFIG_TWQ_KUNIT_TEST\n"
            "ccflags-y += -DTWQ_KUNIT\n" + link(objects("kunit"), "tests/") +
            "endif\n")


def maintainers(maintainer):
    entry = (f"{TITLE}\nM:\t{maintainer}\nL:\tlinux-kernel@vger.kernel.org\n"
             "S:\tMaintained\nF:\tDocumentation/timers/twq.rst\n"
             "F:\tinclude/linux/twq.h\nF:\tinclude/trace/events/twq.h\n"
             f"F:\tinclude/uapi/linux/twq.h\nF:\t{HOME}/\nF:\t{SELFTEST}/\n\n")

    def change(path, text):
        start = text.index("Maintainers List\n")
        for found in re.finditer(r"\n\n([A-Z0-9].*)\n[MLSRBWQTCPFXNK]:", text[start:]):
            if found.group(1) > TITLE and found.group(1) > "3WARE":
                place = start + found.start(1)
                return text[:place] + entry + text[place:]
        die(f"{path}: no place found")
    return change


def sources(tree):
    version = version_of(tree.source)
    for name in sorted(os.listdir(os.path.join(TOP, "module"))):
        tree.add(f"{HOME}/{name}", stripped(os.path.join(TOP, "module", name),
                                            version))
    wanted = set(objects("kunit"))
    for name in sorted(os.listdir(os.path.join(TOP, "kunit"))):
        base, extension = os.path.splitext(name)
        if extension == ".h" or extension == ".c" and base in wanted:
            tree.add(f"{HOME}/tests/{name}",
                     stripped(os.path.join(TOP, "kunit", name), version))
    for name in ("linux/twq.h", "trace/events/twq.h", "uapi/linux/twq.h"):
        tree.add(f"include/{name}", read(os.path.join(TOP, "include", name)))


def selftest(tree):
    """The tests, and the headers that they include, directly or not."""
    wanted = [f"test_{name}.c" for name in TESTS]
    for name in wanted:
        text = read(os.path.join(TOP, "tools/tests", name))
        tree.add(f"{SELFTEST}/{name}", text)
        for header in re.findall(r'^#include "(.*)"', text, re.M):
            if header not in wanted:
                wanted.append(header)
    programs = " \\\n\t".join(f"test_{name}" for name in TESTS)
    tree.add(f"{SELFTEST}/Makefile", read(os.path.join(HERE, "selftests.mk")) +
             f"\nTEST_GEN_PROGS := {programs}\n\ninclude ../lib.mk\n")
    tree.add(f"{SELFTEST}/config", "CONFIG_TWQ=m\n")
    tree.add(f"{SELFTEST}/.gitignore", "# SPDX-License-Identifier: GPL-2.0-only\n" +
             "".join(f"test_{name}\n" for name in TESTS))


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__.strip())
    maintainer = re.search(r"^Maintainer: (.*)", read(os.path.join(TOP, "debian/control")),
                           re.M).group(1)
    if not shutil.which("unifdef"):
        die("needs unifdef (tools/vm/deps.sh intree)")
    with tempfile.TemporaryDirectory() as scratch:
        tree = Tree(os.path.abspath(sys.argv[1]), scratch)
        tree.edit("kernel/time/Kconfig", at_end(f'\nsource "{HOME}/Kconfig"\n'))
        tree.edit("kernel/time/Makefile", at_end("obj-$(CONFIG_TWQ)\t\t\t\t+= twq/\n"))
        tree.edit("Documentation/timers/index.rst", after(r"^ +timekeeping$", "    twq\n"))
        tree.edit("tools/testing/selftests/Makefile",
                  before(r"^TARGETS \+= (ublk|uevent)$", "TARGETS += twq\n"))
        tree.edit("MAINTAINERS", maintainers(maintainer))
        tree.edit("Documentation/userspace-api/ioctl/ioctl-number.rst",
                  after(r"^0xB7 .*nsfs\.h",
                        "0xB7  00-0B  uapi/linux/twq.h".ljust(73) + "conflict!\n"))
        for name in ("Kconfig", "twq.rst"):
            where = {"twq.rst": "Documentation/timers/twq.rst"}.get(name, f"{HOME}/{name}")
            tree.add(where, read(os.path.join(HERE, name)))
        tree.add(f"{HOME}/.kunitconfig", read(os.path.join(HERE, "kunitconfig")))
        tree.add(f"{HOME}/Makefile", makefile())
        sources(tree)
        selftest(tree)
        sys.stdout.write(MESSAGE.format(maintainer=maintainer) + tree.diff())


main()
