// SPDX-License-Identifier: GPL-2.0
/*
 * Suite twq_task: rules 1 to 5 of the contract, the deadline and its tree.
 */
#include <linux/module.h>

#include "cpu.h"
#include "scene.h"
#include "shared.h"
#include "timer.h"

#define END_OF_TIME	(TWQ_ETERNITY - 1)

KUNIT_ARRAY_PARAM(kind, scene_near, kind_desc);

static struct probe *task_new(struct kunit *test)
{
	return scene_probe(test, test->param_value);
}

static struct probe *task_at(struct kunit *test, s64 deadline_ns)
{
	return scene_probe_at(test, test->param_value, deadline_ns);
}

static void expect_runs(struct kunit *test, struct probe *p, s64 now_ns,
			int runs)
{
	world_advance(test, now_ns);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->runs), runs);
}

static bool task_in_tree(const struct probe *p)
{
	return probe_in_local(p) || probe_in_shared(p);
}

/* -- rule 1: init --------------------------------------------------------- */

static void rule1_init_starts_idle(struct kunit *test)
{
	struct probe *p = probe_new_on(test, world_cpu());
	u32 state = twq_task_state(&p->task);

	KUNIT_EXPECT_EQ(test, twq_task_expires(&p->task), TWQ_ETERNITY);
	KUNIT_EXPECT_FALSE(test, task_in_tree(p));
	KUNIT_EXPECT_EQ(test, state & ~TWQ_PERSISTENT, 0);
	KUNIT_EXPECT_EQ(test, state & (TWQ_KILLED | TWQ_USED), 0);
}

static const struct mask_param {
	const char *name;
	int nr;
	bool shared;
} mask_params[] = {
	{ "one CPU", 1, false },
	{ "two CPUs", 2, true },
	{ "all CPUs", 3, true },
};

