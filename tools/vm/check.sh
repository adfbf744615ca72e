#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# check.sh [STEP...]: all that must hold before a change is merged: style, lib,
# abi, install, completion, selftest, catalogue, kunit, build, device, scenario,
# fuzz (20,000 calls).
# check.sh ci: also race, and the KASAN kernel with the suites and a storm of
# 20 s. check.sh all: all there is, some hours. All steps run, whatever fails.
# The last line is "N passed, N failed", over all cases and steps; what was
# skipped, and bounds that are known to be missed, are named above it and not
# counted. Logs stay in build/check/.

set -euo pipefail
. "$(dirname "$0")/steps.sh"

CHECK=(style lib abi install completion selftest catalogue kunit build device
       scenario fuzz)
CI=("${CHECK[@]}" race kasan)
ALL=("${CHECK[@]}" race sanitizers kernels arm64 model mutants hotplug fuzz-long
     storm-replay abuse silence bench-quick bench doc edit trace timeline dkms
     deb intree)

run_step() {
	local kernel
	case $1 in
	style) step style "$TOP/tools/style.sh" ;;
	lib) step lib "$TOP/tools/lib/check.py" ;;
	abi) step abi "$TOP/tools/pack/abi.sh" ;;
	install) step install "$TOP/tools/pack/check-install.sh" ;;
	completion) step completion "$TOP/tools/doc/check-completion.sh" ;;
	selftest) step selftest "$VM/selftest.sh" ;;
	catalogue) step catalogue "$TOP/tools/mutants/catalogue.py" ;;
	kunit) step kunit "$VM/kunit.sh" ;;
	build)
		for kernel in stock-6.12 stock-6.1-rt uml-newest; do
			step "build-$kernel" "$VM/build.sh" "$kernel"
		done
		;;
	device) step device "$VM/device.sh" ;;
	scenario) step scenario "$VM/demo.sh" ;;
	fuzz)
		step fuzz env KERNEL=stock-6.1 "$VM/fuzz.sh" --calls=20000 \
			--seed="${SEED:-1}"
		;;
	race) step race "$VM/race.sh" ;;
	kasan)
		STORM_SECONDS=20 step kasan "$VM/sanitizers.sh" \
			kasan-newest:{planted,kunit,storm}
		;;
	sanitizers) step sanitizers "$VM/sanitizers.sh" ;;
	kernels) step kernels "$VM/kernels.sh" ;;
	arm64) step arm64 "$VM/kernels.sh" arm64-newest ;;
	model) step model "$TOP/tools/model/model.sh" ;;
	mutants) step mutants "$TOP/tools/mutants/mutants.py" ;;
	hotplug) step hotplug "$VM/demo.sh" --hotplug --duration=60s \
		--silence=5s ;;
	fuzz-long) step fuzz-long "$VM/fuzz.sh" ;;
	storm-replay) step storm-replay "$VM/storm-replay.sh" ;;
	abuse) step abuse "$VM/abuse.sh" ;;
	silence) step silence "$VM/silence.sh" ;;
	bench-quick) step bench-quick "$TOP/tools/bench/bench.sh" --quick ;;
	bench) step bench "$TOP/tools/bench/bench.sh" ;;
	doc) step doc "$TOP/tools/doc/check.py" ;;
	edit) step edit "$TOP/tools/edit/check.sh" ;;
	trace) step trace "$VM/trace.sh" ;;
	timeline) step timeline "$VM/timeline.py" ;;
	dkms) step dkms "$TOP/tools/pack/check-dkms.sh" ;;
	deb) step deb "$TOP/tools/pack/check-deb.sh" ;;
	intree) step intree "$TOP/tools/intree/check.sh" -a ;;
	*) die "no such step: $1" ;;
	esac
}

main() {
	local each
	case ${1:-} in
	'') set -- "${CHECK[@]}" ;;
	ci) set -- "${CI[@]}" ;;
	all) set -- "${ALL[@]}" ;;
	esac
	for each; do
		run_step "$each"
	done
	grep -h '^known misses' "${logs[@]}" || true
	verdict
}

main "$@"
