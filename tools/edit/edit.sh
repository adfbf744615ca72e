#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# edit.sh [FILE]: opens the code in an editor with clangd: in $EDITOR if that is
# set, else in code if there is one, else in vim with ALE (tools/edit/vimrc).
# edit.sh --commands: only writes compile_commands.json, which clangd reads: the
# module as it is compiled for KERNEL (stock-6.1), the tools, and the suites if
# 'make kunit' has built them.

set -euo pipefail
. "$(dirname "$0")/../vm/lib.sh"

commands() {
	local kernel=${KERNEL:-stock-6.1} module suites modules
	module=$("$VM/build.sh" "$kernel")
	modules=("$module:$("$VM/kernel.sh" "$kernel")/build")
	# What 'make kunit' has left; its kernel is there, then.
	if [[ -n $(newest "$BUILD"/uml-*-kunit/twq.ko) ]]; then
		suites=$BUILD/$(build_name uml-newest)-kunit/twq.ko
		[[ ! -e $suites ]] ||
			modules+=("$suites:$("$VM/kernel.sh" uml-newest)/build")
	fi
	((${#modules[@]} > 1)) ||
		log "kunit/: no commands before 'make kunit' has built the suites"
	"$TOP/tools/edit/compile_commands.py" "${modules[@]}" \
		>"$TOP/.compile_commands.json"
	mv "$TOP/.compile_commands.json" "$TOP/compile_commands.json"
}

main() {
	local file=${1:-module/task.c}
	case $file in
	--commands)
		commands
		exit
		;;
	-*) usage 2 >&2 ;;
	esac
	commands
	cd "$TOP"
	if [[ -n ${EDITOR:-} ]]; then
		# shellcheck disable=SC2086 # a command may have arguments
		exec $EDITOR "$file"
	elif command -v code >/dev/null; then
		exec code . "$file"
	fi
	exec vim -S tools/edit/vimrc "$file"
}

main "$@"
