#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# sanitizers.sh [KERNEL[:STEP]...]: on each kernel that looks for what tests
# cannot see (kasan-newest, kcsan-newest), with CPUS (4) CPUs: bugs on purpose
# (planted), the KUnit suites (kunit), the device tests (device) and a storm of
# STORM_SECONDS (60, storm); or one STEP of these. A line of the kernel's log
# fails a step. The last line is "N passed, N failed". Logs stay in build/check/.

set -euo pipefail
. "$(dirname "$0")/steps.sh"

STORM_SECONDS=${STORM_SECONDS:-60}

one() {
	local kernel=$1 name=$1-$2
	export KERNEL=$kernel
	case $2 in
	planted) step "$name" "$VM/planted.sh" ;;
	kunit) step "$name" "$VM/kunit.sh" ;;
	device) step "$name" "$VM/device.sh" ;;
	storm)
		step "$name" "$VM/storm.sh" --duration="${STORM_SECONDS}s" \
			--seed="${SEED:-1}" --hotplug
		;;
	*) die "no such step: $2" ;;
	esac
}

main() {
	local each name
	(($#)) || set -- kasan-newest kcsan-newest
	for each; do
		if [[ $each == *:* ]]; then
			one "${each%:*}" "${each#*:}"
			continue
		fi
		for name in planted kunit device storm; do
			one "$each" "$name"
		done
	done
	verdict
}

main "$@"