static void mask_desc(const struct mask_param *param, char *desc)
{
	strscpy(desc, param->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(mask, mask_params, mask_desc);

static void rule1_init_mask_sets_shared(struct kunit *test)
{
	const struct mask_param *param = test->param_value;
	struct cpumask mask = *cpumask_of(world_cpu());
	struct probe *p;
	u32 state;

	if (param->nr > 1)
		cpumask_set_cpu(world_other_cpu(test), &mask);
	if (param->nr > 2)
		cpumask_copy(&mask, cpu_possible_mask);
	p = probe_new(test, &mask);
	state = twq_task_state(&p->task);
	KUNIT_EXPECT_EQ(test, !!(state & TWQ_SHARED_WQ), param->shared);
}

static const struct mask_param bad_mask_params[] = {
	{ "empty", 0 },
	{ "one CPU, offline", 1 },
	{ "two CPUs, offline", 2 },
};

KUNIT_ARRAY_PARAM(bad_mask, bad_mask_params, mask_desc);

static void rule1_init_without_online_cpu_is_einval(struct kunit *test)
{
	static const struct twq_task_ops no_ops;
	const struct mask_param *param = test->param_value;
	int i, err, cpus[2], refs = world_module_refs();
	struct cpumask mask = {};
	struct twq_task task;

	if (param->nr > 0)
		cpus[0] = world_other_cpu(test);
	if (param->nr > 1)
		cpus[1] = scene_third_cpu(test);
	for (i = 0; i < param->nr; i++) {
		cpumask_set_cpu(cpus[i], &mask);
		scene_serve(cpus[i], false);
	}
	err = twq_task_init(&task, &no_ops, NULL, &mask, GFP_KERNEL);
	for (i = 0; i < param->nr; i++)
		scene_serve(cpus[i], true);
	KUNIT_EXPECT_EQ(test, err, -EINVAL);
	KUNIT_EXPECT_EQ(test, world_module_refs(), refs);
}

static const struct op_param use_params[] = {
	{ "queue_at", OP_QUEUE_AT, T0 + SEC },
	{ "queue_before", OP_QUEUE_BEFORE, T0 + SEC },
	{ "schedule", OP_SCHEDULE, T0 + SEC },
	{ "wakeup", OP_WAKEUP, TWQ_WOKEN_IO },
};

KUNIT_ARRAY_PARAM(use, use_params, op_desc);

static void rule1_set_shared_after_use_is_ebusy(struct kunit *test)
{
	const struct op_param *param = test->param_value;
	struct probe *p = probe_new_on(test, world_cpu());

	KUNIT_EXPECT_EQ(test, scene_do(param->op, p, param->ns), 0);
	KUNIT_EXPECT_EQ(test, twq_task_set_shared(&p->task), -EBUSY);
	KUNIT_EXPECT_FALSE(test, twq_task_state(&p->task) & TWQ_SHARED_WQ);
	world_settle(test);
	KUNIT_EXPECT_EQ(test, twq_task_set_shared(&p->task), -EBUSY);
}

static const struct op_param no_use_params[] = {
	{ "nothing", OP_DISARM },
	{ "queue without deadline", OP_QUEUE },
	{ "queue_at eternity", OP_QUEUE_AT, TWQ_ETERNITY },
	{ "unlink", OP_UNLINK },
};

KUNIT_ARRAY_PARAM(no_use, no_use_params, op_desc);

static void rule1_set_shared_before_use_sets_it(struct kunit *test)
{
	const struct op_param *param = test->param_value;
	struct probe *p = probe_new_on(test, world_cpu());

	KUNIT_EXPECT_EQ(test, scene_do(param->op, p, param->ns), 0);
	KUNIT_ASSERT_FALSE(test, task_in_tree(p));
	KUNIT_EXPECT_EQ(test, twq_task_set_shared(&p->task), 0);
	KUNIT_EXPECT_EQ(test, twq_task_set_shared(&p->task), 0);
	KUNIT_EXPECT_EQ(test, scene_do(OP_QUEUE_AT, p, T0 + MS), 0);
	KUNIT_EXPECT_TRUE(test, probe_in_shared(p));
	expect_runs(test, p, T0 + MS, 1);
}

/* -- rule 2: the flag decides --------------------------------------------- */

static void rule2_flag_names_the_tree(struct kunit *test)
{
	const struct kind *kind = test->param_value;
	unsigned int shared = twq_shared.queue.nr;
	unsigned int local = per_cpu(twq_cpus, world_cpu()).queue.nr;
	struct probe *p = task_at(test, T0 + MS);

	KUNIT_EXPECT_EQ(test, probe_in_shared(p), kind->shared);
	KUNIT_EXPECT_EQ(test, probe_in_local(p), !kind->shared);
	KUNIT_EXPECT_EQ(test, twq_shared.queue.nr, shared + kind->shared);
	KUNIT_EXPECT_EQ(test, per_cpu(twq_cpus, world_cpu()).queue.nr,
			local + !kind->shared);
}

/* The origin's bug: many CPUs, narrowed to one, moved by another. */
static void rule2_narrowed_to_one_cpu_stays_shared(struct kunit *test)
{
	int other = world_other_cpu(test);
	struct probe *p = probe_new(test, cpu_online_mask);

	KUNIT_EXPECT_EQ(test, scene_do(OP_SET_AFFINITY, p, world_cpu()), 0);
	KUNIT_EXPECT_EQ(test, scene_do(OP_QUEUE_AT, p, T0 + 9 * MS), 0);
	KUNIT_EXPECT_TRUE(test, probe_in_shared(p));
	KUNIT_EXPECT_EQ(test, scene_do_on(other, OP_QUEUE_AT, p, T0 + MS), 0);
	KUNIT_EXPECT_TRUE(test, probe_in_shared(p));
	KUNIT_EXPECT_EQ(test, p->task.node.key_ns, T0 + MS);
	expect_runs(test, p, T0 + MS, 1);
	KUNIT_EXPECT_EQ(test, p->last_cpu, world_cpu());
}

/* -- rule 3: queue -------------------------------------------------------- */

static void rule3_queue_local_fires_at_deadline(struct kunit *test)
{
	struct probe *p = probe_new_on(test, world_cpu());

	KUNIT_EXPECT_EQ(test, probe_queue_on(p, world_cpu(), T0 + 10 * MS), 0);
	KUNIT_EXPECT_TRUE(test, probe_in_local(p));
	expect_runs(test, p, T0 + 10 * MS - 1, 0);
	expect_runs(test, p, T0 + 10 * MS, 1);
	KUNIT_EXPECT_EQ(test, p->last_reasons, TWQ_WOKEN_TIMER);
	KUNIT_EXPECT_EQ(test, p->last_cpu, world_cpu());
	KUNIT_EXPECT_FALSE(test, probe_in_local(p));
}

static void rule3_queue_shared_from_any_cpu(struct kunit *test)
{
	int other = world_other_cpu(test);
	struct probe *p = probe_new_shared(test, world_cpu());

	KUNIT_EXPECT_EQ(test, probe_queue_on(p, other, T0 + MS), 0);
	KUNIT_EXPECT_TRUE(test, probe_in_shared(p));
	expect_runs(test, p, T0 + MS, 1);
	KUNIT_EXPECT_EQ(test, p->last_cpu, world_cpu());
}

static void rule3_queue_without_deadline_does_nothing(struct kunit *test)
{
	struct probe *p = task_new(test);
	struct twq_cpu_stats before = scene_stats(), after;

	KUNIT_EXPECT_EQ(test, scene_do(OP_QUEUE, p, 0), 0);
	after = scene_stats();
	KUNIT_EXPECT_FALSE(test, task_in_tree(p));
	KUNIT_EXPECT_EQ(test, after.queued, before.queued);
	KUNIT_EXPECT_EQ(test, after.kept, before.kept);
	KUNIT_EXPECT_EQ(test, twq_task_state(&p->task) & TWQ_USED, 0);
}

static void rule3_queue_disarmed_keeps_stale_position(struct kunit *test)
{
	struct probe *p = task_at(test, T0 + 5 * MS);
	struct twq_cpu_stats before = scene_stats(), after;

	twq_task_disarm(&p->task);
	KUNIT_EXPECT_EQ(test, scene_do(OP_QUEUE, p, 0), 0);
	after = scene_stats();
	KUNIT_EXPECT_TRUE(test, task_in_tree(p));
	KUNIT_EXPECT_EQ(test, p->task.node.key_ns, T0 + 5 * MS);
	KUNIT_EXPECT_EQ(test, after.queued + after.kept,
			before.queued + before.kept);
}

static void rule3_queue_later_leaves_tree_alone(struct kunit *test)
{
	struct probe *p = task_at(test, T0 + 10 * MS);
	struct twq_cpu_stats before = scene_stats(), after;

	KUNIT_EXPECT_EQ(test, scene_do(OP_QUEUE_AT, p, T0 + 20 * MS), 0);
	after = scene_stats();
	KUNIT_EXPECT_EQ(test, after.queued, before.queued);
	KUNIT_EXPECT_EQ(test, after.kept, before.kept + 1);
	KUNIT_EXPECT_EQ(test, p->task.node.key_ns, T0 + 10 * MS);
	KUNIT_EXPECT_EQ(test, twq_task_expires(&p->task), T0 + 20 * MS);
	expect_runs(test, p, T0 + 10 * MS, 0);
	KUNIT_EXPECT_EQ(test, p->task.node.key_ns, T0 + 20 * MS);
	expect_runs(test, p, T0 + 20 * MS, 1);
}

static void rule3_queue_earlier_moves(struct kunit *test)
{
	struct probe *p = task_at(test, T0 + 10 * MS);
	struct twq_cpu_stats before = scene_stats(), after;

	KUNIT_EXPECT_EQ(test, scene_do(OP_QUEUE_AT, p, T0 + 4 * MS), 0);
	after = scene_stats();
	KUNIT_EXPECT_EQ(test, after.queued, before.queued + 1);
	KUNIT_EXPECT_EQ(test, after.kept, before.kept);
	KUNIT_EXPECT_EQ(test, p->task.node.key_ns, T0 + 4 * MS);
	expect_runs(test, p, T0 + 4 * MS, 1);
	expect_runs(test, p, T0 + 10 * MS, 1);
}

static void rule3_queue_equal_is_kept(struct kunit *test)
{
	struct probe *p = task_at(test, T0 + 10 * MS);
	struct twq_cpu_stats before = scene_stats(), after;

	KUNIT_EXPECT_EQ(test, scene_do(OP_QUEUE_AT, p, T0 + 10 * MS), 0);
	after = scene_stats();
	KUNIT_EXPECT_EQ(test, after.queued, before.queued);
	KUNIT_EXPECT_EQ(test, after.kept, before.kept + 1);
	expect_runs(test, p, T0 + 10 * MS, 1);
}

/* Shorten, extend, shorten: two tree operations in all, one run. */
static void rule3_queue_to_and_fro_moves_once(struct kunit *test)
{
	struct probe *p = task_at(test, T0 + 10 * MS);
	struct twq_cpu_stats before = scene_stats(), after;
	int i;

	for (i = 0; i < 50; i++) {
		s64 ns = T0 + (i & 1 ? 10 : 5) * MS;

		KUNIT_ASSERT_EQ(test, scene_do(OP_QUEUE_AT, p, ns), 0);
		KUNIT_ASSERT_LE(test, p->task.node.key_ns, ns);
	}
	after = scene_stats();
	KUNIT_EXPECT_EQ(test, after.queued, before.queued + 1);
	KUNIT_EXPECT_EQ(test, after.kept, before.kept + 49);
	expect_runs(test, p, T0 + 10 * MS, 1);
	expect_runs(test, p, T0 + 20 * MS, 1);
}

static void rule3_queue_past_is_due_now(struct kunit *test)
{
	struct probe *p = task_at(test, T0 - 5 * MS);

	world_settle(test);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->runs), 1);
	KUNIT_EXPECT_EQ(test, p->last_reasons, TWQ_WOKEN_TIMER);
	KUNIT_EXPECT_FALSE(test, task_in_tree(p));
}

