#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# kernel.sh [--update] NAME: makes a kernel available in the cache and prints
# its folder. In it: image (what boots), build (KDIR for modules), and the
# one-line files release and arch (x86_64, um or arm64); where this release of
# Debian can't build modules for it, system, the root of one that can.
# NAME: stock-6.1, stock-6.12, stock-newest (Debian's; -rt or -cloud may
# follow); built from Debian's source, of a version or 'newest': uml-VERSION,
# kasan-VERSION (KASAN, lockdep and more), kcsan-VERSION, rt-VERSION (PREEMPT_RT
# and lockdep), arm64-VERSION; source-VERSION (the tree only, printed itself).
# What the cache has is used; --update looks for newer, --clear (without NAME)
# empties the cache.

set -euo pipefail
. "$(dirname "$0")/lib.sh"

SUITE=trixie-backports		# where what is newer than this release comes from
UPDATE=

# ---- Debian's own kernels: packages unpacked, not installed ----

# The image's and the headers' metapackage of a series, e.g. 6.12 rt-amd64.
stock_meta() {
	local series=$1 flavour=$2
	if [[ -n $(apt_candidate "linux-image-$series-$flavour") ]]; then
		echo "linux-image-$series-$flavour linux-headers-$series-$flavour"
	else
		echo "linux-image-$flavour linux-headers-$flavour"
	fi
}

