#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# check-completion.sh: completes lines of twqctl as bash does, each in a shell of
# its own, and compares: the commands with the program's table, the options of
# each command with the manual page, values with what they may be. Ends with the
# counts.

set -euo pipefail
. "$(dirname "$0")/../pack/cases.sh"

PAGE=$TOP/tools/man/twqctl.8
FRAMEWORK=/usr/share/bash-completion/bash_completion
# What argp adds to each command.
OF_ALL=(--help --usage --version)

# What bash offers at the end of a line, a word on a line. In a folder with the
# two files script.twq and other.twq.
# shellcheck disable=SC2016 # expanded there
IN_SHELL='. "$1"
_xfunc twqctl true 2>/dev/null
. "$2"
COMP_LINE=$3 COMP_POINT=${#3}
read -ra words <<<"${3//=/ = }"
[[ $3 != *[\ =] ]] || words+=("")
[[ $3 != *= ]] || unset "words[-1]"
COMP_WORDS=("${words[@]}") COMP_CWORD=$((${#words[@]} - 1)) COMP_TYPE=9
complete -p twqctl >/dev/null
_twqctl twqctl "${words[-1]}" "${words[-2]}"
((${#COMPREPLY[@]} == 0)) || printf "%s\n" "${COMPREPLY[@]}"'

offered() {
	(cd "$scratch/here" && PATH=$scratch:$PATH bash --norc -c "$IN_SHELL" \
		bash "$FRAMEWORK" "$TOP/tools/twqctl/completion/twqctl" "$1") |
		LC_ALL=C sort
}

words() {
	if (($#)); then
		printf '%s\n' "$@" | LC_ALL=C sort
	fi
}

# offers LINE WORD...: these and no others.
offers() {
	local line=$1
	shift
	same "$line" "$(words "$@")" "$(offered "$line")"
}

commands_of_table() {
	sed -n 's/^	{ "\([a-z]*\)", cmd_.*/\1/p' "$TOP/tools/twqctl/main.c"
}

# The long options of a command in the page's synopsis, '=' if one needs a value.
options_of_page() {
	sed -n '/^\.Sh SYNOPSIS/,/^\.Sh DESCRIPTION/p' "$PAGE" |
		awk -v want="$1" '
		$1 == ".Nm" { command = "" }
		$1 == ".Cm" { command = $2 }
		{ sub(/^\.Op /, "."); sub(/^\./, ". ") }
		$2 == "Fl" && $3 ~ /^-/ && command == want {
			print "-" $3 ($5 == "=" ? "=" : "")
		}'
}

options() {
	local name=$1 page
	page=$(options_of_page "$name")
	[[ $page == *--json* ]]
	# shellcheck disable=SC2086 # a list of words
	same "twqctl $name -" \
		"$(words "${OF_ALL[@]}" $page)" \
		"$(offered "twqctl $name -")"
}

# accepted LINE: the program takes each value that is offered, and then has no
# device.
accepted() {
	local head=${1%"${1##*[= ]}"} value status
	for value in $(offered "$1"); do
		status=0
		# shellcheck disable=SC2086 # a list of words
		$head$value --device=/dev/null >/dev/null 2>&1 || status=$?
		same "$head$value" 3 "$status"
	done
}

values() {
	local cpus
	offers 'twqctl checks --duration=10' 10{ns,us,ms,s}
	offers 'twqctl checks -i 5m' 5ms
	offers 'twqctl storm -d 3' 3{ns,us,ms,s}
	offers 'twqctl top -d 3' 3{ns,us,ms,s}
	offers 'twqctl top --delay 3' 3{ns,us,ms,s}
	offers 'twqctl stats --watch=3' 3{ns,us,ms,s}
	PATH=$scratch:$PATH
	accepted 'twqctl storm -d 3'
	accepted 'twqctl top -d 3'
	accepted 'twqctl stats --watch=3'
	offers 'twqctl checks --duration x'
	offers 'twqctl checks --seed '
	offers 'twqctl stats --watch='
	cpus=$(</sys/devices/system/cpu/online)
	offered 'twqctl checks --cpus ' | grep -qx "${cpus%%[,-]*}"
	same range "0-0" "$(offered 'twqctl checks -c 0-' | grep -x 0-0)"
	same list "0,0" "$(offered 'twqctl checks -c 0,' | grep -x 0,0)"
}

files() {
	offers 'twqctl run ' other.twq script.twq
	offers 'twqctl run s' script.twq
	offers 'twqctl --device=o' other.twq
	offers 'twqctl --device other.twq inf' info
	offers 'twqctl info '
}

main() {
	local name
	[[ $# == 0 ]] || usage 2 >&2
	[[ -e $FRAMEWORK ]] || die "no bash-completion: run tools/vm/deps.sh doc"
	make -s -C "$TOP/tools" O="$BUILD/tools" twqctl
	scratch=$(mktemp -d)	# the trap's, too
	trap 'rm -rf "$scratch"' EXIT
	mkdir "$scratch/here"
	touch "$scratch/here/"{script,other}.twq
	ln -s "$BUILD/tools/twqctl" "$scratch/twqctl"
	# shellcheck disable=SC2046 # a list of words
	try 'commands' offers 'twqctl ' $(commands_of_table)
	try 'a command that was begun' offers 'twqctl sta' stats
	try 'options before the command' offers 'twqctl -' --device= --json \
		--help --usage --version
	for name in $(commands_of_table); do
		try "options of $name" options "$name"
	done
	try 'values' values
	try 'files' files
	counts
}

main "$@"
