// SPDX-License-Identifier: GPL-2.0
/*
 * What calls do to the deadline of a task of user space, and the ledger of
 * armings. The task is held by a reference of the caller, or it is found here by
 * its id and held by its tree (hold.h) where that can be done.
 */
#include <linux/bottom_half.h>
#include <linux/err.h>

#include "counters.h"
#include "hold.h"
#include "table.h"
#include "task.h"
#include "utask.h"

static __always_inline void
twq_utask_account(struct twq_file *file, struct twq_utask *u, s64 old_ns,
		  s64 new_ns)
{
	const bool was = old_ns != TWQ_ETERNITY, is = new_ns != TWQ_ETERNITY;

	if (is)
		this_cpu_inc(file->counters->armed);
	if (was && is)
		this_cpu_inc(file->counters->moved);
	else if (was)
		this_cpu_inc(file->counters->cancelled);
	if (was != is)
		atomic64_add(is ? 1 : -1, &u->open);
}

/*
 * Finds the task with @id and holds it by its tree. False where that can't be
 * done, for whatever reason: then it takes a reference to find out.
 */
static __always_inline bool twq_utask_hold(struct twq_file *file, u64 id,
					   struct twq_utask **u, u32 *state)
{
	struct twq_block *block = twq_slots_block(&file->slots, TWQ_SLOT(id));

	if (!block)
		return false;
	*u = twq_block_task(block, TWQ_SLOT(id));
	if (unlikely(!twq_task_hold(&(*u)->task, state)))
		return false;
	/*
	 * Closed, it is no more to other calls, though not KILLED yet. Pairs
	 * with twq_events_close().
	 */
	if (likely((*u)->ready.event.id == id && !READ_ONCE((*u)->ready.closed)))
		return true;
	twq_task_let_go(*state);
	return false;
}

/* To user space a task that is being ended is one that is not there. */
static int twq_utask_errno(int err)
{
	return err == -ESRCH ? -ENOENT : err;
}

/**
 * twq_utask_queue() - set the deadline
 * @u: the task, held by a reference
 * @deadline_ns: nanoseconds of CLOCK_MONOTONIC, TWQ_ETERNITY for none
 *
 * Context: process or bottom half.
 * Return: 0; -EXDEV; -ENOENT.
 */
int twq_utask_queue(struct twq_utask *u, s64 deadline_ns)
{
	s64 old_ns;
	int err = twq_task_queue_at(&u->task, deadline_ns, &old_ns);

	if (!err)
		twq_utask_account(twq_utask_file(u), u, old_ns, deadline_ns);
	return twq_utask_errno(err);
}

/**
 * twq_utask_schedule() - have the deadline no later than a time
 * @u: the task, held by a reference
 * @deadline_ns: nanoseconds of CLOCK_MONOTONIC
 *
 * Not twq_task_schedule(): a run of a user-space task tells of a deadline that
 * is due and of wake-ups, so one that is under way for another reason does not
 * honour the request, and could not know of it.
 *
 * Context: process or bottom half.
 * Return: 0; -EXDEV; -ENOENT.
 */
int twq_utask_schedule(struct twq_utask *u, s64 deadline_ns)
{
	s64 old_ns;
	int err = twq_task_queue_before(&u->task, deadline_ns, &old_ns);

	if (!err && deadline_ns < old_ns)
		twq_utask_account(twq_utask_file(u), u, old_ns, deadline_ns);
	return twq_utask_errno(err);
}

/**
 * twq_utask_requeue() - bring a task to the deadline that is in its slot
 * @u: the task, held by a reference
 *
 * Context: process or bottom half. From any CPU: where this one may not, the owner does it.
 * Return: 0; -ENOENT.
 */
int twq_utask_requeue(struct twq_utask *u)
{
	int err;

	/* See twq_utask_wakeup(). */
	local_bh_disable();
	err = twq_task_requeue(&u->task);
	local_bh_enable();
	return twq_utask_errno(err);
}

/**
 * twq_utask_cancel() - take the deadline away
 * @u: the task, held by a reference
 *
 * Context: process or bottom half.
 * Return: 1 when there was one, which now does not fire; 0; -EXDEV; -ENOENT.
 */
