# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Cases for the tests of this folder. Meant to be sourced instead of vm/lib.sh.

. "$(dirname "${BASH_SOURCE[0]}")/../vm/lib.sh"

# shellcheck disable=SC2034 # for those who source this
VERSION=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"$/\1/p' "$TOP/dkms.conf")
passed=0 failed=0

# try WHAT COMMAND...: a case. What a failing COMMAND has printed is shown. It
# runs with errexit, which a condition would take from it.
try() {
	local what=$1 out status
	shift
	set +e
	out=$(set -e; "$@" 2>&1)
	status=$?
	set -e
	if ((status == 0)); then
		printf 'ok - %s\n' "$what"
		passed=$((passed + 1))
	else
		printf '%s\nFAILED: %s (status %d)\n' "$out" "$what" "$status"
		failed=$((failed + 1))
	fi
}

# Ends the test with the counts.
counts() {
	printf '%d passed, %d failed\n' "$passed" "$failed"
	((passed && !failed))
}

# same WHAT EXPECTED FOUND: fails, and shows how the texts differ.
same() {
	[[ $2 == "$3" ]] && return
	printf '%s: expected, found:\n' "$1"
	diff <(printf '%s\n' "$2") <(printf '%s\n' "$3")
}

# not COMMAND...: fails if COMMAND succeeds ('!' would hide that from errexit).
not() {
	if "$@"; then
		printf 'succeeded: %s\n' "$*"
		return 1
	fi
}

# copy_tree DIR: what git knows or would add.
copy_tree() {
	mkdir -p "$1"
	(cd "$TOP" && git ls-files -co --exclude-standard |
		while read -r each; do
			[[ ! -f $each ]] || printf '%s\n' "$each"
		done | cpio --quiet -pdm "$1")
}

# The files below a folder, sorted.
files_in() {
	(cd "$1" && find . ! -type d | LC_ALL=C sort)
}
