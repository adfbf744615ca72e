#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# race.sh: the bug that twq's first rule is about, shown and gone. Boots KERNEL
# (stock-6.1) with CPUS (4) CPUs twice, under the same load, foreign requeues of
# tasks that are allowed on one CPU: once with a test build that locks as the
# origin did before its fix, when more than one CPU is allowed (module/race.h),
# once with the product, where SHARED_WQ decides. Prints both side by side. The
# origin's rule must break and the contract's must not, else the status is 1.

set -euo pipefail
. "$(dirname "$0")/lib.sh"

SECONDS_PER_RUN=120
# Each check fires as soon as an observer has moved it, and is moved again. A
# check that is silent for so long has been lost, however busy the host is.
LOAD='twqctl checks --pin --fastinter=1ms --rate=50000 --duration=8s
	--silence=15s'
# Who must be named in a log that shows the bug: the tree, or who uses it.
NAMES='rb_(erase|insert|next|add|first)|twq_|\[twq\]'
COMPLAINT='BUG:|WARNING:|RIP: 0010|soft lockup|KCSAN:'
WIDTH=38

passed=0 failed=0

result() {
	local name=$1 status=0
	shift
	"$@" || status=$?
	if ((status)); then
		printf 'FAILED: %s\n' "$name"
		failed=$((failed + 1))
	else
		printf 'ok - %s\n' "$name"
		passed=$((passed + 1))
	fi
}

# run FOLDER MODULE: one machine; the status goes to FOLDER/status.
run() {
	local folder=$1 module=$2 status=0
	rm -rf "$folder"
	mkdir -p "$folder"
	"$VM/run.sh" -k "$kernel" -c "$cpus" -t "$SECONDS_PER_RUN" \
		-a softlockup_panic=1 -o "$folder" -f "$module" \
		-f "$tools/twqctl" "set -e
			insmod twq.ko
			status=0
			$load || status=\$?
			rmmod twq
			exit \$status" >"$folder/log" 2>&1 || status=$?
	echo "$status" >"$folder/status"
}

# What the machine's log and the tool have to say against the queues.
evidence() {
	grep -aE "$COMPLAINT" "$1/console" |
		sed -E 's/^\[[^]]*\] //; s, [^ ]*/(module/), \1,' || true
	grep -aE '^twqctl: checks: ' "$1/output" | cut -d: -f3- || true
}

is_clean() {
	(($(<"$1/status") == 0)) && [[ -z $(evidence "$1") ]]
}

# Status 125: the kernel complained; 124: it hung; 1: twqctl's promises broke.
# Anything else, such as a machine that did not boot, is not the bug.
is_broken() {
	case $(<"$1/status") in
	124 | 125) grep -qaE "$NAMES" "$1/console" || return 1 ;;
	1) ;;
	*) return 1 ;;
	esac
	[[ -n $(evidence "$1") ]]
}

outcome() {
	if is_clean "$1"; then
		echo clean
		grep -aE '^(lost checks|every promise) ' "$1/output"
	elif is_broken "$1"; then
		echo BROKEN
	else
		echo "no verdict: status $(<"$1/status")"
		tail -n 3 "$1/log"
	fi
}

# column TITLE FOLDER: a cell of the report for each of its rows.
column() {
	fold -s -w "$WIDTH" <<-EOF
	$1

	$(outcome "$2")
	$(evidence "$2" | head -n 2)
	EOF
}

# The test build says in its modinfo that it is one.
tells_rules_apart() {
	[[ -n $(modinfo -F twq_rule "$1") && -z $(modinfo -F twq_rule "$2") ]]
}

main() {
	local kernel=${KERNEL:-stock-6.1} cpus=${CPUS:-4} dir=$BUILD/vm/race
	local load=${LOAD//$'\n\t'/ } race product tools
	race=$("$VM/build.sh" "$kernel" race)
	product=$("$VM/build.sh" "$kernel")
	tools=$(build_tools "$kernel")
	run "$dir/origin" "$race"
	run "$dir/contract" "$product"
	printf 'kernel  %s, %d CPUs\nload    %s\n\n' "$kernel" "$cpus" "$LOAD"
	pr -m -t -w 80 \
		<(column 'lock if several CPUs are allowed' "$dir/origin") \
		<(column 'lock if SHARED_WQ is set' "$dir/contract") | expand
	echo
	result "the origin's rule breaks" is_broken "$dir/origin"
	result "the contract's rule holds" is_clean "$dir/contract"
	result 'the two builds are what they should be' \
		tells_rules_apart "$race" "$product"
	printf '%d passed, %d failed\n' "$passed" "$failed"
	((!failed))
}

main "$@"
