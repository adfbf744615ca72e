/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which tree a task is in: SHARED_WQ alone decides.
 *
 * With TWQ_RACE, in a build for tools/vm/race.sh and never in the product, the
 * rule of the origin before its fix decides instead: lock when more than one
 * CPU is allowed. A SHARED_WQ task of one CPU is then taken, without a lock,
 * out of whatever tree it is in and put into the tree of the CPU that calls,
 * which must not be left meanwhile: the origin's threads are bound, and so are
 * those of the load.
 */
#ifndef TWQ_RACE_H
#define TWQ_RACE_H

#include <linux/twq.h>

#include "queue.h"

#ifdef TWQ_RACE
#include <linux/module.h>

#include "cpu.h"
#include "shared.h"
#include "task.h"

MODULE_INFO(twq_rule, "origin");

/* The state by which the tree of a task in state @s is locked and found. */
static inline u32 twq_tree_state(const struct twq_task *task, u32 s)
{
	unsigned int nr_cpus;

	twq_task_cpus(task, &nr_cpus);
	if (!(s & TWQ_SHARED_WQ) || nr_cpus > 1)
		return s;
	return (s & ~TWQ_SHARED_WQ) | raw_smp_processor_id() << TWQ_CPU_SHIFT;
}

/* The queue that @node is in; @q when the search comes upon a tree in ruins. */
static inline struct twq_queue *twq_tree_holding(struct twq_queue *q,
						 struct twq_node *node)
{
	struct rb_node *top = &node->rb;
	int height, cpu;

	for (height = 0; height < 64 && rb_parent(top); height++)
		top = rb_parent(top);
	if (top == twq_shared.queue.tree.rb_root.rb_node)
		return &twq_shared.queue;
	for_each_possible_cpu(cpu) {
		struct twq_queue *local = &per_cpu(twq_cpus, cpu).queue;

		if (top == local->tree.rb_root.rb_node)
			return local;
	}
	return q;
}
#else
static inline u32 twq_tree_state(const struct twq_task *task, u32 s)
{
	return s;
}

static inline struct twq_queue *twq_tree_holding(struct twq_queue *q,
						 struct twq_node *node)
{
	return q;
}
#endif

#endif /* TWQ_RACE_H */
