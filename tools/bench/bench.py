#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Figures out of the benchmarks' lines: tables, plots, and the bounds.

Reads lines of these forms from its arguments and leaves out all others:

    bench: run instrument=insn kernel=6.1.0-56-amd64 cpus=1 machine="QEMU ..."
    bench: where=kernel op=arm who=twq-local pending=100000 unit=insn value=287.4
    bench: none where=user who=uring pending=1000000 why='a second for each'

The first begins a run; what follows belongs to it. The second is one sample:
where (kernel or user), op (the operation), who (the peer), pending (how many
deadlines are armed meanwhile), cpus (where it matters), unit and value. Samples
that differ in nothing but the value make one figure: their median and spread.
The third says why there are none.

Prints each table, then each bound with its figure, "ok", "MISSED", "KNOWN MISS"
or "MET", and as the last line "N passed, N failed". Status 1 if one failed.
A bound whose figures are not there is missed: --quick, --part and --judge say
which bounds a run is to measure.

A bound that is known to be missed keeps its limit and has a ceiling beside it,
what it was last measured at and some 5 % more. Up to the ceiling it is a known
miss: named, and neither passed nor failed. Above it the bound fails, and so it
does when it is met, so that the ceiling is taken away.
"""

import argparse
import collections
import json
import math
import os
import pathlib
import platform
import shlex
import statistics
import subprocess
import sys

AT = 100000     # the bounds are for this many pending
AT_ONCE = 10000  # lateness: so many in a second
FEW, MANY = 100, 1000000
PARTS = {'kernel': 'kernel-insn', 'user': 'user-insn'}  # what measures them
WHO = ('twq-local', 'twq-shared', 'hrtimer', 'hrtimer-soft', 'mod_timer',
       'rbtree', 'none')

Key = collections.namedtuple('Key', 'instrument where op who pending cpus unit')


# ---- samples and figures ----

def fields(line):
    """Returns the keys and values of a line."""
    return dict(word.split('=', 1) for word in shlex.split(line) if '=' in word)


def read(paths):
    """Returns the runs, {Key: [values]} and what there is none of."""
    runs, samples, none = [], collections.defaultdict(list), []
    for path in paths:
        run, told = {}, False
        for line in pathlib.Path(path).read_text(errors='replace').splitlines():
            if line.startswith('bench: run '):
                run = fields(line)
                runs.append(run)
            elif line.startswith('bench: where='):
                add(samples, run, fields(line), path)
                told = True
            elif line.startswith('bench: none '):
                none.append({'instrument': run['instrument'], **fields(line)})
                told = True
        if not told:
            sys.exit(f'{path}: no figures')
    return runs, samples, none


def add(samples, run, sample, path):
    """Adds one sample of a run."""
    try:
        key = Key(run['instrument'], sample['where'], sample['op'],
                  sample['who'], int(sample['pending']),
                  int(sample.get('cpus', run['cpus'])), sample['unit'])
        value = float(sample['value'])
    except (KeyError, ValueError) as error:
        sys.exit(f'{path}: cannot read {sample}: {error!r}')
    samples[key].append(value)


def figure(values):
    """Returns what a figure says of its samples."""
    values = sorted(values)
    low, _, high = (statistics.quantiles(values, n=4, method='inclusive')
                    if len(values) > 1 else values * 3)
    return {'n': len(values), 'median': statistics.median(values),
            'min': values[0], 'max': values[-1],
            'quartiles': [low, high]}


class Figures:
    """The figures of all runs."""

    def __init__(self, samples):
        self.of = {key: figure(values) for key, values in samples.items()}

    def median(self, where, op, who, pending, instrument='insn'):
        """Returns a figure's median, or None where nothing was measured."""
        for key, found in self.of.items():
            if (key.instrument, key.where, key.op, key.who, key.pending) == (
                    instrument, where, op, who, pending):
                return found['median']
        return None


# ---- bounds: the issue's, in instructions an operation ----

