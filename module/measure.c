// SPDX-License-Identifier: GPL-2.0
/*
 * Measures, see measure.h. The first who asks clears them and attaches the
 * probes, the last one detaches them; so they cost nothing otherwise, and are
 * those of the last time. Each CPU counts its own. Who is under the shared lock
 * has the time of its hold to himself.
 */
#include <linux/bitops.h>
#include <linux/cpumask.h>
#include <linux/mutex.h>
#include <linux/string.h>
#include <linux/tracepoint.h>

#include <trace/events/twq.h>

#include "measure.h"
#include "timer.h"

DEFINE_PER_CPU(struct twq_measures, twq_measures);

static DEFINE_MUTEX(twq_measure_lock);	/* of the next, and of attaching */
static int twq_measurers;

static s64 twq_held_since_ns;		/* under the shared lock; 0: not seen */

static void twq_measure_run(void *data, const struct twq_task *task,
			    u32 reasons)
{
	s64 now_ns = twq_task_run_time(task), expires_ns;

	/* Of the moment: a program may store another one at any time. */
	expires_ns = twq_task_expires(task);
	if (!(reasons & TWQ_WOKEN_TIMER) || expires_ns > now_ns)
		return;
	/* Unsigned, since the deadline may be any time in the past. */
	this_cpu_inc(twq_measures.late[min(fls64((u64)now_ns - expires_ns),
					   TWQ_LATE_BUCKETS - 1)]);
}

static void twq_measure_acquired(void *data, const unsigned int *depth)
{
	twq_held_since_ns = twq_clock_ns();
}

static void twq_measure_release(void *data, const unsigned int *depth)
{
	s64 held_ns = twq_clock_ns() - twq_held_since_ns;

	/* It was taken before the probes were attached. */
	if (!twq_held_since_ns)
		return;
	twq_held_since_ns = 0;
	this_cpu_inc(twq_measures.holds);
	this_cpu_add(twq_measures.held_ns, held_ns);
	if (held_ns > this_cpu_read(twq_measures.longest_ns))
		this_cpu_write(twq_measures.longest_ns, held_ns);
}

static void twq_measure_detach(void)
{
	unregister_trace_twq_shared_release(twq_measure_release, NULL);
	unregister_trace_twq_shared_acquired(twq_measure_acquired, NULL);
	unregister_trace_twq_run_begin(twq_measure_run, NULL);
	tracepoint_synchronize_unregister();
}

static int twq_measure_attach(void)
{
	int cpu, err;

	for_each_possible_cpu(cpu)
		memset(per_cpu_ptr(&twq_measures, cpu), 0,
		       sizeof(struct twq_measures));
	twq_held_since_ns = 0;
	err = register_trace_twq_run_begin(twq_measure_run, NULL);
	if (err)
		return err;
	err = register_trace_twq_shared_acquired(twq_measure_acquired, NULL);
	if (err)
		goto err_acquired;
	err = register_trace_twq_shared_release(twq_measure_release, NULL);
	if (err)
		goto err_release;
	return 0;

	/* To take away a probe that is not there is a bug, to the kernel. */
err_release:
	unregister_trace_twq_shared_acquired(twq_measure_acquired, NULL);
err_acquired:
	unregister_trace_twq_run_begin(twq_measure_run, NULL);
	tracepoint_synchronize_unregister();
	return err;
}

/**
 * twq_measure_get() - measure until twq_measure_put()
 *
 * Context: process.
 * Return: 0; -ENOSYS where the kernel has no tracepoints; -ENOMEM.
 */
int twq_measure_get(void)
{
	int err = 0;

	mutex_lock(&twq_measure_lock);
	if (!twq_measurers)
		err = twq_measure_attach();
	if (!err)
		twq_measurers++;
	mutex_unlock(&twq_measure_lock);
	return err;
}

/**
 * twq_measure_put() - who has asked for measures needs them no more
 *
 * Context: process.
 */
void twq_measure_put(void)
{
	mutex_lock(&twq_measure_lock);
	if (!--twq_measurers)
		twq_measure_detach();
	mutex_unlock(&twq_measure_lock);
}

/**
 * twq_measure_is_on() - whether anybody measures now
 *
 * Context: any.
 * Return: whether somebody does.
 */
bool twq_measure_is_on(void)
{
	/* Of the moment, for who only reports it; pairs with the two above. */
	return data_race(twq_measurers);
}
