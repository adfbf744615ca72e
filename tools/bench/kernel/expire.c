// SPDX-License-Identifier: GPL-2.0
/*
 * What an expiry costs, from the interrupt to the end of an empty callback: a
 * batch of deadlines comes due among others that do not, all at one time, or
 * one after the other so that each has an interrupt of its own. See spin.c.
 *
 * Each peer has the same number pending, the same batch of them and the same
 * work in its callback, bench_fired(), which all reach through one indirect
 * call. hrtimers are called in the interrupt, hrtimer-soft and twq in the
 * softirq; a task of twq also takes its deadline away, as it has to, since it
 * is queued again by it.
 */
#include <linux/math64.h>
#include <linux/printk.h>
#include <linux/vmalloc.h>

#include "bench.h"

#define EXPIRE_ITEMS	1000			/* for a figure, at least */
#define EXPIRE_AFTER_NS	(NSEC_PER_MSEC)		/* and for each item to arm: */
#define EXPIRE_ARM_NS	(2 * NSEC_PER_USEC)
#define EXPIRE_LATE_NS	(20 * (s64)NSEC_PER_SEC)
#define EXPIRE_APART_NS	(20 * (s64)NSEC_PER_USEC)

/* Arms a batch, the first for @first_ns; false when that came too soon. */
static bool arm(struct bench *b, s64 first_ns, s64 apart_ns)
{
	u32 i;

	for (i = 0; i < b->batch; i++)
		bench_step(b, &b->steps[i], bench_pick(b, i), first_ns + i * apart_ns);
	bench_fired_reset();
	bench_loop(b, BENCH_SHORTEN, 0, b->batch);
	return ktime_get_ns() < first_ns;
}

static int one_batch(struct bench *b, const char *op, s64 apart_ns, u64 cost, s64 idle,
		     struct bench_figure *figure)
{
	s64 after_ns = EXPIRE_AFTER_NS + b->batch * EXPIRE_ARM_NS;
	s64 start_ns, ns;
	u64 spins;

	/* When the first has come before the last was armed: with more time. */
	while (!arm(b, ktime_get_ns() + after_ns, apart_ns)) {
		bench_spin(b->batch, ktime_get_ns() + EXPIRE_LATE_NS);
		bench_restore(b);
		after_ns *= 2;
	}
	bench_profile(op, true);
	start_ns = ktime_get_ns();
	spins = bench_spin(b->batch, start_ns + EXPIRE_LATE_NS);
	ns = ktime_get_ns() - start_ns;
	bench_profile(op, false);
	if (bench_nr_fired() != b->batch) {
		pr_err("bench: %u of %u fired\n", bench_nr_fired(), b->batch);
		return -ETIME;
	}
	ns -= bench_spun_ns(spins, cost) +
	      div_s64(ns * idle, NSEC_PER_SEC);
	bench_add(figure, ns, b->batch);
	bench_restore(b);
	return 0;
}

static void measure(struct bench *b, const char *op, s64 apart_ns)
{
	u32 rounds = DIV_ROUND_UP(EXPIRE_ITEMS, b->batch), round;
	struct bench_figure *figure = vzalloc(sizeof(*figure));
	u64 cost = bench_spin_cost();
	s64 idle = bench_idle(cost);
	int err = figure ? 0 : -ENOMEM;

	for (round = 0; !err && round < rounds; round++)
		err = one_batch(b, op, apart_ns, cost, idle, figure);
	if (!err)
		bench_report(b, op, figure);
	vfree(figure);
}

/**
 * bench_expire() - one sample of the cost of expiries
 * @b: the benchmark, its pending items armed
 */
void bench_expire(struct bench *b)
{
	measure(b, "expire", 0);
	measure(b, "expire-apart", EXPIRE_APART_NS);
}
