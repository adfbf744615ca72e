#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The verdict on a KUnit run.

The kernel's own parser reads the part of the console between our two markers.
What it finds must be what the sources define, suite by suite and case by case:
a suite that never ran, or a plan cut short, is a failure. The last line is the
count, "N passed, N failed, N skipped".
"""

import argparse
import fnmatch
import io
import pathlib
import re
import sys

BEGIN = 'twq-kunit: begin'
END = 'twq-kunit: end'


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--parser', required=True, help='kernel source tree')
    parser.add_argument('--run-status', type=int, required=True)
    parser.add_argument('--suite', default='', help='the filter of the run')
    parser.add_argument('--flavour', choices=('kunit', 'fail'), required=True)
    parser.add_argument('console')
    parser.add_argument('sources', nargs='+')
    return parser.parse_args()


def defined_in(source):
    """Returns {suite: [cases]} as one source file defines them."""
    text = re.sub(r'/\*.*?\*/|//[^\n]*', '', source.read_text(), flags=re.S)
    cases = {}
    for array in re.finditer(r'struct kunit_case (\w+)\[\] = \{(.*?)\n\};',
                             text, re.S):
        cases[array[1]] = re.findall(r'\bKUNIT_CASE\w*\(\s*(\w+)', array[2])
    suites = {}
    for suite in re.finditer(r'struct kunit_suite (\w+) = \{(.*?)\n\};',
                             text, re.S):
        name = re.search(r'\.name\s*=\s*"([^"]+)"', suite[2])
        array = re.search(r'\.test_cases\s*=\s*(\w+)', suite[2])
        if not name or not array or array[1] not in cases:
            sys.exit(f'{source}: cannot read the definition of {suite[1]}')
        suites[name[1]] = cases[array[1]]
    registered = re.findall(r'\bkunit_test_(?:init_section_)?suites?\(([^)]*)\)',
                            text)
    if sum(group.count(',') + 1 for group in registered) != len(suites):
        sys.exit(f'{source}: suites defined and suites registered differ')
    return suites


def expected(args):
    """Returns {suite: [cases]} that a run under the filter must show."""
    suites = {}
    for source in map(pathlib.Path, args.sources):
        if args.flavour == 'fail' or source.name != 'fail_kunit.c':
            suites.update(defined_in(source))
    if not args.suite:
        return suites
    suite_glob, _, case_glob = args.suite.partition('.')
    chosen = {
        name: fnmatch.filter(cases, case_glob or '*')
        for name, cases in suites.items()
        if fnmatch.fnmatchcase(name, suite_glob)
    }
    return {name: cases for name, cases in chosen.items() if cases}


def between_markers(console):
    """Returns the console's lines between the markers, and any complaint."""
    lines = console.read_text(errors='replace').splitlines()
    begin = [n for n, line in enumerate(lines) if line.endswith(BEGIN)]
    end = [n for n, line in enumerate(lines) if line.endswith(END)]
    if len(begin) != 1:
        return [], ['the console has no begin marker']
    if len(end) != 1:
        return lines[begin[0] + 1:], ['the console has no end marker']
    return lines[begin[0] + 1:end[0]], []


def with_header(lines, suites):
    """Adds the plan that kernels before 6.3 leave out for a module's suites."""
    stamp = re.compile(r'\[[^]]*\] |')
    if any(stamp.sub('', line, 1).startswith('KTAP') for line in lines):
        return lines
    prefix = stamp.match(lines[0])[0] if lines else ''
    return [prefix + 'KTAP version 1', f'{prefix}1..{suites}'] + lines


def compare(want, root):
    """Returns what differs between the expected and the parsed suites."""
    wrong = []
    found = {suite.name: suite for suite in root.subtests}
    if len(found) != len(root.subtests):
        wrong.append('a suite ran twice')
    for name in sorted(want.keys() | found.keys()):
        if name not in found:
            wrong.append(f'suite {name} did not run')
        elif name not in want:
            wrong.append(f'suite {name} is not in the sources')
        else:
            ran = [case.name for case in found[name].subtests]
            if ran != want[name]:
                wrong.append(f'suite {name}: expected the {len(want[name])} '
                             f'cases {want[name]}, got {len(ran)}: {ran}')
    if not want:
        wrong.append('no suite matches')
    return wrong


def print_leaves(test, path=''):
    """Prints what failed, with its log, and what was skipped."""
    path = f'{path}.{test.name}' if path else test.name
    for sub in test.subtests:
        print_leaves(sub, path)
    if test.subtests or test.ok_status() and not test.counts.skipped:
        return
    if test.counts.skipped:
        print(f'skipped: {path}')
        return
    print(f'FAILED: {path}')
    for line in test.log:
        print(f'    {line}')


def main():
    args = arguments()
    sys.path.insert(0, str(pathlib.Path(args.parser) / 'tools/testing/kunit'))
    sys.dont_write_bytecode = True
    import kunit_parser
    import kunit_printer

    want = expected(args)
    lines, wrong = between_markers(pathlib.Path(args.console))
    complaints = io.StringIO()
    root = kunit_parser.parse_run_tests(
        with_header(lines, len(want)),
        kunit_printer.Printer(output=complaints))
    for suite in root.subtests:
        print(f'{suite.name}: {suite.counts}')
        print_leaves(suite)
    if root.counts.errors:
        wrong += [line for line in complaints.getvalue().splitlines()
                  if '[ERROR]' in line]
    wrong += compare(want, root)
    if args.run_status:
        wrong.append(f'the run ended with status {args.run_status}')
    for line in wrong:
        print(f'WRONG: {line}')
    counts = root.counts
    failed = counts.failed + counts.crashed + len(wrong)
    print(f'{counts.passed} passed, {failed} failed, {counts.skipped} skipped')
    return 1 if failed or not counts.passed else 0


if __name__ == '__main__':
    sys.exit(main())
