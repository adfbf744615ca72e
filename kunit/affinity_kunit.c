// SPDX-License-Identifier: GPL-2.0
/*
 * Suite twq_affinity: rule 6 of the contract, the CPUs of a task.
 */
#include <linux/bottom_half.h>

#include "affinity.h"
#include "cpu.h"
#include "scene.h"
#include "shared.h"

static void expect_runs(struct kunit *test, struct probe *p, s64 now_ns,
			int runs)
{
	world_advance(test, now_ns);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->runs), runs);
}

static struct cpumask two_cpus(struct kunit *test)
{
	struct cpumask mask = *cpumask_of(world_cpu());

	cpumask_set_cpu(world_other_cpu(test), &mask);
	return mask;
}

static int set_mask(struct probe *p, const struct cpumask *mask)
{
	return twq_task_set_affinity(&p->task, mask, GFP_KERNEL);
}

/* -- a task without SHARED_WQ --------------------------------------------- */

static void rule6_init_moves_owner(struct kunit *test)
{
	int other = world_other_cpu(test);
	struct probe *p = probe_new_on(test, world_cpu());

	KUNIT_EXPECT_EQ(test, scene_do(OP_SET_AFFINITY, p, other), 0);
	KUNIT_EXPECT_EQ(test, scene_cpu(p), other);
	KUNIT_EXPECT_FALSE(test, twq_task_state(&p->task) & TWQ_SHARED_WQ);
	KUNIT_EXPECT_EQ(test, scene_do(OP_QUEUE_AT, p, T0 + MS), -EXDEV);
	KUNIT_EXPECT_EQ(test, scene_do_on(other, OP_QUEUE_AT, p, T0 + MS), 0);
	KUNIT_EXPECT_EQ(test, per_cpu(twq_cpus, other).queue.nr, 1);
	expect_runs(test, p, T0 + MS, 1);
	KUNIT_EXPECT_EQ(test, p->last_cpu, other);
}

static void rule6_init_more_cpus_set_shared(struct kunit *test)
{
	struct cpumask mask = two_cpus(test);
	struct probe *p = probe_new_on(test, world_cpu());
	unsigned int nr_cpus;

	KUNIT_EXPECT_EQ(test, set_mask(p, &mask), 0);
	KUNIT_EXPECT_TRUE(test, twq_task_state(&p->task) & TWQ_SHARED_WQ);
	twq_task_cpus(&p->task, &nr_cpus);
	KUNIT_EXPECT_EQ(test, nr_cpus, 2);
	KUNIT_EXPECT_EQ(test, scene_do(OP_QUEUE_AT, p, T0 + MS), 0);
	KUNIT_EXPECT_TRUE(test, probe_in_shared(p));
}

static const struct op_param use_params[] = {
	{ "queued", OP_QUEUE_AT, T0 + 5 * MS },
	{ "woken", OP_WAKEUP, TWQ_WOKEN_IO },
};

KUNIT_ARRAY_PARAM(use, use_params, op_desc);

static void rule6_local_used_keeps_its_cpu(struct kunit *test)
{
	const struct op_param *param = test->param_value;
	struct cpumask mask = two_cpus(test);
	int other = world_other_cpu(test);
	struct probe *p = probe_new_on(test, world_cpu());
	struct twq_cpu_stats before, after;
	u32 state;

	scene_do(param->op, p, param->ns);
	world_settle(test);
	state = twq_task_state(&p->task);
	before = scene_stats();
	KUNIT_EXPECT_EQ(test, scene_do(OP_SET_AFFINITY, p, other), -EXDEV);
	KUNIT_EXPECT_EQ(test, set_mask(p, &mask), -EXDEV);
	after = scene_stats();
	KUNIT_EXPECT_EQ(test, after.refused, before.refused + 2);
	KUNIT_EXPECT_EQ(test, twq_task_state(&p->task), state);
	KUNIT_EXPECT_NULL(test, rcu_access_pointer(p->task.allowed));
	KUNIT_EXPECT_EQ(test, scene_do(OP_SET_AFFINITY, p, world_cpu()), 0);
	KUNIT_EXPECT_EQ(test, twq_task_state(&p->task), state);
	twq_task_wakeup(&p->task, TWQ_WOKEN_MSG);
	world_settle(test);
	KUNIT_EXPECT_EQ(test, p->last_cpu, world_cpu());
}

/* -- masks that won't do -------------------------------------------------- */

KUNIT_ARRAY_PARAM(kind, scene_near, kind_desc);

