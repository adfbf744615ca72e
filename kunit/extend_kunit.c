// SPDX-License-Identifier: GPL-2.0
/*
 * Suite twq_extend: deadlines that are moved by a store, by any CPU, while
 * another one looks at the position.
 */
#include "scene.h"
#include "timer.h"

KUNIT_ARRAY_PARAM(kind, scene_kinds, kind_desc);

static struct probe *extend_new(struct kunit *test, s64 deadline_ns)
{
	return scene_probe_at(test, test->param_value, deadline_ns);
}

static void expect_runs(struct kunit *test, struct probe *p, s64 now_ns,
			int runs)
{
	world_advance(test, now_ns);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->runs), runs);
}

/* The position that is told is the one in the tree. */
static void expect_position(struct kunit *test, struct probe *p, s64 ns)
{
	KUNIT_EXPECT_EQ(test, p->task.slot->position_ns, ns);
	KUNIT_EXPECT_EQ(test, twq_node_linked(&p->task.node),
			ns != TWQ_ETERNITY);
	if (ns != TWQ_ETERNITY)
		KUNIT_EXPECT_EQ(test, p->task.node.key_ns, ns);
}

/* -- by itself ------------------------------------------------------------ */

static void extend_later_leaves_the_position(struct kunit *test)
{
	struct probe *p = extend_new(test, T0 + 5 * MS);
	struct twq_cpu_stats before = scene_stats(), after;

	KUNIT_EXPECT_TRUE(test, twq_task_extend(&p->task, T0 + 9 * MS));
	after = scene_stats();
	KUNIT_EXPECT_EQ(test, after.queued, before.queued);
	KUNIT_EXPECT_EQ(test, after.kept, before.kept);
	KUNIT_EXPECT_EQ(test, twq_task_expires(&p->task), T0 + 9 * MS);
	expect_position(test, p, T0 + 5 * MS);
	expect_runs(test, p, T0 + 9 * MS - 1, 0);
	expect_position(test, p, T0 + 9 * MS);
	expect_runs(test, p, T0 + 9 * MS, 1);
	expect_position(test, p, TWQ_ETERNITY);
}

static void extend_back_to_the_position(struct kunit *test)
{
	struct probe *p = extend_new(test, T0 + 5 * MS);

	KUNIT_EXPECT_TRUE(test, twq_task_extend(&p->task, T0 + 9 * MS));
	KUNIT_EXPECT_TRUE(test, twq_task_extend(&p->task, T0 + 5 * MS));
	expect_runs(test, p, T0 + 5 * MS - 1, 0);
	expect_runs(test, p, T0 + 5 * MS, 1);
}

static void extend_earlier_is_refused(struct kunit *test)
{
	struct probe *p = extend_new(test, T0 + 5 * MS);

	KUNIT_EXPECT_FALSE(test, twq_task_extend(&p->task, T0 + 5 * MS - 1));
	KUNIT_EXPECT_EQ(test, twq_task_expires(&p->task), T0 + 5 * MS);
	expect_position(test, p, T0 + 5 * MS);
	expect_runs(test, p, T0 + 5 * MS - 1, 0);
	expect_runs(test, p, T0 + 5 * MS, 1);
}

static void extend_without_position_is_refused(struct kunit *test)
{
	struct probe *p = scene_probe(test, test->param_value);

	expect_position(test, p, TWQ_ETERNITY);
	KUNIT_EXPECT_FALSE(test, twq_task_extend(&p->task, T0 + 5 * MS));
	KUNIT_EXPECT_FALSE(test, twq_task_extend(&p->task, TWQ_ETERNITY - 1));
	KUNIT_EXPECT_EQ(test, twq_task_expires(&p->task), TWQ_ETERNITY);
	KUNIT_EXPECT_EQ(test, twq_task_state(&p->task) & TWQ_USED, 0);
}

static void extend_after_unlink_is_refused(struct kunit *test)
{
	struct probe *p = extend_new(test, T0 + 5 * MS);

	scene_do_on(scene_cpu(p), OP_UNLINK, p, 0);
	expect_position(test, p, TWQ_ETERNITY);
	KUNIT_EXPECT_FALSE(test, twq_task_extend(&p->task, T0 + 9 * MS));
}

