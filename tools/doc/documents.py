# SPDX-License-Identifier: GPL-2.0
"""
What the documents have in them: shell commands, programs, links. Documents are
the .md files of the tree, the manual pages, Debian's README of the package and
the document of the kernel's tree. A command is a line of a code block that is
shell, a span of code whose first word is a program, and in a page what follows a
prompt.
"""
import dataclasses
import os
import pathlib
import re

TOP = pathlib.Path(__file__).resolve().parents[2]
LANGUAGES = ("sh", "c", "text")
# Programs that are not part of the tree.
PROGRAMS = """adduser apt apt-get bpftrace cat cc chmod clangd cp dkms dpkg gcc
git insmod kill lsmod make man modinfo modprobe mokutil perf pip pkg-config printf
rm rmmod sleep sudo sysctl tools/testing/kunit/kunit.py trace-cmd twqctl udevadm
usermod wget""".split()


@dataclasses.dataclass(frozen=True)
class Command:
    """A command and where it stands; files that the document shows with it."""
    text: str
    document: str
    files: tuple = ()


def markdown():
    """The .md files, without what was built or stored."""
    return [TOP / "README.md", *sorted((TOP / "kunit").glob("*.md")),
            *sorted((TOP / "tools").rglob("*.md"))]


def pages():
    """The manual pages."""
    return sorted((TOP / "tools/man").glob("*.[1-9]"))


def plain_texts():
    """(path, start of a line of a command) of those that are neither."""
    return [*((path, "    ") for path in
              sorted((TOP / "debian").glob("*.README.Debian"))),
            (TOP / "tools/intree/twq.rst", "\t")]


def tidy(text):
    """A command without what a shell does not care for."""
    if "<<" not in text:
        text = re.sub(r"(^|\s)#.*", "", text).replace("\\\n", " ")
        text = " ".join(text.split())
    return text.strip().removeprefix("./")


def is_program(word):
    """Whether a command begins like this."""
    path = TOP / word
    return (word in PROGRAMS or word.startswith("build/tools/") or
            ("/" in word and path.is_file() and os.access(path, os.X_OK)))


def is_command(text):
    """Whether a line of text is a command: it begins with a program."""
    words = [w for w in text.split() if not re.match(r"[A-Z_]+=", w)]
    # A program by itself is a name, if it is not one of the tree's.
    return bool(words) and is_program(words[0].removeprefix("./")) and (
        len(words) > 1 or "/" in words[0])


def split(line):
    """The commands of a line, which may be joined by '&&'."""
    return [tidy(part) for part in line.split(" && ") if tidy(part)]


def fenced(text):
    """(language, content) of each fenced block."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S)


def indented(text):
    """The indented blocks of a text without its fenced ones."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    return re.findall(r"(?:^(?: {4}.*)\n)+", text, re.M)


def of_markdown(path):
    """The commands of an .md file."""
    text = path.read_text()
    name = str(path.relative_to(TOP))
    blocks = [body for language, body in fenced(text) if language == "sh"]
    blocks += [b for b in indented(text)
               if any(is_command(line) for line in b.splitlines())]
    for block in blocks:
        for line in block.replace("\\\n", " ").splitlines():
            for command in split(line):
                yield Command(command, name)
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    prose = re.sub(r"^ {4}.*$", "", prose, flags=re.M)
    for span in re.findall(r"`([^`]+)`", prose):
        span = " ".join(span.split())
        # A path alone is a name here.
        if is_command(span) and " " in span:
            for command in split(span):
                yield Command(command, name)


def blocks(text):
    """The displays of a page: literal ones, and lines that stand together."""
    return [literal or lines for literal, lines in re.findall(
        r"^\.Bd [^\n]*\n(.*?)^\.Ed|^((?:\.Dl [^\n]*\n)+)", text, re.M | re.S)]


def of_page(path):
    """The commands of a page; 'cat FILE' shows the content that follows."""
    text = path.read_text().replace("\\e", "\\")
    files = {}
    for block in blocks(text):
        block = re.sub(r"^\.Dl ", "", block, flags=re.M)
        for part in re.split(r"^(?=[#$] )", block, flags=re.M)[1:]:
            first, _, rest = part[2:].partition("\n")
            here = re.search(r"<<(\w+)$", first)
            if first.startswith("cat ") and rest:
                files[first.split()[1]] = rest
            elif here:
                yield Command(f"{first}\n{rest.split(here[1])[0]}{here[1]}",
                              path.name)
            else:
                yield Command(tidy(first), path.name, tuple(files.items()))
    for span in re.findall(r"^\.Ql (.*?)(?: [.,;:)]+)?$", text, re.M):
        if is_command(span):
            yield Command(tidy(span), path.name)


def of_plain_text(path, indent):
    """The commands of a text: lines that begin so."""
    text = path.read_text().replace("\\\n", " ")
    for line in re.findall(rf"^{indent}(\S.*)", text, re.M):
        for command in split(line):
            yield Command(command, path.name)


def commands():
    """All commands of all documents."""
    for path in markdown():
        yield from of_markdown(path)
    for path in pages():
        yield from of_page(path)
    for path, indent in plain_texts():
        yield from of_plain_text(path, indent)


def languages():
    """Fenced blocks of no known language, which nothing would look at."""
    return [f"{path.name}: ```{language}" for path in markdown()
            for language, _ in fenced(path.read_text())
            if language not in LANGUAGES]


def programs():
    """The C programs of the documents by the name in their first line."""
    found = {}
    for path in markdown():
        for language, body in fenced(path.read_text()):
            name = re.match(r"/\* ([\w-]+)\.c: ", body)
            if language != "c":
                continue
            if not name or name[1] in found:
                raise ValueError(f"{path.name}: a program without a name "
                                 f"of its own: {body[:40]!r}")
            found[name[1]] = body
    return found


def dead_links():
    """Links to files that are not there."""
    return [f"{path.relative_to(TOP)}: {target}" for path in markdown()
            for target in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text())
            if "://" not in target and not (path.parent / target).exists()]
