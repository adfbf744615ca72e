#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# kernel.sh [-iw] [-k KERNEL] [-c CPUS] [-m MEM] [-t SECONDS]
#           [-- PARAMETERS...]: boots KERNEL (stock-6.1) and loads twq_bench.ko
# with PARAMETERS, see kernel/main.c: set=ops,expire,mix,scale
# who=twq-local,hrtimer pending=100,100000 samples=5. Prints its lines, see
# bench.py. -i: on one CPU whose clock counts instructions, so that figures
# repeat; else on CPUS (4), in nanoseconds. -w: with a twq.ko that tells how long
# its shared lock was waited for, see kernel/lockwait.h. SLOT: see machine.sh.

set -euo pipefail
. "$(dirname "$0")/machine.sh"

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
	local rest folder twq dir
	parse iwk:c:m:t:h "$@"
	folder=$("$VM/kernel.sh" "$kernel")
	twq=$("$VM/build.sh" "$kernel" "${flavour[@]}")
	dir=$BUILD/bench/$(<"$folder/release")
	in_lock "build${dir//\//_}" build "$folder" "$twq" "$dir"
	run kernel "$twq" "$dir/twq_bench.ko" -- "set -e
		insmod twq.ko
		insmod twq_bench.ko unit=$unit ${rest[*]}
		dmesg | sed -n 's/^.*bench: /bench: /p'
		$(symbols)
		rmmod twq_bench
		rmmod twq"
}

main "$@"