static void rule3_queue_at_returns_old_deadline(struct kunit *test)
{
	struct probe *p = task_new(test);
	s64 old_ns = 0;

	twq_task_queue_at(&p->task, T0 + 5 * MS, &old_ns);
	KUNIT_EXPECT_EQ(test, old_ns, TWQ_ETERNITY);
	twq_task_queue_at(&p->task, TWQ_ETERNITY, &old_ns);
	KUNIT_EXPECT_EQ(test, old_ns, T0 + 5 * MS);
	KUNIT_EXPECT_EQ(test, twq_task_expires(&p->task), TWQ_ETERNITY);
	expect_runs(test, p, T0 + SEC, 0);
}

static void rule3_queue_before_only_lowers(struct kunit *test)
{
	struct probe *p = task_at(test, T0 + 10 * MS);
	s64 old_ns = 0;

	twq_task_queue_before(&p->task, T0 + 20 * MS, &old_ns);
	KUNIT_EXPECT_EQ(test, old_ns, T0 + 10 * MS);
	KUNIT_EXPECT_EQ(test, twq_task_expires(&p->task), T0 + 10 * MS);
	twq_task_queue_before(&p->task, T0 + 5 * MS, &old_ns);
	KUNIT_EXPECT_EQ(test, old_ns, T0 + 10 * MS);
	KUNIT_EXPECT_EQ(test, p->task.node.key_ns, T0 + 5 * MS);
	expect_runs(test, p, T0 + 5 * MS, 1);
}

