#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""
check.py [--list | CASE...]: runs what the documents say. Every command in them
is run, here in a copy of the tree or in a virtual machine, or is run by a step
of tools/vm/check.sh; commands.toml says which, and why not where it can't be. It
names no others, and what it changes of a command is what the reader has to fill
in, times, and what stands around it. The programs of porting.md are compiled and
run, before and after have to print the same. What twqctl --json prints has to be
what the schema of its page allows. Links, figures, exit statuses and the version
have to be right. Ends with the counts. --list: the commands, and who runs them.
CASE: the cases whose names contain it.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import xml.etree.ElementTree

import jsonschema

import documents
from documents import TOP
from guest import BUILD, KERNEL, Failure, Guest, output_of, run

TABLE = tomllib.loads((TOP / "tools/doc/commands.toml").read_text())
TREE = BUILD / "tree"
PAGE = TOP / "tools/man/twqctl.8"
FIGURE_MAX = 30000
LISTS = ("steps", "sums", "host", "guest")
TIME = re.compile(r"\d+(ms|s)?")


def place_of(command):
    """(kind, name, status) of who runs a command, or nothing."""
    if command in TABLE["unrun"]:
        return "unrun", TABLE["unrun"][command], 0
    for name, commands in TABLE["scripts"].items():
        if command in commands:
            return "script", name, 0
    for kind in LISTS:
        for each in TABLE[kind]["commands"]:
            status, text = re.match(r"(?:(\d+): )?(.*)", each, re.S).groups()
            if text == command:
                return kind, kind, int(status or 0)
    return None


def listed():
    """All commands of the table."""
    found = [c for commands in TABLE["scripts"].values() for c in commands]
    found += TABLE["unrun"]
    return found + [re.sub(r"^\d+: ", "", c) for kind in LISTS
                    for c in TABLE[kind]["commands"]]


def as_run(command):
    """The command with what the document leaves to the reader."""
    text = command
    for gap, value in TABLE["gaps"].items():
        text = text.replace(gap, value)
    for time, other in TABLE["times"].get(command, []):
        text = text.replace(time, other)
    return TABLE["around"].get(command, "{}").replace("{}", text)


def version():
    """The version of the project."""
    return re.search(r'^PACKAGE_VERSION="(.*)"$',
                     (TOP / "dkms.conf").read_text(), re.M)[1]


def plain(command):
    """A line of a makefile or of a script as words that can be compared."""
    command = command.replace("\\\n", " ").replace("$VERSION", version())
    command = re.sub(r"\"?\$(?:VM|\{VM\})/", "tools/vm/", command)
    command = re.sub(r"\"?\$(?:TOP|\{TOP\})/", "", command)
    return " ".join(command.replace('"', " ").replace("''", " ").split())


def made_by(command):
    """What a 'make TARGET' runs, without the packages that it installs."""
    if not command.startswith("make "):
        return [plain(command)]
    lines = output_of("sh", "-c", command.replace("make ", "make -n ", 1))
    lines = [plain(line) for line in lines.splitlines()]
    return [line for line in lines if "deps.sh" not in line]


def check_sh():
    """check.sh: its lists of steps by their names, and what each step runs."""
    text = (TOP / "tools/vm/check.sh").read_text().replace("\\\n", " ")
    lists = {}
    for name, words in re.findall(r"^([A-Z]+)=\((.*?)\)$", text, re.M | re.S):
        lists[name] = [each for word in words.split() for each in
                       lists.get(word.strip('"${}[@]'), [word])]
    runs = dict(re.findall(r"\bstep (\S+) (.*?)(?: ;;)?$", text, re.M))
    labels = re.findall(r"^\t([\w-]+)\)", text, re.M)
    return lists, {name: plain(line) for name, line in runs.items()}, labels


def steps():
    """What the steps run that 'ci' or 'all' has."""
    lists, runs, _ = check_sh()
    return {name: line for name, line in runs.items()
            if name in lists["CI"] + lists["ALL"]}


