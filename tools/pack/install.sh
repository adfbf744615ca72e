#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# install.sh KDIR: builds twq.ko for a kernel's build folder and installs it as
# that kernel installs its modules (compressed, signed), in
# $DESTDIR/lib/modules/RELEASE/updates. depmod runs where the kernel's own
# modules are, too, so not in a staging folder.
# install.sh --dkms: puts the sources into $DESTDIR/usr/src/twq-VERSION, where
# DKMS takes them from ('dkms install twq/VERSION').
# install.sh --remove KDIR: removes what these two have put there. While DKMS has
# the sources registered it fails, before anything is removed.

set -euo pipefail
. "$(dirname "$0")/../vm/lib.sh"

DESTDIR=${DESTDIR:-}

# The release that KDIR is for, also when its headers have gone.
release_of() {
	if [[ -f $1/include/generated/utsrelease.h ]]; then
		cut -d'"' -f2 "$1/include/generated/utsrelease.h"
	elif [[ $1 =~ ^/lib/modules/([^/]+)/build/?$ ]]; then
		echo "${BASH_REMATCH[1]}"
	else
		die "no kernel's headers in $1"
	fi
}

# What fits the kernel is found by modprobe from now on.
index() {
	local release=$1
	[[ -e $DESTDIR/lib/modules/$release/modules.order ]] || return 0
	depmod -b "$DESTDIR/" "$release"
}

# unsigned KDIR: whether modules are to be signed by a key that is not here. A
# distribution keeps its own; who needs a signature has DKMS's.
unsigned() {
	local config=$1/include/config/auto.conf key
	grep -qsx CONFIG_MODULE_SIG_ALL=y "$config" || return 1
	key=$(sed -n 's/^CONFIG_MODULE_SIG_KEY="\?\([^"]*\)"\?$/\1/p' "$config")
	[[ ! -f $1/certs/signing_key.x509 ]] ||
		[[ $key != pkcs11:* && ! -f $key && ! -f $1/$key ]]
}

install_module() {
	local kdir=$1 release=$2 module signing=()
	if unsigned "$kdir"; then
		signing=(CONFIG_MODULE_SIG_ALL=)
		log "not signed: the key of $release is not here"
	fi
	module=$("$VM/build.sh" "$kdir")
	# depmod as the kernel's makefile runs it does nothing without a
	# System.map, which headers do not have, but says so.
	make -s -C "$kdir" M="$(dirname "$module")" INSTALL_MOD_DIR=updates \
		INSTALL_MOD_PATH="$DESTDIR" DEPMOD=true "${signing[@]}" \
		modules_install 2>&1 | sed '/System\.map.*[Ss]kipping depmod/d'
	index "$release"
	log "installed $(ls "$DESTDIR/lib/modules/$release/updates"/twq.ko*)"
}

remove_module() {
	local release=$1 folder=$DESTDIR/lib/modules/$1/updates
	rm -f "$folder"/twq.ko{,.gz,.xz,.zst}
	[[ ! -d $folder ]] || rmdir --ignore-fail-on-non-empty "$folder"
	index "$release"
}

sources() {
	echo "$DESTDIR/usr/src/twq-$(sed -n \
		's/^PACKAGE_VERSION="\(.*\)"$/\1/p' "$TOP/dkms.conf")"
}

# The module's alone: not the suites, which a test build links in.
install_sources() {
	local folder
	folder=$(sources)
	rm -rf "$folder"
	mkdir -p "$folder"
	cp -r --preserve=timestamps \
		"$TOP"/{Kbuild,dkms.conf,module,include} "$folder/"
	chmod -R u=rwX,go=rX "$folder"
}

# DKMS must not be left with a registration and no sources.
check_removable() {
	local folder
	folder=$(sources)
	[[ -n $DESTDIR || ! -d $folder ||
		! -e /var/lib/dkms/twq/${folder##*twq-} ]] ||
		die "DKMS has it: dkms remove twq/${folder##*twq-} --all"
}

main() {
	local release
	case ${1:-} in
	--dkms)
		install_sources
		;;
	--remove)
		(($# == 2)) || usage 2 >&2
		release=$(release_of "$2")
		check_removable
		remove_module "$release"
		rm -rf "$(sources)"
		;;
	'' | -*) usage 2 >&2 ;;
	*)
		# Says what is missing if there are no headers.
		"$VM/build.sh" "$1" >/dev/null
		release=$(release_of "$1")
		install_module "$1" "$release"
		;;
	esac
}

main "$@"
