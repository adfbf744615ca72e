#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The verdict on a run of TAP programs.

Every program that was to run must have begun and ended, printed a plan and as
many results as planned, and left with 0 (or 77: all skipped) exactly if none
failed. The last line is the count, "N passed, N failed, N skipped".
"""

import argparse
import pathlib
import re
import sys


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--run-status', type=int, required=True)
    parser.add_argument('output')
    parser.add_argument('programs', nargs='+')
    return parser.parse_args()


def sections(text, program):
    """Returns the lines and the end ('0', '1 rmmod') of each run of program."""
    begin = f'twq-test: begin {program}\n'
    end = rf'^twq-test: end {re.escape(program)} (.*)$'
    for part in text.split(begin)[1:]:
        part = part.split('twq-test: begin ')[0]
        found = re.search(end, part, re.M)
        lines = part[:found.start()] if found else part
        yield lines.splitlines(), found[1] if found else None


def judge(lines, end):
    """Returns the passed, failed and skipped results, and what is wrong."""
    passed, failed, skipped, wrong = [], [], [], []
    plans = [re.match(r'1\.\.(\d+)', line) for line in lines]
    plans = [int(plan[1]) for plan in plans if plan]
    for line in lines:
        found = re.match(r'(not )?ok\b[ \d-]*(.*)', line)
        if not found:
            continue
        name = found[2]
        if found[1]:
            failed.append(name)
        elif re.search(r'# SKIP', name, re.I):
            skipped.append(name)
        else:
            passed.append(name)
    results = len(passed) + len(failed) + len(skipped)
    if end is None:
        wrong.append('did not end')
    elif end not in ('0', '77') and not (end == '1' and failed):
        wrong.append(f'ended with status {end}')
    elif end in ('0', '77') and failed:
        wrong.append(f'ended with status {end} although results failed')
    elif end == '77' and passed:
        wrong.append('ended with status 77 although results passed')
    for line in lines:
        if found := re.match(r'1\.\.0 # SKIP (.*)', line):
            skipped.append(found[1])
    if end == '77' and not plans and not results:
        skipped.append('the whole program')
    elif len(plans) != 1:
        wrong.append(f'printed {len(plans)} plans')
    elif plans[0] != results:
        wrong.append(f'planned {plans[0]} results, printed {results}')
    return passed, failed, skipped, wrong


def main():
    args = arguments()
    text = pathlib.Path(args.output).read_text(errors='replace')
    totals = [0, 0, 0]
    for program in args.programs:
        runs = list(sections(text, program))
        if len(runs) != 1:
            runs = [([], None)]
        passed, failed, skipped, wrong = judge(*runs[0])
        for name in failed:
            print(f'FAILED: {program}: {name}')
        for reason in wrong:
            print(f'WRONG: {program}: {reason}')
        for name in skipped:
            print(f'skipped: {program}: {name}')
        totals[0] += len(passed)
        totals[1] += len(failed) + len(wrong)
        totals[2] += len(skipped)
    if args.run_status:
        print(f'WRONG: the run ended with status {args.run_status}')
        totals[1] += 1
    print(f'{totals[0]} passed, {totals[1]} failed, {totals[2]} skipped')
    return 1 if totals[1] or not totals[0] else 0


if __name__ == '__main__':
    sys.exit(main())
