/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A task's state word. Nothing but the helpers here changes it.
 *
 *            +---------------- its deadline is due -------------+
 *            |     wakeup()                 a CPU starts it     v
 *      idle -+--------------------> QUEUED ------------------> RUNNING
 *       ^ |                          ^  ^                       | | |
 *       | | destroy(), where the     |  |  woken again, or the  | | |
 *       | | tree may be touched      |  +--- CPU is not allowed-+ | |
 *       | v                          |                            | |
 *       | RUNNING|KILLED: gone <-----|--- KILLED: released ---------+
 *       |                            |                            |
 *       +----------------------------|----- queued, nothing new --+
 *                                    |
 *      idle -- destroy() elsewhere --+ (QUEUED|KILLED)
 *
 * Each arrow is one atomic step, in one helper below; the last one is two, by
 * way of RUNNING|KILLED. QUEUED means that
 * somebody has the duty to bring the task to a run queue or has done so; its
 * links are his. RUNNING means that one CPU runs it; it is dropped last, after
 * the task has been queued, and after that step the CPU does not look at the
 * task again. RUNNING|KILLED is left for QUEUED|KILLED alone, by a run that
 * finds at its end that it was killed, and where the tree may not be touched.
 *
 * Order of memory. A step that is made is a full barrier, and pairs with the
 * steps on the same word before and after it; one that gives up (-ESRCH or
 * -EBUSY) orders nothing. So what a waker wrote before wakeup() is seen by the
 * process() that the wake-up leads to: state_wake() makes its step even if the
 * word stays as it is, and state_start() is a later one. What process() wrote
 * is seen by the next run, on whatever CPU: state_stop(), and state_start() or
 * state_expire(). A plain look, twq_task_state(), orders nothing. It serves
 * where a step follows that looks again, where the bits are final (TWQ_USED with
 * the tree's name, KILLED), or under the exclusion of the tree that the other
 * side takes after its step. Who reads on what was written before a KILLED that
 * he has seen so needs a barrier of his own (twq_task_divert()).
 *
 * The deadline is an atomic of its own, and so is the position that is told.
 * One rule orders them: whoever changes the deadline looks at the position
 * afterwards, and whoever changes the position looks at the deadline afterwards,
 * each with a full barrier in between. So of a deadline that is lowered and a
 * position that is moved later at the same time, at least one side sees both,
 * and that one sets it right: the former by queueing, or by a wake-up where he
 * may not (twq_task_extend(), TWQ_IOC_REQUEUE), the latter by moving the
 * position again (twq_tree_settle()) or, when it was due, by the run that
 * follows, whose queueing step is such a look. Without the barriers each could
 * miss the other's store, which waits in a buffer, and the deadline would be
 * silent. A mere release store is no such barrier.
 * tools/model/task.pml is all of this for a model checker, slot.pml deadline and
 * position, slot.litmus the two barriers alone; kick.pml is the way of a task to
 * a CPU, whose barriers are in cpu.c.
 */
#ifndef TWQ_STATE_H
#define TWQ_STATE_H

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/errno.h>
#include <linux/twq.h>

/*
 * The low half of the state word; the upper half is the owner CPU of a task
 * without SHARED_WQ, so that 'not used yet' and 'on that CPU' are one word.
 */
#define TWQ_RUNNING	TWQ_STATE_RUNNING
#define TWQ_QUEUED	TWQ_STATE_QUEUED
#define TWQ_SHARED_WQ	TWQ_STATE_SHARED_WQ
#define TWQ_KILLED	0x0008	/* to be released by whoever runs it next */
#define TWQ_USED	0x0010	/* was queued or woken: init is over */
#define TWQ_AWAITED	0x0020	/* killed by who waits for the end */
#define TWQ_AGAIN	0x0040	/* woken without a reason while it ran */
#define TWQ_CPU_SHIFT	16
/* What a run does not end with: another one follows. */
#define TWQ_NOT_OVER	(TWQ_WOKEN_ANY | TWQ_KILLED | TWQ_AGAIN)
#define TWQ_PERSISTENT	(GENMASK(31, TWQ_CPU_SHIFT) | TWQ_SHARED_WQ | \
			 TWQ_KILLED | TWQ_USED | TWQ_AWAITED)

static inline u32 twq_task_state(const struct twq_task *task)
{
	/* A plain look, see above; pairs with all steps. */
	return (u32)atomic_read(&task->state);
}

static inline unsigned int twq_state_cpu(u32 state)
{
	return state >> TWQ_CPU_SHIFT;
}

