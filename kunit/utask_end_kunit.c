// SPDX-License-Identifier: GPL-2.0
/*
 * Suite twq_utask_end: a deadline that is changed, a task that is ended and a
 * file that is closed while the task is on its way (K4, K5, K6). The other side
 * steps in at a test point, on another CPU where there is one. What no test
 * point reaches is tried many times over, and the ledger must balance.
 */
#include <kunit/test.h>
#include <linux/bottom_half.h>
#include <linux/delay.h>
#include <linux/prandom.h>

#include "task.h"
#include "utask.h"
#include "uworld.h"

static struct {
	struct twq_utask *u;
	int (*op)(struct twq_utask *u);
	s64 deadline_ns;
	int result;
	bool in_time;
	struct twq_file *file;
	u64 id;
	bool stop;
} step;

static int end_init(struct kunit *test)
{
	memset(&step, 0, sizeof(step));
	return uworld_init(test);
}

/* A case that was given up may have left the other side at work. */
static void end_exit(struct kunit *test)
{
	int cpu;

	WRITE_ONCE(step.stop, true);
	for_each_online_cpu(cpu)
		KUNIT_EXPECT_TRUE(test, world_puppet_wait(cpu));
	uworld_exit(test);
}

/* -- another side at a test point ----------------------------------------- */

static int op_queue(struct twq_utask *u)
{
	return twq_utask_queue(u, step.deadline_ns);
}

static int op_schedule(struct twq_utask *u)
{
	return twq_utask_schedule(u, step.deadline_ns);
}

static void step_run(void *info)
{
	step.result = step.op(step.u);
}

static void step_in(struct twq_task *task)
{
	int other = cpumask_next(world_cpu(), cpu_online_mask);

	if (other >= nr_cpu_ids) {
		step_run(NULL);
		step.in_time = true;
		return;
	}
	world_puppet(other, step_run, NULL);
	step.in_time = world_puppet_wait(other);
}

/* At @where of the task's next run do @op, with @deadline_ns. */
static void step_at(enum twq_testpoint where, struct twq_utask *u,
		    int (*op)(struct twq_utask *u), s64 deadline_ns)
{
	step.u = u;
	step.op = op;
	step.deadline_ns = deadline_ns;
	world_at(where, &u->task, step_in);
}

static void expect_step(struct kunit *test, int result)
{
	KUNIT_ASSERT_TRUE(test, world_at_reached());
	KUNIT_ASSERT_TRUE(test, step.in_time);
	KUNIT_EXPECT_EQ(test, step.result, result);
}

/* After the expiry was found; after the run has looked at the deadline. */
static const struct between {
	const char *name;
	enum twq_testpoint where;
} between_params[] = {
	{ "found and run", TWQ_TP_STARTED },
	{ "looked at and used", TWQ_TP_DUE },
};

