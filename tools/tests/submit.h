/* SPDX-License-Identifier: GPL-2.0 */
/* What the tests of TWQ_IOC_SUBMIT share: operations and arrays of them. */
#ifndef SUBMIT_H
#define SUBMIT_H

#include "device.h"

#define UNKNOWN_RESULT	0x33333333	/* of an operation that was not made */

/* An operation as a caller leaves it: what goes out holds something else. */
static inline struct twq_op op(uint32_t opcode, uint64_t id, int64_t value)
{
	return (struct twq_op) {
		.opcode = opcode,
		.id = id,
		.value = value,
		.result = UNKNOWN_RESULT,
	};
}

static inline struct twq_op op_create(uint64_t user_data)
{
	struct twq_op o = op(TWQ_OP_CREATE, 0xcccccccccccccccc, 0);

	o.flags = TWQ_CREATE_SHARED;
	o.user_data = user_data;
	return o;
}

static inline struct twq_op op_wake(uint64_t id)
{
	return op(TWQ_OP_WAKEUP, id, TWQ_WOKEN_IO);
}

/* Operations and no events. */
static inline int submit(void *ops, uint32_t nr)
{
	struct twq_submit submit = {
		.ops = (uintptr_t)ops,
		.nr_ops = nr,
		.nr_events = UNKNOWN_RESULT,
	};
	int ret = call(dev, TWQ_IOC_SUBMIT, &submit);

	EXPECT_EQ(submit.nr_events, 0);
	return ret;
}

/* One operation that is made. Returns its result. */
static inline int submit_one(struct twq_op o)
{
	EXPECT_EQ(submit(&o, 1), 1);
	if (o.opcode == TWQ_OP_CREATE && !o.result)
		track(o.id);
	return o.result;
}

#endif /* SUBMIT_H */
