/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Counters kept per CPU in the very structures of the ABI, which are nothing
 * but 64-bit words, and added up when somebody asks.
 */
#ifndef TWQ_COUNTERS_H
#define TWQ_COUNTERS_H

#include <linux/compiler.h>
#include <linux/types.h>

/* Adds up structures of @size bytes that are all words. */
static inline void twq_counters_add(void *sum, const void *from, size_t size)
{
	const u64 *src = from;
	u64 *dst = sum;
	size_t i;

	for (i = 0; i < size / sizeof(u64); i++) {
		/*
		 * Statistics: a CPU adds to its own while they are read. Pairs
		 * with the this_cpu_inc()s.
		 */
		dst[i] += data_race(src[i]);
	}
}

#endif /* TWQ_COUNTERS_H */
