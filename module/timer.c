// SPDX-License-Identifier: GPL-2.0
/*
 * The clock and the timer of a queue: the only file that reads a clock or
 * calls hrtimer_*().
 *
 * A timer is armed when the first key moves earlier and left alone otherwise:
 * one that fires early finds nothing due and is then set right. All calls are
 * made under the exclusion of the timer's queue. The callbacks run in hard
 * interrupt context, take no lock and only ask for a pass, so that stopping a
 * timer never waits for anybody who waits for us.
 */
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/timekeeping.h>
#include <linux/twq.h>

#include "compat.h"
#include "timer.h"

/* Pinned: 6.1 may pick a CPU that is on its way out for one that is not. */
#define TWQ_TIMER_MODE		HRTIMER_MODE_ABS_PINNED_HARD

/*
 * Passes may take one part in TWQ_REST_PARTS of a CPU's time, and that much of
 * TWQ_REST_AHEAD_NS in advance, so that a burst is served at once. A pass is
 * charged with what its interrupts cost besides, and with no more than it may
 * last: what is longer is a virtual CPU that did not run.
 */
#define TWQ_REST_PARTS		3
#define TWQ_REST_AHEAD_NS	(6 * (s64)NSEC_PER_MSEC)
#define TWQ_REST_EXTRA_NS	(10 * (s64)NSEC_PER_USEC)
#define TWQ_REST_CHARGE_NS	(TWQ_PASS_NS + TWQ_REST_EXTRA_NS)

/* A CPU that has become idle within a rest is found after this long. */
#define TWQ_REST_LOOK_NS	((s64)NSEC_PER_MSEC)

#ifdef TWQ_KUNIT
static bool twq_fake;
static atomic64_t twq_fake_ns;

void twq_fake_clock_start(s64 now_ns)
{
	atomic64_set(&twq_fake_ns, now_ns);
	WRITE_ONCE(twq_fake, true);
}

void twq_fake_clock_set(s64 now_ns)
{
	atomic64_set(&twq_fake_ns, now_ns);
}

void twq_fake_clock_stop(void)
{
	WRITE_ONCE(twq_fake, false);
}

#define twq_clock_is_fake()	READ_ONCE(twq_fake)
#define twq_fake_clock_ns()	atomic64_read(&twq_fake_ns)
#else
#define twq_clock_is_fake()	false
#define twq_fake_clock_ns()	0
#endif

/**
 * twq_clock_ns() - the present time
 *
 * Context: any but NMI.
 * Return: nanoseconds of CLOCK_MONOTONIC.
 */
s64 twq_clock_ns(void)
{
	if (twq_clock_is_fake())
		return twq_fake_clock_ns();
	return ktime_get();
}

/**
 * twq_clock_after() - a time relative to the present
 * @delay_ns: nanoseconds from now, negative for the past
 *
 * Context: as twq_clock_ns().
 * Return: nanoseconds of CLOCK_MONOTONIC. A time that can't be told is
 * TWQ_ETERNITY, by ktime_add_safe(); one before all time is its beginning.
 */
s64 twq_clock_after(s64 delay_ns)
{
	s64 now_ns = twq_clock_ns();

	if (delay_ns < 0)
		return now_ns + delay_ns;	/* no wrap: now is positive */
	return ktime_add_safe(now_ns, delay_ns);
}

/**
 * twq_clock_sleep() - sleep until a time, or until woken before it
 * @until_ns: nanoseconds of CLOCK_MONOTONIC, TWQ_ETERNITY for no limit; later
 *	by no more than the thread's timer slack
 *
 * Context: process, the state of the thread being set to what it sleeps in.
 * Return: whether the time has come.
 */
bool twq_clock_sleep(s64 until_ns)
{
	ktime_t until = until_ns;

	return !schedule_hrtimeout_range(until_ns == TWQ_ETERNITY ? NULL :
					 &until, current->timer_slack_ns,
					 HRTIMER_MODE_ABS);
}

