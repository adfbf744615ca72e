// SPDX-License-Identifier: GPL-2.0
/*
 * TWQ_IOC_SUBMIT, its operations: each does and answers what the call of its
 * name does, a bad one stops nothing but itself, and a fault in their array
 * ends the batch where it is. What comes after them is test_submit_wait's.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stddef.h>
#include <sys/time.h>
#include "submit.h"

static const uint32_t id_ops[] = {
	TWQ_OP_DESTROY, TWQ_OP_SET_AFFINITY, TWQ_OP_QUEUE, TWQ_OP_SCHEDULE,
	TWQ_OP_CANCEL, TWQ_OP_WAKEUP, TWQ_OP_REQUEUE,
};

/* An operation on @id that has nothing wrong. */
static struct twq_op good_op(uint32_t opcode, uint64_t id)
{
	switch (opcode) {
	case TWQ_OP_CREATE:
		return op_create(7);
	case TWQ_OP_QUEUE:
	case TWQ_OP_SCHEDULE:
		return op(opcode, id, now_ns() + HOUR_NS / 2);
	case TWQ_OP_WAKEUP:
		return op_wake(id);
	default:
		return op(opcode, id, 0);
	}
}

/* Wakes @id by itself: it is its only wake-up so far. */
static void expect_runs(uint64_t id, uint64_t runs)
{
	int64_t limit = now_ns() + GUARD_MS * NSEC_PER_MSEC;

	while (ledger(dev).fired < runs && now_ns() < limit)
		pause_ms(1);
	EXPECT_EQ(ledger(dev).fired, runs);
	EXPECT_EQ(task(id).pending, runs > 0);
}

/* -- what each does ------------------------------------------------------- */

static void create_makes_a_task(void)
{
	uint64_t mask = bit(nth_cpu(0));
	struct twq_op o = op_create(0xfedcba9876543210);
	struct twq_query query;

	o.flags = 0;
	o.value = HOUR_NS;
	o.cpus = (uintptr_t)&mask;
	o.cpus_len = sizeof(mask);
	EXPECT_EQ(submit(&o, 1), 1);
	EXPECT_EQ(o.result, 0);
	track(o.id);
	query = task(o.id);
	EXPECT_EQ(query.user_data, 0xfedcba9876543210);
	EXPECT_EQ(query.interval_ns, HOUR_NS);
	EXPECT_EQ(query.deadline_ns, TWQ_ETERNITY);
	EXPECT_EQ(query.nr_cpus, 1);
	EXPECT_EQ(query.cpu, nth_cpu(0));
	EXPECT_EQ(query.state, 0);
	EXPECT_EQ(ledger(dev).created, 1);
}

static void create_takes_its_flags(void)
{
	uint64_t mask = bit(nth_cpu(0));
	struct twq_op o = op_create(0);

	o.cpus = (uintptr_t)&mask;
	o.cpus_len = sizeof(mask);
	EXPECT_EQ(submit(&o, 1), 1);
	EXPECT_EQ(o.result, 0);
	EXPECT_EQ(task(o.id).state, TWQ_STATE_SHARED_WQ);
}

static void queue_sets_the_deadline(void)
{
	int64_t deadline = now_ns() + HOUR_NS, before;
	uint64_t id = make_any(0);
	struct twq_op o = op(TWQ_OP_QUEUE, id, deadline);

	EXPECT_EQ(submit_one(o), 0);
	EXPECT_EQ(task(id).deadline_ns, deadline);
	o.flags = TWQ_RELATIVE;
	o.value = 2 * HOUR_NS;
	before = now_ns();
	EXPECT_EQ(submit_one(o), 0);
	EXPECT_GE(task(id).deadline_ns, before + 2 * HOUR_NS);
	EXPECT_LE(task(id).deadline_ns, now_ns() + 2 * HOUR_NS);
	o.value = TWQ_ETERNITY;
	EXPECT_EQ(submit_one(o), 0);
	EXPECT_EQ(task(id).deadline_ns, TWQ_ETERNITY);
	EXPECT_EQ(ledger(dev).armed, 2);
	EXPECT_EQ(ledger(dev).moved, 1);
	EXPECT_EQ(ledger(dev).cancelled, 1);
}

static void schedule_keeps_the_earlier(void)
{
	int64_t deadline = now_ns() + HOUR_NS;
	uint64_t id = make_any(0);

	EXPECT_EQ(submit_one(op(TWQ_OP_SCHEDULE, id, deadline)), 0);
	EXPECT_EQ(submit_one(op(TWQ_OP_SCHEDULE, id, deadline + 1)), 0);
	EXPECT_EQ(task(id).deadline_ns, deadline);
	EXPECT_EQ(submit_one(op(TWQ_OP_SCHEDULE, id, deadline - 1)), 0);
	EXPECT_EQ(task(id).deadline_ns, deadline - 1);
}

