/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The storm with real time on real CPUs: threads make random calls of the whole
 * in-kernel API on a few tasks that all of them share, while CPUs go down and
 * up where the kernel can do that. Beside each task stands a model, which knows
 * what each call may answer and what process() may see.
 *
 * A fact about a task, such as its end, is noted twice: 'began' before the call
 * that brings it about, 'done' after. A call may answer as if the fact held
 * once it has begun, and has to once it was done before the call.
 */
#ifndef TWQ_KUNIT_STORM_LIVE_H
#define TWQ_KUNIT_STORM_LIVE_H

#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/prandom.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/twq.h>

#include "task.h"
#include "world.h"

#define LIVE_SLOTS	20
#define LIVE_MASKS	4
#define LIVE_REASONS	4	/* wake-up reasons that the storm gives */
#define LIVE_CPUS	BITS_PER_LONG
#define LIVE_LIMIT_MS	20000	/* no working kernel comes near */
#define LIVE_FAR_NS	(3600 * SEC)

enum live_class {
	LIVE_LOCAL,		/* one CPU, its own tree */
	LIVE_BOUND,		/* one CPU, SHARED_WQ */
	LIVE_MANY,		/* more CPUs */
	LIVE_RAW,		/* found by others before its init is over */
	LIVE_NR_CLASSES,
};

#define LIVE_USED	BIT(0)	/* queued or woken: init is over */
#define LIVE_SHARED	BIT(1)	/* has SHARED_WQ */
#define LIVE_KILLED	BIT(2)	/* destroyed */
#define LIVE_IDLE_WAKE	BIT(3)	/* woken without a reason */

/**
 * struct live_mask - a mask and the time in which it may have been in force
 * @cpus: the CPUs
 * @from_ns: not before
 * @till_ns: not after
 */
struct live_mask {
	unsigned long cpus;
	s64 from_ns;
	s64 till_ns;
};

/**
 * struct live_task - a task of the storm and its model
 * @task: the task
 * @ref: one of the queues, one of the slot, one of each thread at work on it
 * @rcu: frees it
 * @salt: of the choices of process()
 * @class: what it was made as
 * @owner: its CPU if LIVE_LOCAL
 * @open: uses calls that do not tell whether they armed: no ledger
 * @hidden: never in a slot; ends itself in process() once it has fired
 * @wild: its mask is changed by several at once, and so is not known
 * @began: facts that may hold
 * @done: facts that hold
 * @given: reasons that were given, bits of the ABI
 * @given_ns: when each was last given, before the call
 * @seen_ns: when process() last saw each
 * @lock: guards @masks, @mask and @forgot_ns
 * @masks: the latest masks
 * @mask: the present one in @masks
 * @forgot_ns: end of the last mask that is no longer in @masks
 * @remasking: bit 0: somebody is changing the mask
 * @running: runs under way
 * @runs: runs so far
 * @kills: calls that said that they have ended it
 * @released: calls of release()
 * @ended: destroy_sync() has returned
 * @killed_ns: when destroy() had returned
 * @armed: times that it got a deadline
 * @ended_early: deadlines moved or cancelled
 * @fired: deadlines that came due
 * @dropped: deadlines that ended with the task
 * @unplaced: unlinked, and could not be queued again
 */
struct live_task {
	struct twq_task task;
	refcount_t ref;
	struct rcu_head rcu;
	u32 salt;
	enum live_class class;
	int owner;
	bool open;
	bool hidden;
	bool wild;
	atomic_t began;
	atomic_t done;
	atomic_t given;
	atomic64_t given_ns[LIVE_REASONS];
	atomic64_t seen_ns[LIVE_REASONS];
	spinlock_t lock;	/* of the masks */
	struct live_mask masks[LIVE_MASKS];
	unsigned int mask;
	s64 forgot_ns;
	unsigned long remasking;
	atomic_t running;
	atomic_t runs;
	atomic_t kills;
	atomic_t released;
	bool ended;
	atomic64_t killed_ns;
	atomic_t armed;
	atomic_t ended_early;
	atomic_t fired;
	atomic_t dropped;
	bool unplaced;
};

