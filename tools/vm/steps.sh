# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Steps of a check: each is a command with a log of its own in LOGS and either
# counts of its own or one case itself. All steps run, whatever fails.
# Meant to be sourced instead of lib.sh; 'verdict' comes last.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

LOGS=$BUILD/check
passed=0 failed=0 logs=()

# A step prints its counts as its last line, or is one case itself.
step() {
	local name=$1 log=$LOGS/$1.log status=0 start=$SECONDS
	shift
	mkdir -p "$(dirname "$log")"
	logs+=("$log")
	printf '==== %s: %s\n' "$name" "${*#"$TOP"/}"
	"$@" </dev/null 2>&1 | tee "$log" |
		sed -u "s|^[0-9]* passed, [0-9]* failed|$name: &|" || status=$?
	count "$name" "$status" "$(tail -n 1 "$log")"
	printf '==== %s: %d s\n' "$name" $((SECONDS - start))
}

count() {
	local name=$1 status=$2 last=$3 p=0 f=0
	if [[ $last =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed ]]; then
		p=${BASH_REMATCH[1]} f=${BASH_REMATCH[2]}
		if ((status && !f)); then
			f=1
		fi
	else
		((status)) && f=1 || p=1
	fi
	if ((f)); then
		printf '==== %s: FAILED\n' "$name"
	fi
	passed=$((passed + p)) failed=$((failed + f))
}

# What was skipped is named and not counted. Fails unless all passed.
verdict() {
	grep -hi '^skipped:' "${logs[@]}" || true
	printf '%d passed, %d failed\n' "$passed" "$failed"
	((passed && !failed))
}
