#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# build.sh KERNEL|KDIR [FLAVOUR] [MAKE-ARGUMENT...]: builds twq.ko for a kernel
# of kernel.sh, or for a kernel's build folder, and prints the module's path,
# build/<release>[-<flavour>]/twq.ko; of kernels that kernel.sh builds it is
# build/<kind>-<release>-<key of the configuration>[-<flavour>]/twq.ko. The
# sources are copied there, so that each kernel keeps its own objects. Flavours:
# kunit (the suites linked in), fail (kunit and a suite that fails), kcov (traced
# by the kernel's KCOV), race (the rule that race.sh shows to break), lockwait
# (for the benchmark alone). For a KERNEL every warning of W=1 is an error.

set -euo pipefail
. "$(dirname "$0")/lib.sh"

sync_sources() {
	mkdir -p "$1"
	rsync -a --delete --exclude='*.o' --exclude='.*.cmd' --exclude='*.ko' \
		--exclude='*.mod' --exclude='*.mod.c' --exclude='Module.symvers' \
		--exclude='modules.order' --exclude='.module-common.o' \
		"$TOP"/{Kbuild,dkms.conf,module,include,kunit} "$1/"
}

# What runs in the namespace of make_in().
# shellcheck disable=SC2016 # expanded there
IN_SYSTEM='system=$1 kernel=$2 dir=$3
shift 3
mount --rbind /proc "$system/proc"
mount --rbind /dev "$system/dev"
mount --bind "$kernel" "$system/mnt/kernel"
mount --bind "$dir" "$system/mnt/module"
exec chroot "$system" /usr/bin/env -i LC_ALL=C PATH=/usr/bin:/usr/sbin \
	make -C /mnt/kernel/build M=/mnt/module "$@"'

# make_in KERNEL DIR MAKE-ARGUMENT...: builds in the root of KERNEL's system. It
# is mounted in a namespace of our own, which ends with the last process in it.
make_in() {
	local kernel=$1 user=(--map-root-user)
	((EUID != 0)) || user=()
	shift
	unshare "${user[@]}" --mount --propagation private \
		sh -ec "$IN_SYSTEM" sh "$(readlink -f "$kernel/system")" \
		"$(readlink -f "$kernel")" "$@"
}

build() {
	local kdir=$1 dir=$2
	shift 2
	sync_sources "$dir"
	set -- -s -j"$JOBS" "$@" modules
	if [[ -e ${kdir%/build}/system ]]; then
		make_in "${kdir%/build}" "$dir" "$@" >&2
	else
		make -C "$kdir" M="$dir" "$@" >&2
	fi
	printf '%s\n' "$dir/twq.ko"
}

main() {
	local kernel kdir name dir flavour='' make_args=()
	(($#)) || usage 2 >&2
	kernel=$1
	shift
	if [[ $kernel == */* ]]; then
		kdir=$kernel
		[[ -f $kdir/include/generated/utsrelease.h ]] ||
			die "no kernel's headers in $kdir: install them" \
				"(linux-headers-$(uname -r)?) or give KDIR="
		name=$(cut -d'"' -f2 "$kdir/include/generated/utsrelease.h")
	else
		name=$(build_name "$kernel")
		kernel=$("$VM/kernel.sh" "$kernel")
		kdir=$kernel/build
		make_for "$(<"$kernel/arch")" make_args
		make_args+=(W=1 KCFLAGS=-Werror)
	fi
	case ${1:-} in
	kunit) flavour=$1 make_args+=(TWQ_KUNIT=y) ;;
	fail) flavour=$1 make_args+=(TWQ_KUNIT=y TWQ_KUNIT_FAIL=y) ;;
	kcov) flavour=$1 make_args+=(KCOV_INSTRUMENT=y) ;;
	race) flavour=$1 make_args+=(TWQ_RACE=y) ;;
	lockwait)
		flavour=$1
		make_args+=("CFLAGS_module/shared.o=-include
			$TOP/tools/bench/kernel/lockwait.h")
		;;
	esac
	[[ -z $flavour ]] || shift
	# BTF would need pahole and a vmlinux, which packaged headers may lack.
	make_args+=(CONFIG_DEBUG_INFO_BTF_MODULES=)
	dir=$BUILD/$name${flavour:+-$flavour}
	in_lock "build${dir//\//_}" build "$kdir" "$dir" "${make_args[@]}" "$@"
}

main "$@"