static void rule6_empty_mask_is_einval(struct kunit *test)
{
	struct probe *p = scene_probe(test, test->param_value);
	struct cpumask none = {};
	unsigned int nr, now_nr;
	u32 state = twq_task_state(&p->task);

	twq_task_cpus(&p->task, &nr);
	KUNIT_EXPECT_EQ(test, set_mask(p, &none), -EINVAL);
	KUNIT_EXPECT_EQ(test, twq_task_state(&p->task), state);
	twq_task_cpus(&p->task, &now_nr);
	KUNIT_EXPECT_EQ(test, now_nr, nr);
}

static void rule6_no_online_cpu_is_einval(struct kunit *test)
{
	int other = world_other_cpu(test);
	struct probe *p = scene_probe(test, test->param_value);
	int cpu = scene_cpu(p), err;

	scene_serve(other, false);
	err = scene_do(OP_SET_AFFINITY, p, other);
	scene_serve(other, true);
	KUNIT_EXPECT_EQ(test, err, -EINVAL);
	KUNIT_EXPECT_EQ(test, scene_cpu(p), cpu);
}

/* -- a task with SHARED_WQ ------------------------------------------------ */

static void rule6_queued_keeps_its_deadline(struct kunit *test)
{
	int other = world_other_cpu(test);
	struct probe *p = probe_new_shared(test, world_cpu());

	scene_do(OP_QUEUE_AT, p, T0 + 5 * MS);
	KUNIT_EXPECT_EQ(test, scene_do(OP_SET_AFFINITY, p, other), 0);
	KUNIT_EXPECT_TRUE(test, probe_in_shared(p));
	KUNIT_EXPECT_EQ(test, scene_cpu(p), other);
	expect_runs(test, p, T0 + 5 * MS - 1, 0);
	expect_runs(test, p, T0 + 5 * MS, 1);
	KUNIT_EXPECT_EQ(test, p->last_cpu, other);
}

static void rule6_from_any_cpu_as_often_as_wanted(struct kunit *test)
{
	struct cpumask mask = two_cpus(test);
	struct probe *p = probe_new(test, cpu_online_mask);
	int cpu, runs = 0;

	for_each_online_cpu(cpu) {
		KUNIT_EXPECT_EQ(test, set_mask(p, &mask), 0);
		KUNIT_EXPECT_EQ(test, scene_do_on(cpu, OP_SET_AFFINITY, p,
						  cpu), 0);
		twq_task_wakeup(&p->task, TWQ_WOKEN_IO);
		world_settle(test);
		KUNIT_EXPECT_EQ(test, atomic_read(&p->runs), ++runs);
		KUNIT_EXPECT_EQ(test, p->last_cpu, cpu);
	}
}

/* Affinity is changed while queued; then others edit, in the right tree. */
static void h3_changed_while_queued_then_edited(struct kunit *test)
{
	int other = world_other_cpu(test), third = scene_third_cpu(test);
	struct probe *p = probe_new_shared(test, world_cpu());

	scene_do(OP_QUEUE_AT, p, T0 + 5 * MS);
	scene_do(OP_SET_AFFINITY, p, other);
	KUNIT_EXPECT_EQ(test, scene_do_on(third, OP_QUEUE_AT, p, T0 + MS), 0);
	KUNIT_EXPECT_TRUE(test, probe_in_shared(p));
	KUNIT_EXPECT_EQ(test, p->task.node.key_ns, T0 + MS);
	KUNIT_EXPECT_EQ(test, scene_do(OP_UNLINK, p, 0), 0);
	KUNIT_EXPECT_FALSE(test, probe_in_shared(p));
	KUNIT_EXPECT_EQ(test, scene_do_on(other, OP_QUEUE, p, 0), 0);
	KUNIT_EXPECT_EQ(test, per_cpu(twq_cpus, other).queue.nr, 0);
	expect_runs(test, p, T0 + MS, 1);
}

static void h4_changed_without_deadline_is_not_woken(struct kunit *test)
{
	int other = world_other_cpu(test);
	struct probe *p = probe_new_shared(test, world_cpu());

	KUNIT_EXPECT_EQ(test, scene_do(OP_SET_AFFINITY, p, other), 0);
	KUNIT_EXPECT_FALSE(test, twq_node_linked(&p->task.node));
	KUNIT_EXPECT_EQ(test, twq_shared.queue.nr, 0);
	expect_runs(test, p, T0 + SEC, 0);
}

static void move_self_once(struct probe *p)
{
	p->hook = NULL;
	p->arg = (void *)(long)(scene_do(OP_SET_AFFINITY, p,
					 (long)p->arg) == 0);
}

