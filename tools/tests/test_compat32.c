// SPDX-License-Identifier: GPL-2.0
/*
 * The ABI seen by a 32-bit program: sizes, offsets and call numbers are those
 * of every other program, and each call works. Built with -m32 and without.
 */
#define _GNU_SOURCE
#include <assert.h>
#include <stddef.h>
#include "slots.h"

#define SIZE(type, size)						\
	static_assert(sizeof(struct type) == (size), #type " has its size")
#define OFFSET(type, from, offset)					\
	static_assert(offsetof(struct type, from) == (offset),		\
		       #type "." #from " is in its place")

SIZE(twq_info, 64);
OFFSET(twq_info, budget, 12);
OFFSET(twq_info, max_tasks, 16);
OFFSET(twq_info, min_interval_ns, 24);
OFFSET(twq_info, now_ns, 32);
OFFSET(twq_info, slot_size, 40);
OFFSET(twq_info, op_size, 44);
OFFSET(twq_info, reserved, 48);

SIZE(twq_create, 64);
OFFSET(twq_create, user_data, 8);
OFFSET(twq_create, cpus, 16);
OFFSET(twq_create, cpus_len, 24);
OFFSET(twq_create, flags, 28);
OFFSET(twq_create, interval_ns, 32);
OFFSET(twq_create, reserved, 40);

SIZE(twq_task_id, 16);

SIZE(twq_affinity, 32);
OFFSET(twq_affinity, cpus, 8);
OFFSET(twq_affinity, cpus_len, 16);
OFFSET(twq_affinity, flags, 20);
OFFSET(twq_affinity, reserved, 24);

SIZE(twq_deadline, 32);
OFFSET(twq_deadline, deadline_ns, 8);
OFFSET(twq_deadline, flags, 16);
OFFSET(twq_deadline, reserved, 24);

SIZE(twq_wakeup, 24);
OFFSET(twq_wakeup, reasons, 8);
OFFSET(twq_wakeup, reserved, 16);

SIZE(twq_query, 80);
OFFSET(twq_query, deadline_ns, 16);
OFFSET(twq_query, overruns, 40);
OFFSET(twq_query, state, 48);
OFFSET(twq_query, nr_cpus, 60);
OFFSET(twq_query, reserved, 64);

SIZE(twq_ledger, 96);
SIZE(twq_cpu_stats, 104);
SIZE(twq_stats, 240);
OFFSET(twq_stats, ledger, 8);
OFFSET(twq_stats, cpu_stats, 104);
OFFSET(twq_stats, reserved, 208);

SIZE(twq_event, 48);
OFFSET(twq_event, id, 8);
OFFSET(twq_event, deadline_ns, 16);
OFFSET(twq_event, fired_ns, 24);
OFFSET(twq_event, overruns, 32);
OFFSET(twq_event, reasons, 40);
OFFSET(twq_event, cpu, 44);

SIZE(twq_slot, 16);
OFFSET(twq_slot, position_ns, 8);

SIZE(twq_op, 64);
OFFSET(twq_op, flags, 4);
OFFSET(twq_op, id, 8);
OFFSET(twq_op, value, 16);
OFFSET(twq_op, user_data, 24);
OFFSET(twq_op, cpus, 32);
OFFSET(twq_op, cpus_len, 40);
OFFSET(twq_op, result, 44);
OFFSET(twq_op, reserved, 48);

SIZE(twq_submit, 64);
OFFSET(twq_submit, events, 8);
OFFSET(twq_submit, until_ns, 16);
OFFSET(twq_submit, nr_ops, 24);
OFFSET(twq_submit, max_events, 28);
OFFSET(twq_submit, nr_events, 32);
OFFSET(twq_submit, flags, 36);
OFFSET(twq_submit, reserved, 40);

static void call_numbers_are_fixed(void)
{
	EXPECT_EQ(TWQ_IOC_INFO, 0x8040b700);
	EXPECT_EQ(TWQ_IOC_CREATE, 0xc040b701);
	EXPECT_EQ(TWQ_IOC_DESTROY, 0x4010b702);
	EXPECT_EQ(TWQ_IOC_SET_AFFINITY, 0x4020b703);
	EXPECT_EQ(TWQ_IOC_QUEUE, 0x4020b704);
	EXPECT_EQ(TWQ_IOC_SCHEDULE, 0x4020b705);
	EXPECT_EQ(TWQ_IOC_CANCEL, 0x4010b706);
	EXPECT_EQ(TWQ_IOC_WAKEUP, 0x4018b707);
	EXPECT_EQ(TWQ_IOC_QUERY, 0xc050b708);
	EXPECT_EQ(TWQ_IOC_STATS, 0xc0f0b709);
	EXPECT_EQ(TWQ_IOC_REQUEUE, 0x4010b70a);
	EXPECT_EQ(TWQ_IOC_SUBMIT, 0xc040b70b);
}

static void info_answers(void)
{
	struct twq_info info;
	int64_t before = now_ns();

	get_info(&info);
	EXPECT_EQ(info.abi_version, TWQ_ABI_VERSION);
	EXPECT_EQ(info.event_size, sizeof(struct twq_event));
	EXPECT_EQ(info.slot_size, sizeof(struct twq_slot));
	EXPECT_EQ(info.op_size, sizeof(struct twq_op));
	EXPECT_GE(info.now_ns, before);
	EXPECT_LE(info.now_ns, now_ns());
}

static void create_and_query_agree(void)
{
	uint64_t data = 0xfedcba9876543210, mask = bit(nth_cpu(0));
	uint64_t id = make(dev, mask, TWQ_CREATE_SHARED, HOUR_NS, data);
	struct twq_query query = task(id);

	EXPECT_EQ(query.id, id);
	EXPECT_EQ(query.user_data, data);
	EXPECT_EQ(query.interval_ns, HOUR_NS);
	EXPECT_EQ(query.deadline_ns, TWQ_ETERNITY);
	EXPECT_EQ(query.state, TWQ_STATE_SHARED_WQ);
	EXPECT_EQ(query.cpu, nth_cpu(0));
	EXPECT_EQ(query.nr_cpus, 1);
}

static void set_affinity_takes_a_mask(void)
{
	uint64_t id = make_any(0);
	int cpu = nth_cpu(nr_online() - 1);

	EXPECT_EQ(set_affinity(id, bit(cpu)), 0);
	EXPECT_EQ(task(id).cpu, cpu);
	EXPECT_EQ(task(id).nr_cpus, 1);
}

static void queue_and_read_agree(void)
{
	int64_t deadline = now_ns() + 20 * NSEC_PER_MSEC;
	uint64_t id = make_any(0xfedcba9876543210);
	struct twq_event event;

	EXPECT_EQ(queue_at(id, deadline), 0);
	if (!next_event(dev, &event))
		return;
	EXPECT_EQ(event.user_data, 0xfedcba9876543210);
	EXPECT_EQ(event.id, id);
	EXPECT_EQ(event.deadline_ns, deadline);
	EXPECT_GE(event.fired_ns, deadline);
	EXPECT_LE(event.fired_ns, now_ns());
	EXPECT_EQ(event.overruns, 0);
	EXPECT_EQ(event.reasons, TWQ_WOKEN_TIMER);
	EXPECT_TRUE(online_mask() & bit(event.cpu));
}

static void schedule_and_cancel_answer(void)
{
	uint64_t id = make_any(0);
	int64_t deadline = now_ns() + HOUR_NS;

	EXPECT_EQ(schedule_at(id, deadline), 0);
	EXPECT_EQ(task(id).deadline_ns, deadline);
	EXPECT_EQ(cancel(id), 1);
	EXPECT_EQ(cancel(id), 0);
}

static void wakeup_gives_its_reason(void)
{
	struct twq_event event;

	EXPECT_EQ(wake(make_any(0), TWQ_WOKEN_OTHER), 0);
	if (!next_event(dev, &event))
		return;
	EXPECT_EQ(event.reasons, TWQ_WOKEN_OTHER);
	EXPECT_EQ(event.deadline_ns, TWQ_ETERNITY);
}

static void slots_move_a_deadline(void)
{
	int64_t deadline = now_ns() + HOUR_NS;
	uint64_t id = make(dev, bit(nth_cpu(nr_online() - 1)), 0, 0, 0);
	struct twq_event event;

	slots = map_all(dev);
	EXPECT_EQ(deadline_in(id), TWQ_ETERNITY);
	EXPECT_TRUE(store(id, deadline));
	EXPECT_EQ(requeue(id), 0);
	position_becomes(id, deadline);
	EXPECT_TRUE(!store(id, deadline + 1));
	EXPECT_EQ(task(id).deadline_ns, deadline + 1);
	EXPECT_TRUE(store(id, 1));
	EXPECT_EQ(requeue(id), 0);
	if (next_event(dev, &event))
		EXPECT_EQ(event.deadline_ns, 1);
	EXPECT_EQ(destroy(id), 0);
}

static void destroy_and_stats_agree(void)
{
	uint64_t id = make_any(0);
	struct twq_query query;

	EXPECT_EQ(queue_in(id, HOUR_NS), 0);
	EXPECT_EQ(destroy(id), 0);
	EXPECT_EQ(query_task(dev, id, &query), -ENOENT);
	EXPECT_EQ(ledger(dev).created, 1);
	EXPECT_EQ(ledger(dev).destroyed, 1);
	EXPECT_EQ(ledger(dev).armed, 1);
	EXPECT_EQ(ledger(dev).dropped, 1);
}

static void submit_makes_and_reads(void)
{
	int64_t deadline = now_ns() + 20 * NSEC_PER_MSEC;
	uint64_t mask = bit(nth_cpu(0));
	struct twq_event events[2];
	struct twq_op ops[] = {
		{
			.opcode = TWQ_OP_CREATE,
			.flags = TWQ_CREATE_SHARED,
			.user_data = 0xfedcba9876543210,
			.cpus = (uintptr_t)&mask,
			.cpus_len = sizeof(mask),
		},
		{ .opcode = TWQ_OP_QUEUE, .value = deadline },
		{ .opcode = TWQ_OP_CANCEL, .id = ~0ULL },
	};
	struct twq_submit submit = {
		.ops = (uintptr_t)ops,
		.nr_ops = TAP_COUNT(ops),
		.events = (uintptr_t)events,
		.max_events = 2,
		.until_ns = TWQ_ETERNITY,
	};

	EXPECT_EQ(call(dev, TWQ_IOC_SUBMIT, &submit), 3);
	EXPECT_EQ(ops[0].result, 0);
	EXPECT_EQ(ops[1].result, 0);
	EXPECT_EQ(ops[2].result, -ENOENT);
	track(ops[0].id);
	EXPECT_EQ(task(ops[0].id).cpu, nth_cpu(0));
	EXPECT_EQ(submit.nr_events, 1);
	EXPECT_EQ(events[0].user_data, 0xfedcba9876543210);
	EXPECT_EQ(events[0].id, ops[0].id);
	EXPECT_EQ(events[0].deadline_ns, deadline);
}

static const struct tap_case cases[] = {
	TAP_CASE(call_numbers_are_fixed),
	TAP_CASE(info_answers),
	TAP_CASE(create_and_query_agree),
	TAP_CASE(set_affinity_takes_a_mask),
	TAP_CASE(queue_and_read_agree),
	TAP_CASE(schedule_and_cancel_answer),
	TAP_CASE(wakeup_gives_its_reason),
	TAP_CASE(slots_move_a_deadline),
	TAP_CASE(destroy_and_stats_agree),
	TAP_CASE(submit_makes_and_reads),
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