/* -- foreign calls -------------------------------------------------------- */

static const struct op_param foreign_params[] = {
	{ "queue", OP_QUEUE },
	{ "queue_at", OP_QUEUE_AT, T0 + MS },
	{ "queue_at eternity", OP_QUEUE_AT, TWQ_ETERNITY },
	{ "queue_before", OP_QUEUE_BEFORE, T0 + MS },
	{ "schedule", OP_SCHEDULE, T0 + MS },
	{ "unlink", OP_UNLINK },
};

KUNIT_ARRAY_PARAM(foreign, foreign_params, op_desc);

static void h1_foreign_call_changes_nothing(struct kunit *test)
{
	const struct op_param *param = test->param_value;
	int other = world_other_cpu(test);
	struct probe *p = scene_probe_at(test, &scene_near[0], T0 + 5 * MS);
	struct twq_cpu_stats before = scene_stats(), after;
	u32 state = twq_task_state(&p->task);

	KUNIT_EXPECT_EQ(test, scene_do_on(other, param->op, p, param->ns),
			-EXDEV);
	after = scene_stats();
	KUNIT_EXPECT_EQ(test, after.refused, before.refused + 1);
	KUNIT_EXPECT_EQ(test, after.queued, before.queued);
	KUNIT_EXPECT_EQ(test, twq_task_state(&p->task), state);
	KUNIT_EXPECT_EQ(test, twq_task_expires(&p->task), T0 + 5 * MS);
	KUNIT_EXPECT_TRUE(test, probe_in_local(p));
	KUNIT_EXPECT_EQ(test, p->task.node.key_ns, T0 + 5 * MS);
	KUNIT_EXPECT_EQ(test, per_cpu(twq_cpus, other).queue.nr, 0);
	expect_runs(test, p, T0 + 5 * MS, 1);
}

