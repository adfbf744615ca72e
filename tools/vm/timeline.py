#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""timeline.py [KERNEL]: tests twqctl trace and the page that it writes.

A load of known size is recorded in a virtual machine (stock-6.1). What the two
files hold must be what the load did. Then Chromium loads the page, without a
network and without a screen: no message on its console, the picture has all
tasks and events of the record, in their colours, and answers to the mouse, on a
screen of two pixels for one, too, and with very many tasks. Pages that are broken
on purpose must fail. The pictures stay in build/vm/timeline. The last line is the
count, "N passed, N failed".
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
OUTPUT = TOP / 'build/vm/timeline'
NR = 20		# tasks of one CPU in the load

# Each of NR tasks is armed by its owner, refused to another CPU, and fires. One
# is requeued by two other CPUs. One is moved later, and its position follows. Then
# what timeline.c does to two tasks. CPU 3 goes and comes back.
GUEST = '''
echo 0 >/sys/kernel/tracing/options/record-cmd
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
sleep 50ms
on 1 queue s +80s
sleep 50ms
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
./timeline || exit 1
echo 0 >/sys/devices/system/cpu/cpu3/online
echo 1 >/sys/devices/system/cpu/cpu3/online
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

# The one that is handed on has a run for that, which a wake-up asks for and which
# arms it again.
WANT = {'create': NR + 4, 'arm': NR + 5, 'foreign': 2, 'refused': NR,
        'move': 1, 'drop': 1, 'expire': NR + 2, 'run': NR + 4, 'wakeup': 2,
        'handed_on': 1, 'rehome': 2, 'destroy': NR + 4}

# Put into a copy of the page: how many marks of each kind have their colour, in
# the last corner of theirs.
PROBE = '''<script>
const seen = {};
{
	const all = context.getImageData(0, 0, canvas.width,
					 canvas.height).data;
	const scale = canvas.width / canvas.clientWidth;
	for (const event of events) {
		const bar = event.kind === "run";
		const x = Math.floor((Math.round(x_of(event.at)) +
				      (bar ? .5 : 2.5)) * scale);
		const y = Math.floor((y_of(event) + (bar ? .5 : 4.5)) * scale);
		const first = 4 * (y * canvas.width + x);
		const colour = "#" + Array.from(
			all.slice(first, first + 3)).map(
			n => n.toString(16).padStart(2, "0")).join("");
		if (colour === KINDS[event.kind][0])
			seen[event.kind] = (seen[event.kind] || 0) + 1;
	}
}
document.body.dataset.seen = JSON.stringify(seen);
document.body.dataset.tasks = new Set(events.filter(e => e.task >= 0).map(
	e => name_of(e.task))).size;