class Documents:
    """Everything that is checked; each method is a case or yields cases."""

    def __init__(self):
        self.commands = list(dict.fromkeys(documents.commands()))
        self.machine = None

    def table_has_every_command(self):
        missing = [f"{c.document}: {c.text!r}" for c in self.commands
                   if not place_of(c.text)]
        if missing:
            raise Failure("nobody runs these; name them in commands.toml:\n" +
                          "\n".join(missing))

    def table_has_each_once_and_no_others(self):
        known = {c.text for c in self.commands}
        twice = {c for c in listed() if listed().count(c) > 1}
        if twice or set(listed()) - known:
            raise Failure(f"listed twice: {twice}, in no document: "
                          f"{set(listed()) - known}")

    def table_changes_no_more_than_it_may(self):
        wrong = [c for c in [*TABLE["around"], *TABLE["times"]]
                 if c not in listed()]
        wrong += [c for c, text in TABLE["around"].items()
                  if text.count("{}") != 1]
        wrong += [c for c, pairs in TABLE["times"].items()
                  for each in pairs for time in each if c.count(each[0]) != 1
                  or not TIME.fullmatch(time)]
        wrong += [gap for gap in TABLE["gaps"]
                  if not any(gap in c for c in listed())]
        if wrong:
            raise Failure(f"commands.toml: {wrong}")

    def steps_run_the_very_same(self):
        run_by_steps = set(steps().values())
        others = [f"{command!r}: {line}"
                  for command in TABLE["steps"]["commands"]
                  for line in made_by(as_run(command))
                  if line not in run_by_steps]
        if others:
            raise Failure("no step of check.sh runs:\n" + "\n".join(others))

    def sums_are_of_steps(self):
        """What runs a list of check.sh's steps: 'all' has each of them."""
        lists, _, labels = check_sh()
        for command in TABLE["sums"]["commands"]:
            line = made_by(command)[-1]
            name = line.removeprefix("tools/vm/check.sh").strip() or "check"
            if line.split()[0] != "tools/vm/check.sh" or not set(
                    lists[name.upper()]) <= set(lists["ALL"]) & set(labels):
                raise Failure(f"{command}: {line}")

    def scripts_run_the_very_same(self):
        called = " ".join(steps().values())
        for name, commands in TABLE["scripts"].items():
            text = plain((TOP / name).read_text())
            for command in commands:
                line = made_by(as_run(command))[-1]
                if name not in called or line not in text:
                    raise Failure(f"{command!r} is not run by a step's {name}")

    def version_is_the_same_everywhere(self):
        """dkms.conf has it; those that can't take it from there repeat it."""
        readme = (TOP / "README.md").read_text()
        found = re.findall(r"\btwq[-/](\d[\w.]*\w)|^(\d[\w.]*), the ", readme,
                           re.M)
        found = {one or other for one, other in found}
        found.add(re.match(r"twq \((.*)\)", (
            TOP / "debian/changelog").read_text())[1])
        if found != {version()}:
            raise Failure(f"{version()} in dkms.conf, elsewhere {found}")

    def blocks_have_a_language(self):
        unknown = documents.languages()
        if unknown:
            raise Failure("\n".join(unknown))

    def links_lead_somewhere(self):
        dead = documents.dead_links()
        if dead:
            raise Failure("\n".join(dead))

    def figures(self):
        folder = TOP / "tools/doc"
        shown = set(re.findall(r"!\[[^\]]+\]\((\w[\w-]*\.svg)\)",
                               (folder / "design.md").read_text()))
        there = {path.name for path in folder.glob("*.svg")}
        if not there or shown != there:
            raise Failure(f"shown: {shown}, there: {there}")
        for name in there:
            text = (folder / name).read_text()
            root = xml.etree.ElementTree.fromstring(text)
            if len(text) > FIGURE_MAX or "viewBox" not in root.attrib:
                raise Failure(f"{name}: {len(text)} bytes")
            if "prefers-color-scheme: dark" not in text:
                raise Failure(f"{name}: for light pages only")
            if root.find("{http://www.w3.org/2000/svg}title") is None:
                raise Failure(f"{name}: no title")

    def exit_statuses(self):
        section = re.search(r"^\.Sh EXIT STATUS\n(.*?)^\.Sh ",
                            PAGE.read_text(), re.M | re.S)[1]
        header = (TOP / "tools/twqctl/twqctl.h").read_text()
        test = (TOP / "tools/tests/test_twqctl.sh").read_text()
        ways = {
            "page": re.findall(r"^\.It (\d+)$", section, re.M),
            "source": re.findall(r"\bTWQCTL_\w+ = (\d+)", header),
            "test": sorted(set(re.findall(r"^\s*run ([0-9]) \"\$twqctl\"",
                                          test, re.M))),
        }
        if len({tuple(way) for way in ways.values()}) != 1:
            raise Failure(str(ways))

    def pages_of_the_kernel(self):
        """Each symbol that others may use has a page, made of its comment."""
        exported = set(re.findall(
            r"^EXPORT_SYMBOL_GPL\((\w+)\)", "".join(
                path.read_text() for path in (TOP / "module").glob("*.c")),
            re.M))
        header = (TOP / "include/linux/twq.h").read_text()
        declared = set(re.findall(r"^(?:static inline )?(?:int|void|bool|s64) "
                                  r"(?:__must_check )?(twq_\w+)\(", header,
                                  re.M))
        folder = output_of(TOP / "tools/doc/man9.sh").strip()
        there = {name[:-2] for name in os.listdir(folder)}
        if not exported or (exported | declared) - there:
            raise Failure(f"no page: {(exported | declared) - there}")

    def copy_of_the_tree(self):
        TREE.mkdir(parents=True, exist_ok=True)
        run("rsync", "-a", "--delete", "--exclude=/build", "--exclude=/.git",
            f"{TOP}/", f"{TREE}/")
        shutil.rmtree(BUILD / "root", ignore_errors=True)

    def on_the_host(self):
        """A case for each command that is run here."""
        kernel = output_of(TOP / "tools/vm/kernel.sh", KERNEL).strip()
        source = output_of(TOP / "tools/vm/kernel.sh", "source-newest").strip()
        env = {"KDIR": f"{kernel}/build", "ROOT": str(BUILD / "root"),
               "SOURCE": source}
        seen = set()
        for command in self.commands:
            place = place_of(command.text)
            if not place or place[0] != "host" or command.text in seen:
                continue
            seen.add(command.text)
            yield f"host: {command.text}", lambda text=command.text: run(
                "bash", "-ec", as_run(text), cwd=TREE, env=env)

    def for_the_guest(self):
        """The commands for the machine, with the files that they need."""
        return {c.text: c.files for c in self.commands
                if place_of(c.text) and place_of(c.text)[0] == "guest"}

    def boot(self):
        """One machine for all that needs one."""
        self.machine = Guest()
        for number, (text, files) in enumerate(self.for_the_guest().items()):
            self.machine.add(f"command-{number:03}", as_run(text), files)
        self.machine.add_programs(documents.programs())
        self.machine.add_json()
        self.machine.boot()

    def in_the_guest(self):
        """A case for each command that was run in the machine."""
        for number, text in enumerate(self.for_the_guest()):
            yield (f"guest: {text.splitlines()[0]}",
                   lambda n=number, s=place_of(text)[2]:
                   self.machine.result(f"command-{n:03}", s))

    def porting(self):
        """A case for each pair of programs, which do the same."""
        names = sorted(documents.programs())
        for name in [n for n in names if n.endswith("-before")]:
            yield (f"porting: {name.removesuffix('-before')}",
                   lambda n=name: self.same_before_and_after(n))

    def same_before_and_after(self, before):
        after = before.replace("-before", "-after")
        told = {self.machine.result(name) for name in (before, after)}
        if len(told) != 1 or not told.pop().strip():
            raise Failure(f"{before} and {after} differ: {told}")

    def schema(self):
        found = re.search(r"^\.Sh JSON\n.*?^\.Bd -literal\n(.*?)^\.Ed",
                          PAGE.read_text(), re.M | re.S)
        schema = json.loads(found[1].replace("\\e", "\\"))
        jsonschema.Draft202012Validator.check_schema(schema)
        return schema

    def json(self):
        """A case for each way of --json, and that each command has one."""
        yield "json: each command is tried", self.json_is_complete
        for name in Guest.JSON:
            yield f"json: {name}", lambda n=name: self.json_is_valid(n)

    def json_is_complete(self):
        text = (TOP / "tools/twqctl/main.c").read_text()
        table = set(re.findall(r'^\t{ "(\w+)", cmd_', text, re.M))
        tried = {name.split("-")[0] for name in Guest.JSON}
        if not table or table != tried & set(self.schema()["$defs"]):
            raise Failure(f"commands {table}, tried {tried}")

    def json_is_valid(self, name):
        """The output is valid, and would not be with a member less."""
        kind = name.split("-")[0]
        check = jsonschema.Draft202012Validator(
            self.schema() | {"$ref": f"#/$defs/{kind}"})
        lines = self.machine.result(f"json-{name}",
                                    Guest.JSON[name][0]).splitlines()
        if not lines:
            raise Failure("nothing was printed")
        for line in lines:
            value = json.loads(line)
            errors = [f"{list(e.absolute_path)}: {e.message}"
                      for e in check.iter_errors(value)]
            if errors:
                raise Failure("\n".join(errors + [line]))
            optional = {"argument"} if kind == "run" else set()
            if not value.get("ok", True):
                optional.add("events")  # as many as there were
            for member in set(value) - optional:
                less = {k: v for k, v in value.items() if k != member}
                if check.is_valid(less):
                    raise Failure(f"no {member} would be valid: {line}")
            if check.is_valid(value | {"unheard_of": 1}):
                raise Failure("an unknown member would be valid")


