#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# kernel.sh [-i] [-k KERNEL] [-c CPUS] [-m MEM] [-t SECONDS] [-- PARAMETERS...]:
# boots KERNEL (stock-6.1) and loads twq_bench.ko with PARAMETERS, see
# kernel/main.c: set=ops,expire,mix who=twq-local,hrtimer pending=100,100000
# samples=5. Prints its lines, see bench.py. -i: on one CPU whose clock counts
# instructions, so that figures repeat; else on CPUS (4), in nanoseconds.
# SLOT=COMMAND runs the machine by COMMAND, for example one that takes turns.

set -euo pipefail
. "$(dirname "$0")/../vm/lib.sh"

kernel=stock-6.1 cpus=4 memory=2G seconds=1800 machine=() unit=ns

parse() {
	local opt
	while getopts ik:c:m:t:h opt; do
		case $opt in
		i) machine+=(-i) unit=insn ;;
		k) kernel=$OPTARG ;;
		c) cpus=$OPTARG ;;
		m) memory=$OPTARG ;;
		t) seconds=$OPTARG ;;
		h) usage 0 ;;
		*) usage 2 >&2 ;;
		esac
	done
	shift $((OPTIND - 1))
	parameters=("unit=$unit" "$@")
}

# build KERNEL-FOLDER TWQ.KO DIR: against what that module exports.
build() {
	local folder=$1 twq=$2 dir=$3 args=()
	make_for "$(<"$folder/arch")" args
	[[ ! -e $folder/system ]] || die "$kernel: can't be built for here"
	mkdir -p "$dir/module"
	rsync -a "$TOP/tools/bench/kernel/" "$TOP/include" "$dir/"
	rsync -a "$TOP/module/compat.h" "$dir/module/"
	cp "$(dirname "$twq")/Module.symvers" "$dir/twq.symvers"
	make -s -j"$JOBS" -C "$folder/build" M="$dir" "${args[@]}" W=1 \
		KCFLAGS=-Werror CONFIG_DEBUG_INFO_BTF_MODULES= \
		KBUILD_EXTRA_SYMBOLS="$dir/twq.symvers" modules >&2
}

main() {
	local parameters folder twq dir
	parse "$@"
	folder=$("$VM/kernel.sh" "$kernel")
	twq=$("$VM/build.sh" "$kernel")
	dir=$BUILD/bench/$(<"$folder/release")
	in_lock "build${dir//\//_}" build "$folder" "$twq" "$dir"
	# shellcheck disable=SC2086 # words of a command
	${SLOT:-} "$VM/run.sh" "${machine[@]}" -k "$kernel" -c "$cpus" \
		-m "$memory" -t "$seconds" -a log_buf_len=4M \
		-o "$BUILD/bench/kernel-$kernel-$unit-$cpus" \
		-f "$twq" -f "$dir/twq_bench.ko" "set -e
			insmod twq.ko
			insmod twq_bench.ko ${parameters[*]}
			dmesg | sed -n 's/^.*bench: /bench: /p'
			rmmod twq_bench
			rmmod twq"
}

main "$@"