static void cancel_tells_whether_it_stopped_one(void)
{
	uint64_t id = make_any(0);

	EXPECT_EQ(queue_in(id, HOUR_NS), 0);
	EXPECT_EQ(submit_one(op(TWQ_OP_CANCEL, id, 0)), 1);
	EXPECT_EQ(task(id).deadline_ns, TWQ_ETERNITY);
	EXPECT_EQ(submit_one(op(TWQ_OP_CANCEL, id, 0)), 0);
}

static void wakeup_gives_its_reasons(void)
{
	uint64_t id = make_any(5);
	struct twq_event event;

	EXPECT_EQ(submit_one(op(TWQ_OP_WAKEUP, id,
				TWQ_WOKEN_MSG | TWQ_WOKEN_OTHER)), 0);
	next_event(dev, &event);
	EXPECT_EQ(event.id, id);
	EXPECT_EQ(event.reasons, TWQ_WOKEN_MSG | TWQ_WOKEN_OTHER);
}

static void set_affinity_takes_a_mask(void)
{
	uint64_t id = make_any(0), mask = bit(nth_cpu(nr_online() - 1));
	struct twq_op o = op(TWQ_OP_SET_AFFINITY, id, 0);

	o.cpus = (uintptr_t)&mask;
	o.cpus_len = sizeof(mask);
	EXPECT_EQ(submit_one(o), 0);
	EXPECT_EQ(task(id).nr_cpus, 1);
	EXPECT_EQ(task(id).cpu, nth_cpu(nr_online() - 1));
}

static void destroy_ends_the_task(void)
{
	uint64_t id = make_any(0);
	struct twq_query query;

	EXPECT_EQ(submit_one(op(TWQ_OP_DESTROY, id, 0)), 0);
	EXPECT_EQ(query_task(dev, id, &query), -ENOENT);
	EXPECT_EQ(submit_one(op(TWQ_OP_DESTROY, id, 0)), -ENOENT);
}

static void requeue_follows_the_slot(void)
{
	uint64_t id = make_any(0);
	size_t size = (TWQ_SLOT(id) + 1) * sizeof(struct twq_slot);
	struct twq_slot *slot = mmap(NULL, size, PROT_READ | PROT_WRITE,
				     MAP_SHARED, dev, 0);
	int64_t early = now_ns() + HOUR_NS;

	if (!EXPECT_TRUE(slot != MAP_FAILED))
		return;
	slot += TWQ_SLOT(id);
	EXPECT_EQ(queue_at(id, early + HOUR_NS), 0);
	__atomic_store_n(&slot->deadline_ns, early, __ATOMIC_SEQ_CST);
	EXPECT_EQ(task(id).position_ns, early + HOUR_NS);
	EXPECT_EQ(submit_one(op(TWQ_OP_REQUEUE, id, 0)), 0);
	EXPECT_EQ(task(id).position_ns, early);
	EXPECT_EQ(task(id).deadline_ns, early);
}

static void foreign_cpu_is_refused(void)
{
	uint64_t id = make(dev, bit(nth_cpu(0)), 0, 0, 0);

	pin(nth_cpu(1));
	EXPECT_EQ(submit_one(good_op(TWQ_OP_QUEUE, id)), -EXDEV);
	EXPECT_EQ(submit_one(good_op(TWQ_OP_SCHEDULE, id)), -EXDEV);
	EXPECT_EQ(submit_one(good_op(TWQ_OP_CANCEL, id)), -EXDEV);
	EXPECT_EQ(task(id).deadline_ns, TWQ_ETERNITY);
	pin(nth_cpu(0));
	EXPECT_EQ(submit_one(good_op(TWQ_OP_QUEUE, id)), 0);
}

/* -- one after the other -------------------------------------------------- */

