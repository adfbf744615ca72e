// SPDX-License-Identifier: GPL-2.0
/*
 * Suite twq_schedule: rule 4 of the contract, and the deadline that somebody
 * moves while the task waits or runs.
 */
#include <linux/bottom_half.h>
#include <linux/delay.h>

#include "scene.h"

KUNIT_ARRAY_PARAM(kind, scene_near, kind_desc);

static struct probe *schedule_new(struct kunit *test)
{
	return scene_probe(test, test->param_value);
}

static void expect_runs(struct kunit *test, struct probe *p, s64 now_ns,
			int runs)
{
	world_advance(test, now_ns);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->runs), runs);
}

/* -- an idle task --------------------------------------------------------- */

static void rule4_schedule_without_deadline_sets_it(struct kunit *test)
{
	struct probe *p = schedule_new(test);

	KUNIT_EXPECT_EQ(test, twq_task_schedule(&p->task, T0 + 5 * MS), 0);
	KUNIT_EXPECT_EQ(test, twq_task_expires(&p->task), T0 + 5 * MS);
	expect_runs(test, p, T0 + 5 * MS - 1, 0);
	expect_runs(test, p, T0 + 5 * MS, 1);
	KUNIT_EXPECT_EQ(test, p->last_reasons, TWQ_WOKEN_TIMER);
}

static void rule4_schedule_earlier_lowers(struct kunit *test)
{
	struct probe *p = schedule_new(test);

	scene_do(OP_QUEUE_AT, p, T0 + 10 * MS);
	KUNIT_EXPECT_EQ(test, twq_task_schedule(&p->task, T0 + 5 * MS), 0);
	KUNIT_EXPECT_EQ(test, p->task.node.key_ns, T0 + 5 * MS);
	expect_runs(test, p, T0 + 5 * MS, 1);
	expect_runs(test, p, T0 + 10 * MS, 1);
}

static void rule4_schedule_later_keeps_deadline(struct kunit *test)
{
	struct probe *p = schedule_new(test);

	scene_do(OP_QUEUE_AT, p, T0 + 10 * MS);
	KUNIT_EXPECT_EQ(test, twq_task_schedule(&p->task, T0 + 20 * MS), 0);
	KUNIT_EXPECT_EQ(test, twq_task_expires(&p->task), T0 + 10 * MS);
	expect_runs(test, p, T0 + 10 * MS, 1);
	expect_runs(test, p, T0 + 20 * MS, 1);
}

static void rule4_schedule_below_stale_position_keeps_tree(struct kunit *test)
{
	struct probe *p = schedule_new(test);
	struct twq_cpu_stats before, after;

	scene_do(OP_QUEUE_AT, p, T0 + 5 * MS);
	twq_task_disarm(&p->task);
	before = scene_stats();
	KUNIT_EXPECT_EQ(test, twq_task_schedule(&p->task, T0 + 10 * MS), 0);
	after = scene_stats();
	KUNIT_EXPECT_EQ(test, after.kept, before.kept + 1);
	KUNIT_EXPECT_EQ(test, after.queued, before.queued);
	expect_runs(test, p, T0 + 5 * MS, 0);
	expect_runs(test, p, T0 + 10 * MS, 1);
}

static void rule4_schedule_shared_from_other_cpu(struct kunit *test)
{
	int other = world_other_cpu(test);
	struct probe *p = probe_new_shared(test, world_cpu());

	KUNIT_EXPECT_EQ(test, scene_do_on(other, OP_SCHEDULE, p, T0 + MS), 0);
	KUNIT_EXPECT_TRUE(test, probe_in_shared(p));
	expect_runs(test, p, T0 + MS, 1);
}

/* -- one that waits, one that runs ---------------------------------------- */

static void rule4_schedule_queued_does_nothing(struct kunit *test)
{
	struct probe *p = schedule_new(test);
	bool linked;
	s64 ns;
	int err;

	local_bh_disable();
	twq_task_wakeup(&p->task, TWQ_WOKEN_IO);
	err = twq_task_schedule(&p->task, T0 + MS);
	ns = twq_task_expires(&p->task);
	linked = twq_node_linked(&p->task.node);
	local_bh_enable();
	KUNIT_EXPECT_EQ(test, err, 0);
	KUNIT_EXPECT_EQ(test, ns, TWQ_ETERNITY);
	KUNIT_EXPECT_FALSE(test, linked);
	expect_runs(test, p, T0 + MS, 1);
	KUNIT_EXPECT_EQ(test, p->reasons, TWQ_WOKEN_IO);
}

static void schedule_self_once(struct probe *p)
{
	p->hook = NULL;
	twq_task_schedule(&p->task, T0 + 5 * MS);
	p->arg = (void *)(long)(twq_task_expires(&p->task) == T0 + 9 * MS);
}

