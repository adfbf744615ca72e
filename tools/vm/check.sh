#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# check.sh [STEP...]: all that must hold before a change is merged: style,
# selftest, kunit, build, device, scenario. All steps run, whatever fails. The
# last line is "N passed, N failed", over all cases and steps; what was skipped
# is named above it and not counted. Logs stay in build/check/.

set -euo pipefail
. "$(dirname "$0")/steps.sh"

main() {
	(($#)) || set -- style selftest kunit build device scenario
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
	verdict
}

main "$@"
