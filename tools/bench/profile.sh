#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# profile.sh [OP...]: where the instructions go, function by function, for each
# expiry in a burst (expire) and alone (expire-apart), each arming by 64 a call
# (arm), and each expiry to the program (deliver, deliver-single), waiting for it
# included. All by default, for twq; WHO=hrtimer, or timerfd for the last three,
# for another. Counts by a plugin of QEMU's translator between marks, see
# profile/plugin.c, among 100,000 pending. Needs QEMU 7 or 8.

set -euo pipefail
. "$(dirname "$0")/../vm/lib.sh"

BENCH=$TOP/tools/bench OUT=$BUILD/bench/profile
COUNT=1000	# of each, at most what a round of twq-ubench makes

build_plugin() {
	mkdir -p "$OUT"
	cc -O2 -Wall -Wextra -Werror -shared -fPIC -o "$OUT/plugin.so" \
		"$BENCH/profile/plugin.c"
}

# The map that comes with a kernel of Debian is empty.
find_symbols() {
	symbols=$OUT/symbols-$(<"$folder/release")
	[[ ! -s $symbols ]] || return 0
	"$VM/run.sh" -c 1 -t 300 -a nokaslr \
		"grep -v '\[' /proc/kallsyms | grep -i ' [tw] '" >"$symbols.part"
	mv "$symbols.part" "$symbols"
}

# profile NAME COUNT COMMAND...: runs that with the plugin, and tells what it saw.
profile() {
	local name=$1 count=$2
	shift 2
	PLUGIN=$OUT/plugin.so,out=$OUT/$name.counts "$@" >"$OUT/$name.log"
	python3 "$BENCH/profile/profile.py" --title "$name" --count "$count" \
		--map "$symbols" --log "$OUT/$name.log" \
		--program "$BUILD/tools/twq-ubench" "$OUT/$name.counts"
}

kernel() {
	profile "$1" "$COUNT" "$BENCH/kernel.sh" -i -- set=expire samples=1 \
		who="${WHO:-twq-local}" "profile=$1"
}

# user OP WHO COUNT
user() {
	profile "$1" "$3" "$BENCH/user.sh" -i -- -r 1 -m ops -p 100000 \
		-n "$COUNT" -w "${WHO:-$2}" -P "$1"
}

main() {
	local each folder symbols
	[[ ${1:-} != -h && ${1:-} != --help ]] || usage 0
	(($#)) || set -- expire expire-apart arm deliver deliver-single
	folder=$("$VM/kernel.sh" stock-6.1)
	build_plugin
	find_symbols
	for each; do
		case $each in
		expire | expire-apart) kernel "$each" ;;
		arm) user "$each" twq-batch "$COUNT" ;;
		deliver) user "$each" twq "$COUNT" ;;
		deliver-single) user "$each" twq 50 ;;
		*) die "no such profile: $each" ;;
		esac
	done
}

main "$@"