static void all_are_made_in_their_order(void)
{
	uint64_t id = make_any(0);
	struct twq_op ops[] = {
		good_op(TWQ_OP_QUEUE, id), op(TWQ_OP_CANCEL, id, 0),
		op(TWQ_OP_CANCEL, id, 0), op(TWQ_OP_QUEUE, id, TWQ_ETERNITY),
		op(TWQ_OP_SCHEDULE, id, TWQ_ETERNITY - 1),
		op(TWQ_OP_SCHEDULE, id, TWQ_ETERNITY - 2),
		op(TWQ_OP_CANCEL, id, 0), op(TWQ_OP_DESTROY, id, 0),
		op(TWQ_OP_CANCEL, id, 0), op(TWQ_OP_DESTROY, id, 0),
	};
	static const int results[] = {
		0, 1, 0, 0, 0, 0, 1, 0, -ENOENT, -ENOENT,
	};
	int i;

	EXPECT_EQ(submit(ops, TAP_COUNT(ops)), TAP_COUNT(ops));
	for (i = 0; i < TAP_COUNT(ops); i++)
		if (!EXPECT_EQ(ops[i].result, results[i]))
			printf("# operation %d\n", i);
}

/* Each kind of bad one, among good ones. */
static void bad_one_stops_nothing_but_itself(void)
{
	uint64_t id = make_any(0), gone = make_any(0);
	struct twq_op ops[15];
	int i;

	EXPECT_EQ(destroy(gone), 0);
	for (i = 0; i < TAP_COUNT(ops); i++)
		ops[i] = op(TWQ_OP_QUEUE, id, TWQ_ETERNITY - 100 + i);
	ops[1].opcode = 0;
	ops[3].flags = 0x80;
	ops[5].id = gone;
	ops[7] = op(TWQ_OP_WAKEUP, id, TWQ_WOKEN_TIMER);
	ops[9] = op(TWQ_OP_CREATE, 0, -1);
	ops[11] = op(TWQ_OP_SET_AFFINITY, id, 0);
	ops[11].cpus = 8;
	ops[11].cpus_len = 8;
	ops[13].reserved[1] = 1;
	EXPECT_EQ(submit(ops, TAP_COUNT(ops)), TAP_COUNT(ops));
	for (i = 0; i < TAP_COUNT(ops); i++) {
		int want = i % 2 == 0 ? 0 : i == 5 ? -ENOENT :
			   i == 11 ? -EFAULT : -EINVAL;

		if (!EXPECT_EQ(ops[i].result, want))
			printf("# operation %d\n", i);
	}
	EXPECT_EQ(task(id).deadline_ns, TWQ_ETERNITY - 100 + 14);
	EXPECT_EQ(ledger(dev).armed, 8);
	EXPECT_EQ(ledger(dev).fired, 0);
	EXPECT_EQ(ledger(dev).created, 2);
}

/* All members but id and result are as they were. */
static void only_id_and_result_are_written(void)
{
	uint64_t id = make_any(0);
	int i;

	for (i = 0; i <= 255; i++) {
		struct twq_op o = good_op(i, id), before;

		if (o.opcode == TWQ_OP_DESTROY)
			continue;
		before = o;
		EXPECT_EQ(submit(&o, 1), 1);
		EXPECT_NE(o.result, UNKNOWN_RESULT);
		before.result = o.result;
		if (i == TWQ_OP_CREATE)
			before.id = o.id;
		EXPECT_EQ(memcmp(&o, &before, sizeof(o)), 0);
	}
}

static void many_in_one_call(void)
{
	enum { MANY = 10001 };
	struct twq_op *ops = calloc(MANY, sizeof(*ops));
	uint64_t id = make_any(0);
	int i;

	for (i = 0; i < MANY; i++)
		ops[i] = op(TWQ_OP_QUEUE, i % 3 ? id : ~0ULL, HOUR_NS - i);
	for (i = 0; i < MANY; i++)
		ops[i].value += now_ns();
	EXPECT_EQ(submit(ops, MANY), MANY);
	for (i = 0; i < MANY && !tap_failures; i++)
		EXPECT_EQ(ops[i].result, i % 3 ? 0 : -ENOENT);
	EXPECT_EQ(task(id).deadline_ns, ops[MANY - 1].value);
	free(ops);
}

static void no_operation(void)
{
	EXPECT_EQ(submit(NULL, 0), 0);
	EXPECT_EQ(submit((void *)-8L, 0), 0);
}

/* -- TWQ_ID_CREATED ------------------------------------------------------- */

