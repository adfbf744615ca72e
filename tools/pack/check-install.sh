#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# check-install.sh: installs everything below scratch folders, for two kernels
# and under several prefixes, looks at what is there, builds a program against
# it, and removes it again. Nothing of this system is changed. Ends with the
# counts.

set -euo pipefail
. "$(dirname "$0")/cases.sh"

KERNELS=(stock-6.1 stock-newest)

# The makefiles as users call them.
do_make() {
	make -s -C "$TOP" DESTDIR="$root" "$@"
}

no_headers() {
	mkdir -p "$scratch/none"
	not do_make install KDIR="$scratch/none" 2>"$scratch/err"
	grep -q "no kernel's headers in $scratch/none: install" "$scratch/err"
	[[ ! -e $root ]]
}

# The one file, or what the kernel compresses it to, is a module of VERSION.
module() {
	local kdir=$1 release=$2 folder=$root/lib/modules/$2/updates
	do_make install KDIR="$kdir"
	same files ./lib/modules/"$release"/updates/twq.ko \
		"$(files_in "$root" | sed 's/\.[gxz][zs]t\?$//')"
	same version "$VERSION" "$(modinfo -F version "$folder"/twq.ko*)"
	same release "$release" \
		"$(modinfo -F vermagic "$folder"/twq.ko* | cut -d' ' -f1)"
	if grep -q '^CONFIG_MODULE_COMPRESS_XZ=y' "$kdir/.config"; then
		[[ -e $folder/twq.ko.xz ]]
	fi
}

module_uninstall() {
	do_make uninstall KDIR="$1"
	same files '' "$(files_in "$root")"
}

# Where the kernel is, modprobe finds the module, and no more when it is gone.
depmod_runs() {
	local kdir=$1 release=$2
	local modules=$root/lib/modules/$release
	mkdir -p "$modules"
	touch "$modules"/modules.{order,builtin}
	do_make install KDIR="$kdir"
	modprobe -d "$root" -S "$release" -n -v twq | grep 'insmod .*/twq\.ko'
	do_make uninstall KDIR="$kdir"
	not grep twq "$modules/modules.dep"
	rm -r "$root"
}

# A kernel whose own key is there, as it is for who has built the kernel.
module_is_signed() {
	local kernel=$1 release=$2 own=$scratch/own key
	cp -al "$kernel/root" "$own"
	key=$own/usr/src/linux-headers-$release/output/signing_key.pem
	mkdir "${key%/*}" "${key%/*/*}/certs"
	openssl req -new -nodes -x509 -newkey rsa:2048 -subj /CN=own \
		-keyout "$key" -out "$scratch/cert" 2>/dev/null
	openssl x509 -in "$scratch/cert" -outform DER \
		-out "${key%/*/*}/certs/signing_key.x509"
	same 'signed without a key' '' "$(do_make install \
		KDIR="$kernel/build" && signer "$release")"
	do_make install KDIR="$own/usr/src/linux-headers-$release"
	same 'signed with its key' own "$(signer "$release")"
	do_make uninstall KDIR=/lib/modules/"$release"/build
	same files '' "$(files_in "$root")"
}

signer() {
	modinfo -F signer "$root/lib/modules/$1/updates"/twq.ko*
}

