/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What ioctls.c, which makes the calls of the device, and judge.c share.
 */
#ifndef TWQ_FUZZ_IOCTLS_H
#define TWQ_FUZZ_IOCTLS_H

#include "fuzz.h"

union arg {
	struct twq_info info;
	struct twq_create create;
	struct twq_task_id task_id;
	struct twq_affinity affinity;
	struct twq_deadline deadline;
	struct twq_wakeup wakeup;
	struct twq_query query;
	struct twq_stats stats;
	uint32_t words[60];
};

/* One call of the device: what it is given, and where. */
struct request {
	union arg arg;
	size_t size;
	struct place place;
	struct place mask;	/* as meant; the argument may be spoilt */
	uint64_t mask_bits;
};

/* The argument of the call @c, with which @r is about to be made. */
void fill(const struct run *r, const struct call *c, struct request *q);

/* The lock is held during judge_ioctl() and mark_end(). */
void mark_begin(struct run *r, const struct request *q);
void judge_ioctl(struct run *r, const struct request *q,
		 const struct worker *w);
void mark_end(struct run *r);

#endif /* TWQ_FUZZ_IOCTLS_H */