int twq_utask_cancel(struct twq_utask *u)
{
	s64 old_ns;
	int err = twq_task_queue_at(&u->task, TWQ_ETERNITY, &old_ns);

	if (err)
		return twq_utask_errno(err);
	twq_utask_account(twq_utask_file(u), u, old_ns, TWQ_ETERNITY);
	return old_ns != TWQ_ETERNITY;
}

/*
 * The same for a task that can't be held by its tree: it was not used yet, or
 * is another CPU's, or there is none.
 */
static noinline int twq_utask_queue_found(struct twq_file *file, u64 id,
					  s64 deadline_ns)
{
	struct twq_utask *u = twq_utask_get(file, id);
	int err;

	if (IS_ERR(u))
		return PTR_ERR(u);
	err = twq_utask_queue(u, deadline_ns);
	twq_utask_put(u);
	return err;
}

/**
 * twq_utask_queue_id() - twq_utask_queue() of a task that is to be found
 * @file: the open file
 * @id: the task
 * @deadline_ns: as for twq_utask_queue()
 *
 * Context: process, bottom halves off.
 * Return: as twq_utask_queue().
 */
int twq_utask_queue_id(struct twq_file *file, u64 id, s64 deadline_ns)
{
	struct twq_utask *u;
	s64 old_ns;
	u32 state;

	if (!twq_utask_hold(file, id, &u, &state))
		return twq_utask_queue_found(file, id, deadline_ns);
	old_ns = twq_tree_replace(&u->task, state, deadline_ns, twq_task_move);
	twq_utask_account(file, u, old_ns, deadline_ns);
	twq_task_let_go(state);
	return 0;
}

static noinline int twq_utask_cancel_found(struct twq_file *file, u64 id)
{
	struct twq_utask *u = twq_utask_get(file, id);
	int ret;

	if (IS_ERR(u))
		return PTR_ERR(u);
	ret = twq_utask_cancel(u);
	twq_utask_put(u);
	return ret;
}

/**
 * twq_utask_cancel_id() - twq_utask_cancel() of a task that is to be found
 * @file: the open file
 * @id: the task
 *
 * Context: process, bottom halves off.
 * Return: as twq_utask_cancel().
 */
int twq_utask_cancel_id(struct twq_file *file, u64 id)
{
	struct twq_utask *u;
	s64 old_ns;
	u32 state;

	if (!twq_utask_hold(file, id, &u, &state))
		return twq_utask_cancel_found(file, id);
	old_ns = twq_tree_replace(&u->task, state, TWQ_ETERNITY,
				  twq_task_move);
	twq_utask_account(file, u, old_ns, TWQ_ETERNITY);
	twq_task_let_go(state);
	return old_ns != TWQ_ETERNITY;
}

static noinline int twq_utask_requeue_found(struct twq_file *file, u64 id)
{
	struct twq_utask *u = twq_utask_get(file, id);
	int err;

	if (IS_ERR(u))
		return PTR_ERR(u);
	err = twq_utask_requeue(u);
	twq_utask_put(u);
	return err;
}

/**
 * twq_utask_requeue_id() - twq_utask_requeue() of a task that is to be found
 * @file: the open file
 * @id: the task
 *
 * Context: process, bottom halves off.
 * Return: as twq_utask_requeue().
 */
int twq_utask_requeue_id(struct twq_file *file, u64 id)
{
	struct twq_utask *u;
	u32 state;

	if (!twq_utask_hold(file, id, &u, &state))
		return twq_utask_requeue_found(file, id);
	twq_tree_place(&u->task, state, twq_task_move);
	twq_task_let_go(state);
	return 0;
}

/**
 * twq_utask_wakeup() - have the task run
 * @u: the task, held by a reference
 * @reasons: for the event
 *
 * Context: process or bottom half.
 */
void twq_utask_wakeup(struct twq_utask *u, u32 reasons)
{
	/*
	 * A pass that is asked for with bottom halves on is left to ksoftirqd;
	 * so it is made when they are on again.
	 */
	local_bh_disable();
	twq_task_wakeup(&u->task, reasons);
	local_bh_enable();
}
