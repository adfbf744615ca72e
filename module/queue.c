// SPDX-License-Identifier: GPL-2.0
/*
 * An ordered tree of nodes with lower-bound keys, on the kernel's rbtree.
 *
 * The queue owns the nodes' links and nothing else. Whoever calls holds what
 * excludes the other users of the same queue: a local wait queue is excluded
 * by its CPU, the shared one by its lock.
 */
#include <linux/bug.h>
#include <linux/compiler.h>

#include "queue.h"
#include "race.h"

static struct twq_node *twq_node_of(const struct rb_node *rb)
{
	return rb_entry_safe(rb, struct twq_node, rb);
}

/* Strictly less, so that equal keys keep their order of arrival. */
static bool twq_node_less(struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct twq_node, rb)->key_ns <
	       rb_entry(b, struct twq_node, rb)->key_ns;
}

/**
 * twq_queue_init() - make a queue empty
 * @q: the queue
 *
 * Context: any.
 */
void twq_queue_init(struct twq_queue *q)
{
	q->tree = RB_ROOT_CACHED;
	q->nr = 0;
}

/**
 * twq_queue_add() - put a node into a queue
 * @q: the queue
 * @node: a node that is in no queue
 * @key_ns: its position
 *
 * Context: any, the caller excludes other users of @q.
 */
void twq_queue_add(struct twq_queue *q, struct twq_node *node, s64 key_ns)
{
	if (WARN_ON_ONCE(twq_node_linked(node)))
		return;
	/*
	 * Marked, here and below: read without the queue's exclusion by
	 * twq_utask_query(), the key, and twq_cpu_read_stats(), the number.
	 */
	WRITE_ONCE(node->key_ns, key_ns);
	rb_add_cached(&node->rb, &q->tree, twq_node_less);
	WRITE_ONCE(q->nr, q->nr + 1);
}

/**
 * twq_queue_remove() - take a node out of its queue
 * @q: the queue that @node is in
 * @node: the node
 *
 * Context: any, the caller excludes other users of @q.
 */
void twq_queue_remove(struct twq_queue *q, struct twq_node *node)
{
	if (WARN_ON_ONCE(!twq_node_linked(node)))
		return;
	q = twq_tree_holding(q, node);
	rb_erase_cached(&node->rb, &q->tree);
	RB_CLEAR_NODE(&node->rb);
	WRITE_ONCE(q->nr, q->nr - 1);
}

/**
 * twq_queue_move() - put a node of a queue to another position
 * @q: the queue that @node is in
 * @node: the node
 * @key_ns: the new position
 *
 * Context: any, the caller excludes other users of @q.
 */
void twq_queue_move(struct twq_queue *q, struct twq_node *node, s64 key_ns)
{
	twq_queue_remove(q, node);
	twq_queue_add(q, node, key_ns);
}

/**
 * twq_queue_first_key() - position of the first node
 * @q: the queue
 *
 * Context: any, the caller excludes other users of @q.
 * Return: the smallest key in nanoseconds, TWQ_ETERNITY when @q is empty.
 */
s64 twq_queue_first_key(const struct twq_queue *q)
{
	struct twq_node *first = twq_node_of(rb_first_cached(&q->tree));

	return first ? first->key_ns : TWQ_ETERNITY;
}

/**
 * twq_queue_due() - the first node, if its position has come
 * @q: the queue
 * @now_ns: a position at this time or before has come
 *
 * Context: any, the caller excludes other users of @q.
 * Return: the node, left in @q, or NULL.
 */
struct twq_node *twq_queue_due(const struct twq_queue *q, s64 now_ns)
{
	struct twq_node *first = twq_node_of(rb_first_cached(&q->tree));

	return first && first->key_ns <= now_ns ? first : NULL;
}
