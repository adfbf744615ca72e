/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The shared wait queue: one tree for the system, under one lock.
 */
#ifndef TWQ_SHARED_H
#define TWQ_SHARED_H

#include <linux/spinlock.h>

#include "queue.h"
#include "timer.h"

/**
 * struct twq_shared - the shared wait queue
 * @lock: guards the rest and the masks of all SHARED_WQ tasks; taken with
 *	bottom halves off, since passes take it; nothing is taken inside
 * @queue: tasks with SHARED_WQ, and no others
 * @timer: timer at the first key of @queue
 */
struct twq_shared {
	spinlock_t lock;	/* of all that follows */
	struct twq_queue queue;
	struct twq_timer timer;
};

struct twq_allowance;
struct twq_due;

extern struct twq_shared twq_shared;

void twq_shared_lock(void);
void twq_shared_unlock(void);
void twq_shared_enter(void);
void twq_shared_leave(void);
void twq_shared_rearm(s64 key_ns);

/**
 * twq_shared_arm() - see to it that a position in the queue is not missed
 * @key_ns: the position
 *
 * Context: under twq_shared_lock().
 */
static inline void twq_shared_arm(s64 key_ns)
	__must_hold(&twq_shared.lock)
{
	lockdep_assert_held(&twq_shared.lock);
	if (twq_timer_is_late(&twq_shared.timer, key_ns))
		twq_shared_rearm(key_ns);
}

bool twq_shared_is_due(s64 now_ns);
bool twq_shared_expire(s64 now_ns, struct twq_allowance *allow,
		       struct twq_due *due);
void twq_shared_init(void);
void twq_shared_exit(void);

#endif /* TWQ_SHARED_H */
