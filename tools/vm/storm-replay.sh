#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# storm-replay.sh: shows that 'twqctl storm' finds what is wrong, and finds it
# again by the command that it prints. Into copies of the module for KERNEL
# (stock-6.1) it plants one fault each; the storm must fail on each, and its
# command must fail, too: at the same operation where the fault does not depend
# on time. The last line is "N passed, N failed".

set -euo pipefail
. "$(dirname "$0")/lib.sh"

# Name, file, what sed does to it. 'mask' and 'owner' do not depend on time.
PLANTS=(
	mask module/affinity.c '/spare = rcu_replace_pointer/,/;/c *spare = allowed;'
	owner module/cpu.h '/== smp_processor_id()))$/s/(.*)/(1)/'
	event module/events.c '/^void twq_events_post/,/^}/{
		s/^\tev->fired++;/\tif (run->fired_ns % 8 == 3)\n\t\tgoto out;\n&/
		s/^\tspin_unlock_bh/out:\n&/
	}'
	destroy module/events.c '/^[a-z]* twq_events_close/,/^}/{
		s/list_empty(&r->link)/true/
	}'
	grid module/utask.c 's/return now_ns + ahead_ns;/return now_ns + interval_ns;/'
	told module/task.c '/A run follows, and looks at the deadline/,+1{
		/twq_task_tell/d
	}'
	requeue module/task.c '/^int twq_task_requeue/,/^}/{
		/twq_task_wakeup/d
	}'
	reason module/state.h '/^static inline u32 state_start/,/^}/{
		s/return s;/return s \& ~TWQ_WOKEN_RES;/
	}'
)

# shellcheck disable=SC2016 # expanded by the guest
GUEST='for plant in $PLANTED; do
	insmod $plant.ko
	twqctl storm --seed=1 --threads=1 --duration=20s 2>$plant.1 >/dev/null
	echo "status $?" >>$plant.1
	again=$(sed -n "s/.*again by: //p" $plant.1)
	$again 2>$plant.2 >/dev/null
	echo "status $?" >>$plant.2
	rmmod twq
	echo "plant $plant"
	head -n 1 $plant.1 | cut -c1-150
	echo "again: $again"
	head -n 1 $plant.2 | cut -c1-150
	grep -qx "status 1" $plant.1 && grep -qx "status 1" $plant.2 &&
		echo "found $plant twice"
	[ "$(where $plant.1)" = "$(where $plant.2)" ] &&
		echo "found $plant at $(where $plant.1)"
done'

plant() {
	local name=$1 file=$2 edit=$3 kernel=$4 built=$5 make_args=()
	local dir=$BUILD/planted/storm-${KERNEL:-stock-6.1}/$name
	rm -rf "$dir"
	mkdir -p "$dir"
	cp -r "$built"/{Kbuild,module,include,kunit} "$dir/"
	sed -i "$edit" "$dir/$file"
	! cmp -s "$dir/$file" "$built/$file" || die "$name: nothing planted"
	make_for "$(<"$kernel/arch")" make_args
	make -s -j"$JOBS" -C "$kernel/build" M="$dir" "${make_args[@]}" \
		CONFIG_DEBUG_INFO_BTF_MODULES= modules >&2
	mv "$dir/twq.ko" "$dir.ko"
}

main() {
	local kernel=${KERNEL:-stock-6.1} built image files=() names=() i
	local output passed=0 failed=0 name
	built=$(dirname "$("$VM/build.sh" "$kernel")")
	image=$("$VM/kernel.sh" "$kernel")
	in_lock "tools${BUILD//\//_}" \
		make -s -j"$JOBS" -C "$TOP/tools" O="$BUILD/tools" twqctl >&2
	for ((i = 0; i < ${#PLANTS[@]}; i += 3)); do
		plant "${PLANTS[@]:i:3}" "$image" "$built"
		names+=("${PLANTS[i]}")
		files+=(-f "$BUILD/planted/storm-${KERNEL:-stock-6.1}/${PLANTS[i]}.ko")
	done
	output=$("$VM/run.sh" -k "$kernel" -c "${CPUS:-4}" -t 900 "${files[@]}" \
		-f "$BUILD/tools/twqctl" "PLANTED='${names[*]}'
		where() { sed -n '1s/.*\(thread [0-9]*, operation [0-9]*\),.*/\1/p' \$1; }
		$GUEST" || true)
	printf '%s\n' "$output"
	for name in "${names[@]/%/ twice}" "mask at" "owner at"; do
		if grep -q "^found $name" <<<"$output"; then
			passed=$((passed + 1))
		else
			printf 'FAILED: not found: %s\n' "$name"
			failed=$((failed + 1))
		fi
	done
	printf '%d passed, %d failed\n' "$passed" "$failed"
	((passed && !failed))
}

main "$@"
