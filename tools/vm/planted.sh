#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# planted.sh: shows that KERNEL (kasan-newest) finds what it is built to find:
# loads planted/planted.ko once for each kind of bug and wants the kernel's log
# to name it. The last line is "N passed, N failed".

set -euo pipefail
. "$(dirname "$0")/lib.sh"

# The bugs, a line for each run, in an order in which no report turns the next
# checker off. A race is alone: the verdict leaves some reports of KCSAN out.
bugs_of() {
	case $1 in
	kcsan-*) printf '%s\n' 'lock-order sleep' race ;;
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

ok() {
	printf 'ok - %s\n' "$*"
	passed=$((passed + 1))
}

not_ok() {
	printf 'FAILED: %s\n' "$*"
	failed=$((failed + 1))
}

run() {
	local kernel=$1 dir=$2 bugs=$3 each status=0
	"$VM/run.sh" -k "$kernel" -t 300 -o "$dir/log" -f "$dir/planted.ko" "
		for bug in $bugs; do
			insmod planted.ko bug=\$bug && rmmod planted || exit 1
		done" >/dev/null 2>&1 </dev/null || status=$?
	for each in $bugs; do
		if grep -qaE "${REPORTS[$each]}" "$dir/log/console"; then
			ok "$kernel finds: $each"
		else
			not_ok "$kernel does not find: $each"
		fi
	done
	if ((status == 125)); then
		ok "and run.sh says so"
	else
		not_ok "run.sh ended with status $status"
	fi
}

main() {
	local kernel=${KERNEL:-kasan-newest} folder dir bugs passed=0 failed=0
	local -a args=()
	(($# == 0)) || usage 2 >&2
	folder=$("$VM/kernel.sh" "$kernel")
	dir=$BUILD/planted-$(build_name "$kernel")
	make_for "$(<"$folder/arch")" args
	mkdir -p "$dir"
	cp "$VM"/planted/* "$dir/"
	make -s -C "$folder/build" M="$dir" "${args[@]}" modules >&2
	while read -r bugs; do
		run "$kernel" "$dir" "$bugs"
	done < <(bugs_of "$kernel")
	printf '%d passed, %d failed\n' "$passed" "$failed"
	((passed && !failed))
}

main "$@"