static void created_is_the_last_one(void)
{
	int64_t when = now_ns() + HOUR_NS;
	struct twq_op ops[] = {
		op_create(1), op(TWQ_OP_QUEUE, TWQ_ID_CREATED, when + 1),
		op_create(2), op_create(3),
		op(TWQ_OP_QUEUE, TWQ_ID_CREATED, when + 3),
		op(TWQ_OP_SCHEDULE, TWQ_ID_CREATED, when + 2),
		op(TWQ_OP_SET_AFFINITY, TWQ_ID_CREATED, 0),
		op_wake(TWQ_ID_CREATED),
	};
	int i;

	EXPECT_EQ(submit(ops, TAP_COUNT(ops)), TAP_COUNT(ops));
	for (i = 0; i < TAP_COUNT(ops); i++)
		EXPECT_EQ(ops[i].result, 0);
	track(ops[0].id);
	track(ops[2].id);
	track(ops[3].id);
	EXPECT_EQ(task(ops[0].id).deadline_ns, when + 1);
	EXPECT_EQ(task(ops[2].id).deadline_ns, TWQ_ETERNITY);
	EXPECT_EQ(task(ops[3].id).deadline_ns, when + 2);
	EXPECT_EQ(task(ops[3].id).user_data, 3);
	expect_runs(ops[3].id, 1);
	EXPECT_EQ(ops[1].id, TWQ_ID_CREATED);
}

/* Also where the array is copied in more than one piece. */
static void created_long_ago(void)
{
	struct twq_op ops[100];
	int i;

	ops[0] = op_create(1);
	for (i = 1; i < 100; i++)
		ops[i] = op(TWQ_OP_QUEUE, TWQ_ID_CREATED, TWQ_ETERNITY - i);
	EXPECT_EQ(submit(ops, 100), 100);
	track(ops[0].id);
	for (i = 0; i < 100; i++)
		EXPECT_EQ(ops[i].result, 0);
	EXPECT_EQ(task(ops[0].id).deadline_ns, TWQ_ETERNITY - 99);
}

static void created_and_destroyed(void)
{
	struct twq_op ops[] = {
		op_create(1), op(TWQ_OP_DESTROY, TWQ_ID_CREATED, 0),
		good_op(TWQ_OP_QUEUE, TWQ_ID_CREATED),
	};

	EXPECT_EQ(submit(ops, TAP_COUNT(ops)), TAP_COUNT(ops));
	EXPECT_EQ(ops[0].result, 0);
	EXPECT_EQ(ops[1].result, 0);
	EXPECT_EQ(ops[2].result, -ENOENT);
	EXPECT_EQ(ledger(dev).created, 1);
}

/* None in this call, whatever the calls before have made. */
static void created_by_nobody(void)
{
	struct twq_op o = op_create(1);
	int i;

	EXPECT_EQ(submit(&o, 1), 1);
	for (i = 0; i < TAP_COUNT(id_ops); i++)
		EXPECT_EQ(submit_one(good_op(id_ops[i], TWQ_ID_CREATED)),
			  -ENOENT);
	EXPECT_EQ(task(o.id).deadline_ns, TWQ_ETERNITY);
}

/* The one that failed is the last one, whatever was wrong with it. */
static void created_by_one_that_failed(void)
{
	struct twq_op ops[6];
	int i, bad;

	for (bad = 0; bad < 3; bad++) {
		ops[0] = op_create(1);
		ops[1] = op_create(2);
		if (bad == 0)
			ops[1].value = 1;
		else if (bad == 1)
			ops[1].cpus_len = 3;
		else
			ops[1].reserved[0] = 1;
		for (i = 2; i < 6; i++)
			ops[i] = good_op(id_ops[i], TWQ_ID_CREATED);
		EXPECT_EQ(submit(ops, 6), 6);
		EXPECT_EQ(ops[0].result, 0);
		EXPECT_EQ(ops[1].result, -EINVAL);
		EXPECT_EQ(ops[1].id, 0xcccccccccccccccc);
		for (i = 2; i < 6; i++)
			EXPECT_EQ(ops[i].result, -ENOENT);
		EXPECT_EQ(task(ops[0].id).deadline_ns, TWQ_ETERNITY);
	}
	EXPECT_EQ(ledger(dev).created, 3);
	EXPECT_EQ(ledger(dev).fired, 0);
}

/* -- what is refused ------------------------------------------------------ */

static void unknown_opcode(void)
{
	struct twq_ledger before, after;
	uint64_t id = make_any(0);
	int i;

	EXPECT_EQ(queue_in(id, HOUR_NS), 0);
	before = ledger(dev);
	EXPECT_EQ(submit_one(op(0, id, 0)), -EINVAL);
	EXPECT_EQ(submit_one(op(TWQ_OP_CREATE | 0x100, id, 0)), -EINVAL);
	for (i = TWQ_OP_REQUEUE + 1; i < 64; i++)
		EXPECT_EQ(submit_one(op(i, id, 0)), -EINVAL);
	for (i = 6; i < 32; i++)
		EXPECT_EQ(submit_one(op(1U << i, id, 0)), -EINVAL);
	EXPECT_EQ(submit_one(op(~0U, id, 0)), -EINVAL);
	after = ledger(dev);
	EXPECT_EQ(memcmp(&before, &after, sizeof(after)), 0);
}

