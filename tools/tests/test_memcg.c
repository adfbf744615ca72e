// SPDX-License-Identifier: GPL-2.0
/*
 * Memory is the caller's: each task is charged to his memory cgroup with all
 * that it costs, at the cgroup's limit calls answer -ENOMEM and nobody is
 * killed, and what is destroyed is his again. A case makes a cgroup, and what
 * it says of it is tried by a child that has entered it.
 */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <sys/stat.h>
#include "device.h"

#define CGROUPS		"/sys/fs/cgroup"
#define CGROUP		CGROUPS "/twq-test"
#define LIMIT		"8388608"
#define ENOUGH		200000		/* tasks that do not fit into LIMIT */
#define MANY		200000
#define BLOCK_TASKS	16		/* that have a piece of memory in common */
/* Each CPU is charged in advance, for 64 pages at most. */
#define IN_ADVANCE	(64 * 4096LL * nr_online())

static uint64_t ids[ENOUGH];
static long nr_possible;	/* CPUs; whoever asks has a file opened */

static bool write_to(const char *path, const char *what)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, what, strlen(what)) > 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

/* The number after @key in @path; the file's first with an empty one. */
static long long number_in(const char *path, const char *key)
{
	FILE *f = fopen(path, "re");
	size_t len = strlen(key);
	char line[512];
	long long value = -1;

	while (f && value < 0 && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, len))
			value = strtoll(line + len, NULL, 10);
	if (f)
		fclose(f);
	return value;
}

static long long charged(void)
{
	return number_in(CGROUP "/memory.current", "");
}

/* Waits until no more than @bytes are charged: memory is freed after a grace. */
static void expect_charged_at_most(long long bytes)
{
	int64_t limit = now_ns() + GUARD_MS * NSEC_PER_MSEC;

	while (charged() > bytes && now_ns() < limit)
		pause_ms(20);
	EXPECT_LE(charged(), bytes);
}

/*
 * Runs @fn in a child in a cgroup with @limit. What the child needs itself is
 * there when it enters: at the limit a page fault, or any file that is opened,
 * would be its end.
 */
static void in_cgroup(const char *limit, void (*fn)(void))
{
	long long killed = number_in("/proc/vmstat", "oom_kill ");
	int status = 0;
	pid_t pid;

	nr_possible = sysconf(_SC_NPROCESSORS_CONF);
	online_mask();
	write_to(CGROUPS "/cgroup.subtree_control", "+memory");
	if (access(CGROUPS "/cgroup.controllers", F_OK) ||
	    (mkdir(CGROUP, 0755) && errno != EEXIST) ||
	    !write_to(CGROUP "/memory.max", limit))
		tap_skip("no memory cgroup");
	write_to(CGROUP "/memory.swap.max", "0");
	fflush(stdout);
	pid = fork();
	if (!pid) {
		memset(ids, 0, sizeof(ids));
		if (mlockall(MCL_CURRENT | MCL_FUTURE) ||
		    !write_to(CGROUP "/cgroup.procs", "0"))
			_exit(2);
		fn();
		fflush(stdout);
		_exit(!!tap_failures);
	}
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
	EXPECT_EQ(number_in(CGROUP "/memory.events", "oom "), 0);
	EXPECT_EQ(number_in(CGROUP "/memory.events", "oom_kill "), 0);
	EXPECT_EQ(number_in("/proc/vmstat", "oom_kill "), killed);
	if (strcmp(limit, "max"))
		EXPECT_GT(number_in(CGROUP "/memory.events", "max "), 0);
	/* The file is the parent's, too; tasks of the child live until here. */
	close(dev);
	dev = -1;
	expect_charged_at_most(IN_ADVANCE);
	EXPECT_EQ(rmdir(CGROUP), 0);
}

/* Creates until it fails, returns how many there are. */
static int create_all(uint64_t mask, int want_error)
{
	int i, err = 0;

	for (i = 0; i < ENOUGH; i++) {
		err = try_create(dev, mask, 0, 0, i, &ids[i]);
		if (err)
			break;
	}
	EXPECT_EQ(err, want_error);
	return i;
}

/* Nothing of it asks for memory. */
static void expect_calls_work(uint64_t id)
{
	struct twq_event event;

	EXPECT_EQ(queue_in(id, HOUR_NS), 0);
	EXPECT_EQ(schedule_in(id, HOUR_NS / 2), 0);
	EXPECT_EQ(cancel(id), 1);
	EXPECT_EQ(queue_in(id, 1000), 0);
	if (next_event(dev, &event))
		EXPECT_EQ(event.id, id);
	EXPECT_EQ(wake(id, TWQ_WOKEN_MSG), 0);
	if (next_event(dev, &event))
		EXPECT_EQ(event.reasons, TWQ_WOKEN_MSG);
	EXPECT_EQ(task(id).pending, 0);
}

/* One object more fits where another one was, once its memory is free. */
static bool can_create(void)
{
	int64_t limit = now_ns() + GUARD_MS * NSEC_PER_MSEC;
	uint64_t id;
	int err;

	do {
		err = try_create(dev, 0, 0, 0, 0, &id);
		if (err)
			pause_ms(20);
	} while (err == -ENOMEM && now_ns() < limit);
	return EXPECT_EQ(err, 0);
}

