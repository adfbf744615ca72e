# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What the scripts of tools/vm share: folders, messages, root, apt, the cache.
# Meant to be sourced after 'set -euo pipefail'. A script that fills the cache
# does it in a scratch folder under a lock and renames it when complete.

TOP=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck disable=SC2034 # for those who source this
VM=$TOP/tools/vm
# shellcheck disable=SC2034
BUILD=$TOP/build
CACHE=${TWQ_CACHE:-${XDG_CACHE_HOME:-${HOME:-$(cd ~ && pwd)}/.cache}/twq}
JOBS=${JOBS:-$(nproc)}
export DEBIAN_FRONTEND=noninteractive
unset MAKEFLAGS MFLAGS MAKELEVEL	# a kernel's make is no child of ours
shopt -s inherit_errexit

log() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() { log "$*"; exit 1; }

# usage STATUS: the opening comment of the calling script is its help text.
usage() {
	sed -n '/^# SPDX/d; /^#!/d; /^#/!q; s/^# \{0,1\}//; p' "$0"
	exit "$1"
}

as_root() {
	if ((EUID == 0)); then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo -- "$@"
	else
		die "must be root, or have sudo, for: $*"
	fi
}

# in_lock NAME COMMAND...: one process at a time, across all checkouts.
# Not to be called where the shell ignores errors ('if', '||', '&&').
in_lock() {
	local name=$1
	shift
	mkdir -p "$CACHE/lock"
	(
		if ! flock -n 9; then
			log "waiting for another run ($name)"
			flock 9
		fi
		"$@" 9>&-
	) 9>"$CACHE/lock/$name"
}

# fill DIR COMMAND...: DIR is made by COMMAND, run inside a scratch folder that
# takes the name DIR when COMMAND has succeeded. Nothing to do if DIR exists.
# COMMAND may fill other folders, which have locks of their own.
fill() {
	local name=${1#"$CACHE"/}
	[[ -e $1 ]] || in_lock "${name//\//_}" fill_locked "$@"
}

fill_locked() {
	local dir=$1 partial
	shift
	[[ ! -e $dir ]] || return 0
	partial=$(dirname "$dir")/.partial-$(basename "$dir")
	rm -rf "$partial"
	mkdir -p "$partial"
	(cd "$partial" && "$@" >&2 </dev/null)
	mv -T "$partial" "$dir"
}

# make_for ARCH ARRAY: sets ARRAY to what make needs to build for ARCH.
# shellcheck disable=SC2034 # set for the caller
make_for() {
	local -n make_for_args=$2
	# shellcheck disable=SC2034 # set for the caller
	case $1 in
	x86_64) make_for_args=() ;;
	arm64) make_for_args=(ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu-) ;;
	*) make_for_args=(ARCH="$1") ;;
	esac
}

# Kernels that look for bugs take several times as long for everything.
is_slow() {
	[[ $1 == kasan-* || $1 == kcsan-* ]]
}

# build_name KERNEL: what the folders below build/ are called that belong to a
# kernel of kernel.sh alone: its release, which those built here share, so there
# its kind and the key of its configuration, too.
build_name() {
	local folder name
	folder=$("$VM/kernel.sh" "$1")
	name=$(<"$folder/release")
	case $1 in
	stock-*) ;;
	*) name=${1%-*}-$name-${folder##*_} ;;
	esac
	printf '%s\n' "$name"
}

# build_tools KERNEL: builds twqctl and the device tests for the processor of a
# kernel of kernel.sh and prints their folder.
build_tools() {
	local arch dir=$BUILD/tools make_args=()
	arch=$(<"$("$VM/kernel.sh" "$1")/arch")
	if [[ $arch == arm64 ]]; then
		dir+=-$arch
		make_for "$arch" make_args
		make_args+=(SYSROOT="$("$VM/sysroot.sh" "$arch")")
	fi
	in_lock "tools${dir//\//_}" make -s -j"$JOBS" -C "$TOP/tools" O="$dir" \
		"${make_args[@]}" >&2
	printf '%s\n' "$dir"
}

# The newest entry that matches the arguments (an expanded pattern), or nothing.
newest() {
	local each best=
	for each; do
		if [[ -e $each && (-z $best || $each -nt $best) ]]; then
			best=$each
		fi
	done
	printf '%s\n' "$best"
}

# Makes apt's own lists usable: on a bare machine they are empty.
apt_lists() {
	if [[ -z $(apt-cache pkgnames linux-image-amd64) ]]; then
		log "apt-get update"
		as_root apt-get -qq update >&2
	fi
}

# apt_suite SUITE [ARCH]: prints an APT_CONFIG file that sees SUITE of the mirror
# that this machine uses for Debian already, for this machine's processor or
# another. The system's own settings stay untouched.
apt_suite() {
	local suite=$1 arch=${2:-} dir=$CACHE/apt/$1${2:+-$2}
	[[ -n $(find "$dir/apt.conf" -mmin -720 2>/dev/null) ]] ||
		rm -rf "$dir"
	fill "$dir" apt_suite_make "$suite" "$dir" "$arch"
	printf '%s\n' "$dir/apt.conf"
}

apt_suite_make() {
	local suite=$1 dir=$2 arch=$3 mirror
	mirror=$(apt_mirror)
	mkdir -p state/lists/partial cache/archives/partial
	: >state/status
	printf 'deb [signed-by=%s] %s %s main\n' \
		/usr/share/keyrings/debian-archive-keyring.gpg \
		"$mirror" "$suite" >sources.list
	apt_suite_conf "$PWD" "$arch" >apt.conf.partial
	log "reading the package lists of $suite"
	APT_CONFIG=apt.conf.partial apt-get -qq update
	rm apt.conf.partial
	apt_suite_conf "$dir" "$arch" >apt.conf
}

apt_suite_conf() {
	cat <<-EOF
	Dir::State "$1/state/";
	Dir::State::status "$1/state/status";
	Dir::Cache "$1/cache/";
	Dir::Etc::sourcelist "$1/sources.list";
	Dir::Etc::sourceparts "/dev/null";
	Dir::Etc::preferencesparts "/dev/null";
	EOF
	if [[ -n $2 ]]; then
		printf 'APT::Architecture "%s";\nAPT::Architectures "%s";\n' \
			"$2" "$2"
	fi
	((EUID != 0)) || echo 'APT::Sandbox::User "root";'
}

# The mirror from which this machine takes its own release of Debian.
apt_mirror() {
	local codename
	codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
	apt-get indextargets --format "\$(RELEASE) \$(COMPONENT) \$(REPO_URI)" |
		awk -v r="$codename" '
			$2 == "main" && ($1 == r || $1 == "stable") {
				if (!found++) print $3
			}
			END { exit !found }' ||
		die "apt knows no mirror of Debian $codename"
}

# apt_get_debs PACKAGE[=VERSION]...: downloads the packages into the present
# folder. Where APT_CONFIG is unset, apt as this machine has it configured.
apt_get_debs() {
	local sandbox=()
	((EUID != 0)) || sandbox=(-o APT::Sandbox::User=root)
	log "downloading $*"
	apt-get -qq "${sandbox[@]}" download "$@"
}

# The version that apt would install.
apt_candidate() {
	apt-cache policy "$1" | awk '$1 == "Candidate:" && $2 != "(none)" { print $2 }'
}
