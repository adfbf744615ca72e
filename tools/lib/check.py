#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""
check.py [--no-m32] [FOLDER]: what of libtwq needs no machine. Builds in FOLDER
(build/tools), installs into a scratch folder and checks that the header, the
version script, the libraries and the manual pages name the same functions with
the same prototypes, each symbol with the version of its node, that the pages are
clean and their C compiles, that the installed header is clean in C and in C++,
that the examples build against what was installed, that twqctl
makes no call beside the library, and runs test_lib_cut. Ends with the counts.
--no-m32 is for where gcc can't build for 32 bits.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

LIB = pathlib.Path(__file__).resolve().parent
TOOLS = LIB.parent
C_STANDARDS = ("c99", "c11", "c17", "gnu11")
CXX_STANDARDS = ("c++11", "c++14", "c++17", "c++20")
STRICT = ("-Wall", "-Wextra", "-Wpedantic", "-Werror", "-O2", "-c",
          "-o", os.devnull)

# Each way of using the header that has code in it.
USE = """
#include <libtwq.h>
int use(struct twq_batch *batch);
int use(struct twq_batch *batch)
{
	struct twq_map map;

	if (twq_map(0, 0, &map) || !twq_slot(&map, 1))
		return 1;
	return twq_set_deadline(&map, 1, 2) + twq_extend(&map, 1, TWQ_ETERNITY) +
	       twq_disarm(&map, 1) + twq_batch_result(batch, 0) +
	       (twq_batch_id(batch, 0) == TWQ_ID_CREATED);
}
"""

# What mandoc says of pages and of its index that are not installed here.
NOT_OURS = re.compile(r"referenced manual not found|outdated mandoc\.db")


# What a page's lines of C stand among, where they are no program.
AROUND = """
#include <stdatomic.h>
#include <sys/mman.h>
#include <libtwq.h>
int lines(int fd, uint64_t id);
int lines(int fd, uint64_t id)
{
%s
	(void)fd;
	return (int)id;
}
"""

# A version script of a later day, and a library of it.
LATER = ("LIBTWQ_1.0 { global: twq_one; local: *; };\n"
         "LIBTWQ_1.1 { global: twq_two; } LIBTWQ_1.0;\n",
         "int twq_one(void) { return 1; }\nint twq_two(void) { return 2; }\n")


class Failure(Exception):
    """What a check has found."""


def run(*command, stdin=None, env=None, status=0):
    """Runs a command, which has to end with that status; its output."""
    done = subprocess.run([str(word) for word in command], input=stdin or "",
                          timeout=300, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False,
                          env={**os.environ, **(env or {})})
    if done.returncode != status:
        raise Failure(f"{' '.join(str(w) for w in command)}: status "
                      f"{done.returncode}\n{done.stdout}")
    return done.stdout


def same(what, one, other):
    """Two sets of names have to be equal, and not empty."""
    one, other = set(one), set(other)
    if not one or one != other:
        raise Failure(f"{what}: only here {sorted(one - other)}, "
                      f"only there {sorted(other - one)}")


def uncommented(text):
    """C, or a version script, without its comments."""
    return re.sub(r"/\*.*?\*/", "", text, flags=re.S)


def nodes(text):
    """{symbol: its node} of a version script; a node inherits from the last."""
    found, last = {}, ""
    for node, body, parent in re.findall(
            r"(LIBTWQ_1\.\d+) \{(.*?)\}\s*(\S*);", uncommented(text), re.S):
        if parent != last:
            raise Failure(f"{node} inherits from '{parent}', not '{last}'")
        last = node
        for name in re.findall(r"\b(twq_\w+);", body):
            if name in found:
                raise Failure(f"{name} is in {found[name]} and in {node}")
            found[name] = node
    return found


def versions(library):
    """{symbol: its version} of a shared library; there must be no others."""
    out = run("nm", "-D", "--defined-only", library)
    found = dict(re.findall(r" T (\w+)@@(LIBTWQ_1\.\d+)$", out, re.M))
    others = [line for line in out.splitlines() if not re.search(
        r" T \w+@@LIBTWQ_1\.\d+$| A LIBTWQ_1\.\d+$", line)]
    if others:
        raise Failure(f"{library}: exported, too: {others}")
    return found


class Header:
    """The functions of libtwq.h: what is exported, what is inline."""

    def __init__(self, path):
        text = uncommented(path.read_text())
        called = re.compile(r"^[a-z].*?\b(twq_\w+)\([^{;]*?\)\s*([;{])",
                            re.M | re.S)
        self.exported = set()
        self.inline = set()
        for name, end in called.findall(text):
            (self.exported if end == ";" else self.inline).add(name)