static void extend_to_eternity_disarms(struct kunit *test)
{
	struct probe *p = extend_new(test, T0 + 5 * MS);

	KUNIT_EXPECT_TRUE(test, twq_task_extend(&p->task, TWQ_ETERNITY));
	expect_runs(test, p, T0 + 5 * MS, 0);
	expect_position(test, p, TWQ_ETERNITY);
}

/* -- positions that are stale, and soon due ------------------------------- */

/* A pass that is made anyhow takes them along; and no deadline too early. */
static void stale_position_is_moved_ahead(struct kunit *test)
{
	struct probe *first = extend_new(test, T0 + 5 * MS);
	struct probe *stale = extend_new(test, T0 + 5 * MS + MS / 2);
	struct probe *soon = extend_new(test, T0 + 5 * MS + MS / 4);
	struct twq_cpu_stats before = scene_stats(), after;

	twq_task_extend(&stale->task, T0 + 20 * MS);
	twq_task_extend(&soon->task, T0 + 5 * MS + MS / 2);
	expect_runs(test, first, T0 + 5 * MS, 1);
	expect_position(test, soon, T0 + 5 * MS + MS / 4);
	/* It comes before the stale one, and a pass looks no further. */
	expect_position(test, stale, T0 + 5 * MS + MS / 2);
	expect_runs(test, soon, T0 + 5 * MS + MS / 2, 1);
	expect_position(test, stale, T0 + 20 * MS);
	after = scene_stats();
	KUNIT_EXPECT_EQ(test, after.stale, before.stale + 1);
	expect_runs(test, stale, T0 + 20 * MS - 1, 0);
	expect_runs(test, stale, T0 + 20 * MS, 1);
}

static void stale_position_later_than_that_stays(struct kunit *test)
{
	struct probe *first = extend_new(test, T0 + 5 * MS);
	const s64 ahead_ns = T0 + 5 * MS + TWQ_AHEAD_NS;
	struct probe *near = extend_new(test, ahead_ns);
	struct probe *far = extend_new(test, ahead_ns + 1);

	twq_task_extend(&near->task, T0 + 20 * MS);
	twq_task_extend(&far->task, TWQ_ETERNITY);
	expect_runs(test, first, T0 + 5 * MS, 1);
	expect_position(test, near, T0 + 20 * MS);
	expect_position(test, far, ahead_ns + 1);
}

static void disarmed_position_is_dropped_ahead(struct kunit *test)
{
	struct probe *first = extend_new(test, T0 + 5 * MS);
	struct probe *gone = extend_new(test, T0 + 6 * MS);

	twq_task_disarm(&gone->task);
	expect_runs(test, first, T0 + 5 * MS, 1);
	expect_position(test, gone, TWQ_ETERNITY);
}

/* -- while the position moves --------------------------------------------- */

/* What extend() does when the position has gone since it looked. */
static void store_after_the_fire_is_followed(struct kunit *test)
{
	struct probe *p = extend_new(test, T0 + 5 * MS);

	expect_runs(test, p, T0 + 5 * MS, 1);
	p->keep = true;
	twq_task_store_expires(&p->task, T0 + 9 * MS);
	world_settle(test);
	expect_position(test, p, T0 + 9 * MS);
	KUNIT_EXPECT_EQ(test, p->last_reasons, 0);
	p->keep = false;
	expect_runs(test, p, T0 + 9 * MS - 1, 2);
	expect_runs(test, p, T0 + 9 * MS, 3);
	KUNIT_EXPECT_EQ(test, p->last_reasons, TWQ_WOKEN_TIMER);
}

static void store_after_a_move_is_followed(struct kunit *test)
{
	struct probe *p = extend_new(test, T0 + 5 * MS);

	twq_task_extend(&p->task, T0 + 20 * MS);
	expect_runs(test, p, T0 + 5 * MS, 0);
	expect_position(test, p, T0 + 20 * MS);
	p->keep = true;
	twq_task_store_expires(&p->task, T0 + 9 * MS);
	world_settle(test);
	expect_position(test, p, T0 + 9 * MS);
}

