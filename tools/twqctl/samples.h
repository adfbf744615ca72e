/* SPDX-License-Identifier: GPL-2.0 */
/* Durations gathered by several threads, and what lies at the percentiles. */
#ifndef TWQCTL_SAMPLES_H
#define TWQCTL_SAMPLES_H

#include <stdatomic.h>
#include <stdint.h>

/* Samples kept; beyond that a uniform random choice of all is kept. */
#define SAMPLES_MAX	1048576

struct samples {
	atomic_int_least64_t *values;
	atomic_uint_least64_t count;
	atomic_int_least64_t max_ns;
};

struct samples_summary {
	uint64_t count;
	int64_t median_ns;
	int64_t p99_ns;
	int64_t max_ns;
};

/* Returns 0 or -ENOMEM. */
int samples_init(struct samples *samples);
void samples_free(struct samples *samples);

/* May be called from any thread. @random: any number, differing by call. */
void samples_add(struct samples *samples, int64_t value_ns, uint64_t random);

/* Sorts the samples; nobody may add at the same time. */
struct samples_summary samples_summarise(struct samples *samples);

/* Raises @max to @value if it is less. */
void atomic_raise(atomic_int_least64_t *max, int64_t value);

#endif /* TWQCTL_SAMPLES_H */
