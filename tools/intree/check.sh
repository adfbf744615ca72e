#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# check.sh [-a] [VERSION...]: shows that the patch of intree.py applies to Debian's
# sources of VERSION (6.12 and newest), once and not twice, and leaves nothing that
# differs from what it says; compiles the selftest there; and runs the suites by
# kunit.py, built in, in User Mode Linux: in the newest, or with -a in each.
# Where UML has several CPUs (6.19 on) it is given four.

set -euo pipefail
. "$(dirname "$0")/../vm/lib.sh"

DIR=$BUILD/intree
passed=0 failed=0

report() {
	local name=$1
	shift
	if "$@" >"$DIR/$name.log" 2>&1; then
		echo "ok - $name"
		passed=$((passed + 1))
	else
		tail -n 20 "$DIR/$name.log"
		echo "FAILED: $name"
		failed=$((failed + 1))
	fi
}

# The shell ignores errors in what report() calls: each function is one chain.

# applies SOURCE PATCH TREE: to a tree of hard links; a patched file is a new one.
applies() {
	rm -rf "$3" && mkdir -p "$3" && cp -al "$1/." "$3" &&
		patch -d "$3" -p1 --forward --fuzz=0 -i "$2" >"$DIR/patch.out" &&
		! grep -E 'offset|fuzz|reject' "$DIR/patch.out" &&
		! cmp -s "$1/MAINTAINERS" "$3/MAINTAINERS" &&
		! grep -q TWQ "$1/MAINTAINERS"
}

# refused_twice TREE PATCH: neither by the script nor by the patch itself.
refused_twice() {
	! "$TOP/tools/intree/intree.py" "$1" &&
		! patch -d "$1" -p1 --forward --dry-run -i "$2"
}

# selftest_builds TREE HEADERS
selftest_builds() {
	make -s -C "$1" O="$2" ARCH=x86_64 headers_install \
		INSTALL_HDR_PATH="$2/usr" &&
		mkdir -p "$2/selftest" &&
		make -s -C "$1/tools/testing/selftests/twq" OUTPUT="$2/selftest" \
			KHDR_INCLUDES="-isystem $2/usr/include" USERCFLAGS=-Werror &&
		[[ -x $2/selftest/test_calls && -x $2/selftest/test_submit ]]
}

# The suites that Kbuild links without fault injection.
linked() {
	local name
	sed '/TWQ_KUNIT_FAIL/,/endif/d' "$TOP/Kbuild" |
		grep -o '[a-z_]*_kunit\.o' |
		while read -r name; do
			sed -n 's/^	\.name = "\(twq_[a-z_0-9]*\)",$/\1/p' \
				"$TOP/kunit/${name%.o}.c"
		done
}

# suites TREE OUT: each has run, and no case failed.
suites() {
	local args=()
	! grep -q 'config SMP' "$1/arch/um/Kconfig" ||
		args=(--kconfig_add=CONFIG_SMP=y --kconfig_add=CONFIG_NR_CPUS=8
			--kernel_args=seccomp=on --kernel_args=ncpus=4)
	(cd "$1" && ./tools/testing/kunit/kunit.py run \
		--kunitconfig=kernel/time/twq --build_dir="$2" --jobs="$JOBS" \
		--timeout=900 "${args[@]}" --raw_output=kunit 'twq_*' \
		>"$2.tap") &&
		diff <(sed -n 's/^ok [0-9]* \(twq_[a-z_0-9]*\).*/\1/p' "$2.tap" |
			sort) <(linked | sort) &&
		! grep '^ *not ok' "$2.tap"
}

main() {
	local all='' version source tree patch
	if [[ ${1:-} == -a ]]; then
		all=y
		shift
	fi
	[[ $# -gt 0 ]] || set -- 6.12 newest
	mkdir -p "$DIR"
	for version; do
		source=$("$VM/kernel.sh" "source-$version")
		tree=$DIR/tree-$version patch=$DIR/twq-$version.patch
		"$TOP/tools/intree/intree.py" "$source" >"$patch"
		report "applies-$version" applies "$source" "$patch" "$tree"
		report "refused-twice-$version" refused_twice "$tree" "$patch"
		report "selftest-$version" selftest_builds "$tree" \
			"$DIR/headers-$version"
		[[ -z $all && $version != newest ]] ||
			report "kunit-$version" suites "$tree" "$DIR/out-$version"
	done
	echo "$passed passed, $failed failed"
	((failed == 0))
}

main "$@"
