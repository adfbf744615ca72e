// SPDX-License-Identifier: GPL-2.0
/*
 * The mix of a server: each pending item is the idle timeout, 30 s, of a
 * connection. On average every connection has an I/O a second, which moves its
 * timeout. One I/O in 100 closes the connection, and a new one takes its place;
 * one in 1,000 is the last: the connection is silent, its timeout expires, and
 * a new one takes its place.
 *
 * Parameter mix_faster makes all of that faster, and the measurement shorter;
 * 8 is one level of the timer wheel, which then does what it does in 30 s. But
 * positions of twq lie as many times as dense then, so that a pass finds more of
 * them: bounds are judged at 1.
 *
 * The trace begins as it would be after long: positions lie anywhere in the
 * timeout, and as many connections are silent as become so in a timeout. It ends
 * before the timeout does, so that no position comes due twice. It is as long as
 * two of the wheel's buckets for what is 30 s ahead (at 250 Hz), within which a
 * timer is not moved, so that it does not matter where in one it begins.
 *
 * All that a peer does counts, positions that come due and interrupts included:
 * what the trace takes, less the making of its steps, with interrupts off, and
 * less the thread's waiting for the next ones. See spin.c.
 */
#include <linux/irqflags.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/vmalloc.h>

#include "bench.h"

#define MIX_TIMEOUT	30			/* as long as so many gaps */
#define MIX_LENGTH	4095			/* 1,000 are one gap */
#define MIX_SILENT	1			/* of 1,000 */
#define MIX_CLOSED	10

static uint mix_faster = 1;
module_param(mix_faster, uint, 0444);
MODULE_PARM_DESC(mix_faster, "the mix so many times as fast as it is");

struct mix {
	struct bench *b;
	s64 gap_ns;	/* between two I/Os of a connection */
	s64 timeout_ns;
	u8 *silent;
	u32 handled;	/* of those that fired */
	u32 steps;	/* at a time */
	u32 ios;	/* the first steps */
	u32 new;	/* steps after those: a new connection takes the place */
	s64 made_ns;	/* what it took to make steps */
	u64 spins;
};

static u32 talking(struct mix *m)
{
	u32 n;

	do {
		n = bench_random(m->b, m->b->pending);
	} while (m->silent[n]);
	return n;
}

/* The next steps; interrupts are off, so that their cost can be told apart. */
static void make_steps(struct mix *m, s64 now_ns)
{
	s64 until_ns = now_ns + m->timeout_ns, start_ns;
	struct bench *b = m->b;
	u32 i, last = m->steps;

	local_irq_disable();
	start_ns = ktime_get_ns();
	for (m->ios = 0, i = 0; i < m->steps; i++) {
		u32 n = talking(m), what = bench_random(b, 1000);

		if (what >= MIX_SILENT && what < MIX_SILENT + MIX_CLOSED) {
			bench_step(b, &b->steps[--last], n, until_ns);
			continue;
		}
		m->silent[n] = what < MIX_SILENT;
		bench_step(b, &b->steps[m->ios++], n, until_ns);
	}
	m->new = m->steps - last;
	while (m->handled != bench_nr_fired() && last + m->new < b->batch) {
		void *item = bench_fired_item(m->handled++);
		u32 n = (item - b->items) / b->peer->size;

		m->silent[n] = 0;
		bench_step(b, &b->steps[last + m->new++], n, until_ns);
	}
	m->made_ns += ktime_get_ns() - start_ns;
	local_irq_enable();
}

static void make(struct mix *m)
{
	struct bench *b = m->b;
	u32 first = m->ios;

	bench_loop(b, BENCH_EXTEND, 0, m->ios);
	bench_loop(b, BENCH_UNLINK, first, m->new);
	bench_loop(b, BENCH_RENEW, first, m->new);
	bench_loop(b, BENCH_ARM, first, m->new);
}

/* Some time of the trace. Returns what the peer took of it. */
static s64 stretch(struct mix *m, s64 length_ns, u64 cost, u64 *ios)
{
	s64 start_ns = ktime_get_ns(), end_ns = start_ns + length_ns;
	s64 go_ns = div_s64(m->gap_ns * m->steps, m->b->pending);
	s64 next_ns = start_ns;

	m->made_ns = 0;
	m->spins = 0;
	for (*ios = 0; next_ns < end_ns; *ios += m->steps) {
		make_steps(m, ktime_get_ns());
		make(m);
		next_ns += go_ns;
		m->spins += bench_spin(bench_nr_fired() - 1, next_ns);
	}
	return ktime_get_ns() - start_ns - m->made_ns -
	       bench_spun_ns(m->spins, cost);
}

/* Positions anywhere in the timeout, the deadlines of those who talk late. */
static void settle(struct mix *m)
{
	struct bench *b = m->b;
	u32 i, silent = MIX_SILENT * MIX_TIMEOUT;

	bench_fired_reset();
	for (b->next = 0; b->next + b->batch <= b->pending; ) {
		s64 now_ns = ktime_get_ns();

		for (i = 0; i < b->batch; i++)
			bench_step(b, &b->steps[i], bench_pick(b, i), now_ns +
				   bench_random(b, m->timeout_ns));
		bench_loop(b, BENCH_SHORTEN, 0, b->batch);
		for (i = 0, m->ios = 0; i < b->batch; i++) {
			u32 n = bench_pick(b, i);

			m->silent[n] = bench_random(b, 1000) < silent;
			if (!m->silent[n])
				bench_step(b, &b->steps[m->ios++], n,
					   now_ns + m->timeout_ns);
		}
		bench_loop(b, BENCH_EXTEND, 0, m->ios);
		b->next += b->batch;
	}
	b->next = 0;
}

/**
 * bench_mix() - one sample of the mix
 * @b: the benchmark, its pending items armed; they are near deadlines afterwards
 */
void bench_mix(struct bench *b)
{
	struct bench_figure *figure = vzalloc(sizeof(*figure));
	struct mix m = {
		.b = b,
		.steps = b->batch / 2,
		.gap_ns = (s64)NSEC_PER_SEC / (mix_faster ?: 1),
	};
	u64 cost = bench_spin_cost(), ios;
	s64 idle = bench_idle(cost), length_ns, ns, late_ns;
	u32 fired;

	m.silent = vzalloc(b->pending);
	if (!m.silent || !m.steps || !figure)
		goto out;
	m.timeout_ns = MIX_TIMEOUT * m.gap_ns;
	length_ns = div_s64(MIX_LENGTH * m.gap_ns, 1000);
	settle(&m);
	stretch(&m, m.timeout_ns / 10, cost, &ios);
	fired = bench_nr_fired();
	late_ns = -ktime_get_ns() - length_ns;
	ns = stretch(&m, length_ns, cost, &ios) -
	     div_s64(length_ns * idle, NSEC_PER_SEC);
	late_ns += ktime_get_ns();
	bench_add(figure, ns, ios);
	bench_report(b, "mix", figure);
	pr_info("bench: # mix, %s: %llu I/Os, %u expired, %lld us late, taken in spins\n",
		b->peer->name, ios, bench_nr_fired() - fired,
		div_s64(late_ns, 1000));
out:
	vfree(m.silent);
	vfree(figure);
}
