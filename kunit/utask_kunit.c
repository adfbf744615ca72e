// SPDX-License-Identifier: GPL-2.0
/*
 * Suite twq_utask: ids (K12), limits, what becomes of each arming, and the grid
 * of an interval (K2, K3). The oracle of the ledger is a model of one task in
 * a few lines; that of the grid counts in 128 bits.
 */
#include <kunit/test.h>
#include <linux/prandom.h>

#include "cpu.h"
#include "task.h"
#include "utask.h"
#include "uworld.h"

/* -- ids and limits ------------------------------------------------------- */

static void k12_ids_never_repeat(struct kunit *test)
{
	struct twq_utask *u;
	u64 id, last = 0;
	u32 slot = 0;
	int i;

	for (i = 0; i < 1000; i++) {
		u = uworld_new(test, 0);
		id = uworld_id(u);
		KUNIT_ASSERT_GT(test, id, last);
		KUNIT_ASSERT_EQ(test, uworld_find(test, id), 0);
		KUNIT_ASSERT_EQ(test, uworld_find(test, last), -ENOENT);
		if (i)
			KUNIT_ASSERT_EQ(test, id % TWQ_MAX_SLOTS, slot);
		slot = id % TWQ_MAX_SLOTS;
		last = id;
		KUNIT_ASSERT_EQ(test, twq_utask_destroy(u), 0);
	}
	KUNIT_EXPECT_EQ(test, uworld_find(test, last), -ENOENT);
}

static void utask_get_of_a_wrong_id_is_refused(struct kunit *test)
{
	struct twq_utask *u = uworld_new(test, 0);
	u64 id = uworld_id(u);

	KUNIT_EXPECT_EQ(test, uworld_find(test, id), 0);
	KUNIT_EXPECT_EQ(test, uworld_find(test, 0), -ENOENT);
	KUNIT_EXPECT_EQ(test, uworld_find(test, id % TWQ_MAX_SLOTS), -ENOENT);
	KUNIT_EXPECT_EQ(test, uworld_find(test, id + 1), -ENOENT);
	KUNIT_EXPECT_EQ(test, uworld_find(test, id + TWQ_MAX_SLOTS), -ENOENT);
	KUNIT_EXPECT_EQ(test, uworld_find(test, id - TWQ_MAX_SLOTS), -ENOENT);
	KUNIT_EXPECT_EQ(test, uworld_find(test, id | 1ULL << 63), -ENOENT);
	KUNIT_EXPECT_EQ(test, uworld_find(test, U64_MAX), -ENOENT);
}

/* No search without end, no id for the second time, and no slot is lost. */
static void k12_last_generation_ends_the_ids(struct kunit *test)
{
	struct uworld *f = test->priv;
	struct twq_utask *u;
	int i;

	twq_max_tasks = 2;
	atomic64_set(&f->file->generation, TWQ_MAX_GENERATION - 1);
	u = uworld_new(test, 0);
	KUNIT_EXPECT_EQ(test, uworld_id(u) >> TWQ_SLOT_BITS, TWQ_MAX_GENERATION);
	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_EQ(test, PTR_ERR(uworld_try_new(test, 0, 0, 0)), -EDQUOT);
	KUNIT_EXPECT_EQ(test, uworld_find(test, uworld_id(u)), 0);
	KUNIT_EXPECT_EQ(test, twq_utask_destroy(u), 0);
	KUNIT_EXPECT_EQ(test, PTR_ERR(uworld_try_new(test, 0, 0, 0)), -EDQUOT);
	atomic64_set(&f->file->generation, 0);
	uworld_new(test, 0);
	uworld_new(test, 0);
}

static void utask_new_beyond_max_tasks_is_refused(struct kunit *test)
{
	struct twq_utask *u[3];
	int i;

	twq_max_tasks = ARRAY_SIZE(u);
	for (i = 0; i < ARRAY_SIZE(u); i++)
		u[i] = uworld_new(test, 0);
	KUNIT_EXPECT_EQ(test, PTR_ERR(uworld_try_new(test, 0, 0, 0)), -EDQUOT);
	KUNIT_EXPECT_EQ(test, uworld_ledger(test).created, 3);
	KUNIT_EXPECT_EQ(test, twq_utask_destroy(u[1]), 0);
	uworld_new(test, 0);
	KUNIT_EXPECT_EQ(test, PTR_ERR(uworld_try_new(test, 0, 0, 0)), -EDQUOT);
}

