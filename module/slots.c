// SPDX-License-Identifier: GPL-2.0
/*
 * Slots: deadline and position of each task of a file, in pages that the module
 * uses by their kernel address and the program by mmap(). A page comes with the
 * first task that has a slot in it, charged to who creates that task, and stays
 * until the file has gone: a mapping holds the file.
 *
 * What a program stores into a slot is a deadline, whatever it is; of the rest
 * the module looks at nothing. So a program harms its own tasks alone.
 */
#include <linux/err.h>
#include <linux/gfp.h>
#include <linux/math.h>
#include <linux/mm.h>

#include "compat.h"
#include "slots.h"

#define TWQ_SLOTS_PER_PAGE	(PAGE_SIZE / sizeof(struct twq_slot))

/**
 * twq_slots_init() - begin without a page
 * @slots: the slots of a file
 *
 * Context: process.
 */
void twq_slots_init(struct twq_slots *slots)
{
	xa_init_flags(&slots->pages, XA_FLAGS_ACCOUNT);
}

/**
 * twq_slots_free() - give all pages back
 * @slots: the slots of a file which has no task and no mapping any more
 *
 * Context: process.
 */
void twq_slots_free(struct twq_slots *slots)
{
	struct page *page;
	unsigned long nr;

	xa_for_each(&slots->pages, nr, page)
		__free_page(page);
	xa_destroy(&slots->pages);
}

static struct page *twq_slots_new_page(struct twq_slots *slots,
				       unsigned long nr, gfp_t gfp)
{
	struct page *page = alloc_page(gfp | __GFP_ZERO), *other;

	if (!page)
		return ERR_PTR(-ENOMEM);
	other = xa_cmpxchg(&slots->pages, nr, NULL, page, gfp);
	if (!other)
		return page;
	__free_page(page);
	return xa_is_err(other) ? ERR_PTR(xa_err(other)) : other;
}

/**
 * twq_slots_get() - the memory of a slot
 * @slots: the slots of a file
 * @nr: its number, below TWQ_MAX_SLOTS
 * @gfp: for its page, if it is the first one there
 *
 * Context: as @gfp says.
 * Return: the slot, until twq_slots_free(); -ENOMEM.
 */
struct twq_slot *twq_slots_get(struct twq_slots *slots, u32 nr, gfp_t gfp)
{
	unsigned long index = nr / TWQ_SLOTS_PER_PAGE;
	struct page *page = xa_load(&slots->pages, index);
	struct twq_slot *first;

	if (!page)
		page = twq_slots_new_page(slots, index, gfp);
	if (IS_ERR(page))
		return ERR_CAST(page);
	first = page_address(page);
	return first + nr % TWQ_SLOTS_PER_PAGE;
}

/* Whole pages for each CPU. */
static u32 twq_slots_per_cpu(void)
{
	return rounddown(TWQ_MAX_SLOTS / nr_cpu_ids, TWQ_SLOTS_PER_PAGE);
}

/**
 * twq_slots_first() - where the slots for tasks of a CPU begin
 * @cpu: the CPU
 *
 * Programs store to the slots of a CPU's tasks mostly on that CPU. Four slots
 * are in a cache line, so tasks of different CPUs get slots in different pages
 * as long as there are some. Two CPUs that store to the same line, and do
 * nothing else, take four times as long for it (22 ns and 5 ns).
 *
 * Context: any.
 * Return: number of the first slot.
 */
u32 twq_slots_first(int cpu)
{
	return cpu * twq_slots_per_cpu();
}

/**
 * twq_slots_last() - where they end
 * @cpu: the CPU
 *
 * Context: any.
 * Return: number of the last slot.
 */
u32 twq_slots_last(int cpu)
{
	u32 nr = twq_slots_per_cpu();

	/* More CPUs than pages: no CPU has slots of its own. */
	return nr ? twq_slots_first(cpu) + nr - 1 : TWQ_MAX_SLOTS - 1;
}

/* Pages without a task are none: SIGBUS, as beyond the end of a file. */
static vm_fault_t twq_slots_fault(struct vm_fault *vmf)
{
	struct twq_slots *slots = vmf->vma->vm_private_data;
	struct page *page = xa_load(&slots->pages, vmf->pgoff);

	if (!page)
		return VM_FAULT_SIGBUS;
	get_page(page);
	vmf->page = page;
	return 0;
}

static const struct vm_operations_struct twq_slots_vm_ops = {
	.fault = twq_slots_fault,
};

/**
 * twq_slots_map() - make a mapping of slots
 * @slots: the slots of the mapped file
 * @vma: the mapping, pages come when they are touched
 *
 * It is inherited by fork(), like the descriptor, and can be moved, cut and
 * unmapped in part, but not made larger.
 *
 * Context: process.
 * Return: 0; -EINVAL for a private mapping or one beyond the last slot.
 */
int twq_slots_map(struct twq_slots *slots, struct vm_area_struct *vma)
{
	const unsigned long pages = TWQ_MAX_SLOTS / TWQ_SLOTS_PER_PAGE;

	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	if (vma->vm_pgoff >= pages || vma_pages(vma) > pages - vma->vm_pgoff)
		return -EINVAL;
	twq_vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_private_data = slots;
	vma->vm_ops = &twq_slots_vm_ops;
	return 0;
}
