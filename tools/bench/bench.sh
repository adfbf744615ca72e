#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# bench.sh [--quick] [PART...]: what twq costs beside what else a user would
# pick. Parts, all by default: kernel-insn and user-insn (instructions, on
# stock-6.1 with one CPU whose clock counts them), kernel-uml (nanoseconds, User
# Mode Linux), kernel-qemu and user-qemu (nanoseconds of an emulated machine: for
# ratios), scaling-uml and scaling-qemu (by the number of CPUs), stores (to slots
# by two CPUs, on the machine itself). Prints tables and the bounds; leaves
# build/bench.json, build/bench.md, build/bench/*.svg. Status 1 if a bound of
# these parts is missed, or was not measured, or a part failed; see bench.py.
# --quick: what the bounds need at 100,000 pending, or the parts named, with few
# samples; their growth is not judged. Times are right on a machine that does
# nothing else. SLOT: see machine.sh.
# bench.sh profile [WHAT...]: see profile.sh.

set -euo pipefail
. "$(dirname "$0")/../vm/lib.sh"

BENCH=$TOP/tools/bench RAW=$BUILD/bench/raw
PARTS=(kernel-insn user-insn kernel-uml kernel-qemu user-qemu scaling-uml
       scaling-qemu stores)
TCG='QEMU, emulated (TCG)' UML='User Mode Linux'
COUNTING="$TCG, -icount shift=0: its clock counts instructions"
TWQS=twq,twq-batch,twq-slot
FEW=timerfd,twq-epoll,$TWQS
MANY=timerfd,posix,libevent,libevent-mt,$TWQS,twq-shared,twq-batch-shared
MANY+=,twq-slot-shared
MILLION=timerfd,libevent,uring-batch,twq-batch,twq-slot
quick='' failed=()

# part NAME INSTRUMENT KERNEL CPUS MACHINE COMMAND...: keeps what it prints.
part() {
	local name=$1 instrument=$2 kernel=$3 cpus=$4 machine=$5 release
	local start=$SECONDS
	shift 5
	if [[ $kernel == native ]]; then
		release=$(uname -r)
	else
		release=$(<"$("$VM/kernel.sh" "$kernel")/release")
	fi
	printf 'bench: run instrument=%s kernel=%s cpus=%s machine="%s"\n' \
		"$instrument" "$release" "$cpus" "$machine" >"$RAW/$name"
	"$@" >>"$RAW/$name" || failed+=("$name")
	log "$name: $((SECONDS - start)) s"
}

# kernel OPTIONS... -- PARAMETERS...: sees to it that the module got to its end.
kernel() {
	local lines
	lines=$("$BENCH/kernel.sh" "$@") || return
	printf '%s\n' "$lines"
	[[ $lines == *'bench: end' ]]
}

user() {
	"$BENCH/user.sh" "$@"
}

# stores ROUNDS: on two CPUs of the machine.
stores() {
	if (($(nproc) < 2)); then
		none store 0 'the machine has one CPU'
		return
	fi
	in_lock "tools${BUILD//\//_}" \
		make -s -j"$JOBS" -C "$TOP/tools" O="$BUILD/tools" ubench >&2
	"$BUILD/tools/twq-ubench" -m stores -r "$1"
}

# The mix is what it is at 100,000 alone.
kernel_insn() {
	kernel -i -- set=ops,expire "$1" "samples=$2" &&
		kernel -i -- set=mix pending=100000 "samples=$2"
}

# Why a peer has no figures at some number, for bench.py.
none() {
	printf "bench: none where=user who='%s' pending=%s why='%s'\n" "$@"
}

# user_parts ROUNDS MILLION [OPTION...]: all peers as far as they go in a time
# that one waits for, and a million tasks on one file.
user_parts() {
	local rounds=$1 million=$2 list='a move looks through a list of all'
	shift 2
	user "$@" -- -r "$rounds" -m ops,memory -p 100,10000 &&
		user "$@" -- -r "$rounds" -m ops,mix,memory -p 100000 \
			-w "$MANY" &&
		user "$@" -- -r "$rounds" -m ops,memory -p 100000 \
			-w uring,uring-batch &&
		user "$@" -- -r "$rounds" -m lateness -p 1000,10000 || return
	none 'moves by uring' 100000 "$list"
	[[ $million ]] || return 0
	user "$@" -- -r "$rounds" -m ops -p 1000000 -w "$MILLION" &&
		user "$@" -- -m memory -p 1000000 -w timerfd,twq-batch || return
	none 'moves by uring' 1000000 "$list" \
		posix 1000000 'each call looks through one of 512 lists'
}

