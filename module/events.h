/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The events of an open file: a list of tasks that have something to tell.
 */
#ifndef TWQ_EVENTS_H
#define TWQ_EVENTS_H

#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/overflow.h>
#include <linux/poll.h>
#include <linux/spinlock.h>
#include <linux/twq.h>
#include <linux/uio.h>
#include <linux/wait.h>

/* A time that has always passed. */
#define TWQ_EVENTS_NO_WAIT	0LL

/**
 * struct twq_events - the ready list of one open file
 * @lock: guards the rest and the &struct twq_ready of all tasks of the file;
 *	taken with bottom halves off, nothing is taken inside but the lock of
 *	@wait by its functions
 * @ready: unread events, the oldest first
 * @wait: readers and pollers
 * @fired: as in struct twq_ledger, like the others
 * @delivered: events read
 * @coalesced: runs added to an unread event
 * @pending: length of @ready
 * @discarded: events whose task was destroyed
 */
struct twq_events {
	spinlock_t lock;	/* of all that follows */
	struct list_head ready;
	wait_queue_head_t wait;
	u64 fired;
	u64 delivered;
	u64 coalesced;
	u64 pending;
	u64 discarded;
};

/**
 * struct twq_ready - the one event that a task can have unread
 * @link: in the file's ready list, or empty
 * @event: its id and user_data are constant, the rest is valid while linked
 * @closed: the task is destroyed: no event any more
 */
struct twq_ready {
	struct list_head link;
	struct twq_event event;
	bool closed;
};

static inline u64 twq_add_saturated(u64 a, u64 b)
{
	u64 sum;

	return check_add_overflow(a, b, &sum) ? U64_MAX : sum;
}

/* A further run before the read: the first deadline and time stand. */
static __always_inline void twq_event_coalesce(struct twq_event *event,
					       const struct twq_event *run)
{
	u64 more = twq_add_saturated(run->overruns, 1);

	event->overruns = twq_add_saturated(event->overruns, more);
	event->reasons |= run->reasons;
	if (event->deadline_ns == TWQ_ETERNITY)
		event->deadline_ns = run->deadline_ns;
}

static __always_inline void twq_event_first(struct twq_event *event,
					    const struct twq_event *run)
{
	event->deadline_ns = run->deadline_ns;
	event->fired_ns = run->fired_ns;
	event->overruns = run->overruns;
	event->reasons = run->reasons;
	event->cpu = run->cpu;
}

/*
 * There is an event. Exclusive: each wakes one reader. Pollers all wake. The
 * barrier in wq_has_sleeper(), event before the look at the queue, pairs with
 * the one of those who wait: in prepare_to_wait_*(), before they look for an
 * event, and in twq_chardev_poll().
 */
static inline void twq_events_wake(struct twq_events *ev)
{
	if (wq_has_sleeper(&ev->wait))
		wake_up_interruptible_poll(&ev->wait, EPOLLIN | EPOLLRDNORM);
}

/**
 * twq_events_post() - a task has something to tell
 * @ev: its file's events
 * @r: its event
 * @run: what happened; id and user_data are not looked at
 *
 * Inline, so that @run is in registers: each run of a task comes here.
 *
 * Context: bottom half.
 */
static __always_inline void twq_events_post(struct twq_events *ev,
					    struct twq_ready *r,
					    const struct twq_event *run)
{
	lockdep_assert_in_softirq();
	spin_lock(&ev->lock);
	ev->fired++;
	if (unlikely(r->closed)) {
		ev->discarded++;
	} else if (unlikely(!list_empty(&r->link))) {
		ev->coalesced++;
		twq_event_coalesce(&r->event, run);
	} else {
		twq_event_first(&r->event, run);
		list_add_tail(&r->link, &ev->ready);
		ev->pending++;
		twq_events_wake(ev);
	}
	spin_unlock(&ev->lock);
}

void twq_events_init(struct twq_events *ev);
void twq_ready_init(struct twq_ready *r, u64 id, u64 user_data);
bool twq_events_close(struct twq_events *ev, struct twq_ready *r);
bool twq_events_ready(struct twq_events *ev);
bool twq_events_pending(struct twq_events *ev, struct twq_ready *r,
			u64 *overruns);
ssize_t twq_events_read(struct twq_events *ev, struct iov_iter *to,
			s64 until_ns);
void twq_events_read_ledger(struct twq_events *ev, struct twq_ledger *ledger);

#endif /* TWQ_EVENTS_H */
