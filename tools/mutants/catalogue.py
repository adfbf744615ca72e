#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Checks that kunit/races.md, the tests and the mutants agree.

Every row has to name tests that exist, or to say why the bug cannot occur by
construction; every mutant of a row has to exist, to name that row and to expect
one of its tests to fail; and every mutant has to be in a row and to apply to
the module, as have the bugs that the fuzzer is shown to find. The last line is
the count of rows and patches, "N passed, N failed".
"""

import pathlib
import re
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
TABLE = TOP / 'kunit/races.md'
MUTANTS = TOP / 'tools/mutants'
PLANTED = TOP / 'tools/fuzz/planted'
# How many rows each table has: races of schedulers, of kernel timers, what
# users complained of.
ROWS = {'H': 19, 'K': 12, 'U': 7}
BY_CONSTRUCTION = 'By construction: '
NO_MUTANT = 'None: '
PATCH = ('patch', '-s', '-f', '-p1', '-F0', '--no-backup-if-mismatch')

sys.dont_write_bytecode = True
sys.path.insert(0, str(TOP / 'tools/vm'))
from kunit import defined_in  # noqa: E402


def kunit_cases():
    for source in sorted((TOP / 'kunit').glob('*_kunit.c')):
        for suite, cases in defined_in(source).items():
            yield from (f'{suite}.{case}' for case in cases)


def device_cases():
    """Those of a table that is made at run time carry a suffix, too."""
    for source in sorted((TOP / 'tools/tests').glob('test_*.c')):
        text = source.read_text()
        suffixes = re.findall(r'\.suffix = "(_\w+)"', text)
        for case in re.findall(r'\bTAP_CASE\((\w+)\)', text):
            yield f'{source.stem}.{case}'
            yield from (f'{source.stem}.{case}{end}' for end in suffixes)
    for source in sorted((TOP / 'tools/tests').glob('test_*.sh')):
        for case in re.findall(r'^begin (\w+)$', source.read_text(), re.M):
            yield f'{source.stem}.{case}'


class Mutant:
    """A patch. Its header says what it is for, a line for each test:

    rows: H2, R7                  in which rows of the table it is
    expect: suite.case            a test, one of which has to fail
    expect-crash: suite.case      the same, or the kernel dies or hangs in it
    """

    def __init__(self, path):
        self.path = path
        self.name = path.stem
        header = path.read_text().split('\n--- ')[0]
        self.rows = self.words(header, 'rows')
        self.expect = self.words(header, 'expect')
        self.crash = self.words(header, 'expect-crash')
        self.title = header.split('\n')[0]

    @staticmethod
    def words(header, key):
        return [word for line in re.findall(rf'^{key}: (.*)$', header, re.M)
                for word in re.split(r',? +', line)]

    @property
    def cases(self):
        return self.expect + self.crash


def mutants():
    return [Mutant(path) for path in sorted(MUTANTS.glob('*.patch'))]


def table_rows():
    """Yields (id, what, reference, tests, mutants) of all rows."""
    for line in TABLE.read_text().splitlines():
        cells = [cell.strip() for cell in line.split('|')[1:-1]]
        if cells and re.fullmatch(r'[A-Z]+\d*', cells[0]):
            yield cells


def names(cell):
    return re.findall(r'`([^`]+)`', cell)


def judge_row(row, cases, patches):
    """Yields what is wrong with a row."""
    if len(row) != 5 or not all(row):
        yield 'has not its five cells'
        return
    ident, _, _, tests, killed_by = row
    if not names(tests) and not tests.startswith(BY_CONSTRUCTION):
        yield f'names no test and does not begin with "{BY_CONSTRUCTION}"'
    for name in names(tests):
        if name not in cases:
            yield f'there is no test {name}'
    if not names(killed_by) and not killed_by.startswith(NO_MUTANT):
        yield f'names no mutant and does not begin with "{NO_MUTANT}"'
    for name in names(killed_by):
        if name not in patches:
            yield f'there is no mutant {name}'
        elif ident not in patches[name].rows:
            yield f'mutant {name} does not name this row'
        elif not set(patches[name].cases) & set(names(tests)):
            yield f'mutant {name} expects none of its tests to fail'


def applies(path):
    return not subprocess.run([*PATCH, '--dry-run', '-d', TOP, '-i', path],
                              capture_output=True, check=False).returncode


def judge_mutant(mutant, cases, rows):
    """Yields what is wrong with a mutant."""
    if not mutant.rows:
        yield 'names no row'
    if not mutant.cases:
        yield 'expects no test to fail'
    for name in mutant.cases:
        if name not in cases:
            yield f'there is no test {name}'
    if not applies(mutant.path):
        yield 'does not apply any more'
    for ident in mutant.rows:
        if ident not in rows:
            yield f'there is no row {ident}'
        elif mutant.name not in names(rows[ident][-1]):
            yield f'row {ident} does not name it'


def main():
    cases = {*kunit_cases(), *device_cases()}
    patches = {mutant.name: mutant for mutant in mutants()}
    all_rows = list(table_rows())
    rows = {row[0]: row for row in all_rows}
    wrong = []
    for letter, count in ROWS.items():
        for number in range(1, count + 1):
            if f'{letter}{number}' not in rows:
                wrong.append((f'{letter}{number}', 'has no row'))
    if len(rows) != len(all_rows):
        wrong.append(('table', 'has two rows of one name'))
    for row in all_rows:
        wrong += [(row[0], text) for text in judge_row(row, cases, patches)]
    for mutant in patches.values():
        wrong += [(mutant.name, text)
                  for text in judge_mutant(mutant, cases, rows)]
    planted = sorted(PLANTED.glob('*.patch'))
    wrong += [(f'planted/{path.stem}', 'does not apply any more')
              for path in planted if not applies(path)]
    for name, text in wrong:
        print(f'FAILED: {name}: {text}')
    failed = len({name for name, _ in wrong})
    passed = len(all_rows) + len(patches) + len(planted) - failed
    print(f'{passed} passed, {failed} failed')
    return 1 if failed or not passed else 0


if __name__ == '__main__':
    sys.exit(main())
