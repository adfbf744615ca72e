#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# twqctl against the device: each command, each kind of message, each exit
# status. Prints TAP; status 0 when all passed, 1 when some failed. Runs by
# busybox. TWQCTL names the program.

# shellcheck disable=SC2317 # conditions are called by name

twqctl=${TWQCTL:-twqctl}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
name=''
number=0
failed=0
trouble=''

begin() {
	name=$1
	number=$((number + 1))
	trouble=''
}

finish() {
	if [ -z "$trouble" ]; then
		echo "ok $number - $name"
		return
	fi
	printf '%s\n' "$trouble" | sed 's/^[^#]/# &/;/^$/d'
	echo "not ok $number - $name"
	failed=1
}

# run STATUS COMMAND...: runs it, keeps what it prints, expects the status.
run() {
	want=$1
	shift
	"$@" >"$work/out" 2>"$work/err" </dev/null
	got=$?
	[ "$got" = "$want" ] ||
		note "$*: status $got instead of $want: $(cat "$work/err")"
}

# Waits until a command succeeds, for longer than any sane delay.
await() {
	tries=0
	until "$@"; do
		tries=$((tries + 1))
		if [ $tries = 600 ]; then
			note "never: $*"
			return
		fi
		sleep 0.1
	done
}

# handles PID SIGNAL: it has a handler for that.
handles() {
	mask=$(sed -n 's/^SigCgt:[^0-9a-f]*//p' "/proc/$1/status")
	[ $((0x${mask:-0} >> ($2 - 1) & 1)) = 1 ]
}

# signalled STATUS SIGNAL CONDITION COMMAND...: runs it until the condition, a
# function, holds of $pid; then sends the signal.
signalled() {
	want=$1
	signal=$2
	condition=$3
	shift 3
	"$@" >"$work/out" 2>"$work/err" </dev/null &
	pid=$!
	await "$condition"
	kill "-$signal" $pid
	wait $pid
	got=$?
	[ "$got" = "$want" ] ||
		note "$*: status $got instead of $want: $(cat "$work/err")"
}

# script STATUS OPTIONS, the script on standard input.
script() {
	want=$1
	shift
	"$twqctl" run "$@" >"$work/out" 2>"$work/err"
	got=$?
	[ "$got" = "$want" ] ||
		note "run $*: status $got instead of $want: $(cat "$work/err")"
}

note() {
	trouble="$trouble# $*
"
}

# out PATTERN and err PATTERN: a line that was printed there.
out() {
	grep -qE -- "$1" "$work/out" || note "no '$1' in: $(cat "$work/out")"
}

err() {
	grep -qE -- "$1" "$work/err" || note "no '$1' in: $(cat "$work/err")"
}

silent() {
	[ ! -s "$work/err" ] || note "unexpected: $(cat "$work/err")"
}

# Every line an object, its brackets in pairs, no bare word but JSON's three.
json() {
	[ -s "$work/out" ] || note "no JSON"
	while IFS= read -r line; do
		case $line in
		'{'*'}') ;;
		*) note "not an object: $line" ;;
		esac
		bare=$(echo "$line" | sed 's/"[^"]*"//g')
		for pair in '{}' '[]'; do
			open=$(echo "$bare" | tr -cd "${pair%?}" | wc -c)
			shut=$(echo "$bare" | tr -cd "${pair#?}" | wc -c)
			[ "$open" = "$shut" ] || note "unbalanced: $line"
		done
		words=$(echo "$bare" | tr -c '[:lower:]' '\n' |
			grep -vxE 'true|false|null|')
		[ -z "$words" ] || note "bare words $words in: $line"
	done <"$work/out"
}

# wait_until SECONDS COMMAND...: until it succeeds.
wait_until() {
	left=$1
	shift
	until "$@" 2>/dev/null; do
		sleep 1
		left=$((left - 1))
		[ $left -gt 0 ] || return
	done
}

# A child that has ended, or that is no more.
# shellcheck disable=SC2317 # called by wait_until
ended() {
	grep -q '^State:.*Z' "/proc/$1/status" || [ ! -e "/proc/$1" ]
}

