// SPDX-License-Identifier: GPL-2.0
/*
 * Throughput by the number of CPUs. A thread on each of them makes operations
 * for some time. "own": it takes items of its own out and arms them again.
 * "foreign": it moves items of another thread, of each in turn, to an earlier
 * deadline. twq-local leaves the move to the owner, and several calls for an item
 * to one move: foreign-moved says how many calls had one, and foreign-each what
 * a move took of the CPUs with all that belongs to it, and the choice of items,
 * the same for all peers. What a call takes beside others, less what it takes alone, is
 * waiting: for the lock of the shared queue (twq-shared; that part is told by a
 * twq.ko that measures it, see lockwait.h), for the bus, and for the host where
 * that has fewer CPUs.
 */
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/vmalloc.h>
#include <linux/wait.h>

#include "bench.h"

#define SCALE_CPUS	8
#define SCALE_PENDING	10000		/* of each thread */
#define SCALE_BATCH	20		/* calls between looks at the clock */
#define SCALE_NS	(300 * (s64)NSEC_PER_MSEC)

struct scale;

struct scale_thread {
	struct scale *scale;
	struct task_struct *thread;
	struct bench b;
	s64 ns;
	s64 gone_ns;		/* calls and all else */
	u64 calls;
	struct completion ended;
};

struct scale {
	const struct bench_peer *peer;
	unsigned int cpus;
	bool foreign;
	int err;		/* of any thread, before they first meet */
	atomic_t arrived;
	wait_queue_head_t wait;
	s64 start_ns;
	struct scale_thread threads[SCALE_CPUS];
};

/*
 * Items are made and ended by one thread at a time: where the host has fewer
 * CPUs, a lock that several wait for goes to one that is not running, for each
 * of many thousand calls.
 */
static DEFINE_MUTEX(making);

/*
 * All threads go on together, and see what each did before. Each @stage has a
 * number, 1 the first.
 */
static void meet(struct scale *s, int stage)
{
	if (atomic_inc_return(&s->arrived) == stage * s->cpus)
		wake_up_all(&s->wait);
	wait_event_interruptible(s->wait, atomic_read_acquire(&s->arrived) >=
				 stage * s->cpus);
}

static void own_round(struct scale_thread *t)
{
	struct bench *b = &t->b;
	u32 i;

	for (i = 0; i < SCALE_BATCH; i++) {
		u32 n = bench_pick(b, i);

		bench_step(b, &b->steps[i], n, b->low_ns[n]);
	}
	t->ns += bench_loop(b, BENCH_UNLINK, 0, SCALE_BATCH);
	t->ns += bench_loop(b, BENCH_ARM, 0, SCALE_BATCH);
	t->calls += 2 * SCALE_BATCH;
	b->next = (b->next + SCALE_BATCH) % b->pending;
}

/* Time goes by, so the deadlines come earlier from round to round. */
static void foreign_round(struct scale_thread *t, u32 round)
{
	struct scale *s = t->scale;
	u32 i, nr = t - s->threads, next = round % max(s->cpus - 1, 1U) + 1;
	struct bench *b = &t->b, *of = &s->threads[(nr + next) % s->cpus].b;
	s64 gone_ns = ktime_get_ns() - s->start_ns;

	for (i = 0; i < SCALE_BATCH; i++) {
		u32 n = bench_random(b, of->pending);

		bench_step(of, &b->steps[i], n, of->low_ns[n] - gone_ns);
	}
	t->ns += bench_loop(b, BENCH_FOREIGN, 0, SCALE_BATCH);
	t->calls += SCALE_BATCH;
}

static int scale_run(void *data)
{
	struct scale_thread *t = data;
	struct scale *s = t->scale;
	s64 start_ns;
	u32 round;
	int err;

	mutex_lock(&making);
	err = bench_make(&t->b, s->peer, SCALE_PENDING);
	if (err)
		WRITE_ONCE(s->err, err);
	mutex_unlock(&making);
	/* With one that has no items nobody goes on: they use each other's. */
	meet(s, 1);
	/* By each of them: about the same. */
	start_ns = ktime_get_ns();
	WRITE_ONCE(s->start_ns, start_ns);
	for (round = 0; !READ_ONCE(s->err) &&
	     ktime_get_ns() < READ_ONCE(s->start_ns) + SCALE_NS; round++) {
		if (s->foreign)
			foreign_round(t, round);
		else
			own_round(t);
		cond_resched();
	}
	t->gone_ns = ktime_get_ns() - start_ns;
	meet(s, 2);
	mutex_lock(&making);
	bench_free(&t->b);
	mutex_unlock(&making);
	kthread_complete_and_exit(&t->ended, 0);
}

