#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# kunit.sh [SUITE]: runs the KUnit suites, or those whose name matches SUITE
# (queue, 'twq_*', queue.case), inside User Mode Linux with CPUS (4) CPUs.
# KERNEL=uml-6.1 takes another kernel than uml-newest. TWQ_KUNIT_FAIL=y adds a
# suite that fails, so that one can see the runner fail. For the suite
# storm_live: STORM_SECONDS (1, 200 at most), SEED of its first round (1) and
# STORM_THREADS (CPUs + 1).

set -euo pipefail
. "$(dirname "$0")/lib.sh"

# insmod says nothing about the suites' results: kunit.py reads them.
guest() {
	cat <<-EOF
	set -e
	echo "<6>twq-kunit: begin" >/dev/kmsg
	insmod twq.ko $1
	rmmod twq
	echo "<6>twq-kunit: end" >/dev/kmsg
	EOF
}

# The storm's parameters of the module, as the environment gives them.
storm() {
	((${STORM_SECONDS:-1} <= 200)) || die "STORM_SECONDS: 200 at most"
	echo "${STORM_SECONDS:+storm_ms=${STORM_SECONDS}000}" \
		"${SEED:+storm_seed=$SEED}" \
		"${STORM_THREADS:+storm_threads=$STORM_THREADS}"
}

run() {
	local kernel=$1 flavour=$2 module=$3 folder=$4 suite=$5 status=0
	local seconds=300 storm
	! is_slow "$kernel" || seconds=1200
	storm=$(storm)
	"$VM/run.sh" -k "$kernel" -c "${CPUS:-4}" -t "$seconds" -o "$folder" \
		-a "rcupdate.rcu_expedited=1 kunit.autorun=1 ${suite:+kunit.filter_glob=$suite}" \
		-f "$module" "$(guest "$storm")" || status=$?
	python3 "$VM/kunit.py" --parser "$("$VM/kernel.sh" source-newest)" \
		--run-status "$status" --suite "$suite" --flavour "$flavour" \
		"$folder/console" "$TOP"/kunit/*.c
}

main() {
	local kernel=${KERNEL:-uml-newest} suite=${1:-} flavour=kunit
	local folder module tree
	case $suite in
	-*) usage 2 >&2 ;;
	'' | twq_* | '*'*) ;;
	*) suite=twq_$suite ;;
	esac
	[[ -z ${TWQ_KUNIT_FAIL:-} ]] || flavour=fail
	tree=$("$VM/kernel.sh" "$kernel")/build
	# Where it cannot, suites run before the module has its parameters, too.
	[[ -z $suite${STORM_SECONDS:-}${SEED:-}${STORM_THREADS:-} ]] ||
		grep -q kunit_filter_glob "$tree/lib/kunit/test.c" ||
		die "$kernel cannot select suites of a module"
	module=$("$VM/build.sh" "$kernel" "$flavour")
	folder=$BUILD/vm/kunit-$(basename "$(dirname "$module")")
	in_lock "kunit${folder//\//_}" \
		run "$kernel" "$flavour" "$module" "$folder" "$suite"
}

main "$@"
