// SPDX-License-Identifier: GPL-2.0
/*
 * The way of an event from a task's run to read(). A task is in the ready list
 * at most once, by a node of its own: posting allocates nothing and can't
 * overflow. An event leaves the list in the same hold of the lock in which it
 * is copied to the reader, so it is never lost to a fault, never read twice,
 * and never read after twq_events_close() has returned.
 */
#include <linux/minmax.h>
#include <linux/pagemap.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/uaccess.h>

#include "events.h"
#include "testpoint.h"
#include "timer.h"

/* Most events that are copied in one hold of the lock. */
#define TWQ_READ_BATCH	32

/* Times that a buffer may fault again right after it was faulted in. */
#define TWQ_READ_FAULTS	8

/**
 * twq_events_init() - make a file's ready list
 * @ev: the list
 *
 * Context: process.
 */
void twq_events_init(struct twq_events *ev)
{
	spin_lock_init(&ev->lock);
	INIT_LIST_HEAD(&ev->ready);
	init_waitqueue_head(&ev->wait);
}

/**
 * twq_ready_init() - make a task's event, not ready
 * @r: the event
 * @id: the task's id
 * @user_data: for the reader
 *
 * Context: any.
 */
void twq_ready_init(struct twq_ready *r, u64 id, u64 user_data)
{
	INIT_LIST_HEAD(&r->link);
	r->event.id = id;
	r->event.user_data = user_data;
	r->closed = false;
}

/**
 * twq_events_close() - a task is destroyed: no event of it from now on
 * @ev: its file's events
 * @r: its event
 *
 * Context: process or bottom half.
 * Return: false when it had been closed before.
 */
bool twq_events_close(struct twq_events *ev, struct twq_ready *r)
{
	bool first;

	spin_lock_bh(&ev->lock);
	first = !r->closed;
	/* Pairs with twq_utask_at(). */
	WRITE_ONCE(r->closed, true);
	if (!list_empty(&r->link)) {
		list_del_init(&r->link);
		ev->pending--;
		ev->discarded++;
	}
	spin_unlock_bh(&ev->lock);
	return first;
}

/**
 * twq_events_pending() - whether a task's event waits to be read
 * @ev: its file's events
 * @r: its event
 * @overruns: where the event's overruns go, 0 when none waits
 *
 * Context: process or bottom half.
 * Return: whether one waits.
 */
bool twq_events_pending(struct twq_events *ev, struct twq_ready *r,
			u64 *overruns)
{
	bool pending;

	spin_lock_bh(&ev->lock);
	pending = !list_empty(&r->link);
	*overruns = pending ? r->event.overruns : 0;
	spin_unlock_bh(&ev->lock);
	return pending;
}

/*
 * To a buffer in one piece, as nearly all are: by plain stores, with no call
 * for each event. The oldest @nr events or as many as the buffer takes; the
 * number is returned, and what is copied of one more does not count.
 */
static unsigned int twq_copy_to_user(struct twq_events *ev,
				     struct twq_event __user *to,
				     unsigned int nr)
{
	struct twq_event __user *start = to, *const end = to + nr;
	struct twq_ready *r;

	if (!user_write_access_begin(to, nr * sizeof(*to)))
		return 0;
	list_for_each_entry(r, &ev->ready, link) {
		if (to == end)
			break;
		unsafe_put_user(r->event.user_data, &to->user_data, out);
		unsafe_put_user(r->event.id, &to->id, out);
		unsafe_put_user(r->event.deadline_ns, &to->deadline_ns, out);
		unsafe_put_user(r->event.fired_ns, &to->fired_ns, out);
		unsafe_put_user(r->event.overruns, &to->overruns, out);
		unsafe_put_user(r->event.reasons, &to->reasons, out);
		unsafe_put_user(r->event.cpu, &to->cpu, out);
		to++;
	}
out:
	user_write_access_end();
	return to - start;
}

/* The same, to a buffer of any kind. */
static unsigned int twq_copy_to_iter(struct twq_events *ev,
				     struct iov_iter *to, unsigned int nr)
{
	unsigned int done = 0;
	struct twq_ready *r;
	size_t copied;

	list_for_each_entry(r, &ev->ready, link) {
		if (done == nr)
			break;
		copied = copy_to_iter(&r->event, sizeof(r->event), to);
		if (copied < sizeof(r->event)) {
			iov_iter_revert(to, copied);
			break;
		}
		done++;
	}
	return done;
}

static unsigned int twq_copy_events(struct twq_events *ev, struct iov_iter *to,
				    unsigned int nr)
{
	if (!iter_is_ubuf(to))
		return twq_copy_to_iter(ev, to, nr);
	nr = twq_copy_to_user(ev, to->ubuf + to->iov_offset, nr);
	iov_iter_advance(to, nr * sizeof(struct twq_event));
	return nr;
}

