#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# check.sh: whether an editor with clangd has no errors to show where there are
# none, and shows one that is planted: by clangd itself and by vim as edit.sh
# starts it. Ends with the counts.

set -euo pipefail
. "$(dirname "$0")/../pack/cases.sh"

FILES=(module/task.c module/chardev.c kunit/task_kunit.c tools/lib/libtwq.c
       tools/twqctl/main.c)

# Each source of the module, its suites and the tools is compiled by a command here.
covered() {
	same files "$(cd "$TOP" && git ls-files 'module/*.c' 'kunit/*.c' \
		':!kunit/fail_kunit.c' 'tools/lib/*.c' 'tools/twqctl/*.c' \
		'tools/fuzz/*.c' 'tools/bench/user/*.c' |
		sort)" "$(python3 -c '
import json, sys
for each in json.load(open(sys.argv[1])):
    print(each["file"][len(sys.argv[2]) + 1:])' "$1/compile_commands.json" \
		"$1" | grep -E '^(module|kunit|tools/(lib|twqctl|fuzz|bench/user))/' |
		sort)"
}

# clean TREE FILE
clean() {
	(cd "$1" && clangd --check="$1/$2" 2>&1) | tee "$scratch/log" |
		grep '^E' || true
	grep -q 'All checks completed, 0 errors' "$scratch/log"
}

# finds TREE FILE: the planted error, that is.
finds() {
	not clean "$1" "$2"
	grep "^E.*'nowhere'" "$scratch/log"
}

# A copy of the tree and of its commands, with a line that does not compile.
plant() {
	local each
	mkdir -p "$planted"
	(cd "$TOP" && cp -r .clangd include module tools "$planted")
	sed "s|$TOP/|$planted/|g" "$TOP/compile_commands.json" \
		>"$planted/compile_commands.json"
	for each in module/task.c tools/lib/libtwq.c; do
		echo 'static int planted = nowhere;' >>"$planted/$each"
	done
}

# What vim has to say of a file once clangd has answered: one line each.
vim_says() {
	cat >"$scratch/ask.vim" <<-'EOF'
	let g:tries = 0
	while g:tries < 600 && empty(getloclist(0))
		sleep 100m
		let g:tries += 1
	endwhile
	call writefile(map(getloclist(0), 'v:val.lnum . " " . v:val.text'),
		\ $SAID)
	qall!
	EOF
	(cd "$planted" && SAID=$scratch/said timeout 120 vim -n -es -u NONE -N \
		-S tools/edit/vimrc -c "edit $1" -S "$scratch/ask.vim" \
		>/dev/null 2>&1 </dev/null) || true
	cat "$scratch/said"
}

vim_shows() {
	vim_says "$1" | tee "$scratch/shown"
	grep 'nowhere' "$scratch/shown"
}

main() {
	local planted each
	(($# == 0)) || usage 2 >&2
	scratch=$(mktemp -d)	# the trap's, too
	trap 'rm -rf "$scratch"' EXIT
	planted=$scratch/planted
	"$VM/build.sh" uml-newest kunit >/dev/null
	"$TOP/tools/edit/edit.sh" --commands
	try 'every source has its command' covered "$TOP"
	for each in "${FILES[@]}"; do
		try "clangd: no errors in $each" clean "$TOP" "$each"
	done
	plant
	try 'clangd finds a planted error in the module' \
		finds "$planted" module/task.c
	try 'clangd finds a planted error in the library' \
		finds "$planted" tools/lib/libtwq.c
	try 'vim shows it in the module' vim_shows module/task.c
	try 'vim shows it in the library' vim_shows tools/lib/libtwq.c
	counts
}

main "$@"
