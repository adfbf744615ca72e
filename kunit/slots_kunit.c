// SPDX-License-Identifier: GPL-2.0
/*
 * Suite twq_slots: deadlines of user space in memory that the program writes:
 * where slots are, how long, what the ledger makes of stores that no call has
 * seen, and what a store between two steps leads to.
 */
#include <kunit/test.h>
#include <linux/mm.h>
#include <linux/prandom.h>

#include "cpu.h"
#include "table.h"
#include "task.h"
#include "utask.h"
#include "uworld.h"

#define PER_PAGE	(PAGE_SIZE / sizeof(struct twq_slot))

static u32 slot_of(const struct twq_utask *u)
{
	return TWQ_SLOT(uworld_id(u));
}

static struct twq_utask *new_on(struct kunit *test, int cpu)
{
	struct twq_utask *u = uworld_try_new(test, 0, cpu, 0);

	KUNIT_ASSERT_FALSE(test, IS_ERR(u));
	return u;
}

/* As a program does it. True when REQUEUE has to follow. */
static bool store(struct twq_utask *u, s64 deadline_ns)
{
	struct twq_slot *slot = u->task.slot;

	WRITE_ONCE(slot->deadline_ns, deadline_ns);
	smp_mb(); /* deadline before position: the protocol of struct twq_slot */
	return READ_ONCE(slot->position_ns) > deadline_ns;
}

static void move_to(struct kunit *test, struct twq_utask *u, s64 deadline_ns)
{
	if (store(u, deadline_ns))
		KUNIT_EXPECT_EQ(test, twq_utask_requeue(u), 0);
	world_settle(test);
}

/* -- where ---------------------------------------------------------------- */

/* The page of the first task of @cpu is of no other CPU's, from then on. */
static void expect_page_of(struct kunit *test, const struct twq_utask *u,
			   int *owner, int cpu)
{
	u32 page = slot_of(u) / PER_PAGE;

	KUNIT_ASSERT_LT(test, page, 2 * nr_cpu_ids);
	if (!owner[page])
		owner[page] = cpu + 1;
	KUNIT_EXPECT_EQ(test, owner[page], cpu + 1);
}

static void slot_is_in_a_page_of_its_cpu(struct kunit *test)
{
	const struct twq_create args = {};
	struct uworld *f = test->priv;
	struct twq_utask *u;
	int *owner, cpu, i;

	owner = kunit_kcalloc(test, 2 * nr_cpu_ids, sizeof(*owner), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, owner);
	for_each_online_cpu(cpu)
		expect_page_of(test, new_on(test, cpu), owner, cpu);
	for (i = 1; i < PER_PAGE + 3; i++)
		for_each_online_cpu(cpu)
			expect_page_of(test, uworld_try_new(test, 0, cpu,
							    i & 1), owner, cpu);
	u = twq_utask_new(f->file, &args, cpu_online_mask);
	KUNIT_ASSERT_FALSE(test, IS_ERR(u));
	twq_utask_publish(u);
	expect_page_of(test, u, owner, world_cpu());
}

/* As long as there is a slot anywhere. */
static void slot_of_another_cpu_when_no_page_is_left(struct kunit *test)
{
	struct uworld *f = test->priv;
	int cpu = world_other_cpu(test), i;
	u32 pages = f->file->slots.nr_pages;
	struct twq_utask *u;

	uworld_new(test, 0);
	KUNIT_ASSERT_EQ(test, f->file->slots.nr_pages, pages + 1);
	pages = f->file->slots.nr_pages;
	f->file->slots.nr_pages = TWQ_MAX_PAGES;
	for (i = 1; i < PER_PAGE; i++) {
		u = uworld_try_new(test, 0, cpu, 0);
		if (IS_ERR(u))
			break;
	}
	KUNIT_EXPECT_EQ(test, i, PER_PAGE);
	KUNIT_EXPECT_EQ(test, PTR_ERR(uworld_try_new(test, 0, cpu, 0)),
			-EDQUOT);
	f->file->slots.nr_pages = pages;
	KUNIT_ASSERT_FALSE(test, IS_ERR(u));
	move_to(test, u, T0 + MS);
	world_advance(test, T0 + MS);
	KUNIT_EXPECT_EQ(test, uworld_read(test), 1);
}

/* -- how long ------------------------------------------------------------- */

#define MANY	(PER_PAGE + 40)

static bool has_memory(struct kunit *test, u32 slot)
{
	struct uworld *f = test->priv;
	bool has;

	rcu_read_lock();
	has = twq_slots_find(&f->file->slots, slot);
	rcu_read_unlock();
	return has;
}

