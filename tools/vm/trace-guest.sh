#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# What trace.sh runs in the machine: a load of known size under each recorder,
# and a look at what it has told. Prints TAP. By busybox.

cd /twq || exit 1
bin=/twq/trace
PATH=/bin:/twq
number=0
failed=0

# verdict NAME STATUS FILE: the FILE is shown if the case has failed.
verdict() {
	number=$((number + 1))
	if [ "$2" = 0 ]; then
		echo "ok $number - $1"
		return
	fi
	tail -n 40 "$3" | sed 's/^/# /'
	echo "not ok $number - $1"
	failed=1
}

# 50 tasks of one CPU, each of which fires once, on that CPU; a refused call for
# each from another; a shared task that three CPUs in turn bring earlier.
load() {
	i=0
	while [ $i -lt 50 ]; do
		echo "create t$i cpus=1"
		echo "on 1 queue t$i +20ms"
		echo "on 0 queue t$i +20ms"
		i=$((i + 1))
	done
	echo 'create s cpus=0-3'
	echo 'on 0 queue s +9s'
	echo 'on 1 queue s +8s'
	echo 'on 2 queue s +7s'
	echo 'events 50 within 20s'
}

load >/tmp/load

echo "TAP version 13"
echo "1..7"

log=/tmp/perf.log
{
	$bin/perf.sh record -q -a -e 'twq:*' -o /tmp/perf.data -- \
		twqctl run -k /tmp/load
	$bin/perf.sh script -i /tmp/perf.data
} >"$log" 2>&1
[ "$(grep -c 'twq:twq_create' "$log")" = 51 ] &&
	[ "$(grep -c 'twq:twq_run_begin.*reasons=timer' "$log")" = 50 ] &&
	[ "$(grep -c 'twq:twq_foreign' "$log")" = 50 ]
verdict perf_records_all_events $? "$log"
grep 'twq:twq_run_begin' "$log" | grep -q 'expires=[0-9]* now=[0-9]*'
verdict perf_prints_the_fields $? "$log"

log=/tmp/trace-cmd.log
{
	$bin/trace-cmd.sh record -q -e twq -o /tmp/trace.dat \
		twqctl run -k /tmp/load
	$bin/trace-cmd.sh report -i /tmp/trace.dat
} >"$log" 2>&1
[ "$(grep -c 'twq_create: ' "$log")" = 51 ] &&
	[ "$(grep -c 'twq_run_begin: .*reasons=timer' "$log")" = 50 ] &&
	[ "$(grep -c 'twq_foreign: ' "$log")" = 50 ]
verdict trace_cmd_records_all_events $? "$log"

# script NAME: bpftrace with it, from before the load begins until it is over.
script() {
	log=/tmp/$1.log
	$bin/bpftrace.sh -c '/twq/twqctl run -k /tmp/load' "$bin/bpf/$1.bt" \
		>"$log" 2>&1
	[ "$(grep -c 'reasons=timer' "$log")" = 50 ] ||
		echo "the load failed" >>"$log"
}

script lateness
# All 50 of the one CPU.
awk '/^@late_us\[1\]/ { on = 1 } /^@late_us\[[^1]/ { other = 1 }
     on && /^\[/ { split($0, a, "|"); n = split(a[1], b, " "); sum += b[n] }
     END { exit !(sum == 50 && !other) }' "$log"
verdict bpftrace_lateness_by_cpu $? "$log"

script foreign
# The shared task by CPU 1, then by CPU 2; the local ones from CPU 0.
grep -q '^@refused\[twqctl\]: 50$' "$log" &&
	awk '/^@foreign\[twqctl/ { on = 1 } on && /^\]: / { sum += $2; on = 0 }
	     END { exit sum != 2 }' "$log"
verdict bpftrace_foreign_by_caller $? "$log"
grep -q 'twq_task_queue' "$log"
verdict bpftrace_foreign_names_the_caller $? "$log"

script hold
grep -q '^@hold_ns\[2\]' "$log" && grep -q '^@held_ns\[twqctl\]: [1-9]' "$log"
verdict bpftrace_holds_of_the_shared_lock $? "$log"

exit $failed
