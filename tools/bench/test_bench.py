#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Shows that bench.py judges each bound right: a made-up record in which every
bound is just met, and for each of them one in which it alone is just missed.
The limits are those of the bounds, written here once more; ceilings of known
misses are set aside, and have cases of their own."""

import contextlib
import io
import pathlib
import sys
import tempfile
import unittest
from unittest import mock

sys.dont_write_bytecode = True
import bench  # pylint: disable=wrong-import-position

RUN = 'bench: run instrument=insn kernel=6.1 cpus=1 machine="a machine"'

# op, who, pending, value: every bound is just met.
KERNEL = '''
    extend twq-local 100000 25
    extend twq-shared 100000 25
    disarm twq-local 100000 25
    disarm twq-shared 100000 25
    arm twq-local 100000 300
    arm twq-shared 100000 340
    arm hrtimer 100000 375.1
    shorten twq-local 100000 380
    shorten hrtimer 100000 475.1
    unlink twq-local 100000 140
    unlink hrtimer 100000 175.1
    expire twq-local 100000 150
    expire hrtimer 100000 150.1
    expire-apart twq-local 100000 760
    expire-apart hrtimer 100000 760.1
    mix twq-local 100000 40
    mix twq-shared 100000 39
    mix mod_timer 100000 200.1
    mix hrtimer 100000 400.1
'''
USER = '''
    extend twq-slot 100000 14
    extend timerfd 100000 1400.1
    arm twq-batch 100000 300
    arm timerfd 100000 1200.1
    create twq-batch 100000 1000
    create timerfd 100000 5000.1
    deliver twq 100000 350
    deliver timerfd 100000 1400.1
    deliver-single twq 100000 700
    deliver-single timerfd 100000 2800.1
    memory-cgroup twq 100000 200
    memory-cgroup timerfd 100000 600.1
    memory twq 100000 300
    memory timerfd 100000 900.1
    lateness-p99 twq 10000 6600
    lateness-p99 twq-epoll 10000 6600
    lateness-p99 timerfd 10000 6000
'''
# where, op, who of what may grow by log n, three times; and of what may not.
GROWING = [('kernel', op, who) for who in ('twq-local', 'twq-shared')
           for op in ('arm', 'shorten', 'unlink', 'alternate', 'expire',
                      'expire-apart')]
GROWING += [('user', op, 'twq-batch')
            for op in ('create', 'arm', 'extend', 'shorten', 'cancel',
                       'deliver', 'destroy')]
GROWING += [('user', op, 'twq-slot') for op in ('arm', 'shorten')]
CONSTANT = [('kernel', op, who) for who in ('twq-local', 'twq-shared')
            for op in ('extend', 'disarm')] + [('user', 'extend', 'twq-slot')]

# One value changed, and the bound that this misses.
MISSES = [
    (('kernel', 'extend', 'twq-local', 100000), 25.1, 'extend, twq-local'),
    (('kernel', 'extend', 'twq-shared', 100000), 25.1, 'extend, twq-shared'),
    (('kernel', 'disarm', 'twq-local', 100000), 25.1, 'disarm, twq-local'),
    (('kernel', 'disarm', 'twq-shared', 100000), 25.1, 'disarm, twq-shared'),
    (('kernel', 'arm', 'twq-local', 100000), 300.05, 'arm, twq-local'),
    (('kernel', 'arm', 'hrtimer', 100000), 375, 'arm, twq-local'),
    (('kernel', 'arm', 'twq-shared', 100000), 340.1, 'arm, twq-shared'),
    (('kernel', 'shorten', 'twq-local', 100000), 380.05, 'shorten, twq-local'),
    (('kernel', 'shorten', 'hrtimer', 100000), 475, 'shorten, twq-local'),
    (('kernel', 'unlink', 'twq-local', 100000), 140.05, 'unlink, twq-local'),
    (('kernel', 'unlink', 'hrtimer', 100000), 175, 'unlink, twq-local'),
    (('kernel', 'expire', 'hrtimer', 100000), 150, 'expire and run, at once'),
    (('kernel', 'expire-apart', 'hrtimer', 100000), 760,
     'expire and run, one by one'),
    (('kernel', 'mix', 'mod_timer', 100000), 200, 'mix, twq-local'),
    (('kernel', 'mix', 'hrtimer', 100000), 400, 'mix, twq-local'),
    (('kernel', 'mix', 'twq-shared', 100000), 40.015, 'mix, twq-shared'),
    (('user', 'extend', 'timerfd', 100000), 1400,
     'extend by a store, from user space'),
    (('user', 'arm', 'timerfd', 100000), 1200, 'arm in batches, from user space'),
    (('user', 'create', 'timerfd', 100000), 5000,
     'create in batches, from user space'),
    (('user', 'deliver', 'timerfd', 100000), 1400, 'deliver, to user space'),
    (('user', 'deliver-single', 'timerfd', 100000), 2800,
     'deliver one alone, to user space'),
    (('user', 'memory', 'timerfd', 100000), 900, 'memory'),
    (('user', 'memory-cgroup', 'timerfd', 100000), 600, 'memory of the cgroup'),
    (('user', 'lateness-p99', 'twq', 10000), 6600.1,
     'lateness, p99, in read()'),
    (('user', 'lateness-p99', 'twq-epoll', 10000), 6600.1,
     'lateness, p99, in epoll_wait()'),
] + [((*key, 1000000), 300.1, f'growth of {key[1]}, {key[2]}')
     for key in GROWING
] + [((*key, 1000000), 103, f'growth of {key[1]}, {key[2]}')
     for key in CONSTANT]


def met():
    """Returns {(where, op, who, pending): value}."""
    record = {}
    for where, text in ('kernel', KERNEL), ('user', USER):
        for line in text.split('\n'):
            if line.strip():
                op, who, pending, value = line.split()
                record[where, op, who, int(pending)] = float(value)
    for key in GROWING + CONSTANT:
        record[(*key, 100)] = 100
        record[(*key, 1000000)] = 300 if key in GROWING else 102.4
    return record


def judged(record, *options, extra=()):
    """Returns bench.py's status and the lines that it prints for a record."""
    lines = [RUN] + [f'bench: where={key[0]} op={key[1]} who={key[2]} '
                     f'pending={key[3]} unit=insn value={value}'
                     for key, value in record.items()]
    with tempfile.TemporaryDirectory() as folder:
        raw = pathlib.Path(folder, 'raw')
        raw.write_text('\n'.join([*lines, *extra]) + '\n')
        out = io.StringIO()
        with mock.patch.object(sys, 'argv', ['bench.py', *options, str(raw)]), \
                contextlib.redirect_stdout(out):
            status = bench.main()
    return status, out.getvalue().splitlines()


