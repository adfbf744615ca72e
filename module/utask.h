/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A task of user space and the open file that it belongs to.
 */
#ifndef TWQ_UTASK_H
#define TWQ_UTASK_H

#include <linux/completion.h>
#include <linux/gfp.h>
#include <linux/minmax.h>
#include <linux/refcount.h>
#include <linux/twq.h>

#include "events.h"
#include "slots.h"

/* An id is a generation, which counts the tasks of a file, above a slot. */
#define TWQ_MAX_GENERATION	(BIT_ULL(64 - TWQ_SLOT_BITS) - 1)

/*
 * For all that is allocated for a caller in user space: charged to his memory
 * cgroup, and -ENOMEM at its limit. Without __GFP_RETRY_MAYFAIL the OOM killer
 * would end a process of the cgroup first, or at the machine's limit of any;
 * without __GFP_NOWARN the failure would be told of in the kernel's log.
 */
#define TWQ_GFP_CALLER	(GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | \
			 __GFP_NOWARN)

/**
 * struct twq_file - one open file: a namespace of tasks
 * @slots: the tasks, their deadlines and positions
 * @nr: number of tasks, those that are being made included
 * @generation: of the last task created
 * @events: the ready list
 * @counters: what was done on each CPU; the members about events, which
 *	@events counts, are zero
 * @live: tasks that the queues may still touch, and one for the file
 * @gone: completed when @live has come to zero
 */
struct twq_file {
	struct twq_slots slots;
	atomic_t nr;
	atomic64_t generation;
	struct twq_events events;
	struct twq_ledger __percpu *counters;
	atomic_t live;
	struct completion gone;
};

/**
 * struct twq_utask - a task of user space
 * @task: the task; its context is the file, valid until the task is released
 * @ready: its event
 * @interval_ns: period, or 0; constant
 * @open: armings that the ledger has seen begin and not end; programs arm and
 *	disarm by stores, of which it learns late, any number of times
 * @ref: one of the queues, one of each call that works on it and does not hold
 *	it by its tree (hold.h); 0 before the task
 *	can be found and when its slot is free
 */
struct twq_utask {
	struct twq_task task;
	struct twq_ready ready;
	s64 interval_ns;
	atomic64_t open;
	refcount_t ref;
};

extern unsigned int twq_max_tasks;
extern unsigned int twq_min_interval_ns;

static inline struct twq_file *twq_utask_file(const struct twq_utask *u)
{
	return u->task.ctx;
}

/**
 * twq_ledger_tasks() - how many tasks a ledger tells of
 * @ledger: the ledger, of whose numbers each may be of another moment
 *
 * Return: the number; none, and not fewer, when the end of a task was counted
 * and its beginning was not yet.
 */
static inline u64 twq_ledger_tasks(const struct twq_ledger *ledger)
{
	return ledger->created - min(ledger->created, ledger->destroyed);
}

struct twq_file *twq_file_new(void);
void twq_file_close(struct twq_file *file);
void twq_file_put(struct twq_file *file);
void twq_file_read_ledger(struct twq_file *file, struct twq_ledger *ledger);

struct twq_utask *twq_utask_new(struct twq_file *file,
				const struct twq_create *args,
				const struct cpumask *mask);
void twq_utask_publish(struct twq_utask *u);
void twq_utask_abandon(struct twq_utask *u);
struct twq_utask *twq_utask_get(struct twq_file *file, u64 id);
struct twq_utask *twq_utask_next(struct twq_file *file, u32 *slot);
void twq_utask_put(struct twq_utask *u);

int twq_utask_destroy(struct twq_utask *u);
int twq_utask_queue_id(struct twq_file *file, u64 id, s64 deadline_ns);
int twq_utask_requeue_id(struct twq_file *file, u64 id);
int twq_utask_cancel_id(struct twq_file *file, u64 id);
int twq_utask_queue(struct twq_utask *u, s64 deadline_ns);
int twq_utask_schedule(struct twq_utask *u, s64 deadline_ns);
int twq_utask_requeue(struct twq_utask *u);
int twq_utask_cancel(struct twq_utask *u);
void twq_utask_wakeup(struct twq_utask *u, u32 reasons);
void twq_utask_query(struct twq_utask *u, struct twq_query *query);

#endif /* TWQ_UTASK_H */
