/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where the tasks of a file are, and their deadlines, which the program maps.
 */
#ifndef TWQ_SLOTS_H
#define TWQ_SLOTS_H

#include <linux/mm_types.h>
#include <linux/mutex.h>
#include <linux/percpu-defs.h>
#include <linux/twq.h>

#define TWQ_MAX_SLOTS		BIT(TWQ_SLOT_BITS)
#define TWQ_SLOTS_PER_PAGE	(PAGE_SIZE / sizeof(struct twq_slot))
#define TWQ_MAX_PAGES		(TWQ_MAX_SLOTS / TWQ_SLOTS_PER_PAGE)

/* Pages that a part of the table has. */
#define TWQ_PAGES_PER_PART	256

struct twq_bank;
struct twq_part;
struct twq_utask;

/**
 * struct twq_slots - the slots of one open file
 * @parts: the table of pages; what is in it once stays until the end
 * @nr_pages: pages in the table, which are the first ones of the array
 * @lock: of @parts and @nr_pages, for who adds a page
 * @banks: which pages have a free slot, for the tasks of each CPU
 */
struct twq_slots {
	struct twq_part *parts[TWQ_MAX_PAGES / TWQ_PAGES_PER_PART];
	u32 nr_pages;
	struct mutex lock;	/* of the table */
	struct twq_bank __percpu *banks;
};

/**
 * twq_slots_end() - how many slots there are, taken or not
 * @slots: the slots of a file, to which none is added meanwhile
 *
 * Context: any.
 * Return: a number above that of each slot that is taken.
 */
static inline u32 twq_slots_end(const struct twq_slots *slots)
{
	return slots->nr_pages * TWQ_SLOTS_PER_PAGE;
}

int twq_slots_init(struct twq_slots *slots, gfp_t gfp);
void twq_slots_free(struct twq_slots *slots);
struct twq_utask *twq_slots_take(struct twq_slots *slots, int cpu, gfp_t gfp,
				 u32 *nr);
void twq_slots_give(struct twq_slots *slots, u32 nr);
struct twq_slot *twq_slots_words(const struct twq_slots *slots, u32 nr);
int twq_slots_map(struct twq_slots *slots, struct vm_area_struct *vma);
int twq_slots_init_cache(void);
void twq_slots_exit_cache(void);

#endif /* TWQ_SLOTS_H */