run_quick() {
	case $1 in
	kernel-insn)
		part "$1" insn stock-6.1 1 "$COUNTING" \
			kernel_insn pending=100000 1
		;;
	user-insn)
		part "$1" insn stock-6.1 1 "$COUNTING" user_quick -i
		;;
	kernel-uml)
		part "$1" uml uml-newest 2 "$UML, 2 CPUs" \
			kernel -k uml-newest -c 2 -- \
			set=ops,expire pending=10000 samples=3
		;;
	kernel-qemu)
		part "$1" qemu stock-6.1 2 "$TCG, 2 CPUs" \
			kernel -c 2 -- \
			set=ops,expire pending=10000 samples=3
		;;
	user-qemu)
		part "$1" qemu stock-6.1 2 "$TCG, 2 CPUs" user_quick -c 2
		;;
	scaling-uml)
		part "$1" uml uml-newest 8 "$UML, 8 CPUs" \
			kernel -w -k uml-newest -c 8 -- set=scale samples=1
		;;
	scaling-qemu)
		part "$1" qemu stock-6.1 4 "$TCG, 4 CPUs" \
			kernel -w -- set=scale samples=1
		;;
	stores) part "$1" host native 2 'the machine itself' stores 3 ;;
	*) die "no such part: $1" ;;
	esac
}

user_quick() {
	user "$@" -- -r 1 -m ops,memory -p 100000 -w "$FEW" &&
		user "$@" -- -r 1 -m lateness -p 10000 -w "$FEW"
}

run() {
	local n=pending=100,10000,100000,1000000
	case $1 in
	kernel-insn)
		part "$1" insn stock-6.1 1 "$COUNTING" kernel_insn "$n" 3
		;;
	user-insn)
		part "$1" insn stock-6.1 1 "$COUNTING" user_parts 3 million -i
		;;
	kernel-uml)
		part "$1" uml uml-newest 2 "$UML, 2 CPUs" \
			kernel -k uml-newest -c 2 -- \
			set=ops,expire "$n" samples=7
		;;
	kernel-qemu)
		part "$1" qemu stock-6.1 2 "$TCG, 2 CPUs" \
			kernel -c 2 -- set=ops,expire "$n" samples=5
		;;
	user-qemu)
		part "$1" qemu stock-6.1 2 "$TCG, 2 CPUs" user_parts 5 '' -c 2
		;;
	scaling-uml)
		part "$1" uml uml-newest 8 "$UML, 8 CPUs" \
			kernel -w -k uml-newest -c 8 -- set=scale samples=5
		;;
	scaling-qemu)
		part "$1" qemu stock-6.1 4 "$TCG, 4 CPUs" \
			kernel -w -- set=scale samples=5
		;;
	stores) part "$1" host native 2 'the machine itself' stores 15 ;;
	*) die "no such part: $1" ;;
	esac
}

main() {
	local each options=() status=0 raw=()
	[[ ${1:-} != -h && ${1:-} != --help ]] || usage 0
	[[ ${1:-} != profile ]] || exec "$BENCH/profile.sh" "${@:2}"
	if [[ ${1:-} == --quick ]]; then
		quick=_quick options=(--quick)
		shift
		(($#)) || set -- kernel-insn user-insn
	fi
	(($#)) || set -- "${PARTS[@]}"
	mkdir -p "$RAW"
	for each; do
		"run$quick" "$each"
		options+=(--part "$each")
		raw+=("$RAW/$each")
	done
	python3 "$BENCH/bench.py" "${options[@]}" --json "$BUILD/bench.json" \
		--markdown "$BUILD/bench.md" "${raw[@]}" || status=$?
	python3 "$BENCH/plot.py" "$BUILD/bench.json" "$BUILD/bench"
	if ((${#failed[@]})); then
		log "failed: ${failed[*]}"
		status=1
	fi
	return "$status"
}

main "$@"
