#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# user.sh [-i] [-k KERNEL] [-c CPUS] [-m MEM] [-t SECONDS] [-- OPTIONS...]: boots
# KERNEL (stock-6.1) and runs twq-ubench with OPTIONS, see its -h. Prints its
# lines, one for each figure. -i: on one CPU whose clock counts instructions, so
# that figures repeat; else on CPUS (4), in nanoseconds. SLOT: see machine.sh.

set -euo pipefail
. "$(dirname "$0")/machine.sh"

main() {
	local rest module
	memory=4G
	parse ik:c:m:t:h "$@"
	module=$("$VM/build.sh" "$kernel")
	in_lock "tools${BUILD//\//_}" \
		make -s -j"$JOBS" -C "$TOP/tools" O="$BUILD/tools" ubench >&2
	run user "$module" "$BUILD/tools/twq-ubench" -- "set -e
		insmod twq.ko
		status=0
		$(symbols)
		twq-ubench -u $unit ${rest[*]} || status=\$?
		rmmod twq
		exit \$status"
}

main "$@"
