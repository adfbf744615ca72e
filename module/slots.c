// SPDX-License-Identifier: GPL-2.0
/*
 * A file's tasks by their slots. A slot is two words, deadline and position, in
 * a page that the module uses by its kernel address and the program by mmap(),
 * and the memory of a task, in a block of some. Both come with the first task
 * there, charged to who creates it. A page stays until the file has gone (a
 * mapping holds the file); a block whose last task has gone is kept for the next,
 * one for each CPU, or freed by RCU.
 *
 * A task's memory, once found, is a task of this file or nobody's, whose @ref is
 * 0: a slot is used again at once. So who finds one takes a reference, and then
 * looks whether the id is the one that he meant (twq_utask_get()); or he holds
 * it by its tree and then looks (hold.h).
 *
 * What a program stores into a slot is a deadline, whatever it is; of the rest
 * the module looks at nothing. So a program harms its own tasks alone.
 */
#include <linux/bitmap.h>
#include <linux/err.h>
#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "compat.h"
#include "slots.h"
#include "table.h"
#include "testpoint.h"

/**
 * struct twq_bank - the slots for tasks of one CPU
 * @lock: of all that follows and of the bank's pages; taken with bottom halves
 *	off, nothing is taken inside
 * @pages: those with a free slot
 * @spare: a block without a task, so that the last task of one may come and go;
 *	readers under RCU may have found it when it had one
 */
struct twq_bank {
	spinlock_t lock;	/* of what is free */
	struct list_head pages;
	struct twq_block *spare;
};

static struct kmem_cache *twq_block_cache;

static void twq_block_free(struct rcu_head *rcu)
{
	kmem_cache_free(twq_block_cache,
			container_of(rcu, struct twq_block, rcu));
}

/* -- the table ------------------------------------------------------------ */

/**
 * twq_slots_words() - deadline and position of a slot
 * @slots: the slots of a file
 * @nr: the number of one that is taken
 *
 * Context: any.
 * Return: the slot, until twq_slots_free().
 */
struct twq_slot *twq_slots_words(const struct twq_slots *slots, u32 nr)
{
	return &twq_slots_page(slots, nr)->words[nr % TWQ_SLOTS_PER_PAGE];
}

static void twq_page_free(struct twq_page *page)
{
	int i;

	for (i = 0; i < TWQ_PAGE_BLOCKS; i++)
		WARN_ON_ONCE(rcu_access_pointer(page->blocks[i]));
	free_page((unsigned long)page->words);
	kfree(page);
}

static struct twq_page *twq_page_new(struct twq_bank *bank, gfp_t gfp)
{
	struct twq_page *page = kzalloc(sizeof(*page), gfp);

	if (!page)
		return NULL;
	page->words = (struct twq_slot *)get_zeroed_page(gfp);
	if (!page->words) {
		kfree(page);
		return NULL;
	}
	page->bank = bank;
	page->nr_free = TWQ_SLOTS_PER_PAGE;
	bitmap_fill(page->free, TWQ_SLOTS_PER_PAGE);
	return page;
}

static int twq_slots_number_page(struct twq_slots *slots,
				 struct twq_page *page, gfp_t gfp)
	__must_hold(&slots->lock)
{
	const u32 nr = slots->nr_pages;
	struct twq_part **part;

	if (nr >= TWQ_MAX_PAGES)
		return -EDQUOT;
	part = &slots->parts[nr / TWQ_PAGES_PER_PART];
	if (!*part) {
		struct twq_part *new = kzalloc(sizeof(*new), gfp);

		if (!new)
			return -ENOMEM;
		/* Empty before it is seen; pairs with twq_slots_page(). */
		smp_store_release(part, new);
	}
	page->first = nr * TWQ_SLOTS_PER_PAGE;
	/* All of it before it is seen; pairs with twq_slots_page(). */
	smp_store_release(&(*part)->pages[nr % TWQ_PAGES_PER_PART], page);
	slots->nr_pages++;
	return 0;
}

/* -- taken and free ------------------------------------------------------- */

