# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Roots of Debian releases to install things in: made by mmdebstrap from the
# mirror that this machine uses, kept in the cache, unpacked for each test.
# Meant to be sourced after cases.sh. Only what is done in a root is done as
# root; nothing of this system is changed.

# What a machine has on which twq is installed, from packages or from source:
# what it and the kernel's headers depend on, so that the tests need no network,
# and udev.
declare -A ROOT_PACKAGES=(
	[bookworm]="dkms gcc make libc6-dev kmod libelf1 openssl pkgconf udev
		    systemd-standalone-sysusers libjansson-dev libncurses-dev
		    libtraceevent-dev libtracefs-dev rsync"
	[trixie]="dkms gcc make libc6-dev kmod libelf1t64 openssl xz-utils"
)

# Prints the archive of a release.
root_archive() {
	local suite=$1 key
	key=$(xargs <<<"${ROOT_PACKAGES[$suite]}" | sha256sum)
	fill "$CACHE/root/${suite}_${key:0:8}" root_make "$suite"
	echo "$CACHE/root/${suite}_${key:0:8}/root.tar"
}

root_make() {
	local suite=$1 mirror
	mirror=$(apt_mirror)
	log "making a root of $suite (a minute)"
	# shellcheck disable=SC2001 # blanks of any kind to commas
	as_root mmdebstrap --quiet --variant=minbase \
		--include="$(xargs <<<"${ROOT_PACKAGES[$suite]}" | sed 's/ /,/g')" \
		--aptopt='APT::Install-Recommends "false"' \
		--keyring=/usr/share/keyrings/debian-archive-keyring.gpg \
		"$suite" root.tar "deb $mirror $suite main"
}

# root_unpack SUITE DIR KERNEL: a fresh root with the headers of a kernel of
# kernel.sh, as the kernel's packages would have left it.
root_unpack() {
	local suite=$1 dir=$2 kernel=$3 archive release
	archive=$(root_archive "$suite")
	release=$(<"$kernel/release")
	mkdir -p "$dir"
	as_root tar -xpf "$archive" -C "$dir" --numeric-owner
	as_root mkdir -p "$dir/mnt/kernel" "$dir/lib/modules/$release"
	as_root ln -s /mnt/kernel/build "$dir/lib/modules/$release/build"
	as_root touch "$dir/lib/modules/$release"/modules.{order,builtin,builtin.modinfo}
	in_root "$dir" "$kernel" depmod "$release"
}

# What runs in the namespace of in_root().
# shellcheck disable=SC2016 # expanded there
IN_ROOT='root=$1 kernel=$2
shift 2
mount --rbind /proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --bind "$kernel" "$root/mnt/kernel"
mount -o remount,bind,ro "$root/mnt/kernel"
exec chroot "$root" /usr/bin/env -i LC_ALL=C HOME=/root \
	DEBIAN_FRONTEND=noninteractive \
	PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"'

# in_root DIR KERNEL COMMAND...: runs it there, with the kernel's headers.
in_root() {
	local dir=$1 kernel=$2
	shift 2
	as_root unshare --mount --propagation private \
		sh -ec "$IN_ROOT" sh "$dir" "$(readlink -f "$kernel")" "$@" \
		</dev/null
}

# The files of a root, without what depmod makes, and the groups it knows.
root_state() {
	as_root find "$1" -xdev ! -type d ! -path "$1/var/log/*" \
		! -path "$1/var/cache/*" ! -path '*/lib/modules/*/modules.*' |
		sed "s|^$1||" | LC_ALL=C sort
	cut -d: -f1 "$1/etc/group"
}
