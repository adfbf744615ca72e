#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# selftest.sh: a runner that cannot fail is worse than none. Shows that run.sh
# fails on all that it watches for, in User Mode Linux and in QEMU; that the
# verdicts on KUnit and on TAP refuse what is cut short; that a benchmark's bound
# is missed by what is too slow; that a suite which fails makes kunit.sh fail; and
# that filling a cache does not wait for itself.

set -euo pipefail
. "$(dirname "$0")/lib.sh"

passed=0 failed=0

# expect STATUS TEXT NAME COMMAND...: the status must be that, and a line of the
# output must match TEXT.
expect() {
	local want=$1 text=$2 name=$3 out got=0
	shift 3
	out=$("$@" 2>&1) || got=$?
	if ((got == want)) && grep -qE -- "$text" <<<"$out"; then
		printf 'ok - %s\n' "$name"
		passed=$((passed + 1))
		return
	fi
	printf '%s\nFAILED: %s: status %d, wanted %d and "%s"\n' \
		"$out" "$name" "$got" "$want" "$text"
	failed=$((failed + 1))
}

machines() {
	local uml=("$VM/run.sh" -k uml-newest -t 30) qemu=("$VM/run.sh" -t 60)
	expect 0 '^4 CPUs$' 'uml: passes' "${uml[@]}" 'nproc | sed "s,$, CPUs,"'
	expect 7 'status 7' 'uml: status of the command' "${uml[@]}" 'exit 7'
	expect 125 'WARNING: fake' 'uml: warning in the log' "${uml[@]}" \
		'echo "<4>WARNING: fake" >/dev/kmsg'
	# shellcheck disable=SC2016 # expanded by the guest
	expect 125 'WARNING: fake' 'uml: many warnings in the log' \
		"${uml[@]}" -a printk.devkmsg=on \
		'for i in $(seq 3000); do echo "<4>WARNING: fake $i"
			done >/dev/kmsg'
	expect 3 'BUG: fake' 'uml: a dirty log beside a status' "${uml[@]}" \
		'echo "<3>BUG: fake" >/dev/kmsg; exit 3'
	expect 124 TIMEOUT 'uml: hang' "$VM/run.sh" -k uml-newest -t 8 'sleep 60'
	expect 125 'ended before' 'uml: early power-off' "${uml[@]}" 'poweroff -f'
	expect 125 'ended before' 'uml: forged verdict' "${uml[@]}" \
		'echo status 0 taint 0; poweroff -f'
	expect 126 'once more' 'uml: no init' "${uml[@]}" -a rdinit=/bin/false true
	expect 0 '^4 CPUs$' 'qemu: passes' "${qemu[@]}" 'nproc | sed "s,$, CPUs,"'
	expect 125 'Kernel panic' 'qemu: crash' "${qemu[@]}" \
		'echo c >/proc/sysrq-trigger'
}

# fill_twice INNER: makes the folder a/x of a cache and, while at it, INNER.
fill_twice() {
	rm -rf "$work/cache"
	# shellcheck disable=SC2016 # expanded by the inner shell
	TWQ_CACHE=$work/cache timeout 10 bash -c '
		set -euo pipefail
		. "$0"
		inner=$CACHE/$1
		make() { touch file; }
		make_both() { fill "$inner" make; make; }
		fill "$CACHE/a/x" make_both
		ls "$CACHE/a/x/file" "$inner/file"' "$VM/lib.sh" "$1"
}

# A system and the package lists that it comes from have one name.
cache() {
	expect 0 cache/b/y/file 'cache: one in another' fill_twice b/y
	expect 0 cache/b/x/file 'cache: one in another of its name' \
		fill_twice b/x
}

write_kunit() {
	cat >"$work/x_kunit.c" <<-'EOF'
	static struct kunit_case cases[] = {
		KUNIT_CASE(one),
		KUNIT_CASE(two),
		{}
	};

	static struct kunit_suite suite = {
		.name = "x",
		.test_cases = cases,
	};
	kunit_test_suite(suite);
	EOF
	cat >"$work/console" <<-'EOF'
	[    0.000000] KTAP version 1
	[    0.000000] 1..0
	[    0.100000] twq-kunit: begin
	[    0.100000] KTAP version 1
	[    0.100000] 1..1
	[    0.100000]     KTAP version 1
	[    0.100000]     # Subtest: x
	[    0.100000]     1..2
	[    0.100000]     ok 1 one
	[    0.100000]     ok 2 two
	[    0.100000] ok 1 x
	[    0.100000] twq-kunit: end
	EOF
}

# kunit EDIT [STATUS]: the verdict on that console after an edit by sed.
kunit() {
	sed "$1" "$work/console" >"$work/edited"
	python3 "$VM/kunit.py" --parser "$tree" --run-status "${2:-0}" \
		--flavour kunit "$work/edited" "$work/x_kunit.c"
}

