/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the device tests share: the calls of /dev/twq as they are,
 * without the library, so that a bad argument reaches the module; waiting
 * without fixed sleeps; and the check that a file's books balance.
 */
#ifndef DEVICE_H
#define DEVICE_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <linux/twq.h>

#include "tap.h"

#define DEV_PATH	"/dev/twq"
#define NSEC_PER_MSEC	1000000LL
#define NSEC_PER_SEC	1000000000LL
#define HOUR_NS		(3600 * NSEC_PER_SEC)
#define GUARD_MS	60000	/* longer than any sane delay: it hangs */
#define QUIET_MS	150	/* how long 'nothing happens' is watched */
#define MAX_TRACKED	16384
#define POISON		0xcc

/* Of a task that runs or is to run. */
#define STATE_BUSY	(TWQ_STATE_RUNNING | TWQ_STATE_QUEUED | TWQ_WOKEN_ANY)

/* The file of the case, and the tasks made on it. */
static int dev = -1;
static uint64_t tracked[MAX_TRACKED];
static unsigned int nr_tracked;

static inline int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

static inline long page_size(void)
{
	return sysconf(_SC_PAGESIZE);
}

/* @count pages, the last of which has protection @last. */
static inline char *map_pages(int count, int last)
{
	char *pages;

	pages = mmap(NULL, count * page_size(), PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!EXPECT_TRUE(pages != MAP_FAILED))
		exit(1);
	EXPECT_EQ(mprotect(pages + (count - 1) * page_size(), page_size(), last),
		  0);
	return pages;
}

static inline void pause_ms(int ms)
{
	struct timespec ts = { .tv_nsec = ms * NSEC_PER_MSEC };

	nanosleep(&ts, NULL);
}

static inline int open_dev(int flags)
{
	int fd = open(DEV_PATH, O_RDWR | O_CLOEXEC | flags);

	return fd < 0 ? -errno : fd;
}

/* An ioctl that answers like the library: 0, a positive value or -errno. */
static inline int call(int fd, unsigned long nr, void *arg)
{
	int ret = ioctl(fd, nr, arg);

	return ret < 0 ? -errno : ret;
}

static inline int get_stats(int fd, uint32_t cpu, struct twq_stats *stats)
{
	memset(stats, POISON, sizeof(*stats));
	memset(stats->reserved, 0, sizeof(stats->reserved));
	stats->cpu = cpu;
	return call(fd, TWQ_IOC_STATS, stats);
}

static inline struct twq_ledger ledger(int fd)
{
	struct twq_stats stats;

	EXPECT_EQ(get_stats(fd, TWQ_STATS_ALL_CPUS, &stats), 0);
	return stats.ledger;
}

static inline struct twq_cpu_stats cpu_stats(int fd, uint32_t cpu)
{
	struct twq_stats stats;

	EXPECT_EQ(get_stats(fd, cpu, &stats), 0);
	return stats.cpu_stats;
}

static inline void get_info(struct twq_info *info)
{
	memset(info, POISON, sizeof(*info));
	EXPECT_EQ(call(dev, TWQ_IOC_INFO, info), 0);
}

static inline int query_task(int fd, uint64_t id, struct twq_query *query)
{
	memset(query, POISON, sizeof(*query));
	memset(query->reserved, 0, sizeof(query->reserved));
	query->id = id;
	return call(fd, TWQ_IOC_QUERY, query);
}

/* The present state of a task of the case's file. */
static inline struct twq_query task(uint64_t id)
{
	struct twq_query query;

	EXPECT_EQ(query_task(dev, id, &query), 0);
	return query;
}

/* A task of the case's file: its deadline counts when the books are checked. */
static inline void track(uint64_t id)
{
	unsigned int slot = __atomic_fetch_add(&nr_tracked, 1,
					       __ATOMIC_RELAXED);

	if (slot < MAX_TRACKED)
		tracked[slot] = id;
}

/* @mask 0 allows every CPU, else bit n of it CPU n. Returns 0 or -errno. */
static inline int try_create(int fd, uint64_t mask, uint32_t flags,
			     int64_t interval_ns, uint64_t user_data,
			     uint64_t *id)
{
	struct twq_create create = {
		.user_data = user_data,
		.cpus = mask ? (uintptr_t)&mask : 0,
		.cpus_len = mask ? sizeof(mask) : 0,
		.flags = flags,
		.interval_ns = interval_ns,
	};
	int ret = call(fd, TWQ_IOC_CREATE, &create);

	*id = ret ? 0 : create.id;
	if (!ret && fd == dev)
		track(create.id);
	return ret;
}

