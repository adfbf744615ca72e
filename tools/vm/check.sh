#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# check.sh [STEP...]: all that must hold before a change is merged: style,
# selftest, kunit, build, device, scenario. All steps run, whatever fails. The
# last line is "N passed, N failed", over all cases and steps; what was skipped
# is named above it and not counted. Logs stay in build/check/.

set -euo pipefail
. "$(dirname "$0")/lib.sh"

passed=0 failed=0

# A step prints its counts as its last line, or is one case itself.
step() {
	local name=$1 log=$BUILD/check/$1.log status=0 start=$SECONDS
	shift
	printf '==== %s: %s\n' "$name" "${*#"$TOP"/}"
	"$@" </dev/null 2>&1 | tee "$log" |
		sed -u "s/^[0-9]* passed, [0-9]* failed/$name: &/" || status=$?
	count "$name" "$status" "$(tail -n 1 "$log")"
	printf '==== %s: %d s\n' "$name" $((SECONDS - start))
}

count() {
	local name=$1 status=$2 last=$3 p=0 f=0
	if [[ $last =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed ]]; then
		p=${BASH_REMATCH[1]} f=${BASH_REMATCH[2]}
		if ((status && !f)); then
			f=1
		fi
	else
		((status)) && f=1 || p=1
	fi
	if ((f)); then
		printf '==== %s: FAILED\n' "$name"
	fi
	passed=$((passed + p)) failed=$((failed + f))
}

main() {
	(($#)) || set -- style selftest kunit build device scenario
	rm -rf "$BUILD/check"
	mkdir -p "$BUILD/check"
	local each kernel
	for each; do
		case $each in
		style) step style "$TOP/tools/style.sh" ;;
		selftest) step selftest "$VM/selftest.sh" ;;
		kunit) step kunit "$VM/kunit.sh" ;;
		build)
			for kernel in stock-6.12 stock-6.1-rt uml-newest; do
				step "build-$kernel" "$VM/build.sh" "$kernel"
			done
			;;
		device) step device "$VM/device.sh" ;;
		scenario) step scenario "$VM/demo.sh" ;;
		*) die "no such step: $each" ;;
		esac
	done
	grep -hi '^skipped:' "$BUILD"/check/*.log || true
	printf '%d passed, %d failed\n' "$passed" "$failed"
	((passed && !failed))
}

main "$@"