static void utask_new_below_the_interval_limit_is_refused(struct kunit *test)
{
	const s64 min_ns = twq_min_interval_ns;

	KUNIT_EXPECT_EQ(test, PTR_ERR(uworld_try_new(test, 1, 0, 0)), -EINVAL);
	KUNIT_EXPECT_EQ(test, PTR_ERR(uworld_try_new(test, min_ns - 1, 0, 0)),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, PTR_ERR(uworld_try_new(test, -1, 0, 0)), -EINVAL);
	KUNIT_EXPECT_EQ(test, PTR_ERR(uworld_try_new(test, S64_MIN, 0, 0)), -EINVAL);
	KUNIT_EXPECT_EQ(test, uworld_ledger(test).created, 0);
	uworld_new(test, min_ns);
	uworld_new(test, TWQ_ETERNITY);
	uworld_new(test, 0);
}

static void utask_new_without_a_cpu_is_refused(struct kunit *test)
{
	const struct twq_create args = {};
	struct uworld *f = test->priv;

	twq_max_tasks = 1;
	KUNIT_EXPECT_EQ(test, PTR_ERR(twq_utask_new(f->file, &args,
						    cpu_none_mask)), -EINVAL);
	/* The slot was given back, and the place among those that may be. */
	KUNIT_EXPECT_EQ(test, TWQ_SLOT(uworld_id(uworld_new(test, 0))), 0);
}

static void utask_abandon_leaves_nothing(struct kunit *test)
{
	const struct twq_create args = {};
	struct uworld *f = test->priv;
	struct twq_utask *u;
	struct twq_ledger l;
	u64 id;

	twq_max_tasks = 1;
	u = twq_utask_new(f->file, &args, cpumask_of(world_cpu()));
	KUNIT_ASSERT_FALSE(test, IS_ERR(u));
	id = uworld_id(u);
	KUNIT_EXPECT_EQ(test, uworld_find(test, id), -ENOENT);
	twq_utask_abandon(u);
	l = uworld_ledger(test);
	KUNIT_EXPECT_EQ(test, l.created, 0);
	KUNIT_EXPECT_EQ(test, l.destroyed, 0);
	KUNIT_EXPECT_EQ(test, uworld_find(test, id), -ENOENT);
	KUNIT_EXPECT_NE(test, uworld_id(uworld_new(test, 0)), id);
}

/* -- queue, schedule, cancel ---------------------------------------------- */

static void utask_one_shot_fires_once(struct kunit *test)
{
	struct uworld *f = test->priv;
	struct twq_utask *u = uworld_new(test, 0);

	KUNIT_EXPECT_EQ(test, twq_utask_queue(u, T0 + MS), 0);
	world_advance(test, T0 + MS - 1);
	KUNIT_EXPECT_EQ(test, uworld_read(test), -EAGAIN);
	world_advance(test, T0 + MS + 5);
	KUNIT_ASSERT_EQ(test, uworld_read(test), 1);
	KUNIT_EXPECT_EQ(test, f->out[0].id, uworld_id(u));
	KUNIT_EXPECT_EQ(test, f->out[0].user_data, UWORLD_USER_DATA);
	KUNIT_EXPECT_EQ(test, f->out[0].deadline_ns, T0 + MS);
	KUNIT_EXPECT_EQ(test, f->out[0].fired_ns, T0 + MS + 5);
	KUNIT_EXPECT_EQ(test, f->out[0].overruns, 0);
	KUNIT_EXPECT_EQ(test, f->out[0].reasons, TWQ_WOKEN_TIMER);
	KUNIT_EXPECT_EQ(test, f->out[0].cpu, world_cpu());
	KUNIT_EXPECT_EQ(test, twq_task_expires(&u->task), TWQ_ETERNITY);
	world_advance(test, T0 + SEC);
	KUNIT_EXPECT_EQ(test, uworld_read(test), -EAGAIN);
}

static void utask_wakeup_is_told_without_a_deadline(struct kunit *test)
{
	struct uworld *f = test->priv;
	struct twq_utask *u = uworld_new(test, 0);

	twq_utask_queue(u, T0 + MS);
	twq_task_wakeup(&u->task, TWQ_WOKEN_MSG);
	world_settle(test);
	KUNIT_ASSERT_EQ(test, uworld_read(test), 1);
	KUNIT_EXPECT_EQ(test, f->out[0].deadline_ns, TWQ_ETERNITY);
	KUNIT_EXPECT_EQ(test, f->out[0].reasons, TWQ_WOKEN_MSG);
	/* The deadline stands. */
	world_advance(test, T0 + MS);
	KUNIT_ASSERT_EQ(test, uworld_read(test), 1);
	KUNIT_EXPECT_EQ(test, f->out[0].deadline_ns, T0 + MS);
	KUNIT_EXPECT_EQ(test, f->out[0].reasons, TWQ_WOKEN_TIMER);
}

