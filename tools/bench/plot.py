#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Plots of build/bench.json, by gnuplot, as SVG files in a folder.

cost-INSTRUMENT.svg: what an operation in the kernel costs by the number of
pending deadlines. scaling-INSTRUMENT.svg: calls by the number of CPUs. A plot
whose figures are not there is not drawn.
"""

import argparse
import json
import pathlib
import subprocess
import sys

PEERS = {       # who: (title, colour)
    'twq-local': ('twq, one CPU\'s task', '#0072b2'),
    'twq-shared': ('twq, shared task', '#56b4e9'),
    'hrtimer': ('hrtimer', '#d55e00'),
    'mod_timer': ('timer wheel', '#009e73'),
}
COSTS = {
    'arm': 'arm', 'extend': 'move later', 'shorten': 'move earlier',
    'unlink': 'take out', 'expire': 'expire and run',
    'alternate': 'later, earlier, later ...',
}
SCALING = {
    'own-throughput': 'own deadlines: take out and arm',
    'foreign-throughput': 'deadlines of another CPU: move earlier',
}
UNITS = {'insn': 'instructions', 'ns': 'nanoseconds', 'op/s': 'calls a second'}


def curves(figures, op, by):
    """Returns {who: [(x, median, min, max)]} of one operation."""
    found = {}
    for figure in figures:
        if figure['where'] == 'kernel' and figure['op'] == op:
            found.setdefault(figure['who'], []).append(
                tuple(figure[name] for name in (by, 'median', 'min', 'max')))
    return {who: sorted(found[who]) for who in PEERS if who in found}


def panel(title, points, error_bars, named):
    """Returns gnuplot's lines for one panel, which says whose curves if named."""
    style = 'yerrorlines' if error_bars else 'linespoints'
    data, plots = [], []
    for number, (who, rows) in enumerate(points.items()):
        # Of a figure that is not above zero a logarithm tells nothing.
        rows = [row for row in rows if row[1] > 0]
        data += [f'$d{number} << EOD',
                 *(' '.join(map(str, row)) for row in rows), 'EOD']
        name, colour = PEERS[who]
        plots.append(f'$d{number} using 1:2' +
                     (':3:4' if error_bars else '') +
                     f' with {style} lc rgb "{colour}" pt 7 ps 0.5 '
                     f'title "{name}"')
    return data + [f'set title "{title}"', 'set key' if named else 'unset key',
                   'plot ' + ', '.join(plots)]


def draw(path, panels, settings, error_bars):
    """Draws panels, at most three in a row."""
    columns = min(len(panels), 3)
    lines = -(-len(panels) // columns)
    script = [
        f'set terminal svg size {340 * columns},{280 * lines} '
        'font "sans-serif,11" background "white"',
        f'set output "{path}"',
        f'set multiplot layout {lines},{columns}',
        'set grid', 'set key left top samplen 1 spacing 0.9', *settings,
    ]
    for number, (title, points) in enumerate(panels):
        script += panel(title, points, error_bars, not number)
    script.append('unset multiplot')
    done = subprocess.run(['gnuplot'], input='\n'.join(script) + '\n',
                          text=True, capture_output=True, check=False)
    if done.returncode or done.stderr:
        sys.exit(f'gnuplot: {done.stderr}')
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
        for name, ops, by, axes in (
                ('cost', COSTS, 'pending', ['set logscale xy',
                                            'set yrange [5:10000]',
                                            'set xlabel "pending"',
                                            'set format x "10^{%L}"']),
                ('scaling', SCALING, 'cpus', ['set logscale x 2',
                                              'set yrange [0:*]',
                                              'set xlabel "CPUs"'])):
            panels = [(title, curves(figures, op, by))
                      for op, title in ops.items()]
            panels = [(title, points) for title, points in panels
                      if any(len(rows) > 1 for rows in points.values())]
            if panels:
                unit = {figure['unit'] for figure in figures
                        if figure['op'] in ops}.pop()
                draw(args.folder / f'{name}-{instrument}.svg', panels,
                     axes + [f'set ylabel "{UNITS[unit]}"'],
                     error_bars=unit != 'insn')


if __name__ == '__main__':
    main()
