/* SPDX-License-Identifier: GPL-2.0 */
/*
 * twq_bench.ko: what twq, hrtimers and the timer wheel cost, side by side.
 *
 * All peers do the same to the same deadlines in the same order, in a thread
 * that is bound to one CPU, in process context with interrupts on, as a caller
 * would. A loop holds the operation itself, without an indirect call, and is
 * part of the figure: peer "none" shows what an empty one costs.
 */
#ifndef TWQ_BENCH_H
#define TWQ_BENCH_H

#include <linux/ktime.h>
#include <linux/prandom.h>
#include <linux/types.h>

/* One operation on one item; @when is in jiffies where the peer's are. */
struct bench_step {
	void *item;
	s64 when;
};

enum bench_op {
	BENCH_ARM,		/* not armed before */
	BENCH_EXTEND,		/* armed, to a later deadline */
	BENCH_SHORTEN,		/* armed, to an earlier one */
	BENCH_DISARM,		/* the deadline taken away, the position left */
	BENCH_UNLINK,		/* armed, taken out */
	BENCH_RENEW,		/* not armed, ended and made again */
	BENCH_FOREIGN,		/* armed, to an earlier one, on any CPU */
	BENCH_NR_OPS,
};

/**
 * struct bench_peer - a kind of timer
 * @name: as in the output
 * @size: of one item
 * @jiffies: deadlines are to be given in jiffies
 * @fires: it has a timer, and its callback calls bench_fired()
 * @soft: another peer whose callback runs in the softirq; expiry alone differs
 * @defers: BENCH_FOREIGN has the owner move the item, who calls bench_moved()
 * @init: makes an item. Returns 0 or -errno. NULL for none
 * @fini: ends an item, armed or not; may sleep. NULL for none
 * @loop: makes the steps from the first to the second pointer, which is one
 *	after the last. NULL where the peer has no such operation
 */
struct bench_peer {
	const char *name;
	size_t size;
	bool jiffies;
	bool fires;
	bool soft;
	bool defers;
	int (*init)(void *item);
	void (*fini)(void *item);
	void (*loop[BENCH_NR_OPS])(const struct bench_step *step,
				   const struct bench_step *end);
};

#define BENCH_LOOP(name, operation)					\
static void name(const struct bench_step *step,				\
		 const struct bench_step *end)				\
{									\
	for (; step != end; step++)					\
		operation(step->item, step->when);			\
}

/**
 * struct bench - the items of a peer and what is known of them
 * @peer: the peer
 * @pending: this many items are always armed: the first ones
 * @batch: so many steps are made at a time; and so many more items exist, to
 *	be armed and unlinked
 * @items: @pending + @batch items
 * @made: so many of them have been made
 * @low_ns: the earliest deadline of each since it was put in place
 * @order: the numbers of the first @pending items, shuffled
 * @next: where in @order the next batch begins
 * @steps: room for @batch steps
 * @rnd: the same sequence for all peers
 * @clock_ns: what a loop without a step takes
 * @base_ns: deadlines are later than this, far in the future
 */
struct bench {
	const struct bench_peer *peer;
	u32 pending;
	u32 batch;
	void *items;
	u32 made;
	s64 *low_ns;
	u32 *order;
	u32 next;
	struct bench_step *steps;
	struct rnd_state rnd;
	s64 clock_ns;
	s64 base_ns;
};

/* So many rounds make a figure at most. */
#define BENCH_ROUNDS		1000

/**
 * struct bench_figure - one sample of a figure
 * @ns: the nanoseconds of each round
 * @rounds: number of rounds, so far
 * @steps: in each round
 */
struct bench_figure {
	s64 ns[BENCH_ROUNDS];
	u32 rounds;
	u32 steps;
};

/* Half of the far deadlines' range; a shortened one is in its first part. */
#define BENCH_RANGE_NS		(500 * (s64)NSEC_PER_SEC)

extern const struct bench_peer bench_none, bench_rbtree;
extern const struct bench_peer bench_twq_local, bench_twq_shared;
extern const struct bench_peer bench_hrtimer, bench_hrtimer_soft, bench_timer;

int bench_make(struct bench *b, const struct bench_peer *peer, u32 pending);
void bench_free(struct bench *b);
void bench_step(const struct bench *b, struct bench_step *step, u32 n,
		s64 when_ns);
s64 bench_loop(struct bench *b, enum bench_op op, u32 first, u32 nr);
void *bench_item(const struct bench *b, u32 n);
u64 bench_random(struct bench *b, u64 below);
u32 bench_pick(struct bench *b, u32 n);
bool bench_counts_instructions(void);
void bench_add(struct bench_figure *figure, s64 ns, u32 steps);
void bench_profile(const char *op, bool begin);
void bench_report(const struct bench *b, const char *op,
		  struct bench_figure *figure);

void bench_ops(struct bench *b);
void bench_restore(struct bench *b);

void bench_expire(struct bench *b);
void bench_mix(struct bench *b);
int bench_scale(const struct bench_peer *peer, unsigned int samples);

/* spin.c: the callbacks tell it, and it tells what they have cost. */
void bench_fired(void *item);
void bench_moved(void);
u64 bench_nr_moved(void);
u32 bench_nr_fired(void);
void *bench_fired_item(u32 nr);
void bench_fired_reset(void);
u64 bench_spin(u32 until, s64 end_ns);
u64 bench_spin_cost(void);
s64 bench_spun_ns(u64 spins, u64 cost);
s64 bench_idle(u64 cost);

#endif /* TWQ_BENCH_H */
