#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# bench.sh [--quick] [PART...]: what twq costs beside what else a user would
# pick. Parts, all by default: kernel-insn and user-insn (instructions, stock-6.1
# on one CPU whose clock counts them), kernel-uml (nanoseconds, User Mode Linux),
# kernel-qemu and user-qemu (nanoseconds of an emulated machine: for ratios),
# scaling-uml and scaling-qemu (by the number of CPUs). Prints tables and the
# bounds; leaves build/bench.json, build/bench.md and build/bench/*.svg. Status 1
# if a bound is missed. --quick: kernel-insn alone, at 100,000 pending, or the
# parts named, with few samples; only what was measured is judged. Times are
# right on a machine that does nothing else. SLOT: see kernel.sh.

set -euo pipefail
. "$(dirname "$0")/../vm/lib.sh"

BENCH=$TOP/tools/bench RAW=$BUILD/bench/raw
PARTS=(kernel-insn user-insn kernel-uml kernel-qemu user-qemu scaling-uml
       scaling-qemu)
TCG='QEMU, emulated (TCG)'
quick=''

# part NAME INSTRUMENT KERNEL CPUS MACHINE COMMAND...: keeps what it prints.
part() {
	local name=$1 instrument=$2 kernel=$3 cpus=$4 machine=$5 release
	shift 5
	log "$name"
	release=$(<"$("$VM/kernel.sh" "$kernel")/release")
	{
		printf 'bench: run instrument=%s kernel=%s cpus=%s machine="%s"\n' \
			"$instrument" "$release" "$cpus" "$machine"
		"$@"
	} >"$RAW/$name.partial"
	mv "$RAW/$name.partial" "$RAW/$name"
}

# kernel OPTIONS... -- PARAMETERS...: sees to it that the module got to its end.
kernel() {
	local lines
	lines=$("$BENCH/kernel.sh" "$@")
	printf '%s\n' "$lines"
	[[ $lines == *'bench: end' ]] || die "the benchmark did not end"
}

# The mix is what it is at 100,000 alone.
kernel_insn() {
	kernel -i -t 3000 -- set=ops,expire "$@"
	kernel -i -t 3000 -- set=mix pending=100000 "$2"
}

run() {
	local insn=pending=100,10000,100000,1000000
	local ns=$insn few=3 many=11 scaling=5
	if [[ $quick ]]; then
		insn=pending=100000 ns=pending=10000 few=1 many=3 scaling=1
	fi
	case $1 in
	kernel-insn)
		part "$1" insn stock-6.1 1 \
			"$TCG, -icount shift=0: its clock counts instructions" \
			kernel_insn "$insn" "samples=$few"
		;;
	kernel-uml)
		part "$1" uml uml-newest 4 "User Mode Linux, 4 CPUs" \
			kernel -k uml-newest -- set=ops,expire "$ns" samples=$many
		;;
	kernel-qemu)
		part "$1" qemu stock-6.1 4 "$TCG, 4 CPUs" \
			kernel -- set=ops,expire "$ns" samples=$many
		;;
	scaling-uml)
		part "$1" uml uml-newest 8 "User Mode Linux, 8 CPUs" \
			kernel -k uml-newest -c 8 -- set=scale samples=$scaling
		;;
	scaling-qemu)
		part "$1" qemu stock-6.1 4 "$TCG, 4 CPUs" \
			kernel -- set=scale samples=$scaling
		;;
	user-insn)
		part "$1" insn stock-6.1 1 \
			"$TCG, -icount shift=0: its clock counts instructions" \
			"$BENCH/user.sh" -i
		;;
	user-qemu)
		part "$1" qemu stock-6.1 4 "$TCG, 4 CPUs" "$BENCH/user.sh"
		;;
	*) die "no such part: $1" ;;
	esac
}

main() {
	local each options=() status=0 raw=()
	[[ ${1:-} != -h && ${1:-} != --help ]] || usage 0
	if [[ ${1:-} == --quick ]]; then
		quick=y
		shift
		(($#)) || set -- kernel-insn
	fi
	(($#)) || set -- "${PARTS[@]}"
	[[ $* == "${PARTS[*]}" && ! $quick ]] || options+=(--partial)
	mkdir -p "$RAW"
	for each; do
		run "$each"
		raw+=("$RAW/$each")
	done
	python3 "$BENCH/bench.py" "${options[@]}" --json "$BUILD/bench.json" \
		--markdown "$BUILD/bench.md" "${raw[@]}" || status=$?
	python3 "$BENCH/plot.py" "$BUILD/bench.json" "$BUILD/bench"
	return "$status"
}

main "$@"