/* Where an operation has a member, by the header of the ABI. */
static bool has_member(uint32_t opcode, size_t at)
{
	bool create = opcode == TWQ_OP_CREATE;

	if (at < offsetof(struct twq_op, value))
		return at >= offsetof(struct twq_op, id) || at < 4;
	if (at < offsetof(struct twq_op, user_data))
		return create || opcode == TWQ_OP_QUEUE ||
		       opcode == TWQ_OP_SCHEDULE || opcode == TWQ_OP_WAKEUP;
	if (at < offsetof(struct twq_op, cpus))
		return create;
	if (at < offsetof(struct twq_op, result))
		return create || opcode == TWQ_OP_SET_AFFINITY;
	return at < offsetof(struct twq_op, reserved);
}

/* The flags, too: no bit of their upper bytes is known. */
static void other_members_must_be_zero(void)
{
	struct twq_ledger before, after;
	uint64_t id = make_any(0);
	uint32_t opcode;
	size_t at;

	EXPECT_EQ(queue_in(id, HOUR_NS), 0);
	before = ledger(dev);
	for (opcode = TWQ_OP_CREATE; opcode <= TWQ_OP_REQUEUE; opcode++) {
		for (at = 0; at < sizeof(struct twq_op); at++) {
			struct twq_op o = good_op(opcode, id);

			if (has_member(opcode, at))
				continue;
			((unsigned char *)&o)[at] = 0x80;
			if (!EXPECT_EQ(submit_one(o), -EINVAL))
				printf("# byte %zu of opcode %u\n", at,
				       opcode);
		}
	}
	after = ledger(dev);
	EXPECT_EQ(memcmp(&before, &after, sizeof(after)), 0);
}

static void wakeup_reasons_of_more_than_32_bits(void)
{
	uint64_t id = make_any(0);
	int i;

	for (i = 32; i < 64; i++) {
		struct twq_op o = op_wake(id);

		o.value |= 1LL << i;
		EXPECT_EQ(submit_one(o), -EINVAL);
	}
	EXPECT_EQ(ledger(dev).fired, 0);
}

/* Nothing is made, and not even the array is looked at. */
static void bad_submit_makes_nothing(void)
{
	uint64_t id = make_any(0);
	struct twq_op o = good_op(TWQ_OP_QUEUE, id), before = o;
	struct twq_submit submit = {
		.ops = (uintptr_t)&o,
		.nr_ops = 1,
		.flags = 2,
	};

	EXPECT_EQ(call(dev, TWQ_IOC_SUBMIT, &submit), -EINVAL);
	submit.flags = 0;
	submit.reserved[2] = 1ULL << 63;
	EXPECT_EQ(call(dev, TWQ_IOC_SUBMIT, &submit), -EINVAL);
	EXPECT_EQ(memcmp(&o, &before, sizeof(o)), 0);
	EXPECT_EQ(task(id).deadline_ns, TWQ_ETERNITY);
}

static const struct tap_case cases[] = {
	TAP_CASE(create_makes_a_task),
	TAP_CASE(create_takes_its_flags),
	TAP_CASE(queue_sets_the_deadline),
	TAP_CASE(schedule_keeps_the_earlier),
	TAP_CASE(cancel_tells_whether_it_stopped_one),
	TAP_CASE(wakeup_gives_its_reasons),
	TAP_CASE(set_affinity_takes_a_mask),
	TAP_CASE(destroy_ends_the_task),
	TAP_CASE(requeue_follows_the_slot),
	TAP_CASE(foreign_cpu_is_refused),
	TAP_CASE(all_are_made_in_their_order),
	TAP_CASE(bad_one_stops_nothing_but_itself),
	TAP_CASE(only_id_and_result_are_written),
	TAP_CASE(many_in_one_call),
	TAP_CASE(no_operation),
	TAP_CASE(created_is_the_last_one),
	TAP_CASE(created_long_ago),
	TAP_CASE(created_and_destroyed),
	TAP_CASE(created_by_nobody),
	TAP_CASE(created_by_one_that_failed),
	TAP_CASE(unknown_opcode),
	TAP_CASE(other_members_must_be_zero),
	TAP_CASE(wakeup_reasons_of_more_than_32_bits),
	TAP_CASE(bad_submit_makes_nothing),
};

int main(int argc, char **argv)
{
	static const struct tap_suite suite = {
		.cases = cases,
		.nr_cases = TAP_COUNT(cases),
		.before = open_case,
		.after = close_case,
	};

	return tap_main(argc, argv, &suite);
}
