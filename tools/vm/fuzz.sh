#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# fuzz.sh [--calls=N] [--seed=N] [OPTION...]: boots KERNEL (kasan-newest) with
# CPUS (4), loads twq and calls it at random: three quarters of N (1,000,000)
# calls as a 64-bit program, the rest as a 32-bit one. Options go to twq-fuzz
# (tools/fuzz). KERNEL=stock-6.1 with --calls=20000 is a short run. Where the
# kernel has KCOV, the module is built for it and guides the choice. Compares
# tools/fuzz/twq.txt with the header, too. The status is 0 if no answer was
# wrong, rmmod worked and the kernel's log is clean.

set -euo pipefail
. "$(dirname "$0")/lib.sh"

# A report is to be followed by the fuzzer's own, so no panic at once. Few tasks
# for each file, so that their limit is met.
# shellcheck disable=SC2016 # expanded by the guest
GUEST='set -e
echo 0 >/proc/sys/kernel/panic_on_oops
insmod twq.ko max_tasks=200
status=0 few=$((CALLS / 4))
if ! ./twq-fuzz32 --help >/dev/null 2>&1; then
	echo "skipped: 32-bit programs do not run here"
	few=0
fi
./twq-fuzz --calls=$((CALLS - few)) $OPTIONS || status=$?
test $status != 0 || test $few = 0 ||
	./twq-fuzz32 --calls=$few $OPTIONS || status=$?
rmmod twq
exit $status'

main() {
	local kernel=${KERNEL:-kasan-newest} calls=1000000 options=() module opt
	local flavour=() seconds
	for opt; do
		case $opt in
		--calls=*) calls=${opt#*=} ;;
		-h | --help) usage 0 ;;
		*) options+=("$opt") ;;
		esac
	done
	python3 "$TOP/tools/fuzz/abi.py"
	[[ $kernel != kasan-* ]] || flavour=(kcov)
	module=$("$VM/build.sh" "$kernel" "${flavour[@]}")
	in_lock "tools${BUILD//\//_}" \
		make -s -j"$JOBS" -C "$TOP/tools" O="$BUILD/tools" fuzz >&2
	# Slow machines make 200 calls a second.
	seconds=$((calls / 200 + 300))
	log "booting $kernel for $calls calls"
	"$VM/run.sh" -k "$kernel" -c "${CPUS:-4}" -m 2G -t "$seconds" \
		-o "$BUILD/vm/fuzz-$kernel" \
		-f "$module" -f "$BUILD/tools/twq-fuzz" \
		-f "$BUILD/tools/twq-fuzz32" \
		"CALLS=$calls OPTIONS='${options[*]}'
			$GUEST"
	log "nothing was found, twq was unloaded, the kernel's log is clean"
}

main "$@"