class Bound:
    """A figure that may be @most at most, or less than @below of another's, or
    no more than @within of it. With none of them it must have been measured.
    @known: it is missed, by a figure of so much at most."""

    def __init__(self, name, figure_of, most=None, below=None, within=None,
                 than=None, at=AT, known=None):
        self.name, self.figure_of, self.most, self.at = name, figure_of, most, at
        self.below, self.within, self.than = below, within, than
        self.known, self.quick = known, at != MANY
        self.part = PARTS[figure_of[0]]

    def judge(self, figures):
        """Returns what became of it, a key of FAILS, and the figures."""
        found = figures.median(*self.figure_of, self.at)
        if found is None:
            return 'MISSED', 'not measured'
        if self.than is None and self.most is None:
            return 'ok', f'{found:.1f} each'
        if self.most is not None:
            return self.verdict(found, found <= self.most,
                                f'at most {self.most}')
        other = figures.median(*self.than, self.at)
        if other is None:
            return 'MISSED', f'{found:.1f}, {self.than[2]} not measured'
        factor = self.below or self.within
        limit = factor * other
        good = found < limit if self.below else found <= limit
        return self.verdict(found, good, (
            f'{"under" if self.below else "at most"} {limit:.1f} '
            f'({factor:.4g} x {self.than[2]}\'s {other:.1f})'))

    def verdict(self, found, good, limit):
        """Returns the same, of a figure that was measured."""
        text = f'{found:.1f}, {limit}'
        if self.known is None:
            return 'ok' if good else 'MISSED', text
        text += f'; known, up to {self.known}'
        if good:
            return 'MET', text + '; take the ceiling away'
        return 'KNOWN MISS' if found <= self.known else 'MISSED', text


class Growth:
    """A figure that may not grow from FEW to MANY pending, or no faster than
    the logarithm."""
    quick, known = False, None

    def __init__(self, figure_of, constant):
        self.name = f'growth of {figure_of[1]}, {figure_of[2]}'
        self.figure_of, self.constant = figure_of, constant
        self.part = PARTS[figure_of[0]]

    def judge(self, figures):
        """Returns what became of it, a key of FAILS, and the figures."""
        few, many = (figures.median(*self.figure_of, n) for n in (FEW, MANY))
        if few is None or many is None:
            return 'MISSED', 'not measured'
        limit = (few * 1.02 + 0.5 if self.constant else
                 few * math.log10(MANY) / math.log10(FEW))
        return 'ok' if many <= limit else 'MISSED', (
            f'{few:.1f} at {FEW}, {many:.1f} at {MANY}, at most '
            f'{limit:.1f} ({"constant" if self.constant else "as log n"})')


# What may become of a bound, and whether that is a failure.
FAILS = {'ok': False, 'KNOWN MISS': False, 'MISSED': True, 'MET': True}


def kernel(op, who):
    return ('kernel', op, who)


def user(op, who):
    return ('user', op, who)


BOUNDS = [
    Bound(f'{op}, {who}', kernel(op, who), most=25)
    for op in ('extend', 'disarm') for who in ('twq-local', 'twq-shared')
] + [
    Bound('arm, twq-local', kernel('arm', 'twq-local'), most=300),
    Bound('arm, twq-local', kernel('arm', 'twq-local'),
          below=0.8, than=kernel('arm', 'hrtimer')),
    Bound('arm, twq-shared', kernel('arm', 'twq-shared'), most=340),
    Bound('shorten, twq-local', kernel('shorten', 'twq-local'), most=380),
    Bound('shorten, twq-local', kernel('shorten', 'twq-local'),
          below=0.8, than=kernel('shorten', 'hrtimer')),
    Bound('unlink, twq-local', kernel('unlink', 'twq-local'), most=140),
    Bound('unlink, twq-local', kernel('unlink', 'twq-local'),
          below=0.8, than=kernel('unlink', 'hrtimer')),
    Bound('expire and run, at once', kernel('expire', 'twq-local'),
          below=1, than=kernel('expire', 'hrtimer'), known=181),
    Bound('expire and run, one by one', kernel('expire-apart', 'twq-local'),
          below=1, than=kernel('expire-apart', 'hrtimer'), known=2138),
] + [
    Bound(f'mix, {who}', kernel('mix', who), below=below,
          than=kernel('mix', than))
    for who in ('twq-local', 'twq-shared')
    for below, than in ((1 / 5, 'mod_timer'), (1 / 10, 'hrtimer'))
] + [
    Bound('extend by a store, from user space', user('extend', 'twq-slot'),
          below=1 / 100, than=user('extend', 'timerfd')),
    Bound('arm in batches, from user space', user('arm', 'twq-batch'),
          below=1 / 4, than=user('arm', 'timerfd')),
    Bound('create in batches, from user space', user('create', 'twq-batch'),
          below=1 / 5, than=user('create', 'timerfd')),
    Bound('deliver, to user space', user('deliver', 'twq'),
          below=1 / 4, than=user('deliver', 'timerfd')),
    Bound('deliver one alone, to user space', user('deliver-single', 'twq'),
          below=1 / 4, than=user('deliver-single', 'timerfd'), known=3225),
    Bound('memory', user('memory', 'twq'),
          below=1 / 3, than=user('memory', 'timerfd')),
    Bound('memory of the cgroup', user('memory-cgroup', 'twq'),
          below=1 / 3, than=user('memory-cgroup', 'timerfd')),
    Bound('lateness, p99, in read()', user('lateness-p99', 'twq'),
          within=1.1, than=user('lateness-p99', 'timerfd'), at=AT_ONCE),
    Bound('lateness, p99, in epoll_wait()', user('lateness-p99', 'twq-epoll'),
          within=1.1, than=user('lateness-p99', 'timerfd'), at=AT_ONCE,
          known=7840),
    Bound('1,000,000 tasks on one file', user('create', 'twq-batch'), at=MANY),
]

