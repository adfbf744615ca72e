#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# abuse.sh [HOG...]: what a normal thread keeps of its CPU beside each hog of
# tools/abuse, or those named, on KERNEL (stock-6.1): on one CPU whose clock
# counts instructions, so that shares repeat, and on 4 CPUs (CPUS). A hog that
# leaves less than 30 %, that fails, loses events or leaves memory behind is
# failed; so is a machine whose kernel complains, of a lockup for example. ON=1
# or ON=4 takes one machine. The last line is "N passed, N failed".

set -euo pipefail
. "$(dirname "$0")/lib.sh"

# A million tasks are for the machine that does not count.
FEWER=100000
# It would weigh all of a hog's threads as one.
AUTOGROUP=/proc/sys/kernel/sched_autogroup_enabled
passed=0 failed=0

# machine TITLE RUN-OPTIONS -- ABUSE-OPTIONS: boots and counts the rows.
machine() {
	local title=$1 options=() output=$BUILD/vm/abuse status=0 rows held
	shift
	while [[ $1 != -- ]]; do
		options+=("$1")
		shift
	done
	shift
	printf '%s\n' "$title"
	"$VM/run.sh" -k "$kernel" -m 2G -t 1500 -o "$output" "${options[@]}" \
		-f "$module" -f "$BUILD/tools/abuse" "set -e
			insmod twq.ko
			[ ! -e $AUTOGROUP ] || echo 0 >$AUTOGROUP
			status=0
			abuse $* || status=\$?
			rmmod twq
			exit \$status" || status=$?
	rows=$(grep -cE ' kB  ' "$output/output" || true)
	held=$(grep -cE ' kB  held$' "$output/output" || true)
	passed=$((passed + held))
	failed=$((failed + rows - held))
	# The status of a hog that failed is 1; any other is the machine's.
	if ((status > 1 || !rows || (status && rows == held))); then
		log "$title: status $status"
		failed=$((failed + 1))
	else
		passed=$((passed + 1))
	fi
}

main() {
	local kernel=${KERNEL:-stock-6.1} module cpus=${CPUS:-4}
	[[ ${1:-} != -* ]] || usage 2 >&2
	module=$("$VM/build.sh" "$kernel")
	in_lock "tools${BUILD//\//_}" \
		make -s -j"$JOBS" -C "$TOP/tools" O="$BUILD/tools" >&2
	[[ ${ON:-1} != 1 ]] ||
		machine "one CPU, instructions counted:" -i -- \
			-w 300 -n "$FEWER" "$@"
	[[ ${ON:-$cpus} != "$cpus" ]] ||
		machine "$cpus CPUs:" -c "$cpus" -- -w 2000 "$@"
	printf '%d passed, %d failed\n' "$passed" "$failed"
	((passed && !failed))
}

main "$@"