/* All but one go, then the last, whose memory may be kept for the next. */
static void memory_of_tasks_that_are_gone_is_given_back(struct kunit *test)
{
	struct twq_utask **u;
	int i, nr = 0;
	u32 *slots;

	u = kunit_kcalloc(test, MANY, sizeof(*u), GFP_KERNEL);
	slots = kunit_kcalloc(test, MANY, sizeof(*slots), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, u);
	KUNIT_ASSERT_NOT_NULL(test, slots);
	for (i = 0; i < MANY; i++) {
		u[i] = new_on(test, world_cpu());
		slots[i] = slot_of(u[i]);
		KUNIT_ASSERT_TRUE(test, has_memory(test, slots[i]));
	}
	for (i = 1; i < MANY; i++)
		KUNIT_ASSERT_EQ(test, twq_utask_destroy(u[i]), 0);
	for (i = 0; i < MANY; i++)
		nr += has_memory(test, slots[i]);
	KUNIT_EXPECT_TRUE(test, has_memory(test, slots[0]));
	KUNIT_EXPECT_LE(test, nr, 16);
	KUNIT_EXPECT_EQ(test, twq_utask_destroy(u[0]), 0);
	for (i = 0; i < MANY; i++)
		KUNIT_EXPECT_FALSE(test, has_memory(test, slots[i]));
	KUNIT_EXPECT_FALSE(test, has_memory(test, TWQ_MAX_SLOTS - 1));
}

static struct twq_utask *passer_by;

/* A task comes and goes: its memory is kept, and may still be looked at. */
static void come_and_go(struct twq_task *nobody)
{
	struct kunit *test = current->kunit_test;

	passer_by = new_on(test, world_cpu());
	KUNIT_EXPECT_EQ(test, twq_utask_destroy(passer_by), 0);
}

/*
 * While somebody else is about to add memory. What is kept must not be replaced
 * and freed: who has found the task holds rcu_read_lock() and nothing else.
 */
static void memory_that_is_kept_is_not_replaced(struct kunit *test)
{
	struct twq_utask *u;

	if (IS_ENABLED(CONFIG_KASAN))
		kunit_skip(test, "no memory is kept with KASAN");
	passer_by = NULL;
	world_at(TWQ_TP_BLOCK, NULL, come_and_go);
	u = new_on(test, world_cpu());
	KUNIT_ASSERT_TRUE(test, world_at_reached());
	KUNIT_EXPECT_PTR_EQ(test, u, passer_by);
	KUNIT_EXPECT_EQ(test, slot_of(u), 0);
}

static void expect_found(struct kunit *test, struct twq_utask *u)
{
	struct uworld *f = test->priv;
	struct twq_utask *found = twq_utask_get(f->file, uworld_id(u));

	KUNIT_ASSERT_PTR_EQ(test, found, u);
	KUNIT_EXPECT_PTR_EQ(test, u->task.slot,
			    twq_slots_words(&f->file->slots, slot_of(u)));
	twq_utask_put(found);
}

/* No slot is two tasks', and those that are free are used again. */
static void tasks_come_and_go_in_any_order(struct kunit *test)
{
	struct twq_utask **in;
	struct rnd_state rnd;
	int i, turn, nr = 0;
	u32 slot;

	in = kunit_kcalloc(test, 2 * MANY, sizeof(*in), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, in);
	prandom_seed_state(&rnd, 11);
	for (turn = 0; turn < 20000; turn++) {
		slot = prandom_u32_state(&rnd) % (2 * MANY);
		if (in[slot]) {
			expect_found(test, in[slot]);
			KUNIT_ASSERT_EQ(test, twq_utask_destroy(in[slot]), 0);
			in[slot] = NULL;
			nr--;
		} else if (nr < MANY) {
			struct twq_utask *u = new_on(test, world_cpu());

			slot = slot_of(u);
			KUNIT_ASSERT_LT(test, slot, 2 * MANY);
			KUNIT_ASSERT_NULL(test, in[slot]);
			in[slot] = u;
			nr++;
		}
	}
	for (i = 0; i < 2 * MANY; i++)
		if (in[i])
			expect_found(test, in[i]);
}