static void rule3_queue_foreign_does_not_end_init(struct kunit *test)
{
	int other = world_other_cpu(test);
	struct probe *p = probe_new_on(test, world_cpu());

	KUNIT_EXPECT_EQ(test, probe_queue_on(p, other, T0 + MS), -EXDEV);
	KUNIT_EXPECT_FALSE(test, probe_in_local(p));
	KUNIT_EXPECT_EQ(test, twq_task_state(&p->task) & TWQ_USED, 0);
	KUNIT_EXPECT_EQ(test, probe_queue_on(p, world_cpu(), T0 + MS), 0);
}

static void rule3_queue_foreign_without_deadline_is_nothing(struct kunit *test)
{
	struct probe *p = probe_new_on(test, world_other_cpu(test));

	KUNIT_EXPECT_EQ(test, scene_do(OP_QUEUE, p, 0), 0);
}

/* -- rule 5: unlink and disarm -------------------------------------------- */

static void rule5_unlink_takes_out_keeps_deadline(struct kunit *test)
{
	struct probe *p = task_at(test, T0 + 5 * MS);

	KUNIT_EXPECT_EQ(test, scene_do(OP_UNLINK, p, 0), 0);
	KUNIT_EXPECT_FALSE(test, twq_node_linked(&p->task.node));
	KUNIT_EXPECT_EQ(test, twq_task_expires(&p->task), T0 + 5 * MS);
	KUNIT_EXPECT_EQ(test, scene_do(OP_UNLINK, p, 0), 0);
	expect_runs(test, p, T0 + 10 * MS, 0);
	KUNIT_EXPECT_EQ(test, scene_do(OP_QUEUE, p, 0), 0);
	expect_runs(test, p, T0 + 10 * MS, 1);
}

static void rule5_unlink_shared_from_other_cpu(struct kunit *test)
{
	int other = world_other_cpu(test);
	struct probe *p = scene_probe_at(test, &scene_near[1], T0 + 5 * MS);

	KUNIT_EXPECT_EQ(test, scene_do_on(other, OP_UNLINK, p, 0), 0);
	KUNIT_EXPECT_FALSE(test, twq_node_linked(&p->task.node));
	expect_runs(test, p, T0 + 10 * MS, 0);
}

static void rule5_disarm_leaves_stale_position(struct kunit *test)
{
	struct probe *p = task_at(test, T0 + 5 * MS);
	struct twq_cpu_stats before = scene_stats(), after;

	KUNIT_EXPECT_EQ(test, twq_task_disarm(&p->task), T0 + 5 * MS);
	KUNIT_EXPECT_EQ(test, twq_task_disarm(&p->task), TWQ_ETERNITY);
	KUNIT_EXPECT_TRUE(test, task_in_tree(p));
	expect_runs(test, p, T0 + 5 * MS, 0);
	after = scene_stats();
	KUNIT_EXPECT_FALSE(test, twq_node_linked(&p->task.node));
	KUNIT_EXPECT_EQ(test, after.stale, before.stale + 1);
	KUNIT_EXPECT_EQ(test, after.expired, before.expired);
}

/* H4, H18: what has no deadline does not come due, not even at the end. */
static void h18_unset_deadline_never_fires(struct kunit *test)
{
	struct probe *never = task_new(test);
	struct probe *disarmed = task_at(test, T0 + 5 * MS);

	twq_task_disarm(&disarmed->task);
	scene_do(OP_QUEUE, never, 0);
	world_advance(test, END_OF_TIME);
	KUNIT_EXPECT_EQ(test, atomic_read(&never->runs), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&disarmed->runs), 0);
}

static void h18_last_moment_is_a_deadline(struct kunit *test)
{
	struct probe *p = task_at(test, END_OF_TIME);

	KUNIT_EXPECT_TRUE(test, task_in_tree(p));
	expect_runs(test, p, END_OF_TIME - 1, 0);
	expect_runs(test, p, END_OF_TIME, 1);
	KUNIT_EXPECT_EQ(test, p->last_reasons, TWQ_WOKEN_TIMER);
}

static void disarm_at_changed(struct twq_task *task)
{
	twq_task_disarm(task);
}