static void between_desc(const struct between *p, char *desc)
{
	strscpy(desc, p->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(between, between_params, between_desc);

/* Its expiry was found, then the deadline went: no event for the old one. */
static void k9_deadline_moved_later_after_expiry(struct kunit *test)
{
	const struct between *between = test->param_value;
	struct uworld *f = test->priv;
	struct twq_utask *u = uworld_new(test, 0);

	twq_utask_queue(u, T0 + MS);
	step_at(between->where, u, op_queue, T0 + 9 * MS);
	world_advance(test, T0 + MS);
	expect_step(test, 0);
	KUNIT_EXPECT_EQ(test, uworld_read(test), -EAGAIN);
	KUNIT_EXPECT_EQ(test, uworld_ledger(test).moved, 1);
	KUNIT_EXPECT_EQ(test, uworld_ledger(test).fired, 0);
	world_advance(test, T0 + 9 * MS);
	KUNIT_ASSERT_EQ(test, uworld_read(test), 1);
	KUNIT_EXPECT_EQ(test, f->out[0].deadline_ns, T0 + 9 * MS);
	KUNIT_EXPECT_EQ(test, f->out[0].overruns, 0);
	KUNIT_EXPECT_EQ(test, uworld_ledger(test).expired, 1);
}

static void k9_deadline_moved_to_another_due_one(struct kunit *test)
{
	const struct between *between = test->param_value;
	struct uworld *f = test->priv;
	struct twq_utask *u = uworld_new(test, 0);

	twq_utask_queue(u, T0 + MS);
	step_at(between->where, u, op_queue, T0);
	world_advance(test, T0 + MS);
	expect_step(test, 0);
	KUNIT_ASSERT_EQ(test, uworld_read(test), 1);
	KUNIT_EXPECT_EQ(test, f->out[0].deadline_ns, T0);
	KUNIT_EXPECT_EQ(test, f->out[0].overruns, 0);
	KUNIT_EXPECT_EQ(test, uworld_ledger(test).moved, 1);
	KUNIT_EXPECT_EQ(test, uworld_ledger(test).expired, 1);
}

static void k5_cancel_after_expiry_stops_it(struct kunit *test)
{
	struct twq_utask *u = uworld_new(test, MS);

	twq_utask_queue(u, T0 + MS);
	step_at(TWQ_TP_STARTED, u, twq_utask_cancel, 0);
	world_advance(test, T0 + MS);
	expect_step(test, 1);
	world_advance(test, T0 + 9 * MS);
	KUNIT_EXPECT_EQ(test, uworld_read(test), -EAGAIN);
	KUNIT_EXPECT_EQ(test, uworld_ledger(test).cancelled, 1);
	KUNIT_EXPECT_EQ(test, uworld_ledger(test).expired, 0);
}

/* The interval has armed the next period, and the run is not over yet. */
static void k5_cancel_while_running_stops_the_next(struct kunit *test)
{
	struct twq_utask *u = uworld_new(test, MS);

	twq_utask_queue(u, T0 + MS);
	step_at(TWQ_TP_REQUEUED, u, twq_utask_cancel, 0);
	world_advance(test, T0 + MS);
	expect_step(test, 1);
	KUNIT_EXPECT_EQ(test, uworld_read(test), 1);
	world_advance(test, T0 + 9 * MS);
	KUNIT_EXPECT_EQ(test, uworld_read(test), -EAGAIN);
	KUNIT_EXPECT_EQ(test, uworld_ledger(test).cancelled, 1);
	KUNIT_EXPECT_EQ(test, uworld_ledger(test).expired, 1);
}

struct point_param {
	const char *desc;
	enum twq_testpoint where;
	int (*op)(struct twq_utask *u);
};

static const struct point_param start_params[] = {
	{ "queue, on its way", TWQ_TP_PUSH, op_queue },
	{ "queue, run has begun", TWQ_TP_STARTED, op_queue },
	{ "queue, run is nearly over", TWQ_TP_REQUEUED, op_queue },
	{ "schedule, on its way", TWQ_TP_PUSH, op_schedule },
	{ "schedule, run has begun", TWQ_TP_STARTED, op_schedule },
	{ "schedule, run is nearly over", TWQ_TP_REQUEUED, op_schedule },
};

static const struct point_param end_params[] = {
	{ "expiry holds the tree", TWQ_TP_WOKEN, twq_utask_destroy },
	{ "run has begun", TWQ_TP_STARTED, twq_utask_destroy },
	{ "run is nearly over", TWQ_TP_REQUEUED, twq_utask_destroy },
};

static void point_desc(const struct point_param *p, char *desc)
{
	strscpy(desc, p->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(start, start_params, point_desc);
KUNIT_ARRAY_PARAM(end, end_params, point_desc);

/* A run that is there for another reason does not swallow the deadline. */
static void h15_start_while_woken_is_not_lost(struct kunit *test)
{
	const struct point_param *p = test->param_value;
	struct uworld *f = test->priv;
	struct twq_utask *u = uworld_new(test, 0);

	step_at(p->where, u, p->op, T0 + MS);
	twq_task_wakeup(&u->task, TWQ_WOKEN_MSG);
	world_settle(test);
	expect_step(test, 0);
	KUNIT_EXPECT_EQ(test, uworld_read(test), 1);
	KUNIT_EXPECT_EQ(test, f->out[0].reasons, TWQ_WOKEN_MSG);
	world_advance(test, T0 + MS);
	KUNIT_ASSERT_EQ(test, uworld_read(test), 1);
	KUNIT_EXPECT_EQ(test, f->out[0].deadline_ns, T0 + MS);
	KUNIT_EXPECT_EQ(test, uworld_ledger(test).expired, 1);
}

/* After the destroy has returned there is no event, whatever was under way. */
static void k4_destroy_while_expiring_is_silent(struct kunit *test)
{
	const struct point_param *p = test->param_value;
	struct uworld *f = test->priv;
	struct twq_utask *u = uworld_new(test, MS);
	struct twq_ledger l;
	u64 id = uworld_id(u);

	world_other_cpu(test);
	twq_utask_queue(u, T0 + MS);
	step_at(p->where, u, p->op, 0);
	world_advance(test, T0 + MS);
	expect_step(test, 0);
	world_advance(test, T0 + 9 * MS);
	KUNIT_EXPECT_EQ(test, uworld_read(test), -EAGAIN);
	KUNIT_EXPECT_EQ(test, uworld_find(test, id), -ENOENT);
	KUNIT_EXPECT_EQ(test, atomic_read(&f->file->live), 1);
	l = uworld_ledger(test);
	KUNIT_EXPECT_EQ(test, l.destroyed, 1);
	KUNIT_EXPECT_EQ(test, l.dropped, 1);
	KUNIT_EXPECT_EQ(test, l.fired, l.discarded);
	uworld_expect_balance(test);
}

/* The one step by which a deadline is used up: not one that has changed. */
static void k9_expire_of_a_changed_deadline_is_refused(struct kunit *test)
{
	struct twq_utask *u = uworld_new(test, 0);

	twq_utask_queue(u, T0 + 5 * MS);
	KUNIT_EXPECT_FALSE(test, twq_task_expire(&u->task, T0 + MS, T0 + SEC));
	KUNIT_EXPECT_EQ(test, twq_task_expires(&u->task), T0 + 5 * MS);
	twq_utask_cancel(u);
	KUNIT_EXPECT_FALSE(test, twq_task_expire(&u->task, T0 + 5 * MS,
						 T0 + SEC));
	KUNIT_EXPECT_EQ(test, twq_task_expires(&u->task), TWQ_ETERNITY);
}

/* -- references and ends -------------------------------------------------- */

static void k6_reference_outlives_destroy(struct kunit *test)
{
	struct twq_utask *u = uworld_new(test, 0), *held;
	struct uworld *f = test->priv;
	u64 id = uworld_id(u);

	held = twq_utask_get(f->file, id);
	KUNIT_ASSERT_PTR_EQ(test, held, u);
	KUNIT_EXPECT_EQ(test, refcount_read(&held->ref), 2);
	twq_utask_queue(held, T0 + MS);
	KUNIT_EXPECT_EQ(test, twq_utask_destroy(held), 0);
	KUNIT_EXPECT_EQ(test, uworld_find(test, id), -ENOENT);
	rcu_barrier();
	KUNIT_ASSERT_EQ(test, refcount_read(&held->ref), 1);
	KUNIT_EXPECT_EQ(test, uworld_id(held), id);
	KUNIT_EXPECT_EQ(test, twq_utask_destroy(held), -ENOENT);
	twq_utask_put(held);
	KUNIT_EXPECT_EQ(test, uworld_ledger(test).destroyed, 1);
}

/* The calls that find a task and hold it without a reference. */
static int queue_id(struct twq_file *file, u64 id, s64 deadline_ns)
{
	int err;

	local_bh_disable();
	err = twq_utask_queue_id(file, id, deadline_ns);
	local_bh_enable();
	return err;
}

static int cancel_id(struct twq_file *file, u64 id)
{
	int ret;

	local_bh_disable();
	ret = twq_utask_cancel_id(file, id);
	local_bh_enable();
	return ret;
}

static int requeue_id(struct twq_file *file, u64 id)
{
	int err;

	local_bh_disable();
	err = twq_utask_requeue_id(file, id);
	local_bh_enable();
	return err;
}

static const struct held {
	const char *name;
	u32 flags;
} held_params[] = {
	{ "local", 0 },
	{ "shared", TWQ_CREATE_SHARED },
};

static void held_desc(const struct held *p, char *desc)
{
	strscpy(desc, p->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(held, held_params, held_desc);

static struct twq_utask *new_held(struct kunit *test)
{
	const struct held *held = test->param_value;
	struct twq_utask *u = uworld_try_new(test, 0, world_cpu(), held->flags);

	KUNIT_ASSERT_FALSE(test, IS_ERR(u));
	return u;
}

/* Unused, by a reference; afterwards by its tree: the same to who calls. */
static void held_task_is_used_as_any(struct kunit *test)
{
	struct twq_utask *u = new_held(test);
	struct uworld *f = test->priv;
	u64 id = uworld_id(u);

	KUNIT_EXPECT_EQ(test, cancel_id(f->file, id), 0);
	KUNIT_EXPECT_EQ(test, queue_id(f->file, id, T0 + 5 * MS), 0);
	KUNIT_EXPECT_EQ(test, queue_id(f->file, id, T0 + 9 * MS), 0);
	KUNIT_EXPECT_EQ(test, u->task.node.key_ns, T0 + 5 * MS);
	KUNIT_EXPECT_EQ(test, queue_id(f->file, id, T0 + 2 * MS), 0);
	KUNIT_EXPECT_EQ(test, u->task.node.key_ns, T0 + 2 * MS);
	WRITE_ONCE(u->task.slot->deadline_ns, T0 + MS);
	KUNIT_EXPECT_EQ(test, requeue_id(f->file, id), 0);
	KUNIT_EXPECT_EQ(test, u->task.node.key_ns, T0 + MS);
	KUNIT_EXPECT_EQ(test, cancel_id(f->file, id), 1);
	KUNIT_EXPECT_EQ(test, cancel_id(f->file, id), 0);
	KUNIT_EXPECT_EQ(test, refcount_read(&u->ref), 1);
	KUNIT_EXPECT_EQ(test, uworld_ledger(test).armed, 3);
	KUNIT_EXPECT_EQ(test, uworld_ledger(test).moved, 2);
	KUNIT_EXPECT_EQ(test, uworld_ledger(test).cancelled, 1);
	world_advance(test, T0 + 9 * MS);
	KUNIT_EXPECT_EQ(test, uworld_ledger(test).fired, 0);
}

/* Ended, with its memory still there; then another task's, which is used. */
static void ended_task_is_not_held(struct kunit *test)
{
	struct twq_utask *u = new_held(test), *user, *next;
	struct uworld *f = test->priv;
	u64 id = uworld_id(u);

	KUNIT_EXPECT_EQ(test, queue_id(f->file, id, T0 + 5 * MS), 0);
	user = twq_utask_get(f->file, id);
	KUNIT_ASSERT_PTR_EQ(test, user, u);
	KUNIT_EXPECT_EQ(test, twq_utask_destroy(u), 0);
	KUNIT_EXPECT_EQ(test, queue_id(f->file, id, T0 + MS), -ENOENT);
	KUNIT_EXPECT_EQ(test, cancel_id(f->file, id), -ENOENT);
	KUNIT_EXPECT_EQ(test, requeue_id(f->file, id), -ENOENT);
	KUNIT_EXPECT_FALSE(test, twq_node_linked(&u->task.node));
	twq_utask_put(user);
	next = new_held(test);
	KUNIT_ASSERT_EQ(test, TWQ_SLOT(uworld_id(next)), TWQ_SLOT(id));
	twq_utask_queue(next, T0 + 5 * MS);
	KUNIT_EXPECT_EQ(test, queue_id(f->file, id, T0 + MS), -ENOENT);
	KUNIT_EXPECT_EQ(test, cancel_id(f->file, id), -ENOENT);
	KUNIT_EXPECT_EQ(test, requeue_id(f->file, id), -ENOENT);
	KUNIT_EXPECT_EQ(test, twq_task_expires(&next->task), T0 + 5 * MS);
	KUNIT_EXPECT_EQ(test, next->task.node.key_ns, T0 + 5 * MS);
}

/* Between the two steps of an end elsewhere, from the first of them on. */
static void closed_task_is_not_held(struct kunit *test)
{
	struct twq_utask *u = new_held(test);
	struct uworld *f = test->priv;
	u64 id = uworld_id(u);

	KUNIT_EXPECT_EQ(test, queue_id(f->file, id, T0 + 5 * MS), 0);
	local_bh_disable();
	KUNIT_EXPECT_TRUE(test, twq_events_close(&f->file->events, &u->ready));
	local_bh_enable();
	KUNIT_EXPECT_EQ(test, queue_id(f->file, id, T0 + MS), -ENOENT);
	KUNIT_EXPECT_EQ(test, cancel_id(f->file, id), -ENOENT);
	KUNIT_EXPECT_EQ(test, requeue_id(f->file, id), -ENOENT);
	KUNIT_EXPECT_EQ(test, twq_task_expires(&u->task), T0 + 5 * MS);
	atomic_dec(&f->file->nr);
	KUNIT_EXPECT_EQ(test, twq_task_destroy(&u->task), 0);
}

/* Ends it; its slot is the next one's, which is queued, too. */
static int op_replace(struct twq_utask *u)
{
	const struct twq_create args = { .flags = TWQ_CREATE_SHARED };
	int err = twq_utask_destroy(u);

	if (err)
		return err;
	step.u = twq_utask_new(step.file, &args, cpumask_of(world_cpu()));
	if (IS_ERR(step.u))
		return PTR_ERR(step.u);
	twq_utask_publish(step.u);
	return twq_utask_queue(step.u, step.deadline_ns);
}

static void replaced_before_it_is_held(struct kunit *test)
{
	struct twq_utask *u = uworld_new(test, 0);
	struct uworld *f = test->priv;
	u64 id = uworld_id(u);

	/* Here, with bottom halves off, memory could not be asked for. */
	if (num_online_cpus() == 1)
		kunit_skip(test, "needs a second CPU");
	twq_utask_queue(u, T0 + 5 * MS);
	step.file = f->file;
	step_at(TWQ_TP_ENTER, u, op_replace, T0 + 9 * MS);
	KUNIT_EXPECT_EQ(test, queue_id(f->file, id, T0 + MS), -ENOENT);
	expect_step(test, 0);
	KUNIT_EXPECT_EQ(test, TWQ_SLOT(uworld_id(step.u)), TWQ_SLOT(id));
	KUNIT_EXPECT_EQ(test, twq_task_expires(&step.u->task), T0 + 9 * MS);
	KUNIT_EXPECT_EQ(test, uworld_ledger(test).armed, 2);
}

/* Ended, but not gone: somebody has a reference. */
static void ended_before_it_is_held(struct kunit *test)
{
	struct twq_utask *u = new_held(test), *user;
	struct uworld *f = test->priv;
	u64 id = uworld_id(u);

	twq_utask_queue(u, T0 + 5 * MS);
	user = twq_utask_get(f->file, id);
	KUNIT_ASSERT_PTR_EQ(test, user, u);
	step_at(TWQ_TP_ENTER, u, twq_utask_destroy, 0);
	KUNIT_EXPECT_EQ(test, queue_id(f->file, id, T0 + MS), -ENOENT);
	expect_step(test, 0);
	world_settle(test);
	KUNIT_EXPECT_FALSE(test, twq_node_linked(&u->task.node));
	KUNIT_EXPECT_EQ(test, uworld_ledger(test).armed, 1);
	twq_utask_put(user);
}

static void k5_start_after_destroy_arms_nothing(struct kunit *test)
{
	struct twq_utask *u = uworld_new(test, 0);
	struct uworld *f = test->priv;
	struct twq_ledger l;

	u = twq_utask_get(f->file, uworld_id(u));
	KUNIT_EXPECT_EQ(test, twq_utask_destroy(u), 0);
	KUNIT_EXPECT_EQ(test, twq_utask_queue(u, T0 + MS), -ENOENT);
	KUNIT_EXPECT_EQ(test, twq_utask_schedule(u, T0 + MS), -ENOENT);
	KUNIT_EXPECT_EQ(test, twq_utask_cancel(u), -ENOENT);
	KUNIT_EXPECT_FALSE(test, twq_node_linked(&u->task.node));
	twq_task_wakeup(&u->task, TWQ_WOKEN_MSG);
	world_advance(test, T0 + 2 * MS);
	l = uworld_ledger(test);
	KUNIT_EXPECT_EQ(test, l.armed, 0);
	KUNIT_EXPECT_EQ(test, l.fired, 0);
	twq_utask_put(u);
}

static void utask_destroy_discards_the_unread(struct kunit *test)
{
	struct twq_utask *u = uworld_new(test, MS);
	struct twq_ledger l;

	twq_utask_queue(u, T0 + MS);
	world_advance(test, T0 + MS);
	world_advance(test, T0 + 2 * MS);
	KUNIT_EXPECT_EQ(test, uworld_ledger(test).pending, 1);
	KUNIT_EXPECT_EQ(test, twq_utask_destroy(u), 0);
	KUNIT_EXPECT_EQ(test, uworld_read(test), -EAGAIN);
	l = uworld_ledger(test);
	KUNIT_EXPECT_EQ(test, l.fired, 2);
	KUNIT_EXPECT_EQ(test, l.coalesced, 1);
	KUNIT_EXPECT_EQ(test, l.pending, 0);
	KUNIT_EXPECT_EQ(test, l.discarded, 1);
	KUNIT_EXPECT_EQ(test, l.dropped, 1);
}

static void utask_destroy_of_one_leaves_the_others(struct kunit *test)
{
	struct uworld *f = test->priv;
	struct twq_utask *u[3];
	int i;

	for (i = 0; i < ARRAY_SIZE(u); i++) {
		u[i] = uworld_new(test, 0);
		twq_utask_queue(u[i], T0 + (i + 1) * MS);
	}
	KUNIT_EXPECT_EQ(test, twq_utask_destroy(u[1]), 0);
	world_advance(test, T0 + SEC);
	KUNIT_ASSERT_EQ(test, uworld_read(test), 2);
	KUNIT_EXPECT_EQ(test, f->out[0].id, uworld_id(u[0]));
	KUNIT_EXPECT_EQ(test, f->out[1].id, uworld_id(u[2]));
}

/* -- close ---------------------------------------------------------------- */

static void file_close_ends_tasks_in_every_state(struct kunit *test)
{
	struct twq_utask *u;

	uworld_new(test, 0);
	twq_utask_queue(uworld_new(test, 0), T0 + MS);
	twq_utask_queue(uworld_new(test, MS), T0 + SEC);
	u = uworld_try_new(test, 0, world_cpu(), 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR(u));
	twq_utask_queue(u, T0 + SEC);
	world_advance(test, T0 + MS);
	KUNIT_EXPECT_EQ(test, uworld_ledger(test).pending, 1);
	/* The queues of another CPU, which alone may touch its tree. */
	u = uworld_try_new(test, 0, cpumask_last(cpu_online_mask), 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR(u));
	twq_task_wakeup(&u->task, TWQ_WOKEN_MSG);
	twq_task_wakeup(&uworld_new(test, 0)->task, TWQ_WOKEN_MSG);
	uworld_close(test);
	world_settle(test);
	/* That nothing is left in any tree is seen by the end of the world. */
}

static void linger_until_killed(struct twq_task *task)
{
	int i;

	for (i = 0; i < 2000000 && !(twq_task_state(task) & TWQ_KILLED); i++)
		udelay(5);
	mdelay(20);
	WRITE_ONCE(step.in_time, twq_task_state(task) & TWQ_KILLED);
}

static void k4_file_close_waits_for_a_run(struct kunit *test)
{
	int i, other = world_other_cpu(test);
	struct twq_utask *u = uworld_try_new(test, 0, other, 0);

	KUNIT_ASSERT_FALSE(test, IS_ERR(u));
	world_at(TWQ_TP_STARTED, &u->task, linger_until_killed);
	twq_task_wakeup(&u->task, TWQ_WOKEN_MSG);
	for (i = 0; i < 500 && !world_at_reached(); i++)
		msleep(20);
	KUNIT_ASSERT_TRUE(test, world_at_reached());
	uworld_close(test);
	KUNIT_EXPECT_TRUE(test, READ_ONCE(step.in_time));
}

/* -- what no test point reaches ------------------------------------------- */

static void restless(void *info)
{
	struct rnd_state rnd;
	u32 random;
	int i;

	prandom_seed_state(&rnd, 5);
	for (i = 0; i < 100000; i++) {
		random = prandom_u32_state(&rnd);
		if (random & 1)
			twq_utask_queue(step.u, T0 - (random >> 4 & 7));
		else if (random & 2)
			twq_utask_cancel(step.u);
		else
			twq_utask_schedule(step.u, T0 - (random >> 4 & 7));
		if (!(i % 64))
			cond_resched();
	}
}

/* Each change meets a look at the deadline that is due, here or there. */
static void k9_storm_of_changes_loses_no_arming(struct kunit *test)
{
	int other = world_other_cpu(test);
	struct twq_utask *u = uworld_new(test, 0);

	step.u = u;
	world_puppet(other, restless, NULL);
	while (!world_puppet_done(other)) {
		uworld_read(test);
		cond_resched();
	}
	world_settle(test);
	KUNIT_EXPECT_EQ(test, twq_task_expires(&u->task), TWQ_ETERNITY);
	KUNIT_EXPECT_GT(test, uworld_ledger(test).expired, 0);
	uworld_expect_balance(test);
}

/* One that looks for the task and starts it for as long as it is there. */
static void starter(void *info)
{
	struct twq_utask *u;
	u64 id;

	while (!READ_ONCE(step.stop)) {
		id = READ_ONCE(step.id);
		u = twq_utask_get(step.file, id);
		cond_resched();
		if (IS_ERR(u))
			continue;
		twq_utask_queue(u, T0);
		twq_utask_schedule(u, T0 + MS);
		twq_task_wakeup(&u->task, TWQ_WOKEN_MSG);
		twq_utask_cancel(u);
		twq_utask_queue(u, T0 + MS);
		twq_utask_put(u);
	}
}

static void k6_storm_of_starts_against_destroy(struct kunit *test)
{
	int i, other = world_other_cpu(test);
	struct uworld *f = test->priv;
	struct twq_utask *u;

	step.file = f->file;
	world_puppet(other, starter, NULL);
	for (i = 0; i < 3000; i++) {
		u = uworld_new(test, 100 * 1000);
		WRITE_ONCE(step.id, uworld_id(u));
		udelay(i % 20);
		KUNIT_EXPECT_EQ(test, twq_utask_destroy(u), 0);
		uworld_read(test);
		cond_resched();
	}
	WRITE_ONCE(step.stop, true);
	KUNIT_ASSERT_TRUE(test, world_puppet_wait(other));
	world_settle(test);
	KUNIT_EXPECT_EQ(test, uworld_ledger(test).destroyed, 3000);
	KUNIT_EXPECT_GT(test, uworld_ledger(test).armed, 0);
	KUNIT_EXPECT_EQ(test, uworld_ledger(test).pending, 0);
	uworld_expect_balance(test);
}

static struct kunit_case end_cases[] = {
	KUNIT_CASE_PARAM(k9_deadline_moved_later_after_expiry,
			 between_gen_params),
	KUNIT_CASE_PARAM(k9_deadline_moved_to_another_due_one,
			 between_gen_params),
	KUNIT_CASE(k5_cancel_after_expiry_stops_it),
	KUNIT_CASE(k5_cancel_while_running_stops_the_next),
	KUNIT_CASE_PARAM(h15_start_while_woken_is_not_lost, start_gen_params),
	KUNIT_CASE_PARAM(k4_destroy_while_expiring_is_silent, end_gen_params),
	KUNIT_CASE(k9_expire_of_a_changed_deadline_is_refused),
	KUNIT_CASE(k6_reference_outlives_destroy),
	KUNIT_CASE_PARAM(held_task_is_used_as_any, held_gen_params),
	KUNIT_CASE_PARAM(ended_task_is_not_held, held_gen_params),
	KUNIT_CASE_PARAM(closed_task_is_not_held, held_gen_params),
	KUNIT_CASE(replaced_before_it_is_held),
	KUNIT_CASE_PARAM(ended_before_it_is_held, held_gen_params),
	KUNIT_CASE(k5_start_after_destroy_arms_nothing),
	KUNIT_CASE(utask_destroy_discards_the_unread),
	KUNIT_CASE(utask_destroy_of_one_leaves_the_others),
	KUNIT_CASE(file_close_ends_tasks_in_every_state),
	KUNIT_CASE(k4_file_close_waits_for_a_run),
	KUNIT_CASE(k9_storm_of_changes_loses_no_arming),
	KUNIT_CASE(k6_storm_of_starts_against_destroy),
	{}
};

static struct kunit_suite end_suite = {
	.name = "twq_utask_end",
	.init = end_init,
	.exit = end_exit,
	.test_cases = end_cases,
};

kunit_test_suite(end_suite);
