#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# storm.sh [OPTION...]: builds twq.ko for KERNEL (stock-6.1), boots that kernel
# on CPUS (4) virtual CPUs, loads the module, runs 'twqctl storm OPTION...' and
# unloads it. TIMEOUT (900) is the machine's limit in seconds, ARGS and MEM go
# to run.sh. The status is 0 only if every invariant held and the kernel's log
# is clean.

set -euo pipefail
. "$(dirname "$0")/lib.sh"

main() {
	local kernel=${KERNEL:-stock-6.1} module tools
	[[ ${1:-} != -h ]] || usage 0
	module=$("$VM/build.sh" "$kernel")
	tools=$(build_tools "$kernel")
	log "booting $kernel with ${CPUS:-4} CPUs"
	"$VM/run.sh" -k "$kernel" -c "${CPUS:-4}" -m "${MEM:-1G}" \
		-t "${TIMEOUT:-900}" -a "${ARGS:-}" \
		-o "${FOLDER:-$BUILD/vm/storm-$kernel}" \
		-f "$module" -f "$tools/twqctl" "set -e
			insmod twq.ko
			status=0
			twqctl storm ${*@Q} || status=\$?
			rmmod twq
			exit \$status"
	log "every invariant held, twq was unloaded, the kernel's log is clean"
}

main "$@"
