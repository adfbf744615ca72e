#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# abi.sh: whether programs that were compiled with an earlier libtwq.h and
# linux/twq.h work with this one. abidiff compares libtwq.so with the reference
# in tools/lib/libtwq.abi; uapi_layout.c is compiled as C and C++, for 64 and 32
# bits. Then breaks of each kind are planted in a copy, and have to be found.
# Ends with the counts.
# abi.sh --update: makes the present libtwq.so the reference: after an addition,
# never to make a break pass.

set -euo pipefail
. "$(dirname "$0")/cases.sh"

REFERENCE=$TOP/tools/lib/libtwq.abi
LAYOUT=$TOP/tools/pack/uapi_layout.c

# library TREE: builds a tree's library; sets so.
library() {
	local out=$BUILD/tools
	[[ $1 == "$TOP" ]] || out=$1/out
	make -s -C "$1/tools" O="$out" lib
	so=$out/libtwq.so.$VERSION
}

# Reports any difference: what was added has to be in the reference, too.
abi() {
	local so
	library "$1"
	abidiff --no-show-locs "$REFERENCE" "$so"
}

# Not where the code or its comments stand, which is not of the ABI.
update() {
	local so
	library "$TOP"
	abidw --no-show-locs --no-corpus-path --no-comp-dir-path \
		--no-parameter-names "$so" | sed "s,path='$TOP/,path='," \
		>"$REFERENCE"
}

# layout TREE COMPILER...
layout() {
	local tree=$1
	shift
	"$@" -Wall -Wextra -Wpadded -Werror -fsyntax-only \
		-I"$tree/include/uapi" \
		-idirafter "/usr/include/$(gcc -print-multiarch)" "$LAYOUT"
}

# complete TREE: the layout names what the header has: structures, members,
# constants.
complete() {
	same 'header and layout' "$(gcc -fpreprocessed -dD -E -P \
		"$1/include/uapi/linux/twq.h" | sed -n '
		s/^struct \(twq_[a-z_]*\) {/\1/
		/^twq_/{ h; s/^/SIZE /p; d; }
		/[a-z0-9_]*\(\[[0-9]*\]\)\?;$/{
			s/.* \([a-z0-9_]*\)\(\[[0-9]*\]\)\?;$/\1/
			/^[a-z]/{ G; s/\(.*\)\n\(.*\)/AT \2.\1/p; }
		}
		s/^#define \(TWQ_[A-Z_]*\) .*/VALUE \1/p' | sort)" \
		"$(sed -n '
		s/^\(SIZE\)(\([a-z_]*\),.*/\1 \2/p
		s/^\(AT\)(\([a-z_]*\), \([a-z0-9_]*\),.*/\1 \2.\3/p
		s/^\(VALUE\)(\([A-Z_]*\),.*/\1 \2/p' "$LAYOUT" | sort)"
}

# plant FILES EDIT: a copy of the tree with files (a pattern) edited by sed.
plant() {
	local copy=$scratch/planted
	rm -rf "$copy"
	mkdir -p "$copy/tools"
	cp -r "$TOP/dkms.conf" "$TOP/include" "$copy"
	cp -r "$TOP/tools"/{Makefile,lib,man} "$copy/tools"
	# shellcheck disable=SC2086 # a pattern
	(cd "$copy" && sed -i "$2" $1)
	if diff -rq "$copy/include" "$TOP/include" &&
	   diff -rq "$copy/tools/lib" "$TOP/tools/lib"; then
		die "nothing planted in $1"
	fi >&2
	echo "$copy"
}

# found PATTERN FILES EDIT COMMAND...: the command fails with the planted edit,
# and what it prints matches.
found() {
	local pattern=$1 copy command=$4
	copy=$(plant "$2" "$3")
	shift 4
	not "$command" "$copy" "$@" >"$scratch/out" 2>&1
	grep -E -- "$pattern" "$scratch/out" || {
		cat "$scratch/out"
		return 1
	}
}

planted() {
	local uapi=include/uapi/linux/twq.h
	try 'found: a symbol removed' found '\[D\].*twq_requeue' \
		tools/lib/libtwq.map '/twq_requeue;/d' abi
	try 'found: a return type changed' found '\[C\].*twq_now_ns' \
		'tools/lib/libtwq.[ch]' 's/^int64_t twq_now_ns/int twq_now_ns/' abi
	try 'found: a structure of the library grown' found 'type size changed' \
		tools/lib/libtwq.h 's/^\tuint32_t nr_creates;/&\n\tuint64_t more;/' abi
	try 'found: members of an ioctl exchanged' found 'twq_create.*(flags|cpus_len)' \
		$uapi '/^struct twq_create {/,/^}/{
			s/cpus_len;/xxx;/; s/flags;/cpus_len;/; s/xxx;/flags;/ }' \
		layout gcc -std=c11
	try 'found: a layout that depends on the word' found 'twq_event' \
		$uapi '/^struct twq_event {/,/^}/s/__u64 id;/unsigned long id;/' \
		layout gcc -std=c11 -m32
	try 'found: padding by the compiler' found 'Werror=padded' \
		$uapi '/^struct twq_wakeup {/,/^}/{
			s/__u32 pad;/__u16 pad;/ }' layout gcc -std=c11
	try 'found: an ioctl renumbered' found TWQ_IOC_QUERY \
		$uapi '/TWQ_IOC_QUERY/s/0x08/0x0c/' layout g++ -std=c++11
	try 'found: a member not in the layout' found 'twq_slot.more' \
		$uapi '/^struct twq_slot {/,/^}/s/^}/\t__u64 more;\n}/' complete
}

main() {
	[[ $(uname -m) == x86_64 ]] || die 'the reference is that of x86_64'
	case ${1:-} in
	'') ;;
	--update)
		update
		exit
		;;
	*) usage 2 >&2 ;;
	esac
	scratch=$(mktemp -d)	# the trap's, too
	trap 'rm -rf "$scratch"' EXIT
	try 'libtwq.so' abi "$TOP"
	try 'the layout is complete' complete "$TOP"
	try 'layout in C' layout "$TOP" gcc -std=c11
	try 'layout in C, 32 bits' layout "$TOP" gcc -std=c11 -m32
	try 'layout in C++' layout "$TOP" g++ -std=c++11
	try 'layout in C++, 32 bits' layout "$TOP" g++ -std=c++11 -m32
	planted
	counts
}

main "$@"
