#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# run.sh [-i] [-k KERNEL] [-f FILE]... [-a ARGS] [-c CPUS] [-m MEM] [-t SECONDS]
#        [-o FOLDER] COMMAND...: boots KERNEL (see kernel.sh; stock-6.1), runs
# COMMAND by sh in /twq, where each FILE or folder was copied, prints its output.
# Status: the command's if not 0; 124 after SECONDS (120); 125 if the machine
# died early or the kernel's log has a line of verdict.txt; 126 if none booted.
# ARGS go to the kernel's command line. Logs stay in FOLDER (console, output,
# verdict). -i: QEMU's clock counts instructions, one a nanosecond, and there is
# one CPU, so that figures repeat; ICOUNT is for more options of that clock, PLUGIN
# for one of QEMU's plugins. ACCEL=kvm asks for KVM instead of TCG, which may hang
# when nested.

set -euo pipefail
. "$(dirname "$0")/lib.sh"

STATUS_TIMEOUT=124 STATUS_DIRTY=125 STATUS_NO_BOOT=126
BOOT_SECONDS=90		# to reach init
# An emulated TSC is QEMU's one clock: even, and read without leaving the guest.
# Left alone, the kernel takes the HPET, whose every reading stops the CPU.
CLOCK='clocksource=tsc tsc=reliable'
TAINT_BAD=$((1 << 5 | 1 << 7 | 1 << 9 | 1 << 14))	# page, oops, WARN, lockup
kernel=stock-6.1 args='' cpus=4 memory=1G seconds=120 folder='' files=()
work='' machine='' timed_out='' icount=''

