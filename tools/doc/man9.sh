#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# man9.sh [KDIR]: makes manual pages of section 9 in build/man9 of the kernel-doc
# of twq's in-kernel API: each function that twq.ko exports, and what
# include/linux/twq.h defines. kernel-doc is that of KDIR, a kernel's build
# folder, else of the kernel stock-6.1 of tools/vm/kernel.sh. Fails if one has no
# kernel-doc. Prints the folder.

set -euo pipefail
. "$(dirname "$0")/../vm/lib.sh"

HEADER=include/linux/twq.h

# "name file" of all that has a page.
names() {
	grep -ro '^EXPORT_SYMBOL_GPL(.*)' module |
		sed 's/^\([^:]*\):[A-Z_]*(\(.*\))/\2 \1/'
	sed -n "s|^static inline .*[ *]\\(twq_\\w*\\)(.*|\\1 $HEADER|p
		s|^struct \\(twq_\\w*\\) {.*|\\1 $HEADER|p" "$HEADER"
}

main() {
	local kernel_doc=${1:-}/scripts/kernel-doc out=$BUILD/man9 name file
	[[ ${1:-} != -* ]] || usage 2 >&2
	cd "$TOP"
	if [[ ! -x $kernel_doc ]]; then
		kernel_doc=$("$VM/kernel.sh" stock-6.1)/build/scripts/kernel-doc
	fi
	rm -rf "$out"
	mkdir -p "$out"
	while read -r name file; do
		LC_ALL=C "$kernel_doc" -man -function "$name" "$file" \
			>"$out/$name.9" 2>/dev/null || true
		grep -Eq "^(struct )?$name \\\\- " "$out/$name.9" ||
			die "$file: no kernel-doc of $name"
	done < <(names | sort)
	[[ -n $(ls "$out") ]]
	printf '%s\n' "$out"
}

main "$@"
