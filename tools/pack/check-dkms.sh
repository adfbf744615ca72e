#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# check-dkms.sh [KERNEL...]: in a root of the Debian release that a kernel is of
# (see root.sh), gives the sources to DKMS, adds, builds, installs and removes
# the module, looks that it is signed by DKMS's key, and lets it run a task in a
# virtual machine with that kernel (stock-6.1 and stock-newest). Ends with the
# counts.

set -euo pipefail
. "$(dirname "$0")/cases.sh"
. "$(dirname "$0")/root.sh"

SCRIPT='create t shared
queue t +10ms
events 1
destroy t'

dkms() {
	in_root "$root" "$kernel" dkms "$@"
}

# One line for each kernel that DKMS knows of the module, or none.
dkms_status() {
	dkms status -m twq
}

add() {
	make -s -C "$TOP" install-dkms DESTDIR="$scratch/sources"
	as_root cp -r "$scratch/sources/usr" "$root"
	dkms add "twq/$VERSION"
	dkms_status | grep -x "twq/$VERSION: added"
}

build() {
	dkms build "twq/$VERSION" -k "$release" || {
		as_root cat "$root/var/lib/dkms/twq/$VERSION/build/make.log"
		return 1
	}
	dkms_status | grep "^twq/$VERSION, $release, x86_64: built"
	not module >/dev/null
}

# Prints the installed module.
module() {
	ls "$root/lib/modules/$release/updates/dkms"/twq.ko* 2>/dev/null
}

install_module() {
	dkms install "twq/$VERSION" -k "$release"
	dkms_status | grep "^twq/$VERSION, $release, x86_64: installed"
	same version "$VERSION" "$(modinfo -F version "$(module)")"
	in_root "$root" "$kernel" modprobe -S "$release" -n -v twq |
		grep 'insmod .*/updates/dkms/twq\.ko'
}

# The signature is by the key that DKMS has made in this root.
signed() {
	local serial
	serial=$(as_root openssl x509 -inform DER -noout -serial \
		-in "$root/var/lib/dkms/mok.pub")
	same key "${serial#serial=}" \
		"$(modinfo -F sig_key "$(module)" | tr -d :)"
	[[ -n $(modinfo -F signature "$(module)") ]]
}

# A task that fires, in a machine with that kernel.
runs() {
	local tools copy=$scratch/twq.ko
	tools=$(build_tools "$name")
	cp "$(module)" "$scratch/"
	[[ ! -e $copy.xz ]] || xz -d "$copy.xz"
	"$VM/run.sh" -k "$name" -c 2 -f "$copy" -f "$tools/twqctl" "set -e
		insmod twq.ko
		echo '$SCRIPT' | twqctl run
		rmmod twq"
}

remove() {
	dkms remove "twq/$VERSION" --all
	same status '' "$(dkms_status)"
	not module
	not grep twq "$root/lib/modules/$release/modules.dep"
	as_root rm -r "$root/usr/src/twq-$VERSION"
	# The key is DKMS's and stays.
	same state "$before" \
		"$(root_state "$root" | grep -v '^/var/lib/dkms/mok\.')"
}

check() {
	local name=$1 kernel root=$scratch/root release before suite=bookworm
	[[ $name != stock-newest* ]] || suite=trixie
	kernel=$("$VM/kernel.sh" "$name")
	release=$(<"$kernel/release")
	root_unpack "$suite" "$root" "$kernel"
	before=$(root_state "$root")
	try "$name: dkms add" add
	try "$name: dkms build" build
	try "$name: dkms install" install_module
	try "$name: signed" signed
	try "$name: runs a task" runs
	try "$name: dkms remove" remove
	as_root rm -rf "$root" "$scratch"/twq.ko
}

main() {
	local name
	[[ ${1:-} != -* ]] || usage 2 >&2
	(($#)) || set -- stock-6.1 stock-newest
	mkdir -p "$BUILD/pack"
	scratch=$(mktemp -d "$BUILD/pack/dkms.XXXXXX")	# the trap's, too
	trap 'as_root rm -rf "$scratch"' EXIT
	for name; do
		check "$name"
	done
	counts
}

main "$@"