/**
 * struct live - the storm
 * @slots: tasks that everybody finds
 * @calm: process() does nothing of its own accord any more
 * @stop: the threads are to end
 * @live: tasks whose memory is not free yet
 * @hidden: tasks that have still to end themselves
 * @runs: calls of process()
 * @refused: calls that answered -EXDEV
 * @calls: calls made
 * @hotplugs: CPUs taken down
 * @down_till_ns: S64_MAX while a CPU is down or on the way, else when it was
 *	back
 * @flaws: what went wrong
 * @flaw: the first of it
 * @points: test points passed
 * @cpus: online at the beginning
 * @seed: what the random numbers of this round start from
 * @refs: the references to the module before the round
 */
struct live {
	struct live_task __rcu *slots[LIVE_SLOTS];
	bool calm;
	bool stop;
	atomic_t live;
	atomic_t hidden;
	atomic_t runs;
	atomic_t refused;
	atomic_t calls;
	atomic_t hotplugs;
	atomic64_t down_till_ns[LIVE_CPUS];
	atomic_t flaws;
	char flaw[4][128];
	atomic_t points;
	unsigned long cpus;
	u32 seed;
	int refs;
};

extern struct live live;
extern const u32 live_reasons[LIVE_REASONS];

/* -- storm_model.c: what must hold ---------------------------------------- */

__printf(1, 2) void live_flaw(const char *fmt, ...);

static inline void live_begin_fact(struct live_task *t, int facts)
{
	atomic_fetch_or(facts, &t->began);
}

static inline void live_fact(struct live_task *t, int facts)
{
	atomic_fetch_or(facts, &t->began);
	atomic_fetch_or(facts, &t->done);
}

bool live_steady(unsigned long cpus, s64 since_ns);
void live_mask_init(struct live_task *t, unsigned long cpus);
bool live_mask_begin(struct live_task *t, unsigned long cpus);
void live_mask_end(struct live_task *t, bool changed);

/**
 * struct live_call - a call that is being made
 * @t: on what
 * @cpu: where
 * @since_ns: since when
 * @done: facts that it has to heed
 */
struct live_call {
	struct live_task *t;
	int cpu;
	s64 since_ns;
	int done;
};

struct live_call live_call(struct live_task *t);
void live_answered(const struct live_call *c, int err, const char *name);
void live_account(struct live_task *t, s64 old_ns, s64 new_ns);
void live_started(struct live_task *t, u32 reasons);
void live_check_rest(struct live_task *t);
void live_check_end(struct live_task *t);

/* -- storm_task.c: tasks -------------------------------------------------- */

struct live_task *live_new(enum live_class class, int cpu, u32 salt);
void live_new_hidden(enum live_class class, int cpu, u32 salt);
struct live_task *live_get(unsigned int slot);
void live_put(struct live_task *t);
void live_publish(unsigned int slot, struct live_task *t);
void live_vacate(unsigned int slot, struct live_task *t);
void live_destroy(struct live_task *t);
void live_destroy_sync(struct live_task *t);

/* -- storm_calls.c: calls ------------------------------------------------- */

s64 live_when(u32 r);
unsigned long live_some_cpus(u32 r);
void live_queue_at(struct live_task *t, s64 ns);
void live_queue_before(struct live_task *t, s64 ns);
void live_queue(struct live_task *t);
void live_schedule(struct live_task *t, s64 ns);
void live_unlink(struct live_task *t);
void live_wakeup(struct live_task *t, u32 r);
void live_set_affinity(struct live_task *t, unsigned long cpus, gfp_t gfp);
void live_step(struct rnd_state *rnd);

#endif /* TWQ_KUNIT_STORM_LIVE_H */
