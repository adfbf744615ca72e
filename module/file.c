// SPDX-License-Identifier: GPL-2.0
/*
 * An open file: the namespace of its tasks, their slots, events and ledger. It
 * is there as long as the queues hold one of its tasks: closing it waits.
 */
#include <linux/err.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "counters.h"
#include "utask.h"

/**
 * twq_file_put() - the queues are done with a task of the file
 * @file: the file, which may be gone afterwards
 *
 * Context: any.
 */
void twq_file_put(struct twq_file *file)
{
	/* Full barrier; pairs with the same of the others. */
	if (atomic_dec_and_test(&file->live))
		complete(&file->gone);
}

/**
 * twq_file_new() - make a namespace of tasks
 *
 * Context: process.
 * Return: the file, for twq_file_close(), or -ENOMEM.
 */
struct twq_file *twq_file_new(void)
{
	struct twq_file *file = kzalloc(sizeof(*file), TWQ_GFP_CALLER);

	if (!file)
		return ERR_PTR(-ENOMEM);
	file->counters = alloc_percpu_gfp(struct twq_ledger, TWQ_GFP_CALLER);
	if (!file->counters || twq_slots_init(&file->slots, TWQ_GFP_CALLER)) {
		free_percpu(file->counters);
		kfree(file);
		return ERR_PTR(-ENOMEM);
	}
	twq_events_init(&file->events);
	atomic_set(&file->live, 1);
	init_completion(&file->gone);
	return file;
}

/**
 * twq_file_close() - end all tasks of a file and the file
 * @file: the file, in which no call is under way
 *
 * Context: process, may sleep. On return no task of the file exists.
 */
void twq_file_close(struct twq_file *file)
{
	struct twq_utask *u;
	u32 slot = 0;

	while ((u = twq_utask_next(file, &slot))) {
		twq_utask_destroy(u);
		twq_utask_put(u);
		cond_resched();
	}
	twq_file_put(file);
	wait_for_completion(&file->gone);
	twq_slots_free(&file->slots);
	free_percpu(file->counters);
	kfree(file);
}

/**
 * twq_file_read_ledger() - what became of tasks, armings and events
 * @file: the file
 * @ledger: where it goes. Armings that change meanwhile may be counted on one
 *	side only.
 *
 * Context: process.
 */
void twq_file_read_ledger(struct twq_file *file, struct twq_ledger *ledger)
{
	int cpu;

	memset(ledger, 0, sizeof(*ledger));
	for_each_possible_cpu(cpu)
		twq_counters_add(ledger, per_cpu_ptr(file->counters, cpu),
				 sizeof(*ledger));
	twq_events_read_ledger(&file->events, ledger);
}