static void slot_is_kept_for_the_last_user(struct kunit *test)
{
	struct uworld *f = test->priv;
	struct twq_utask *u = new_on(test, world_cpu()), *user, *next;
	u32 slot = slot_of(u);

	user = twq_utask_get(f->file, uworld_id(u));
	KUNIT_ASSERT_PTR_EQ(test, user, u);
	KUNIT_EXPECT_EQ(test, twq_utask_destroy(u), 0);
	next = new_on(test, world_cpu());
	KUNIT_EXPECT_NE(test, slot_of(next), slot);
	/* A call that is under way still has its own deadline. */
	KUNIT_EXPECT_EQ(test, twq_utask_queue(user, T0 + MS), -ENOENT);
	KUNIT_EXPECT_EQ(test, twq_task_expires(&next->task), TWQ_ETERNITY);
	twq_utask_put(user);
	KUNIT_EXPECT_EQ(test, slot_of(new_on(test, world_cpu())), slot);
}

static void slot_kept_is_not_a_task(struct kunit *test)
{
	struct uworld *f = test->priv;
	struct twq_utask *u, *user;
	u64 id;

	twq_max_tasks = 1;
	u = new_on(test, world_cpu());
	id = uworld_id(u);
	user = twq_utask_get(f->file, id);
	KUNIT_EXPECT_EQ(test, twq_utask_destroy(u), 0);
	KUNIT_EXPECT_EQ(test, uworld_find(test, id), -ENOENT);
	KUNIT_EXPECT_EQ(test, twq_utask_destroy(user), -ENOENT);
	/* The limit counts tasks, not slots. */
	new_on(test, world_cpu());
	KUNIT_EXPECT_EQ(test, PTR_ERR(uworld_try_new(test, 0, 0, 0)), -EDQUOT);
	twq_utask_put(user);
	KUNIT_EXPECT_EQ(test, PTR_ERR(uworld_try_new(test, 0, 0, 0)), -EDQUOT);
}

static void new_task_does_not_see_what_was_stored(struct kunit *test)
{
	struct twq_utask *u = new_on(test, world_cpu()), *next;
	struct twq_slot *slot = u->task.slot;

	KUNIT_EXPECT_EQ(test, twq_utask_destroy(u), 0);
	WRITE_ONCE(slot->deadline_ns, 1);
	WRITE_ONCE(slot->position_ns, 2);
	next = new_on(test, world_cpu());
	KUNIT_ASSERT_PTR_EQ(test, next->task.slot, slot);
	KUNIT_EXPECT_EQ(test, slot->deadline_ns, TWQ_ETERNITY);
	KUNIT_EXPECT_EQ(test, slot->position_ns, TWQ_ETERNITY);
}

/* -- the ledger ----------------------------------------------------------- */

/* Stores and calls, then the end of the task. */
static const struct unseen {
	const char *name;
	const char *turns;	/* s, S: store early, late; e: store eternity */
				/* q: QUEUE; c: CANCEL; f: it fires */
	int armed, expired, moved, cancelled, dropped;
} unseen_params[] = {
	{ "nothing", "", 0, 0, 0, 0, 0 },
	{ "armed", "s", 1, 0, 0, 0, 1 },
	{ "armed and moved", "sS", 1, 0, 0, 0, 1 },
	{ "armed and disarmed", "se", 0, 0, 0, 0, 0 },
	{ "armed and fired", "sf", 1, 1, 0, 0, 0 },
	{ "armed and cancelled", "sc", 1, 0, 0, 1, 0 },
	{ "armed, then queued", "sq", 2, 0, 1, 0, 1 },
	{ "queued and moved", "qS", 1, 0, 0, 0, 1 },
	{ "queued and disarmed", "qe", 1, 0, 0, 1, 0 },
	{ "queued, moved and fired", "qsf", 1, 1, 0, 0, 0 },
	{ "disarmed, then queued", "qeq", 2, 0, 0, 1, 1 },
	{ "disarmed, then cancelled", "qec", 1, 0, 0, 1, 0 },
	{ "fired, then armed", "qfS", 2, 1, 0, 0, 1 },
	{ "disarmed, armed and fired", "qesf", 1, 1, 0, 0, 0 },
};

