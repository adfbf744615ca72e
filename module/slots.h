/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The memory of a file's deadlines, which the program maps.
 */
#ifndef TWQ_SLOTS_H
#define TWQ_SLOTS_H

#include <linux/mm_types.h>
#include <linux/twq.h>
#include <linux/xarray.h>

#define TWQ_MAX_SLOTS	BIT(TWQ_SLOT_BITS)

/**
 * struct twq_slots - the slots of one open file
 * @pages: pages with slots by their place in the array, kept until the end
 */
struct twq_slots {
	struct xarray pages;
};

void twq_slots_init(struct twq_slots *slots);
void twq_slots_free(struct twq_slots *slots);
struct twq_slot *twq_slots_get(struct twq_slots *slots, u32 nr, gfp_t gfp);
u32 twq_slots_first(int cpu);
u32 twq_slots_last(int cpu);
int twq_slots_map(struct twq_slots *slots, struct vm_area_struct *vma);

#endif /* TWQ_SLOTS_H */
