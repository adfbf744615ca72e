/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The load of `twqctl checks`: the checks, the threads that move and read
 * them, and what both have counted.
 */
#ifndef TWQCTL_LOAD_H
#define TWQCTL_LOAD_H

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "hotplug.h"
#include "libtwq.h"
#include "residents.h"
#include "samples.h"

/* The part of the default --silence that is not `inter`. */
#define SILENCE_SLACK_NS	50000000LL
/* A check is lost when it stays away this much longer than its deadline. */
#define LOST_GRACE_NS		1000000000LL

/**
 * struct load_options - what the user asked for
 * @nr_checks: number of tasks
 * @inter_ns: a check is due this long after it last fired
 * @fastinter_ns: an observer wants it no later than this from now
 * @duration_ns: how long the observers run
 * @silence_ns: longest silence of a check that is not a failure
 * @rate: requeues a second, of all observers together
 * @cpus: where observers and readers are pinned
 * @bind_checks: the checks may run on @cpus only, else everywhere
 * @pin_checks: each check may run on one CPU of @cpus only
 * @has_hotplug: CPUs go down and up meanwhile, and there are residents
 * @seed: of which CPU and when
 */
struct load_options {
	uint32_t nr_checks;
	int64_t inter_ns;
	int64_t fastinter_ns;
	int64_t duration_ns;
	int64_t silence_ns;
	uint64_t rate;
	cpu_set_t cpus;
	bool bind_checks;
	bool pin_checks;
	bool has_hotplug;
	uint64_t seed;
};

/**
 * struct check - one task of the load
 * @id: its id in the file
 * @last_ns: when it fired last, at first when it was armed
 * @armed_cpu: the CPU of the call that armed or moved it last
 * @is_at_rest: an event was read after re-arming had ended
 */
struct check {
	uint64_t id;
	atomic_int_least64_t last_ns;
	atomic_int armed_cpu;
	atomic_bool is_at_rest;
};

/**
 * struct worker - the observer and the reader of one CPU
 * @events_on: events that this reader took, by the CPU that they fired on
 * @requeues: SCHEDULE calls made by this observer
 * @foreign: those of checks that another CPU had armed last
 * @wanted: requeues that the rate asked for in the time that passed
 * @events: events that this reader took
 *
 * Counters have one writer; the main thread reads them for the progress line.
 */
struct worker {
	struct load *load;
	int cpu;
	uint64_t rate;
	pthread_t observer;
	pthread_t reader;
	bool has_observer;
	bool has_reader;
	uint64_t *events_on;
	atomic_uint_least64_t requeues;
	atomic_uint_least64_t foreign;
	atomic_uint_least64_t wanted;
	atomic_uint_least64_t events;
};

/**
 * struct silence - the longest time that a check did not fire
 * @longest_ns: the time
 * @check: the index of the check
 * @over_limit: how many times a check was silent longer than allowed
 */
struct silence {
	pthread_mutex_t lock;	/* for writing the rest */
	atomic_int_least64_t longest_ns;
	uint32_t check;
	uint64_t over_limit;
};

/* The first call that failed: which, on which check, with what. */
struct failed_call {
	const char *name;
	uint32_t check;
	int error;
};

struct load {
	struct load_options options;
	int fd;
	int stop_fd;			/* an eventfd: wakes the readers */
	uint32_t nr_cpus;		/* CPU numbers are below this */
	struct check *checks;
	struct worker *workers;
	unsigned int nr_workers;
	int64_t started_ns;
	int64_t observed_ns;		/* how long the observers ran */
	atomic_bool stop_observers;
	atomic_bool stop_rearming;
	atomic_bool stop_readers;
	atomic_uint nr_at_rest;
	atomic_uint_least64_t early;	/* fired before the deadline */
	atomic_uint_least64_t strange;	/* not an event of a check */
	atomic_uint_least64_t failures;	/* of calls; the first is kept */
	struct failed_call first_failure;
	struct samples fire_late;	/* deadline to fired */
	struct samples read_late;	/* fired to read */
	struct silence silence;
	bool interrupted;
	struct hotplug *hotplug;	/* NULL without --hotplug */
	struct residents residents;
	uint64_t rehomed_before;
};

/* load_threads.c */
void *observer_main(void *worker);
void *reader_main(void *worker);
void note_failure(struct load *load, const char *call, uint32_t check,
		  int ret);
void note_silence(struct load *load, uint32_t check, int64_t silence_ns);

/* load.c: creates, arms, runs, comes to rest. Returns 0 or -errno (said). */
int load_open(struct load *load);
int load_run(struct load *load);
void load_close(struct load *load);

/* What all workers have counted so far. */
struct load_totals {
	unsigned long long requeues;
	unsigned long long foreign;
	unsigned long long wanted;
	unsigned long long events;
};

struct load_totals load_totals(const struct load *load);

#endif /* TWQCTL_LOAD_H */
