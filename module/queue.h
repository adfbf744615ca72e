/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An ordered tree of nodes, each at a key. No lock, no clock, no policy: the
 * caller excludes others and says what a key means.
 */
#ifndef TWQ_QUEUE_H
#define TWQ_QUEUE_H

#include <linux/bug.h>
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

static inline s64 twq_rb_key(const struct rb_node *rb)
{
	return rb_entry(rb, struct twq_node, rb)->key_ns;
}

/*
 * Where @node goes, in no tree and not counted: for the functions below. By
 * hand, since the way down is most of what an insertion costs: rb_add_cached()
 * takes two steps more on each level, to note the link and that the first one
 * was passed.
 */
static inline void twq_queue_insert(struct twq_queue *q, struct twq_node *node,
				    s64 key_ns)
{
	struct rb_node *at, *next = q->tree.rb_root.rb_node;
	struct rb_node **link = &q->tree.rb_root.rb_node;
	bool first = true;

	/*
	 * Marked, here and below: read without the queue's exclusion by
	 * twq_utask_query(), the key, and twq_cpu_read_stats(), the number.
	 */
	WRITE_ONCE(node->key_ns, key_ns);
	for (at = next; next; at = next) {
		/* Strictly: equal keys keep their order of arrival. */
		if (key_ns < twq_rb_key(at)) {
			next = at->rb_left;
			if (next)
				continue;
			link = &at->rb_left;
			first = at == q->tree.rb_leftmost;
		} else {
			next = at->rb_right;
			if (next)
				continue;
			link = &at->rb_right;
			first = false;
		}
		break;
	}
	rb_link_node(&node->rb, at, link);
	rb_insert_color_cached(&node->rb, &q->tree, first);
}

/**
 * twq_queue_add() - put a node into a queue
 * @q: the queue
 * @node: a node that is in no queue
 * @key_ns: its position
 *
 * Context: any, the caller excludes other users of @q.
 */
static inline void twq_queue_add(struct twq_queue *q, struct twq_node *node,
				 s64 key_ns)
{
	if (WARN_ON_ONCE(twq_node_linked(node)))
		return;
	twq_queue_insert(q, node, key_ns);
	WRITE_ONCE(q->nr, q->nr + 1);
}

/**
 * twq_queue_remove() - take a node out of its queue
 * @q: the queue that @node is in
 * @node: the node
 *
 * Context: any, the caller excludes other users of @q.
 */
static inline void twq_queue_remove(struct twq_queue *q, struct twq_node *node)
{
	if (WARN_ON_ONCE(!twq_node_linked(node)))
		return;
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
static inline void twq_queue_move(struct twq_queue *q, struct twq_node *node,
				  s64 key_ns)
{
	if (WARN_ON_ONCE(!twq_node_linked(node)))
		return;
	rb_erase_cached(&node->rb, &q->tree);
	twq_queue_insert(q, node, key_ns);
}

/**
 * twq_queue_first() - the first node
 * @q: the queue
 *
 * Context: any, the caller excludes other users of @q.
 * Return: the node, left in @q, or NULL.
 */
static inline struct twq_node *twq_queue_first(const struct twq_queue *q)
{
	return rb_entry_safe(rb_first_cached(&q->tree), struct twq_node, rb);
}

/**
 * twq_queue_pop() - take the first node out
 * @q: a queue that is not empty
 * @node: its first node
 *
 * A first node has no left child, so its right child, if there is one, is a
 * leaf, and is the next node: else the parent is.
 *
 * Context: any, the caller excludes other users of @q.
 */
static inline void twq_queue_pop(struct twq_queue *q, struct twq_node *node)
{
	struct rb_node *right = node->rb.rb_right;

	q->tree.rb_leftmost = right ? right : rb_parent(&node->rb);
	rb_erase(&node->rb, &q->tree.rb_root);
	RB_CLEAR_NODE(&node->rb);
	WRITE_ONCE(q->nr, q->nr - 1);
}

void twq_queue_init(struct twq_queue *q);
s64 twq_queue_first_key(const struct twq_queue *q);

#endif /* TWQ_QUEUE_H */