# mistake PATTERN LINE: the line, as the second one, fails with this message.
mistake() {
	printf 'create a cpus=0\n%s\n' "$2" >"$work/script"
	run 1 "$twqctl" run "$work/script"
	err "^line 2: $1"
}

# As tests/trace.h: for names of threads the kernel patches its scheduler while it
# runs, on which emulated CPUs stumble.
names=/sys/kernel/tracing/options/record-cmd
[ ! -w $names ] || echo 0 >$names

echo "TAP version 13"

begin info_shows_limits
run 0 "$twqctl" info
out '^event size +48 bytes$'
out '^slot size +16 bytes$'
out '^operation size +64 bytes$'
out '^max tasks +[0-9]+ a file$'
silent
run 0 "$twqctl" info --json
json
out '"abi_version":2,"event_size":48,"slot_size":16,"op_size":64,'
out '"max_tasks":[0-9]+'
finish

begin stats_has_rows_and_sum
run 0 "$twqctl" stats
out '^CPU +queued +kept +expired'
out '^0 '
out '^all '
run 0 "$twqctl" stats --json
json
out '"cpus":\[\{"cpu":0,"serving_cpu":0,.*"total":\{"queued":'
finish

printed_twice() {
	[ "$(grep -c '^all ' "$work/out")" -ge 2 ]
}

begin stats_watch_repeats
signalled 143 TERM printed_twice "$twqctl" stats --watch=1
timeout 60 "$twqctl" stats -w100ms 2>"$work/err" |
	grep -m 5 '^all ' >"$work/out"
[ "$(wc -l <"$work/out")" = 5 ] || note "not often: $(cat "$work/err")"
finish

begin usage_is_2
run 2 "$twqctl"
err 'expected a command'
run 2 "$twqctl" frob
err "not 'frob'"
run 2 "$twqctl" checks --inter 5
err '--inter: expected a whole number with ns, us, ms or s'
run 2 "$twqctl" checks --inter 9999999999999s
err '--inter: expected'
run 2 "$twqctl" checks --duration=-5s
err '--duration: expected a time above 0'
run 2 "$twqctl" checks --checks 0
err '--checks: expected a number from 1 to'
run 2 "$twqctl" checks --cpus 3-1
err '--cpus: expected a list of CPU numbers'
run 2 "$twqctl" checks extra
run 2 "$twqctl" storm --tasks 0
err '--tasks: expected a number from 1 to'
run 2 "$twqctl" storm --duration 5
err '--duration: expected a whole number with ns, us, ms or s'
run 2 "$twqctl" storm --seed x
run 2 "$twqctl" stats --watch=x
err '--watch: expected seconds, or a whole number with ns, us, ms or s'
run 2 "$twqctl" stats --watch=-1s
run 2 "$twqctl" stats --watch=2days
run 2 "$twqctl" trace
err 'expected --output=FILE'
run 2 "$twqctl" trace --output=x --duration=5
err '--duration: expected a whole number with ns, us, ms or s'
run 2 "$twqctl" trace --output=x --duration=0s
err '--duration: expected a time above 0'
run 2 "$twqctl" trace --output=x --buffer=3
err '--buffer: expected 4 to'
run 2 "$twqctl" trace --output=x --device=/dev/twq
run 2 "$twqctl" top --delay=0
err '--delay: expected seconds, or .* above 0 and up to a day'
run 2 "$twqctl" top --delay=86401
run 2 "$twqctl" top --delay=86401s
run 2 "$twqctl" top --count=x
err '--count: expected a number above 0'
run 2 "$twqctl" run one two
run 2 "$twqctl" run --frob
finish

begin help_is_0
run 0 "$twqctl" --help
out '^  checks '
run 0 "$twqctl" checks --help
out '--fastinter'
run 0 "$twqctl" storm --help
out '--hotplug'
run 0 "$twqctl" run --help
out 'create NAME'
run 0 "$twqctl" --version
out '^twqctl [0-9]'
finish

begin no_device_is_3
run 3 "$twqctl" info --device /dev/nothing
err 'cannot open /dev/nothing: No such file'
run 3 "$twqctl" --device=/dev/null stats
err '/dev/null is not a twq device'
run 3 "$twqctl" top --device /dev/nothing
err 'cannot open /dev/nothing: No such file'
run 3 "$twqctl" checks --device /dev/nothing
run 3 "$twqctl" storm --device /dev/nothing
run 3 "$twqctl" run --device /dev/nothing
run 3 "$twqctl" run /no/such/file
err '/no/such/file: No such file'
finish

