#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Plots of build/bench.json, by gnuplot, as SVG files in a folder.

cost-INSTRUMENT.svg: what an operation in the kernel costs by the number of
pending deadlines; user-INSTRUMENT.svg: from user space. scaling-INSTRUMENT.svg:
calls by the number of CPUs. A plot whose figures are not there is not drawn.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys

PEERS = {       # who: (title, colour)
    'twq-local': ('twq, one CPU\'s task', '#0072b2'),
    'twq-shared': ('twq, shared task', '#56b4e9'),
    'hrtimer': ('hrtimer', '#d55e00'),
    'mod_timer': ('timer wheel', '#009e73'),
}
USERS = {
    'twq': ('twq, a call each', '#56b4e9'),
    'twq-batch': ('twq, 64 a call', '#0072b2'),
    'twq-slot': ('twq, slots', '#000000'),
    'timerfd': ('timerfd + epoll', '#d55e00'),
    'posix': ('POSIX timers', '#009e73'),
    'uring-batch': ('io_uring, 64 a call', '#cc79a7'),
    'libevent-mt': ('libevent, locks', '#e69f00'),
}
COSTS = {
    'arm': 'arm', 'extend': 'move later', 'shorten': 'move earlier',
    'unlink': 'take out', 'expire': 'expire and run',
    'alternate': 'later, earlier, later ...',
}
CALLS = {
    'create': 'create', 'arm': 'arm', 'extend': 'move later',
    'shorten': 'move earlier', 'cancel': 'cancel', 'deliver': 'an expiry',
}
SCALING = {
    'own-throughput': 'own deadlines: take out and arm',
    'foreign-throughput': 'deadlines of another CPU: move earlier',
}
PENDING = ['set logscale xy', 'set xlabel "pending"', 'set format x "10^{%L}"']
CPUS = ['set logscale x 2', 'set yrange [0:*]', 'set xlabel "CPUs"']
PLOTS = [       # name, where, peers, operations, by what, axes
    ('cost', 'kernel', PEERS, COSTS, 'pending',
     PENDING + ['set yrange [5:10000]']),
    ('user', 'user', USERS, CALLS, 'pending',
     PENDING + ['set yrange [1:1000000]', 'set key bottom']),
    ('scaling', 'kernel', PEERS, SCALING, 'cpus', CPUS),
]
NAMED = 4       # in a panel
UNITS = {'insn': 'instructions', 'ns': 'nanoseconds', 'op/s': 'calls a second'}


def curves(figures, where, peers, op, by):
    """Returns {(title, colour): [(x, median, min, max)]} of one operation."""
    found = {}
    for figure in figures:
        if figure['where'] == where and figure['op'] == op:
            found.setdefault(figure['who'], []).append(
                tuple(figure[name] for name in (by, 'median', 'min', 'max')))
    return {peers[who]: sorted(found[who]) for who in peers if who in found}


def panel(number, title, points, error_bars):
    """Returns gnuplot's lines for a panel. The first says whose the first
    NAMED curves are, and so on."""
    names = range(number * NAMED, number * NAMED + NAMED)
    style = 'yerrorlines' if error_bars else 'linespoints'
    data, plots = [], []
    for curve, ((name, colour), rows) in enumerate(points.items()):
        # Of a figure that is not above zero a logarithm tells nothing.
        rows = [row for row in rows if row[1] > 0]
        data += [f'$d{curve} << EOD',
                 *(' '.join(map(str, row)) for row in rows), 'EOD']
        plots.append(f'$d{curve} using 1:2' +
                     (':3:4' if error_bars else '') +
                     f' with {style} lc rgb "{colour}" pt 7 ps 0.5 ' +
                     (f'title "{name}"' if curve in names else 'notitle'))
    return data + [f'set title "{title}"', 'plot ' + ', '.join(plots)]


def shrink(path):
    """Takes out what draws nothing: half of what gnuplot writes."""
    text = re.sub(r'<g [^>]*>\s*</g>\n?', '', path.read_text())
    path.write_text(text.replace(
        ' stroke-linecap="butt" stroke-linejoin="miter"', ''))


def draw(path, panels, settings, error_bars):
    """Draws panels, at most three in a row."""
    columns = min(len(panels), 3)
    lines = -(-len(panels) // columns)
    script = [
        f'set terminal svg size {340 * columns},{280 * lines} '
        'font "sans-serif,11" background "white"',
        f'set output "{path}"',
        f'set multiplot layout {lines},{columns}',
        'unset mxtics', 'unset mytics', 'set grid',
        'set key left top noenhanced samplen 1 spacing 0.9', *settings,
    ]
    for number, (title, points) in enumerate(panels):
        script += panel(number, title, points, error_bars)
    script.append('unset multiplot')
    done = subprocess.run(['gnuplot'], input='\n'.join(script) + '\n',
                          text=True, capture_output=True, check=False)
    if done.returncode or done.stderr:
        sys.exit(f'gnuplot: {done.stderr}')
    shrink(path)
    print(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('json', type=pathlib.Path)
    parser.add_argument('folder', type=pathlib.Path)
    args = parser.parse_args()
    everything = json.loads(args.json.read_text())['figures']
    args.folder.mkdir(parents=True, exist_ok=True)
    for instrument in sorted({figure['instrument'] for figure in everything}):
        figures = [figure for figure in everything
                   if figure['instrument'] == instrument]
        for name, where, peers, ops, by, axes in PLOTS:
            panels = [(title, curves(figures, where, peers, op, by))
                      for op, title in ops.items()]
            panels = [(title, points) for title, points in panels
                      if any(len(rows) > 1 for rows in points.values())]
            if panels:
                unit = {figure['unit'] for figure in figures if
                        figure['where'] == where and figure['op'] in ops}.pop()
                draw(args.folder / f'{name}-{instrument}.svg', panels,
                     axes + [f'set ylabel "{UNITS[unit]}"'],
                     error_bars=unit != 'insn')


if __name__ == '__main__':
    main()
