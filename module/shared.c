// SPDX-License-Identifier: GPL-2.0
/*
 * The shared wait queue. Its timer fires on the CPU that has armed it, or on the
 * one that took it over, and asks that CPU for a pass; a pass on any CPU takes
 * what is due. The lock is held for a few
 * tasks at a time, so that a storm of deadlines does not keep other CPUs from
 * the queue, and nothing is taken inside it.
 */
#include <linux/minmax.h>

#include <trace/events/twq.h>

#include "cpu.h"
#include "shared.h"
#include "task.h"
#include "testpoint.h"

struct twq_shared twq_shared;

/**
 * twq_shared_lock() - exclude the other users of the shared queue
 *
 * Context: process or bottom half. Bottom halves stay off until
 * twq_shared_unlock().
 */
void twq_shared_lock(void)
	__acquires(&twq_shared.lock)
{
	spin_lock_bh(&twq_shared.lock);
	trace_twq_shared_acquired(&twq_shared.queue.nr);
}

/**
 * twq_shared_unlock() - let the others in again
 *
 * Context: after twq_shared_lock().
 */
void twq_shared_unlock(void)
	__releases(&twq_shared.lock)
{
	trace_twq_shared_release(&twq_shared.queue.nr);
	spin_unlock_bh(&twq_shared.lock);
}

/**
 * twq_shared_enter() - twq_shared_lock() for who has bottom halves off already
 *
 * Context: within local_bh_disable(), until after twq_shared_leave().
 */
void twq_shared_enter(void)
	__acquires(&twq_shared.lock)
{
	spin_lock(&twq_shared.lock);
	trace_twq_shared_acquired(&twq_shared.queue.nr);
}

/**
 * twq_shared_leave() - let the others in again
 *
 * Context: after twq_shared_enter().
 */
void twq_shared_leave(void)
	__releases(&twq_shared.lock)
{
	trace_twq_shared_release(&twq_shared.queue.nr);
	spin_unlock(&twq_shared.lock);
}

/**
 * twq_shared_rearm() - the rest of twq_shared_arm(): arm the timer earlier
 * @key_ns: the position
 *
 * Context: under twq_shared_lock().
 */
void twq_shared_rearm(s64 key_ns)
	__must_hold(&twq_shared.lock)
{
	if (twq_timer_arm(&twq_shared.timer, key_ns))
		twq_cpu_raise();
}

/**
 * twq_shared_is_due() - whether a look at the shared queue is worth its lock
 * @now_ns: the time
 *
 * A hint; pairs with the WRITE_ONCE() in twq_timer_arm(). What it misses is not
 * lost: who arms for a key that is due asks for a pass after that store.
 *
 * Context: any.
 * Return: whether it is.
 */
bool twq_shared_is_due(s64 now_ns)
{
	return READ_ONCE(twq_shared.timer.armed_ns) <= now_ns;
}

/**
 * twq_shared_expire() - take what is due in the shared queue
 * @now_ns: the time
 * @allow: as in twq_task_take()
 * @due: as in twq_task_take()
 *
 * Context: bottom half, no lock held.
 * Return: whether more is due.
 */
bool twq_shared_expire(s64 now_ns, struct twq_allowance *allow,
		       struct twq_due *due)
{
	bool more;

	twq_shared_lock();
	twq_task_take(&twq_shared.queue, now_ns, allow, due);
	more = twq_timer_rearm(&twq_shared.timer,
			       twq_queue_first_key(&twq_shared.queue), now_ns);
	twq_shared_unlock();
	return more;
}

static enum hrtimer_restart twq_shared_fire(struct hrtimer *hr)
{
	twq_cpu_interrupt(this_cpu_ptr(&twq_cpus));
	return HRTIMER_NORESTART;
}

/**
 * twq_shared_init() - make the shared queue
 *
 * Context: process, before the first task.
 */
void twq_shared_init(void)
{
	spin_lock_init(&twq_shared.lock);
	twq_queue_init(&twq_shared.queue);
	twq_timer_init(&twq_shared.timer, twq_shared_fire);
}

/**
 * twq_shared_exit() - stop the shared queue's timer
 *
 * Context: process, after the last task.
 */
void twq_shared_exit(void)
{
	twq_shared_lock();
	twq_timer_stop(&twq_shared.timer);
	twq_shared_unlock();
}