# What may grow by log n from FEW to MANY pending; and what may not grow.
GROWING = [kernel(op, who) for who in ('twq-local', 'twq-shared')
           for op in ('arm', 'shorten', 'unlink', 'alternate', 'expire',
                      'expire-apart')
           ] + [user(op, 'twq-batch')
                for op in ('create', 'arm', 'extend', 'shorten', 'cancel',
                           'deliver', 'destroy')
                ] + [user(op, 'twq-slot') for op in ('arm', 'shorten')]
CONSTANT = [kernel(op, who) for who in ('twq-local', 'twq-shared')
            for op in ('extend', 'disarm')] + [user('extend', 'twq-slot')]
BOUNDS += [Growth(each, True) for each in CONSTANT]
BOUNDS += [Growth(each, False) for each in GROWING]


def chosen(args):
    """Returns the bounds that the run is to measure."""
    names = {bound.name for bound in BOUNDS}
    unknown = set(args.judge) - names
    if unknown:
        sys.exit(f'no such bound: {", ".join(sorted(unknown))}')
    return [bound for bound in BOUNDS
            if (bound.quick or not args.quick) and
            (bound.part in args.part or not args.part) and
            (bound.name in args.judge or not args.judge)]


def judge_all(figures, bounds):
    """Prints the bounds. Returns them for the JSON file."""
    told = []
    print(f'bounds, in instructions an operation, at {AT} pending:')
    for bound in bounds:
        verdict, text = bound.judge(figures)
        print(f'{verdict} - {bound.name}: {text}')
        told.append({'name': bound.name, 'verdict': verdict, 'text': text})
    return told


def count(told):
    """Prints the last lines. Returns whether none failed."""
    names = [each['name'] for each in told if each['verdict'] == 'KNOWN MISS']
    failed = sum(FAILS[each['verdict']] for each in told)
    if names:
        print(f'known misses, {len(names)}: {"; ".join(names)}')
    print(f'{len(told) - failed - len(names)} passed, {failed} failed')
    return not failed


# ---- tables ----

def columns(keys):
    """Returns the peers of some figures, ours and the well-known first."""
    found = {key.who for key in keys}
    return [who for who in WHO if who in found] + sorted(found - set(WHO))


def cell(found, unit):
    """Returns a figure as text: instructions hardly vary, times do."""
    if found is None:
        return '-'
    digits = 0 if found['median'] >= 1000 or unit == 'op/s' else 1
    text = f'{found["median"]:,.{digits}f}'
    if found['n'] == 1 or (unit == 'insn' and
                           found['max'] - found['min'] < 1):
        return text
    return f'{text} ({found["min"]:,.{digits}f}..{found["max"]:,.{digits}f})'


def share(figures, key):
    """Returns how many of a figure's calls were carried out, if not all."""
    if key.op not in ('foreign-call', 'foreign-throughput'):
        return ''
    moved = figures.of.get(key._replace(op='foreign-moved', unit='percent'))
    if not moved or moved['median'] >= 100:
        return ''
    return f', {moved["median"]:.0f} % moved'


