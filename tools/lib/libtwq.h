/* SPDX-License-Identifier: GPL-2.0 */
/*
 * libtwq: the calls of /dev/twq as functions. Each returns 0 or a positive
 * answer, or -errno. Times are nanoseconds of CLOCK_MONOTONIC. No state is
 * kept: every function may be called from any thread.
 */
#ifndef LIBTWQ_H
#define LIBTWQ_H

#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/twq.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Opens the device; @path NULL is /dev/twq. Returns the file descriptor. */
int twq_open(const char *path, int open_flags);

int twq_get_info(int fd, struct twq_info *info);

/*
 * Creates a task allowed on @cpus (@cpus_size bytes as for sched_setaffinity;
 * NULL means every CPU). @interval_ns 0 is one shot. The id goes to @id.
 */
int twq_create(int fd, const cpu_set_t *cpus, size_t cpus_size,
	       uint32_t flags, int64_t interval_ns, uint64_t user_data,
	       uint64_t *id);
int twq_destroy(int fd, uint64_t id);
int twq_set_affinity(int fd, uint64_t id, const cpu_set_t *cpus,
		     size_t cpus_size);

/* @flags: TWQ_RELATIVE or 0. */
int twq_queue(int fd, uint64_t id, int64_t deadline_ns, uint32_t flags);
int twq_schedule(int fd, uint64_t id, int64_t deadline_ns, uint32_t flags);

/* Returns 1 when a pending deadline was stopped, 0 when there was none. */
int twq_cancel(int fd, uint64_t id);
int twq_wakeup(int fd, uint64_t id, uint32_t reasons);
int twq_get_task(int fd, uint64_t id, struct twq_query *query);

/* @cpu: a CPU number or TWQ_STATS_ALL_CPUS. */
int twq_get_stats(int fd, uint32_t cpu, struct twq_stats *stats);

/* Returns the number of events read, at most @max. */
int twq_read_events(int fd, struct twq_event *events, size_t max);

#ifdef __cplusplus
}
#endif

#endif /* LIBTWQ_H */