document.body.dataset.scale = canvas.width / canvas.clientWidth;
</script>
</body>'''

# The same: what is wrong with its answers to the mouse.
HAND = '''<script>
const wrong = [];
{
	const hand = (type, x, y, more) => {
		const at = canvas.getBoundingClientRect();
		canvas.dispatchEvent(new (type === "wheel" ? WheelEvent :
					  MouseEvent)(type, {
			clientX: at.left + 1 + x, clientY: at.top + 1 + y,
			bubbles: true, cancelable: true, ...more }));
	};
	const click = (x, y) => {
		hand("mousedown", x, y);
		hand("mouseup", x, y);
	};
	const drawn = () => JSON.parse(canvas.dataset.drawn);
	const sum = of => Object.values(of).reduce((a, b) => a + b, 0);
	const check = (what, ok) => ok || wrong.push(what);
	const near = (a, b) => Math.abs(a - b) < (to - from) * .01;
	const all = canvas.dataset.drawn;
	const arrow = lines[1], n_lines = lines.length;
	const of_all = +canvas.dataset.lines;
	const tip = document.getElementById("tip");

	/* The legend: what is off is not drawn. */
	const box = document.querySelector("[data-kind=arm] input");
	box.click();
	check("legend: armed off", !drawn().arm && drawn().run);
	box.click();
	check("legend: armed on", canvas.dataset.drawn === all);

	/* A look, and a click. */
	const x = x_of(arrow.b.at), y = y_of(arrow.b) + 2;
	hand("mousemove", x, y);
	check("no tip", tip.textContent.includes(name_of(arrow.b.task)) &&
	      tip.textContent.includes(KINDS.foreign[1]));
	click(x, y);
	check("click: one task", only === arrow.b.task && sum(drawn()) ===
	      events.filter(e => e.task === only).length);
	check("click: its lines", +canvas.dataset.lines === 2);
	click(LEFT + 1, height - 1);
	check("click: all", only === -1 && canvas.dataset.drawn === all);

	/* The wheel, on the requeue, until its arming is out of sight. */
	const span = to - from;
	hand("wheel", x, y, { deltaY: -100 });
	check("wheel: nearer", Math.abs((to - from) / span - .8) < .01);
	check("wheel: stays", Math.abs(x_of(arrow.b.at) - x) < 2);
	for (let n = 0; n < 60 && x_of(arrow.a.at) > LEFT - 50; n++)
		hand("wheel", x_of(arrow.b.at), y, { deltaY: -100 });
	check("wheel: arming outside", arrow.a.at < from && arrow.b.at < to);
	check("wheel: its line", of_all !== n_lines || +canvas.dataset.lines);

	/* Moved by a hundred pixels, which selects nothing. */
	const begin = from, part = (to - from) * 100 / (width - LEFT);
	hand("mousedown", x, y);
	hand("mousemove", x - 50, y);
	hand("mousemove", x - 100, y);
	hand("mouseup", x - 100, y);
	check("drag: moved", near(from, begin + part));
	check("drag: selects", only === -1);
	hand("mousemove", x, y);
	check("drag: lets go", near(from, begin + part));

	hand("dblclick", x, y);
	check("double click: all", canvas.dataset.drawn === all);
	hand("wheel", x, y, { deltaY: 100 });
	check("wheel: no farther than all", canvas.dataset.drawn === all &&
	      from === 0 && to === END);
	document.body.dataset.lines = of_all;
}
document.body.dataset.wrong = JSON.stringify(wrong);
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
    subprocess.run(['make', '-s', '-C', TOP / 'tools', f'O={tools}', 'lib',
                    'twqctl'], check=True)
    with tempfile.TemporaryDirectory() as scratch:
        program = f'{scratch}/timeline'
        subprocess.run(['gcc', '-std=gnu11', '-O2', '-Wall', '-Wextra',
                        '-Werror', '-static', f'-I{TOP}/include/uapi',
                        f'-I{TOP}/tools/lib', '-o', program,
                        VM / 'timeline.c', tools / 'libtwq.a'], check=True)
        run = subprocess.run([VM / 'run.sh', '-k', kernel, '-t', '300', '-o',
                              f'{scratch}/machine', '-f', module, '-f',
                              tools / 'twqctl', '-f', program, GUEST], stdout=subprocess.PIPE)
    if run.returncode:
        sys.stdout.buffer.write(run.stdout[-4000:])
        sys.exit(f'the record: status {run.returncode}')
    return run.stdout.decode().replace('\r\n', '\n')


def part(output, name):
    return output.split(f'begin {name}\n')[1].split(f'end {name}\n')[0]


def chromium(page, folder, *options):
    return subprocess.run(
        ['chromium', '--headless', '--no-sandbox', '--disable-gpu',
         '--proxy-server=127.0.0.1:9', f'--user-data-dir={folder}/user',
         '--enable-logging=stderr', '--window-size=1400,800',
         '--virtual-time-budget=10000', *options, page.as_uri()],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=300)


def load_page(text, folder, scale):
    """Returns the page as Chromium has it, and what its console got."""
    page = folder / 'page.html'
    page.write_text(text)
    run = chromium(page, folder, f'--force-device-scale-factor={scale}',
                   '--dump-dom')
    console = [line for line in run.stderr.splitlines() if 'CONSOLE' in line]
    return run.stdout, console


def attribute(dom, name):
    found = re.search(rf'data-{name}="([^"]*)"', dom)
    return json.loads(html.unescape(found[1])) if found else None


def judge_page(text, folder, scale=1, lines=2):
    """Returns what is wrong with the page, as a list."""
    probed = text.replace('</body>', PROBE).replace('</body>', HAND)
    dom, console = load_page(probed, folder, scale)
    wrong = [f'console: {line}' for line in console]
    drawn = attribute(dom, 'drawn') or {}
    drawn = {kind: n for kind, n in drawn.items() if n}
    if drawn != WANT:
        wrong.append(f'drawn: {drawn}')
    seen = attribute(dom, 'seen') or {}
    for kind in WANT:
        if not seen.get(kind):
            wrong.append(f'no {kind} in its colour')
    found = {name: attribute(dom, name)
             for name in ('tasks', 'scale', 'wrong')}
    found['lines'] = attribute(dom.split('<body')[-1], 'lines')
    expected = {'tasks': NR + 4, 'scale': scale, 'wrong': [], 'lines': lines}
    wrong += [f'{name}: {found[name]}' for name in expected
              if found[name] != expected[name]]
    counts = dict(re.findall(r'data-kind="(\w+)" data-count="(\d+)"', dom))
    counts = {kind: int(n) for kind, n in counts.items() if int(n)}
    if counts != WANT:
        wrong.append(f'legend: {counts}')
    if re.search(r'\b(https?:)?//\w', re.sub(r'<!--.*?-->', '', text)):
        wrong.append('it names other places')
    return wrong