def tables(figures):
    """Yields title, header and rows of each table."""
    groups = collections.defaultdict(list)
    for key in figures.of:
        groups[key.instrument, key.where, key.unit].append(key)
    for (instrument, where, unit), keys in groups.items():
        who = columns(keys)
        rows = []
        for op, pending, cpus in dict.fromkeys(
                (key.op, key.pending, key.cpus) for key in keys):
            mark = '*' if cpus > (os.cpu_count() or 1) else ''
            row = [Key(instrument, where, op, name, pending, cpus, unit)
                   for name in who]
            rows.append([op, f'{pending:,}', f'{cpus}{mark}'] + [
                cell(figures.of.get(key), unit) + share(figures, key)
                for key in row])
        yield (f'{instrument}, {where}, {unit}', ['op', 'pending', 'CPUs'] + who,
               rows)


def notes(figures, none):
    """Returns lines about the tables."""
    lines = ['Medians, and in brackets the least and the most of repeated runs.']
    host = os.cpu_count() or 1
    if any(key.cpus > host for key in figures.of):
        lines.append(f'*: more CPUs than the {host} of the host, which take '
                     'turns: who holds a lock, or is next to have it, may not '
                     'be running.')
    return lines + [f'{each["instrument"]}: no {each["who"]} at '
                    f'{int(each["pending"]):,}: {each["why"]}.'
                    for each in none]


def print_table(title, header, rows):
    widths = [max(map(len, column)) for column in zip(header, *rows)]
    print(f'{title}:')
    for row in [header] + rows:
        print('  ' + row[0].ljust(widths[0]) + ''.join(
            '  ' + text.rjust(width)
            for text, width in zip(row[1:], widths[1:])))
    print()


def markdown(title, header, rows):
    lines = [f'{title}:', '', '| ' + ' | '.join(header) + ' |',
             '| --- |' + ' ---: |' * (len(header) - 1)]
    return '\n'.join(lines + ['| ' + ' | '.join(row) + ' |' for row in rows])


# ---- files ----

def machine():
    """Returns what the measuring machine is."""
    model = platform.machine()
    info = pathlib.Path('/proc/cpuinfo')
    if info.exists():
        names = [line.split(':', 1)[1].strip()
                 for line in info.read_text().splitlines()
                 if line.startswith('model name')]
        model = names[0] if names else model
    return {'cpu': model, 'cpus': os.cpu_count(), 'kernel': platform.release()}


def revision():
    """Returns the commit that was measured, or None."""
    told = subprocess.run(['git', 'describe', '--always', '--dirty',
                           '--abbrev=10'], capture_output=True, text=True,
                          cwd=pathlib.Path(__file__).parent, check=False)
    return told.stdout.strip() or None


def write_json(path, runs, figures, told, none):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({
        'machine': machine(), 'commit': revision(), 'runs': runs, 'bounds': told,
        'none': none,
        'figures': [{**key._asdict(), **found}
                    for key, found in figures.of.items()],
    }, indent=1) + '\n')


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument('--json', type=pathlib.Path)
    parser.add_argument('--markdown', type=pathlib.Path)
    parser.add_argument('--quick', action='store_true',
                        help='judge what is measured at one number pending')
    parser.add_argument('--part', action='append', default=[],
                        help='judge what this part measures (again for more)')
    parser.add_argument('--judge', action='append', default=[], metavar='NAME',
                        help='judge the bound of this name (again for more)')
    parser.add_argument('raw', nargs='+')
    return parser.parse_args()


def main():
    args = arguments()
    runs, samples, none = read(args.raw)
    figures = Figures(samples)
    about = notes(figures, none)
    for run in runs:
        print(f'{run["instrument"]}: {run["machine"]}, {run["kernel"]}')
    made = list(tables(figures))
    for table in made:
        print_table(*table)
    print('\n'.join(about) + '\n')
    told = judge_all(figures, chosen(args))
    if args.json:
        write_json(args.json, runs, figures, told, none)
    if args.markdown:
        args.markdown.write_text(
            '\n\n'.join([markdown(*table) for table in made] + about) + '\n')
    return 0 if count(told) else 1


if __name__ == '__main__':
    sys.exit(main())
