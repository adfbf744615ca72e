/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The table that leads from a slot to a task: read by all who look for one,
 * written by slots.c.
 */
#ifndef TWQ_TABLE_H
#define TWQ_TABLE_H

#include <linux/kconfig.h>
#include <linux/list.h>
#include <linux/rcupdate.h>

#include "slots.h"
#include "utask.h"

/*
 * Tasks of a block, a power of two. KASAN is to see each task end, so that there
 * a block is one task, and none is kept.
 */
#define TWQ_BLOCK_TASKS	(IS_ENABLED(CONFIG_KASAN) ? 1 : 16)
#define TWQ_PAGE_BLOCKS	(TWQ_SLOTS_PER_PAGE / TWQ_BLOCK_TASKS)

/**
 * struct twq_block - the memory of some tasks with slots next to each other
 * @used: how many of them are taken; under the bank's lock
 * @rcu: frees it
 * @tasks: the tasks
 */
struct twq_block {
	unsigned int used;
	struct rcu_head rcu;
	struct twq_utask tasks[TWQ_BLOCK_TASKS];
};

/**
 * struct twq_page - the slots in one page, all of them of tasks of one CPU
 * @words: the page; constant, like @bank and @first
 * @bank: that CPU's
 * @first: number of the first slot
 * @nr_free: number of free slots; under the bank's lock, as what follows
 * @link: in the bank while there is a free slot
 * @free: the free slots
 * @blocks: memory of tasks, or NULL where no slot is taken; read under RCU
 */
struct twq_page {
	struct twq_slot *words;
	struct twq_bank *bank;
	u32 first;
	u32 nr_free;
	struct list_head link;
	DECLARE_BITMAP(free, TWQ_SLOTS_PER_PAGE);
	struct twq_block __rcu *blocks[TWQ_PAGE_BLOCKS];
};

/**
 * struct twq_part - a part of a file's table of pages
 * @pages: the pages
 */
struct twq_part {
	struct twq_page *pages[TWQ_PAGES_PER_PART];
};

static inline struct twq_page *
twq_slots_page(const struct twq_slots *slots, u32 nr)
{
	const u32 page = nr / TWQ_SLOTS_PER_PAGE;
	struct twq_part *part;

	/* Both pair with the releases in twq_slots_number_page(). */
	part = smp_load_acquire(&slots->parts[page / TWQ_PAGES_PER_PART]);
	if (!part)
		return NULL;
	/* See above. */
	return smp_load_acquire(&part->pages[page % TWQ_PAGES_PER_PART]);
}

static inline struct twq_block __rcu **
twq_page_block(struct twq_page *page, u32 nr)
{
	return &page->blocks[nr % TWQ_SLOTS_PER_PAGE / TWQ_BLOCK_TASKS];
}

/*
 * The memory of a slot's task and of those beside it, or NULL; context as of
 * twq_slots_find(). What is not published or has ended is in it, too: who looks
 * at anything but @ref goes by hold.h.
 */
static inline struct twq_block *
twq_slots_block(const struct twq_slots *slots, u32 nr)
{
	struct twq_page *page = twq_slots_page(slots, nr);

	if (!page)
		return NULL;
	/* Pairs with twq_page_take() and with the grace period. */
	return rcu_dereference_check(*twq_page_block(page, nr),
				     rcu_read_lock_bh_held());
}

static inline struct twq_utask *twq_block_task(struct twq_block *block, u32 nr)
{
	return &block->tasks[nr % TWQ_BLOCK_TASKS];
}

/**
 * twq_slots_find() - the task of a slot, or what was one
 * @slots: the slots of a file
 * @nr: a number below TWQ_MAX_SLOTS
 *
 * Context: under rcu_read_lock() or with bottom halves off.
 * Return: memory of which @ref alone may be looked at, as long as it is 0; NULL.
 */
static inline struct twq_utask *
twq_slots_find(const struct twq_slots *slots, u32 nr)
{
	struct twq_block *block = twq_slots_block(slots, nr);

	return block ? twq_block_task(block, nr) : NULL;
}

#endif /* TWQ_TABLE_H */
