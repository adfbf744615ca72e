// SPDX-License-Identifier: GPL-2.0
/*
 * For reference: the kernel's rbtree with its leftmost node cached and nothing
 * around it, no lock, no clock, no timer; and a loop with nothing inside.
 */
#include <linux/rbtree.h>

#include "bench.h"

struct entry {
	struct rb_node rb;
	s64 key_ns;
};

static struct rb_root_cached tree = RB_ROOT_CACHED;

static bool less(struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct entry, rb)->key_ns <
	       rb_entry(b, struct entry, rb)->key_ns;
}

static int init(void *item)
{
	struct entry *entry = item;

	RB_CLEAR_NODE(&entry->rb);
	return 0;
}

static __always_inline void insert(void *item, s64 when_ns)
{
	struct entry *entry = item;

	entry->key_ns = when_ns;
	rb_add_cached(&entry->rb, &tree, less);
}

static __always_inline void erase(void *item, s64 when_ns)
{
	struct entry *entry = item;

	rb_erase_cached(&entry->rb, &tree);
	RB_CLEAR_NODE(&entry->rb);
}

static __always_inline void move(void *item, s64 when_ns)
{
	erase(item, when_ns);
	insert(item, when_ns);
}

static void fini(void *item)
{
	struct entry *entry = item;

	if (!RB_EMPTY_NODE(&entry->rb))
		erase(entry, 0);
}

static __always_inline void nothing(void *item, s64 when_ns)
{
	/* Keeps the loads and the loop. */
	asm volatile("" : : "r" (item), "r" (when_ns) : "memory");
}

BENCH_LOOP(loop_insert, insert)
BENCH_LOOP(loop_erase, erase)
BENCH_LOOP(loop_move, move)
BENCH_LOOP(loop_nothing, nothing)

const struct bench_peer bench_rbtree = {
	.name = "rbtree",
	.size = sizeof(struct entry),
	.init = init,
	.fini = fini,
	.loop = {
		[BENCH_ARM] = loop_insert,
		[BENCH_EXTEND] = loop_move,
		[BENCH_SHORTEN] = loop_move,
		[BENCH_UNLINK] = loop_erase,
	},
};

const struct bench_peer bench_none = {
	.name = "none",
	.size = sizeof(u64),
	.loop = {
		[BENCH_ARM] = loop_nothing,
		[BENCH_EXTEND] = loop_nothing,
		[BENCH_SHORTEN] = loop_nothing,
		[BENCH_DISARM] = loop_nothing,
		[BENCH_UNLINK] = loop_nothing,
	},
};