/* All or none: who runs waits for the others. */
static int start(struct scale *s)
{
	struct scale_thread *t = s->threads, *end = t + s->cpus;

	for (; t != end; t++) {
		t->scale = s;
		init_completion(&t->ended);
		t->thread = kthread_create(scale_run, t, "twq_bench/%u",
					   (u32)(t - s->threads));
		if (IS_ERR(t->thread)) {
			int err = PTR_ERR(t->thread);

			/* Those that have not begun end without doing so. */
			while (t-- != s->threads)
				kthread_stop(t->thread);
			return err;
		}
		kthread_bind(t->thread, t - s->threads);
	}
	for (t = s->threads; t != end; t++)
		wake_up_process(t->thread);
	return 0;
}

static void report(const struct scale *s, const char *op, const char *unit,
		   u64 value)
{
	pr_info("bench: where=kernel op=%s-%s who=%s pending=%u cpus=%u unit=%s value=%llu\n",
		s->foreign ? "foreign" : "own", op, s->peer->name,
		SCALE_PENDING, s->cpus, unit, value);
}

u64 twq_lockwait_ns(void);

/* How long the lock was waited for so far; false where twq.ko does not know. */
static bool lockwait(u64 *ns)
{
	typeof(twq_lockwait_ns) *fn = symbol_get(twq_lockwait_ns);

	if (!fn)
		return false;
	*ns = fn();
	symbol_put(twq_lockwait_ns);
	return true;
}

/* Of @calls for items of others so many were @moved. */
static void report_moves(const struct scale *s, u64 calls, u64 moved)
{
	unsigned int cpu;
	s64 ns = 0;

	if (!s->peer->defers)
		moved = calls;
	for (cpu = 0; cpu < s->cpus; cpu++)
		ns += s->threads[cpu].gone_ns;
	report(s, "moved", "percent", div64_u64(moved * 100, calls));
	if (moved)
		report(s, "each", "ns", div64_u64(ns, moved));
}

/* One sample on @s->cpus CPUs. */
static int measure(struct scale *s)
{
	u64 calls = 0, moved = bench_nr_moved(), wait_ns, waited_ns;
	bool waits = lockwait(&wait_ns);
	unsigned int cpu;
	s64 ns = 0;
	int err;

	atomic_set(&s->arrived, 0);
	init_waitqueue_head(&s->wait);
	err = start(s);
	if (err)
		return err;
	for (cpu = 0; cpu < s->cpus; cpu++) {
		struct scale_thread *t = &s->threads[cpu];

		while (wait_for_completion_interruptible(&t->ended))
			;
		calls += t->calls;
		ns += t->ns;
	}
	if (s->err || !calls)
		return s->err ?: -ETIME;
	/* Of the time within calls, which the threads spend side by side. */
	report(s, "throughput", "op/s",
	       div64_u64(calls * s->cpus * 1000, div_u64(ns, NSEC_PER_MSEC) ?: 1));
	report(s, "call", "ns", div64_u64(ns, calls));
	if (waits && lockwait(&waited_ns) && s->peer == &bench_twq_shared)
		report(s, "lock-wait", "ns",
		       div64_u64(waited_ns - wait_ns, calls));
	if (s->foreign)
		report_moves(s, calls, bench_nr_moved() - moved);
	return 0;
}

/**
 * bench_scale() - throughput by the number of CPUs, up to those that there are
 * @peer: the peer
 * @samples: of each figure
 *
 * Return: 0 or -errno.
 */
int bench_scale(const struct bench_peer *peer, unsigned int samples)
{
	unsigned int most = min(num_online_cpus(), SCALE_CPUS + 0U);
	struct scale *s = NULL;
	unsigned int cpus, sample;
	int foreign, err = 0;

	for (sample = 0; sample < samples; sample++)
		for (foreign = 0; foreign < 2; foreign++)
			for (cpus = 1; cpus <= most && !err; cpus *= 2) {
				s = vzalloc(sizeof(*s));
				if (!s)
					return -ENOMEM;
				s->peer = peer;
				s->cpus = cpus;
				s->foreign = foreign;
				err = measure(s);
				vfree(s);
			}
	return err;
}
