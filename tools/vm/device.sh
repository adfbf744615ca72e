#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# device.sh [TEST...]: runs the tests of /dev/twq, or those named, in a virtual
# machine with KERNEL (stock-6.1) and CPUS (4): loads the module before each,
# unloads it after. They find the module in $TWQ_MODULE; TWQ_SLOW is set where
# lockdep or an emulation of more makes a million tasks too many. Ends with the
# counts.

set -euo pipefail
. "$(dirname "$0")/lib.sh"

SECONDS_PER_TEST=900

# Each test between two lines that tap.py knows.
# shellcheck disable=SC2016 # expanded by the guest
GUEST='export TWQ_MODULE=/twq/twq.ko
for test in $TESTS; do
	echo "twq-test: begin $test"
	insmod $TWQ_MODULE
	timeout $SECONDS_PER_TEST $test
	status=$?
	rmmod twq || status="$status rmmod"
	echo "twq-test: end $test $status"
done'

# Prints tests/NAME and tests32/NAME, for all tests or for those named.
choose() {
	local folder=$1 path
	shift
	for path in "$folder"/tests/* "$folder"/tests32/*; do
		[[ -x $path && ! -d $path ]] || continue
		if (($# == 0)) || [[ " $* " == *" ${path##*/} "* ]]; then
			echo "${path#"$folder"/}"
		fi
	done
}

run() {
	local kernel=$1 module=$2 tools=$3 output=$BUILD/vm/device-$1 tests status=0
	local slow=
	shift 3
	case $kernel in
	kasan-* | kcsan-* | rt-* | arm64-*) slow=y ;;
	esac
	tests=$(choose "$tools" "$@" | xargs)
	[[ -n $tests ]] || die "no such test"
	local files=(-f "$module" -f "$tools/tests" -f "$tools/twqctl"
		     -f "$tools/examples")
	[[ ! -d $tools/tests32 ]] || files+=(-f "$tools/tests32")
	"$VM/run.sh" -k "$kernel" -c "${CPUS:-4}" -t 3600 -o "$output" \
		"${files[@]}" "TESTS='$tests' ${slow:+export TWQ_SLOW=y}
			SECONDS_PER_TEST=$SECONDS_PER_TEST
			$GUEST" || status=$?
	# shellcheck disable=SC2086 # a list of words
	python3 "$VM/tap.py" --run-status "$status" "$output/output" $tests
}

main() {
	local kernel=${KERNEL:-stock-6.1} module tools
	[[ ${1:-} != -* ]] || usage 2 >&2
	module=$("$VM/build.sh" "$kernel")
	tools=$(build_tools "$kernel")
	in_lock "device-$kernel${BUILD//\//_}" run "$kernel" "$module" "$tools" "$@"
}

main "$@"