# lost STATUS WORDS: what twqctl prints cannot be written.
lost() {
	want=$1
	shift
	# shellcheck disable=SC2086 # a list of words
	printf 'create a\n' | timeout 60 "$twqctl" $1 >/dev/full 2>"$work/err"
	got=$?
	[ "$got" = "$want" ] ||
		note "$1: status $got instead of $want: $(cat "$work/err")"
	err '^twqctl: standard output: '
}

begin output_that_is_lost_is_3
lost 3 --help
lost 3 --version
lost 3 info
lost 3 'info --json'
lost 3 stats
lost 3 'stats --watch=10ms'
lost 3 'top --count=2 --delay=10ms'
lost 3 'top --json --delay=10ms'
lost 3 'checks --duration=100ms --checks=10 --silence=60s'
lost 3 'storm --seed=1 --threads=1 --operations=10'
lost 3 run
lost 3 'run --json'
if [ -d /sys/kernel/tracing/events/twq ]; then
	lost 3 "trace -d 10ms -o $work/lost"
fi
# A broken promise remains one.
lost 1 'checks --duration=1s --checks=10 --rate=0 --silence=1ms'
finish

measure=/sys/kernel/debug/twq/measure

top_is_up() {
	handles "$pid" 2 && { [ ! -r "$measure" ] || [ "$(cat "$measure")" = on ]; }
}

# In a pipe. What only root may read is told of, and missed by nothing else.
begin top_prints_lines
run 0 "$twqctl" top -n 2
[ "$(grep -cE '^CPU +depth +waiting +queued/s' "$work/out")" = 2 ] ||
	note "not two looks: $(cat "$work/out")"
out '^0 +[0-9]+ '
out '^shared tree: [0-9]+ tasks'
silent
if grep -q "$(printf '\033')" "$work/out"; then
	note "there is something for a screen"
fi
run 0 "$twqctl" top --json --count=2 --delay=1
json
[ "$(wc -l <"$work/out")" = 2 ] || note "not two objects"
out '^\{"at_ns":[0-9]+,"length_ns":[0-9]+,"cpus":\[\{"cpu":0,'
out '"late_p99_below_ns":[0-9n].*"shared_depth":[0-9]+,"lock_longest_ns":'
run 0 "$twqctl" top --json --count=2 --delay=20ms
out '"length_ns":[0-9]{8,10},'
signalled 0 INT top_is_up "$twqctl" top -d 100
[ "$(cat $measure 2>/dev/null)" != on ] ||
	note "it measures on"
finish

is_loaded() {
	"$twqctl" stats --json | grep -q '"shared_depth":2[,}]'
}

# Of a load: an interval of 10 ms is 100 runs a second, and fewer where emulated
# CPUs stand still. In a run of it the other task is alone in the tree.
begin top_shows_a_load
printf '%s\n' 'create u shared' 'queue u +3600s' \
	'create t cpus=0 shared interval=10ms' 'queue t +1ms' 'sleep 600s' |
	"$twqctl" run >/dev/null &
load=$!
await is_loaded
run 0 "$twqctl" top --json --count=1 --delay=2
kill $load
wait $load 2>/dev/null
out '"shared_depth":[12],'
out '"runs_per_s":(0\.0*)?[1-9]'
if [ "$(id -u)" = 0 ] && [ -d /sys/kernel/tracing/events/twq ]; then
	out '"late_p50_below_ns":[1-9]'
	out '"lock_held_ns":[1-9]'
	out '"lock_longest_ns":[1-9]'
fi
finish

# It blocks the signals that it waits for before it makes its instance.
is_recording() {
	[ "$before" != "$(ls /sys/kernel/tracing/instances)" ]
}

