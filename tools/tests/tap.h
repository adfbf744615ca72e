/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A table of named cases, run one after the other, each in a process of its own,
 * so that a crash, a hang or a leaked descriptor stays in its case.
 * Prints TAP version 13. Exit status: 0 all passed, 1 some failed, 77 all
 * skipped. Arguments are names of cases to run, none means all.
 */
#ifndef TAP_H
#define TAP_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef TAP_SKIPPED
#define TAP_SKIPPED	77
#endif
#define TAP_LIMIT_S	240	/* a case that takes longer hangs */

/* @suffix tells apart cases that share a function. */
struct tap_case {
	const char *name;
	const char *suffix;
	void (*run)(void);
};

/* @before and @after run in the process of each case, around it. */
struct tap_suite {
	const struct tap_case *cases;
	int nr_cases;
	void (*before)(void);
	void (*after)(void);
};

#define TAP_CASE(fn)	{ .name = #fn, .suffix = "", .run = fn }
#define TAP_COUNT(a)	((int)(sizeof(a) / sizeof((a)[0])))

static int tap_failures;
static int tap_number;
static const struct tap_case *tap_current;

/* Each is true when it held, so that a case can stop where it makes no sense. */
#define TAP_COMPARE(got, op, want) ({					\
	long long tap_got = (long long)(got);				\
	long long tap_want = (long long)(want);				\
	tap_check(tap_got op tap_want, __FILE__, __LINE__, #got, tap_got, \
		  #op, tap_want); })
#define EXPECT_EQ(got, want)	TAP_COMPARE(got, ==, want)
#define EXPECT_NE(got, want)	TAP_COMPARE(got, !=, want)
#define EXPECT_GE(got, want)	TAP_COMPARE(got, >=, want)
#define EXPECT_GT(got, want)	TAP_COMPARE(got, >, want)
#define EXPECT_LE(got, want)	TAP_COMPARE(got, <=, want)
#define EXPECT_LT(got, want)	TAP_COMPARE(got, <, want)
#define EXPECT_TRUE(cond)	TAP_COMPARE(!!(cond), ==, 1)

static inline bool tap_check(bool ok, const char *file, int line,
			     const char *expr, long long got,
			     const char *op, long long want)
{
	if (ok)
		return true;
	/* Enough to see what is wrong, not a line for each of 100,000 tasks. */
	if (__atomic_fetch_add(&tap_failures, 1, __ATOMIC_RELAXED) < 20)
		printf("# %s:%d: %s: got %lld (0x%llx), want %s %lld (0x%llx)\n",
		       file, line, expr, got, got, op, want, want);
	return false;
}

/* Ends the case here, and says why it could not be tried. */
static inline void tap_skip(const char *reason)
{
	if (tap_failures)
		return;
	printf("ok %d - %s%s # SKIP %s\n", tap_number, tap_current->name,
	       tap_current->suffix, reason);
	fflush(stdout);
	_exit(TAP_SKIPPED);
}

static inline void tap_run_case(const struct tap_suite *suite,
				const struct tap_case *one)
{
	alarm(TAP_LIMIT_S);
	if (suite->before)
		suite->before();
	if (!tap_failures)
		one->run();
	if (suite->after && !tap_failures)
		suite->after();
	fflush(stdout);
	_exit(!!tap_failures);
}

/* Returns the exit status of the case, 1 also when a signal ended it. */
static inline int tap_fork_case(const struct tap_suite *suite,
				const struct tap_case *one)
{
	int status = 0;
	pid_t pid;

	tap_current = one;
	fflush(stdout);
	pid = fork();
	if (!pid)
		tap_run_case(suite, one);
	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		printf("# no process for the case\n");
		status = 1 << 8;
	}
	if (WIFSIGNALED(status))
		printf("# ended by signal %d (%s)\n", WTERMSIG(status),
		       strsignal(WTERMSIG(status)));
	if (WIFEXITED(status) && WEXITSTATUS(status) == TAP_SKIPPED)
		return TAP_SKIPPED;
	printf("%s %d - %s%s\n", status ? "not ok" : "ok", tap_number,
	       one->name, one->suffix);
	return !!status;
}

/* With its suffix or without. */
static inline bool tap_wanted(const struct tap_case *one, int argc, char **argv)
{
	size_t len = strlen(one->name);
	int i;

	for (i = 1; i < argc; i++)
		if (!strncmp(argv[i], one->name, len) &&
		    (!argv[i][len] || !strcmp(argv[i] + len, one->suffix)))
			return true;
	return argc < 2;
}

static inline int tap_main(int argc, char **argv,
			   const struct tap_suite *suite)
{
	int i, ret, wanted = 0, failed = 0, skipped = 0;

	for (i = 0; i < suite->nr_cases; i++)
		wanted += tap_wanted(&suite->cases[i], argc, argv);
	printf("TAP version 13\n1..%d\n", wanted);
	for (i = 0; i < suite->nr_cases; i++) {
		if (!tap_wanted(&suite->cases[i], argc, argv))
			continue;
		tap_number++;
		ret = tap_fork_case(suite, &suite->cases[i]);
		skipped += ret == TAP_SKIPPED;
		failed += ret == 1;
	}
	fflush(stdout);
	if (failed || !wanted)
		return 1;
	return skipped == wanted ? TAP_SKIPPED : 0;
}

#endif /* TAP_H */