/* Takes the oldest @nr events out of the list, which has as many. */
static void twq_events_drop(struct twq_events *ev, unsigned int nr)
{
	struct list_head *link = ev->ready.next, *next;

	ev->pending -= nr;
	ev->delivered += nr;
	for (; nr; nr--) {
		next = link->next;
		INIT_LIST_HEAD(link);
		link = next;
	}
	/* All that were before the next one, at once. */
	__list_del(&ev->ready, link);
}

/*
 * Moves a batch of events to the reader. Page faults are off: the lock is
 * held. Returns the number of bytes; *@faulted tells that the buffer was not
 * there, in which case the events have stayed.
 */
static ssize_t twq_events_take(struct twq_events *ev, struct iov_iter *to,
			       bool *faulted)
{
	const size_t size = sizeof(struct twq_event);
	const u64 max = min_t(size_t, TWQ_READ_BATCH, iov_iter_count(to) / size);
	unsigned int nr, taken;

	spin_lock_bh(&ev->lock);
	nr = min(max, ev->pending);
	pagefault_disable();
	taken = twq_copy_events(ev, to, nr);
	pagefault_enable();
	twq_events_drop(ev, taken);
	spin_unlock_bh(&ev->lock);
	*faulted = taken < nr;
	return taken * size;
}

/**
 * twq_events_ready() - whether there is something to read
 * @ev: the file's events
 *
 * Context: any. A hint for who looks again under the lock or waits to be
 * woken, after he has joined the wait queue.
 * Return: whether there is.
 */
bool twq_events_ready(struct twq_events *ev)
{
	/* Pairs with the WRITE_ONCE()s of the list, of the head's next. */
	return !list_empty(&ev->ready);
}

/* The wake-up for an event that this reader leaves is another one's. */
static void twq_events_pass_on(struct twq_events *ev)
{
	if (twq_events_ready(ev))
		twq_events_wake(ev);
}

/*
 * Waits for something to read, until a time that may be past already. A
 * wake-up is one waiter's alone, so none may leave with one and without an
 * event while others sleep. A signal is seen to by prepare_to_wait_event(),
 * which takes the waiter out of the queue before anybody can wake it in vain;
 * what woke it before is found by the look after it. One whose time has come
 * may be woken up to its leaving the queue, and so looks once more after that.
 */
static int twq_events_wait(struct twq_events *ev, s64 until_ns)
{
	bool late = until_ns <= twq_clock_ns();
	struct wait_queue_entry entry;
	int err;

	if (late)
		return twq_events_ready(ev) ? 0 : -EAGAIN;
	init_wait_entry(&entry, WQ_FLAG_EXCLUSIVE);
	for (;;) {
		err = prepare_to_wait_event(&ev->wait, &entry,
					    TASK_INTERRUPTIBLE);
		if (late || twq_events_ready(ev))
			break;
		if (err)
			return err;
		late = twq_clock_sleep(until_ns);
		/* Not into the queue once more for what has come. */
		if (twq_events_ready(ev))
			break;
	}
	twq_test_point(TWQ_TP_LEAVING, NULL);
	finish_wait(&ev->wait, &entry);
	return late && !twq_events_ready(ev) ? -EAGAIN : 0;
}

/**
 * twq_events_read() - take events, oldest first
 * @ev: the file's events
 * @to: where whole &struct twq_event go
 * @until_ns: how long to wait for the first one: CLOCK_MONOTONIC,
 *	TWQ_EVENTS_NO_WAIT or TWQ_ETERNITY
 *
 * Context: process, may sleep.
 * Return: number of bytes; -EINVAL when not one event fits; -EAGAIN when there
 * is none by @until_ns; -ERESTARTSYS on a signal; -EFAULT when the buffer is
 * bad. Events that are not returned stay.
 */
ssize_t twq_events_read(struct twq_events *ev, struct iov_iter *to,
			s64 until_ns)
{
	const size_t size = sizeof(struct twq_event);
	unsigned int faults = 0;
	ssize_t done = 0, taken;
	bool faulted;
	int err;

	if (iov_iter_count(to) < size)
		return -EINVAL;
	while (iov_iter_count(to) >= size) {
		cond_resched();
		if (!twq_events_ready(ev)) {
			if (done)
				break;
			err = twq_events_wait(ev, until_ns);
			if (err)
				return err;
		}
		taken = twq_events_take(ev, to, &faulted);
		done += taken;
		if (taken)
			faults = 0;
		if (faulted && (faults++ == TWQ_READ_FAULTS ||
				fault_in_iov_iter_writeable(to, size))) {
			twq_events_pass_on(ev);
			return done ? done : -EFAULT;
		}
	}
	return done;
}

/**
 * twq_events_read_ledger() - what became of the events
 * @ev: the file's events
 * @ledger: where it goes, as of one moment
 *
 * Context: process or bottom half.
 */
void twq_events_read_ledger(struct twq_events *ev, struct twq_ledger *ledger)
{
	spin_lock_bh(&ev->lock);
	ledger->fired = ev->fired;
	ledger->delivered = ev->delivered;
	ledger->coalesced = ev->coalesced;
	ledger->pending = ev->pending;
	ledger->discarded = ev->discarded;
	spin_unlock_bh(&ev->lock);
}
