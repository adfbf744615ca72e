#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""
compile_commands.py MODULE:KDIR...: prints how each source file is compiled, as
clangd wants to know it. MODULE is a twq.ko that build.sh has built for KDIR from a copy
of the sources, beside which kbuild has left the commands; what make would run
tells of the tools. A file that several have compiled counts for the first.
"""
import json
import pathlib
import re
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
KBUILD = re.compile(r"^(?:saved)?cmd_\S+\.o := (.*?\.c) *(?:;.*)?$", re.M)
TOOL = re.compile(r"^\S*gcc .* -c -o \S+ (\S+\.c)$", re.M)


def entry(file, directory, command):
    """A file's command as the format has it."""
    return {"file": str(file), "directory": str(directory),
            "command": command}


def module(path, kernel):
    """
    The files of a module; its copy of the sources stands for the tree. kbuild
    works in the kernel's folder; from 6.13 on, in the module's.
    """
    copy = path.parent
    for cmd in sorted(copy.glob("[mk]*/.*.o.cmd")):
        text = cmd.read_text()
        command = KBUILD.search(text)
        file = f"{cmd.parent.name}/{cmd.name[1:-len('.o.cmd')]}.c"
        if command and (TOP / file).exists():
            here = TOP if f":= {file}\n" in text else kernel
            yield entry(TOP / file, here,
                        command[1].replace(f"{copy}/", f"{TOP}/"))


def tools():
    """The files of the tools, if all were to be made anew."""
    out = subprocess.run(
        ["make", "-nB", "-C", TOP / "tools", "all", "fuzz", "ubench"],
        check=True, text=True, stdout=subprocess.PIPE).stdout
    for match in TOOL.finditer(out):
        yield entry(match[1], TOP / "tools", match[0])


def main():
    entries = {}
    for pair in sys.argv[1:]:
        path, kernel = pair.split(":")
        for each in module(pathlib.Path(path).resolve(), kernel):
            entries.setdefault(each["file"], each)
    for each in tools():
        entries.setdefault(each["file"], each)
    json.dump(list(entries.values()), sys.stdout, indent=1)


if __name__ == "__main__":
    main()
