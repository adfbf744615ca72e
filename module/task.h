/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of the task rules have from each other: task.c the deadline
 * and the tree, run.c wake-up, run and end, affinity.c the CPUs. state.h is
 * the state word, with the order of memory.
 *
 * Locks. A local tree is guarded by twq_cpu_lock() (bottom halves off on the
 * CPU that serves it), the shared tree by twq_shared_lock(). They are never
 * held together, nothing else is taken inside either of them, and no callback
 * is called under one.
 */
#ifndef TWQ_TASK_H
#define TWQ_TASK_H

#include <linux/twq.h>

#include "queue.h"
#include "state.h"

/**
 * struct twq_allowance - what a pass may still do
 * @left: positions to take, and tasks to run from the run queue
 * @turn: of those tasks to run at a time
 * @has_run: the present look has run one
 */
struct twq_allowance {
	unsigned int left;
	unsigned int turn;
	bool has_run;
};

/* Most positions that are taken in one hold of a tree. */
#define TWQ_TAKE_MAX	32U

/**
 * struct twq_due - tasks that were taken from a tree, to be run next
 * @nr: how many; they are RUNNING
 * @tasks: the tasks, in the order of their positions
 */
struct twq_due {
	unsigned int nr;
	struct twq_task *tasks[TWQ_TAKE_MAX];
};

static inline struct twq_task *twq_task_of(struct twq_node *node)
{
	return container_of(node, struct twq_task, node);
}

void twq_task_use_slot(struct twq_task *task, struct twq_slot *slot);
void twq_task_take(struct twq_queue *q, s64 now_ns, struct twq_allowance *allow,
		   struct twq_due *due);
void twq_task_move(struct twq_task *task, u32 state, s64 position_ns);
bool twq_task_detach(struct twq_task *task);
bool twq_task_wake(struct twq_task *task, u32 reasons);
void twq_task_push(struct twq_task *task);
void twq_task_run_due(const struct twq_due *due);
void twq_task_run_queued(struct llist_node *next, unsigned int nr, s64 now_ns);
void twq_task_drop_mask(struct twq_task *task);
bool twq_task_allows(const struct twq_task *task, int cpu);
int twq_task_pick_cpu(const struct twq_task *task, u32 state);
unsigned int twq_task_cpus(const struct twq_task *task, unsigned int *nr_cpus);

/**
 * twq_task_may_run() - whether a task may run on this CPU
 * @task: the task
 * @state: its state
 *
 * Context: any but NMI, preemption off.
 * Return: whether it may. A task without SHARED_WQ always may where it is,
 * with the CPU that serves its owner.
 */
static inline bool twq_task_may_run(const struct twq_task *task, u32 state)
{
	return !(state & TWQ_SHARED_WQ) ||
	       twq_task_allows(task, smp_processor_id());
}

#endif /* TWQ_TASK_H */