/**
 * twq_timer_init() - prepare a timer, not armed
 * @timer: the timer
 * @fire: called in hard interrupt context when it fires; has to see to it
 *	that somebody looks at the queue and calls twq_timer_rearm()
 *
 * Context: process.
 */
void twq_timer_init(struct twq_timer *timer,
		    enum hrtimer_restart (*fire)(struct hrtimer *))
{
	hrtimer_setup(&timer->hr, fire, CLOCK_MONOTONIC, TWQ_TIMER_MODE);
	timer->armed_ns = TWQ_ETERNITY;
}

static bool twq_timer_start(struct twq_timer *timer, s64 key_ns, s64 now_ns)
{
	/* Pairs with the READ_ONCE() in twq_shared_is_due(). */
	WRITE_ONCE(timer->armed_ns, key_ns);
	if (key_ns <= now_ns)
		return true;
	if (!twq_clock_is_fake())
		hrtimer_start(&timer->hr, key_ns, TWQ_TIMER_MODE);
	return false;
}

/**
 * twq_timer_arm() - see to it that a key is not missed
 * @timer: the timer of a queue
 * @key_ns: a key in the queue
 *
 * Touches the hrtimer only when @key_ns is earlier than what is armed. A key
 * that is due already is not given to the hrtimer: deadlines in the past, set
 * in a loop, would make a storm of interrupts (what the kernel answers with
 * hrtimer_start_range_ns_user()).
 *
 * Context: any but NMI, under the exclusion of the queue.
 * Return: true when @key_ns is due: the caller asks for a pass at once.
 */
bool twq_timer_arm(struct twq_timer *timer, s64 key_ns)
{
	if (!twq_timer_is_late(timer, key_ns))
		return false;
	return twq_timer_start(timer, key_ns, twq_clock_ns());
}

/**
 * twq_timer_rearm() - after a look at the queue: arm for what is first now
 * @timer: the timer of a queue
 * @first_ns: first key of the queue, TWQ_ETERNITY when it is empty
 * @now_ns: the time of the look
 *
 * What was armed for @now_ns or earlier has had its look. What is armed for
 * later stands, even if its key has gone.
 *
 * Context: as twq_timer_arm().
 * Return: as twq_timer_arm().
 */
bool twq_timer_rearm(struct twq_timer *timer, s64 first_ns, s64 now_ns)
{
	/* Pairs with the READ_ONCE() in twq_shared_is_due(). */
	if (timer->armed_ns <= now_ns)
		WRITE_ONCE(timer->armed_ns, TWQ_ETERNITY);
	if (!twq_timer_is_late(timer, first_ns))
		return false;
	/* Due since that look, it fires at once. */
	return twq_timer_start(timer, first_ns, now_ns);
}

/**
 * twq_timer_stop() - disarm a timer
 * @timer: the timer
 *
 * Context: any but hard interrupt and NMI, under the exclusion of the queue.
 * On return the timer's callback does not run.
 */
void twq_timer_stop(struct twq_timer *timer)
{
	hrtimer_cancel(&timer->hr);
	/* Pairs with the READ_ONCE() in twq_shared_is_due(). */
	WRITE_ONCE(timer->armed_ns, TWQ_ETERNITY);
}

/**
 * twq_rest_init() - prepare the rests of a CPU
 * @rest: not begun
 * @over: called in hard interrupt context on the CPU on which
 *	twq_rest_is_over() has said no, to ask again
 *
 * Context: process.
 */
void twq_rest_init(struct twq_rest *rest,
		   enum hrtimer_restart (*over)(struct hrtimer *))
{
	hrtimer_setup(&rest->hr, over, CLOCK_MONOTONIC,
		      HRTIMER_MODE_REL_PINNED_HARD);
	rest->paid_ns = 0;
}

/**
 * twq_rest_clock_ns() - the clock by which the length of a pass is taken
 *
 * Not local_clock(), which goes by ticks where an architecture has none of its
 * own: a rest would end and not be over for a tick, time and again.
 *
 * Context: any but NMI.
 * Return: nanoseconds.
 */
