#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# planted.sh [NAME...]: shows that the fuzzer finds bugs. Each of planted/*.patch
# puts one into a scratch copy of the module; fuzz.sh, on KERNEL or the kernel
# that the patch names, must then fail. Prints how many calls it took and what
# was seen. CALLS (50000) is the most that each may take. Ends with the counts.

set -euo pipefail
. "$(dirname "$0")/../vm/lib.sh"

CALLS=${CALLS:-50000}
passed=0 failed=0

# Prints what showed the bug: the fuzzer's own words, or else the kernel's.
finding() {
	grep -hm1 '^FAILED: ' "$1" || true
	grep -hom1 -E '(BUG|WARNING|KASAN|UBSAN|Oops): .*|unreferenced object.*' \
		"$1" | head -n 1 || true
}

plant() {
	local patch=$1 name dir kernel status=0 calls
	name=$(basename "$patch" .patch)
	dir=$BUILD/planted/$name
	kernel=${KERNEL:-$(sed -n "s/^Kernel: //p" "$patch")}
	rm -rf "$dir"
	mkdir -p "$dir"
	cp -r "$TOP"/{Kbuild,dkms.conf,include,kunit,module,tools} "$dir/"
	patch -s -d "$dir" -p1 <"$patch"
	KERNEL=$kernel "$dir/tools/vm/fuzz.sh" --calls="$CALLS" --hang=20 \
		>"$dir.log" 2>&1 </dev/null || status=$?
	calls=$(sed -n 's/^\([0-9]*\) calls in .*/\1/p' "$dir.log" | tail -n 1)
	# What did not build or boot has found nothing.
	if ((status && status != 126)) && grep -q ': booting' "$dir.log"; then
		printf 'ok - %s: %s calls, %s\n' "$name" "${calls:-some}" \
			"$(finding "$dir.log" | xargs -d '\n')"
		passed=$((passed + 1))
	else
		tail -n 5 "$dir.log"
		printf 'FAILED: %s: %s\n' "$name" "$(head -n 1 "$patch")"
		failed=$((failed + 1))
	fi
}

main() {
	local name folder
	folder=$(dirname "$(readlink -f "$0")")/planted
	(($#)) || set -- "$folder"/*.patch
	for name; do
		name=$(basename "$name" .patch)
		plant "$folder/$name.patch"
	done
	printf '%d passed, %d failed\n' "$passed" "$failed"
	((passed && !failed))
}

main "$@"
