// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/kernel/debug/twq: that each file tells what is so, that measuring lasts
 * as long as its file is open, and that no way of reading does harm.
 */
#define _GNU_SOURCE
#include <sys/stat.h>
#include "module.h"
#include "trace.h"

#define DEBUGFS		"/sys/kernel/debug/twq/"
#define MAX_WORDS	16

static const struct {
	const char *name;
	mode_t mode;
} files[] = {
	{ "cpus", 0400 },
	{ "shared", 0400 },
	{ "counters", 0400 },
	{ "lateness", 0400 },
	{ "measure", 0600 },
};

/* A line's words, as numbers; -1 for 'never'. */
struct row {
	long long word[MAX_WORDS];
	int words;
};

static struct row parse(const char *line)
{
	struct row row = {};
	char *end;

	for (; row.words < MAX_WORDS && *line && *line != '\n'; line = end) {
		row.word[row.words] = strtoll(line, &end, 10);
		if (end == line) {
			EXPECT_EQ(strncmp(line, " never", 6), 0);
			row.word[row.words] = -1;
			end += 6;
		}
		row.words++;
	}
	return row;
}

/* The line of @file behind the one that is @heading whose first word is @key. */
static bool find(const char *file, const char *heading, long long key,
		 struct row *row)
{
	char path[64], want[256];
	const char *at;

	snprintf(path, sizeof(path), DEBUGFS "%s", file);
	snprintf(want, sizeof(want), "%s\n", heading);
	at = strstr(read_file(path), want);
	if (!EXPECT_TRUE(at))
		return false;
	for (at += strlen(want); *at >= '0' && *at <= '9';
	     at = strchr(at, '\n') + 1) {
		*row = parse(at);
		if (row->word[0] == key)
			return true;
	}
	return false;
}

enum { CPU_HOST = 1, CPU_DEPTH, CPU_FIRST, CPU_ARMED, CPU_RUN, CPU_INBOX };

static struct row cpu_row(int cpu)
{
	struct row row = {};

	EXPECT_TRUE(find("cpus",
			 "cpu host depth first_ns armed_ns run inbox", cpu,
			 &row));
	EXPECT_EQ(row.words, 7);
	return row;
}

static void files_are_roots(void)
{
	struct stat st;
	char path[64];
	unsigned int i;

	for (i = 0; i < TAP_COUNT(files); i++) {
		snprintf(path, sizeof(path), DEBUGFS "%s", files[i].name);
		EXPECT_EQ(stat(path, &st), 0);
		EXPECT_EQ(st.st_mode & 07777, files[i].mode);
		EXPECT_EQ(st.st_uid, 0);
	}
}

static void local_tree_is_told(void)
{
	int cpu = nth_cpu(1);
	int64_t first = now_ns() + HOUR_NS;
	struct row row;

	pin(cpu);
	EXPECT_EQ(queue_at(make(dev, bit(cpu), 0, 0, 0), first + 1), 0);
	EXPECT_EQ(queue_at(make(dev, bit(cpu), 0, 0, 0), first), 0);
	pin(nth_cpu(0));
	row = cpu_row(cpu);
	EXPECT_EQ(row.word[CPU_HOST], cpu);
	EXPECT_EQ(row.word[CPU_DEPTH], 2);
	EXPECT_EQ(row.word[CPU_FIRST], first);
	EXPECT_LE(row.word[CPU_ARMED], first);
	EXPECT_EQ(row.word[CPU_RUN], 0);
	EXPECT_EQ(row.word[CPU_INBOX], 0);
	row = cpu_row(nth_cpu(0));
	EXPECT_EQ(row.word[CPU_DEPTH], 0);
	EXPECT_EQ(row.word[CPU_FIRST], -1);
}

static void shared_tree_is_told(void)
{
	int64_t first = now_ns() + HOUR_NS;
	struct row row;

	EXPECT_EQ(queue_at(make_any(0), first), 0);
	if (!EXPECT_TRUE(find("shared", "depth first_ns armed_ns", 1, &row)))
		return;
	EXPECT_EQ(row.words, 3);
	EXPECT_EQ(row.word[1], first);
	EXPECT_LE(row.word[2], first);
}

#define COUNTERS	"cpu queued kept expired stale runs passed_on passes " \
			"cut kicks refused rehomed local_depth shared_depth"

/* The words of the structure, in its order. */
static void counters_are_those_of_stats(void)
{
	int cpu = nth_cpu(1);
	struct twq_cpu_stats before, after;
	struct twq_event event;
	struct row row;
	int i;

	pin(cpu);
	EXPECT_EQ(queue_in(make(dev, bit(cpu), 0, 0, 0), 1), 0);
	EXPECT_EQ(queue_in(make(dev, bit(cpu), 0, 0, 0), HOUR_NS), 0);
	EXPECT_TRUE(next_event(dev, &event));
	do {
		before = cpu_stats(dev, cpu);
		if (!EXPECT_TRUE(find("counters", COUNTERS, cpu, &row)))
			return;
		after = cpu_stats(dev, cpu);
	} while (memcmp(&before, &after, sizeof(after)));
	EXPECT_EQ(row.words, 14);
	for (i = 0; i < 13; i++)
		EXPECT_EQ(row.word[1 + i], ((uint64_t *)&after)[i]);
}

static void host_is_told(void)
{
	int gone = nth_cpu(1);
	struct row row;
	char path[64];

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/online",
		 gone);
	if (write_file(path, "1"))
		tap_skip("the kernel has no CPU hotplug");
	pin(gone);
	EXPECT_EQ(queue_in(make(dev, bit(gone), 0, 0, 0), HOUR_NS), 0);
	pin(nth_cpu(0));
	EXPECT_EQ(write_file(path, "0"), 0);
	row = cpu_row(gone);
	EXPECT_NE(row.word[CPU_HOST], gone);
	EXPECT_EQ(row.word[CPU_DEPTH], 1);
	EXPECT_EQ(write_file(path, "1"), 0);
	EXPECT_EQ(cpu_row(gone).word[CPU_HOST], gone);
}

