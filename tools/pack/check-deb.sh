#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# check-deb.sh: in a fresh root of Debian 12 with the headers of stock 6.1,
# installs from source ('make install' and so on) and uninstalls. Then builds
# the packages (deb.sh), installs them there, so that DKMS builds the module,
# compiles the idle example against libtwq-dev, runs what was installed in a
# machine with that kernel (modprobe, udev's rule, twqctl as a member of the
# group and as none, the example), and purges: nothing may be left. Ends with
# the counts.

set -euo pipefail
. "$(dirname "$0")/cases.sh"
. "$(dirname "$0")/root.sh"

NAME=stock-6.1		# of the kernel
PACKAGES=(twq-dkms twqctl libtwq1 libtwq-dev)
# What the machine runs, from the root; their libraries go along.
PROGRAMS=(/sbin/modprobe /lib/systemd/systemd-udevd /bin/udevadm
	  /usr/bin/twqctl /usr/sbin/chroot /tmp/idle)

run_in() {
	in_root "$root" "$kernel" "$@"
}

# As an administrator does it: for this system, below /usr/local.
from_source() {
	local source=$root/tmp/source
	copy_tree "$scratch/source"
	as_root cp -r "$scratch/source" "$source"
	run_in make -s -C /tmp/source install install-tools install-udev \
		install-autoload KDIR="/lib/modules/$release/build"
	run_in modprobe -S "$release" -n -v twq |
		grep "/lib/modules/$release/updates/twq\.ko"
	same twqctl "twqctl $VERSION" "$(run_in twqctl --version)"
	run_in ldconfig -p | grep 'libtwq\.so\.1 .*/usr/local/lib/libtwq\.so\.1$'
	grep '^twq:' "$root/etc/group"
}

# The sources that DKMS has registered must stay, and with them all that uninstall
# would remove after or before them.
from_source_kept() {
	local before
	run_in make -s -C /tmp/source install-dkms
	run_in dkms add "twq/$VERSION"
	before=$(root_state "$root")
	not run_in make -s -C /tmp/source uninstall \
		KDIR="/lib/modules/$release/build"
	same state "$before" "$(root_state "$root")"
	run_in dkms remove "twq/$VERSION" --all
}

# All but the group, of which others may have become members.
from_source_uninstall() {
	run_in make -s -C /tmp/source uninstall \
		KDIR="/lib/modules/$release/build"
	not run_in modprobe -S "$release" -n twq
	not grep -c libtwq "$root/etc/ld.so.cache"
	run_in groupdel twq
	as_root rm -rf "$root/tmp/source" "$root/root/.cache"
	same state "$before" "$(root_state "$root")"
}

git_status() {
	git -C "$TOP" status --porcelain
}

# lintian has nothing to say, and the build leaves no file outside build/.
packages() {
	local before name
	before=$(git_status)
	"$TOP/tools/pack/deb.sh"
	same 'the checkout' "$before" "$(git_status)"
	for name in "${PACKAGES[@]}"; do
		same "$name" "$VERSION" \
			"$(dpkg-deb -f "$BUILD/deb/${name}_$VERSION"_*.deb Version)"
	done
}

# The module is built, signed and found by modprobe; the group is there.
install_packages() {
	local name
	as_root mkdir -p "$root/tmp/build/deb"
	for name in "${PACKAGES[@]}"; do
		as_root cp "$BUILD/deb/${name}_$VERSION"_*.deb "$root/tmp/build/deb"
	done
	# As README.md has it.
	run_in bash -ec 'cd /tmp
		dpkg -i build/deb/{twq-dkms,twqctl,libtwq1}_*.deb'
	run_in sh -ec 'dpkg -i /tmp/build/deb/libtwq-dev_*.deb'
	as_root rm -r "$root/tmp/build"
	run_in dkms status | grep "^twq/$VERSION, $release, x86_64: installed"
	[[ -n $(run_in modinfo -k "$release" -F signer twq) ]]
	same version "$VERSION" "$(run_in modinfo -k "$release" -F version twq)"
	grep '^twq:' "$root/etc/group"
	same twqctl "twqctl $VERSION" "$(run_in twqctl --version)"
	[[ -s $root/usr/share/man/man3/twq_open.3.gz ]]
	[[ -s $root/usr/share/man/man8/twqctl.8.gz ]]
	[[ -x $root/usr/share/twq/bpf/lateness.bt ]]
}