static s64 step_ns[4];
static unsigned int step_nr, step_used;

/* Where the position is told and the deadline not read: a store, unnoticed. */
static void store_at_told(struct twq_task *task)
{
	twq_task_set_expires(task, step_ns[step_used++]);
	if (step_used < step_nr)
		world_at(TWQ_TP_TOLD, task, store_at_told);
}

static void steps(struct probe *p, unsigned int nr, s64 first_ns, s64 by_ns)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		step_ns[i] = first_ns + i * by_ns;
	step_nr = nr;
	step_used = 0;
	world_at(TWQ_TP_TOLD, &p->task, store_at_told);
}

static void store_while_the_pass_moves_is_seen(struct kunit *test)
{
	struct probe *p = extend_new(test, T0 + 5 * MS);

	twq_task_extend(&p->task, T0 + 20 * MS);
	steps(p, 1, T0 + 9 * MS, 0);
	expect_runs(test, p, T0 + 5 * MS, 0);
	KUNIT_EXPECT_EQ(test, step_used, 1);
	expect_position(test, p, T0 + 9 * MS);
	expect_runs(test, p, T0 + 9 * MS, 1);
}

static void store_while_the_pass_drops_is_seen(struct kunit *test)
{
	struct probe *p = extend_new(test, T0 + 5 * MS);

	twq_task_extend(&p->task, TWQ_ETERNITY);
	steps(p, 1, T0 + 9 * MS, 0);
	expect_runs(test, p, T0 + 5 * MS, 0);
	KUNIT_EXPECT_EQ(test, step_used, 1);
	expect_position(test, p, T0 + 9 * MS);
	expect_runs(test, p, T0 + 9 * MS, 1);
}

static void store_while_queued_is_seen(struct kunit *test)
{
	struct probe *p = scene_probe(test, test->param_value);

	steps(p, 1, T0 + 5 * MS, 0);
	scene_do_on(scene_cpu(p), OP_QUEUE_AT, p, T0 + 9 * MS);
	world_settle(test);
	KUNIT_EXPECT_EQ(test, step_used, 1);
	expect_position(test, p, T0 + 5 * MS);
	expect_runs(test, p, T0 + 5 * MS, 1);
}

static void store_and_follow(struct twq_task *task)
{
	probe_of(task)->keep = true;
	twq_task_store_expires(task, T0 + 9 * MS);
}

/* The run has placed the task already, and wakes nobody by itself. */
static void store_at_the_end_of_a_run_is_followed(struct kunit *test)
{
	struct probe *p = extend_new(test, T0 + 5 * MS);

	world_at(TWQ_TP_REQUEUED, &p->task, store_and_follow);
	expect_runs(test, p, T0 + 5 * MS, 2);
	KUNIT_ASSERT_TRUE(test, world_at_reached());
	KUNIT_EXPECT_EQ(test, p->last_reasons, 0);
	expect_position(test, p, T0 + 9 * MS);
	/* The mark of it has gone: no run follows without end. */
	KUNIT_EXPECT_EQ(test, twq_task_state(&p->task) & TWQ_NOT_OVER, 0);
	p->keep = false;
	expect_runs(test, p, T0 + 9 * MS, 3);
}

/* -- in a hard interrupt of another CPU ----------------------------------- */

struct hardirq_store {
	struct probe *p;
	s64 deadline_ns;
	bool was_hardirq;
	bool was_extended;
};

static void store_in_hardirq(void *arg)
{
	struct hardirq_store *s = arg;

	s->was_hardirq = in_hardirq();
	s->was_extended = twq_task_extend(&s->p->task, s->deadline_ns);
	if (!s->was_extended)
		twq_task_store_expires(&s->p->task, s->deadline_ns);
}

static struct hardirq_store store_elsewhere(struct kunit *test,
					    struct probe *p, s64 deadline_ns)
{
	struct hardirq_store s = { .p = p, .deadline_ns = deadline_ns };

	smp_call_function_single(world_other_cpu(test), store_in_hardirq, &s,
				 1);
	KUNIT_EXPECT_TRUE(test, s.was_hardirq);
	return s;
}