programs() {
	local lib=$1
	shift
	do_make install-tools "$@"
	[[ -e $root$lib/libtwq.a ]]
	same soname libtwq.so.1 "$(readelf -d "$root$lib/libtwq.so" |
		sed -n 's/.*soname: \[\(.*\)\]/\1/p')"
	same version "twqctl $VERSION" \
		"$(LD_LIBRARY_PATH=$root$lib "$root$bin/twqctl" --version)"
	readelf -d "$root$bin/twqctl" | grep -F '[libtwq.so.1]'
	PKG_CONFIG_LIBDIR=$root$lib/pkgconfig
	export PKG_CONFIG_LIBDIR PKG_CONFIG_SYSROOT_DIR=$root
	same pkg-config "$VERSION" "$(pkg-config --modversion libtwq)"
	# shellcheck disable=SC2046 # a list of words
	gcc -o "$scratch/idle" "$TOP/tools/examples/idle.c" \
		$(pkg-config --cflags --libs libtwq)
	readelf -d "$scratch/idle" | grep -F '[libtwq.so.1]'
	[[ -s $root${bin%/bin}/share/bash-completion/completions/twqctl ]]
	same scripts "$(cd "$TOP/tools/bpf" && ls)" \
		"$(cd "$root${bin%/bin}/share/twq/bpf" && ls)"
	[[ -s $root$man/man8/twqctl.8 && -s $root$man/man4/twq.4 ]]
	[[ -s $root$man/man3/twq_open.3 && -s $root$man/man3/twq_get_info.3 ]]
}

# Nothing lies outside the folders that were asked for.
programs_within() {
	local within=$1
	same files '' "$(files_in "$root" | grep -Ev "^\./($within)/" || true)"
}

programs_uninstall() {
	do_make uninstall KDIR=/lib/modules/none/build "$@"
	same files '' "$(files_in "$root")"
	[[ ! -e $root${bin%/bin}/share/twq ]]
}

settings() {
	do_make install-udev install-autoload
	same files "./usr/local/lib/modules-load.d/twq.conf
./usr/local/lib/sysusers.d/twq.conf
./usr/local/lib/udev/rules.d/60-twq.rules" "$(files_in "$root")"
	do_make uninstall KDIR=/lib/modules/none/build
	same files '' "$(files_in "$root")"
}

# What DKMS gets is enough to build the module, and has no more than that.
dkms_sources() {
	local kdir=$1 sources=$root/usr/src/twq-$VERSION
	do_make install-dkms
	same parts "$(printf '%s\n' Kbuild dkms.conf include module)" \
		"$(LC_ALL=C ls "$sources")"
	make -s -j"$JOBS" -C "$kdir" M="$sources" modules
	[[ -s $sources/twq.ko ]]
	do_make uninstall KDIR=/lib/modules/none/build
	same files '' "$(files_in "$root")"
}

main() {
	local root kernel kdir release bin man
	[[ $# == 0 ]] || usage 2 >&2
	scratch=$(mktemp -d)	# the trap's, too
	trap 'rm -rf "$scratch"' EXIT
	root=$scratch/root
	try 'no headers: an error, nothing installed' no_headers
	for kernel in "${KERNELS[@]}"; do
		kdir=$("$VM/kernel.sh" "$kernel")
		release=$(<"$kdir/release")
		kdir+=/build
		try "$kernel: module" module "$kdir" "$release"
		try "$kernel: module removed" module_uninstall "$kdir"
		try "$kernel: depmod where the kernel is" \
			depmod_runs "$kdir" "$release"
	done
	kernel=$("$VM/kernel.sh" stock-6.1)
	try 'signed if the key is there' \
		module_is_signed "$kernel" "$(<"$kernel/release")"
	rm -rf "$root"		# whatever failed above
	bin=/usr/local/bin man=/usr/local/share/man
	try 'tools' programs /usr/local/lib
	try 'tools: below the prefix' programs_within usr/local
	try 'tools removed' programs_uninstall
	rm -rf "$root"
	local multi=(prefix=/usr libdir=/usr/lib/multi mandir=/usr/man)
	bin=/usr/bin man=/usr/man
	try 'tools with prefix, libdir, mandir' programs /usr/lib/multi "${multi[@]}"
	try 'tools: in these folders' \
		programs_within \
		'usr/(bin|include|man|lib/multi|share/(bash-completion|twq/bpf))'
	try 'tools in these folders removed' programs_uninstall "${multi[@]}"
	rm -rf "$root"
	try 'udev rule, group, autoload' settings
	try 'sources for DKMS' dkms_sources "$kernel/build"
	counts
}

main "$@"