kunit_verdict() {
	write_kunit
	expect 0 '^2 passed, 0 failed' 'kunit: passes' kunit ''
	expect 1 'FAILED: x.two' 'kunit: a case fails' kunit \
		's/ok 2 two/not &/; s/ok 1 x/not &/'
	expect 1 'no end marker' 'kunit: no end' kunit '/kunit: end/d'
	expect 1 'no begin marker' 'kunit: no begin' kunit '/kunit: begin/d'
	expect 1 'WRONG' 'kunit: a case is missing' kunit '/two/d'
	expect 1 'expected the 2 cases' 'kunit: a shorter plan' kunit \
		'/two/d; s/1\.\.2/1..1/'
	expect 1 'WRONG' 'kunit: a suite is missing' kunit '9,11d'
	expect 1 'suite x did not run' 'kunit: an empty plan' kunit \
		'6,11d; s/1\.\.1/1..0/'
	expect 1 'ended with status 125' 'kunit: a bad run' kunit '' 125
}

write_tap() {
	cat >"$work/tap" <<-'EOF'
	twq-test: begin tests/x
	TAP version 13
	1..3
	ok 1 - one
	ok 2 - two
	ok 3 - three # SKIP no reason
	twq-test: end tests/x 0
	EOF
}

tap() {
	sed "$1" "$work/tap" >"$work/edited"
	python3 "$VM/tap.py" --run-status "${2:-0}" "$work/edited" tests/x
}

tap_verdict() {
	write_tap
	expect 0 '^2 passed, 0 failed, 1 skipped' 'tap: passes' tap ''
	expect 1 'FAILED: tests/x: two' 'tap: a case fails' tap \
		's/ok 2/not ok 2/; s/x 0$/x 1/'
	expect 1 'although results failed' 'tap: a wrong status' tap \
		's/ok 2/not ok 2/'
	expect 1 'ended with status 139' 'tap: a crash' tap 's/x 0$/x 139/'
	expect 1 'ended with status 0 rmmod' 'tap: the module stays' tap \
		's/x 0$/x 0 rmmod/'
	expect 1 'planned 3 results' 'tap: a case is missing' tap '/two/d'
	expect 1 'printed 0 plans' 'tap: no plan' tap '/1\.\.3/d'
	expect 1 'did not end' 'tap: no end' tap '/test: end/d'
	expect 1 'did not end' 'tap: never ran' tap d
	expect 1 'the run ended' 'tap: a bad run' tap '' 125
	expect 1 '^0 passed, 0 failed' 'tap: all skipped is no pass' tap \
		'3,6d; s/x 0$/x 77/'
}

# Three samples of each, as bench.py is to read them.
write_bench() {
	local op who value
	echo 'bench: run instrument=insn kernel=6.1 cpus=1 machine="a machine"'
	while read -r op who value; do
		for each in 9999 "$value" 1; do
			echo "bench: where=kernel op=$op who=$who" \
				"pending=100000 unit=insn value=$each"
		done
	done <<-'EOF'
	arm twq-local 280.5
	arm hrtimer 380
	extend twq-local 15
	EOF
}

# bench EDIT [OPTION...]: the verdict on these after an edit by sed.
bench() {
	write_bench | sed "$1" >"$work/bench"
	python3 "$TOP/tools/bench/bench.py" "${@:2}" "$work/bench"
}

bench_verdict() {
	local grown='/arm/d; s/g=100000/g=100/; p; s/g=100 /g=1000000 /'
	local both=(--judge='arm, twq-local' --judge='extend, twq-local')
	local growth=--judge='growth of extend, twq-local'
	expect 0 '^3 passed, 0 failed' 'bench: passes' bench '' "${both[@]}"
	expect 0 'arm .* 280.5 \(1.0..9,999.0\)' 'bench: median and spread' \
		bench '' "${both[@]}"
	expect 1 '^MISSED - arm, twq-local: 301.0, at most 300' \
		'bench: too slow' bench s/280.5/301/ "${both[@]}"
	expect 1 '^MISSED - arm, twq-local: 280.5, under 280.0 \(0.8' \
		'bench: too slow beside a peer' bench s/380/350/ "${both[@]}"
	expect 1 '^1 passed, 2 failed' 'bench: two of them' \
		bench s/280.5/400/ "${both[@]}"
	expect 1 '^MISSED - unlink, twq-local: not measured' \
		'bench: not measured' bench ''
	expect 1 '^MISSED - unlink, twq-local: not measured' \
		'bench: not measured by a part' bench '' --quick \
		--part=kernel-insn
	expect 1 'no figures' 'bench: nothing measured' \
		bench /where/d --part=kernel-uml
	expect 1 'cannot read' 'bench: no value' bench s/value=15// "${both[@]}"
	expect 0 '^ok - growth of extend.*15.0 at 1000000' 'bench: constant' \
		bench "$grown" "$growth"
	expect 1 '^MISSED - growth of extend.*25.0 at 1000000' 'bench: grows' \
		bench "$grown; s/=15/=25/" "$growth"
	expect 0 '^OK$' 'bench: each bound met, missed, known to be missed' \
		python3 "$TOP/tools/bench/test_bench.py"
}

main() {
	mkdir -p "$BUILD/vm"
	tree=$("$VM/kernel.sh" source-newest)
	"$VM/kernel.sh" uml-newest >/dev/null
	"$VM/kernel.sh" stock-6.1 >/dev/null
	work=$(mktemp -d "$BUILD/vm/selftest.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	cache
	kunit_verdict
	tap_verdict
	bench_verdict
	machines
	expect 1 'FAILED: twq_fail' 'kunit.sh: a failing suite' \
		env TWQ_KUNIT_FAIL=y "$VM/kunit.sh"
	printf '%d passed, %d failed\n' "$passed" "$failed"
	((!failed))
}

main "$@"