# Where the kernel has no files for events there is a message to be had.
begin trace_writes_both_files
if [ -d /sys/kernel/tracing/events/twq ]; then
	before=$(ls /sys/kernel/tracing/instances)
	run 0 "$twqctl" trace -o "$work/record" -d 100ms
	out '^[0-9]+ events of [0-9]+ tasks, 0 lost$'
	silent
	grep -q '"traceEvents":' "$work/record.json" || note "no JSON"
	grep -q '"events":' "$work/record.html" || note "no page"
	run 0 "$twqctl" trace --json -o "$work/record" -d 10ms
	json
	out '^\{"events":[0-9]+,"tasks":[0-9]+,"lost":0,"files":\['
	run 3 "$twqctl" trace -o /nowhere/record -d 10ms
	err '/nowhere/record.json: No such file'
	signalled 0 INT is_recording "$twqctl" trace -o "$work/early" -d 100s
	[ -s "$work/early.html" ] || note "no page after an interrupt"
	for each in named.html named.json named; do
		rm -f "$work"/named*
		run 0 "$twqctl" trace -o "$work/$each" -d 10ms
		[ "$(cd "$work" && echo named*)" = "named.html named.json" ] ||
			note "$each: $(cd "$work" && echo named*)"
	done
	[ "$before" = "$(ls /sys/kernel/tracing/instances)" ] ||
		note "an instance was left"
else
	run 3 "$twqctl" trace -o "$work/record" -d 100ms
	err 'no tracefs|no tracepoints'
fi
finish

# A load that has more to tell than the buffer of an open file holds.
begin trace_tells_of_a_full_disk
if [ -d /sys/kernel/tracing/events/twq ]; then
	printf 'create t interval=1ms\nqueue t +1ms\nsleep 60s\n' |
		"$twqctl" run >/dev/null &
	load=$!
	ln -s /dev/full "$work/full.json"
	run 3 "$twqctl" trace -o "$work/full" -d 300ms
	err '/full.json: No space left on device$'
	ln -s /dev/full "$work/page.html"
	run 3 "$twqctl" trace -o "$work/page" -d 300ms
	err '/page.html: No space left on device$'
	kill $load
	wait $load 2>/dev/null
	finish
else
	echo "ok $number - $name # SKIP no tracepoints"
fi

# The first signal ends the record, and when its instance is gone the next one
# ends the program, which waits for a reader.
begin trace_is_ended_by_a_second_signal
if [ -d /sys/kernel/tracing/events/twq ]; then
	mkfifo "$work/pipe.json"
	"$twqctl" trace -o "$work/pipe" -d 100s 2>/dev/null &
	trace=$!
	instance=/sys/kernel/tracing/instances/twqctl-$trace
	wait_until 30 grep -q 1 "$instance/events/twq/twq_end/enable"
	kill -TERM $trace
	wait_until 30 test ! -e "$instance"
	kill -TERM $trace
	wait_until 10 ended $trace
	kill -KILL $trace 2>/dev/null
	wait $trace
	got=$?
	[ $got = 143 ] || note "status $got instead of 143"
	finish
else
	echo "ok $number - $name # SKIP no tracepoints"
fi

begin script_runs_every_command
script 0 <<-'END'
# a comment, and an empty line

create a cpus=0 shared   # a comment behind a command
create b interval=20ms
query a
queue a +10ms
events 1 within 60s
schedule a +7200s
schedule a +3600s
affinity a 0
cancel a
cancel a
queue a never
queue a now
queue a -5ms
queue a 1ns
sleep 20ms
events
wakeup b io,msg
queue b now
events 3 within 60s
destroy b
create b
on 0 queue b +1s
stats
END
silent
out '^create a: id=0x1000000$'	# as in twqctl(8)
out '^events: 1$'
out '^  task=a .*reasons=timer cpu=0 .*late=[0-9.]+ms$'
out '^query a: .*state=(running,)?shared_wq due_in=none deadline=never'
out '^cancel a: stopped=yes$'
out '^cancel a: stopped=no$'
out '^  task=b .*reasons=.*io.* cpu='
out '^  ledger: created=3 destroyed=1 armed='
finish