# What README.Debian tells, but for what asks the firmware.
readme_debian() {
	run_in mkdir -p /etc/modules-load.d	# which systemd has
	run_in cp /usr/share/doc/twq-dkms/examples/modules-load.d/twq.conf \
		/etc/modules-load.d/
	same 'loaded at boot' twq "$(run_in sh -ec \
		'grep -v "^#" /etc/modules-load.d/twq.conf')"
	as_root rm "$root/etc/modules-load.d/twq.conf"
	run_in adduser nobody twq
	run_in id -nG nobody | grep -w twq
	run_in deluser nobody twq
	as_root rm -f "$root/run/adduser"	# its lock
	openssl x509 -inform DER -noout <"$root/var/lib/dkms/mok.pub"
}

# By the line that the example itself gives.
example() {
	local line source=/usr/share/doc/libtwq-dev/examples/idle.c
	line=$(sed -n 's/^ \* \(cc .*\)$/\1/p' "$root$source")
	[[ -n $line ]]
	run_in sh -ec "cp $source /tmp; cd /tmp; $line -Wall -Werror"
	run_in readelf -d /tmp/idle | grep -F '[libtwq.so.1]'
}

# The part of the root that the machine needs, as an archive.
archive() {
	# shellcheck disable=SC2016 # expanded there
	run_in sh -ec '
		for each; do
			ldd "$each" | grep -o "/[^ ]*" || true
		done >/tmp/libraries
		tar -chf - -T /tmp/libraries "$@" /lib/modules/*/modules.* \
			/lib/modules/*/updates /etc/group /etc/passwd \
			/usr/lib/udev/rules.d/60-twq.rules 2>/dev/null
		rm /tmp/libraries' sh "${PROGRAMS[@]}"
}

# shellcheck disable=SC2016 # expanded by the guest
GUEST='set -e
mkdir /tmp/root
tar -xf /twq/root.tar -C /tmp/root
cd /tmp/root
for each in dev proc sys; do
	mkdir $each
	mount -o bind /$each $each
done
mkdir run
chroot . /lib/systemd/systemd-udevd --daemon
chroot . /sbin/modprobe twq
chroot . /bin/udevadm settle
gid=$(sed -n "s/^twq:[^:]*:\([0-9]*\):.*/\1/p" etc/group)
echo "node: $(stat -c "%a %u" /dev/twq), group: $(($(stat -c %g /dev/twq) - gid))"
as() {
	who=$1
	shift
	chroot . /usr/sbin/chroot --userspec=$who / "$@"
}
as 65534:$gid /usr/bin/twqctl info
printf "create t shared\nqueue t +10ms\nevents 1\n" |
	as 65534:$gid /usr/bin/twqctl run
! as 65534:65534 /usr/bin/twqctl info || exit 1
chroot . /tmp/idle --connections=100 --idle=1 --talk=1
chroot . /sbin/modprobe -r twq
chroot . /bin/udevadm control --exit
! grep -q "^twq " /proc/modules || exit 1
echo "machine: done"'

machine() {
	archive >"$scratch/root.tar"
	"$VM/run.sh" -k "$NAME" -c 2 -f "$scratch/root.tar" "$GUEST" |
		tee "$scratch/output"
	grep -x 'node: 660 0, group: 0' "$scratch/output"
	grep -x 'machine: done' "$scratch/output"
}

remove() {
	run_in dpkg -r "${PACKAGES[@]}"
	same dkms '' "$(run_in dkms status)"
	not ls "$root/lib/modules/$release/updates"
	[[ ! -e $root/usr/bin/twqctl && ! -e $root/usr/include/libtwq.h ]]
}

# The key is DKMS's, and stays with it.
purge() {
	as_root rm -f "$root"/tmp/idle*
	run_in dpkg -P "${PACKAGES[@]}"
	same state "$before" "$(root_state "$root" |
		grep -v '^/var/lib/dkms/mok\.')"
}

main() {
	local root kernel release before
	(($# == 0)) || usage 2 >&2
	mkdir -p "$BUILD/pack"
	scratch=$(mktemp -d "$BUILD/pack/deb.XXXXXX")	# the trap's, too
	trap 'as_root rm -rf "$scratch"' EXIT
	root=$scratch/root
	kernel=$("$VM/kernel.sh" "$NAME")
	release=$(<"$kernel/release")
	root_unpack bookworm "$root" "$kernel"
	before=$(root_state "$root")
	try 'installed from source' from_source
	try 'nothing uninstalled while DKMS has it' from_source_kept
	try 'uninstalled' from_source_uninstall
	try 'packages, and lintian' packages
	try 'installed' install_packages
	try 'README.Debian' readme_debian
	try 'an example is compiled' example
	try 'it runs' machine
	try 'removed' remove
	try 'purged' purge
	counts
}

main "$@"
