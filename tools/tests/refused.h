/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Calls that must fail and change nothing: neither the task that they name, nor
 * the file's ledger, nor the caller's structure.
 */
#ifndef REFUSED_H
#define REFUSED_H

#include "device.h"

/* One argument for any call: the id comes first in all that have one. */
union argument {
	uint64_t id;
	struct twq_info info;
	struct twq_create create;
	struct twq_task_id task_id;
	struct twq_affinity affinity;
	struct twq_deadline deadline;
	struct twq_wakeup wakeup;
	struct twq_query query;
	struct twq_stats stats;
	struct twq_submit submit;
	unsigned char bytes[sizeof(struct twq_stats)];
};

/* What must be the same after a failed call. */
struct snapshot {
	struct twq_query query;
	struct twq_ledger ledger;
};

static inline struct snapshot snapshot(uint64_t id)
{
	struct snapshot snap = { .query = task(id), .ledger = ledger(dev) };

	return snap;
}

static inline void expect_same(uint64_t id, const struct snapshot *before)
{
	struct snapshot after = snapshot(id);

	EXPECT_EQ(memcmp(&before->query, &after.query, sizeof(after.query)),
		  0);
	EXPECT_EQ(memcmp(&before->ledger, &after.ledger,
			 sizeof(after.ledger)), 0);
}

/* The call fails with @error, its argument and the task stay as they are. */
static inline void expect_refused(unsigned long nr, union argument *arg,
				  uint64_t id, int error)
{
	struct snapshot before = snapshot(id);
	union argument copy = *arg;

	if (!EXPECT_EQ(call(dev, nr, arg), error))
		printf("# by call %lu\n", _IOC_NR(nr));
	EXPECT_EQ(memcmp(&copy, arg, sizeof(copy)), 0);
	expect_same(id, &before);
}

/* A good argument of call @nr for task @id. */
static inline union argument good(unsigned long nr, uint64_t id)
{
	union argument arg = { .bytes = {} };

	if (nr != TWQ_IOC_CREATE && nr != TWQ_IOC_STATS &&
	    nr != TWQ_IOC_SUBMIT)
		arg.id = id;
	if (nr == TWQ_IOC_WAKEUP)
		arg.wakeup.reasons = TWQ_WOKEN_IO;
	if (nr == TWQ_IOC_QUEUE || nr == TWQ_IOC_SCHEDULE)
		arg.deadline.deadline_ns = now_ns() + HOUR_NS / 2;
	return arg;
}

#endif /* REFUSED_H */
