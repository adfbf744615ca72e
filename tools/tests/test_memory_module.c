// SPDX-License-Identifier: GPL-2.0
/*
 * Loading while whatever can fail does, one after the other: it is refused and
 * leaves nothing behind, or it is as good as any. Afterwards the module is
 * loaded. Needs a kernel with fault injection.
 */
#define _GNU_SOURCE
#include <sys/klog.h>

#include "inject.h"
#include "module.h"

#define KLOG_CONSOLE_LEVEL	8
#define KLOG_ALL		8
#define MAX_PLACES	10000	/* the loader needs a page for each 4 KiB */

/* What there is of the module outside its file. */
static const char * const traces[] = {
	DEV_PATH, "/sys/module/twq", "/sys/class/misc/twq",
	"/sys/kernel/slab/twq_utask",
};

static bool file_has(const char *path, const char *word)
{
	FILE *file = fopen(path, "re");
	bool found = false;
	char line[256];

	if (!EXPECT_TRUE(file))
		return false;
	while (!found && fgets(line, sizeof(line), file))
		found = strstr(line, word);
	fclose(file);
	return found;
}

/* A cache may be without its folder, the last one: the kernel goes on then. */
static void expect_traces(bool there)
{
	int i, nr = TAP_COUNT(traces) - there;

	for (i = 0; i < nr; i++)
		if (!EXPECT_EQ(!access(traces[i], F_OK), there))
			printf("# %s\n", traces[i]);
	EXPECT_EQ(file_has("/proc/misc", "twq"), there);
	EXPECT_EQ(file_has("/proc/modules", "twq "), there);
	EXPECT_EQ(file_has("/sys/devices/system/cpu/hotplug/states",
			   "twq:"), there);
}

/* It was loaded: it fires, and goes. */
static void expect_works(void)
{
	struct twq_event event;
	int fd = open_dev(O_NONBLOCK);

	expect_traces(true);
	EXPECT_EQ(deadline_call(fd, TWQ_IOC_QUEUE, make(fd, 0, 0, 0, 7), 1, 0),
		  0);
	if (next_event(fd, &event))
		EXPECT_EQ(event.user_data, 7);
	EXPECT_EQ(close(fd), 0);
	EXPECT_EQ(unload_soon(), 0);
}

/*
 * The loader and kmem_cache_create() tell the log of each failure, with a stack.
 * That is not the module's doing: it stays off the console, where it would fail
 * the run. A warning or a report of KASAN taints the kernel as well.
 */
static int load_quietly(void)
{
	int ret;

	klogctl(KLOG_CONSOLE_LEVEL, NULL, 1);
	ret = load();
	klogctl(KLOG_CONSOLE_LEVEL, NULL, KLOG_ALL);
	return ret;
}

static int load_while(enum fault fault, int n, bool *hit)
{
	int ret;

	inject(fault, n);
	ret = load_quietly();
	*hit = inject_end(fault);
	if (!ret)
		expect_works();
	if (!EXPECT_TRUE(!ret || *hit))
		printf("# %s %d: -%s\n", fault_names[fault], n,
		       strerrorname_np(-ret));
	expect_traces(false);
	return ret;
}

/* In turn, until loading comes through without an injection. */
static int load_at_each_place(void)
{
	int n, ret, refused = 0, nomem = 0;
	bool hit = true;

	for (n = 1; n < MAX_PLACES && hit && !tap_failures; n++) {
		alarm(TAP_LIMIT_S);
		ret = load_while(FAULT_NTH, n, &hit);
		refused += !!ret;
		nomem += ret == -ENOMEM;
	}
	printf("# %d places, refused %d times, %d for memory\n", n - 2,
	       refused, nomem);
	EXPECT_LT(n, MAX_PLACES);
	return nomem;
}

/* Those of the module's own initialisation alone. */
static void init_refused_at_each_place(void)
{
	enum fault fault;

	for (fault = FAULT_SLAB; fault < NR_FAULTS; fault++)
		if (!aim_below(fault, "do_one_initcall"))
			tap_skip("needs the address of do_one_initcall()");
	EXPECT_GE(load_at_each_place(), 10);
	for (fault = FAULT_SLAB; fault < NR_FAULTS; fault++)
		aim_anywhere(fault);
}

/* And those of the kernel's loader. */
static void load_refused_at_each_place(void)
{
	EXPECT_GE(load_at_each_place(), 50);
}

static void load_left_nothing(void)
{
	expect_no_leaks();
	expect_traces(false);
	EXPECT_EQ(load(), 0);
	expect_works();
}

static void begin(void)
{
	if (!access(DEV_PATH, F_OK))
		EXPECT_EQ(unload_soon(), 0);
	expect_traces(false);
	inject_open();
}

static const struct tap_case cases[] = {
	TAP_CASE(init_refused_at_each_place),
	TAP_CASE(load_refused_at_each_place),
	TAP_CASE(load_left_nothing),
};

int main(int argc, char **argv)
{
	static const struct tap_suite suite = {
		.cases = cases,
		.nr_cases = TAP_COUNT(cases),
		.before = begin,
	};
	int ret = inject_main(argc, argv, &suite);

	if (access(DEV_PATH, F_OK))
		load();
	return ret;
}
