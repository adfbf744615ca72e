/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Places in the code where a test may step in between two steps, so that a
 * race is forced and not waited for. Nothing at all outside test builds.
 */
#ifndef TWQ_TESTPOINT_H
#define TWQ_TESTPOINT_H

#include <linux/compiler.h>

struct twq_task;

enum twq_testpoint {
	TWQ_TP_WOKEN,		/* expiry has woken it, its tree still held */
	TWQ_TP_PUSH,		/* QUEUED is set, the push is to come */
	TWQ_TP_STARTED,		/* RUNNING is set, the mask not yet looked at */
	TWQ_TP_REQUEUED,	/* back in its tree, RUNNING still set */
	TWQ_TP_DECIDED,		/* schedule() has seen idle, deadline unmoved */
	TWQ_TP_CHANGED,		/* deadline changed, tree untouched */
	TWQ_TP_LOOK,		/* 'again' is cleared, the clock not yet read */
	TWQ_TP_LOOKED,		/* the last look is over, 'passing' still set */
	TWQ_TP_ASKED,		/* 'again' is set, 'passing' not yet read */
	TWQ_TP_DUE,		/* a due deadline was seen, and not yet used */
	TWQ_TP_REMASKED,	/* another mask, its lock still held */
	TWQ_TP_ENTER,		/* its state is read, its tree not yet held */
	TWQ_TP_TOLD,		/* its position is told, the deadline not read */
	TWQ_TP_SHARING,		/* the mask is there, SHARED_WQ is not yet */
	TWQ_TP_BLOCK,		/* a block is there, its bank's lock not yet */
	TWQ_TP_LEAVING,		/* done waiting for events, still in the queue */
};

#ifdef TWQ_KUNIT
extern void (*twq_testpoint_fn)(enum twq_testpoint where, struct twq_task *t);
#endif

static inline void twq_test_point(enum twq_testpoint where,
				  struct twq_task *task)
{
#ifdef TWQ_KUNIT
	void (*fn)(enum twq_testpoint where, struct twq_task *t);

	fn = READ_ONCE(twq_testpoint_fn);
	if (fn)
		fn(where, task);
#endif
}

#endif /* TWQ_TESTPOINT_H */