/*
 * A look that is a step, ordered on both sides: what the caller wrote before is
 * seen by a run that the look finds still QUEUED (pairs with state_start()) and
 * what a run wrote is seen by a caller who finds it over (pairs with
 * state_stop()). A plain read gives neither: the caller's writes may come after
 * it, and the caller's next reads before.
 */
static inline u32 state_look(struct twq_task *task)
{
	return (u32)atomic_fetch_add(0, &task->state);
}

/* Each of the following is one fully ordered atomic step. */

static inline bool state_step(struct twq_task *task, u32 *old, u32 new)
{
	return atomic_try_cmpxchg(&task->state, (int *)old, (int)new);
}

/* Init is over. False when @old was no longer true; it is then up to date. */
static inline bool state_use(struct twq_task *task, u32 *old)
{
	return (*old & TWQ_USED) || state_step(task, old, *old | TWQ_USED);
}

/*
 * Before the first use: another owner, or SHARED_WQ. One step with the test
 * that the task is unused, or a first queue() could go to the tree that the
 * task is just leaving. Pairs with state_use() and state_wake().
 */
static inline int state_settle(struct twq_task *task, u32 owner_or_shared)
{
	u32 s = twq_task_state(task);

	do {
		if (s & TWQ_KILLED)
			return -ESRCH;
		if (s & TWQ_USED)
			return -EBUSY;
	} while (!state_step(task, &s, owner_or_shared));
	return 0;
}

/*
 * Reasons in; true for the one who has to bring the task to a run queue. One
 * that comes without a reason while the task runs leaves a mark of its own, or
 * a run that has looked at the deadline already would be the last.
 */
static inline bool state_wake(struct twq_task *task, u32 reasons)
{
	u32 new, s = twq_task_state(task);
	bool won;

	do {
		won = !(s & (TWQ_RUNNING | TWQ_QUEUED));
		new = s | reasons | TWQ_USED | (won ? TWQ_QUEUED : 0);
		if (!reasons && s & TWQ_RUNNING)
			new |= TWQ_AGAIN;
	} while (!state_step(task, &s, new));
	return won;
}

/*
 * A deadline that is due; @s is the state as it was seen. True for the one who
 * takes the task from idle to RUNNING and runs it next, for TWQ_WOKEN_TIMER,
 * with no run queue in between: wake-up and start in one step, since nothing
 * waits between them. Otherwise somebody has it who runs it again for that
 * reason.
 */
static inline bool state_expire(struct twq_task *task, u32 s)
{
	for (;;) {
		if (likely(!(s & (TWQ_RUNNING | TWQ_QUEUED)))) {
			if (likely(state_step(task, &s, s | TWQ_RUNNING)))
				return true;
		} else if (state_step(task, &s, s | TWQ_WOKEN_TIMER)) {
			return false;
		}
	}
}

/*
 * QUEUED to RUNNING, reasons out. What persists is kept by the same step: a
 * plain store of 'RUNNING and the flags seen before' would undo a KILLED that
 * comes in between.
 */
static inline u32 state_start(struct twq_task *task)
{
	u32 s = twq_task_state(task);

	do {
	} while (!state_step(task, &s, (s & TWQ_PERSISTENT) | TWQ_RUNNING));
	return s;
}

/*
 * RUNNING dropped, the last step of a run; @s is the state as it was seen. True
 * when it became QUEUED again, because of @again, a wake-up or KILLED: the
 * caller brings it to a run queue. Otherwise the task may be gone when this
 * returns.
 */
static inline bool state_stop(struct twq_task *task, u32 s, bool again,
			      u32 reasons)
{
	const u32 over = TWQ_RUNNING | TWQ_AGAIN;

	for (;;) {
		if (likely(!again && !(s & TWQ_NOT_OVER))) {
			if (likely(state_step(task, &s, (s & ~over) | reasons)))
				return false;
		} else if (state_step(task, &s, (s & ~over) | reasons |
				      TWQ_QUEUED)) {
			return true;
		}
	}
}

/*
 * KILLED in, with AWAITED or not. 1 when the task was idle: the caller now
 * runs it for its end.
 */
static inline int state_kill(struct twq_task *task, u32 awaited)
{
	u32 new, s = twq_task_state(task);
	bool idle;

	do {
		if (s & TWQ_KILLED)
			return -ESRCH;
		idle = !(s & (TWQ_RUNNING | TWQ_QUEUED));
		new = s | TWQ_KILLED | awaited | (idle ? TWQ_RUNNING : 0);
	} while (!state_step(task, &s, new));
	return idle;
}

#endif /* TWQ_STATE_H */
