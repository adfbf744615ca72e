// SPDX-License-Identifier: GPL-2.0
/*
 * hrtimers, as most of their users have them: absolute, not pinned, called in
 * the interrupt. And those that are called in the softirq, as tasks of twq are.
 */
#include <linux/hrtimer.h>

#include "bench.h"
#include "compat.h"

static enum hrtimer_restart fire(struct hrtimer *hr)
{
	bench_fired(hr);
	return HRTIMER_NORESTART;
}

static int init(void *item)
{
	hrtimer_setup(item, fire, CLOCK_MONOTONIC, HRTIMER_MODE_ABS);
	return 0;
}

static int init_soft(void *item)
{
	hrtimer_setup(item, fire, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_SOFT);
	return 0;
}

static void fini(void *item)
{
	hrtimer_cancel(item);
}

static __always_inline void start(void *item, s64 when_ns)
{
	hrtimer_start(item, ns_to_ktime(when_ns), HRTIMER_MODE_ABS);
}

static __always_inline void start_soft(void *item, s64 when_ns)
{
	hrtimer_start(item, ns_to_ktime(when_ns), HRTIMER_MODE_ABS_SOFT);
}

static __always_inline void cancel(void *item, s64 when_ns)
{
	hrtimer_cancel(item);
}

static __always_inline void renew(void *item, s64 when_ns)
{
	fini(item);
	init(item);
}

BENCH_LOOP(loop_start, start)
BENCH_LOOP(loop_start_soft, start_soft)
BENCH_LOOP(loop_cancel, cancel)
BENCH_LOOP(loop_renew, renew)

const struct bench_peer bench_hrtimer = {
	.name = "hrtimer",
	.size = sizeof(struct hrtimer),
	.fires = true,
	.init = init,
	.fini = fini,
	.loop = {
		[BENCH_ARM] = loop_start,
		[BENCH_EXTEND] = loop_start,
		[BENCH_SHORTEN] = loop_start,
		[BENCH_UNLINK] = loop_cancel,
		[BENCH_RENEW] = loop_renew,
		[BENCH_FOREIGN] = loop_start,
	},
};

const struct bench_peer bench_hrtimer_soft = {
	.name = "hrtimer-soft",
	.size = sizeof(struct hrtimer),
	.fires = true,
	.soft = true,
	.init = init_soft,
	.fini = fini,
	.loop = {
		[BENCH_ARM] = loop_start_soft,
		[BENCH_SHORTEN] = loop_start_soft,
		[BENCH_UNLINK] = loop_cancel,
	},
};