parse() {
	local opt
	while getopts ik:f:a:c:m:t:o:h opt; do
		case $opt in
		i) icount=y ;;
		k) kernel=$OPTARG ;;
		f) files+=("$OPTARG") ;;
		a) args=$OPTARG ;;
		c) cpus=$OPTARG ;;
		m) memory=$OPTARG ;;
		t) seconds=$OPTARG ;;
		o) folder=$OPTARG ;;
		h) usage 0 ;;
		*) usage 2 >&2 ;;
		esac
	done
	shift $((OPTIND - 1))
	(($#)) || usage 2 >&2
	command="$*"
}

# The root file system: init, busybox under its many names, the files, /cmd.
make_initrd() {
	local root=$work/root name
	mkdir -p "$root"/{bin,dev,proc,sys,tmp,twq}
	cp "$init" "$root/init"
	for name in $(busybox --list); do
		ln -s busybox "$root/bin/$name"
	done
	cp --remove-destination "$busybox" "$root/bin/busybox"
	if ((${#files[@]})); then
		cp -rL -- "${files[@]}" "$root/twq/"
	fi
	printf '%s\n' "$command" >"$root/cmd"
	(cd "$root" && find . | cpio --quiet -o -H newc) >"$work/initrd"
	rm -rf "$root"
}

build_init() {
	[[ $init -nt $VM/init.c ]] && return
	"${cross}gcc" -Wall -Wextra -Werror -O2 -static -o "$work/init" \
		"$VM/init.c"
	mv "$work/init" "$init"
}

# What differs where the processor is another one.
foreign() {
	cross=aarch64-linux-gnu-
	busybox=$("$VM/sysroot.sh" "$arch")/bin/busybox
	init+=-$arch
}

# Becomes the machine. With LA57, one boot in three of a KASAN kernel gives a
# false report. Its console, ttyS1 and ttyS2 are the three files.
exec_x86() {
	local cpu=max,la57=off accel=tcg,thread=multi clock=()
	[[ ${ACCEL:-tcg} == tcg ]] || accel=$ACCEL cpu=host
	[[ -z $icount ]] ||
		accel=tcg,thread=single cpus=1 \
			clock=(-icount "shift=0${ICOUNT:+,$ICOUNT}"
			       ${PLUGIN:+-plugin "$PLUGIN"})
	exec setsid qemu-system-x86_64 "${clock[@]}" -nodefaults -no-reboot \
		-display none -monitor none -accel "$accel" -cpu "$cpu" \
		-smp "$cpus" -m "$memory" -kernel "$image" -initrd "$work/initrd" \
		-global PIIX4_PM.acpi-root-pci-hotplug=off \
		-global PIIX4_PM.acpi-pci-hotplug-with-bridge-support=off \
		-serial "file:$folder/console" -serial "file:$folder/output" \
		-serial "file:$folder/verdict" -append "console=ttyS0 $append $CLOCK" \
		>"$work/host" 2>&1 </dev/null
}

# The same. Its console is a port of the board, the other two are on PCI.
exec_arm64() {
	exec setsid qemu-system-aarch64 -M virt -nodefaults -no-reboot \
		-display none -monitor none -accel tcg,thread=multi \
		-cpu max,pauth-impdef=on -smp "$cpus" -m "$memory" \
		-kernel "$image" -initrd "$work/initrd" \
		-serial "file:$folder/console" \
		-chardev "file,id=output,path=$folder/output" \
		-device pci-serial,chardev=output \
		-chardev "file,id=verdict,path=$folder/verdict" \
		-device pci-serial,chardev=verdict \
		-append "console=ttyAMA0 output=ttyS0 verdict=ttyS1 $append" \
		>"$work/host" 2>&1 </dev/null
}

exec_um() {
	local smp=()
	! grep -qx CONFIG_SMP=y "$(dirname "$image")/build/.config" ||
		smp=(seccomp=on "ncpus=$cpus")
	# shellcheck disable=SC2086 # words of a command line
	TMPDIR=$work exec setsid "$image" "${smp[@]}" \
		mem="$memory" initrd="$work/initrd" uml_dir="$work/" umid=vm \
		con=null con0=null,fd:1 console=tty0 \
		ssl=null ssl1=null,fd:3 ssl2=null,fd:4 $append \
		>"$folder/console" 2>"$work/host" </dev/null \
		3>"$folder/output" 4>"$folder/verdict"
}

reached_init() {
	grep -qx init "$folder/verdict"
}

# All of its processes at once: at SIGTERM, UML runs exit code that may hang.
kill_machine() {
	[[ -z $machine ]] || kill -KILL -- "-$machine" 2>/dev/null || true
}

# Waits until the machine is off, or turns it off when it is late.
watch() {
	local start=$SECONDS
	while kill -0 "$machine" 2>/dev/null; do
		if ((SECONDS - start >= seconds)) || {
			((SECONDS - start >= BOOT_SECONDS)) && ! reached_init
		}; then
			timed_out=y
			kill_machine
			break
		fi
		sleep 0.1
	done
}

# Boots once. Returns non-zero if init was never reached.
boot() {
	local reader
	: | tee "$folder/console" "$folder/output" >"$folder/verdict"
	case $arch in
	um) exec_um & ;;
	arm64) exec_arm64 & ;;
	*) exec_x86 & ;;
	esac
	machine=$!
	tail -s 0.1 -n +1 -f --pid=$machine "$folder/output" &
	reader=$!
	timed_out=
	watch 2>/dev/null	# bash reports how a job ended
	wait $machine 2>/dev/null || true
	machine=
	wait $reader || true
	reached_init
}

# The kernel's log without those reports of KCSAN that no module is part of (at
# its strictest it tells of the kernel's own races, too), and without the races
# named in kcsan-kernel.txt. Nor what comes after the end: with PREEMPT_RT, 7.3
# warns of tasks sent to CPUs that have been stopped.
kernel_log() {
	awk 'NR == FNR { if (!/^#/) own[$0] = 1; next }
	     / reboot: Power down/ { exit }
	     /BUG: KCSAN:/ {
		within = 1; report = ""; module = 0; title = $0
		sub(/.*BUG: KCSAN: data-race in /, "", title)
		sub(/[ \r]*$/, "", title)
	     }
	     !within { print; next }
	     { report = report $0 "\n" }
	     / \[[a-z0-9_]+\]([ \r]|$)/ { module = 1 }
	     /====================/ {
		if (module && !(title in own)) printf "%s", report
		within = 0
	     }
	     END { if (within) printf "%s", report }' \
		"$VM/kcsan-kernel.txt" "$folder/console"
}

# Says what is wrong with the run that has ended; returns its status.
judge() {
	local status=0 end taint complaints
	end=$(sed -n 's/^status \([0-9]*\) taint -\?[0-9]*$/\1/p' "$folder/verdict")
	taint=$(sed -n 's/^status .* taint //p' "$folder/verdict")
	if [[ -n $timed_out ]]; then
		log "TIMEOUT after $seconds s"
		status=$STATUS_TIMEOUT
	elif [[ -z $end ]]; then
		log "the machine ended before the command did"
		status=$STATUS_DIRTY
	elif ((end)); then
		log "status $end"
		status=$end
	fi
	# All at once: a reader that stops early would fail those before it.
	complaints=$(kernel_log |
		grep -aEf <(grep -v '^#' "$VM/verdict.txt") || true)
	if [[ -n $complaints ]] || ((taint >= 0 ? taint & TAINT_BAD : 1)); then
		sed '20q' <<<"$complaints" >&2
		log "the kernel complained (taint ${taint:-unknown})"
		((status)) || status=$STATUS_DIRTY
	fi
	return "$status"
}

main() {
	local image arch append busybox command status=0 hang=20
	local cross='' init=$BUILD/vm/init
	parse "$@"
	busybox=$(command -v busybox) || die "no busybox: run tools/vm/deps.sh"
	image=$("$VM/kernel.sh" "$kernel")
	arch=$(<"$image/arch")
	image=$image/image
	[[ -z $icount || $arch == x86_64 ]] || die "-i: not with $arch"
	[[ $arch != arm64 ]] || foreign
	mkdir -p "$BUILD/vm"
	work=$(mktemp -d "$BUILD/vm/run.XXXXXX")
	trap 'kill_machine; rm -rf "$work"' EXIT
	folder=${folder:-$work}
	mkdir -p "$folder"
	build_init
	make_initrd
	append="panic=-1 oops=panic loglevel=5 printk.time=1 $args"
	# A task that hangs is to be told of before the run is over.
	! is_slow "$kernel" || hang=120
	append+=" sysctl.kernel.hung_task_timeout_secs=$hang"
	# All reports, and no caches merged: kmemleak finds what they hide.
	[[ $kernel != kasan-* ]] || append+=" kasan_multi_shot slab_debug=F"
	if ! boot; then
		log "init was not reached: booting once more"
		cp "$folder/console" "$folder/console.first"
		if ! boot; then
			tail -n 40 "$folder/console" "$work/host" >&2
			exit "$STATUS_NO_BOOT"
		fi
	fi
	judge || status=$?
	exit "$status"
}

main "$@"