/* process() has the last word on its deadline, in a run of its own. */
static void rule4_schedule_running_wakes_again(struct kunit *test)
{
	struct probe *p = schedule_new(test);

	p->hook = schedule_self_once;
	p->next_ns = T0 + 50 * MS;
	twq_task_set_expires(&p->task, T0 + 9 * MS);
	twq_task_wakeup(&p->task, TWQ_WOKEN_IO);
	world_settle(test);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->runs), 2);
	KUNIT_EXPECT_EQ(test, p->last_reasons, TWQ_WOKEN_OTHER);
	KUNIT_EXPECT_TRUE(test, p->arg);
	KUNIT_EXPECT_EQ(test, twq_task_expires(&p->task), T0 + 50 * MS);
	p->next_ns = TWQ_ETERNITY;
	expect_runs(test, p, T0 + 49 * MS, 2);
	expect_runs(test, p, T0 + 50 * MS, 3);
}

static void schedule_by_puppet_once(struct probe *p)
{
	p->hook = NULL;
	p->arg = (void *)(long)scene_puppet_do((long)p->arg, OP_SCHEDULE, p,
					       T0 + 5 * MS);
}

static void h11_foreign_schedule_of_running_wakes_it(struct kunit *test)
{
	long other = world_other_cpu(test);
	struct probe *p = probe_new_shared(test, world_cpu());

	p->hook = schedule_by_puppet_once;
	p->arg = (void *)other;
	twq_task_wakeup(&p->task, TWQ_WOKEN_IO);
	world_settle(test);
	KUNIT_EXPECT_TRUE(test, p->arg);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->runs), 2);
	KUNIT_EXPECT_EQ(test, p->last_reasons, TWQ_WOKEN_OTHER);
	KUNIT_EXPECT_EQ(test, twq_task_expires(&p->task), TWQ_ETERNITY);
}

/* process() is over, RUNNING is not: the request must not fall in between. */
static void schedule_at_requeued(struct twq_task *task)
{
	struct probe *p = probe_of(task);

	p->arg = (void *)(long)scene_puppet_do((long)p->arg, OP_SCHEDULE, p,
					       T0 + 5 * MS);
	p->next_ns = T0 + 5 * MS;
}

static void h14_schedule_after_process_runs_it_again(struct kunit *test)
{
	long other = world_other_cpu(test);
	struct probe *p = probe_new_shared(test, world_cpu());

	p->arg = (void *)other;
	world_at(TWQ_TP_REQUEUED, &p->task, schedule_at_requeued);
	twq_task_wakeup(&p->task, TWQ_WOKEN_IO);
	world_settle(test);
	KUNIT_EXPECT_TRUE(test, world_at_reached());
	KUNIT_EXPECT_TRUE(test, p->arg);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->runs), 2);
	KUNIT_EXPECT_EQ(test, p->last_reasons, TWQ_WOKEN_OTHER);
	p->next_ns = TWQ_ETERNITY;
	expect_runs(test, p, T0 + 5 * MS, 3);
}

/*
 * schedule() has seen it idle; before the deadline is lowered it is woken,
 * runs elsewhere and waits for the tree in order to queue itself for later.
 */
static void wake_at_decided(struct twq_task *task)
{
	struct probe *p = probe_of(task);

	twq_task_wakeup(task, TWQ_WOKEN_MSG);
	p->arg = (void *)(long)scene_spin(&p->runs, 1);
}

static void h14_run_between_look_and_move_loses_nothing(struct kunit *test)
{
	struct probe *p = probe_new_shared(test, world_other_cpu(test));

	p->next_ns = T0 + 50 * MS;
	world_at(TWQ_TP_DECIDED, &p->task, wake_at_decided);
	KUNIT_EXPECT_EQ(test, twq_task_schedule(&p->task, T0 + 5 * MS), 0);
	world_settle(test);
	KUNIT_EXPECT_TRUE(test, world_at_reached());
	KUNIT_EXPECT_TRUE(test, p->arg);
	KUNIT_EXPECT_EQ(test, twq_task_expires(&p->task), T0 + 5 * MS);
	expect_runs(test, p, T0 + 5 * MS, 2);
	KUNIT_EXPECT_EQ(test, p->last_reasons, TWQ_WOKEN_TIMER);
}

/* What another CPU does to the deadline at that moment is not undone. */
static void disarm_at_decided(struct twq_task *task)
{
	twq_task_disarm(task);
}

static void h14_disarm_between_look_and_move_is_seen(struct kunit *test)
{
	struct probe *p = probe_new_shared(test, world_cpu());

	scene_do(OP_QUEUE_AT, p, T0 + 2 * MS);
	world_at(TWQ_TP_DECIDED, &p->task, disarm_at_decided);
	KUNIT_EXPECT_EQ(test, twq_task_schedule(&p->task, T0 + 5 * MS), 0);
	KUNIT_EXPECT_TRUE(test, world_at_reached());
	KUNIT_EXPECT_EQ(test, twq_task_expires(&p->task), T0 + 5 * MS);
	expect_runs(test, p, T0 + 2 * MS, 0);
	expect_runs(test, p, T0 + 5 * MS, 1);
}

