/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How long the shared queue's lock is waited for. Included before shared.c by
 * a build that only the benchmark loads (build.sh, lockwait): the lock is
 * tried, which costs what taking it does, and who has to wait looks at the clock
 * before and after. The product is built without it.
 */
#ifndef TWQ_BENCH_LOCKWAIT_H
#define TWQ_BENCH_LOCKWAIT_H

#include <linux/export.h>
#include <linux/ktime.h>
#include <linux/percpu.h>
#include <linux/spinlock.h>

static DEFINE_PER_CPU(u64, twq_lockwait_sum_ns);

static inline void twq_lockwait_lock(spinlock_t *lock)
{
	s64 start_ns;

	if (likely(spin_trylock_bh(lock)))
		return;
	start_ns = ktime_get_ns();
	spin_lock_bh(lock);
	__this_cpu_add(twq_lockwait_sum_ns, ktime_get_ns() - start_ns);
}

u64 twq_lockwait_ns(void);

/* Of all CPUs, in calls and in passes, of the moment. */
u64 twq_lockwait_ns(void)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(*per_cpu_ptr(&twq_lockwait_sum_ns, cpu));
	return sum;
}
EXPORT_SYMBOL_GPL(twq_lockwait_ns);

#undef spin_lock_bh
#define spin_lock_bh twq_lockwait_lock

#endif /* TWQ_BENCH_LOCKWAIT_H */