static void unseen_desc(const struct unseen *p, char *desc)
{
	strscpy(desc, p->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(unseen, unseen_params, unseen_desc);

static void unseen_turn(struct kunit *test, struct twq_utask *u, char turn)
{
	switch (turn) {
	case 's':
		move_to(test, u, T0 + MS);
		break;
	case 'S':
		move_to(test, u, T0 + 9 * MS);
		break;
	case 'e':
		move_to(test, u, TWQ_ETERNITY);
		break;
	case 'q':
		KUNIT_EXPECT_EQ(test, twq_utask_queue(u, T0 + 5 * MS), 0);
		break;
	case 'c':
		twq_utask_cancel(u);
		break;
	case 'f':
		world_advance(test, T0 + 5 * MS);
		KUNIT_EXPECT_EQ(test, uworld_read(test), 1);
	}
}

static void unseen_stores_balance_at_the_end(struct kunit *test)
{
	const struct unseen *p = test->param_value;
	struct twq_utask *u = uworld_new(test, 0);
	struct twq_ledger l;
	const char *turn;

	for (turn = p->turns; *turn; turn++)
		unseen_turn(test, u, *turn);
	KUNIT_EXPECT_EQ(test, twq_utask_destroy(u), 0);
	world_settle(test);
	l = uworld_ledger(test);
	KUNIT_EXPECT_EQ(test, l.armed, p->armed);
	KUNIT_EXPECT_EQ(test, l.expired, p->expired);
	KUNIT_EXPECT_EQ(test, l.moved, p->moved);
	KUNIT_EXPECT_EQ(test, l.cancelled, p->cancelled);
	KUNIT_EXPECT_EQ(test, l.dropped, p->dropped);
	uworld_expect_balance(test);
}

/* -- stores and steps ----------------------------------------------------- */

static void requeue_from_another_cpu_is_passed_on(struct kunit *test)
{
	int other = world_other_cpu(test);
	struct uworld *f = test->priv;
	struct twq_utask *u = new_on(test, other);

	KUNIT_EXPECT_TRUE(test, store(u, T0 + 5 * MS));
	KUNIT_EXPECT_EQ(test, twq_utask_requeue(u), 0);
	world_settle(test);
	KUNIT_EXPECT_EQ(test, u->task.slot->position_ns, T0 + 5 * MS);
	KUNIT_EXPECT_EQ(test, u->task.node.key_ns, T0 + 5 * MS);
	KUNIT_EXPECT_TRUE(test, store(u, T0 + 2 * MS));
	KUNIT_EXPECT_EQ(test, twq_utask_requeue(u), 0);
	world_settle(test);
	KUNIT_EXPECT_EQ(test, u->task.slot->position_ns, T0 + 2 * MS);
	/* It ran, and had nothing to tell. */
	KUNIT_EXPECT_EQ(test, uworld_read(test), -EAGAIN);
	world_advance(test, T0 + 2 * MS);
	KUNIT_ASSERT_EQ(test, uworld_read(test), 1);
	KUNIT_EXPECT_EQ(test, f->out[0].reasons, TWQ_WOKEN_TIMER);
	KUNIT_EXPECT_EQ(test, f->out[0].cpu, other);
	KUNIT_EXPECT_EQ(test, f->out[0].deadline_ns, T0 + 2 * MS);
}

static void requeue_without_a_deadline_does_nothing(struct kunit *test)
{
	struct twq_utask *u = uworld_new(test, 0);

	KUNIT_EXPECT_EQ(test, twq_utask_requeue(u), 0);
	KUNIT_EXPECT_EQ(test, twq_task_state(&u->task) & TWQ_USED, 0);
	world_settle(test);
	KUNIT_EXPECT_EQ(test, uworld_read(test), -EAGAIN);
}

static void requeue_after_destroy_is_refused(struct kunit *test)
{
	struct uworld *f = test->priv;
	struct twq_utask *u = uworld_new(test, 0), *user;

	user = twq_utask_get(f->file, uworld_id(u));
	KUNIT_EXPECT_EQ(test, twq_utask_destroy(u), 0);
	store(user, T0 + MS);
	KUNIT_EXPECT_EQ(test, twq_utask_requeue(user), -ENOENT);
	twq_utask_put(user);
}

/* What a program writes there leads nobody but itself. */
static void position_of_the_program_is_not_believed(struct kunit *test)
{
	struct twq_utask *u = uworld_new(test, 0);
	struct twq_query query = {};

	move_to(test, u, T0 + 5 * MS);
	WRITE_ONCE(u->task.slot->position_ns, T0 + 9 * MS);
	twq_utask_query(u, &query);
	KUNIT_EXPECT_EQ(test, query.position_ns, T0 + 5 * MS);
	store(u, T0 + 7 * MS);
	KUNIT_EXPECT_EQ(test, twq_utask_requeue(u), 0);
	KUNIT_EXPECT_EQ(test, u->task.node.key_ns, T0 + 5 * MS);
	WRITE_ONCE(u->task.slot->position_ns, S64_MIN);
	world_advance(test, T0 + 7 * MS - 1);
	KUNIT_EXPECT_EQ(test, uworld_read(test), -EAGAIN);
	world_advance(test, T0 + 7 * MS);
	KUNIT_EXPECT_EQ(test, uworld_read(test), 1);
	KUNIT_EXPECT_EQ(test, u->task.slot->position_ns, TWQ_ETERNITY);
}

/* Nor does a call that takes no lock where the position needs no change. */
static void schedule_does_not_believe_the_program(struct kunit *test)
{
	struct twq_utask *u = uworld_new(test, 0);

	move_to(test, u, T0 + 9 * MS);
	WRITE_ONCE(u->task.slot->position_ns, S64_MIN);
	KUNIT_EXPECT_EQ(test, twq_utask_schedule(u, T0 + 5 * MS), 0);
	KUNIT_EXPECT_EQ(test, u->task.node.key_ns, T0 + 5 * MS);
	KUNIT_EXPECT_EQ(test, u->task.slot->position_ns, T0 + 5 * MS);
	WRITE_ONCE(u->task.slot->position_ns, TWQ_ETERNITY);
	KUNIT_EXPECT_EQ(test, twq_utask_schedule(u, T0 + 7 * MS), 0);
	KUNIT_EXPECT_EQ(test, u->task.node.key_ns, T0 + 5 * MS);
	world_advance(test, T0 + 5 * MS);
	KUNIT_EXPECT_EQ(test, uworld_read(test), 1);
}

static unsigned int due_stores;

/* Another due deadline, each time that a run has seen one. */
static void store_at_due(struct twq_task *task)
{
	twq_task_set_expires(task, T0 - ++due_stores);
	if (due_stores < 10)
		world_at(TWQ_TP_DUE, task, store_at_due);
}

/* A run gives up, and the next one has its chance. */
static void stores_in_a_loop_do_not_keep_a_run(struct kunit *test)
{
	struct uworld *f = test->priv;
	struct twq_utask *u = uworld_new(test, 0);
	struct twq_cpu_stats before = {}, after = {};

	due_stores = 0;
	twq_cpu_read_stats(world_cpu(), &before);
	world_at(TWQ_TP_DUE, &u->task, store_at_due);
	move_to(test, u, T0);
	KUNIT_EXPECT_EQ(test, due_stores, 10);
	twq_cpu_read_stats(world_cpu(), &after);
	/* 10 stores, at most 3 looks in a run. */
	KUNIT_EXPECT_GE(test, after.runs - before.runs, 4);
	KUNIT_ASSERT_EQ(test, uworld_read(test), 1);
	KUNIT_EXPECT_EQ(test, f->out[0].deadline_ns, T0 - 10);
	KUNIT_EXPECT_EQ(test, uworld_read(test), -EAGAIN);
	KUNIT_EXPECT_EQ(test, uworld_ledger(test).expired, 1);
	KUNIT_EXPECT_EQ(test, twq_utask_destroy(u), 0);
}

/* What stores have armed and disarmed is counted when tasks end. */
static void slots_exit(struct kunit *test)
{
	struct uworld *f = test->priv;
	struct twq_utask *u;
	u32 slot = 0;

	while (f && (u = twq_utask_next(f->file, &slot))) {
		twq_utask_destroy(u);
		twq_utask_put(u);
	}
	uworld_exit(test);
}

static struct kunit_case slots_cases[] = {
	KUNIT_CASE(slot_is_in_a_page_of_its_cpu),
	KUNIT_CASE(slot_of_another_cpu_when_no_page_is_left),
	KUNIT_CASE(memory_of_tasks_that_are_gone_is_given_back),
	KUNIT_CASE(memory_that_is_kept_is_not_replaced),
	KUNIT_CASE(tasks_come_and_go_in_any_order),
	KUNIT_CASE(slot_is_kept_for_the_last_user),
	KUNIT_CASE(slot_kept_is_not_a_task),
	KUNIT_CASE(new_task_does_not_see_what_was_stored),
	KUNIT_CASE_PARAM(unseen_stores_balance_at_the_end, unseen_gen_params),
	KUNIT_CASE(requeue_from_another_cpu_is_passed_on),
	KUNIT_CASE(requeue_without_a_deadline_does_nothing),
	KUNIT_CASE(requeue_after_destroy_is_refused),
	KUNIT_CASE(position_of_the_program_is_not_believed),
	KUNIT_CASE(schedule_does_not_believe_the_program),
	KUNIT_CASE(stores_in_a_loop_do_not_keep_a_run),
	{}
};

static struct kunit_suite slots_suite = {
	.name = "twq_slots",
	.init = uworld_init,
	.exit = slots_exit,
	.test_cases = slots_cases,
};

kunit_test_suite(slots_suite);
