// SPDX-License-Identifier: GPL-2.0
/*
 * Durations gathered by several threads. Up to SAMPLES_MAX of them the
 * percentiles are exact; beyond that each new one takes the place of a random
 * one with the chance that keeps the choice uniform (reservoir sampling). The
 * count and the maximum are always exact.
 */
#include <errno.h>
#include <stdlib.h>

#include "samples.h"

int samples_init(struct samples *samples)
{
	samples->values = calloc(SAMPLES_MAX, sizeof(*samples->values));
	if (!samples->values)
		return -ENOMEM;
	atomic_init(&samples->count, 0);
	atomic_init(&samples->max_ns, INT64_MIN);
	return 0;
}

void samples_free(struct samples *samples)
{
	free(samples->values);
}

void atomic_raise(atomic_int_least64_t *max, int64_t value)
{
	int64_t seen = atomic_load_explicit(max, memory_order_relaxed);

	while (seen < value &&
	       !atomic_compare_exchange_weak(max, &seen, value))
		;
}

void samples_add(struct samples *samples, int64_t value_ns, uint64_t random)
{
	uint64_t slot = atomic_fetch_add_explicit(&samples->count, 1,
						  memory_order_relaxed);

	if (slot >= SAMPLES_MAX)
		slot = random % (slot + 1);
	if (slot < SAMPLES_MAX)
		atomic_store_explicit(&samples->values[slot], value_ns,
				      memory_order_relaxed);
	atomic_raise(&samples->max_ns, value_ns);
}

static int compare_ns(const void *left, const void *right)
{
	int64_t a = *(const int64_t *)left;
	int64_t b = *(const int64_t *)right;

	return (a > b) - (a < b);
}

struct samples_summary samples_summarise(struct samples *samples)
{
	struct samples_summary summary = { 0 };
	uint64_t count = atomic_load(&samples->count);
	uint64_t kept = count < SAMPLES_MAX ? count : SAMPLES_MAX;
	int64_t *sorted;

	summary.count = count;
	if (!kept)
		return summary;
	/* Nobody adds any more: the atomics are plain numbers now. */
	sorted = (int64_t *)samples->values;
	qsort(sorted, kept, sizeof(*sorted), compare_ns);
	summary.median_ns = sorted[(kept - 1) / 2];
	summary.p99_ns = sorted[(kept * 99 + 99) / 100 - 1];
	summary.max_ns = atomic_load(&samples->max_ns);
	return summary;
}
