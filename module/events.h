/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The events of an open file: a list of tasks that have something to tell.
 */
#ifndef TWQ_EVENTS_H
#define TWQ_EVENTS_H

#include <linux/list.h>
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

void twq_events_init(struct twq_events *ev);
void twq_ready_init(struct twq_ready *r, u64 id, u64 user_data);
void twq_events_post(struct twq_events *ev, struct twq_ready *r,
		     const struct twq_event *run);
bool twq_events_close(struct twq_events *ev, struct twq_ready *r);
bool twq_events_ready(struct twq_events *ev);
bool twq_events_pending(struct twq_events *ev, struct twq_ready *r,
			u64 *overruns);
ssize_t twq_events_read(struct twq_events *ev, struct iov_iter *to,
			s64 until_ns);
void twq_events_read_ledger(struct twq_events *ev, struct twq_ledger *ledger);

#endif /* TWQ_EVENTS_H */