static int twq_slots_add_page(struct twq_slots *slots, struct twq_bank *bank,
			      gfp_t gfp)
{
	struct twq_page *page = twq_page_new(bank, gfp);
	int err;

	if (!page)
		return -ENOMEM;
	mutex_lock(&slots->lock);
	err = twq_slots_number_page(slots, page, gfp);
	mutex_unlock(&slots->lock);
	if (err) {
		twq_page_free(page);
		return err;
	}
	spin_lock_bh(&bank->lock);
	list_add_tail(&page->link, &bank->pages);
	spin_unlock_bh(&bank->lock);
	return 0;
}

/*
 * All references are 0: so are those of a block that was used before. One that
 * has become spare meanwhile stays: somebody may still look at it, under RCU,
 * while nobody has seen the new one.
 */
static int twq_bank_add_block(struct twq_bank *bank, gfp_t gfp)
{
	struct twq_block *block = kmem_cache_zalloc(twq_block_cache, gfp);

	if (!block)
		return -ENOMEM;
	twq_test_point(TWQ_TP_BLOCK, NULL);
	spin_lock_bh(&bank->lock);
	if (!bank->spare)
		swap(bank->spare, block);
	spin_unlock_bh(&bank->lock);
	if (block)
		kmem_cache_free(twq_block_cache, block);
	return 0;
}

/* The first free slot of a page that has one; NULL where it has no memory. */
static struct twq_utask *twq_page_take(struct twq_page *page, u32 *nr)
	__must_hold(&page->bank->lock)
{
	const u32 bit = find_first_bit(page->free, TWQ_SLOTS_PER_PAGE);
	struct twq_block __rcu **in = twq_page_block(page, bit);
	struct twq_block *block;

	block = rcu_dereference_protected(*in,
					  lockdep_is_held(&page->bank->lock));
	if (!block) {
		block = page->bank->spare;
		if (!block)
			return NULL;
		page->bank->spare = NULL;
		/* Pairs with twq_slots_find(). */
		rcu_assign_pointer(*in, block);
	}
	block->used++;
	__clear_bit(bit, page->free);
	if (!--page->nr_free)
		list_del(&page->link);
	*nr = page->first + bit;
	return &block->tasks[bit % TWQ_BLOCK_TASKS];
}

/* What is missing is made without the lock, and then it is tried again. */
static struct twq_utask *twq_bank_take(struct twq_slots *slots, int cpu,
				       gfp_t gfp, u32 *nr)
{
	struct twq_bank *bank = per_cpu_ptr(slots->banks, cpu);
	struct twq_utask *u = NULL;
	struct twq_page *page;
	int err;

	for (;;) {
		spin_lock_bh(&bank->lock);
		page = list_first_entry_or_null(&bank->pages, struct twq_page,
						link);
		if (page)
			u = twq_page_take(page, nr);
		spin_unlock_bh(&bank->lock);
		if (u)
			return u;
		if (page)
			err = twq_bank_add_block(bank, gfp);
		else
			err = twq_slots_add_page(slots, bank, gfp);
		if (err)
			return ERR_PTR(err);
	}
}

/**
 * twq_slots_take() - a free slot
 * @slots: the slots of a file
 * @cpu: whose tasks it should be among
 * @gfp: for what is missing
 * @nr: where its number goes
 *
 * Programs store to the slots of a CPU's tasks mostly on that CPU. Four slots
 * are in a cache line, so tasks of different CPUs get slots in different pages
 * as long as there are some. Two CPUs that store to the same line, and do
 * nothing else, take four times as long for it (8.0 ns and 1.9 ns).
 *
 * Context: as @gfp says.
 * Return: memory for a task, of which @ref is 0; -EDQUOT; -ENOMEM.
 */
struct twq_utask *twq_slots_take(struct twq_slots *slots, int cpu, gfp_t gfp,
				 u32 *nr)
{
	struct twq_utask *u = twq_bank_take(slots, cpu, gfp, nr);
	int other;

	for_each_possible_cpu(other) {
		if (u != ERR_PTR(-EDQUOT))
			break;
		u = twq_bank_take(slots, other, gfp, nr);
	}
	return u;
}

/**
 * twq_slots_give() - give a slot back
 * @slots: the slots of a file
 * @nr: from twq_slots_take(), the task's @ref being 0
 *
 * Context: any but hard interrupt and NMI.
 */
