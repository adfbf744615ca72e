#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# model.sh [MODEL]: verifies the models of the protocol (NAME.pml) with spin,
# each exhaustively, and then that spin finds each mutation of them: a model
# that cannot fail proves nothing. Ends with the counts. What a model stands for
# and what must hold is in its opening comment.
#
# 'litmus' is slot.litmus, checked by herd7 where that is installed (Debian 12
# has no package of it) and skipped by name elsewhere, and litmus.c, run on this
# machine. What was skipped, or not shown, is not counted as passed.

set -euo pipefail
. "$(dirname "$0")/../vm/lib.sh"

MODELS=$TOP/tools/model
DEPTH=100000 MEMORY_MB=2000
passed=0 failed=0 only=''

# Builds and runs the verifier; its report stays in the file 'report'.
verify() {
	local name=$1
	shift
	rm -rf "${work:?}"/*
	(
		cd "$work"
		spin "$@" -a "$MODELS/$name.pml"
		gcc -O2 -w -DSAFETY -DMEMLIM=$MEMORY_MB -o verifier pan.c
		./verifier -m$DEPTH
	) >"$report" 2>&1 || true
}

exhaustive() {
	grep -q 'errors: 0$' "$report" && grep -q 'states, stored' "$report" &&
		! grep -qE 'max search depth too small|Search not completed|out of memory' \
			"$report"
}

result() {
	local verdict=$1
	shift
	if [[ $verdict == ok ]]; then
		passed=$((passed + 1))
	else
		cat "$report"
		failed=$((failed + 1))
	fi
	printf '%s - %s\n' "$verdict" "$*"
}

# holds MODEL SWITCH...: no error in any state.
holds() {
	local states verdict=FAILED
	[[ -z $only || $1 == "$only" ]] || return 0
	verify "$@"
	! exhaustive || verdict=ok
	states=$(awk '/states, stored/ { print $1 }' "$report")
	result "$verdict" "$* holds in ${states:-no} states"
}

# found MODEL MUTATION SWITCH...: what the mutation breaks is found, by an
# assertion of the model.
found() {
	local verdict=FAILED
	[[ -z $only || $1 == "$only" ]] || return 0
	verify "$1" "-DMUT_$2" "${@:3}"
	! grep -q 'assertion violated' "$report" || verdict=ok
	result "$verdict" "$1 $2: $(grep -m1 -o 'assertion violated.*' "$report")"
}

task() {
	holds task -DSCHEDULE
	holds task -DSCHEDULE -DDESTROY
	holds task -DQUEUE -DDESTROY
	holds task -DLOCAL -DSCHEDULE -DDESTROY
	holds task -DLOCAL -DQUEUE -DDESTROY
	# H8, H13: RUNNING dropped before the task is back in its tree
	found task RUNNING_FIRST -DQUEUE -DDESTROY
	found task KILLED_EARLY -DQUEUE -DDESTROY
	found task START_STORES -DQUEUE -DDESTROY
	found task KILL_RUNNING -DDESTROY
	found task PASS_ON_FORGETS -DLOCAL -DQUEUE
	found task LOOK_UNLOCKED -DQUEUE
	found task WAKE_UNLOCKED -DQUEUE -DDESTROY
	found task PLACE_UNLOCKED -DSCHEDULE
	# from idle to RUNNING at expiry: in one step, under the lock of the
	# tree, and KILLED is looked at before the run, with a barrier
	found task RUNNING_UNLOCKED -DQUEUE -DDESTROY
	found task EXPIRE_STORES -DQUEUE
	found task EXPIRE_FORGETS -DQUEUE
	found task DUE_UNLOOKED -DLOCAL -DDESTROY
	found task REAP_UNORDERED -DLOCAL -DDESTROY
	# H11: a running task is scheduled and not woken
	found task NO_WAKE -DSCHEDULE
	# order of memory: plain looks where steps are
	found task WAKE_SHORTCUT -DQUEUE
	found task READ_EARLY -DSCHEDULE
	found task LOOK_LATE_WRITE -DSCHEDULE
}

kick() {
	local each
	holds kick
	holds kick -DREST
	# a kick that is left out, sent twice, or asked for and not heeded
	for each in EMPTY_EARLY NO_BIT NO_AGAIN CLEAR_LATE; do
		found kick "$each"
	done
	# the inbox is taken when the run queue is empty, and looked at for more
	for each in TAKE_ALWAYS MORE_OF_RUN_QUEUE; do
		found kick "$each"
	done
	# what a pass or a rest leaves to later, and nobody comes for
	for each in NO_MORE REST_FORGETS REST_ONCE REST_ACTIVE END_OF_NO_REST; do
		found kick "$each" -DREST
	done
	# a barrier less: stores that become visible too late
	for each in ASK_UNORDERED ASK_STORE LOOK_UNORDERED END_UNORDERED \
		CLEAR_UNORDERED; do
		found kick "$each"
	done
}

slot() {
	holds slot -DLOCAL -DSTORES=3
	holds slot -DLOCAL -DEXTEND
	holds slot -DLOCAL -DSCHEDULE
	holds slot -DLOCAL -DUNLINK -DSTORES=2
	holds slot -DLOCAL -DDESTROY -DSTORES=2
	holds slot -DSTORES=2
	holds slot -DEXTEND
	holds slot -DSCHEDULE
	holds slot -DUNLINK
	holds slot -DDESTROY
	# the program's side: a release store alone, one look, no call
	found slot NO_FENCE -DLOCAL
	found slot EXTEND_ONCE -DEXTEND
	found slot SCHEDULE_LOOKS_EARLY -DSCHEDULE
	found slot REQUEUE_NOTHING -DLOCAL
	found slot WAKE_UNMARKED -DLOCAL
	# the module's side
	found slot TELL_NO_BARRIER
	found slot SETTLE_ONCE -DLOCAL -DSTORES=2
	found slot TOLD_AFTER_LOOK -DLOCAL -DSTORES=2
	found slot DUE_UNTOLD
	found slot EXPIRE_STORES
}

hotplug() {
	local each
	holds hotplug
	for each in NO_KICKS NO_WAIT NOT_PASSED_ON ONLINE_SILENT; do
		found hotplug "$each"
	done
}

# LKMM=FOLDER: tools/memory-model of a kernel's sources; else of those in the
# cache.
herd() {
	local lkmm=${LKMM:-} verdict=FAILED
	[[ $lkmm ]] || lkmm=$(find "$CACHE/source/" -path '*/tools/memory-model' \
		-prune 2>/dev/null | sort | tail -n 1)
	if ! command -v herd7 >/dev/null || [[ ! -d $lkmm ]]; then
		echo "skipped - slot.litmus: no herd7, or no tools/memory-model"
		return 0
	fi
	(cd "$lkmm" && herd7 -conf linux-kernel.cfg \
		"$MODELS/slot.litmus") >"$report" 2>&1 || true
	! grep -q '^Observation twq-slot Never' "$report" || verdict=ok
	result "$verdict" "slot.litmus: $(grep '^Observation' "$report")"
}

litmus() {
	local verdict text status=0
	[[ -z $only || $only == litmus ]] || return 0
	herd
	gcc -O2 -Wall -Werror -pthread -o "$work/litmus" "$MODELS/litmus.c"
	timeout 600 "$work/litmus" >"$report" || status=$?
	while IFS= read -r text; do
		verdict=${text%% - *}
		if [[ $verdict == 'not shown' ]]; then
			echo "$text"
		else
			result "$verdict" "litmus: ${text#* - }"
		fi
	done <"$report"
	case $status in
	0 | 77) ;;
	*) result FAILED "litmus: exit status $status" ;;
	esac
}

main() {
	[[ ${1:-} != -* ]] || usage 2 >&2
	only=${1:-}
	command -v spin >/dev/null || die "no spin: run tools/vm/deps.sh model"
	mkdir -p "$BUILD"
	work=$(mktemp -d "$BUILD/model.XXXXXX")
	report=$work.report
	trap 'rm -rf "$work" "$report"' EXIT
	task
	slot
	kick
	hotplug
	litmus
	printf '%d passed, %d failed\n' "$passed" "$failed"
	((passed && !failed))
}

main "$@"
