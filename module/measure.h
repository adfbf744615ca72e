/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How late tasks run, and how long the shared lock is held: measured while
 * somebody asks for it, by probes on the module's own tracepoints.
 */
#ifndef TWQ_MEASURE_H
#define TWQ_MEASURE_H

#include <linux/percpu.h>
#include <linux/types.h>

#define TWQ_LATE_BUCKETS	48

/**
 * struct twq_measures - what was measured on one CPU
 * @late: runs by how late they began: in bucket 0 those that did not, in bucket
 *	n those that did by 2^(n-1) to 2^n - 1 ns, in the last one all later ones
 * @holds: times that the shared lock was held
 * @held_ns: how long, in all
 * @longest_ns: the longest hold
 */
struct twq_measures {
	u64 late[TWQ_LATE_BUCKETS];
	u64 holds;
	u64 held_ns;
	u64 longest_ns;
};

DECLARE_PER_CPU(struct twq_measures, twq_measures);

int twq_measure_get(void);
void twq_measure_put(void);
bool twq_measure_is_on(void);

#endif /* TWQ_MEASURE_H */
