# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What kernel.sh and user.sh share: their options, twq.ko, and the machine.
# Meant to be sourced after 'set -euo pipefail'.

. "$(dirname "${BASH_SOURCE[0]}")/../vm/lib.sh"

kernel=stock-6.1 cpus=4 memory=2G seconds=1800 machine=() unit=ns flavour=()

# parse LETTERS ARGUMENT...: sets those, and 'rest' to what no option is. Of the
# options LETTERS are known, those of the script's opening comment.
# shellcheck disable=SC2034 # some are for those who source this
parse() {
	local opt letters=$1
	shift
	while getopts "$letters" opt; do
		case $opt in
		i) machine+=(-i) unit=insn ;;
		k) kernel=$OPTARG ;;
		c) cpus=$OPTARG ;;
		m) memory=$OPTARG ;;
		t) seconds=$OPTARG ;;
		w) flavour=(lockwait) ;;
		h) usage 0 ;;
		*) usage 2 >&2 ;;
		esac
	done
	shift $((OPTIND - 1))
	rest=("$@")
}

# Prints a command for the machine: the modules' symbols, where they are wanted.
symbols() {
	[[ -z ${PLUGIN:-} ]] || echo "grep -F '[twq' /proc/kallsyms"
}

# run NAME FILE... -- COMMAND: in that machine, with the FILEs. Its logs are kept
# by NAME. An idle machine goes on at once to what it waits for. SLOT=COMMAND
# runs the machine by COMMAND, for example one that takes turns. PLUGIN: see run.sh;
# addresses are the same in all runs then, and those of the modules are printed.
run() {
	local name=$1 files=() boot=log_buf_len=4M
	[[ -z ${PLUGIN:-} ]] || boot+=' nokaslr norandmaps'
	shift
	while [[ $1 != -- ]]; do
		files+=(-f "$1")
		shift
	done
	# shellcheck disable=SC2086 # words of a command
	ICOUNT=sleep=off ${SLOT:-} "$VM/run.sh" "${machine[@]}" -k "$kernel" \
		-c "$cpus" -m "$memory" -t "$seconds" -a "$boot" \
		-o "$BUILD/bench/$name-$kernel-$unit-$cpus" "${files[@]}" "$2"
}
