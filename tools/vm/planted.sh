#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# planted.sh: shows that KERNEL (kasan-newest) finds what it is built to find:
# loads planted/planted.ko once for each kind of bug and wants the kernel's log
# to name it. The last line is "N passed, N failed".

set -euo pipefail
. "$(dirname "$0")/lib.sh"

# The bugs, in an order in which no report turns the next checker off.
bugs_of() {
	case $1 in
	kcsan-*) echo lock-order sleep race ;;
	rt-*) echo lock-order sleep ;;
	*) echo lock-order sleep preempt timer leak use-after-free ;;
	esac
}

declare -A REPORTS=(
	[race]='BUG: KCSAN: data-race in .*planted_race_thread'
	[use-after-free]='BUG: KASAN: .* in planted_use_after_free'
	[leak]='[0-9]+ new suspected memory leaks'
	[lock-order]='WARNING: possible circular locking dependency'
	[sleep]='BUG: sleeping function called from invalid context'
	[preempt]='BUG: using smp_processor_id\(\) in preemptible'
	[timer]='ODEBUG: object .* is on stack'
)

run() {
	local kernel=$1 dir=$2 bugs=$3 each passed=0 failed=0 status=0
	"$VM/run.sh" -k "$kernel" -t 300 -o "$dir/log" -f "$dir/planted.ko" "
		for bug in $bugs; do
			insmod planted.ko bug=\$bug && rmmod planted || exit 1
		done" >/dev/null 2>&1 || status=$?
	for each in $bugs; do
		if grep -qaE "${REPORTS[$each]}" "$dir/log/console"; then
			printf 'ok - %s finds: %s\n' "$kernel" "$each"
			passed=$((passed + 1))
		else
			printf 'FAILED: %s does not find: %s\n' "$kernel" "$each"
			failed=$((failed + 1))
		fi
	done
	if ((status != 125)); then
		printf 'FAILED: the run ended with status %d\n' "$status"
		failed=$((failed + 1))
	fi
	printf '%d passed, %d failed\n' "$passed" "$failed"
	((!failed))
}

main() {
	local kernel=${KERNEL:-kasan-newest} folder dir
	local -a args=()
	(($# == 0)) || usage 2 >&2
	folder=$("$VM/kernel.sh" "$kernel")
	dir=$BUILD/planted-$(<"$folder/release")
	make_for "$(<"$folder/arch")" args
	mkdir -p "$dir"
	cp "$VM"/planted/* "$dir/"
	make -s -C "$folder/build" M="$dir" "${args[@]}" modules >&2
	run "$kernel" "$dir" "$(bugs_of "$kernel")"
}

main "$@"
