/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel's fault injection, aimed at the calling thread: the n-th place
 * where a call could fail does, or the first n allocations of one kind do. A
 * kernel without it skips the whole program.
 */
#ifndef INJECT_H
#define INJECT_H

#include <sys/mman.h>
#include "device.h"

#define DEBUGFS		"/sys/kernel/debug/"
#define EVERY		100	/* more than any call comes by */

/* Which calls of the kernel's own are made to fail. */
enum fault {
	FAULT_NTH,		/* the n-th, of whatever kind, once */
	FAULT_SLAB,		/* the first n of the following */
	FAULT_PAGES,
	FAULT_USERCOPY,
	NR_FAULTS
};

static const char * const fault_names[NR_FAULTS] = {
	"fail-nth", "failslab", "fail_page_alloc", "fail_usercopy",
};

/* Those of the calling thread; opened before anything may fail. */
static int nth_fd = -1, make_fd = -1;

static inline bool write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t len = strlen(text);
	bool ok = fd >= 0 && write(fd, text, len) == len;

	if (fd >= 0)
		close(fd);
	return ok;
}

static inline bool set_knob(enum fault fault, const char *knob,
			    const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), DEBUGFS "%s/%s", fault_names[fault],
		 knob);
	return write_text(path, value);
}

/* Nothing fails by chance, and a failure that was asked for is not logged. */
static inline bool set_fault(enum fault fault)
{
	return set_knob(fault, "verbose", "0") &&
	       set_knob(fault, "probability", "0") &&
	       set_knob(fault, "interval", "1") &&
	       set_knob(fault, "space", "0") &&
	       set_knob(fault, "times", "-1") &&
	       set_knob(fault, "task-filter", "Y");
}

/* Whether the kernel can do all of it; then it is set up. */
static inline bool inject_setup(void)
{
	return set_fault(FAULT_SLAB) && set_fault(FAULT_PAGES) &&
	       set_fault(FAULT_USERCOPY) &&
	       set_knob(FAULT_SLAB, "ignore-gfp-wait", "N") &&
	       set_knob(FAULT_PAGES, "ignore-gfp-wait", "N") &&
	       set_knob(FAULT_PAGES, "ignore-gfp-highmem", "N") &&
	       set_knob(FAULT_PAGES, "min-order", "0");
}

/* Before each case, in its process. No page of it may fault while it injects */
static inline void inject_open(void)
{
	nth_fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	make_fd = open("/proc/thread-self/make-it-fail", O_RDWR | O_CLOEXEC);
	EXPECT_GE(nth_fd, 0);
	EXPECT_GE(make_fd, 0);
	EXPECT_EQ(mlockall(MCL_CURRENT), 0);
}

static inline void write_number(int fd, int number)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%d", number);

	EXPECT_EQ(pwrite(fd, text, len, 0), len);
}

/* From here the calling thread's calls fail. Probability is set beforehand. */
static inline void inject(enum fault fault, int n)
{
	char times[16];

	if (fault == FAULT_NTH) {
		write_number(nth_fd, n);
		return;
	}
	snprintf(times, sizeof(times), "%d", n);
	EXPECT_TRUE(set_knob(fault, "times", times));
	EXPECT_TRUE(set_knob(fault, "probability", "100"));
	write_number(make_fd, 1);
}

/*
 * To here. Returns whether something was made to fail, as far as is told: for
 * the first n it is not. Reading the number and setting it are places where
 * the kernel could fail, too, and so may use up what is left.
 */
static inline bool inject_end(enum fault fault)
{
	char text[16] = "";
	ssize_t len;

	if (fault == FAULT_NTH) {
		len = pread(nth_fd, text, sizeof(text) - 1, 0);
		if (pwrite(nth_fd, "0", 1, 0) != 1)
			write_number(nth_fd, 0);
		return len > 0 && !atoi(text);
	}
	/* This copies, too: it works once the times are used up. */
	while (pwrite(make_fd, "0", 1, 0) != 1)
		if (!EXPECT_EQ(errno, EFAULT))
			break;
	EXPECT_TRUE(set_knob(fault, "probability", "0"));
	return true;
}

