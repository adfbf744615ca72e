// SPDX-License-Identifier: GPL-2.0
/*
 * The cost of single operations among many pending deadlines.
 *
 * All are made in batches on shuffled items, and what a batch has changed is put
 * back before the next, so that the number pending and the distribution of
 * their deadlines stay the same. Only the loops over a batch are timed.
 */
#include <linux/minmax.h>
#include <linux/overflow.h>
#include <linux/sched.h>
#include <linux/vmalloc.h>

#include "bench.h"

/* This many steps at least make a figure. */
#define OPS_STEPS	10000

/* Steps for the next batch of pending items; puts their deadlines by @when. */
static void choose(struct bench *b, s64 (*when)(struct bench *b, u32 n))
{
	u32 i;

	for (i = 0; i < b->batch; i++) {
		u32 n = bench_pick(b, i);

		bench_step(b, &b->steps[i], n, when(b, n));
	}
}

/* Anywhere in the range. */
static s64 far(struct bench *b, u32 n)
{
	s64 when_ns = b->base_ns + BENCH_RANGE_NS +
		      bench_random(b, 2 * BENCH_RANGE_NS);

	b->low_ns[n] = when_ns;
	return when_ns;
}

/* Later than any deadline that the item has had. */
static s64 later(struct bench *b, u32 n)
{
	return b->base_ns + 3 * BENCH_RANGE_NS +
	       bench_random(b, 2 * BENCH_RANGE_NS);
}

/* Anywhere between the base and the earliest of them. */
static s64 earlier(struct bench *b, u32 n)
{
	b->low_ns[n] = b->base_ns +
		       bench_random(b, b->low_ns[n] - b->base_ns);
	return b->low_ns[n];
}

/* A little earlier than the earliest, so that the position has to move. */
static s64 just_earlier(struct bench *b, u32 n)
{
	b->low_ns[n] -= 1 + bench_random(b, NSEC_PER_SEC);
	return b->low_ns[n];
}

static s64 stay(struct bench *b, u32 n)
{
	return b->low_ns[n];
}

static void rearm(struct bench *b)
{
	choose(b, far);
	bench_loop(b, BENCH_ARM, 0, b->batch);
	b->next = (b->next + b->batch) % b->pending;
	cond_resched();
}

/**
 * bench_restore() - put the present batch back to far deadlines
 * @b: the benchmark, whose next batch is another one then
 */
void bench_restore(struct bench *b)
{
	choose(b, stay);
	bench_loop(b, BENCH_UNLINK, 0, b->batch);
	rearm(b);
}

static s64 pending_op(struct bench *b, enum bench_op op,
		      s64 (*when)(struct bench *b, u32 n))
{
	s64 ns;

	choose(b, when);
	ns = bench_loop(b, op, 0, b->batch);
	bench_restore(b);
	return ns;
}

static s64 unlink(struct bench *b)
{
	s64 ns;

	choose(b, stay);
	ns = bench_loop(b, BENCH_UNLINK, 0, b->batch);
	rearm(b);
	return ns;
}

/* Each item later, then earlier than it ever was: 10 s, 5 s, 10 s, 5 s. */
static s64 alternate(struct bench *b)
{
	s64 ns = 0;
	int turn;

	for (turn = 0; turn < 2; turn++) {
		choose(b, later);
		ns += bench_loop(b, BENCH_EXTEND, 0, b->batch);
		choose(b, just_earlier);
		ns += bench_loop(b, BENCH_SHORTEN, 0, b->batch);
	}
	bench_restore(b);
	return ns;
}

/* The items that are not pending come and go. */
static s64 arm_spare(struct bench *b)
{
	u32 i;
	s64 ns;

	for (i = 0; i < b->batch; i++)
		bench_step(b, &b->steps[i], b->pending + i, far(b, b->pending + i));
	ns = bench_loop(b, BENCH_ARM, 0, b->batch);
	bench_loop(b, BENCH_UNLINK, 0, b->batch);
	return ns;
}

enum { ARM, UNLINK, EXTEND, SHORTEN, DISARM, ALTERNATE, NR_FIGURES };

static const char * const names[NR_FIGURES] = {
	"arm", "unlink", "extend", "shorten", "disarm", "alternate",
};

static void one_round(struct bench *b, struct bench_figure *figures)
{
	bench_add(&figures[ARM], arm_spare(b), b->batch);
	bench_add(&figures[UNLINK], unlink(b), b->batch);
	bench_add(&figures[EXTEND], pending_op(b, BENCH_EXTEND, later),
		  b->batch);
	bench_add(&figures[SHORTEN], pending_op(b, BENCH_SHORTEN, earlier),
		  b->batch);
	if (b->peer->loop[BENCH_DISARM])
		bench_add(&figures[DISARM],
			  pending_op(b, BENCH_DISARM, stay), b->batch);
	bench_add(&figures[ALTERNATE], alternate(b), 4 * b->batch);
}

/**
 * bench_ops() - one sample of each operation
 * @b: the benchmark, its pending items armed
 */
void bench_ops(struct bench *b)
{
	u32 rounds = DIV_ROUND_UP(OPS_STEPS, b->batch), i;
	struct bench_figure *figures;

	figures = vzalloc(array_size(NR_FIGURES, sizeof(*figures)));
	if (!figures)
		return;
	while (rounds--)
		one_round(b, figures);
	for (i = 0; i < NR_FIGURES; i++)
		if (figures[i].rounds)
			bench_report(b, names[i], &figures[i]);
	vfree(figures);
}
