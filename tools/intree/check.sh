#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# check.sh [-a] [VERSION...]: shows that the patch of intree.py applies to Debian's
# sources of VERSION (6.12 and newest), by 'git am', too, once and not twice, leaves
# nothing that differs from what it says, and is clean for checkpatch; compiles the
# selftest there; where this system's compiler can build for Debian's kernel of that
# version (6.12), compiles the module of the patched tree for it and runs the
# selftest with it in QEMU; and runs the suites by kunit.py, built in, in User Mode
# Linux: in the newest, or with -a in each. Where UML has several CPUs (6.19 on) it
# is given four. What was skipped is named; a suite that skips all its cases has
# failed, unless it is one of ONE_CPU and has one.

set -euo pipefail
. "$(dirname "$0")/../vm/lib.sh"

DIR=$BUILD/intree
passed=0 failed=0

# Suites all of whose cases need several CPUs.
ONE_CPU=(twq_hotplug twq_memory)

# What checkpatch says of any new subsystem, of the layout that the headers of
# tracepoints have.
IGNORED=FILE_PATH_CHANGES,PARENTHESIS_ALIGNMENT,OPEN_ENDED_LINE

report() {
	local name=$1
	shift
	if "$@" >"$DIR/$name.log" 2>&1; then
		echo "ok - $name"
		sed -n "s/^skipped: /&$name: /p" "$DIR/$name.log"
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

# by_git_am SOURCE PATCH TREE: a repository of the touched files; all that is in
# the patch is in it afterwards as in TREE.
by_git_am() {
	local repo=$DIR/am file
	rm -rf "$repo" && mkdir -p "$repo" &&
		sed -n 's,^--- a/,,p' "$2" >"$DIR/touched" &&
		(cd "$1" && xargs cp --parents -t "$repo") <"$DIR/touched" &&
		git -C "$repo" init -q && git -C "$repo" add -A &&
		by_git "$repo" commit -q -m tree &&
		by_git "$repo" am -q --whitespace=error "$2" &&
		[[ -z $(git -C "$repo" status --porcelain) ]] &&
		git -C "$repo" log -1 --format=%B | grep '^Signed-off-by: ' &&
		git -C "$repo" ls-files | while read -r file; do
			cmp "$repo/$file" "$3/$file" || exit 1
		done
}

by_git() {
	git -C "$1" -c user.name=test -c user.email=test@example.org "${@:2}"
}

# checkpatch TREE PATCH: without a repository, it asks for no more than perl.
checkpatch() {
	GIT_DIR=$DIR/none perl "$1/scripts/checkpatch.pl" --root="$1" --strict --terse \
		--show-types --ignore "$IGNORED" "$2"
}

# module_builds TREE DIR KERNEL: of the patched tree's files and no others.
module_builds() {
	local include=$2/include name
	rm -rf "$2" && mkdir -p "$include"/{linux,uapi/linux,trace/events} &&
		cp -r "$1/kernel/time/twq/." "$2" &&
		for name in linux uapi/linux trace/events; do
			cp "$1/include/$name/twq.h" "$include/$name/" || return
		done &&
		make -s -j"$JOBS" -C "$3/build" M="$2" CONFIG_TWQ=m W=1 \
			KCFLAGS="-Werror -I$include" \
			CONFIG_DEBUG_INFO_BTF_MODULES= modules &&
		[[ -s $2/twq.ko ]]
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
			KHDR_INCLUDES="-isystem $2/usr/include" \
			USERCFLAGS=-Werror USERLDFLAGS=-static &&
		[[ -x $2/selftest/test_calls && -x $2/selftest/test_submit ]]
}

# What selftest_builds() has made, in a machine with the module.
# shellcheck disable=SC2016 # expanded by the guest
GUEST='for test in test_*; do
	echo "twq-test: begin $test"
	insmod twq.ko
	timeout 900 ./$test
	status=$?
	rmmod twq || status="$status rmmod"
	[ "$status" != 4 ] || status=77
	echo "twq-test: end $test $status"
done'

# selftest_runs KERNEL SELFTEST MODULE
selftest_runs() {
	local status=0 names
	names=$(cd "$2" && echo test_*)
	# shellcheck disable=SC2046 # a list of words
	"$VM/run.sh" -k "$1" -t 1800 -o "$DIR/machine" -f "$3" \
		$(printf -- '-f %s ' "$2"/test_*) "$GUEST" || status=$?
	# shellcheck disable=SC2086 # a list of words
	python3 "$VM/tap.py" --run-status "$status" "$DIR/machine/output" $names
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

# skipped FILE: the suites and cases that were skipped, or some of whose parameters
# were, each with the reason. What a subtest has in it is indented by four more.
skipped() {
	awk 'match($0, /^ *# Subtest: /) {
		name[index($0, "#") - 1] = substr($0, RLENGTH + 1)
	     }
	     / # SKIP/ {
		indent = match($0, /[^ ]/) - 1
		path = "skipped: " (indent ? name[4] "." : "")
		if (indent > 4)
			sub(/ok .* # SKIP/, "ok 1 " name[8] " # SKIP")
		sub(/^ *ok [0-9]+ (- )?/, path)
		sub(/ # SKIP/, ":")
		sub(/:? *$/, "")
		split($0, part, ": ")
		if (!seen[part[2]]++)
			print
	     }' "$1"
}

# ran FILE: the suites with a case that has passed.
ran() {
	sed -nE '/# SKIP/d; s/^ok [0-9]+ (twq_[a-z_0-9]*).*/\1/p' "$1"
}

# kunit TREE ARGUMENT...: as Documentation/timers/twq.rst has it.
kunit() {
	cd "$1" || return
	shift
	if ! grep -q 'config SMP' arch/um/Kconfig; then
		./tools/testing/kunit/kunit.py run --kunitconfig=kernel/time/twq \
			"$@"
		return
	fi
	./tools/testing/kunit/kunit.py run --kunitconfig=kernel/time/twq \
		--kconfig_add=CONFIG_SMP=y --kconfig_add=CONFIG_NR_CPUS=8 \
		--kernel_args=seccomp=on --kernel_args=ncpus=4 "$@"
}

# suites TREE OUT: each has run, and no case failed.
suites() {
	local alone=()
	grep -q 'config SMP' "$1/arch/um/Kconfig" || alone=("${ONE_CPU[@]}")
	(kunit "$1" --build_dir="$2" --jobs="$JOBS" --timeout=900 \
		--raw_output=kunit 'twq_*' >"$2.tap") &&
		skipped "$2.tap" &&
		diff <({ ran "$2.tap" && printf '%s\n' "${alone[@]}"; } |
			sed '/^$/d' | sort) <(linked | sort) &&
		! grep '^ *not ok' "$2.tap"
}

main() {
	local all='' version source tree patch kernel
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
		report "git-am-$version" by_git_am "$source" "$patch" "$tree"
		report "checkpatch-$version" checkpatch "$tree" "$patch"
		report "refused-twice-$version" refused_twice "$tree" "$patch"
		report "selftest-$version" selftest_builds "$tree" \
			"$DIR/headers-$version"
		kernel=$("$VM/kernel.sh" "stock-$version")
		if [[ ! -e $kernel/system ]]; then
			report "module-$version" module_builds "$tree" \
				"$DIR/module-$version" "$kernel"
			report "selftest-runs-$version" selftest_runs \
				"stock-$version" "$DIR/headers-$version/selftest" \
				"$DIR/module-$version/twq.ko"
		fi
		[[ -z $all && $version != newest ]] ||
			report "kunit-$version" suites "$tree" "$DIR/out-$version"
	done
	echo "$passed passed, $failed failed"
	((failed == 0))
}

main "$@"