static void fill_and_go_on(void)
{
	struct twq_ledger before, after;
	uint64_t id;
	int i, nr, err;

	nr = create_all(0, -ENOMEM);
	if (!EXPECT_GT(nr, 1000))
		return;
	EXPECT_EQ(ledger(dev).created, nr);
	/* The first to fail makes other CPUs give up what they hold ready. */
	do {
		before = ledger(dev);
		err = try_create(dev, 0, 0, 0, 0, &id);
	} while (!err && nr++ < ENOUGH);
	after = ledger(dev);
	EXPECT_EQ(err, -ENOMEM);
	EXPECT_EQ(memcmp(&before, &after, sizeof(after)), 0);
	expect_calls_work(ids[0]);
	for (i = 0; i < 1000; i++)
		EXPECT_EQ(destroy(ids[i]), 0);
	can_create();
	expect_calls_work(ids[1000]);
}

static void create_at_the_limit(void)
{
	in_cgroup(LIMIT, fill_and_go_on);
}

/* A mask of some CPUs is memory of its own; those of one or all are not. */
static void change_masks(void)
{
	int i, err = 0, nr = create_all(0, -ENOMEM);
	struct twq_query query;

	for (i = 0; i < nr && !err; i++)
		err = set_affinity(ids[i], 3);
	EXPECT_EQ(err, -ENOMEM);
	if (!EXPECT_LT(i, nr))
		return;
	/* Of the one that failed nothing has changed. */
	query = task(ids[i - 1]);
	EXPECT_EQ(query.nr_cpus, nr_possible);
	expect_calls_work(ids[0]);
}

static void set_affinity_at_the_limit(void)
{
	if (sysconf(_SC_NPROCESSORS_CONF) < 3)
		tap_skip("fewer than three CPUs");
	in_cgroup(LIMIT, change_masks);
}

/* What the slabs hold for each task, and its slot. */
static void count_bytes(void)
{
	const char *size_path = "/sys/kernel/slab/twq_block/slab_size";
	long long before, size = number_in(size_path, "");
	int i;

	if (size < 0)
		tap_skip("no /sys/kernel/slab");
	before = charged();
	for (i = 0; i < MANY && !tap_failures; i++)
		EXPECT_EQ(try_create(dev, 0, 0, 0, i, &ids[i]), 0);
	printf("# %lld bytes a task\n", (charged() - before) / MANY);
	EXPECT_GE(charged() - before,
		  MANY / BLOCK_TASKS * (size + 8) +
		  MANY * sizeof(struct twq_slot));
	for (i = 0; i < MANY && !tap_failures; i++)
		EXPECT_EQ(destroy(ids[i]), 0);
	/* Slots are kept for the tasks to come, and the table that finds them. */
	expect_charged_at_most(before + IN_ADVANCE +
			       MANY * (sizeof(struct twq_slot) + 2));
}

static void all_of_a_task_is_charged(void)
{
	pin(nth_cpu(0));
	in_cgroup("max", count_bytes);
}

/* A thousand events are all that a thousand tasks can have. */
static void let_events_wait(void)
{
	static struct twq_event events[1000];
	int64_t interval_ns = 1000 * 1000;
	struct twq_ledger l;
	long long before;
	uint64_t told = 0;
	ssize_t got, i;

	for (i = 0; i < 1000; i++)
		ids[i] = make(dev, 0, 0, interval_ns, i);
	for (i = 0; i < 1000; i++)
		EXPECT_EQ(queue_in(ids[i], interval_ns), 0);
	while (ledger(dev).pending < 1000)
		pause_ms(1);
	before = charged();
	while (ledger(dev).coalesced < 10000)
		pause_ms(10);
	EXPECT_LE(charged(), before + IN_ADVANCE);
	EXPECT_EQ(ledger(dev).pending, 1000);
	for (i = 0; i < 1000; i++)
		cancel(ids[i]);
	/* None has more to tell. */
	for (i = 0; i < 1000; i++)
		wait_rest(ids[i]);
	got = read(dev, events, sizeof(events)) / (ssize_t)sizeof(events[0]);
	EXPECT_EQ(got, 1000);
	for (i = 0; i < got; i++)
		told += 1 + events[i].overruns;
	l = ledger(dev);
	EXPECT_GE(told, l.fired);
	EXPECT_EQ(l.fired, l.delivered + l.coalesced + l.pending);
}

static void unread_events_take_no_memory(void)
{
	in_cgroup("max", let_events_wait);
}

static const struct tap_case cases[] = {
	TAP_CASE(create_at_the_limit),
	TAP_CASE(set_affinity_at_the_limit),
	TAP_CASE(all_of_a_task_is_charged),
	TAP_CASE(unread_events_take_no_memory),
};

int main(int argc, char **argv)
{
	static const struct tap_suite suite = {
		.cases = cases,
		.nr_cases = TAP_COUNT(cases),
		.before = open_case,
	};

	return tap_main(argc, argv, &suite);
}