# The packages behind them: image, its binary and base where they are packages
# of their own, headers, common headers, kbuild.
stock_packages() {
	local version=${1//./[.]}
	[[ $1 != newest ]] || version='[0-9]'
	# shellcheck disable=SC2046 # two words
	apt-cache depends --recurse -i $(stock_meta "$1" "$2") |
		grep -E "^linux-(image|binary|base|headers|kbuild)-$version" |
		grep -vE -- "-unsigned\$|-$1-$2\$" | sort -u
}

# The header's makefile names folders of an installed package.
stock_relocate() {
	local here
	# shellcheck disable=SC2016 # make's variables
	here='$(dir $(lastword $(MAKEFILE_LIST)))'
	sed -i -e "s,^include /usr/src/,include $here../," \
		-e "s,^KBUILD_OUTPUT=.*,KBUILD_OUTPUT := \$(abspath $here)," "$1"
}

# stock_unpack SYSTEM PACKAGE...
stock_unpack() {
	local system=$1 deb header
	shift
	apt_get_debs "$@"
	mkdir root
	for deb in *.deb; do
		dpkg -x "$deb" root
	done
	rm -rf ./*.deb root/lib/modules root/usr/share
	header=$(echo root/usr/src/linux-headers-*-amd64)
	[[ -d $header ]] || die "no headers among: $*"
	stock_relocate "$header/Makefile"
	ln -s "$header" build
	ln -s "$(find root -name 'vmlinuz*')" image
	echo "${header##*linux-headers-}" >release
	echo x86_64 >arch
	[[ -z $system ]] || ln -s "$system" system
}

stock() {
	local name=$1 series flavour=amd64 packages version dir system=''
	series=$(cut -d- -f2 <<<"$name")
	case $name in
	*-rt) flavour=rt-amd64 ;;
	*-cloud) flavour=cloud-amd64 ;;
	esac
	dir=$(newest "$CACHE/kernel/$name"_*)
	if [[ -z $dir || -n $UPDATE ]]; then
		if [[ $series == newest ]]; then
			system=$(system)
			APT_CONFIG=$(apt_suite "$SUITE")
			export APT_CONFIG
		else
			apt_lists
		fi
		packages=$(stock_packages "$series" "$flavour") ||
			die "apt has no linux-image of $series $flavour"
		version=$(apt_candidate "$(grep ^linux-image <<<"$packages")")
		dir=$CACHE/kernel/${name}_$version
		# shellcheck disable=SC2086 # a list of words
		fill "$dir" stock_unpack "$system" $packages
	fi
	echo "$dir"
}

# ---- the system that a newer kernel's headers need ----

# What a module's build runs there.
SYSTEM_PACKAGES="base-files bash dash coreutils sed grep findutils diffutils
	mawk perl-base make gcc-14 libelf1t64 kmod"

# Prints the root of the release that SUITE belongs to: its compiler, its libc.
# Nothing if that is this release.
system() {
	local release=${SUITE%-backports}
	[[ $(. /etc/os-release && echo "$VERSION_CODENAME") != "$release" ]] ||
		return 0
	fill "$CACHE/system/$release" system_unpack "$release"
	echo "$CACHE/system/$release"
}

# Unpacked, not installed: no package's script runs, and nobody needs be root.
system_unpack() {
	local deb
	log "unpacking a minimal $1"
	mkdir -p archives/partial
	APT_CONFIG=$(apt_suite "$1")
	export APT_CONFIG
	# shellcheck disable=SC2086 # a list of words
	apt-get -qq -y --download-only --no-install-recommends \
		-o Dir::Cache::archives="$PWD/archives" install $SYSTEM_PACKAGES
	# Its links /bin and /lib come before what is in them.
	for deb in archives/base-files_*.deb archives/*.deb; do
		dpkg -x "$deb" .
	done
	rm -rf archives usr/share/{doc,man,locale}
	ln -s mawk usr/bin/awk
	mkdir -p mnt/kernel mnt/module
}

# ---- kernels built from Debian's packaged source ----

# The highest version of which apt, as set by APT_CONFIG, has the source.
source_newest() {
	apt-cache pkgnames linux-source- |
		grep -oE '^linux-source-[0-9]+[.][0-9]+$' |
		sort -t- -k3V | tail -n1 | cut -d- -f3
}

source_unpack() {
	apt_get_debs "$1"
	dpkg -x ./*.deb .
	tar -xf usr/src/linux-source-*.tar.xz --strip-components=1
	rm -rf ./*.deb usr/src usr/share
}

# Prints the source tree of a version. A version that this release of Debian
# lacks is looked for in SUITE, where the newest may have taken its place.
source_tree() {
	local version=$1 dir candidate
	dir=$(newest "$CACHE/source/$version"_*)
	if [[ -z $dir || -n $UPDATE ]]; then
		apt_lists
		candidate=$(apt_candidate "linux-source-$version")
		if [[ -z $candidate ]]; then
			APT_CONFIG=$(apt_suite "$SUITE")
			export APT_CONFIG
			candidate=$(apt_candidate "linux-source-$version")
			[[ -n $candidate ]] ||
				die "neither apt nor $SUITE has linux-source-$version"
		fi
		dir=$CACHE/source/${version}_$candidate
		fill "$dir" source_unpack "linux-source-$version=$candidate"
	fi
	echo "$dir"
}

# Resolves 'newest', and remembers the answer for runs without a network.
source_version() {
	local file=$CACHE/source/newest conf
	if [[ $1 != newest ]]; then
		echo "$1"
		return
	fi
	if [[ ! -s $file || -n $UPDATE ]]; then
		conf=$(apt_suite "$SUITE")
		mkdir -p "$CACHE/source"
		APT_CONFIG=$conf source_newest >"$file"
	fi
	cat "$file"
}

# Sets what the kernel NAME is made of: arch, start, parts, targets, image.
recipe() {
	case $1 in
	uml-*)
		arch=um start=alldefconfig parts=(uml)
		targets=(linux modules) image=linux
		;;
	kasan-* | kcsan-* | rt-*)
		arch=x86_64 start=allnoconfig parts=(qemu x86 "${1%%-*}")
		targets=(bzImage modules) image=arch/x86/boot/bzImage
		;;
	arm64-*)
		arch=arm64 start=allnoconfig parts=(qemu arm64)
		targets=(Image modules) image=arch/arm64/boot/Image
		;;
	*) die "no such kernel: $1" ;;
	esac
}

# settings PART...: what the fragments ask for, without their comments.
settings() {
	(cd "$VM/configs" && grep -hE '^(# )?CONFIG_' "${@/%/.config}")
}

# Says which settings of the fragments this version did not take. What is to be
# off may be missing altogether.
config_check() {
	local line option
	while read -r line; do
		option=${line#'# '}
		option=${option%%[ =]*}
		grep -qxF -- "$line" .config ||
			{ [[ $line == '#'* ]] && ! grep -q "^$option=" .config; } ||
			log "not taken: $line"
	done <../fragment
}

# The tree's files are hard links: a build adds files, it changes none.
tree_build() {
	local tree=$1 arch start parts targets image
	recipe "$2"
	log "building $2 from $(basename "$tree") (some minutes)"
	cp -al "$tree" build
	settings "${parts[@]}" >fragment
	cd build
	local -a args=()
	make_for "$arch" args
	make -s "${args[@]}" KCONFIG_ALLCONFIG=../fragment "$start"
	config_check
	make -s -j"$JOBS" "${args[@]}" "${targets[@]}" >../log 2>&1 || {
		tail -n 40 ../log
		return 1
	}
	make -s "${args[@]}" kernelrelease >../release
	cd ..
	ln -s "build/$image" image
	echo "$arch" >arch
}

built() {
	local name=$1 arch start parts targets image version tree key dir
	recipe "$name"
	version=$(source_version "${name##*-}")
	name=${name%-*}-$version
	key=$(settings "${parts[@]}" | sha256sum)
	key=${key:0:8}
	dir=$(newest "$CACHE/kernel/$name"_*_"$key")
	if [[ -z $dir || -n $UPDATE ]]; then
		tree=$(source_tree "$version")
		dir=$CACHE/kernel/${name}_${tree##*_}_$key
		fill "$dir" tree_build "$tree" "$name"
	fi
	echo "$dir"
}

main() {
	if [[ ${1:-} == --update ]]; then
		UPDATE=y
		shift
	fi
	case ${1:-} in
	stock-*) stock "$1" ;;
	source-*) source_tree "$(source_version "${1#source-}")" ;;
	--clear) rm -rf "$CACHE" ;;
	'' | -*) usage 2 >&2 ;;
	*) built "$1" ;;
	esac
}

main "$@"