begin script_json_is_one_object_a_line
script 1 -k --json <<-'END'
create a cpus=0 shared
query a
queue a +5ms
events 1 within 60s
queue a 5
queue nobody now
stats
END
json
[ "$(wc -l <"$work/out")" = 7 ] || note "not 7 lines"
out '^\{"line":1,"command":"create","argument":"a","ok":true,"id":[0-9]+'
out '"events":\[\{"task":"a",.*"reasons":\["timer"\],"cpu":0'
out '"state":\[("running",)?"shared_wq"\],"due_in_ns":null,"deadline_ns":null'
out '^\{"line":5,.*"ok":false,"message":"expected a time.*"error":null'
out '"ledger":\{"created":1,'
finish

begin mistake_names_line_and_expected
mistake "frob a: unknown command; expected create, queue," 'frob a'
mistake 'create a: a task of that name exists' 'create a'
mistake 'create b: expected cpus=LIST, shared or' 'create b foo'
mistake 'create b: expected a list of CPU numbers' 'create b cpus=x'
mistake 'create b: expected CPU numbers below' 'create b cpus=9999'
mistake 'create b: expected a whole number' 'create b interval=1'
mistake 'create: expected: create NAME' 'create'
mistake 'queue a: expected: queue NAME TIME' 'queue a'
mistake 'queue a: expected: queue NAME TIME' 'queue a +1s +2s'
mistake 'queue b: expected the name of a task' 'queue b now'
mistake 'queue a: expected a time such as' 'queue a 5'
mistake 'queue a: expected a time such as' 'queue a +-5ms'
mistake 'queue a: expected a time that fits' 'queue a +99999999999s'
mistake 'queue a: expected a time that fits' \
	'queue a 99999999999999999999ns'
mistake 'schedule a: expected a time such as' 'schedule a soon'
mistake 'affinity a: expected a list of CPU' 'affinity a 1-0'
mistake 'wakeup a: expected init, io, signal' 'wakeup a frob'
mistake 'wakeup a: expected init, io, signal' 'wakeup a io,'
mistake 'events x: expected a number of events' 'events x'
mistake "events 1: expected 'within DURATION'" 'events 1 for 1s'
mistake 'events 2: expected 2 events within 10.000 ms, but 0 came' \
	'events 2 within 10ms'
mistake 'sleep -5ms: expected a whole number' 'sleep -5ms'
mistake 'stats x: expected: stats' 'stats x'
mistake 'on 0: expected: on CPU COMMAND' 'on 0'
mistake 'on x: expected a list of CPU numbers' 'on x query a'
mistake 'on 0-1: expected one CPU' 'on 0-1 query a'
mistake 'on 1023: cannot run there: .*online' 'on 1023 query a'
finish

begin errno_has_name_and_hint
mistake 'wakeup a: -EINVAL: the reason .timer. is set by expiry' \
	'wakeup a timer'
mistake 'create b: -EINVAL: no CPU .* or the interval is below 100000' \
	'create b interval=5us'
mistake 'create b: -EINVAL: no CPU of the list is online' \
	'create b cpus=1023'
mistake 'affinity a: -EINVAL: no CPU of the list is online' \
	'affinity a 1023'
finish

begin foreign_call_gets_hint
if [ "$(nproc)" -gt 1 ]; then
	script 1 -k <<-'END'
	create a cpus=0
	on 0 queue a +3600s
	on 1 queue a +10ms
	on 1 schedule a +10ms
	on 1 cancel a
	affinity a 1
	affinity a 0
	on 0 cancel a
	END
	hint="task is not SHARED_WQ; call from CPU 0 or create it with 'shared'"
	err "^line 3: queue a: -EXDEV: $hint\$"
	err "^line 4: schedule a: -EXDEV: $hint\$"
	err "^line 5: cancel a: -EXDEV: $hint\$"
	err '^line 6: affinity a: -EXDEV: .* only CPU 0 can be named'
	out '^affinity a: ok$'
	out '^cancel a: stopped=yes$'
	finish
else
	echo "ok $number - $name # SKIP needs 2 CPUs"
fi

begin script_stops_unless_k
printf 'frob\ncreate a\n' >"$work/script"
run 1 "$twqctl" run "$work/script"
[ ! -s "$work/out" ] || note "went on: $(cat "$work/out")"
run 1 "$twqctl" run -k "$work/script"
out '^create a: id='
err '^line 1: frob: unknown command'
finish