/* -- aim ------------------------------------------------------------------- */

/* From where a function of the kernel begins to where the next one does. */
static inline bool function_range(const char *name, unsigned long *start,
				  unsigned long *end)
{
	FILE *symbols = fopen("/proc/kallsyms", "re");
	char type, symbol[256];
	unsigned long at;
	int pass;

	*start = 0;
	*end = ~0UL;
	for (pass = 0; symbols && pass < 2; pass++) {
		rewind(symbols);
		while (fscanf(symbols, "%lx %c %255s%*[^\n]", &at, &type,
			      symbol) == 3) {
			if (!pass && !strcmp(symbol, name))
				*start = at;
			if (pass && at > *start && at < *end)
				*end = at;
		}
	}
	if (symbols)
		fclose(symbols);
	return *start && *end != ~0UL;
}

static inline bool set_range(enum fault fault, unsigned long start,
			     unsigned long end)
{
	char from[32], to[32];

	snprintf(from, sizeof(from), "%lu", start);
	snprintf(to, sizeof(to), "%lu", end);
	return set_knob(fault, "require-start", from) &&
	       set_knob(fault, "require-end", to);
}

/* Only what that function calls, however indirectly, fails. */
static inline bool aim_below(enum fault fault, const char *name)
{
	unsigned long start, end;

	return function_range(name, &start, &end) &&
	       set_range(fault, start, end);
}

static inline void aim_anywhere(enum fault fault)
{
	EXPECT_TRUE(set_range(fault, 0, ~0UL));
}

/* -- leaks ---------------------------------------------------------------- */

#define KMEMLEAK	DEBUGFS "kmemleak"
#define LEAK_AGE_S	6	/* kmemleak is silent about younger memory */
#define REFERENCES	"/sys/module/twq/refcnt"

static inline long read_long(const char *path)
{
	char text[64] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (EXPECT_GE(fd, 0)) {
		EXPECT_GT(read(fd, text, sizeof(text) - 1), 0);
		close(fd);
	}
	return atol(text);
}

/* Tasks that end on other CPUs hold the module a moment longer. */
static inline void expect_references(long want)
{
	int64_t limit = now_ns() + GUARD_MS * NSEC_PER_MSEC;

	while (read_long(REFERENCES) != want && now_ns() < limit)
		pause_ms(1);
	EXPECT_EQ(read_long(REFERENCES), want);
}

/* What nobody points to any more, since the start of the program. */
static inline void expect_no_leaks(void)
{
	char text[4096] = "";
	int i, fd;

	for (i = 0; i < 2; i++) {
		sleep(LEAK_AGE_S);
		EXPECT_TRUE(write_text(KMEMLEAK, "scan"));
	}
	fd = open(KMEMLEAK, O_RDONLY | O_CLOEXEC);
	EXPECT_GE(fd, 0);
	if (!EXPECT_EQ(read(fd, text, sizeof(text) - 1), 0))
		printf("# %s\n", text);
	close(fd);
}

/*
 * The last case. The runner does the rest: it unloads the module, and the
 * kernel complains of a cache that still has tasks.
 */
static inline void nothing_is_left(void)
{
	EXPECT_EQ(close(dev), 0);
	dev = -1;
	expect_references(0);
	expect_no_leaks();
}

static inline int inject_main(int argc, char **argv,
			      const struct tap_suite *suite)
{
	if (!inject_setup()) {
		printf("TAP version 13\n"
		       "1..0 # SKIP the kernel has no fault injection\n");
		return TAP_SKIPPED;
	}
	write_text(KMEMLEAK, "clear");
	return tap_main(argc, argv, suite);
}

#endif /* INJECT_H */
