// SPDX-License-Identifier: GPL-2.0
/*
 * libtwq: each function makes its call, answers like it, and turns a failure
 * into -errno. What the calls do is the matter of the other tests.
 */
#define _GNU_SOURCE
#include <libtwq.h>
#include "device.h"

static void lib_open_default_path(void)
{
	int fd = twq_open(NULL, O_CLOEXEC | O_NONBLOCK);
	struct twq_info info;

	if (!EXPECT_GE(fd, 0))
		return;
	EXPECT_TRUE(fcntl(fd, F_GETFL) & O_NONBLOCK);
	EXPECT_TRUE(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	EXPECT_EQ(twq_get_info(fd, &info), 0);
	EXPECT_EQ(info.abi_version, TWQ_ABI_VERSION);
	close(fd);
}

static void lib_open_failure_is_errno(void)
{
	EXPECT_EQ(twq_open("/nowhere/twq", 0), -ENOENT);
}

static void lib_create_without_mask(void)
{
	struct twq_query query;
	uint64_t id = 0;

	EXPECT_EQ(twq_create(dev, NULL, 0, 0, HOUR_NS, 7, &id), 0);
	EXPECT_EQ(twq_get_task(dev, id, &query), 0);
	EXPECT_GE(query.nr_cpus, nr_online());
	EXPECT_EQ(query.user_data, 7);
	EXPECT_EQ(query.interval_ns, HOUR_NS);
}

static void lib_masks_are_those_of_sched_setaffinity(void)
{
	int cpu = nth_cpu(nr_online() - 1);
	struct twq_query query;
	cpu_set_t set;
	uint64_t id = 0;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	EXPECT_EQ(twq_create(dev, &set, sizeof(set), TWQ_CREATE_SHARED, 0, 0,
			     &id), 0);
	EXPECT_EQ(twq_get_task(dev, id, &query), 0);
	EXPECT_EQ(query.cpu, cpu);
	EXPECT_EQ(query.nr_cpus, 1);
	CPU_ZERO(&set);
	CPU_SET(nth_cpu(0), &set);
	EXPECT_EQ(twq_set_affinity(dev, id, &set, sizeof(set)), 0);
	EXPECT_EQ(twq_get_task(dev, id, &query), 0);
	EXPECT_EQ(query.cpu, nth_cpu(0));
	CPU_ZERO(&set);
	EXPECT_EQ(twq_set_affinity(dev, id, &set, sizeof(set)), -EINVAL);
}

static void lib_deadlines_and_events(void)
{
	int64_t deadline = now_ns() + 10 * NSEC_PER_MSEC;
	struct twq_event events[4];
	uint64_t id = make_any(3);

	EXPECT_EQ(twq_read_events(dev, events, 4), -EAGAIN);
	EXPECT_EQ(twq_queue(dev, id, HOUR_NS, TWQ_RELATIVE), 0);
	EXPECT_EQ(twq_schedule(dev, id, deadline, 0), 0);
	EXPECT_EQ(readable(dev, GUARD_MS), 1);
	EXPECT_EQ(twq_wakeup(dev, make_any(4), TWQ_WOKEN_IO), 0);
	while (ledger(dev).pending < 2)
		pause_ms(1);
	EXPECT_EQ(twq_read_events(dev, events, 4), 2);
	EXPECT_EQ(events[0].user_data + events[1].user_data, 7);
}

static void lib_cancel_and_destroy(void)
{
	uint64_t id = make_any(0);
	struct twq_query query;

	EXPECT_EQ(twq_queue(dev, id, HOUR_NS, TWQ_RELATIVE), 0);
	EXPECT_EQ(twq_cancel(dev, id), 1);
	EXPECT_EQ(twq_cancel(dev, id), 0);
	EXPECT_EQ(twq_destroy(dev, id), 0);
	EXPECT_EQ(twq_destroy(dev, id), -ENOENT);
	EXPECT_EQ(twq_cancel(dev, id), -ENOENT);
	EXPECT_EQ(twq_queue(dev, id, 0, 0), -ENOENT);
	EXPECT_EQ(twq_schedule(dev, id, 0, 0), -ENOENT);
	EXPECT_EQ(twq_wakeup(dev, id, TWQ_WOKEN_IO), -ENOENT);
	EXPECT_EQ(twq_set_affinity(dev, id, NULL, 0), -ENOENT);
	EXPECT_EQ(twq_get_task(dev, id, &query), -ENOENT);
}

static void lib_stats(void)
{
	struct twq_stats stats;

	make_any(0);
	EXPECT_EQ(twq_get_stats(dev, TWQ_STATS_ALL_CPUS, &stats), 0);
	EXPECT_EQ(stats.ledger.created, 1);
	EXPECT_EQ(twq_get_stats(dev, nth_cpu(0), &stats), 0);
	EXPECT_EQ(stats.serving_cpu, nth_cpu(0));
	EXPECT_EQ(twq_get_stats(dev, 1U << 31, &stats), -EINVAL);
}

static const struct tap_case cases[] = {
	TAP_CASE(lib_open_default_path),
	TAP_CASE(lib_open_failure_is_errno),
	TAP_CASE(lib_create_without_mask),
	TAP_CASE(lib_masks_are_those_of_sched_setaffinity),
	TAP_CASE(lib_deadlines_and_events),
	TAP_CASE(lib_cancel_and_destroy),
	TAP_CASE(lib_stats),
};

int main(int argc, char **argv)
{
	static const struct tap_suite suite = {
		.cases = cases,
		.nr_cases = TAP_COUNT(cases),
		.before = open_case,
		.after = close_case,
	};

	return tap_main(argc, argv, &suite);
}