class Page:
    """A manual page in mdoc: names, prototypes, references, the text."""

    def __init__(self, path):
        self.path = path
        self.text = path.read_text()
        self.names = re.findall(r"^\.Nm (\w+)", self.section("NAME"), re.M)
        self.prototypes = []
        kind, name, args = None, None, []
        for line in self.section("SYNOPSIS").splitlines():
            words = [a or b for a, b in re.findall(r'"([^"]*)"|(\S+)', line)]
            if words[0] == ".Ft":
                kind = " ".join(words[1:])
            elif words[0] in (".Fn", ".Fo"):
                name, args = words[1], words[2:]
            elif words[0] == ".Fa":
                args.append(words[1])
            if words[0] in (".Fn", ".Fc"):
                self.prototypes.append((kind, name, args))

    def section(self, name):
        """The lines of a section, or nothing."""
        found = re.search(rf"^\.Sh {name}\n(.*?)(?=^\.Sh |\Z)", self.text,
                          re.M | re.S)
        return found[1] if found else ""

    def displays(self):
        """The literal ones, but for what a shell is told in them."""
        found = re.findall(r"^\.Bd -literal[^\n]*\n(.*?)^\.Ed", self.text,
                           re.M | re.S)
        return [text.replace("\\e", "\\") for text in found
                if not re.match(r"[#$] ", text)]

    def references(self):
        """What .Xr names in section 3."""
        return set(re.findall(r"^\.Xr (\w*twq\w*) 3\b", self.text, re.M))