static void rule6_in_process_moves_the_next_run(struct kunit *test)
{
	long other = world_other_cpu(test);
	struct probe *p = probe_new_shared(test, world_cpu());

	p->hook = move_self_once;
	p->arg = (void *)other;
	p->next_ns = T0 + 5 * MS;
	twq_task_wakeup(&p->task, TWQ_WOKEN_IO);
	world_settle(test);
	KUNIT_EXPECT_TRUE(test, p->arg);
	KUNIT_EXPECT_EQ(test, p->last_cpu, world_cpu());
	p->next_ns = TWQ_ETERNITY;
	expect_runs(test, p, T0 + 5 * MS, 2);
	KUNIT_EXPECT_EQ(test, p->last_cpu, other);
}

/* -- a task that waits where it may not run any more ---------------------- */

static void rule6_waiting_is_passed_on(struct kunit *test)
{
	int other = world_other_cpu(test), third = scene_third_cpu(test);
	struct probe *p = probe_new_shared(test, other);
	struct twq_cpu_stats before = scene_stats(), after;

	scene_hold(test, other);
	twq_task_wakeup(&p->task, TWQ_WOKEN_IO);
	KUNIT_EXPECT_EQ(test, scene_do(OP_SET_AFFINITY, p, third), 0);
	twq_task_wakeup(&p->task, TWQ_WOKEN_MSG);
	scene_let_go(test, other);
	world_settle(test);
	after = scene_stats();
	KUNIT_EXPECT_EQ(test, atomic_read(&p->runs), 1);
	KUNIT_EXPECT_EQ(test, p->last_cpu, third);
	KUNIT_EXPECT_EQ(test, p->last_reasons, TWQ_WOKEN_IO | TWQ_WOKEN_MSG);
	KUNIT_EXPECT_EQ(test, after.passed_on, before.passed_on + 1);
}

/* At the last moment: RUNNING is set, the mask not yet looked at. */
static void move_at_started(struct twq_task *task)
{
	struct probe *p = probe_of(task);

	p->arg = (void *)(long)scene_puppet_do((long)p->arg, OP_SET_AFFINITY,
					       p, (long)p->arg);
	twq_task_wakeup(task, TWQ_WOKEN_MSG);
}

static void rule6_lost_at_start_is_passed_on(struct kunit *test)
{
	long other = world_other_cpu(test);
	struct probe *p = probe_new_shared(test, world_cpu());
	struct twq_cpu_stats before = scene_stats(), after;

	p->arg = (void *)other;
	world_at(TWQ_TP_STARTED, &p->task, move_at_started);
	twq_task_wakeup(&p->task, TWQ_WOKEN_IO);
	world_settle(test);
	after = scene_stats();
	KUNIT_EXPECT_TRUE(test, world_at_reached());
	KUNIT_EXPECT_TRUE(test, p->arg);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->runs), 1);
	KUNIT_EXPECT_EQ(test, p->last_cpu, other);
	KUNIT_EXPECT_EQ(test, p->last_reasons, TWQ_WOKEN_IO | TWQ_WOKEN_MSG);
	KUNIT_EXPECT_EQ(test, after.passed_on, before.passed_on + 1);
}

static void move_the_other(struct twq_task *task)
{
	struct probe *p = probe_of(task);
	long cpu = cpumask_next(world_cpu(), cpu_online_mask);

	p->arg = (void *)(long)scene_puppet_do(cpu, OP_SET_AFFINITY, p->arg,
					       cpu);
}

/* Found due together with one whose run takes long enough to lose the CPU. */
static void rule6_lost_between_expiry_and_run(struct kunit *test)
{
	int other = world_other_cpu(test);
	struct probe *p[3];
	int i;

	for (i = 0; i < 3; i++) {
		p[i] = probe_new_shared(test, world_cpu());
		scene_do(OP_QUEUE_AT, p[i], T0 + MS + i);
	}
	p[1]->arg = p[2];
	world_at(TWQ_TP_STARTED, &p[1]->task, move_the_other);
	world_advance(test, T0 + 2 * MS);
	KUNIT_EXPECT_TRUE(test, world_at_reached());
	KUNIT_EXPECT_TRUE(test, p[1]->arg);
	for (i = 0; i < 3; i++) {
		KUNIT_EXPECT_EQ(test, atomic_read(&p[i]->runs), 1);
		KUNIT_EXPECT_EQ(test, p[i]->last_cpu,
				i < 2 ? world_cpu() : other);
		KUNIT_EXPECT_EQ(test, p[i]->last_reasons, TWQ_WOKEN_TIMER);
	}
}

