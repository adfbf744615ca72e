/* SPDX-License-Identifier: GPL-2.0 */
/*
 * twq: per-CPU timer wait queues, for other modules.
 *
 * A task is one deadline, one callback and one set of allowed CPUs. The memory
 * is the caller's. A task of one CPU without SHARED_WQ lives in that CPU's own
 * tree, which no lock guards: queue(), schedule() and unlink() are legal there
 * only. A task with SHARED_WQ lives in the shared tree and takes them from any
 * CPU. wakeup() and destroy() are legal from everywhere for every task.
 */
#ifndef _LINUX_TWQ_H
#define _LINUX_TWQ_H

#include <linux/atomic.h>
#include <linux/build_bug.h>
#include <linux/cpumask.h>
#include <linux/gfp.h>
#include <linux/llist.h>
#include <linux/rbtree.h>
#include <linux/types.h>
#include <uapi/linux/twq.h>

struct completion;
struct twq_task;

/**
 * struct twq_node - a place in a queue
 * @rb: link in the tree; RB_EMPTY_NODE() while in none
 * @key_ns: position in the tree, a lower bound of the deadline
 */
struct twq_node {
	struct rb_node rb;
	s64 key_ns;
};

/**
 * struct twq_task_ops - what a task does
 * @process: the callback, in bottom-half context on an allowed CPU, never on
 *	two CPUs at once. @reasons are the TWQ_WOKEN_* bits since the last run;
 *	none after a wake-up without a reason, or when the CPU's queues have got
 *	another host while the task was about to be queued.
 *	It moves its own deadline with twq_task_set_expires() or
 *	twq_task_expire(); a deadline left in the past runs it again. Returns
 *	the task, which is then queued again, or NULL if it has freed it, after
 *	twq_task_fini().
 * @release: called once no CPU can touch the task any more, after
 *	twq_task_destroy(); may free the task. Process or bottom half. NULL if
 *	the task is only ever ended by twq_task_destroy_sync() or by process().
 */
struct twq_task_ops {
	struct twq_task *(*process)(struct twq_task *task, void *ctx,
				    u32 reasons);
	void (*release)(struct twq_task *task);
};

/**
 * struct twq_task - a task; its members belong to twq
 * @node: place in the tree that SHARED_WQ names; under that tree's exclusion
 * @slot: the deadline, atomic, changed by any CPU, and the position as it is
 *	told to all, written under the tree's exclusion; constant. The memory of
 *	a task of user space is mapped by the program, so that the deadline may
 *	be anything at any time, and the position there is never looked at
 * @own: where @slot points to unless somebody else has given the memory. The
 *	position is told here, too, for the kernel to look at
 * @state: the state word, see module/state.h; atomic, any CPU
 * @allowed: the mask in force of a SHARED_WQ task, read under RCU, written
 *	under the shared lock; NULL without SHARED_WQ, whose CPU is in @state
 * @next: link while QUEUED, in a CPU's inbox and then in its run queue
 * @run_ns: while process() is called, when the run began
 * @ops: what the task does
 * @ctx: second argument of process()
 * @gone: whom twq_task_destroy_sync() wakes; release() is not called then
 */
struct twq_task {
	struct twq_node node;
	struct twq_slot *slot;
	struct twq_slot own;
	atomic_t state;
	const struct cpumask __rcu *allowed;
	union {
		struct llist_node next;
		s64 run_ns;
	};
	const struct twq_task_ops *ops;
	void *ctx;
	struct completion *gone;
};

int twq_task_init(struct twq_task *task, const struct twq_task_ops *ops,
		  void *ctx, const struct cpumask *mask, gfp_t gfp);
int twq_task_set_shared(struct twq_task *task);
int twq_task_set_affinity(struct twq_task *task, const struct cpumask *mask,
			  gfp_t gfp);
int twq_task_queue(struct twq_task *task);
int twq_task_requeue(struct twq_task *task);
int twq_task_queue_at(struct twq_task *task, s64 deadline_ns, s64 *old_ns);
int twq_task_queue_before(struct twq_task *task, s64 deadline_ns, s64 *old_ns);
int twq_task_schedule(struct twq_task *task, s64 deadline_ns);
int twq_task_unlink(struct twq_task *task);
void twq_task_wakeup(struct twq_task *task, u32 reasons);
int __must_check twq_task_fini(struct twq_task *task);
int twq_task_destroy(struct twq_task *task);
int twq_task_destroy_sync(struct twq_task *task);

/**
 * twq_task_deadline() - the deadline of a task as an atomic, for this header
 * @task: the task
 *
 * Context: any.
 * Return: what twq_task_set_expires() and the others below work on.
 */
