#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Compares the description for syzkaller with the header of the ABI.

usage: abi.py [twq.txt [twq.h]]

Every structure must have the members of the header in the header's order, of
the header's width, and the size that it claims; every call of the header must
be there with the header's structure and direction; every TWQ_ constant that is
named must exist, and every flag must be named. Prints what differs. Exit
status: 0 nothing does, 1. This is no substitute for syzkaller's own compiler.
"""
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
C_WIDTH = {"__u32": 4, "__s32": 4, "__u64": 8, "__s64": 8}
WIDTH = {"int32": 4, "int64": 8, "twq_id": 8}
DIRECTION = {"_IOR": "out", "_IOW": "in", "_IOWR": "inout"}
# Set by the module alone, or made of others: not for callers to choose.
NOT_FLAGS = {"TWQ_WOKEN_TIMER", "TWQ_WOKEN_ANY", "TWQ_CREATE_FLAGS",
             "TWQ_DEADLINE_FLAGS"}

problems = []


def differ(what):
    problems.append(what)


def header_structs(text):
    """Returns {name: [(member, bytes)]}, nested structures resolved."""
    structs = {}
    body = r"^struct (\w+) \{\n(.*?)^\};"
    for name, inner in re.findall(body, text, re.M | re.S):
        members = []
        for kind, member, count in re.findall(
                r"^\t((?:struct )?\w+) (\w+)(?:\[(\d+)\])?;", inner, re.M):
            kind = kind.removeprefix("struct ")
            width = C_WIDTH.get(kind) or sum(w for _, w in structs[kind])
            members.append((member, width * int(count or 1)))
        structs[name] = members
    return structs


def type_width(kind, structs):
    """The bytes of a type of the description."""
    if array := re.fullmatch(r"array\[(.*), (\d+)\]", kind):
        return type_width(array[1], structs) * int(array[2])
    if kind.startswith("ptr64["):
        return 8
    if sized := re.fullmatch(r"(?:flags|const|bytesize|len)\[[^]]*, (int\d+)\]",
                             kind):
        return WIDTH[sized[1]]
    if kind in structs:
        return sum(w for _, w in structs[kind])
    return WIDTH[kind]


def described_structs(text):
    """Returns {name: ([(member, bytes)], claimed size)}."""
    found, plain = {}, {}
    body = r"^(\w+) \{\n(.*?)^\} \[size\[(\d+)\]\]"
    for name, inner, size in re.findall(body, text, re.M | re.S):
        members = []
        for line in inner.splitlines():
            member, rest = line.split(None, 1)
            kind = re.sub(r"\s+\((?:in|out)\)$", "", rest)
            members.append((member, type_width(kind, plain)))
        plain[name] = members
        found[name] = (members, int(size))
    return found


def compare_structs(header, text):
    ours, theirs = described_structs(text), header_structs(header)
    for name in sorted(ours.keys() ^ theirs.keys()):
        differ(f"struct {name} is in one of them only")
    for name in ours.keys() & theirs.keys():
        members, size = ours[name]
        if members != theirs[name]:
            differ(f"struct {name}: {members}, not {theirs[name]}")
        if size != sum(width for _, width in theirs[name]):
            differ(f"struct {name}: size {size}")


def compare_calls(header, text):
    theirs = {name: (DIRECTION[way], kind) for name, way, kind in re.findall(
        r"^#define (TWQ_IOC_\w+)\s+(_IO\w+)\(TWQ_IOC_MAGIC, \w+, struct (\w+)\)",
        header, re.M)}
    ours = {}
    for name, const, way, kind in re.findall(
            r"^ioctl\$(\w+)\(fd fd_twq, cmd const\[(\w+)\], "
            r"arg ptr\[(\w+), (\w+)\]\)$", text, re.M):
        ours[const] = (way, kind)
        if name != const:
            differ(f"call {name} is for {const}")
    if ours != theirs or not theirs:
        differ(f"calls: {ours}, not {theirs}")


def compare_constants(header, text):
    defined = set(re.findall(r"^#define (TWQ_\w+)", header, re.M))
    used = set(re.findall(r"\bTWQ_[A-Z_]+[A-Z]\b",
                          re.sub(r"#.*|ioctl\$\w+", "", text)))
    for name in sorted(used - defined):
        differ(f"{name} is not in the header")
    flags = {name for name in defined
             if re.match(r"TWQ_(WOKEN|CREATE|RELATIVE|OP)", name)} - NOT_FLAGS
    for name in sorted(flags - used):
        differ(f"{name} is not described")


def main():
    paths = [HERE / "twq.txt", HERE / "../../include/uapi/linux/twq.h"]
    paths = sys.argv[1:] + paths[len(sys.argv) - 1:]
    text, header = (pathlib.Path(path).read_text(encoding="utf-8")
                    for path in paths)
    compare_structs(header, text)
    compare_calls(header, text)
    compare_constants(header, text)
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