def but(key):
    """Returns the record without the figure @key."""
    return {other: value for other, value in met().items() if other != key}


class Case(unittest.TestCase):
    """No bound is known to be missed."""

    def setUp(self):
        for bound in bench.BOUNDS:
            patch = mock.patch.object(bound, 'known', None)
            patch.start()
            self.addCleanup(patch.stop)

    def one(self, verdict, name, status, lines):
        """The bound @name alone is not ok, but @verdict; returns its line."""
        told = [line for line in lines
                if line.startswith(('MISSED', 'KNOWN MISS -', 'MET'))]
        self.assertEqual([line.split(':')[0] for line in told],
                         [f'{verdict} - {name}'])
        passed = len(bench.BOUNDS) - 1
        failed = bench.FAILS[verdict]
        self.assertEqual(status, int(failed))
        self.assertEqual(lines[-1], f'{passed} passed, {int(failed)} failed')
        return told[0]


class Judging(Case):
    """What bench.py says of a whole record."""

    def test_all_met(self):
        status, lines = judged(met())
        self.assertEqual([line for line in lines if 'MISS' in line], [])
        self.assertEqual(status, 0)
        self.assertEqual(lines[-1], f'{len(bench.BOUNDS)} passed, 0 failed')

    def test_each_missed(self):
        for key, value, name in MISSES:
            with self.subTest(name=name, key=key):
                self.assertIn(key, met())
                self.one('MISSED', name, *judged({**met(), key: value}))

    def test_each_bound_has_its_miss(self):
        named = [name for _, _, name in MISSES]
        self.assertEqual({bound.name for bound in bench.BOUNDS} - set(named),
                         {'1,000,000 tasks on one file'})

    def test_not_measured_is_missed(self):
        for key in met():
            with self.subTest(key=key):
                status, lines = judged(but(key))
                self.assertEqual(status, 1)
                self.assertTrue(any(line.startswith('MISSED') and
                                    'not measured' in line for line in lines))

    def test_median_not_mean(self):
        line = ('bench: where=kernel op=extend who=twq-local pending=100000 '
                'unit=insn value=')
        self.assertEqual(judged(met(), extra=[line + '9999', line + '1'])[0], 0)
        self.assertEqual(judged(met(), extra=[line + '9999', line + '26'])[0], 1)

    def test_none_is_told(self):
        lines = judged(met(), extra=["bench: none where=user who=posix "
                                     "pending=1000000 why='too slow'"])[1]
        self.assertIn('insn: no posix at 1,000,000: too slow.', lines)

    def test_moved_share_is_told(self):
        line = ('bench: where=kernel op=foreign-{} who={} pending=10000 '
                'cpus=2 unit={} value={}')
        lines = judged(met(), extra=[
            line.format('call', 'twq-local', 'ns', 300),
            line.format('moved', 'twq-local', 'percent', 12),
            line.format('call', 'hrtimer', 'ns', 900),
            line.format('moved', 'hrtimer', 'percent', 100)])[1]
        row = next(line for line in lines if 'foreign-call' in line)
        self.assertEqual(row.split()[3:],
                         '300.0, 12 % moved 900.0'.split())


