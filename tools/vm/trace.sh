#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# trace.sh: shows that perf, trace-cmd and bpftrace can use the tracepoints: each
# records a load of known size in a virtual machine with KERNEL (stock-6.1) and
# CPUS (4), and so does each script of tools/bpf. The programs are this machine's.
# The last line is "N passed, N failed".

set -euo pipefail
. "$(dirname "$0")/lib.sh"

# Copies a program and the libraries that it is linked with, and makes a command
# of them for a machine that has none.
pack() {
	local program dir=$2/$1 each
	program=$(command -v "$1") || die "no $1: run tools/vm/deps.sh trace"
	# perf may be a script that looks for the one of the running kernel.
	program=$(readlink -f "$program")
	mkdir -p "$dir"
	cp "$program" "$dir/program"
	for each in $(ldd "$program" | grep -oE '/[^ ]+'); do
		cp -L "$each" "$2/lib/"
	done
	cat >"$2/$1.sh" <<-EOF2
	#!/bin/sh
	lib=/twq/trace/lib
	exec \$lib/ld-linux-x86-64.so.2 --library-path \$lib /twq/trace/$1/program "\$@"
	EOF2
	chmod +x "$2/$1.sh"
}

main() {
	local kernel=${KERNEL:-stock-6.1} output=$BUILD/vm/trace status=0
	local tools module dir=$BUILD/vm/trace-tools program
	(($# == 0)) || usage 2 >&2
	module=$("$VM/build.sh" "$kernel")
	tools=$(build_tools "$kernel")
	rm -rf "$dir"
	mkdir -p "$dir/trace/lib"
	for program in perf trace-cmd bpftrace; do
		pack "$program" "$dir/trace"
	done
	cp -r "$TOP/tools/bpf" "$VM/trace-guest.sh" "$dir/trace/"
	"$VM/run.sh" -k "$kernel" -c "${CPUS:-4}" -m 3G -t 900 -o "$output" \
		-f "$module" -f "$tools/twqctl" -f "$dir/trace" \
		'insmod twq.ko
		 echo "twq-test: begin trace-guest"
		 sh trace/trace-guest.sh
		 echo "twq-test: end trace-guest $?"
		 rmmod twq' || status=$?
	rm -rf "$dir"
	python3 "$VM/tap.py" --run-status "$status" "$output/output" trace-guest
}

main "$@"
