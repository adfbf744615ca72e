/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What twqctl top shows: top_data.c gets it, from the device and from debugfs
 * where that can be read; top.c shows it.
 */
#ifndef TWQCTL_TOP_H
#define TWQCTL_TOP_H

#include <linux/twq.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOP_BUCKETS	64	/* of lateness: n holds less than 2^n ns */
#define TOP_UNKNOWN	UINT64_MAX

/* What was counted so far on a CPU. */
struct top_counts {
	struct twq_cpu_stats stats;
	uint64_t late[TOP_BUCKETS];
	uint64_t holds;
	uint64_t held_ns;
};

/**
 * struct top_cpu - a CPU
 * @cpu: its number
 * @serving_cpu: who serves its queues
 * @before: the counts of the sample before
 * @now: the counts of this one
 * @waiting: tasks in its run queue and inbox, or TOP_UNKNOWN
 */
struct top_cpu {
	uint32_t cpu;
	uint32_t serving_cpu;
	struct top_counts before;
	struct top_counts now;
	uint64_t waiting;
};

/**
 * struct top - all of it
 * @cpus: those that exist, by number
 * @nr_cpus: how many
 * @at_ns: when the sample was taken
 * @length_ns: since the one before
 * @shared_depth: tasks in the shared tree
 * @longest_ns: longest hold of the shared lock since measuring began
 * @measure: holds the measures on, or -1
 * @trouble: why debugfs tells nothing, or ""
 */
struct top {
	struct top_cpu *cpus;
	size_t nr_cpus;
	int64_t at_ns;
	int64_t length_ns;
	uint64_t shared_depth;
	uint64_t longest_ns;
	int measure;
	char trouble[160];
};

/* Takes what a line of debugfs tells of a CPU. */
typedef void (*top_take)(struct top *top, struct top_cpu *cpu,
			 const char *line);

/* 0 or -errno. */
int top_open(struct top *top, int fd);
int top_sample(struct top *top, int fd);
void top_close(struct top *top);

static inline bool top_measures(const struct top *top)
{
	return top->measure >= 0;
}

/* Of the last interval: a rate, a share of the time, lateness as a bound. */
double top_rate(const struct top *top, uint64_t before, uint64_t now);
double top_held_share(const struct top *top, const struct top_cpu *cpu);
/* No run but @part of them was later than this; TOP_UNKNOWN without any. */
uint64_t top_late_ns(const struct top_cpu *cpu, double part);

#endif /* TWQCTL_TOP_H */
