// SPDX-License-Identifier: GPL-2.0
/*
 * Suite twq_slots: deadlines of user space in memory that the program writes:
 * where slots are, how long, what the ledger makes of stores that no call has
 * seen, and what a store between two steps leads to.
 */
#include <kunit/test.h>
#include <linux/mm.h>

#include "cpu.h"
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

static void slots_of_cpus_are_in_pages_of_their_own(struct kunit *test)
{
	s64 last = -1;
	int cpu;

	for (cpu = 0; cpu < nr_cpu_ids; cpu++) {
		KUNIT_EXPECT_EQ(test, twq_slots_first(cpu), last + 1);
		last = twq_slots_last(cpu);
		KUNIT_EXPECT_EQ(test, twq_slots_first(cpu) % PER_PAGE, 0);
		KUNIT_EXPECT_GE(test, last, twq_slots_first(cpu) + PER_PAGE - 1);
	}
	KUNIT_EXPECT_LT(test, last, TWQ_MAX_SLOTS);
}

static void expect_slot_of(struct kunit *test, const struct twq_utask *u,
			   int cpu)
{
	KUNIT_EXPECT_GE(test, slot_of(u), twq_slots_first(cpu));
	KUNIT_EXPECT_LE(test, slot_of(u), twq_slots_last(cpu));
}

static void slot_is_among_its_cpus(struct kunit *test)
{
	const struct twq_create args = {};
	struct uworld *f = test->priv;
	struct twq_utask *u;
	int cpu;

	for_each_online_cpu(cpu) {
		expect_slot_of(test, new_on(test, cpu), cpu);
		u = uworld_try_new(test, 0, cpu, TWQ_CREATE_SHARED);
		expect_slot_of(test, u, cpu);
	}
	u = twq_utask_new(f->file, &args, cpu_online_mask);
	KUNIT_ASSERT_FALSE(test, IS_ERR(u));
	twq_utask_publish(u);
	expect_slot_of(test, u, world_cpu());
}

/* As long as there is a slot anywhere. */
static void slot_of_another_cpu_when_its_own_are_taken(struct kunit *test)
{
	struct uworld *f = test->priv;
	int cpu = world_other_cpu(test);
	u32 first = twq_slots_first(cpu), slot;
	struct twq_utask *u;
	int err;

	if (IS_ENABLED(CONFIG_KASAN) || IS_ENABLED(CONFIG_KCSAN))
		kunit_skip(test, "millions of slots, which take too long here");
	do {
		err = xa_alloc_bh(&f->file->tasks, &slot, NULL,
				  XA_LIMIT(first, twq_slots_last(cpu)),
				  GFP_KERNEL);
		cond_resched();
	} while (!err);
	KUNIT_ASSERT_EQ(test, err, -EBUSY);
	u = new_on(test, cpu);
	KUNIT_EXPECT_TRUE(test, slot_of(u) < first ||
			  slot_of(u) > twq_slots_last(cpu));
	KUNIT_EXPECT_LT(test, slot_of(u), TWQ_MAX_SLOTS);
	move_to(test, u, T0 + MS);
	world_advance(test, T0 + MS);
	KUNIT_EXPECT_EQ(test, uworld_read(test), 1);
}

/* -- how long ------------------------------------------------------------- */

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
	unsigned long slot;

	if (f)
		xa_for_each(&f->file->tasks, slot, u)
			twq_utask_destroy(u);
	uworld_exit(test);
}

static struct kunit_case slots_cases[] = {
	KUNIT_CASE(slots_of_cpus_are_in_pages_of_their_own),
	KUNIT_CASE(slot_is_among_its_cpus),
	KUNIT_CASE(slot_of_another_cpu_when_its_own_are_taken),
	KUNIT_CASE(slot_is_kept_for_the_last_user),
	KUNIT_CASE(slot_kept_is_not_a_task),
	KUNIT_CASE(new_task_does_not_see_what_was_stored),
	KUNIT_CASE_PARAM(unseen_stores_balance_at_the_end, unseen_gen_params),
	KUNIT_CASE(requeue_from_another_cpu_is_passed_on),
	KUNIT_CASE(requeue_without_a_deadline_does_nothing),
	KUNIT_CASE(requeue_after_destroy_is_refused),
	KUNIT_CASE(position_of_the_program_is_not_believed),
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
