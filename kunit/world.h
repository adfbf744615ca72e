/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the suites share: a clock that is moved by hand, tasks that record what
 * happens to them, and other CPUs that do as they are told.
 */
#ifndef TWQ_KUNIT_WORLD_H
#define TWQ_KUNIT_WORLD_H

#include <kunit/test.h>
#include <linux/twq.h>

#include "testpoint.h"

/* Where the fake clock starts; far from 0, so that the past has room. */
#define T0		(1000 * 1000 * 1000LL)
#define MS		(1000 * 1000LL)
#define SEC		(1000 * MS)

/**
 * struct probe - a task that records its runs
 * @task: the task
 * @runs: how often process() was called
 * @reasons: all reasons so far
 * @last_reasons: those of the last run
 * @last_cpu: where the last run was
 * @last_ns: run time of the last run
 * @next_ns: deadline that process() sets; TWQ_ETERNITY by default
 * @keep: process() leaves the deadline alone
 * @hook: called by process() before it sets the deadline, or NULL
 * @arg: for @hook
 * @running: runs under way now; more than 1 is counted in @overlaps
 * @overlaps: times that the task ran twice at once
 * @released: times that release() was called
 * @in_use: times that it was, although in a tree or running
 * @free_in_process: process() ends and gives up the task itself
 */
struct probe {
	struct twq_task task;
	atomic_t runs;
	u32 reasons;
	u32 last_reasons;
	int last_cpu;
	s64 last_ns;
	s64 next_ns;
	bool keep;
	void (*hook)(struct probe *p);
	void *arg;
	atomic_t running;
	atomic_t overlaps;
	atomic_t released;
	atomic_t in_use;
	bool free_in_process;
};

int world_module_refs(void);
int world_init(struct kunit *test);
void world_exit(struct kunit *test);

/* Time: set it, let the timers that are due fire, wait until all is quiet. */
void world_advance(struct kunit *test, s64 now_ns);
void world_settle(struct kunit *test);
/* The same without waiting for other CPUs. */
void world_tick(s64 now_ns);
/* From now to the end of the case time is real and passes. */
void world_real_clock(struct kunit *test);

/* Probes; ended by world_exit() if the test has not done so. */
struct probe *probe_new(struct kunit *test, const struct cpumask *mask);
struct probe *probe_new_on(struct kunit *test, int cpu);
struct probe *probe_new_shared(struct kunit *test, int cpu);
int probe_queue_on(struct probe *p, int cpu, s64 deadline_ns);
bool probe_in_shared(const struct probe *p);
bool probe_in_local(const struct probe *p);

/* Runs @fn in process context on @cpu and waits for it. */
long world_on(int cpu, long (*fn)(void *arg), void *arg);

/*
 * Other CPUs as puppets, for use where nothing may sleep: from process(), hooks
 * and test points. world_puppet() starts @fn in process context on @cpu;
 * world_puppet_done() tells whether it has returned, world_puppet_wait() spins
 * until it has or too long has passed (false).
 */
void world_puppet(int cpu, void (*fn)(void *arg), void *arg);
bool world_puppet_done(int cpu);
bool world_puppet_wait(int cpu);

/* The CPU of the test itself, pinned by world_init(), and another one. */
int world_cpu(void);
int world_other_cpu(struct kunit *test);

/* At @where of @task, NULL where there is none, call @fn once. */
void world_at(enum twq_testpoint where, struct twq_task *task,
	      void (*fn)(struct twq_task *task));
bool world_at_reached(void);

#endif /* TWQ_KUNIT_WORLD_H */
