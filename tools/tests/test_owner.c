// SPDX-License-Identifier: GPL-2.0
/*
 * What only the owner CPU of a task without SHARED_WQ may do: -EXDEV from any
 * other CPU, nothing changed, and the same call works from the owner.
 */
#define _GNU_SOURCE
#include "refused.h"

/* What a CPU that is not the owner of @id may not do. */
static void expect_foreign_refused(uint64_t id, int64_t deadline)
{
	union argument arg = good(TWQ_IOC_QUEUE, id);

	arg.deadline.deadline_ns = deadline;
	expect_refused(TWQ_IOC_QUEUE, &arg, id, -EXDEV);
	expect_refused(TWQ_IOC_SCHEDULE, &arg, id, -EXDEV);
	arg.deadline.flags = TWQ_RELATIVE;
	expect_refused(TWQ_IOC_QUEUE, &arg, id, -EXDEV);
	expect_refused(TWQ_IOC_SCHEDULE, &arg, id, -EXDEV);
	arg = good(TWQ_IOC_CANCEL, id);
	expect_refused(TWQ_IOC_CANCEL, &arg, id, -EXDEV);
}

static void foreign_cpu_unarmed_task(void)
{
	uint64_t id = make(dev, bit(nth_cpu(1)), 0, 0, 0);

	pin(nth_cpu(0));
	expect_foreign_refused(id, now_ns() + HOUR_NS);
	expect_foreign_refused(id, 1);
}

static void foreign_cpu_armed_task(void)
{
	uint64_t id = make(dev, bit(nth_cpu(1)), 0, 0, 0);

	pin(nth_cpu(1));
	EXPECT_EQ(queue_in(id, HOUR_NS), 0);
	pin(nth_cpu(0));
	expect_foreign_refused(id, now_ns() + 2 * HOUR_NS);
	expect_foreign_refused(id, 1);
	EXPECT_EQ(readable(dev, 0), 0);
	pin(nth_cpu(1));
	EXPECT_EQ(cancel(id), 1);
}

static void foreign_cpu_is_counted(void)
{
	uint64_t id = make(dev, bit(nth_cpu(1)), 0, 0, 0);
	uint64_t before = cpu_stats(dev, TWQ_STATS_ALL_CPUS).refused;

	pin(nth_cpu(0));
	EXPECT_EQ(queue_in(id, 0), -EXDEV);
	EXPECT_EQ(schedule_in(id, 0), -EXDEV);
	EXPECT_GE(cpu_stats(dev, TWQ_STATS_ALL_CPUS).refused, before + 2);
}

static void expect_affinity_refused(uint64_t id, uint64_t mask)
{
	union argument arg = good(TWQ_IOC_SET_AFFINITY, id);

	arg.affinity.cpus = mask ? (uintptr_t)&mask : 0;
	arg.affinity.cpus_len = mask ? sizeof(mask) : 0;
	expect_refused(TWQ_IOC_SET_AFFINITY, &arg, id, -EXDEV);
}

/* From the owner or not: another CPU would get at it without the lock. */
static void affinity_of_a_queued_local_task(void)
{
	int owner = nth_cpu(1), other = nth_cpu(0), n;
	uint64_t id = make(dev, bit(owner), 0, 0, 0);

	pin(owner);
	EXPECT_EQ(queue_in(id, HOUR_NS), 0);
	for (n = 0; n < 2; n++) {
		pin(nth_cpu(n));
		expect_affinity_refused(id, bit(other));
		expect_affinity_refused(id, bit(owner) | bit(other));
		expect_affinity_refused(id, 0);
	}
}

static void affinity_of_a_local_task_once_woken(void)
{
	int owner = nth_cpu(1), other = nth_cpu(0);
	uint64_t id = make(dev, bit(owner), 0, 0, 0);
	struct twq_event event;

	pin(other);
	EXPECT_EQ(wake(id, TWQ_WOKEN_IO), 0);
	next_event(dev, &event);
	wait_rest(id);
	expect_affinity_refused(id, bit(other));
	expect_affinity_refused(id, bit(owner) | bit(other));
}

static void affinity_of_a_local_task_once_queued(void)
{
	int owner = nth_cpu(1), other = nth_cpu(0);
	uint64_t id = make(dev, bit(owner), 0, 0, 0);

	pin(owner);
	EXPECT_EQ(queue_in(id, HOUR_NS), 0);
	EXPECT_EQ(cancel(id), 1);
	expect_affinity_refused(id, bit(other));
}

/* Of a shared task every CPU is as good as another. */
static void foreign_cpu_of_a_shared_task(void)
{
	uint64_t id = make(dev, bit(nth_cpu(1)), TWQ_CREATE_SHARED, 0, 0);
	struct twq_event event;

	pin(nth_cpu(0));
	EXPECT_EQ(queue_in(id, HOUR_NS), 0);
	EXPECT_EQ(schedule_in(id, HOUR_NS / 2), 0);
	EXPECT_EQ(cancel(id), 1);
	EXPECT_EQ(queue_at(id, 1), 0);
	if (next_event(dev, &event))
		EXPECT_EQ(event.cpu, nth_cpu(1));
}

/* QUERY, WAKEUP and DESTROY ask for no CPU. */
static void foreign_cpu_may_destroy(void)
{
	int round;

	for (round = 0; round < 200 && !tap_failures; round++) {
		uint64_t id = make(dev, bit(nth_cpu(1)), 0, 0, 0);

		pin(nth_cpu(1));
		EXPECT_EQ(queue_in(id, round * 20000), 0);
		pin(nth_cpu(0));
		EXPECT_EQ(task(id).nr_cpus, 1);
		EXPECT_EQ(destroy(id), 0);
		EXPECT_EQ(readable(dev, 0), 0);
	}
	expect_quiet(dev);
}

static const struct tap_case cases[] = {
	TAP_CASE(foreign_cpu_unarmed_task),
	TAP_CASE(foreign_cpu_armed_task),
	TAP_CASE(foreign_cpu_is_counted),
	TAP_CASE(affinity_of_a_queued_local_task),
	TAP_CASE(affinity_of_a_local_task_once_woken),
	TAP_CASE(affinity_of_a_local_task_once_queued),
	TAP_CASE(foreign_cpu_of_a_shared_task),
	TAP_CASE(foreign_cpu_may_destroy),
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
