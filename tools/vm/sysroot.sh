#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# sysroot.sh arm64: prints a folder in the cache that holds, unpacked, those
# packages of Debian for another processor that its virtual machines need: a
# static busybox and what twqctl is linked with. The system's own packages,
# sources and architectures stay untouched.

set -euo pipefail
. "$(dirname "$0")/lib.sh"

PACKAGES=(busybox-static libjansson-dev libtracefs-dev libtraceevent-dev
	  libncurses-dev libtinfo6)

unpack() {
	local deb
	APT_CONFIG=$(apt_suite "$1" "$2")
	export APT_CONFIG
	apt_get_debs "${PACKAGES[@]}"
	for deb in *.deb; do
		dpkg -x "$deb" .
	done
	rm -rf ./*.deb usr/share
}

main() {
	local arch=${1:-} suite dir key
	[[ $arch == arm64 ]] || usage 2 >&2
	suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
	key=$(sha256sum <<<"${PACKAGES[*]}")
	dir=$CACHE/sysroot/${arch}_${suite}_${key:0:8}
	fill "$dir" unpack "$suite" "$arch"
	printf '%s\n' "$dir"
}

main "$@"
