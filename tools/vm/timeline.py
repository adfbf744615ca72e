#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""timeline.py [KERNEL]: tests twqctl trace and the page that it writes.

A load of known size is recorded in a virtual machine (uml-newest). What the two
files hold must be what the load did. Then Chromium loads the page, without a
network and without a screen: no message on its console, and the picture has all
tasks and events of the record, in their colours. Pages that are broken on
purpose must fail. The last line is the count, "N passed, N failed".
"""

import collections
import html
import json
import pathlib
import re
import subprocess
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parents[2]
VM = TOP / 'tools/vm'
NR = 20		# tasks of one CPU in the load

# Each of NR tasks is armed by its owner, refused to another CPU, and fires. One
# is requeued by two other CPUs. One is moved later, and its position follows.
GUEST = '''
insmod twq.ko
i=0
while [ $i -lt %d ]; do
	echo "create t$i cpus=1"
	echo "on 1 queue t$i +500ms"
	echo "on 0 queue t$i +500ms"
	i=$((i + 1))
done >load
cat >>load <<END
create s cpus=0-3
on 0 queue s +90s
on 1 queue s +80s
on 2 queue s +70s
create m cpus=2
on 2 queue m +500ms
on 2 queue m +1500ms
events %d within 30s
wakeup s io
events 1
END
twqctl trace -d 100s -o record >out & pid=$!
until [ -d /sys/kernel/tracing/instances/twqctl-$pid/events/twq ] &&
	grep -q 1 /sys/kernel/tracing/instances/twqctl-$pid/events/twq/twq_end/enable
do
	sleep 1
done
twqctl run -k load >/dev/null 2>&1
kill -INT $pid
wait $pid || exit 1
ls /sys/kernel/tracing/instances
for file in record.json record.html; do
	echo "begin $file"
	cat $file
	echo "end $file"
done
rmmod twq
''' % (NR, NR + 1)

WANT = {'create': NR + 2, 'arm': NR + 2, 'foreign': 2, 'refused': NR,
        'move': 1, 'expire': NR + 1, 'run': NR + 2, 'wakeup': 1,
        'destroy': NR + 2}

# Put into a copy of the page: how many marks of each kind have their colour.
PROBE = '''<script>
const seen = {};
const all = context.getImageData(0, 0, canvas.width, canvas.height).data;
for (const event of events) {
	const y = y_of(event) + 1, x = Math.round(x_of(event.at));
	const first = 4 * (y * canvas.width + x);
	const colour = "#" + Array.from(all.slice(first, first + 3)).map(
		n => n.toString(16).padStart(2, "0")).join("");
	if (colour === KINDS[event.kind][0])
		seen[event.kind] = (seen[event.kind] || 0) + 1;
}
document.body.dataset.seen = JSON.stringify(seen);
document.body.dataset.tasks = new Set(events.filter(e => e.task >= 0).map(
	e => name_of(e.task))).size;
</script>
</body>'''

passed = failed = 0


def expect(name, ok, why=''):
    global passed, failed
    print('ok -' if ok else 'FAILED:', name, '' if ok else f'({why})')
    passed += bool(ok)
    failed += not ok


def build(script, *args):
    return subprocess.run([VM / script, *args], check=True, text=True,
                          stdout=subprocess.PIPE).stdout.strip()


def record(kernel):
    """Returns what the machine printed, with the two files in it."""
    module = build('build.sh', kernel)
    tools = TOP / 'build/tools'
    subprocess.run(['make', '-s', '-C', TOP / 'tools', f'O={tools}', 'twqctl'],
                   check=True)
    with tempfile.TemporaryDirectory() as scratch:
        run = subprocess.run([VM / 'run.sh', '-k', kernel, '-t', '300', '-o',
                              scratch, '-f', module, '-f', tools / 'twqctl',
                              GUEST], stdout=subprocess.PIPE)
    if run.returncode:
        sys.stdout.buffer.write(run.stdout[-4000:])
        sys.exit(f'the record: status {run.returncode}')
    return run.stdout.decode().replace('\r\n', '\n')


def part(output, name):
    return output.split(f'begin {name}\n')[1].split(f'end {name}\n')[0]


def load_page(text, folder):
    """Returns the page as Chromium has it, and what its console got."""
    page = folder / 'page.html'
    page.write_text(text)
    run = subprocess.run(
        ['chromium', '--headless', '--no-sandbox', '--disable-gpu',
         '--proxy-server=127.0.0.1:9', f'--user-data-dir={folder}/user',
         '--enable-logging=stderr', '--window-size=1400,600',
         '--virtual-time-budget=10000', '--dump-dom', page.as_uri()],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=300)
    console = [line for line in run.stderr.splitlines() if 'CONSOLE' in line]
    return run.stdout, console


def attribute(dom, name):
    found = re.search(rf'data-{name}="([^"]*)"', dom)
    return json.loads(html.unescape(found[1])) if found else None


def judge_page(text, folder):
    """Returns what is wrong with the page, as a list."""
    dom, console = load_page(text.replace('</body>', PROBE), folder)
    wrong = [f'console: {line}' for line in console]
    drawn = attribute(dom, 'drawn') or {}
    drawn = {kind: n for kind, n in drawn.items() if n}
    if drawn != WANT:
        wrong.append(f'drawn: {drawn}')
    seen = attribute(dom, 'seen') or {}
    for kind in WANT:
        if not seen.get(kind):
            wrong.append(f'no {kind} in its colour')
    if attribute(dom, 'tasks') != NR + 2:
        wrong.append(f'tasks: {attribute(dom, "tasks")}')
    counts = dict(re.findall(r'data-kind="(\w+)" data-count="(\d+)"', dom))
    counts = {kind: int(n) for kind, n in counts.items() if int(n)}
    if counts != WANT:
        wrong.append(f'legend: {counts}')
    if re.search(r'\b(https?:)?//\w', re.sub(r'<!--.*?-->', '', text)):
        wrong.append('it names other places')
    return wrong


def check_json(text):
    trace = json.loads(text)
    events = [e for e in trace['traceEvents'] if e['ph'] != 'M']
    counts = dict(collections.Counter(e['name'] for e in events))
    expect('json_has_the_events', counts == WANT, counts)
    expect('json_has_the_tasks', trace['otherData']['tasks'] == NR + 2,
           trace['otherData'])
    runs = [e for e in events if e['ph'] == 'X']
    expect('json_runs_are_on_their_cpu',
           sum(e['tid'] == 1 for e in runs) == NR and
           all(e['dur'] > 0 for e in runs), runs)
    fires = [e for e in events if e['name'] == 'expire']
    expect('json_tells_lateness',
           all(e['args']['late by'] >= 0 for e in fires), fires)
    foreign = [e['tid'] for e in events if e['name'] == 'foreign']
    expect('json_foreign_are_of_their_cpu', foreign == [1, 2], foreign)
    times = [e['ts'] for e in events]
    expect('json_is_in_order', times == sorted(times) and times[0] >= 0)


def main():
    kernel = sys.argv[1] if len(sys.argv) > 1 else 'uml-newest'
    if kernel.startswith('-'):
        sys.exit(__doc__)
    output = record(kernel)
    check_json(part(output, 'record.json'))
    page = part(output, 'record.html')
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        wrong = judge_page(page, scratch)
        expect('page_has_the_picture', not wrong, wrong)
        for name, broken in {
            'an_error': page.replace('make_legend();',
                                     'make_legend(); undefined.x;', 1),
            'an_event_less': page.replace('events.filter(visible)',
                                          'events.filter(visible).slice(1)'),
            'a_kind_in_white': page.replace(
                'context.fillStyle = KINDS[event.kind][0];',
                'context.fillStyle = event.kind === "expire" ? "#fff" :'
                ' KINDS[event.kind][0];'),
            'a_script_from_elsewhere': page.replace(
                '<head>', '<head><script src="https://twq.invalid/a.js">'
                '</script>'),
        }.items():
            expect(f'page_with_{name}_is_found',
                   broken != page and judge_page(broken, scratch))
    print(f'{passed} passed, {failed} failed')
    sys.exit(bool(failed or not passed))


main()
