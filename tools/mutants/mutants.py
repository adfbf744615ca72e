#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""mutants.py [NAME...]: shows that the tests fail when a guard is taken out.

Each tools/mutants/NAME.patch takes one guard of the module out and names tests,
one of which has to fail. All of them, or those named, are built into the module
one after the other, JOBS (2) at a time, and the tests that they name are run in
User Mode Linux with 4 CPUs. First the same tests have to pass without a mutant.
A mutant that no test sees, that cannot be applied or built, fails the run. The
last line is the count, "N passed, N failed". Logs stay in build/mutants.
"""

import concurrent.futures
import os
import pathlib
import queue
import re
import shlex
import shutil
import subprocess
import sys
import time

from catalogue import PATCH, TOP, mutants

VM = TOP / 'tools/vm'
BUILD = TOP / 'build/mutants'
KERNEL = 'uml-newest'
JOBS = int(os.environ.get('JOBS', 2))
BOOT_S, CASE_S = 20, 15		# a case that takes longer hangs

# One section for each test, in the kernel's log and in the output. The suites
# run when the module is loaded; for a test of the device none is chosen.
GUEST = '''
say() { echo "twq-mutant: $*"; echo "<6>twq-mutant: $*" >/dev/kmsg; }
for test in %s; do
	glob=$test
	case $test in test_*) glob=none ;; esac
	printf %%s $glob >/sys/module/kunit/parameters/filter_glob
	say begin $test
	insmod twq.ko
	[ $glob != none ] ||
		TWQ_MODULE=/twq/twq.ko tests/${test%%%%.*} ${test#*.}
	rmmod twq
	say end $test
done
'''


class Broken(Exception):
    """What keeps a mutant from being tried."""


def run(log, *command, **kwargs):
    """Returns the status of a command whose output goes to a file."""
    with open(log, 'a') as out:
        print('$', shlex.join(map(str, command)), file=out, flush=True)
        return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out,
                              stderr=subprocess.STDOUT, **kwargs).returncode


class Workshop:
    """A source tree with its objects, which is put back after each mutant."""

    def __init__(self, number, kernel):
        self.kernel = kernel
        self.clean = BUILD / f'clean{number}'
        self.tree = BUILD / f'tree{number}'
        self.tree.mkdir(parents=True)
        for part in ('Kbuild', 'module', 'include', 'kunit'):
            subprocess.run(['cp', '-a', TOP / part, self.tree], check=True)
        self.build(BUILD / f'build{number}.log')
        subprocess.run(['cp', '-a', self.tree, self.clean], check=True)

    def build(self, log):
        if run(log, 'make', '-s', '-j2', '-C', self.kernel / 'build',
               'ARCH=um', f'M={self.tree}', 'TWQ_KUNIT=y', 'modules'):
            raise Broken(f'does not build: see {log}')

    def mutate(self, mutant, log):
        """Times of files are put back, too: make has little to do."""
        subprocess.run(['rsync', '-a', '--delete', f'{self.clean}/',
                        f'{self.tree}/'], check=True)
        if run(log, *PATCH, '-d', self.tree, '-i', mutant.path):
            raise Broken(f'does not apply: see {log}')
        self.build(log)

    def test(self, cases, folder, log):
        """Returns the status of the run and {case: what it reported}."""
        shutil.rmtree(folder, ignore_errors=True)
        limit = BOOT_S + CASE_S * len(cases)
        status = run(log, VM / 'run.sh', '-k', KERNEL, '-t', str(limit),
                     '-a', 'rcupdate.rcu_expedited=1 kunit.autorun=1',
                     '-o', folder,
                     '-f', self.tree / 'twq.ko', '-f', BUILD / 'tools/tests',
                     GUEST % ' '.join(cases))
        text = ''.join((folder / name).read_text(errors='replace')
                       for name in ('console', 'output'))
        return status, {case: reported(text, case) for case in cases}


def reported(text, case):
    """Returns 'ok', 'not ok', 'begun' (and no more) or '' for a case.

    A case that has failed and not ended yet, since a busy host gave it no time
    for its other parameters, has failed.
    """
    answer = ''
    name = re.escape(case.partition('.')[2])
    for part in re.split(r'twq-mutant: begin ', text)[1:]:
        if part.split('\n')[0].strip() != case:
            continue
        answer = answer or 'begun'
        for found in re.finditer(rf'^(?:\[[^]]*\])?\s*((?:not )?ok) \d+ '
                                 rf'(?:- )?{name}(?: # (\w+).*)?\s*$',
                                 part, re.M):
            answer = found[1] if not found[2] else 'skipped'
        if answer == 'begun' and re.search(
                rf'# {name}: (?:EXPECTATION|ASSERTION) FAILED', part):
            answer = 'not ok'
    return answer


def without_mutant(shops, cases):
    """Yields what is wrong with the tests when nothing is mutated."""
    def some(number):
        shop, part = shops[number], cases[number::len(shops)]
        log = BUILD / f'none{number}.log'
        return shop.test(part, BUILD / f'none{number}', log) if part else None
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for number, result in enumerate(pool.map(some, range(len(shops)))):
            status, answers = result or (0, {})
            if status:
                yield f'the run ended with status {status}: ' \
                      f'see {BUILD}/none{number}.log'
            for case, answer in answers.items():
                if answer != 'ok':
                    yield f'{case}: {answer or "did not run"}'


def try_one(shop, mutant):
    """Returns the test that saw the mutant. Raises Broken if there is none."""
    log = BUILD / f'{mutant.name}.log'
    log.unlink(missing_ok=True)
    shop.mutate(mutant, log)
    status, answers = shop.test(mutant.cases, BUILD / mutant.name, log)
    for case in mutant.cases:
        if answers[case] == 'not ok':
            return case
    for case in mutant.crash:
        # The run ended within it: 124 it hung, 125 the kernel died.
        if status in (124, 125) and answers[case] == 'begun':
            return f'{case} ({"hang" if status == 124 else "crash"})'
    raise Broken('SURVIVED: ' + ', '.join(
        f'{case} {answer or "did not run"}'
        for case, answer in answers.items()) + f', status {status}')


def try_all(shops, todo):
    """Prints a line for each mutant. Returns how many were not seen."""
    free = queue.SimpleQueue()
    for shop in shops:
        free.put(shop)

    def one(mutant):
        shop, start = free.get(), time.monotonic()
        try:
            result = True, try_one(shop, mutant)
        except Broken as error:
            result = False, str(error)
        free.put(shop)
        print(f'{"ok" if result[0] else "FAILED"} - {mutant.name}: {result[1]} '
              f'({time.monotonic() - start:.0f} s)', flush=True)
        return result[0]

    with concurrent.futures.ThreadPoolExecutor(len(shops)) as pool:
        return list(pool.map(one, todo)).count(False)


def prepare():
    """Returns the workshops."""
    kernel = pathlib.Path(subprocess.run(
        [VM / 'kernel.sh', KERNEL], check=True, text=True,
        stdout=subprocess.PIPE).stdout.strip())
    shutil.rmtree(BUILD, ignore_errors=True)
    BUILD.mkdir(parents=True)
    if run(BUILD / 'tools.log', 'make', '-s', '-j2', '-C', TOP / 'tools',
           f'O={BUILD}/tools', 'TESTS32=', 'lib', 'tests'):
        raise Broken(f'the tests do not build: see {BUILD}/tools.log')
    with concurrent.futures.ThreadPoolExecutor() as pool:
        return list(pool.map(lambda n: Workshop(n, kernel), range(JOBS)))


def main():
    wanted = sys.argv[1:]
    todo = [mutant for mutant in mutants()
            if not wanted or mutant.name in wanted]
    unknown = set(wanted) - {mutant.name for mutant in todo}
    if unknown or '-h' in wanted or not todo:
        sys.exit(f'{__doc__}\nno such mutant: {" ".join(unknown)}')
    for name in ('MAKEFLAGS', 'MFLAGS', 'MAKELEVEL'):
        os.environ.pop(name, None)
    start = time.monotonic()
    try:
        shops = prepare()
    except Broken as error:
        sys.exit(f'FAILED: {error}\n0 passed, 1 failed')
    cases = sorted({case for mutant in todo for case in mutant.cases})
    wrong = list(without_mutant(shops, cases))
    for line in wrong:
        print(f'FAILED: without a mutant: {line}')
    print(f'without a mutant: {len(cases)} tests in '
          f'{time.monotonic() - start:.0f} s', flush=True)
    if wrong:
        print(f'0 passed, {len(wrong)} failed')
        return 1
    failed = try_all(shops, todo)
    print(f'{len(todo)} mutants in {time.monotonic() - start:.0f} s')
    print(f'{len(todo) - failed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
