/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The clock, and the one timer that a queue has at its first key.
 */
#ifndef TWQ_TIMER_H
#define TWQ_TIMER_H

#include <linux/hrtimer.h>
#include <linux/time64.h>
#include <linux/types.h>

/* As long as a pass may last: half of what bottom halves may take on end. */
#define TWQ_PASS_NS	((s64)NSEC_PER_MSEC)

/*
 * A pass also moves the stale positions that would come within this time, each
 * to its deadline, which is later still: nothing fires earlier by it, and what
 * is lost is that a deadline which comes back before this time needs its tree.
 * An interrupt and a pass are shared by that many more positions: 100,000 idle
 * timeouts of 30 s have 3.3 come due in a millisecond.
 */
#define TWQ_AHEAD_NS	(4 * (s64)NSEC_PER_MSEC)

/**
 * struct twq_timer - the timer of one queue
 * @hr: what fires
 * @armed_ns: the one truth about what is armed: somebody comes to look at the
 *	queue at this time or, when it has passed, is already on the way.
 *	TWQ_ETERNITY when nobody will. Never later than the queue's first key
 *	once the queue's user has left its exclusion. Written under the queue's
 *	exclusion; the shared queue's is read without, as a hint.
 */
struct twq_timer {
	struct hrtimer hr;
	s64 armed_ns;
};

/**
 * struct twq_rest - what passes leave of a CPU to others
 * @hr: ends the rest for an interrupt that came within it
 * @paid_ns: when the passes so far will have had their share of the time;
 *	written by the pass
 */
struct twq_rest {
	struct hrtimer hr;
	s64 paid_ns;
};

/**
 * twq_timer_is_late() - whether a key would be missed by what is armed
 * @timer: the timer of a queue
 * @key_ns: a key in the queue
 *
 * Context: under the exclusion of the queue.
 * Return: whether twq_timer_arm() is needed.
 */
static inline bool twq_timer_is_late(const struct twq_timer *timer, s64 key_ns)
{
	return key_ns < timer->armed_ns;
}

s64 twq_clock_ns(void);
s64 twq_clock_after(s64 delay_ns);
bool twq_clock_sleep(s64 until_ns);
void twq_timer_init(struct twq_timer *timer,
		    enum hrtimer_restart (*fire)(struct hrtimer *));
bool twq_timer_arm(struct twq_timer *timer, s64 key_ns);
bool twq_timer_rearm(struct twq_timer *timer, s64 first_ns, s64 now_ns);
void twq_timer_stop(struct twq_timer *timer);

void twq_rest_init(struct twq_rest *rest,
		   enum hrtimer_restart (*over)(struct hrtimer *));
s64 twq_rest_clock_ns(void);
s64 twq_rest_time(s64 now_ns);
void twq_rest_begin(struct twq_rest *rest, s64 since_ns);
bool twq_rest_is_over(struct twq_rest *rest);
void twq_rest_end(struct twq_rest *rest);
void twq_rest_stop(struct twq_rest *rest);

#ifdef TWQ_KUNIT
/* A clock that tests move by hand; with it no hrtimer is started. */
void twq_fake_clock_start(s64 now_ns);
void twq_fake_clock_set(s64 now_ns);
void twq_fake_clock_stop(void);
#endif

#endif /* TWQ_TIMER_H */
