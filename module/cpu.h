/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One CPU's part: the local wait queue, the run queue, the inbox, the pass
 * over them and who serves them while the CPU is offline.
 *
 * A struct twq_cpu belongs to a CPU for ever and is served by its host: the
 * CPU itself while it is online, another while it is not. Only the host
 * touches the tree, the timer and the run queue. So a CPU that goes down moves
 * nothing: its teardown, on that CPU, names another host; when it is back the
 * present host, on itself, names the CPU again. The store of the name releases
 * what the old host did, the check in twq_cpu_lock() acquires it.
 *
 * The inbox is the one thing that other CPUs reach. Whoever pushes runs with
 * preemption off from reading the host's name to the end of the kick. The
 * teardown calls synchronize_rcu() after naming another host, so that a push
 * that still read the old name is over, its kick included, while that CPU can
 * still take it. A kick that reaches a CPU which is no longer the host is passed
 * on, by the interrupt or by the pass that it has started; the teardown kicks
 * the new host besides, before for what is due and after for what was pushed.
 * tools/model/hotplug.pml shows that the wait is what no push may do without.
 */
#ifndef TWQ_CPU_H
#define TWQ_CPU_H

#include <linux/cpumask.h>
#include <linux/interrupt.h>
#include <linux/llist.h>
#include <linux/percpu.h>
#include <linux/smp.h>

#include "compat.h"
#include "queue.h"
#include "task.h"
#include "timer.h"

/**
 * struct twq_cpu - what belongs to one CPU
 * @queue: local wait queue; under twq_cpu_lock()
 * @timer: timer at the first key of @queue; under twq_cpu_lock()
 * @run: run queue: what was in the inbox, first one first; under twq_cpu_lock()
 * @taken: what has left the inbox, last one first, and is not yet in @run, which
 *	is served once it is; under twq_cpu_lock()
 * @host: the CPU that serves this; written by the present host only
 * @cpu: the CPU whose part this is
 * @rest: when interrupts may start a pass again
 * @passing: a pass is under way and will look at @again before it ends
 * @again: a look has been asked for since the last one began
 * @turn: who is served next, enum twq_turn; the pass's, like @due
 * @due: what was taken and is about to be run
 * @bh: runs the pass, on the host; never on two CPUs at once
 * @csd: the kick to a host that is another CPU, for who has set @kicked
 * @kicked: bit 0: a kick is on its way
 * @inbox: tasks that were pushed, last one first; lock-free, any CPU
 */
struct twq_cpu {
	struct twq_queue queue;
	struct twq_timer timer;
	struct llist_node *run;
	struct llist_node *taken;
	int host;
	int cpu;
	bool passing;
	bool again;
	u8 turn;
	struct twq_rest rest;
	struct twq_due due;
	struct tasklet_struct bh;
	call_single_data_t csd;
	unsigned long kicked;
	struct llist_head inbox ____cacheline_aligned_in_smp;
};

DECLARE_PER_CPU(struct twq_cpu, twq_cpus);
/* Counted by the CPU that did it; the depths are filled in by the reader. */
DECLARE_PER_CPU(struct twq_cpu_stats, twq_counters);
extern unsigned int twq_budget;

#define twq_count(what)		this_cpu_inc(twq_counters.what)

/* Tasks of a list that are counted where only the count is wanted. */
#define TWQ_COUNT_MAX		1000U

void twq_cpu_rearm(struct twq_cpu *c, s64 key_ns);
void twq_cpu_push(struct twq_cpu *c, struct llist_node *node);
void twq_cpu_kick(struct twq_cpu *c);
void twq_cpu_raise(void);
void twq_cpu_interrupt(struct twq_cpu *c);
const struct cpumask *twq_cpu_serving(void);
void twq_cpu_read_stats(unsigned int cpu, struct twq_cpu_stats *stats);
int twq_cpu_init(void);
void twq_cpu_exit(void);

/**
 * twq_cpu_lock() - exclude the other users of a CPU's queues
 * @c: that CPU's part
 *
 * Context: process or bottom half. Bottom halves stay off until
 * twq_cpu_unlock().
 * Return: false when another CPU serves @c; nothing is excluded then.
 */
static inline bool twq_cpu_lock(struct twq_cpu *c)
{
	twq_bh_lock();
	/* Pairs with the release in twq_cpu_rehome(). */
	if (likely(smp_load_acquire(&c->host) == smp_processor_id()))
		return true;
	twq_bh_unlock();
	return false;
}

/**
 * twq_cpu_unlock() - let the others in again
 * @c: as given to twq_cpu_lock()
 *
 * Context: after twq_cpu_lock() said true.
 */
static inline void twq_cpu_unlock(struct twq_cpu *c)
{
	twq_bh_unlock();
}

/**
 * twq_cpu_enter() - twq_cpu_lock() for who has bottom halves off already
 * @c: that CPU's part
 *
 * Context: within local_bh_disable().
 * Return: as twq_cpu_lock().
 */
static inline bool twq_cpu_enter(struct twq_cpu *c)
{
	twq_bh_enter();
	/* As in twq_cpu_lock(). */
	if (likely(smp_load_acquire(&c->host) == smp_processor_id()))
		return true;
	twq_bh_leave();
	return false;
}

/**
 * twq_cpu_leave() - let the others in again
 * @c: as given to twq_cpu_enter()
 *
 * Context: after twq_cpu_enter() said true, bottom halves still off.
 */
static inline void twq_cpu_leave(struct twq_cpu *c)
{
	twq_bh_leave();
}

/**
 * twq_cpu_arm() - see to it that a position in a local queue is not missed
 * @c: the owner's part
 * @key_ns: the position
 *
 * Context: under twq_cpu_lock().
 */
static inline void twq_cpu_arm(struct twq_cpu *c, s64 key_ns)
{
	twq_bh_assert_held();
	if (twq_timer_is_late(&c->timer, key_ns))
		twq_cpu_rearm(c, key_ns);
}

/**
 * twq_list_count() - how long a run queue or an inbox is
 * @node: its first link, or NULL
 *
 * Context: on the host, under twq_cpu_lock(); others may add to the inbox.
 * Return: the number; TWQ_COUNT_MAX + 1 for more than TWQ_COUNT_MAX: bottom
 * halves are off, and programs make the list as long as they like.
 */
static inline unsigned int twq_list_count(const struct llist_node *node)
{
	unsigned int nr = 0;

	for (; node && nr <= TWQ_COUNT_MAX; node = node->next)
		nr++;
	return nr;
}

/* What hotplug calls, on the CPU itself; and tests do, on one that stays. */
int twq_cpu_online(unsigned int cpu);
int twq_cpu_offline(unsigned int cpu);

#endif /* TWQ_CPU_H */
