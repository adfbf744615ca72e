#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# style.sh: checkpatch, kernel-doc, sparse, gcc's warnings and shellcheck over
# everything that git knows or would add. No finding is allowed. Prints each
# check with its result and the counts. Needs the kernels of tools/vm/kernel.sh.

set -euo pipefail
. "$(dirname "$0")/vm/lib.sh"

passed=0 failed=0

# list PATTERN: the files whose name matches.
list() {
	git ls-files -co --exclude-standard | grep -E "$1" |
		while read -r file; do
			[[ ! -f $file ]] || echo "$file"
		done
}

# check NAME COMMAND...: passes if COMMAND succeeds and prints nothing.
check() {
	local name=$1 out status=0
	shift
	out=$("$@" 2>&1) || status=$?
	if [[ -z $out && $status == 0 ]]; then
		printf 'ok - %s\n' "$name"
		passed=$((passed + 1))
	else
		printf '%s\nFAILED: %s (status %d)\n' "$out" "$name" "$status"
		failed=$((failed + 1))
	fi
}

# compat.h is where a module outside the kernel's tree may ask for the version,
# which checkpatch takes for a constant, too. The layout of include/trace is what
# the kernel's own headers of tracepoints have.
checkpatch() {
	local options=(--no-tree --strict --quiet --terse --show-types -f)
	{
		list '\.([chSs]|sh|py|config|txt)$|Makefile|Kbuild|^\.ci/' |
			grep -vxE 'module/compat.h|include/trace/.*' |
			xargs -P "$JOBS" -n 8 perl "$tree/scripts/checkpatch.pl" \
				"${options[@]}" || true
		perl "$tree/scripts/checkpatch.pl" "${options[@]}" \
			--ignore LINUX_VERSION_CODE,CONSTANT_COMPARISON \
			module/compat.h || true
		perl "$tree/scripts/checkpatch.pl" "${options[@]}" \
			--ignore PARENTHESIS_ALIGNMENT,OPEN_ENDED_LINE \
			include/trace/events/twq.h || true
	} | sed '/^total: .* lines checked$/d'
}

kernel_doc() {
	list '^(module|include|kunit|tools/lib)/.*\.[ch]$' |
		xargs "$tree/scripts/kernel-doc" -Wall -Werror -none
}

# Into a folder of its own, so that everything is compiled every time.
sparse_module() {
	local dir=$BUILD/sparse
	rm -rf "$dir"
	mkdir -p "$dir"
	cp -r Kbuild module include kunit "$dir/"
	make -s -j"$JOBS" -C "$kernel/build" M="$dir" C=2 \
		CONFIG_DEBUG_INFO_BTF_MODULES= modules 2>&1 | sed "s,$dir/,,"
}

warnings_module() {
	"$VM/build.sh" stock-6.1 >/dev/null
}

shell() {
	list . | xargs grep -lE '^#!/bin/(ba)?sh|^# shellcheck shell=' |
		xargs shellcheck
}

python() {
	list '\.py$' | PYTHONDONTWRITEBYTECODE=y xargs python3 -W error -c '
import ast, pathlib, sys
for name in sys.argv[1:]:
    ast.parse(pathlib.Path(name).read_text(), name)'
}

main() {
	cd "$TOP"
	tree=$("$VM/kernel.sh" source-newest)
	# Here: what it says while it fills the cache is no finding of a check.
	kernel=$("$VM/kernel.sh" stock-6.1)
	check 'checkpatch --strict' checkpatch
	check 'kernel-doc -Wall' kernel_doc
	check 'sparse' sparse_module
	check 'gcc W=1' warnings_module
	check 'shellcheck' shell
	check 'python' python
	printf '%d passed, %d failed\n' "$passed" "$failed"
	((!failed))
}

main "$@"
