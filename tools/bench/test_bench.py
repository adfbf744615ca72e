#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Shows that bench.py judges each bound right: a made-up record in which every
bound is just met, and for each of them one in which it alone is just missed.
The limits are those of the bounds, written here once more."""

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
    memory twq 100000 300
    memory timerfd 100000 900.1
    lateness-p99 twq 10000 6600
    lateness-p99 twq-epoll 10000 6600
    lateness-p99 timerfd 10000 6000
'''
# where, op, who of what may grow by log n, three times; and of what may not.
GROWING = [('kernel', op, who) for who in ('twq-local', 'twq-shared')
           for op in ('arm', 'shorten', 'unlink', 'expire', 'expire-apart')]
GROWING += [('user', op, 'twq-batch')
            for op in ('create', 'arm', 'extend', 'shorten', 'cancel',
                       'deliver', 'destroy')]
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
    (('user', 'extend', 'timerfd', 100000), 1400,
     'extend by a store, from user space'),
    (('user', 'arm', 'timerfd', 100000), 1200, 'arm in batches, from user space'),
    (('user', 'create', 'timerfd', 100000), 5000,
     'create in batches, from user space'),
    (('user', 'deliver', 'timerfd', 100000), 1400, 'deliver, to user space'),
    (('user', 'memory', 'timerfd', 100000), 900, 'memory'),
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


def judged(record, extra=()):
    """Returns bench.py's status and the lines that it prints for a record."""
    lines = [RUN] + [f'bench: where={key[0]} op={key[1]} who={key[2]} '
                     f'pending={key[3]} unit=insn value={value}'
                     for key, value in record.items()]
    with tempfile.TemporaryDirectory() as folder:
        raw = pathlib.Path(folder, 'raw')
        raw.write_text('\n'.join([*lines, *extra]) + '\n')
        out = io.StringIO()
        with mock.patch.object(sys, 'argv', ['bench.py', str(raw)]), \
                contextlib.redirect_stdout(out):
            status = bench.main()
    return status, out.getvalue().splitlines()


class Judging(unittest.TestCase):
    """What bench.py says of a whole record."""

    def missed(self, record, name):
        """The bound @name alone is missed, and told."""
        status, lines = judged(record)
        self.assertEqual(status, 1)
        self.assertEqual([line.split(':')[0] for line in lines
                          if line.startswith('MISSED')], [f'MISSED - {name}'])
        self.assertTrue(lines[-1].endswith(' passed, 1 failed'), lines[-1])

    def test_all_met(self):
        status, lines = judged(met())
        self.assertEqual([line for line in lines if 'MISSED' in line], [])
        self.assertEqual(status, 0)
        self.assertEqual(lines[-1], f'{len(bench.BOUNDS) + 22} passed, 0 failed')

    def test_each_missed(self):
        for key, value, name in MISSES:
            with self.subTest(name=name, key=key):
                self.assertIn(key, met())
                self.missed({**met(), key: value}, name)

    def test_each_bound_has_its_miss(self):
        named = [name for _, _, name in MISSES]
        for bound in bench.BOUNDS:
            if bound.than or bound.most is not None:
                self.assertIn(bound.name, named)

    def test_not_measured_is_missed(self):
        for key in met():
            with self.subTest(key=key):
                status, lines = judged({other: value for other, value
                                        in met().items() if other != key})
                self.assertEqual(status, 1)
                self.assertTrue(any(line.startswith('MISSED') and
                                    'not measured' in line for line in lines))

    def test_median_not_mean(self):
        line = ('bench: where=kernel op=extend who=twq-local pending=100000 '
                'unit=insn value=')
        self.assertEqual(judged(met(), [line + '9999', line + '1'])[0], 0)
        self.assertEqual(judged(met(), [line + '9999', line + '26'])[0], 1)

    def test_none_is_told(self):
        lines = judged(met(), ["bench: none where=user who=posix "
                               "pending=1000000 why='too slow'"])[1]
        self.assertIn('insn: no posix at 1,000,000: too slow.', lines)


if __name__ == '__main__':
    unittest.main()
