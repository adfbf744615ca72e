#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# kernels.sh [KERNEL[:STEP]...]: twq on each of Debian's kernels, stock and with
# PREEMPT_RT, and on one with PREEMPT_RT and lockdep: build, device (tests),
# scenario (not where it is too slow) and a storm of STORM_SECONDS (60), which load and
# unload the module; the KUnit suites in UML on the newest and, with one CPU, on
# the oldest. Or the STEPs named. A line for each kernel comes last, with the
# lateness (deadline to fired) of its scenario, then "N passed, N failed". The
# logs and consoles of KERNEL stay in build/kernels/KERNEL/.

set -euo pipefail
. "$(dirname "$0")/steps.sh"

STORM_SECONDS=${STORM_SECONDS:-60}
LOGS=$BUILD/kernels
KERNELS=(stock-6.1 stock-6.1-rt stock-6.12 stock-6.12-rt stock-newest
	 stock-newest-rt rt-newest uml-newest uml-6.1)
rows=()

steps_of() {
	case $1 in
	uml-*) echo build kunit ;;
	# Too slow for the scenario, which wants 20,000 deadlines a second.
	arm64-*) echo build kunit device storm ;;
	rt-*) echo build device storm ;;
	*) echo build device scenario storm ;;
	esac
}

# UML has several CPUs from 6.19 on.
cpus_of() {
	[[ $1 == uml-6.1 ]] && echo 1 || echo "${CPUS:-4}"
}

# Where a step's script leaves the console.
folder_of() {
	case $2 in
	kunit) echo "$BUILD/vm/kunit-$(build_name "$1")-kunit" ;;
	scenario) echo "$BUILD/vm/demo-$1" ;;
	*) echo "$BUILD/vm/$2-$1" ;;
	esac
}

run_step() {
	local kernel=$1 name=$2 console
	console=$(folder_of "$@")/console
	rm -f "$console"
	export KERNEL=$kernel
	case $name in
	build) step "$kernel/build" "$VM/build.sh" "$kernel" ;;
	kunit) CPUS=$(cpus_of "$kernel") step "$kernel/kunit" "$VM/kunit.sh" ;;
	device) step "$kernel/device" "$VM/device.sh" ;;
	scenario) step "$kernel/scenario" "$VM/demo.sh" ;;
	storm)
		step "$kernel/storm" "$VM/storm.sh" \
			--duration="${STORM_SECONDS}s"
		;;
	*) die "no such step: $name" ;;
	esac
	[[ ! -e $console ]] || cp "$console" "$LOGS/$kernel/$name.console"
}

# What a step's log has to tell beside ok or FAILED.
figures() {
	local cell='([^ ]+( [a-z]+)?) *'
	sed -nE -e 's/^([0-9]+ passed, [0-9]+ failed).*/ (\1)/p' \
		-e "s/^deadline to fired +$cell$cell$cell$/ (late: \1, p99 \3, max \5)/p" "$1"
}

run_kernel() {
	local kernel=$1 name before start=$SECONDS row
	shift
	row=$(printf '%-16s' "$kernel")
	for name; do
		before=$failed
		run_step "$kernel" "$name"
		row+=" $name $( ((failed == before)) && echo ok || echo FAILED)"
		row+="$(figures "$LOGS/$kernel/$name.log"),"
	done
	rows+=("$row $((SECONDS - start)) s")
}

main() {
	local each
	(($#)) || set -- "${KERNELS[@]}"
	for each; do
		if [[ $each == *:* ]]; then
			run_kernel "${each%:*}" "${each#*:}"
			continue
		fi
		# shellcheck disable=SC2046 # words
		run_kernel "$each" $(steps_of "$each")
	done
	printf '%s\n' "${rows[@]}"
	verdict
}

main "$@"