/* All runs that were late, or holds: the sum of a column over all lines. */
static long long sum(const char *file, const char *heading, int column)
{
	char path[64], want[64];
	long long all = 0;
	const char *at;

	snprintf(path, sizeof(path), DEBUGFS "%s", file);
	snprintf(want, sizeof(want), "%s\n", heading);
	at = strstr(read_file(path), want);
	if (!EXPECT_TRUE(at))
		return -1;
	for (at += strlen(want); *at; at = strchr(at, '\n') + 1)
		all += parse(at).word[column];
	return all;
}

static long long late_runs(void)
{
	return sum("lateness", "cpu from_ns to_ns runs", 3);
}

static long long holds(void)
{
	return sum("shared", "cpu holds held_ns longest_ns", 1);
}

static void fire_late(int count)
{
	struct twq_event event;

	while (count-- && !tap_failures) {
		EXPECT_EQ(queue_at(make_any(0), 1), 0);
		EXPECT_TRUE(next_event(dev, &event));
	}
}

static int open_measure(int flags)
{
	int fd = open(DEBUGFS "measure", flags | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static void measures_while_it_is_open(void)
{
	int fd, other;

	EXPECT_EQ(strcmp(read_file(DEBUGFS "measure"), "off\n"), 0);
	fd = open_measure(O_WRONLY);
	EXPECT_GE(fd, 0);
	EXPECT_EQ(strcmp(read_file(DEBUGFS "measure"), "on\n"), 0);
	EXPECT_EQ(late_runs(), 0);
	fire_late(3);
	EXPECT_EQ(late_runs(), 3);
	EXPECT_GE(holds(), 3);
	other = open_measure(O_RDWR);
	EXPECT_EQ(close(fd), 0);
	fire_late(2);
	EXPECT_EQ(late_runs(), 5);
	EXPECT_EQ(close(other), 0);
	EXPECT_EQ(strcmp(read_file(DEBUGFS "measure"), "off\n"), 0);
	fire_late(1);
	EXPECT_EQ(late_runs(), 5);
	/* What is read only measures nothing. */
	fd = open_measure(O_RDONLY);
	fire_late(1);
	EXPECT_EQ(late_runs(), 5);
	EXPECT_EQ(close(fd), 0);
}

static void measuring_writes_nothing(void)
{
	EXPECT_EQ(write_file(DEBUGFS "measure", "1"), -EINVAL);
	EXPECT_EQ(strcmp(read_file(DEBUGFS "measure"), "off\n"), 0);
}

/* Any size, any place: an end, or an error, and the same text. */
static void reading_in_any_way(void)
{
	char *bad = map_pages(1, PROT_NONE), path[64], c;
	static char whole[TRACE_SIZE];
	unsigned int i;
	size_t n;
	int fd;

	for (i = 0; i < TAP_COUNT(files); i++) {
		snprintf(path, sizeof(path), DEBUGFS "%s", files[i].name);
		strcpy(whole, read_file(path));
		fd = open(path, O_RDONLY | O_CLOEXEC);
		EXPECT_GE(fd, 0);
		for (n = 0; read(fd, &c, 1) == 1; n++)
			;
		EXPECT_EQ(n, strlen(whole));
		EXPECT_LE(pread(fd, &c, 1, INT64_MAX), 0);
		EXPECT_LE(pread(fd, &c, 1, INT64_MAX - 4096), 0);
		EXPECT_LE(pread(fd, &c, 1, -1), 0);
		EXPECT_LE(pread(fd, &c, 1, 1L << 32), 0);
		EXPECT_EQ(pread(fd, bad, page_size(), 0), -1);
		EXPECT_EQ(errno, EFAULT);
		EXPECT_EQ(pread(fd, &c, 0, 0), 0);
		close(fd);
	}
}

static void measuring_holds_the_module(void)
{
	int fd = open_measure(O_WRONLY), ret;

	if (access(module_file(), R_OK))
		tap_skip("no module file: set TWQ_MODULE");
	EXPECT_EQ(close(dev), 0);
	dev = -1;
	ret = unload();
	EXPECT_TRUE(ret == -EWOULDBLOCK || ret == -EBUSY);
	EXPECT_EQ(close(fd), 0);
	EXPECT_EQ(unload_soon(), 0);
	EXPECT_EQ(access(DEBUGFS, F_OK), -1);
	EXPECT_EQ(load(), 0);
	EXPECT_EQ(access(DEBUGFS "cpus", R_OK), 0);
}

static void before_case(void)
{
	open_case();
	if (access("/sys/kernel/debug/.", X_OK))
		tap_skip("there is no debugfs");
	if (nr_online() < 2)
		tap_skip("needs two CPUs");
}

static const struct tap_case cases[] = {
	TAP_CASE(files_are_roots),
	TAP_CASE(local_tree_is_told),
	TAP_CASE(shared_tree_is_told),
	TAP_CASE(counters_are_those_of_stats),
	TAP_CASE(host_is_told),
	TAP_CASE(measures_while_it_is_open),
	TAP_CASE(measuring_writes_nothing),
	TAP_CASE(reading_in_any_way),
	TAP_CASE(measuring_holds_the_module),
};

int main(int argc, char **argv)
{
	static const struct tap_suite suite = {
		.cases = cases,
		.nr_cases = TAP_COUNT(cases),
		.before = before_case,
		.after = close_case,
	};

	return tap_main(argc, argv, &suite);
}
