/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An ordered tree of nodes, each at a key. No lock, no clock, no policy: the
 * caller excludes others and says what a key means.
 */
#ifndef TWQ_QUEUE_H
#define TWQ_QUEUE_H

#include <linux/twq.h>

/**
 * struct twq_queue - nodes ordered by key, equal keys in order of arrival
 * @tree: the nodes, the first one cached
 * @nr: number of nodes; written under the owner's exclusion, may be read
 *	without it by whoever only reports it
 */
struct twq_queue {
	struct rb_root_cached tree;
	unsigned int nr;
};

static inline void twq_node_init(struct twq_node *node)
{
	RB_CLEAR_NODE(&node->rb);
}

/**
 * twq_node_linked() - whether a node is in a queue
 * @node: the node
 *
 * Context: under the exclusion of the queue that the node may be in.
 * Return: whether it is.
 */
static inline bool twq_node_linked(const struct twq_node *node)
{
	return !RB_EMPTY_NODE(&node->rb);
}

void twq_queue_init(struct twq_queue *q);
void twq_queue_add(struct twq_queue *q, struct twq_node *node, s64 key_ns);
void twq_queue_move(struct twq_queue *q, struct twq_node *node, s64 key_ns);
void twq_queue_remove(struct twq_queue *q, struct twq_node *node);
s64 twq_queue_first_key(const struct twq_queue *q);
struct twq_node *twq_queue_due(const struct twq_queue *q, s64 now_ns);

#endif /* TWQ_QUEUE_H */