/* A pass that was begun for a deadline does not forget why. */
static void rule6_passed_on_keeps_the_timer_reason(struct kunit *test)
{
	int other = world_other_cpu(test);
	struct probe *p = probe_new_shared(test, other);

	scene_do(OP_QUEUE_AT, p, T0 + MS);
	scene_hold(test, other);
	world_tick(T0 + MS);
	KUNIT_EXPECT_TRUE(test, scene_spin(&p->task.state, TWQ_QUEUED));
	scene_do(OP_SET_AFFINITY, p, world_cpu());
	scene_let_go(test, other);
	expect_runs(test, p, T0 + SEC, 1);
	KUNIT_EXPECT_EQ(test, p->last_cpu, world_cpu());
	KUNIT_EXPECT_EQ(test, p->last_reasons, TWQ_WOKEN_TIMER);
}

static void rule6_waiting_where_still_allowed_stays(struct kunit *test)
{
	int other = world_other_cpu(test);
	struct cpumask mask = two_cpus(test);
	struct probe *p = probe_new_shared(test, other);
	struct twq_cpu_stats before = scene_stats(), after;

	scene_hold(test, other);
	twq_task_wakeup(&p->task, TWQ_WOKEN_IO);
	KUNIT_EXPECT_EQ(test, set_mask(p, &mask), 0);
	scene_let_go(test, other);
	world_settle(test);
	after = scene_stats();
	KUNIT_EXPECT_EQ(test, atomic_read(&p->runs), 1);
	KUNIT_EXPECT_EQ(test, p->last_cpu, other);
	KUNIT_EXPECT_EQ(test, after.passed_on, before.passed_on);
}

/* This CPU finds it due, and may run it; but there it waits to be run. */
static void rule6_due_while_waiting_elsewhere_runs_once(struct kunit *test)
{
	int other = world_other_cpu(test);
	struct cpumask mask = two_cpus(test);
	struct probe *p = probe_new_shared(test, other);

	scene_do(OP_QUEUE_AT, p, T0 + MS);
	scene_hold(test, other);
	twq_task_wakeup(&p->task, TWQ_WOKEN_IO);
	KUNIT_EXPECT_EQ(test, set_mask(p, &mask), 0);
	world_tick(T0 + MS);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->runs), 0);
	KUNIT_EXPECT_FALSE(test, probe_in_shared(p));
	scene_let_go(test, other);
	expect_runs(test, p, T0 + SEC, 1);
	KUNIT_EXPECT_EQ(test, p->last_cpu, other);
	KUNIT_EXPECT_EQ(test, p->last_reasons,
			TWQ_WOKEN_IO | TWQ_WOKEN_TIMER);
}

static void rule6_waiting_may_still_be_destroyed(struct kunit *test)
{
	int other = world_other_cpu(test);
	struct probe *p = probe_new_shared(test, other);

	scene_hold(test, other);
	twq_task_wakeup(&p->task, TWQ_WOKEN_IO);
	scene_do(OP_SET_AFFINITY, p, world_cpu());
	KUNIT_EXPECT_EQ(test, twq_task_destroy(&p->task), 0);
	scene_let_go(test, other);
	expect_runs(test, p, T0 + SEC, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->released), 1);
}

static struct kunit_case affinity_cases[] = {
	KUNIT_CASE(rule6_init_moves_owner),
	KUNIT_CASE(rule6_init_more_cpus_set_shared),
	KUNIT_CASE_PARAM(rule6_local_used_keeps_its_cpu, use_gen_params),
	KUNIT_CASE_PARAM(rule6_empty_mask_is_einval, kind_gen_params),
	KUNIT_CASE_PARAM(rule6_no_online_cpu_is_einval, kind_gen_params),
	KUNIT_CASE(rule6_queued_keeps_its_deadline),
	KUNIT_CASE(rule6_from_any_cpu_as_often_as_wanted),
	KUNIT_CASE(h3_changed_while_queued_then_edited),
	KUNIT_CASE(h4_changed_without_deadline_is_not_woken),
	KUNIT_CASE(rule6_in_process_moves_the_next_run),
	KUNIT_CASE(rule6_waiting_is_passed_on),
	KUNIT_CASE(rule6_lost_at_start_is_passed_on),
	KUNIT_CASE(rule6_lost_between_expiry_and_run),
	KUNIT_CASE(rule6_passed_on_keeps_the_timer_reason),
	KUNIT_CASE(rule6_waiting_where_still_allowed_stays),
	KUNIT_CASE(rule6_due_while_waiting_elsewhere_runs_once),
	KUNIT_CASE(rule6_waiting_may_still_be_destroyed),
	{}
};

static struct kunit_suite affinity_suite = {
	.name = "twq_affinity",
	.init = world_init,
	.exit = world_exit,
	.test_cases = affinity_cases,
};

kunit_test_suite(affinity_suite);