/* The deadline is taken away between its change and the look at the tree. */
static void h8_disarmed_before_it_is_placed(struct kunit *test)
{
	struct probe *p = task_new(test);

	world_at(TWQ_TP_CHANGED, &p->task, disarm_at_changed);
	KUNIT_EXPECT_EQ(test, scene_do(OP_QUEUE_AT, p, T0 + 5 * MS), 0);
	KUNIT_EXPECT_TRUE(test, world_at_reached());
	KUNIT_EXPECT_FALSE(test, task_in_tree(p));
	expect_runs(test, p, T0 + 5 * MS, 0);
}

static void expire_seen_deadline_is_used_up(struct kunit *test)
{
	struct probe *p = task_at(test, T0 + 5 * MS);

	KUNIT_EXPECT_FALSE(test, twq_task_expire(&p->task, T0, T0 + MS));
	KUNIT_EXPECT_EQ(test, twq_task_expires(&p->task), T0 + 5 * MS);
	KUNIT_EXPECT_TRUE(test, twq_task_expire(&p->task, T0 + 5 * MS,
						T0 + 9 * MS));
	KUNIT_EXPECT_EQ(test, twq_task_expires(&p->task), T0 + 9 * MS);
	expect_runs(test, p, T0 + 5 * MS, 0);
	expect_runs(test, p, T0 + 9 * MS, 1);
}

static struct kunit_case task_cases[] = {
	KUNIT_CASE(rule1_init_starts_idle),
	KUNIT_CASE_PARAM(rule1_init_mask_sets_shared, mask_gen_params),
	KUNIT_CASE_PARAM(rule1_init_without_online_cpu_is_einval,
			 bad_mask_gen_params),
	KUNIT_CASE_PARAM(rule1_set_shared_after_use_is_ebusy, use_gen_params),
	KUNIT_CASE_PARAM(rule1_set_shared_before_use_sets_it,
			 no_use_gen_params),
	KUNIT_CASE_PARAM(rule2_flag_names_the_tree, kind_gen_params),
	KUNIT_CASE(rule2_narrowed_to_one_cpu_stays_shared),
	KUNIT_CASE(rule3_queue_local_fires_at_deadline),
	KUNIT_CASE(rule3_queue_shared_from_any_cpu),
	KUNIT_CASE_PARAM(rule3_queue_without_deadline_does_nothing,
			 kind_gen_params),
	KUNIT_CASE_PARAM(rule3_queue_disarmed_keeps_stale_position,
			 kind_gen_params),
	KUNIT_CASE_PARAM(rule3_queue_later_leaves_tree_alone, kind_gen_params),
	KUNIT_CASE_PARAM(rule3_queue_earlier_moves, kind_gen_params),
	KUNIT_CASE_PARAM(rule3_queue_equal_is_kept, kind_gen_params),
	KUNIT_CASE_PARAM(rule3_queue_to_and_fro_moves_once, kind_gen_params),
	KUNIT_CASE_PARAM(rule3_queue_past_is_due_now, kind_gen_params),
	KUNIT_CASE_PARAM(rule3_queue_at_returns_old_deadline, kind_gen_params),
	KUNIT_CASE_PARAM(rule3_queue_before_only_lowers, kind_gen_params),
	KUNIT_CASE_PARAM(h1_foreign_call_changes_nothing, foreign_gen_params),
	KUNIT_CASE(rule3_queue_foreign_does_not_end_init),
	KUNIT_CASE(rule3_queue_foreign_without_deadline_is_nothing),
	KUNIT_CASE_PARAM(rule5_unlink_takes_out_keeps_deadline,
			 kind_gen_params),
	KUNIT_CASE(rule5_unlink_shared_from_other_cpu),
	KUNIT_CASE_PARAM(rule5_disarm_leaves_stale_position, kind_gen_params),
	KUNIT_CASE_PARAM(h18_unset_deadline_never_fires, kind_gen_params),
	KUNIT_CASE_PARAM(h18_last_moment_is_a_deadline, kind_gen_params),
	KUNIT_CASE_PARAM(h8_disarmed_before_it_is_placed, kind_gen_params),
	KUNIT_CASE_PARAM(expire_seen_deadline_is_used_up, kind_gen_params),
	{}
};

static struct kunit_suite task_suite = {
	.name = "twq_task",
	.init = world_init,
	.exit = world_exit,
	.test_cases = task_cases,
};

kunit_test_suite(task_suite);
