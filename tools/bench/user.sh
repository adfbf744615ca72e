#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# user.sh [-i] [-k KERNEL] [-c CPUS] [-m MEM] [-t SECONDS] [-- OPTIONS...]: boots
# KERNEL (stock-6.1) and runs twq-ubench with OPTIONS, see its -h, or all that it
# can measure. Prints its lines, one for each figure. -i: on one CPU whose clock
# counts instructions, so that figures repeat; else on CPUS (4), in nanoseconds.

set -euo pipefail
. "$(dirname "$0")/../vm/lib.sh"

kernel=stock-6.1 cpus=4 memory=4G seconds=3000 machine=() unit=ns

# All peers as far as they go, and a million tasks on one file.
TWQS=twq,twq-shared,twq-batch,twq-batch-shared,twq-slot,twq-slot-shared
runs=(''
      "-p 1000000 -m ops,mix,memory -r 3 -w timerfd,libevent,$TWQS")

parse() {
	local opt
	while getopts ik:c:m:t:h opt; do
		case $opt in
		i) machine+=(-i) unit=insn ;;
		k) kernel=$OPTARG ;;
		c) cpus=$OPTARG ;;
		m) memory=$OPTARG ;;
		t) seconds=$OPTARG ;;
		h) usage 0 ;;
		*) usage 2 >&2 ;;
		esac
	done
	shift $((OPTIND - 1))
	[[ $# == 0 ]] || runs=("$*")
}

main() {
	local module run commands=
	parse "$@"
	for run in "${runs[@]}"; do
		commands+="twq-ubench -u $unit $run || status=\$?; "
	done
	module=$("$VM/build.sh" "$kernel")
	in_lock "tools${BUILD//\//_}" \
		make -s -j"$JOBS" -C "$TOP/tools" O="$BUILD/tools" ubench >&2
	# An idle machine goes on at once to what it waits for.
	ICOUNT=sleep=off "$VM/run.sh" "${machine[@]}" -k "$kernel" -c "$cpus" \
		-m "$memory" -t "$seconds" -o "$BUILD/bench/user-$kernel-$unit" \
		-f "$module" -f "$BUILD/tools/twq-ubench" "set -e
			insmod twq.ko
			status=0
			$commands
			rmmod twq
			exit \$status"
}

main "$@"