static void utask_foreign_call_is_refused(struct kunit *test)
{
	int other = world_other_cpu(test);
	struct twq_utask *u = uworld_try_new(test, 0, other, 0);
	struct twq_ledger l;

	KUNIT_ASSERT_FALSE(test, IS_ERR(u));
	KUNIT_EXPECT_EQ(test, twq_utask_queue(u, T0 + MS), -EXDEV);
	KUNIT_EXPECT_EQ(test, twq_utask_schedule(u, T0 + MS), -EXDEV);
	KUNIT_EXPECT_EQ(test, twq_utask_cancel(u), -EXDEV);
	KUNIT_EXPECT_EQ(test, twq_task_expires(&u->task), TWQ_ETERNITY);
	l = uworld_ledger(test);
	KUNIT_EXPECT_EQ(test, l.armed, 0);
	KUNIT_EXPECT_EQ(test, l.cancelled, 0);
	/* To end it is legal everywhere. */
	KUNIT_EXPECT_EQ(test, twq_utask_destroy(u), 0);
}

static void utask_cancel_tells_whether_it_stopped_one(struct kunit *test)
{
	struct twq_utask *u = uworld_new(test, 0);

	KUNIT_EXPECT_EQ(test, twq_utask_cancel(u), 0);
	twq_utask_queue(u, T0 + MS);
	KUNIT_EXPECT_EQ(test, twq_utask_cancel(u), 1);
	KUNIT_EXPECT_EQ(test, twq_utask_cancel(u), 0);
	world_advance(test, T0 + 2 * MS);
	KUNIT_EXPECT_EQ(test, uworld_read(test), -EAGAIN);
	KUNIT_EXPECT_EQ(test, uworld_ledger(test).cancelled, 1);
	KUNIT_EXPECT_EQ(test, uworld_ledger(test).fired, 0);
}

static void utask_cancel_after_fire_leaves_the_event(struct kunit *test)
{
	struct twq_utask *u = uworld_new(test, 0);

	twq_utask_queue(u, T0 + MS);
	world_advance(test, T0 + MS);
	KUNIT_EXPECT_EQ(test, twq_utask_cancel(u), 0);
	KUNIT_EXPECT_EQ(test, uworld_read(test), 1);
	KUNIT_EXPECT_EQ(test, uworld_ledger(test).cancelled, 0);
}

static void utask_schedule_never_moves_later(struct kunit *test)
{
	struct twq_utask *u = uworld_new(test, 0);

	KUNIT_EXPECT_EQ(test, twq_utask_schedule(u, T0 + 5 * MS), 0);
	KUNIT_EXPECT_EQ(test, twq_task_expires(&u->task), T0 + 5 * MS);
	KUNIT_EXPECT_EQ(test, twq_utask_schedule(u, T0 + 9 * MS), 0);
	KUNIT_EXPECT_EQ(test, twq_utask_schedule(u, T0 + 5 * MS), 0);
	KUNIT_EXPECT_EQ(test, twq_utask_schedule(u, TWQ_ETERNITY), 0);
	KUNIT_EXPECT_EQ(test, twq_task_expires(&u->task), T0 + 5 * MS);
	KUNIT_EXPECT_EQ(test, uworld_ledger(test).armed, 1);
	KUNIT_EXPECT_EQ(test, uworld_ledger(test).moved, 0);
	KUNIT_EXPECT_EQ(test, twq_utask_schedule(u, T0 + 2 * MS), 0);
	KUNIT_EXPECT_EQ(test, twq_task_expires(&u->task), T0 + 2 * MS);
	KUNIT_EXPECT_EQ(test, uworld_ledger(test).armed, 2);
	KUNIT_EXPECT_EQ(test, uworld_ledger(test).moved, 1);
}

/* One task as it ought to be: its deadline and what became of the others. */
struct model {
	s64 deadline_ns;
	s64 interval_ns;
	struct twq_ledger l;
};

