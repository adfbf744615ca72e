#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# deps.sh [GROUP...]: installs the Debian packages that building and testing
# need: build (the module, kernels), tools (twqctl, the tests), vm (virtual
# machines), style (make style), lib (make lib-test), doc (make completion-test,
# make doc-test), these six by default; arm64 (machines with that processor),
# model (make model), bench (make bench), trace (make trace-test), pack (make deb,
# what is tested of it), edit (make edit), intree (make intree). It says what it
# installs and does nothing when all is there. As root, or through sudo.

set -euo pipefail
. "$(dirname "$0")/lib.sh"

declare -A GROUPS_OF=(
	[build]="build-essential make flex bison bc libelf-dev libssl-dev kmod
		 cpio python3 perl rsync xz-utils patch openssl"
	[tools]="build-essential make MULTILIB libjansson-dev libtracefs-dev
		libtraceevent-dev libncurses-dev"
	[vm]="build-essential qemu-system-x86 busybox-static cpio python3"
	[arm64]="gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-system-arm"
	[model]="build-essential spin"
	[bench]="gnuplot-nox liburing-dev libevent-dev"
	[lib]="build-essential MULTILIB pkgconf mandoc abigail-tools"
	[pack]="build-essential debhelper dh-dkms lintian mmdebstrap
		libjansson-dev libncurses-dev libtraceevent-dev libtracefs-dev
		pkgconf"
	[doc]="bash-completion python3-jsonschema mandoc"
	[edit]="clangd vim vim-ale"
	[trace]="linux-perf trace-cmd bpftrace chromium"
	[intree]="git patch python3 unifdef"
	[style]="build-essential sparse shellcheck perl git"
)

# For gcc -m32, by its versioned name: the other one, gcc-multilib, excludes all
# cross compilers.
multilib() {
	[[ -n $(apt-cache depends gcc 2>/dev/null) ]] || apt_lists
	apt-cache depends gcc |
		sed -n 's/^ *Depends: \(gcc-[0-9]*\)$/\1-multilib/p'
}

wanted() {
	local group
	for group; do
		[[ -v GROUPS_OF[$group] ]] || die "no such group: $group"
		xargs -n1 <<<"${GROUPS_OF[$group]}"
	done | sed "s/^MULTILIB\$/$(multilib)/" | sort -u
}

# Prints those of the given packages that are not installed.
missing() {
	comm -23 <(printf '%s\n' "$@") \
		<(dpkg-query -W -f '${db:Status-Status} ${Package}\n' |
			awk '$1 == "installed" { print $2 }' | sort -u)
}

main() {
	local packages
	[[ ${1:-} != -h && ${1:-} != --help ]] || usage 0
	(($#)) || set -- build tools vm style lib doc
	packages=$(wanted "$@")
	# shellcheck disable=SC2086 # a list of words
	packages=$(missing $packages | xargs)
	[[ -n $packages ]] || return 0
	log "installing: $packages"
	as_root apt-get -qq update >&2
	# shellcheck disable=SC2086 # a list of words
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y \
		--no-install-recommends $packages >&2 </dev/null
	log "installed"
}

main "$@"
