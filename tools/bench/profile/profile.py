#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Instructions by function, from what plugin.c has counted by address.

Names come from the kernel's map, from the symbols of the modules in the log of
the run, and from the program. Prints for each function how many of its
instructions ran for each of --count operations, the dearest first; those below
--least are added up.
"""

import argparse
import bisect
import collections
import pathlib
import subprocess


def symbols(args):
    """Returns the addresses, in order, and their names."""
    lines = pathlib.Path(args.map).read_text().splitlines()
    lines += [line for line in
              pathlib.Path(args.log).read_text(errors='replace').splitlines()
              if '\t[' in line]
    if args.program.exists():
        lines += subprocess.run(['nm', args.program], text=True, check=True,
                                capture_output=True).stdout.splitlines()
    words = [line.split() for line in lines]
    # Those of the program's data may be weak ones.
    found = sorted((int(each[0], 16), ' '.join(each[2:])) for each in words
                   if len(each) > 2 and each[1] in 'tTwWiI'
                   and each[2] != 'data_start')
    return [address for address, _ in found], [name for _, name in found]


def by_function(args):
    """Returns {name: instructions}."""
    addresses, names = symbols(args)
    found = collections.Counter()
    for line in pathlib.Path(args.counts).read_text().splitlines():
        address, runs = line.split()
        at = bisect.bisect_right(addresses, int(address, 16)) - 1
        name = names[at] if at >= 0 else '?'
        # The vDSO lies above all of the program.
        if address.startswith('7f'):
            name = 'vDSO'
        found[name] += int(runs)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--title', required=True)
    parser.add_argument('--count', type=int, required=True)
    parser.add_argument('--least', type=float, default=1)
    parser.add_argument('--map', required=True)
    parser.add_argument('--log', required=True)
    parser.add_argument('--program', required=True, type=pathlib.Path)
    parser.add_argument('counts')
    args = parser.parse_args()
    found = by_function(args)
    each = {name: runs / args.count for name, runs in found.items()}
    print(f'{args.title}, instructions for each of {args.count}:')
    for name, runs in sorted(each.items(), key=lambda item: -item[1]):
        if runs >= args.least:
            print(f'{runs:9.1f}  {name}')
    rest = sum(runs for runs in each.values() if runs < args.least)
    print(f'{rest:9.1f}  all others\n{sum(each.values()):9.1f}  in all')


if __name__ == '__main__':
    main()
