// SPDX-License-Identifier: GPL-2.0
/*
 * The invariants of the contract, read off the trees themselves: red-black,
 * ordered by key, key no later than the deadline and told in the slot, in the
 * tree that SHARED_WQ names. For tests, at rest.
 */
#include <linux/percpu.h>
#include <linux/rbtree.h>

#include "check.h"
#include "cpu.h"
#include "shared.h"
#include "task.h"

static bool is_red(const struct rb_node *rb)
{
	return rb && !(rb->__rb_parent_color & 1);
}

/* The same number of black nodes on each way down, or 0. */
static int black_height(const struct rb_node *rb)
{
	int left, right;

	if (!rb)
		return 1;
	if (is_red(rb) && (is_red(rb->rb_left) || is_red(rb->rb_right)))
		return 0;
	left = black_height(rb->rb_left);
	right = black_height(rb->rb_right);
	if (!left || left != right)
		return 0;
	return left + !is_red(rb);
}

static bool linked_right(const struct rb_node *rb)
{
	return (!rb->rb_left || rb_parent(rb->rb_left) == rb) &&
	       (!rb->rb_right || rb_parent(rb->rb_right) == rb);
}

/**
 * twq_queue_valid() - check the invariants of a queue
 * @q: the queue
 * @node_valid: what must hold for each node besides, or NULL
 *
 * Context: any, the caller excludes other users of @q.
 * Return: whether @q is a red-black tree, ordered by key, with the right first
 * node and number of nodes, each of which is valid.
 */
bool twq_queue_valid(const struct twq_queue *q,
		     bool (*node_valid)(const struct twq_node *node))
{
	const struct rb_root *root = &q->tree.rb_root;
	struct rb_node *rb = rb_first(root);
	unsigned int nr = 0;
	s64 last_ns = S64_MIN;

	if (rb != rb_first_cached(&q->tree) || !black_height(root->rb_node))
		return false;
	if (is_red(root->rb_node))
		return false;
	for (; rb; rb = rb_next(rb)) {
		struct twq_node *node = rb_entry(rb, struct twq_node, rb);

		if (node->key_ns < last_ns || !linked_right(rb))
			return false;
		if (node_valid && !node_valid(node))
			return false;
		last_ns = node->key_ns;
		nr++;
	}
	return nr == q->nr;
}

/* A lower bound of the deadline, and what all CPUs are told of it. */
static bool bound_holds(const struct twq_node *node)
{
	const struct twq_task *task = twq_task_of((void *)node);

	return node->key_ns <= twq_task_expires(task) &&
	       node->key_ns == READ_ONCE(task->slot->position_ns);
}

static bool in_shared(const struct twq_node *node)
{
	u32 state = twq_task_state(twq_task_of((void *)node));

	return bound_holds(node) && state & TWQ_SHARED_WQ;
}

static bool in_local(const struct twq_node *node)
{
	u32 state = twq_task_state(twq_task_of((void *)node));

	return bound_holds(node) && !(state & TWQ_SHARED_WQ);
}

static bool tree_is_own(const struct twq_cpu *c)
{
	struct rb_node *rb;

	for (rb = rb_first(&c->queue.tree.rb_root); rb; rb = rb_next(rb)) {
		struct twq_node *node = rb_entry(rb, struct twq_node, rb);
		u32 state = twq_task_state(twq_task_of(node));

		if (twq_state_cpu(state) != c->cpu)
			return false;
	}
	return true;
}

/**
 * twq_trees_flaw() - check all trees of the system
 *
 * Context: process, while nothing happens in the queues.
 * Return: what is wrong, or NULL.
 */
const char *twq_trees_flaw(void)
{
	int cpu;

	if (!twq_queue_valid(&twq_shared.queue, in_shared))
		return "the shared tree is broken";
	if (twq_shared.timer.armed_ns > twq_queue_first_key(&twq_shared.queue))
		return "nobody will look at the first key of the shared tree";
	for_each_possible_cpu(cpu) {
		struct twq_cpu *c = per_cpu_ptr(&twq_cpus, cpu);

		if (!twq_queue_valid(&c->queue, in_local))
			return "a local tree is broken";
		if (!tree_is_own(c))
			return "a local tree holds another CPU's task";
		if (c->timer.armed_ns > twq_queue_first_key(&c->queue))
			return "nobody will look at the first key of a local tree";
	}
	return NULL;
}