static inline atomic64_t *twq_task_deadline(const struct twq_task *task)
{
	BUILD_BUG_ON(sizeof(atomic64_t) != sizeof(task->slot->deadline_ns));
	return (atomic64_t *)&task->slot->deadline_ns;
}

/**
 * twq_task_expires() - the deadline of a task
 * @task: the task
 *
 * Context: any.
 * Return: nanoseconds of CLOCK_MONOTONIC, TWQ_ETERNITY for none.
 */
static inline s64 twq_task_expires(const struct twq_task *task)
{
	/* Pairs with all that change it; state.h tells what orders them. */
	return atomic64_read(twq_task_deadline(task));
}

/**
 * twq_task_position() - the position of a task as it is told to all
 * @task: the task
 *
 * Not the one in @slot, which may be a program's memory.
 *
 * Context: any.
 * Return: nanoseconds of CLOCK_MONOTONIC, TWQ_ETERNITY when in no tree.
 */
static inline s64 twq_task_position(const struct twq_task *task)
{
	/* Pairs with twq_task_tell(); state.h tells what orders it. */
	return READ_ONCE(task->own.position_ns);
}

/**
 * twq_task_set_expires() - set the deadline, without queueing
 * @task: the task
 * @deadline_ns: nanoseconds of CLOCK_MONOTONIC, TWQ_ETERNITY for none
 *
 * For process(), after which the task is queued, and before twq_task_queue().
 * A deadline earlier than the position takes effect only with the latter.
 *
 * Context: any.
 */
static inline void twq_task_set_expires(struct twq_task *task, s64 deadline_ns)
{
	atomic64_set(twq_task_deadline(task), deadline_ns);
}

/**
 * twq_task_store_expires() - set the deadline, from any CPU
 * @task: the task, of any class
 * @deadline_ns: nanoseconds of CLOCK_MONOTONIC, TWQ_ETERNITY for none
 *
 * A store, and a look at the position: if that is later, or the task is in no
 * tree, the task is woken without a reason, and is queued at the end of the run
 * on a CPU that may touch its tree. No lock is taken. See state.h for the order.
 *
 * Context: any but NMI.
 */
static inline void twq_task_store_expires(struct twq_task *task,
					  s64 deadline_ns)
{
	atomic64_set(twq_task_deadline(task), deadline_ns);
	/* Deadline before position; pairs with the one in twq_task_tell(). */
	smp_mb();
	if (unlikely(deadline_ns < twq_task_position(task)))
		twq_task_wakeup(task, 0);
}

/**
 * twq_task_extend() - move the deadline later, by a store
 * @task: the task, of any class
 * @deadline_ns: nanoseconds of CLOCK_MONOTONIC, TWQ_ETERNITY for none
 *
 * No lock is taken, no tree is touched, and nothing is turned off: a tree holds
 * a lower bound of the deadline, so that a deadline which is not earlier than
 * the position is found when the position comes due.
 *
 * Context: any but NMI.
 * Return: true; false, and nothing is changed, when the position is later than
 * @deadline_ns or the task is in no tree: twq_task_queue_at() is needed then.
 */
static inline bool twq_task_extend(struct twq_task *task, s64 deadline_ns)
{
	/* Of the moment, and looked at again. Pairs with twq_task_tell(). */
	if (deadline_ns < twq_task_position(task))
		return false;
	twq_task_store_expires(task, deadline_ns);
	return true;
}

/**
 * twq_task_disarm() - take the deadline away
 * @task: the task
 *
 * The position in the tree is left stale and dropped when it comes due. A run
 * that is already queued still happens.
 *
 * Context: any.
 * Return: the deadline that was, TWQ_ETERNITY if there was none.
 */
static inline s64 twq_task_disarm(struct twq_task *task)
{
	/* Pairs with twq_task_expire(): one of them has the deadline. */
	return atomic64_xchg(twq_task_deadline(task), TWQ_ETERNITY);
}

/**
 * twq_task_expire() - use up a deadline that is due, once
 * @task: the task
 * @due_ns: the deadline that was seen
 * @next_ns: the next one, or TWQ_ETERNITY
 *
 * Context: within process(), which is queued again afterwards; any.
 * Return: false when another CPU has changed the deadline meanwhile: it then
 * is neither used up nor overwritten.
 */
static inline bool twq_task_expire(struct twq_task *task, s64 due_ns,
				   s64 next_ns)
{
	/* Pairs with twq_task_queue_at() and twq_expires_lower(). */
	return atomic64_try_cmpxchg(twq_task_deadline(task), &due_ns, next_ns);
}

/**
 * twq_task_run_time() - when the present run of a task began
 * @task: the task
 *
 * Context: within process().
 * Return: nanoseconds of CLOCK_MONOTONIC.
 */
static inline s64 twq_task_run_time(const struct twq_task *task)
{
	return task->run_ns;
}

#endif /* _LINUX_TWQ_H */
