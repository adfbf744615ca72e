// SPDX-License-Identifier: GPL-2.0
/*
 * What callbacks cost, whatever context they run in.
 *
 * The thread of the benchmark spins, and what is taken from it is the cost: the
 * time that has gone by, less that of the spins which it has made, less what an
 * idle stretch of the same length takes (the tick). So everything counts: the
 * interrupt, the softirq, ksoftirqd and the switches to it. The method is the
 * same for all peers. Callbacks run on the thread's CPU alone. Without
 * cpu_relax(), at which an emulator leaves its loop: 100 times as slow.
 */
#include <linux/irqflags.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/percpu.h>
#include <linux/sched.h>

#include "bench.h"

#define SPIN_BATCH	512
#define SPIN_IDLE_NS	(100 * (s64)NSEC_PER_MSEC)
#define FIRED_ITEMS	65536			/* remembered */

static u32 fired;
static void *fired_items[FIRED_ITEMS];

void bench_fired(void *item)
{
	fired_items[fired % FIRED_ITEMS] = item;
	WRITE_ONCE(fired, fired + 1);
}

/* A foreign task was brought to its place, on whatever CPU. */
static DEFINE_PER_CPU(u64, moved);

void bench_moved(void)
{
	this_cpu_inc(moved);
}

/* On all CPUs, of the moment. */
u64 bench_nr_moved(void)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(*per_cpu_ptr(&moved, cpu));
	return sum;
}

u32 bench_nr_fired(void)
{
	return READ_ONCE(fired);
}

/* The @nr-th item that has fired; the last FIRED_ITEMS are known. */
void *bench_fired_item(u32 nr)
{
	return fired_items[nr % FIRED_ITEMS];
}

void bench_fired_reset(void)
{
	WRITE_ONCE(fired, 0);
}

static noinline int spin_batch(u32 until)
{
	int i;

	for (i = 0; i < SPIN_BATCH && READ_ONCE(fired) != until; i++)
		barrier();
	return i;
}

/*
 * Spins until @until have fired or the time has come. Returns the spins. A
 * clock is seldom read, which takes an emulator long.
 */
u64 bench_spin(u32 until, s64 end_ns)
{
	u64 nr = 0;

	do {
		nr += spin_batch(until);
		cond_resched();
	} while (READ_ONCE(fired) != until && ktime_get_ns() < end_ns);
	return nr;
}

/* Thousandths of a nanosecond that a spin takes, undisturbed. */
u64 bench_spin_cost(void)
{
	u64 best = U64_MAX;
	int try;

	for (try = 0; try < 9; try++) {
		s64 start_ns;
		u64 nr;

		local_irq_disable();
		start_ns = ktime_get_ns();
		nr = bench_spin(fired - 1, start_ns + 200 * NSEC_PER_USEC);
		best = min(best, div64_u64((ktime_get_ns() - start_ns) * 1000,
					   nr));
		local_irq_enable();
		cond_resched();
	}
	return best;
}

s64 bench_spun_ns(u64 spins, u64 cost)
{
	return div_u64(spins * cost, 1000);
}

/*
 * What is taken while nothing fires: nanoseconds in a second. Nothing that one
 * sees where a host may take more than the tick.
 */
s64 bench_idle(u64 cost)
{
	s64 start_ns = ktime_get_ns(), ns;
	u64 spins;

	if (!bench_counts_instructions())
		return 0;
	spins = bench_spin(fired - 1, start_ns + SPIN_IDLE_NS);
	ns = ktime_get_ns() - start_ns;
	return div64_s64((ns - bench_spun_ns(spins, cost)) * NSEC_PER_SEC, ns);
}