static void extend_from_hardirq(struct kunit *test)
{
	struct probe *p = extend_new(test, T0 + 5 * MS);
	struct hardirq_store s = store_elsewhere(test, p, T0 + 9 * MS);

	KUNIT_EXPECT_TRUE(test, s.was_extended);
	expect_position(test, p, T0 + 5 * MS);
	expect_runs(test, p, T0 + 9 * MS - 1, 0);
	expect_runs(test, p, T0 + 9 * MS, 1);
}

/* Earlier than the position, by then: the wake-up that extend() may make. */
static void store_from_hardirq_is_followed(struct kunit *test)
{
	struct probe *p = extend_new(test, T0 + 9 * MS);
	struct hardirq_store s;

	p->keep = true;
	s = store_elsewhere(test, p, T0 + 5 * MS);
	KUNIT_EXPECT_FALSE(test, s.was_extended);
	world_settle(test);
	KUNIT_EXPECT_EQ(test, p->last_reasons, 0);
	expect_position(test, p, T0 + 5 * MS);
	p->keep = false;
	expect_runs(test, p, T0 + 5 * MS - 1, 1);
	expect_runs(test, p, T0 + 5 * MS, 2);
	KUNIT_EXPECT_EQ(test, p->last_reasons, TWQ_WOKEN_TIMER);
}

/* One that lowers it time and again gets the front, and no endless loop. */
static void stores_in_a_loop_end_at_the_front(struct kunit *test)
{
	struct probe *p = scene_probe(test, test->param_value);
	struct twq_cpu_stats before = scene_stats();

	steps(p, 3, T0 + 8 * MS, -MS);
	scene_do_on(scene_cpu(p), OP_QUEUE_AT, p, T0 + 9 * MS);
	world_settle(test);
	KUNIT_EXPECT_EQ(test, scene_stats().stale - before.stale, 1);
	KUNIT_EXPECT_EQ(test, step_used, 3);
	/* A pass has looked, and there was no store after it. */
	expect_position(test, p, T0 + 6 * MS);
	expect_runs(test, p, T0 + 6 * MS - 1, 0);
	expect_runs(test, p, T0 + 6 * MS, 1);
}

static struct kunit_case extend_cases[] = {
	KUNIT_CASE_PARAM(extend_later_leaves_the_position, kind_gen_params),
	KUNIT_CASE_PARAM(extend_back_to_the_position, kind_gen_params),
	KUNIT_CASE_PARAM(extend_earlier_is_refused, kind_gen_params),
	KUNIT_CASE_PARAM(extend_without_position_is_refused, kind_gen_params),
	KUNIT_CASE_PARAM(extend_after_unlink_is_refused, kind_gen_params),
	KUNIT_CASE_PARAM(extend_to_eternity_disarms, kind_gen_params),
	KUNIT_CASE_PARAM(stale_position_is_moved_ahead, kind_gen_params),
	KUNIT_CASE_PARAM(stale_position_later_than_that_stays, kind_gen_params),
	KUNIT_CASE_PARAM(disarmed_position_is_dropped_ahead, kind_gen_params),
	KUNIT_CASE_PARAM(store_after_the_fire_is_followed, kind_gen_params),
	KUNIT_CASE_PARAM(store_after_a_move_is_followed, kind_gen_params),
	KUNIT_CASE_PARAM(store_while_the_pass_moves_is_seen, kind_gen_params),
	KUNIT_CASE_PARAM(store_while_the_pass_drops_is_seen, kind_gen_params),
	KUNIT_CASE_PARAM(store_while_queued_is_seen, kind_gen_params),
	KUNIT_CASE_PARAM(store_at_the_end_of_a_run_is_followed, kind_gen_params),
	KUNIT_CASE_PARAM(extend_from_hardirq, kind_gen_params),
	KUNIT_CASE_PARAM(store_from_hardirq_is_followed, kind_gen_params),
	KUNIT_CASE_PARAM(stores_in_a_loop_end_at_the_front, kind_gen_params),
	{}
};

static struct kunit_suite extend_suite = {
	.name = "twq_extend",
	.init = world_init,
	.exit = world_exit,
	.test_cases = extend_cases,
};

kunit_test_suite(extend_suite);