class Parts(Case):
    """What a run that measures a part of all is judged by."""

    def test_quick_is_all_at_one_number(self):
        status, lines = judged({key: value for key, value in met().items()
                                if key[3] in (bench.AT, bench.AT_ONCE)},
                               '--quick')
        growths = len(GROWING) + len(CONSTANT)
        self.assertEqual(status, 0)
        self.assertEqual(
            lines[-1], f'{len(bench.BOUNDS) - growths - 1} passed, 0 failed')

    def test_quick_not_measured_is_missed(self):
        for key in met():
            if key[3] in (bench.AT, bench.AT_ONCE):
                with self.subTest(key=key):
                    status, lines = judged(but(key), '--quick')
                    self.assertEqual(status, 1)
                    self.assertTrue(any(line.startswith('MISSED') and
                                        'not measured' in line
                                        for line in lines))

    def test_a_part_is_judged_by_its_bounds(self):
        for where, part in bench.PARTS.items():
            record = {key: value for key, value in met().items()
                      if key[0] == where}
            self.assertEqual(judged(record, '--part', part)[0], 0)
            self.assertEqual(judged(record)[0], 1)

    def test_a_part_without_bounds_passes(self):
        status, lines = judged(met(), '--part', 'kernel-uml')
        self.assertEqual((status, lines[-1]), (0, '0 passed, 0 failed'))

    def test_by_name(self):
        key = 'user', 'memory', 'twq', 100000
        record = {key: 300, key[:2] + ('timerfd', 100000): 900.1}
        status, lines = judged(record, '--judge', 'memory')
        self.assertEqual((status, lines[-1]), (0, '1 passed, 0 failed'))
        with self.assertRaisesRegex(SystemExit, 'no such bound: memry'):
            judged(record, '--judge', 'memry')

    def test_nothing_measured_fails(self):
        with self.assertRaisesRegex(SystemExit, 'no figures'):
            judged({}, '--part', 'kernel-uml')


class KnownMisses(Case):
    """A bound with a ceiling beside it."""
    NAME, KEY = 'arm, twq-shared', ('kernel', 'arm', 'twq-shared', 100000)

    def setUp(self):
        super().setUp()
        bound = next(bound for bound in bench.BOUNDS if bound.name == self.NAME)
        patch = mock.patch.object(bound, 'known', 400)
        patch.start()
        self.addCleanup(patch.stop)

    def at(self, verdict, value):
        """It is @verdict at @value. Returns its line and all lines."""
        status, lines = judged({**met(), self.KEY: value})
        return self.one(verdict, self.NAME, status, lines), lines

    def test_missed_is_named_and_not_counted(self):
        line, lines = self.at('KNOWN MISS', 340.1)
        self.assertTrue(line.endswith(': 340.1, at most 340; known, up to 400'))
        self.assertEqual(lines[-2], f'known misses, 1: {self.NAME}')

    def test_at_the_ceiling_is_known(self):
        self.at('KNOWN MISS', 400)

    def test_above_the_ceiling_fails(self):
        lines = self.at('MISSED', 400.1)[1]
        self.assertFalse(any(line.startswith('known misses') for line in lines))

    def test_met_fails(self):
        line = self.at('MET', 340)[0]
        self.assertTrue(line.endswith('take the ceiling away'), line)

    def test_not_measured_fails(self):
        status, lines = judged(but(self.KEY), '--quick')
        self.assertEqual(status, 1)
        self.assertIn(f'MISSED - {self.NAME}: not measured', lines)

    def test_beside_a_miss(self):
        other = 'kernel', 'unlink', 'twq-local', 100000
        status, lines = judged({**met(), self.KEY: 350, other: 140.05})
        self.assertEqual(status, 1)
        self.assertEqual(lines[-2:], [
            f'known misses, 1: {self.NAME}',
            f'{len(bench.BOUNDS) - 2} passed, 1 failed'])

    def test_of_a_peer(self):
        bound = next(bound for bound in bench.BOUNDS
                     if bound.name == 'deliver, to user space')
        key = 'user', 'deliver', 'twq', 100000
        for value, verdict in ((350, 'MET'), (351, 'KNOWN MISS'),
                               (361, 'MISSED')):
            with mock.patch.object(bound, 'known', 360):
                text = bound.judge(bench.Figures(
                    {bench.Key('insn', *which[:3], which[3], 1, 'insn'): [found]
                     for which, found in {**met(), key: value}.items()}))
            self.assertEqual(text[0], verdict)


class Ceilings(unittest.TestCase):
    """The ceilings that there are."""

    def test_a_ceiling_is_above_its_limit(self):
        for bound in bench.BOUNDS:
            if bound.known is not None and bound.most is not None:
                self.assertGreater(bound.known, bound.most)


if __name__ == '__main__':
    unittest.main()
