/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A task that was found, and on which the caller has no reference, is kept by
 * the exclusion of its tree. Whoever ends a used task of user space sets KILLED,
 * and then enters its tree before he lets go of its memory (twq_task_detach()). So
 * in the tree that the state names, with TWQ_USED set and KILLED not, the task
 * is there until the tree is left: he who sets KILLED now comes after that.
 *
 * What is no task yet, or not any more, looks like one that can't be held: new
 * memory and a task not published are not USED, one that has ended is KILLED.
 */
#ifndef TWQ_HOLD_H
#define TWQ_HOLD_H

#include <linux/lockdep.h>

#include "cpu.h"
#include "race.h"
#include "shared.h"
#include "state.h"
#include "testpoint.h"

/* The CPU that owns a task which is not SHARED_WQ. */
static inline struct twq_cpu *twq_home(u32 state)
{
	return per_cpu_ptr(&twq_cpus, twq_state_cpu(state));
}

/* Leaves what was entered by that state; bottom halves stay off. */
static __always_inline void twq_task_let_go(u32 state)
{
	if (state & TWQ_SHARED_WQ)
		twq_shared_leave();
	else
		twq_cpu_leave(twq_home(state));
}

/**
 * twq_task_hold() - keep a task, if it is one, by entering its tree
 * @task: its memory, which is a task's of some time and is not given back as
 *	long as bottom halves are off
 * @state: where the state goes, by which the tree is left
 *
 * Context: bottom halves off, from finding @task to after twq_task_let_go().
 * Return: true if the task was used and has not ended, and this CPU may touch
 * its tree. Whose it is the caller then has to look at. False: nothing is held,
 * and nothing was found out.
 */
static __always_inline bool twq_task_hold(struct twq_task *task, u32 *state)
{
	/* What the tree is named by and what it takes to hold it. */
	const u32 bits = GENMASK(31, TWQ_CPU_SHIFT) | TWQ_SHARED_WQ | TWQ_USED |
			 TWQ_KILLED;
	u32 s = twq_task_state(task);

	/* Or the memory of @task could be given back meanwhile, by RCU. */
	lockdep_assert_in_softirq();
	if ((s & (TWQ_USED | TWQ_KILLED)) != TWQ_USED)
		return false;
	*state = twq_tree_state(task, s);
	twq_test_point(TWQ_TP_ENTER, task);
	if (*state & TWQ_SHARED_WQ)
		twq_shared_enter();
	else if (!twq_cpu_enter(twq_home(*state)))
		return false;
	if (likely(!((twq_task_state(task) ^ s) & bits))) {
		/*
		 * Whose it is, after that. Pairs with state_use() and
		 * state_wake(), before which it was published.
		 */
		smp_acquire__after_ctrl_dep();
		return true;
	}
	twq_task_let_go(*state);
	return false;
}

/**
 * twq_tree_place() - bring a task to the position of its deadline
 * @task: the task
 * @state: by which its tree was entered
 * @move: does it where it has to be done, see twq_task_move()
 *
 * The tree is touched only when the task is not in it or has to come earlier.
 *
 * Context: within the task's tree.
 */
static __always_inline void
twq_tree_place(struct twq_task *task, u32 state,
	       void (*move)(struct twq_task *task, u32 state, s64 position_ns))
{
	s64 position_ns = twq_task_expires(task);

	if (position_ns == TWQ_ETERNITY)
		return;
	if (twq_node_linked(&task->node) && position_ns >= task->node.key_ns)
		twq_count(kept);
	else
		move(task, state, position_ns);
}

/**
 * twq_tree_replace() - replace a deadline and place the task
 * @task: the task
 * @state: by which its tree was entered
 * @deadline_ns: nanoseconds of CLOCK_MONOTONIC, TWQ_ETERNITY to take the
 *	deadline away
 * @move: as for twq_tree_place()
 *
 * Context: within the task's tree.
 * Return: the deadline that was replaced.
 */
static __always_inline s64
twq_tree_replace(struct twq_task *task, u32 state, s64 deadline_ns,
		 void (*move)(struct twq_task *task, u32 state,
			      s64 position_ns))
{
	/* One of it and twq_task_expire() has the old deadline, not both. */
	s64 old_ns = atomic64_xchg(twq_task_deadline(task), deadline_ns);

	twq_test_point(TWQ_TP_CHANGED, task);
	/*
	 * Not by what the deadline is now: it may be another CPU's, which has
	 * just ended the init of the task, and @state names another tree.
	 */
	if (deadline_ns != TWQ_ETERNITY)
		twq_tree_place(task, state, move);
	return old_ns;
}

#endif /* TWQ_HOLD_H */