static inline uint64_t make(int fd, uint64_t mask, uint32_t flags,
			    int64_t interval_ns, uint64_t user_data)
{
	uint64_t id;

	EXPECT_EQ(try_create(fd, mask, flags, interval_ns, user_data, &id), 0);
	return id;
}

/* One shot on every CPU: the task that most cases want. */
static inline uint64_t make_any(uint64_t user_data)
{
	return make(dev, 0, TWQ_CREATE_SHARED, 0, user_data);
}

static inline int deadline_call(int fd, unsigned long nr, uint64_t id,
				int64_t deadline_ns, uint32_t flags)
{
	struct twq_deadline deadline = {
		.id = id,
		.deadline_ns = deadline_ns,
		.flags = flags,
	};

	return call(fd, nr, &deadline);
}

static inline int queue_at(uint64_t id, int64_t deadline_ns)
{
	return deadline_call(dev, TWQ_IOC_QUEUE, id, deadline_ns, 0);
}

static inline int queue_in(uint64_t id, int64_t delay_ns)
{
	return deadline_call(dev, TWQ_IOC_QUEUE, id, delay_ns, TWQ_RELATIVE);
}

static inline int schedule_at(uint64_t id, int64_t deadline_ns)
{
	return deadline_call(dev, TWQ_IOC_SCHEDULE, id, deadline_ns, 0);
}

static inline int schedule_in(uint64_t id, int64_t delay_ns)
{
	return deadline_call(dev, TWQ_IOC_SCHEDULE, id, delay_ns, TWQ_RELATIVE);
}

static inline int id_call(int fd, unsigned long nr, uint64_t id)
{
	struct twq_task_id arg = { .id = id };

	return call(fd, nr, &arg);
}

static inline int cancel(uint64_t id)
{
	return id_call(dev, TWQ_IOC_CANCEL, id);
}

static inline int destroy(uint64_t id)
{
	return id_call(dev, TWQ_IOC_DESTROY, id);
}

static inline int wake(uint64_t id, uint32_t reasons)
{
	struct twq_wakeup arg = { .id = id, .reasons = reasons };

	return call(dev, TWQ_IOC_WAKEUP, &arg);
}

static inline int set_affinity(uint64_t id, uint64_t mask)
{
	struct twq_affinity arg = {
		.id = id,
		.cpus = mask ? (uintptr_t)&mask : 0,
		.cpus_len = mask ? sizeof(mask) : 0,
	};

	return call(dev, TWQ_IOC_SET_AFFINITY, &arg);
}

/* 1 when @fd can be read within @ms, else 0. */
static inline int readable(int fd, int ms)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, ms) == 1 && (pfd.revents & POLLIN);
}

/* Waits for one event and takes it. */
static inline bool next_event(int fd, struct twq_event *event)
{
	memset(event, POISON, sizeof(*event));
	return EXPECT_EQ(readable(fd, GUARD_MS), 1) &&
	       EXPECT_EQ(read(fd, event, sizeof(*event)), sizeof(*event));
}

/*
 * An event can be read, and a call be made, before the run that told it is over.
 * Waits until no run of @id is under way or asked for.
 */
static inline bool wait_rest(uint64_t id)
{
	int64_t limit = now_ns() + GUARD_MS * NSEC_PER_MSEC;

	while (task(id).state & STATE_BUSY && now_ns() < limit)
		pause_ms(1);
	return EXPECT_EQ(task(id).state & STATE_BUSY, 0);
}

/* A task that runs elsewhere ends after DESTROY: waits until @count have. */
static inline bool expect_destroyed(uint64_t count)
{
	int64_t limit = now_ns() + GUARD_MS * NSEC_PER_MSEC;

	while (ledger(dev).destroyed < count && now_ns() < limit)
		pause_ms(1);
	return EXPECT_EQ(ledger(dev).destroyed, count);
}

