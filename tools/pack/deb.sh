#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# deb.sh: builds Debian's packages, source and binary, in build/deb from a copy
# of what git knows or would add, and has lintian judge them: a warning fails,
# too. Prints the packages' paths.

set -euo pipefail
. "$(dirname "$0")/cases.sh"

DIR=$BUILD/deb

build() {
	local tree=$DIR/twq log=$DIR/build.log
	rm -rf "$DIR"
	copy_tree "$tree"
	log "building the packages (a minute)"
	(cd "$tree" && DEB_BUILD_OPTIONS="parallel=$JOBS ${DEB_BUILD_OPTIONS:-}" \
		dpkg-buildpackage -us -uc) >"$log" 2>&1 || {
		tail -n 40 "$log" >&2
		die "the build failed: see $log"
	}
	rm -rf "$tree"
}

main() {
	(($# == 0)) || usage 2 >&2
	build
	lintian --allow-root --fail-on error,warning "$DIR"/twq_*.changes >&2
	ls "$DIR"/*.deb
}

main "$@"
