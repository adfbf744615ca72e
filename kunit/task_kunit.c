// SPDX-License-Identifier: GPL-2.0
/*
 * Suite twq_task: rules 1 to 5 of the contract, the deadline and its tree.
 */
#include "task.h"
#include "timer.h"
#include "world.h"

static void rule3_queue_local_fires_at_deadline(struct kunit *test)
{
	struct probe *p = probe_new_on(test, world_cpu());

	KUNIT_EXPECT_EQ(test, probe_queue_on(p, world_cpu(), T0 + 10 * MS), 0);
	KUNIT_EXPECT_TRUE(test, probe_in_local(p));
	world_advance(test, T0 + 10 * MS - 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->runs), 0);
	world_advance(test, T0 + 10 * MS);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->runs), 1);
	KUNIT_EXPECT_EQ(test, p->last_reasons, TWQ_WOKEN_TIMER);
	KUNIT_EXPECT_EQ(test, p->last_cpu, world_cpu());
	KUNIT_EXPECT_FALSE(test, probe_in_local(p));
}

static void rule3_queue_foreign_is_refused(struct kunit *test)
{
	int other = world_other_cpu(test);
	struct probe *p = probe_new_on(test, world_cpu());

	KUNIT_EXPECT_EQ(test, probe_queue_on(p, other, T0 + MS), -EXDEV);
	KUNIT_EXPECT_FALSE(test, probe_in_local(p));
	KUNIT_EXPECT_EQ(test, twq_task_state(&p->task) & TWQ_USED, 0);
	KUNIT_EXPECT_EQ(test, probe_queue_on(p, world_cpu(), T0 + MS), 0);
}

static void rule3_queue_shared_from_any_cpu(struct kunit *test)
{
	int other = world_other_cpu(test);
	struct probe *p = probe_new_shared(test, world_cpu());

	KUNIT_EXPECT_EQ(test, probe_queue_on(p, other, T0 + MS), 0);
	KUNIT_EXPECT_TRUE(test, probe_in_shared(p));
	world_advance(test, T0 + MS);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->runs), 1);
	KUNIT_EXPECT_EQ(test, p->last_cpu, world_cpu());
}

static struct kunit_case task_cases[] = {
	KUNIT_CASE(rule3_queue_local_fires_at_deadline),
	KUNIT_CASE(rule3_queue_foreign_is_refused),
	KUNIT_CASE(rule3_queue_shared_from_any_cpu),
	{}
};

static struct kunit_suite task_suite = {
	.name = "twq_task",
	.init = world_init,
	.exit = world_exit,
	.test_cases = task_cases,
};

kunit_test_suite(task_suite);
