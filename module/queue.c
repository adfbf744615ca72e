// SPDX-License-Identifier: GPL-2.0
/*
 * An ordered tree of nodes with lower-bound keys, on the kernel's rbtree.
 *
 * The queue owns the nodes' links and nothing else. Whoever calls holds what
 * excludes the other users of the same queue: a local wait queue is excluded
 * by its CPU, the shared one by its lock. What puts nodes in and takes them out
 * is inline, in queue.h.
 */
#include <linux/compiler.h>

#include "queue.h"

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
 * twq_queue_first_key() - position of the first node
 * @q: the queue
 *
 * Context: any, the caller excludes other users of @q.
 * Return: the smallest key in nanoseconds, TWQ_ETERNITY when @q is empty.
 */
s64 twq_queue_first_key(const struct twq_queue *q)
{
	struct twq_node *first = twq_queue_first(q);

	return first ? first->key_ns : TWQ_ETERNITY;
}