/* Wakes @count new tasks with user_data 0.. and waits for their events. */
static inline void make_ready(int count)
{
	int64_t limit = now_ns() + GUARD_MS * NSEC_PER_MSEC;
	int i;

	for (i = 0; i < count; i++)
		EXPECT_EQ(wake(make_any(i), TWQ_WOKEN_IO), 0);
	while (ledger(dev).pending < (uint64_t)count && now_ns() < limit)
		pause_ms(1);
	EXPECT_EQ(ledger(dev).pending, count);
}

/* Nothing is readable, and stays so for a while. */
static inline bool expect_quiet(int fd)
{
	return EXPECT_EQ(readable(fd, QUIET_MS), 0);
}

/* Binds the calling thread to one CPU. */
static inline void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	EXPECT_EQ(sched_setaffinity(0, sizeof(set), &set), 0);
}

/* The CPUs that this process started with, those below 64. */
static inline uint64_t online_mask(void)
{
	static uint64_t mask;
	cpu_set_t set;
	int cpu;

	if (mask || sched_getaffinity(0, sizeof(set), &set))
		return mask;
	for (cpu = 0; cpu < 64; cpu++)
		if (CPU_ISSET(cpu, &set))
			mask |= 1ULL << cpu;
	return mask;
}

static inline int nr_online(void)
{
	return __builtin_popcountll(online_mask());
}

/* The @n-th online CPU; ends the case with a skip when there is none. */
static inline int nth_cpu(int n)
{
	uint64_t mask = online_mask();

	if (n >= nr_online())
		tap_skip("needs more CPUs");
	while (n--)
		mask &= mask - 1;
	return mask ? __builtin_ctzll(mask) : 0;
}

static inline uint64_t bit(int cpu)
{
	return 1ULL << cpu;
}

static inline bool ledger_balances(const struct twq_ledger *l, uint64_t armed)
{
	return l->fired == l->delivered + l->coalesced + l->pending +
			   l->discarded &&
	       l->armed == l->expired + l->moved + l->cancelled + l->dropped +
			   armed;
}

/* How many of the case's tasks have a deadline now. */
static inline uint64_t count_armed(void)
{
	struct twq_query query;
	uint64_t armed = 0;
	unsigned int i;

	for (i = 0; i < nr_tracked && i < MAX_TRACKED; i++)
		if (!query_task(dev, tracked[i], &query))
			armed += query.deadline_ns != TWQ_ETERNITY;
	return armed;
}

static inline void print_ledger(const struct twq_ledger *l, uint64_t armed)
{
	const uint64_t *member = (const uint64_t *)l;
	static const char * const names[] = {
		"created", "destroyed", "armed", "expired", "moved",
		"cancelled", "dropped", "fired", "delivered", "coalesced",
		"pending", "discarded",
	};
	unsigned int i;

	for (i = 0; i < sizeof(*l) / sizeof(*member); i++)
		printf("# %s %llu\n", names[i], (unsigned long long)member[i]);
	printf("# tasks with a deadline %llu\n", (unsigned long long)armed);
}

/*
 * Waits until the file is at rest: two readings of the ledger agree around a
 * count of its armed tasks. Then the books must balance.
 */
static inline bool expect_balance(void)
{
	int64_t limit = now_ns() + GUARD_MS * NSEC_PER_MSEC;
	struct twq_ledger before, after;
	uint64_t armed;

	do {
		before = ledger(dev);
		armed = count_armed();
		after = ledger(dev);
		if (!memcmp(&before, &after, sizeof(after)) &&
		    ledger_balances(&after, armed))
			return true;
		pause_ms(10);
	} while (now_ns() < limit && !tap_failures);
	print_ledger(&after, armed);
	return EXPECT_TRUE(ledger_balances(&after, armed));
}

/* Before each case: a fresh file, not blocking, since next_event() waits. */
static inline void open_case(void)
{
	online_mask();
	dev = open_dev(O_NONBLOCK);
	if (dev == -ENOENT)
		tap_skip("there is no " DEV_PATH);
	EXPECT_GE(dev, 0);
}

/* After each case: its books balance, or it has closed the file itself. */
static inline void close_case(void)
{
	if (dev < 0)
		return;
	expect_balance();
	EXPECT_EQ(close(dev), 0);
}

#endif /* DEVICE_H */
