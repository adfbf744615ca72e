// SPDX-License-Identifier: GPL-2.0
/*
 * twq: tasks of the CPU that the benchmark is bound to, and tasks of every CPU.
 * Those of one CPU are worked on there, so that no call can be refused.
 */
#include <linux/cpumask.h>
#include <linux/smp.h>
#include <linux/twq.h>

#include "bench.h"

static struct twq_task *twq_process(struct twq_task *task, void *ctx,
				    u32 reasons)
{
	if (!(reasons & TWQ_WOKEN_TIMER)) {
		bench_moved();
		return task;
	}
	twq_task_set_expires(task, TWQ_ETERNITY);
	bench_fired(task);
	return task;
}

static const struct twq_task_ops twq_ops = {
	.process = twq_process,
};

static int local_init(void *item)
{
	return twq_task_init(item, &twq_ops, NULL,
			     cpumask_of(raw_smp_processor_id()), GFP_KERNEL);
}

static int shared_init(void *item)
{
	int err = twq_task_init(item, &twq_ops, NULL, cpu_online_mask,
				GFP_KERNEL);

	/* Where there is one CPU it does not follow from the mask. */
	return err ?: twq_task_set_shared(item);
}

static void twq_fini(void *item)
{
	twq_task_destroy_sync(item);
}

static __always_inline void arm(void *item, s64 when_ns)
{
	twq_task_set_expires(item, when_ns);
	twq_task_queue(item);
}

static __always_inline void extend(void *item, s64 when_ns)
{
	if (!twq_task_extend(item, when_ns))
		arm(item, when_ns);
}

static __always_inline void disarm(void *item, s64 when_ns)
{
	twq_task_disarm(item);
}

static __always_inline void unlink(void *item, s64 when_ns)
{
	twq_task_unlink(item);
}

static __always_inline void renew_local(void *item, s64 when_ns)
{
	twq_fini(item);
	local_init(item);
}

static __always_inline void renew_shared(void *item, s64 when_ns)
{
	twq_fini(item);
	shared_init(item);
}

static __always_inline void foreign(void *item, s64 when_ns)
{
	twq_task_store_expires(item, when_ns);
}

BENCH_LOOP(loop_arm, arm)
BENCH_LOOP(loop_extend, extend)
BENCH_LOOP(loop_disarm, disarm)
BENCH_LOOP(loop_unlink, unlink)
BENCH_LOOP(loop_foreign, foreign)
BENCH_LOOP(loop_renew_local, renew_local)
BENCH_LOOP(loop_renew_shared, renew_shared)

#define TWQ_LOOPS(renew, move) {						\
	[BENCH_ARM] = loop_arm,						\
	[BENCH_EXTEND] = loop_extend,					\
	[BENCH_SHORTEN] = loop_arm,					\
	[BENCH_DISARM] = loop_disarm,					\
	[BENCH_UNLINK] = loop_unlink,					\
	[BENCH_RENEW] = renew,						\
	[BENCH_FOREIGN] = move,						\
}

const struct bench_peer bench_twq_local = {
	.name = "twq-local",
	.size = sizeof(struct twq_task),
	.fires = true,
	.defers = true,
	.init = local_init,
	.fini = twq_fini,
	.loop = TWQ_LOOPS(loop_renew_local, loop_foreign),
};

const struct bench_peer bench_twq_shared = {
	.name = "twq-shared",
	.size = sizeof(struct twq_task),
	.fires = true,
	.init = shared_init,
	.fini = twq_fini,
	.loop = TWQ_LOOPS(loop_renew_shared, loop_arm),
};