/* -- the deadline against a run ------------------------------------------- */

/* What process() has seen is not what is there when it wants to use it up. */
static void expire_after_puppet(struct probe *p)
{
	s64 seen_ns = twq_task_expires(&p->task);
	long other = (long)p->arg;
	bool moved;

	p->hook = NULL;
	moved = scene_puppet_do(other, OP_QUEUE_AT, p, T0 + 7 * MS);
	p->arg = (void *)(long)(moved && !twq_task_expire(&p->task, seen_ns,
							  TWQ_ETERNITY));
}

static void h9_queue_during_process_is_not_lost(struct kunit *test)
{
	long other = world_other_cpu(test);
	struct probe *p = probe_new_shared(test, world_cpu());

	p->keep = true;
	p->hook = expire_after_puppet;
	p->arg = (void *)other;
	scene_do(OP_QUEUE_AT, p, T0 + 2 * MS);
	expect_runs(test, p, T0 + 2 * MS, 1);
	KUNIT_EXPECT_TRUE(test, p->arg);
	KUNIT_EXPECT_TRUE(test, probe_in_shared(p));
	KUNIT_EXPECT_EQ(test, twq_task_expires(&p->task), T0 + 7 * MS);
	p->keep = false;
	expect_runs(test, p, T0 + 7 * MS, 2);
	KUNIT_EXPECT_EQ(test, p->last_reasons, TWQ_WOKEN_TIMER);
}

/* Due and on its way to a CPU that is busy, then moved later: both happen. */
static void h15_moved_later_when_already_queued(struct kunit *test)
{
	int other = world_other_cpu(test);
	struct probe *p = probe_new_shared(test, other);

	p->keep = true;
	scene_do(OP_QUEUE_AT, p, T0 + 2 * MS);
	scene_hold(test, other);
	world_tick(T0 + 2 * MS);
	KUNIT_EXPECT_TRUE(test, scene_spin(&p->task.state, TWQ_QUEUED));
	KUNIT_EXPECT_EQ(test, scene_do(OP_QUEUE_AT, p, T0 + 9 * MS), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->runs), 0);
	scene_let_go(test, other);
	world_settle(test);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->runs), 1);
	KUNIT_EXPECT_EQ(test, p->last_reasons, TWQ_WOKEN_TIMER);
	KUNIT_EXPECT_TRUE(test, probe_in_shared(p));
	p->keep = false;
	expect_runs(test, p, T0 + 9 * MS - 1, 1);
	expect_runs(test, p, T0 + 9 * MS, 2);
}

static void h15_disarmed_when_already_queued_runs_once(struct kunit *test)
{
	int other = world_other_cpu(test);
	struct probe *p = probe_new_shared(test, other);

	scene_do(OP_QUEUE_AT, p, T0 + 2 * MS);
	scene_hold(test, other);
	world_tick(T0 + 2 * MS);
	KUNIT_EXPECT_TRUE(test, scene_spin(&p->task.state, TWQ_QUEUED));
	twq_task_disarm(&p->task);
	scene_let_go(test, other);
	expect_runs(test, p, T0 + SEC, 1);
	KUNIT_EXPECT_EQ(test, p->last_reasons, TWQ_WOKEN_TIMER);
}

static struct kunit_case schedule_cases[] = {
	KUNIT_CASE_PARAM(rule4_schedule_without_deadline_sets_it,
			 kind_gen_params),
	KUNIT_CASE_PARAM(rule4_schedule_earlier_lowers, kind_gen_params),
	KUNIT_CASE_PARAM(rule4_schedule_later_keeps_deadline, kind_gen_params),
	KUNIT_CASE_PARAM(rule4_schedule_below_stale_position_keeps_tree,
			 kind_gen_params),
	KUNIT_CASE(rule4_schedule_shared_from_other_cpu),
	KUNIT_CASE_PARAM(rule4_schedule_queued_does_nothing, kind_gen_params),
	KUNIT_CASE_PARAM(rule4_schedule_running_wakes_again, kind_gen_params),
	KUNIT_CASE(h11_foreign_schedule_of_running_wakes_it),
	KUNIT_CASE(h14_schedule_after_process_runs_it_again),
	KUNIT_CASE(h14_run_between_look_and_move_loses_nothing),
	KUNIT_CASE(h14_disarm_between_look_and_move_is_seen),
	KUNIT_CASE(h9_queue_during_process_is_not_lost),
	KUNIT_CASE(h15_moved_later_when_already_queued),
	KUNIT_CASE(h15_disarmed_when_already_queued_runs_once),
	{}
};

static struct kunit_suite schedule_suite = {
	.name = "twq_schedule",
	.init = world_init,
	.exit = world_exit,
	.test_cases = schedule_cases,
};

kunit_test_suite(schedule_suite);