def with_tasks(page, number):
    """The page with so many tasks more, of which nothing is known."""
    more = ''.join(f',{{"name":"task {n}"}}' for n in range(number))
    return page.replace('],\n"events":[', more + '],\n"events":[', 1)


def broken_pages(page):
    """(what is wrong, the page), all of which must be found."""
    for name, old, new in (
            ('an error', 'make_legend();\n', 'make_legend(); undefined.x;\n'),
            ('an event less', 'events.filter(visible)',
             'events.filter(visible).slice(1)'),
            ('a kind in white', 'context.fillStyle = KINDS[event.kind][0];',
             'context.fillStyle = event.kind === "expire" ? "#fff" :'
             ' KINDS[event.kind][0];'),
            ('a script from elsewhere', '<head>',
             '<head><script src="https://twq.invalid/a.js"></script>'),
            ('small marks', 'y_of(event), MARK, MARK', 'y_of(event), 3, 3'),
            ('a dead wheel', 'canvas.onwheel', 'canvas.onwheeled'),
            ('a wheel beside the mouse', 'view(at - part', 'view(at - .9'),
            ('a line that ends with its arming',
             'line.a.at <= to', 'line.a.at >= from'),
            ('a drag that moves nothing', 'view(grip.from + by',
             'view(grip.from + 0 * by'),
            ('a drag that selects', 'grip && !grip.moved', 'grip'),
            ('a drag without an end', '\tgrip = null;\n', ''),
            ('a click that selects nothing', 'only = event ? event.task : -1',
             'only = -1'),
            ('a click that stays', 'only = event ? event.task : -1',
             'only = event ? event.task : only'),
            ('a dead legend', 'shown[kind] = box.checked; draw()', 'draw()'),
            ('a mute mouse', 'show_tip(nearest(place(e)))', 'nearest(place(e))'),
            ('a dead double click', 'view(0, END)', 'view(from, to - from)'),
            ('no end to the wheel', 'Math.min(SPAN_MIN, END)), END)',
             'Math.min(SPAN_MIN, END)), 9 * END)')):
        assert old in page, old
        yield name, page.replace(old, new, 1)


def check_json(text):
    trace = json.loads(text)
    events = [e for e in trace['traceEvents'] if e['ph'] != 'M']
    counts = dict(collections.Counter(e['name'] for e in events))
    expect('json_has_the_events', counts == WANT, counts)
    expect('json_has_the_tasks', trace['otherData']['tasks'] == NR + 4,
           trace['otherData'])
    runs = [e for e in events if e['ph'] == 'X']
    expect('json_runs_are_on_their_cpu',
           sum(e['tid'] == 1 for e in runs) == NR + 2 and
           all(e['dur'] > 0 for e in runs), runs)
    fires = [e for e in events if e['name'] == 'expire']
    expect('json_tells_lateness',
           all(e['args']['late by'] >= 0 for e in fires), fires)
    foreign = [e['tid'] for e in events if e['name'] == 'foreign']
    expect('json_foreign_are_of_their_cpu', foreign == [1, 2], foreign)
    times = [e['ts'] for e in events]
    expect('json_is_in_order', times == sorted(times) and times[0] >= 0)


def check_pages(page, folder):
    wrong = judge_page(page, folder)
    expect('page_has_the_picture', not wrong, wrong)
    wrong = judge_page(page, folder, scale=2)
    expect('page_is_as_fine_as_the_screen', not wrong, wrong)
    coarse = page.replace('window.devicePixelRatio', '0')
    expect('page_that_is_coarse_is_found',
           coarse != page and judge_page(coarse, folder, scale=2))
    many = with_tasks(page, 2000)
    wrong = judge_page(many, folder, lines=0)
    expect('page_of_many_tasks_has_lines_of_one', not wrong, wrong)
    flooded = many.replace('LINES_OF_ALL = 200', 'LINES_OF_ALL = 9999')
    expect('page_with_all_lines_is_found',
           flooded != many and judge_page(flooded, folder, lines=0))
    for name, broken in broken_pages(page):
        expect(f'page_with_{name.replace(" ", "_")}_is_found',
               judge_page(broken, folder))


def main():
    kernel = sys.argv[1] if len(sys.argv) > 1 else 'stock-6.1'
    if kernel.startswith('-'):
        sys.exit(__doc__)
    output = record(kernel)
    check_json(part(output, 'record.json'))
    page = part(output, 'record.html')
    OUTPUT.mkdir(parents=True, exist_ok=True)
    (OUTPUT / 'record.html').write_text(page)
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        check_pages(page, scratch)
        chromium(OUTPUT / 'record.html', scratch,
                 f'--screenshot={OUTPUT}/record.png')
    print(f'{passed} passed, {failed} failed')
    sys.exit(bool(failed or not passed))


main()