def cases():
    """(name, function) of everything, in order."""
    checks = Documents()
    for name, value in vars(Documents).items():
        if name.startswith("__") or name in (
                "schema", "json_is_complete", "json_is_valid",
                "same_before_and_after", "for_the_guest"):
            continue
        if value.__doc__ and value.__doc__.startswith("A case"):
            yield from getattr(checks, name)()
        else:
            yield name, getattr(checks, name)


def needed_by(name):
    """What cannot be asked for without this case."""
    return {"copy_of_the_tree": "host: ",
            "boot": "guest: json: porting: "}.get(name, "")


def show_list():
    """The commands of the documents with their places."""
    for command in documents.commands():
        place = place_of(command.text)
        where = ":".join(map(str, place[:2])) if place else "NOBODY"
        print(f"{where}\t{command.document}\t{command.text!r}")


def main():
    wanted = sys.argv[1:]
    if wanted == ["--list"]:
        return show_list()
    os.chdir(TOP)
    for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL"):
        os.environ.pop(name, None)  # what is run here is no child of a make
    passed = failed = 0
    for name, function in cases():
        if wanted and not any(each in f"{name} {needed_by(name)}"
                              for each in wanted):
            continue
        try:
            function()
        except (Failure, OSError, ValueError,
                subprocess.TimeoutExpired) as found:
            print(f"{found}\nFAILED: {name}", flush=True)
            failed += 1
        else:
            print(f"ok - {name}", flush=True)
            passed += 1
    for command, reason in TABLE["unrun"].items():
        print(f"skipped: {command}: {reason}")
    print(f"{passed} passed, {failed} failed")
    return failed != 0 or not passed


if __name__ == "__main__":
    sys.exit(main())