s64 twq_rest_clock_ns(void)
{
	return ktime_get();
}

/**
 * twq_rest_time() - a reading of the clock as the time at which a pass begins
 * @now_ns: from twq_clock_ns(), just now
 *
 * Context: any but NMI.
 * Return: the time for twq_rest_begin(), which stays real while tests fake the
 * other one.
 */
s64 twq_rest_time(s64 now_ns)
{
	return twq_clock_is_fake() ? twq_rest_clock_ns() : now_ns;
}

/**
 * twq_rest_begin() - at the end of a pass: leave the CPU to others now
 * @rest: the CPU's
 * @since_ns: twq_rest_time() at the beginning of the pass
 *
 * Without it, intervals of user space could be chosen so that each interrupt
 * comes right after the passes of the one before, and nothing else would run:
 * such passes end before they are handed to ksoftirqd.
 *
 * Time pays for passes: @rest->paid_ns is when it will have paid for all so far,
 * and a pass that has to wait begins no earlier than AHEAD before that. So in
 * any time T of a CPU that is not idle the passes that interrupts begin take at
 * most (T + AHEAD) / PARTS and one pass. Those that threads make by their own
 * calls do not wait, since the scheduler charges them to the threads, but count.
 *
 * With 3 parts a normal thread keeps 2/3 of the CPU, and beside a thread as busy
 * as itself 1/3, less a few interrupts for each pass.
 *
 * Context: bottom half.
 */
void twq_rest_begin(struct twq_rest *rest, s64 since_ns)
{
	s64 now_ns = twq_rest_clock_ns();
	s64 charge_ns = min(now_ns - since_ns + TWQ_REST_EXTRA_NS,
			    TWQ_REST_CHARGE_NS);
	s64 paid_ns = clamp(rest->paid_ns, since_ns,
			    now_ns + TWQ_REST_AHEAD_NS);

	/* Pairs with the READ_ONCE() in twq_rest_is_over(). */
	WRITE_ONCE(rest->paid_ns, paid_ns + TWQ_REST_PARTS * charge_ns);
}

/**
 * twq_rest_is_over() - whether a pass may begin that is not a thread's own
 * @rest: the CPU's. If it is not over, its callback is called to ask again,
 *	when it is or when the CPU may be idle.
 *
 * An idle CPU needs no rest. With PREEMPT_RT passes are made in a thread, which
 * may be one of SCHED_FIFO, so there, too, the scheduler does not divide the CPU.
 *
 * Context: hard interrupt or bottom half, on the CPU that makes the passes.
 * Return: whether it may.
 */
bool twq_rest_is_over(struct twq_rest *rest)
{
	s64 left_ns;

	if (is_idle_task(current) && !need_resched())
		return true;
	/* Pairs with twq_rest_begin(), on this CPU or a former host. */
	left_ns = READ_ONCE(rest->paid_ns) - TWQ_REST_AHEAD_NS -
		  twq_rest_clock_ns();
	if (left_ns <= 0)
		return true;
	if (!hrtimer_is_queued(&rest->hr))
		hrtimer_start(&rest->hr, min(left_ns, TWQ_REST_LOOK_NS),
			      HRTIMER_MODE_REL_PINNED_HARD);
	return false;
}

/**
 * twq_rest_end() - have the callback of a rest called at once
 * @rest: the CPU's, begun or not
 *
 * For who needs an interrupt, and is in none.
 *
 * Context: any but NMI, interrupts off, on the CPU that is to be interrupted.
 */
void twq_rest_end(struct twq_rest *rest)
{
	hrtimer_start(&rest->hr, 0, HRTIMER_MODE_REL_PINNED_HARD);
}

/**
 * twq_rest_stop() - no rest ends from now on
 * @rest: the CPU's, when no pass is needed any more
 *
 * Context: process.
 */
void twq_rest_stop(struct twq_rest *rest)
{
	hrtimer_cancel(&rest->hr);
}
