/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Residents: periodic tasks of one CPU that tick beside the load while CPUs go
 * down and up. Half of them are local, half have SHARED_WQ. While its CPU is
 * off a stand-in runs a resident; when all CPUs are on it must fire at home
 * again, and no period may be missing from the first to the last.
 */
#ifndef TWQCTL_RESIDENTS_H
#define TWQCTL_RESIDENTS_H

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "libtwq.h"

#define RESIDENTS_A_CPU	16

/**
 * struct resident - one of them
 * @id: the task
 * @home: its CPU
 * @is_shared: has SHARED_WQ
 * @first_ns: its first deadline
 * @told: periods that events have told of
 * @periods: periods up to the last one that an event has told of
 * @away: events that fired on another CPU
 * @is_home: has fired on its CPU since all are on
 * @is_astray: has fired elsewhere since then
 */
struct resident {
	uint64_t id;
	int home;
	bool is_shared;
	int64_t first_ns;
	atomic_uint_least64_t told;
	atomic_int_least64_t periods;
	atomic_uint_least64_t away;
	atomic_bool is_home;
	atomic_bool is_astray;
};

/**
 * struct residents - all of them
 * @nr: 0 without --hotplug
 * @list: the residents
 * @interval_ns: their period
 * @since_ns: when all CPUs were on, TWQ_ETERNITY before
 */
struct residents {
	unsigned int nr;
	struct resident *list;
	int64_t interval_ns;
	atomic_int_least64_t since_ns;
};

/* What they came to. */
struct residents_summary {
	uint64_t periods;	/* up to the last one told of */
	uint64_t missing;	/* of them not told of, or told of twice */
	uint64_t away;		/* events on a stand-in */
	unsigned int not_home;	/* residents that did not come home */
	const struct resident *first;	/* the first that something is wrong with */
};

/*
 * Creates and arms them on all CPUs of @cpus, which the caller is bound to for
 * a time each; user_data counts from @user_data. Returns 0 or -errno (said).
 */
int residents_start(struct residents *residents, int fd,
		    const cpu_set_t *cpus, int64_t interval_ns,
		    uint64_t user_data);
void residents_free(struct residents *residents);

/* An event of the resident @index. May be called from any thread. */
void residents_take(struct residents *residents, unsigned int index,
		    const struct twq_event *event);

/*
 * All CPUs are on: waits up to @limit_ns until all are home, or one of
 * @signals came, and takes their deadlines away. Returns 0 or -errno (said).
 */
int residents_stop(struct residents *residents, int fd, int64_t limit_ns,
		   const sigset_t *signals);

struct residents_summary residents_sum(const struct residents *residents);

#endif /* TWQCTL_RESIDENTS_H */