class Checks:
    """Everything that is checked; each method is one check."""

    def __init__(self, build, scratch):
        self.build = build
        self.prefix = scratch / "usr"
        self.scratch = scratch
        self.header = Header(LIB / "libtwq.h")
        self.pages = [Page(path) for path in
                      sorted((TOOLS / "man").glob("*.3"))]
        self.flags = [f"-I{self.prefix}/include"]

    def build_and_install(self):
        run("make", "-s", "-C", TOOLS, f"O={self.build}", "install-lib",
            f"{self.build}/tests/test_lib_cut", "twqctl",
            f"prefix={self.prefix}")

    def version_script_and_header_agree(self):
        same("libtwq.map and libtwq.h", nodes((LIB / "libtwq.map").read_text()),
             self.header.exported)

    def shared_library_and_version_script_agree(self):
        same("libtwq.so and libtwq.map",
             versions(self.build / "libtwq.so").items(),
             nodes((LIB / "libtwq.map").read_text()).items())

    def a_later_node_is_known_from_the_first(self):
        script, source = LATER
        (self.scratch / "later.map").write_text(script)
        library = self.scratch / "later.so"
        run("gcc", "-x", "c", "-shared", "-fPIC", "-o", library, "-",
            f"-Wl,--version-script={self.scratch}/later.map", stdin=source)
        same("later.so and its script", versions(library).items(),
             {"twq_one": "LIBTWQ_1.0", "twq_two": "LIBTWQ_1.1"}.items())
        same("the script and its nodes", versions(library).items(),
             nodes(script).items())

    def debian_symbols_and_version_script_agree(self):
        text = (TOOLS.parent / "debian/libtwq1.symbols").read_text()
        same("debian/libtwq1.symbols and libtwq.map",
             re.findall(r"^ (twq_\w+)@(\S+) \S+$", text, re.M),
             nodes((LIB / "libtwq.map").read_text()).items())

    def static_library_and_header_agree(self):
        out = run("nm", "-g", "--defined-only", self.build / "libtwq.a")
        names = re.findall(r"^\w+ [A-Z] (\w+)$", out, re.M)
        same("libtwq.a and libtwq.h", names, self.header.exported)

    def soname_is_that_of_version_1(self):
        out = run("readelf", "-d", self.build / "libtwq.so")
        if "soname: [libtwq.so.1]" not in out:
            raise Failure(out)

    def every_function_has_a_page(self):
        names = [n for page in self.pages for n in page.names]
        if len(names) != len(set(names)):
            raise Failure("a name is in two pages")
        same("pages and libtwq.h", names,
             self.header.exported | self.header.inline | {"libtwq"})

    def pages_are_complete(self):
        known = {n for page in self.pages for n in page.names}
        for page in self.pages:
            if page.path.stem != page.names[0]:
                raise Failure(f"{page.path.name}: named {page.names[0]}")
            if page.prototypes or page.path.stem != "libtwq":
                same(f"{page.path.name}: NAME and SYNOPSIS", page.names,
                     [name for _, name, _ in page.prototypes])
            for wanted in ("RETURN VALUES", "SEE ALSO"):
                if not page.section(wanted):
                    raise Failure(f"{page.path.name}: no {wanted}")
            if "\n.Ss Threads and units\n" not in page.text:
                raise Failure(f"{page.path.name}: no 'Threads and units'")
            if page.references() - known:
                raise Failure(f"{page.path.name}: no such page: "
                              f"{page.references() - known}")

    def pages_have_the_prototypes_of_the_header(self):
        text = "#include <libtwq.h>\n"
        for page in self.pages:
            for kind, name, args in page.prototypes:
                text += f"{kind} {name}({', '.join(args)});\n"
        run("gcc", "-x", "c", "-std=gnu11", *STRICT, *self.flags, "-",
            stdin=text)

    def pages_have_no_warnings(self):
        paths = sorted((TOOLS / "man").glob("*.[1-9]"))
        done = subprocess.run(["mandoc", "-Tlint", *paths], text=True,
                              stdout=subprocess.PIPE, check=False,
                              stderr=subprocess.PIPE)
        # Two pipes: in one, the two cut each other's lines.
        lines = [line for line in (done.stdout + done.stderr).splitlines()
                 if not NOT_OURS.search(line)]
        if lines:
            raise Failure("\n".join(lines))

    def code_of_the_pages_compiles(self):
        headers = " ".join(uncommented("\n".join(
            path.read_text() for path in self.prefix.glob("include/**/*.h")))
            .split())
        pages = [*self.pages, Page(TOOLS / "man/twq.4")]
        for page, text in [(p, t) for p in pages for t in p.displays()]:
            if text.startswith("struct ") and text.endswith("};\n"):
                if " ".join(text.split()) not in headers:
                    raise Failure(f"{page.path.name}: not in the headers:\n"
                                  f"{text}")
                continue
            flags = ["-std=c11", "-D_DEFAULT_SOURCE", *STRICT]
            if "#include" not in text:
                text = AROUND % text
                flags += ["-Wno-unused-variable",
                          "-Wno-declaration-after-statement"]
            try:
                run("gcc", "-x", "c", *flags, *self.flags, "-", stdin=text)
            except Failure as found:
                raise Failure(f"{page.path.name}: {found}") from None
        if "#include" not in "".join(t for p in self.pages
                                     for t in p.displays()):
            raise Failure("no page has a program")

    def header_is_clean_c(self):
        for standard in C_STANDARDS:
            run("gcc", "-x", "c", f"-std={standard}", *STRICT, *self.flags,
                "-", stdin=USE)

    def header_is_clean_c_of_32_bits(self):
        multiarch = run("gcc", "-print-multiarch").strip()
        run("gcc", "-m32", "-idirafter", f"/usr/include/{multiarch}", "-x",
            "c", *STRICT, *self.flags, "-", stdin=USE)

    def header_is_clean_cxx(self):
        for standard in CXX_STANDARDS:
            run("g++", "-x", "c++", f"-std={standard}", *STRICT, *self.flags,
                "-", stdin=USE)

    def pkg_config(self, *args):
        return run("pkg-config", *args, "libtwq", env={
            "PKG_CONFIG_PATH": str(self.prefix / "lib/pkgconfig")}).split()

    def examples_build_against_what_is_installed(self):
        for source in sorted((TOOLS / "examples").glob("*.c")):
            command = re.search(r"^ \* (cc .*)$", source.read_text(), re.M)[1]
            out = self.scratch / source.stem
            command = command.replace(source.name, str(source)).replace(
                f"-o {source.stem}", f"-o {out} -Wall -Wextra -Werror")
            run("sh", "-ec", command, env={
                "PKG_CONFIG_PATH": str(self.prefix / "lib/pkgconfig")})
            if "[libtwq.so.1]" not in run("readelf", "-d", out):
                raise Failure(f"{source.name} does not need libtwq.so.1")
            run(out, "--no-such-option", status=2, env={
                "LD_LIBRARY_PATH": str(self.prefix / "lib")})

    def a_static_program_links(self):
        run("g++", "-x", "c++", "-static", "-o", self.scratch / "static", "-",
            *self.pkg_config("--cflags", "--libs", "--static"),
            stdin=USE + "int main() { return use(0); }\n")

    def installed_pages_have_all_names(self):
        names = {p.name[:-2] for p in
                 (self.prefix / "share/man/man3").iterdir() if p.exists()}
        same("installed pages and names", names,
             [n for page in self.pages for n in page.names])

    def twqctl_uses_the_library_alone(self):
        for source in sorted((TOOLS / "twqctl").glob("*.[ch]")):
            if re.search(r"TWQ_IOC_|\bioctl\b|\bsyscall\(", source.read_text()):
                raise Failure(f"{source.name} makes a call of its own")
        objects = sorted((self.build / "obj/twqctl").glob("*.o"))
        out = run("nm", "-u", *objects)
        if not re.search(r" U twq_create$", out, re.M):
            raise Failure("twqctl does not use the library")
        if re.search(r" U (ioctl|syscall|mmap(64)?)$", out, re.M):
            raise Failure(out)

    def test_lib_cut_passes(self):
        run(self.build / "tests/test_lib_cut")


def main():
    args = sys.argv[1:]
    names = [name for name, value in vars(Checks).items()
             if callable(value) and name not in ("__init__", "pkg_config")]
    if args[:1] == ["--no-m32"]:
        args.pop(0)
        names.remove("header_is_clean_c_of_32_bits")
        print("skipped: header_is_clean_c_of_32_bits")
    build = pathlib.Path(args[0] if args else
                         TOOLS.parent / "build/tools").resolve()
    passed = 0
    with tempfile.TemporaryDirectory() as scratch:
        checks = Checks(build, pathlib.Path(scratch))
        for name in names:
            try:
                getattr(checks, name)()
            except (Failure, OSError,
                    subprocess.TimeoutExpired) as found:
                print(f"{found}\nFAILED: {name}")
            else:
                print(f"ok - {name}")
                passed += 1
    print(f"{passed} passed, {len(names) - passed} failed")
    return passed != len(names)


if __name__ == "__main__":
    sys.exit(main())
