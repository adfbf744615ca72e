#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# demo.sh [OPTION...]: builds twq.ko for Debian's stock kernel (KERNEL,
# stock-6.1), boots that very kernel on CPUS (4) virtual CPUs, loads the module,
# runs 'twqctl checks OPTION...', unloads it and prints the report. The status
# is 0 only if every promise held and the kernel's log is clean.

set -euo pipefail
. "$(dirname "$0")/lib.sh"

# Emulated CPUs stand still while their host does something else. So inter +
# 50 ms is a figure that silence.sh measures, and this is what must never be.
SILENCE=1s

main() {
	local kernel=${KERNEL:-stock-6.1} module release tools
	module=$("$VM/build.sh" "$kernel")
	release=$(basename "$(dirname "$module")")
	tools=$(build_tools "$kernel")
	log "booting Linux $release with ${CPUS:-4} CPUs"
	"$VM/run.sh" -k "$kernel" -c "${CPUS:-4}" -t 300 -o "$BUILD/vm/demo-$kernel" \
		-f "$module" -f "$tools/twqctl" "set -e
			insmod twq.ko
			status=0
			twqctl checks --silence=$SILENCE ${*@Q} || status=\$?
			rmmod twq
			exit \$status"
	log "every promise held, twq was unloaded, the kernel's log is clean"
}

main "$@"