begin name_is_free_after_destroy
script 1 <<-'END'
create a
destroy a
create a
destroy a
query a
END
err '^line 5: query a: expected the name of a task that was created'
finish

begin checks_hold
run 0 "$twqctl" checks --duration 2s --checks 100 --rate 2000 \
	--silence 60s
out '^every promise held$'
out '^lost checks +0$'
out '^deadline to fired '
out '^events +[0-9]+ fired = [0-9]+ delivered'
silent
finish

begin checks_hold_on_one_cpu
run 0 "$twqctl" checks --duration 1s --checks 10 --rate 500 \
	--silence 60s --cpus 0
out '^CPU 0 +[1-9]'
out '^all CPUs +[1-9][0-9]* +[1-9][0-9]* +0$'
finish

begin checks_hold_without_requeues
run 0 "$twqctl" checks --duration 1s --checks 10 --rate 0 --silence 60s
out '^all CPUs +[1-9][0-9]* +0 +0$'
finish

begin checks_json
run 0 "$twqctl" checks --duration 1s --checks 10 --rate 500 \
	--silence 60s --json
json
out '^\{"ok":true,"broken":\[\],"interrupted":false,"settings":\{'
out '"lateness":\{"deadline_to_fired":\{"samples":[1-9]'
out '"lost":0,"ledger":\{"created":10,'
finish

begin checks_fail_on_silence
run 1 "$twqctl" checks --duration 1s --checks 10 --rate 0 \
	--silence 1ms
out '^FAILED: promises broken: 1$'
err 'check [0-9]+ was silent for .*, allowed are 1.000 ms'
run 1 "$twqctl" checks --duration 1s --checks 10 --rate 0 \
	--silence 1ms --json
json
out '^\{"ok":false,"broken":\["check [0-9]+ was silent'
finish

begin checks_hold_under_hotplug
if [ -w /sys/devices/system/cpu/cpu1/online ]; then
	run 0 "$twqctl" checks --duration 3s --checks 100 --rate 1000 \
		--silence 60s --hotplug --seed 1
	out '^CPUs +[1-9][0-9]* went down, [1-9][0-9]* came up'
	out '^tasks moved +[1-9]'
	out '^residents +[1-9].* 0 missing; .*; 0 not home at the end$'
	run 0 "$twqctl" checks --duration 1s --checks 10 --hotplug \
		--silence 60s --json
	json
	out '"hotplug":\{"seed":1,"cpus_down":[0-9]'
	finish
else
	echo "ok $number - $name # SKIP no CPU can be turned off"
fi

# Its threads are there, before whose start it has blocked the signals that it
# waits for. The mask does not tell: who waits for a signal blocks it no more.
has_run_a_while() {
	nr=$(sed -n 's/^Threads:[^0-9]*//p' "/proc/$pid/status")
	[ "${nr:-0}" -gt 1 ] && sleep 2
}

begin checks_report_after_interrupt
signalled 0 TERM has_run_a_while "$twqctl" checks --duration 3600s \
	--checks 10 --silence 60s
out '\(interrupted\)$'
out '^every promise held$'
finish

begin storm_holds
run 0 "$twqctl" storm --seed 1 --duration 3s
out '^seed 1: [0-9]+ actors, 400 tasks in [0-9]+ files'
out '^every invariant held$'
silent
finish

begin storm_json
run 0 "$twqctl" storm --seed 2 --threads 1 --operations 500 --json
json
out '^\{"ok":true,"broken":\[\],"command":"twqctl storm --seed=2 --tasks=400'
out '"operations":500,"stores":[0-9]+,"refused":[0-9]+,'
finish

begin storm_with_hotplug
if [ -w /sys/devices/system/cpu/cpu1/online ]; then
	online=$(cat /sys/devices/system/cpu/online)
	run 0 "$twqctl" storm --seed 3 --duration 3s --hotplug
	out '^CPUs +[1-9][0-9]* went down, [1-9][0-9]* came up'
	silent
	[ "$online" = "$(cat /sys/devices/system/cpu/online)" ] ||
		note "CPUs stayed off"
	finish
else
	echo "ok $number - $name # SKIP no CPU can be turned off"
fi

echo "1..$number"
exit $failed
