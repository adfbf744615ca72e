// SPDX-License-Identifier: GPL-2.0
/* The timer wheel. Deadlines come in jiffies, as its users have them. */
#include <linux/timer.h>

#include "bench.h"

static void fire(struct timer_list *timer)
{
	bench_fired(timer);
}

static int init(void *item)
{
	timer_setup((struct timer_list *)item, fire, 0);
	return 0;
}

static void fini(void *item)
{
	timer_shutdown_sync(item);
}

static __always_inline void mod(void *item, s64 when)
{
	mod_timer(item, (unsigned long)when);
}

static __always_inline void del(void *item, s64 when)
{
	timer_delete(item);
}

static __always_inline void renew(void *item, s64 when)
{
	fini(item);
	init(item);
}

BENCH_LOOP(loop_mod, mod)
BENCH_LOOP(loop_del, del)
BENCH_LOOP(loop_renew, renew)

const struct bench_peer bench_timer = {
	.name = "mod_timer",
	.size = sizeof(struct timer_list),
	.jiffies = true,
	.fires = true,
	.init = init,
	.fini = fini,
	.loop = {
		[BENCH_ARM] = loop_mod,
		[BENCH_EXTEND] = loop_mod,
		[BENCH_SHORTEN] = loop_mod,
		[BENCH_UNLINK] = loop_del,
		[BENCH_RENEW] = loop_renew,
		[BENCH_FOREIGN] = loop_mod,
	},
};