static void model_set(struct model *m, s64 deadline_ns)
{
	bool had = m->deadline_ns != TWQ_ETERNITY;

	m->deadline_ns = deadline_ns;
	m->l.armed += deadline_ns != TWQ_ETERNITY;
	m->l.moved += had && deadline_ns != TWQ_ETERNITY;
	m->l.cancelled += had && deadline_ns == TWQ_ETERNITY;
}

static void model_advance(struct model *m, s64 now_ns)
{
	if (m->deadline_ns > now_ns)
		return;
	m->l.expired++;
	m->l.fired++;
	if (!m->interval_ns)
		m->deadline_ns = TWQ_ETERNITY;
	while (m->deadline_ns <= now_ns)
		m->deadline_ns += m->interval_ns;
	m->l.armed += m->deadline_ns != TWQ_ETERNITY;
}

static void model_turn(struct kunit *test, struct twq_utask *u,
		       struct model *m, u32 random, s64 *now_ns)
{
	s64 deadline_ns = *now_ns + (s64)(random >> 8 & 1023) * 1000 - 100000;

	switch (random & 3) {
	case 0:
		if (!(random >> 4 & 3))
			deadline_ns = TWQ_ETERNITY;
		KUNIT_ASSERT_EQ(test, twq_utask_queue(u, deadline_ns), 0);
		model_set(m, deadline_ns);
		break;
	case 1:
		KUNIT_ASSERT_EQ(test, twq_utask_schedule(u, deadline_ns), 0);
		if (deadline_ns < m->deadline_ns)
			model_set(m, deadline_ns);
		break;
	case 2:
		KUNIT_ASSERT_EQ(test, twq_utask_cancel(u),
				m->deadline_ns != TWQ_ETERNITY);
		model_set(m, TWQ_ETERNITY);
		break;
	case 3:
		*now_ns += random >> 20 << 8;
		break;
	}
	world_advance(test, *now_ns);
	model_advance(m, *now_ns);
}

struct interval_param {
	const char *desc;
	s64 interval_ns;
};

static const struct interval_param interval_params[] = {
	{ "one shot", 0 },
	{ "short", 100 * 1000 },
	{ "long", 700 * 1001 },
};

