#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The examples do what they say, with few connections and with many. Prints TAP;
# status 0 when all passed, 1 when some failed. Runs by busybox. EXAMPLES names
# their folder.

examples=${EXAMPLES:-$(dirname "$0")/../examples}
out=$(mktemp)
trap 'rm -f "$out"' EXIT
number=0
failed=0

# expect NAME STATUS PATTERN COMMAND...: its status and a line that it prints.
expect() {
	name=$1
	want=$2
	pattern=$3
	shift 3
	number=$((number + 1))
	"$@" >"$out" 2>&1 </dev/null
	got=$?
	sed 's/^/# /' "$out"
	if [ "$got" = "$want" ] && grep -qE -- "$pattern" "$out"; then
		echo "ok $number - $name"
	else
		echo "# status $got instead of $want, or no '$pattern'"
		echo "not ok $number - $name"
		failed=1
	fi
}

# A connection, two sockets, takes less than that, in KiB: under KASAN several
# times as much.
size=8
! grep -qw kasan_report /proc/kallsyms || size=64

# As many connections as there is memory for.
possible() {
	awk -v size=$size '$1 == "MemAvailable:" { print int($2 / size) }' \
		/proc/meminfo
}

# Each connection is closed as idle, and some that talked were read first.
idle_holds() {
	expect "idle_holds_$1_connections" 0 \
		"^$2 connections: [1-9][0-9]* reads, $2 closed as idle" \
		"$examples/idle" --connections="$2" --idle="$3" --talk="$4"
}

# 100,000, or what there is memory for and why it is no more.
idle_holds_many() {
	nr=$(possible)
	echo "# there is memory for $nr connections"
	if [ "$nr" -ge 100000 ]; then
		idle_holds 100000 100000 20 1
		return
	fi
	idle_holds as_many_as_fit "$nr" 20 1
	number=$((number + 1))
	echo "ok $number - idle_holds_100000_connections # SKIP needs" \
		"$((size * 100000 / 1024)) MiB of memory"
}

# As many as there may be files, and it says so.
idle_without_files() {
	few="ulimit -n 1024; exec $examples/idle --connections=1000 --idle=1"
	limit=$(cat /proc/sys/fs/nr_open)
	echo 1024 >/proc/sys/fs/nr_open
	expect idle_holds_as_many_as_it_may 0 \
		'^496 connections: [1-9][0-9]* reads, 496 closed as idle' \
		sh -c "$few --talk=1"
	expect idle_says_that_there_are_fewer 0 '^496 of 1000 connections: ' \
		sh -c "$few --talk=1"
	echo "$limit" >/proc/sys/fs/nr_open
}

if [ -e /proc/net/unix ]; then
	idle_holds few 10 1 2
	# By default there may be files for a tenth of the memory.
	echo 1000000 >/proc/sys/fs/file-max
	idle_holds_many
	idle_without_files
else
	number=$((number + 1))
	echo "ok $number - idle_holds_connections # SKIP there are no sockets"
fi

expect health_checks_each_backend 0 \
	'^100 backends: [1-9][0-9]{2,} checks, [0-9]+ missed, 0 never checked$' \
	"$examples/health" --backends=100 --duration=2
expect health_tells_of_silence 0 '^no check for 1000 ms$' \
	"$examples/health" --backends=1 --duration=1
expect health_uses_each_cpu 0 "^CPU $(($(nproc) - 1)): [1-9][0-9]* backends" \
	"$examples/health" --backends=100 --duration=2

for example in idle health; do
	expect "${example}_refuses_what_it_does_not_know" 2 '^[a-z]*: usage: ' \
		"$examples/$example" --no-such-option
	expect "${example}_refuses_what_is_no_number" 2 'expected a number' \
		"$examples/$example" "$([ $example = idle ] &&
			echo --idle || echo --period)=1x"
done

echo "1..$number"
exit $failed