void twq_slots_give(struct twq_slots *slots, u32 nr)
{
	struct twq_page *page = twq_slots_page(slots, nr);
	struct twq_block __rcu **in = twq_page_block(page, nr);
	struct twq_bank *bank = page->bank;
	struct twq_block *block;

	spin_lock_bh(&bank->lock);
	__set_bit(nr % TWQ_SLOTS_PER_PAGE, page->free);
	if (!page->nr_free++)
		list_add(&page->link, &bank->pages);
	block = rcu_dereference_protected(*in, lockdep_is_held(&bank->lock));
	if (--block->used) {
		block = NULL;
	} else {
		RCU_INIT_POINTER(*in, NULL);
		if (!IS_ENABLED(CONFIG_KASAN))
			swap(bank->spare, block);
	}
	spin_unlock_bh(&bank->lock);
	if (block)
		call_rcu(&block->rcu, twq_block_free);
}

/* -- all of them ---------------------------------------------------------- */

/**
 * twq_slots_init() - begin without a page
 * @slots: the slots of a file, zeroed
 * @gfp: for what each CPU needs
 *
 * Context: process.
 * Return: 0 or -ENOMEM.
 */
int twq_slots_init(struct twq_slots *slots, gfp_t gfp)
{
	struct twq_bank *bank;
	int cpu;

	slots->banks = alloc_percpu_gfp(struct twq_bank, gfp);
	if (!slots->banks)
		return -ENOMEM;
	mutex_init(&slots->lock);
	for_each_possible_cpu(cpu) {
		bank = per_cpu_ptr(slots->banks, cpu);
		spin_lock_init(&bank->lock);
		INIT_LIST_HEAD(&bank->pages);
		bank->spare = NULL;
	}
	return 0;
}

/**
 * twq_slots_free() - give all pages back
 * @slots: the slots of a file which has no task and no mapping any more
 *
 * Context: process.
 */
void twq_slots_free(struct twq_slots *slots)
{
	struct twq_block *spare;
	u32 nr;
	int cpu;

	for (nr = 0; nr < slots->nr_pages; nr++) {
		twq_page_free(twq_slots_page(slots, nr * TWQ_SLOTS_PER_PAGE));
		cond_resched();
	}
	for (nr = 0; nr < ARRAY_SIZE(slots->parts); nr++)
		kfree(slots->parts[nr]);
	for_each_possible_cpu(cpu) {
		spare = per_cpu_ptr(slots->banks, cpu)->spare;
		if (spare)
			kmem_cache_free(twq_block_cache, spare);
	}
	free_percpu(slots->banks);
}

/**
 * twq_slots_init_cache() - make the cache that blocks come from
 *
 * Context: process.
 * Return: 0 or -ENOMEM.
 */
int twq_slots_init_cache(void)
{
	twq_block_cache = KMEM_CACHE(twq_block, SLAB_ACCOUNT);
	return twq_block_cache ? 0 : -ENOMEM;
}

/**
 * twq_slots_exit_cache() - free it
 *
 * Context: process, after the last file was closed.
 */
void twq_slots_exit_cache(void)
{
	/* Blocks whose last task has gone are freed by RCU. */
	rcu_barrier();
	kmem_cache_destroy(twq_block_cache);
}

/* -- the mapping ---------------------------------------------------------- */

/* Pages without a task are none: SIGBUS, as beyond the end of a file. */
static vm_fault_t twq_slots_fault(struct vm_fault *vmf)
{
	struct twq_slots *slots = vmf->vma->vm_private_data;
	struct twq_page *page;

	page = twq_slots_page(slots, vmf->pgoff * TWQ_SLOTS_PER_PAGE);
	if (!page)
		return VM_FAULT_SIGBUS;
	vmf->page = virt_to_page(page->words);
	get_page(vmf->page);
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
	const unsigned long pages = TWQ_MAX_PAGES;

	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	if (vma->vm_pgoff >= pages || vma_pages(vma) > pages - vma->vm_pgoff)
		return -EINVAL;
	twq_vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_private_data = slots;
	vma->vm_ops = &twq_slots_vm_ops;
	return 0;
}
