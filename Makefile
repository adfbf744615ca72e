# SPDX-License-Identifier: GPL-2.0
#
# The targets are thin: each names a script, whose opening comment says more.
# Kbuild lists the sources of the module.

KDIR ?= /lib/modules/$(shell uname -r)/build
SUITE ?=
BENCH ?=
TEST ?=
FUZZ ?=
KSRC ?=
STORM ?=
MUTANT ?=

.PHONY: compile_commands.json edit edit-test
.PHONY: completion-test trace-test intree intree-test
.PHONY: doc-test man9
.PHONY: deb deb-test dkms-test install-test abi-check
.PHONY: install install-tools install-udev install-autoload install-dkms uninstall
.PHONY: help deps demo module modules tools style kunit device-test lib-test selftest silence \
	race fuzz storm hotplug abuse catalogue mutants check check-all check-sanitizers \
	check-kernels check-arm64 model bench bench-quick clean distclean

help:			## This list (the default)
	@sed -n 's/^\([a-z0-9._-]*\):[^#]*## */\1	/p' $(firstword $(MAKEFILE_LIST)) | \
		expand -t 24
	@echo 'Variables: KDIR=, KERNEL= (see tools/vm/kernel.sh), SUITE=, TEST=,'
	@echo '           STORM=, MUTANT=, BENCH=, DESTDIR='

deps:			## Install the Debian packages that all this needs
	tools/vm/deps.sh

demo:				## Build, boot Debian's kernel, load twq, show that it holds
	tools/vm/deps.sh build tools vm
	tools/vm/demo.sh

module:			## Build twq.ko for KDIR (the running kernel)
	tools/vm/build.sh $(KDIR)

modules: module		## The same

install:		## Build and install twq.ko for KDIR, below DESTDIR
	tools/pack/install.sh $(KDIR)

install-tools:		## Install twqctl, libtwq and the pages (prefix=, libdir=, mandir=)
	$(MAKE) -C tools O=$(CURDIR)/build/tools install

install-udev:		## Install the group twq and its access to /dev/twq
	$(MAKE) -C tools install-udev

install-autoload:	## Have the module loaded at boot
	$(MAKE) -C tools install-autoload

install-dkms:		## Put the sources where DKMS takes them from
	tools/pack/install.sh --dkms

uninstall:		## Remove what all of these have installed
	tools/pack/install.sh --remove $(KDIR)
	$(MAKE) -C tools uninstall

install-test:		## Show that install and uninstall do what they say
	tools/vm/deps.sh build tools lib
	tools/pack/check-install.sh

dkms-test:		## The module by DKMS, for 6.1 and the newest kernel
	tools/vm/deps.sh build tools vm pack
	tools/pack/check-dkms.sh

deb:			## Build Debian's packages in build/deb
	tools/vm/deps.sh tools lib pack
	tools/pack/deb.sh

deb-test:		## Build, install, run and purge them
	tools/vm/deps.sh build tools vm lib pack
	tools/pack/check-deb.sh

intree:			## Print the patch that puts twq into the kernel tree KSRC
	@tools/vm/deps.sh intree >&2
	@tools/intree/intree.py '$(KSRC)'

intree-test:		## Apply it to 6.12 and the newest; the suites by kunit.py
	tools/vm/deps.sh build tools vm intree
	tools/intree/check.sh -a

tools:			## Build twqctl and the device tests
	$(MAKE) -C tools O=$(CURDIR)/build/tools

compile_commands.json:	## How each file is compiled, for clangd
	tools/vm/deps.sh build tools vm edit
	tools/edit/edit.sh --commands

edit:			## Open the code in EDITOR, code or vim, with clangd
	tools/vm/deps.sh build tools vm edit
	tools/edit/edit.sh

edit-test:		## Check that clangd has no errors to show, and shows one planted
	tools/vm/deps.sh build tools vm edit
	tools/edit/check.sh

completion-test:	## Check what bash completes of lines with twqctl
	tools/vm/deps.sh tools doc
	tools/doc/check-completion.sh

doc-test:		## Run the commands and programs of all documents
	tools/vm/deps.sh build tools vm bench doc
	tools/doc/check.py

man9:			## Make manual pages of the in-kernel API in build/man9
	tools/doc/man9.sh $(KDIR)

style:			## checkpatch, kernel-doc, sparse, gcc W=1, shellcheck
	tools/style.sh

trace-test:		## perf, trace-cmd, bpftrace and twqctl trace on the tracepoints
	tools/vm/deps.sh build tools vm trace
	tools/vm/trace.sh
	tools/vm/timeline.py

kunit:			## Run the KUnit suites, or SUITE=queue, in User Mode Linux
	tools/vm/kunit.sh '$(SUITE)'

device-test:		## Run the tests of /dev/twq, or TEST=name, in QEMU
	tools/vm/device.sh $(TEST)

lib-test:		## Check libtwq: symbols, manual pages, header in C and C++
	tools/vm/deps.sh tools lib
	tools/lib/check.py

abi-check:		## Check that libtwq and the structures of the calls keep their ABI
	tools/vm/deps.sh build tools lib
	tools/pack/abi.sh

selftest:		## Show that the runners fail when they should
	tools/vm/selftest.sh

fuzz:			## Fuzz /dev/twq: a million calls, KASAN (or FUZZ=--calls=N)
	tools/vm/fuzz.sh $(FUZZ)

race:			## Show the origin's bug, and that it is gone
	tools/vm/race.sh

catalogue:		## Check that kunit/races.md, tests and mutants agree
	tools/mutants/catalogue.py

mutants:		## Take each guard out: a test has to fail (MUTANT=name for one)
	tools/mutants/mutants.py $(MUTANT)

silence:		## Measure the scenario's longest silence, ten times
	tools/vm/silence.sh

storm:			## Random calls beside a model, in QEMU; STORM='--seed=1 --hotplug'
	tools/vm/storm.sh $(STORM)

hotplug:		## The scenario for a minute while CPUs go down and up
	tools/vm/demo.sh --hotplug --duration=60s --silence=5s

abuse:			## Show what hogs leave of a CPU, and that memory is bounded
	tools/vm/abuse.sh

check:			## What must hold before a change is merged (tools/vm/check.sh)
	tools/vm/check.sh

check-all:		## All of check-..., race, mutants, model, abuse, silence; some hours
	tools/vm/check.sh all

check-sanitizers:	## Suites, device tests, storm under KASAN, lockdep, KCSAN
	tools/vm/sanitizers.sh

check-kernels:		## The same in each of Debian's kernels, stock and RT
	tools/vm/kernels.sh

model:			## Verify the models of the protocol, and that mutants are found
	tools/vm/deps.sh model
	tools/model/model.sh

check-arm64:		## Suites, device tests, storm on an emulated arm64
	tools/vm/deps.sh build tools vm arm64
	tools/vm/kernels.sh arm64-newest

bench:			## Measure twq and its peers, long; or BENCH='PART...'
	tools/vm/deps.sh build tools vm bench
	tools/bench/bench.sh $(BENCH)

bench-quick:		## What the bounds need at 100,000 pending, some minutes
	tools/vm/deps.sh build tools vm bench
	tools/bench/bench.sh --quick

clean:			## Remove what was built here
	rm -rf build

distclean: clean	## The same; with CACHE=y the cache of kernels, too
	$(if $(CACHE),tools/vm/kernel.sh --clear)