static void interval_desc(const struct interval_param *p, char *desc)
{
	strscpy(desc, p->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(interval, interval_params, interval_desc);

static void utask_each_arming_has_one_end(struct kunit *test)
{
	const struct interval_param *p = test->param_value;
	struct twq_utask *u = uworld_new(test, p->interval_ns);
	struct model m = { TWQ_ETERNITY, p->interval_ns };
	struct twq_ledger l;
	struct rnd_state rnd;
	s64 now_ns = T0;
	int i;

	prandom_seed_state(&rnd, p->interval_ns + 1);
	for (i = 0; i < 1000; i++) {
		model_turn(test, u, &m, prandom_u32_state(&rnd), &now_ns);
		l = uworld_ledger(test);
		KUNIT_ASSERT_EQ(test, twq_task_expires(&u->task),
				m.deadline_ns);
		KUNIT_ASSERT_EQ(test, l.armed, m.l.armed);
		KUNIT_ASSERT_EQ(test, l.expired, m.l.expired);
		KUNIT_ASSERT_EQ(test, l.moved, m.l.moved);
		KUNIT_ASSERT_EQ(test, l.cancelled, m.l.cancelled);
		KUNIT_ASSERT_EQ(test, l.fired, m.l.fired);
	}
	KUNIT_EXPECT_GT(test, l.expired, 50);
	KUNIT_EXPECT_GT(test, l.moved, 50);
	KUNIT_EXPECT_GT(test, l.cancelled, 50);
	uworld_expect_balance(test);
}

/* -- the grid of an interval ---------------------------------------------- */

struct grid_param {
	const char *desc;
	s64 due_ns, interval_ns, now_ns;
};

#define END	TWQ_ETERNITY

static const struct grid_param grid_params[] = {
	{ "in time", T0, 1000, T0 },
	{ "late by 1", T0 - 1, 1000, T0 },
	{ "late by less than a period", T0 - 999, 1000, T0 },
	{ "late by one period", T0 - 1000, 1000, T0 },
	{ "late by more than a period", T0 - 1001, 1000, T0 },
	{ "late by many periods", T0 - 12345678, 1000, T0 },
	{ "every ns, in time", T0, 1, T0 },
	{ "every ns, late by 1", T0 - 1, 1, T0 },
	{ "every ns, since 0", 0, 1, T0 },
	{ "every 3 ns, since -1", -1, 3, T0 },
	{ "every 3 ns, since ever", S64_MIN, 3, T0 },
	{ "every ns, since ever", S64_MIN, 1, T0 },
	{ "smallest, since 0", 0, 100 * 1000, T0 },
	{ "smallest, since ever", S64_MIN, 100 * 1000, T0 },
	{ "huge, in time", T0, END - T0 - 1, T0 },
	{ "huge, next is eternity", T0, END - T0, T0 },
	{ "huge, next would wrap", T0, END - T0 + 1, T0 },
	{ "huge, since ever", S64_MIN, END - 1, T0 },
	{ "eternity, in time", T0, END, T0 },
	{ "eternity, since 0", 0, END, T0 },
	{ "eternity, since -1", -1, END, T0 },
	{ "eternity, since ever", S64_MIN, END, T0 },
	{ "near the end, fits", END - 10, 9, END - 10 },
	{ "near the end, eternity", END - 10, 10, END - 10 },
	{ "near the end, would wrap", END - 10, 11, END - 10 },
	{ "all of time, every ns", S64_MIN, 1, END - 2 },
	{ "all of time, every 2 ns", S64_MIN, 2, END - 2 },
	{ "all of time, eternity", S64_MIN, END, END - 2 },
};

static void grid_desc(const struct grid_param *p, char *desc)
{
	strscpy(desc, p->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(grid, grid_params, grid_desc);

/* Schoolbook division in 128 bits: nothing here can overflow. */
static s64 grid_oracle(const struct grid_param *p, u64 *skipped)
{
	__int128 late = (__int128)p->now_ns - p->due_ns, rest = 0, next;
	int bit;

	*skipped = 0;
	for (bit = 64; bit >= 0; bit--) {
		rest = 2 * rest + (late >> bit & 1);
		*skipped *= 2;
		if (rest >= p->interval_ns) {
			rest -= p->interval_ns;
			++*skipped;
		}
	}
	next = (__int128)p->now_ns + p->interval_ns - rest;
	return next < TWQ_ETERNITY ? next : TWQ_ETERNITY;
}

static void k3_interval_keeps_its_grid(struct kunit *test)
{
	const struct grid_param *p = test->param_value;
	struct uworld *f = test->priv;
	struct twq_utask *u;
	s64 next_ns;
	u64 skipped;

	twq_min_interval_ns = 1;
	world_advance(test, p->now_ns);
	u = uworld_new(test, p->interval_ns);
	KUNIT_EXPECT_EQ(test, twq_utask_queue(u, p->due_ns), 0);
	world_settle(test);
	next_ns = grid_oracle(p, &skipped);
	KUNIT_EXPECT_EQ(test, twq_task_expires(&u->task), next_ns);
	KUNIT_EXPECT_GT(test, twq_task_expires(&u->task), p->now_ns);
	KUNIT_ASSERT_EQ(test, uworld_read(test), 1);
	KUNIT_EXPECT_EQ(test, f->out[0].overruns, skipped);
	KUNIT_EXPECT_EQ(test, f->out[0].deadline_ns, p->due_ns);
	KUNIT_EXPECT_EQ(test, uworld_ledger(test).fired, 1);
	KUNIT_EXPECT_EQ(test, uworld_ledger(test).armed,
			next_ns == TWQ_ETERNITY ? 1 : 2);
}

static void utask_interval_does_not_drift(struct kunit *test)
{
	const s64 interval_ns = MS + 7;
	struct uworld *f = test->priv;
	struct twq_utask *u = uworld_new(test, interval_ns);
	struct rnd_state rnd;
	s64 late_ns;
	int i;

	prandom_seed_state(&rnd, 3);
	twq_utask_queue(u, T0);
	for (i = 0; i < 1000; i++) {
		late_ns = prandom_u32_state(&rnd) % interval_ns;
		world_advance(test, T0 + i * interval_ns + late_ns);
		KUNIT_ASSERT_EQ(test, uworld_read(test), 1);
		KUNIT_ASSERT_EQ(test, f->out[0].deadline_ns,
				T0 + i * interval_ns);
		/* The first one fired at once, when it was queued. */
		if (i)
			KUNIT_ASSERT_EQ(test, f->out[0].fired_ns,
					T0 + i * interval_ns + late_ns);
		KUNIT_ASSERT_EQ(test, f->out[0].overruns, 0);
	}
	KUNIT_EXPECT_EQ(test, uworld_ledger(test).expired, 1000);
}

static void k2_long_pause_is_one_run(struct kunit *test)
{
	struct uworld *f = test->priv;
	struct twq_utask *u = uworld_new(test, MS);
	struct twq_cpu_stats was = {}, is = {};

	twq_utask_queue(u, T0 + MS);
	twq_cpu_read_stats(world_cpu(), &was);
	world_advance(test, T0 + 3600 * SEC);
	twq_cpu_read_stats(world_cpu(), &is);
	KUNIT_EXPECT_EQ(test, is.runs - was.runs, 1);
	KUNIT_ASSERT_EQ(test, uworld_read(test), 1);
	KUNIT_EXPECT_EQ(test, f->out[0].overruns, 3600 * 1000 - 1);
	KUNIT_EXPECT_EQ(test, twq_task_expires(&u->task),
			T0 + 3600 * SEC + MS);
}

static void utask_unread_periods_add_up(struct kunit *test)
{
	struct uworld *f = test->priv;
	struct twq_utask *u = uworld_new(test, MS);
	struct twq_query query = {};

	twq_utask_queue(u, T0 + MS);
	world_advance(test, T0 + MS);
	world_advance(test, T0 + 2 * MS);
	world_advance(test, T0 + 5 * MS);
	twq_utask_query(u, &query);
	KUNIT_EXPECT_EQ(test, query.pending, 1);
	KUNIT_EXPECT_EQ(test, query.overruns, 4);
	KUNIT_EXPECT_EQ(test, query.deadline_ns, T0 + 6 * MS);
	KUNIT_EXPECT_EQ(test, query.position_ns, T0 + 6 * MS);
	KUNIT_EXPECT_EQ(test, query.interval_ns, MS);
	KUNIT_EXPECT_EQ(test, query.user_data, UWORLD_USER_DATA);
	KUNIT_ASSERT_EQ(test, uworld_read(test), 1);
	KUNIT_EXPECT_EQ(test, f->out[0].overruns, 4);
	KUNIT_EXPECT_EQ(test, f->out[0].deadline_ns, T0 + MS);
	KUNIT_EXPECT_EQ(test, uworld_ledger(test).coalesced, 2);
}

/* The ends of tasks are counted elsewhere than their beginnings, so earlier. */
static void ledger_never_tells_of_fewer_than_no_tasks(struct kunit *test)
{
	struct twq_ledger ledger = { .created = 5, .destroyed = 3 };

	KUNIT_EXPECT_EQ(test, twq_ledger_tasks(&ledger), 2);
	ledger.destroyed = 5;
	KUNIT_EXPECT_EQ(test, twq_ledger_tasks(&ledger), 0);
	ledger.destroyed = 6;
	KUNIT_EXPECT_EQ(test, twq_ledger_tasks(&ledger), 0);
}

static struct kunit_case utask_cases[] = {
	KUNIT_CASE(k12_ids_never_repeat),
	KUNIT_CASE(utask_get_of_a_wrong_id_is_refused),
	KUNIT_CASE(k12_last_generation_ends_the_ids),
	KUNIT_CASE(utask_new_beyond_max_tasks_is_refused),
	KUNIT_CASE(utask_new_below_the_interval_limit_is_refused),
	KUNIT_CASE(utask_new_without_a_cpu_is_refused),
	KUNIT_CASE(utask_abandon_leaves_nothing),
	KUNIT_CASE(utask_one_shot_fires_once),
	KUNIT_CASE(utask_wakeup_is_told_without_a_deadline),
	KUNIT_CASE(utask_foreign_call_is_refused),
	KUNIT_CASE(utask_cancel_tells_whether_it_stopped_one),
	KUNIT_CASE(utask_cancel_after_fire_leaves_the_event),
	KUNIT_CASE(utask_schedule_never_moves_later),
	KUNIT_CASE_PARAM(utask_each_arming_has_one_end, interval_gen_params),
	KUNIT_CASE_PARAM(k3_interval_keeps_its_grid, grid_gen_params),
	KUNIT_CASE(utask_interval_does_not_drift),
	KUNIT_CASE(k2_long_pause_is_one_run),
	KUNIT_CASE(utask_unread_periods_add_up),
	KUNIT_CASE(ledger_never_tells_of_fewer_than_no_tasks),
	{}
};

static struct kunit_suite utask_suite = {
	.name = "twq_utask",
	.init = uworld_init,
	.exit = uworld_exit,
	.test_cases = utask_cases,
};

kunit_test_suite(utask_suite);
