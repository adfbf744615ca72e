// SPDX-License-Identifier: GPL-2.0
/*
 * Each call of /dev/twq with good arguments: what it answers, what QUERY and
 * STATS say afterwards, what event comes of it. Deadlines have their own file.
 */
#define _GNU_SOURCE
#include "device.h"

static int compare_ids(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void info_states_version_and_limits(void)
{
	struct twq_info info;
	int i;

	get_info(&info);
	EXPECT_EQ(info.abi_version, TWQ_ABI_VERSION);
	EXPECT_EQ(info.event_size, sizeof(struct twq_event));
	EXPECT_GE(info.nr_cpus, nr_online());
	EXPECT_GT(info.budget, 0);
	EXPECT_GE(info.max_tasks, 100000);
	EXPECT_GT(info.min_interval_ns, 0);
	EXPECT_LT(info.min_interval_ns, NSEC_PER_SEC);
	EXPECT_EQ(info.slot_size, sizeof(struct twq_slot));
	EXPECT_EQ(info.op_size, sizeof(struct twq_op));
	for (i = 0; i < TAP_COUNT(info.reserved); i++)
		EXPECT_EQ(info.reserved[i], 0);
}

static void info_reads_clock_monotonic(void)
{
	struct twq_info info;
	int64_t before = now_ns();

	get_info(&info);
	EXPECT_GE(info.now_ns, before);
	EXPECT_LE(info.now_ns, now_ns());
}

static void create_writes_nothing_but_the_id(void)
{
	uint64_t mask = bit(nth_cpu(0));
	struct twq_create create = {
		.id = 0xcccccccccccccccc,
		.user_data = 0x0123456789abcdef,
		.cpus = (uintptr_t)&mask,
		.cpus_len = sizeof(mask),
		.flags = TWQ_CREATE_SHARED,
		.interval_ns = HOUR_NS,
	};
	struct twq_create copy = create;

	EXPECT_EQ(call(dev, TWQ_IOC_CREATE, &create), 0);
	EXPECT_NE(create.id, copy.id);
	EXPECT_NE(create.id, 0);
	copy.id = create.id;
	EXPECT_EQ(memcmp(&create, &copy, sizeof(copy)), 0);
	EXPECT_EQ(mask, bit(nth_cpu(0)));
}

static void create_without_mask_allows_every_cpu(void)
{
	struct twq_query query = task(make(dev, 0, 0, 0, 0));

	EXPECT_GE(query.nr_cpus, nr_online());
	EXPECT_LE(query.cpu, nth_cpu(0));
	EXPECT_EQ(query.state & TWQ_STATE_SHARED_WQ,
		  query.nr_cpus > 1 ? TWQ_STATE_SHARED_WQ : 0);
}

static void create_on_one_cpu_is_not_shared(void)
{
	int n, cpu;

	for (n = 0; n < nr_online(); n++) {
		struct twq_query query;

		cpu = nth_cpu(n);
		query = task(make(dev, bit(cpu), 0, 0, 0));
		EXPECT_EQ(query.state, 0);
		EXPECT_EQ(query.cpu, cpu);
		EXPECT_EQ(query.nr_cpus, 1);
	}
}

static void create_shared_flag_on_one_cpu_is_shared(void)
{
	int cpu = nth_cpu(0);
	struct twq_query query;

	query = task(make(dev, bit(cpu), TWQ_CREATE_SHARED, 0, 0));
	EXPECT_EQ(query.state, TWQ_STATE_SHARED_WQ);
	EXPECT_EQ(query.cpu, cpu);
	EXPECT_EQ(query.nr_cpus, 1);
}

static void create_on_two_cpus_is_shared(void)
{
	int second = nth_cpu(1);
	struct twq_query query;

	query = task(make(dev, bit(nth_cpu(0)) | bit(second), 0, 0, 0));
	EXPECT_EQ(query.state, TWQ_STATE_SHARED_WQ);
	EXPECT_EQ(query.cpu, nth_cpu(0));
	EXPECT_EQ(query.nr_cpus, 2);
}

static void create_ignores_cpus_that_cannot_be(void)
{
	static uint64_t mask[256];
	struct twq_create create = {
		.cpus = (uintptr_t)mask,
		.cpus_len = sizeof(mask),
	};
	struct twq_query query;
	struct twq_info info;
	unsigned int cpu;

	get_info(&info);
	for (cpu = info.nr_cpus; cpu < sizeof(mask) * 8; cpu++)
		mask[cpu / 64] |= 1ULL << (cpu % 64);
	mask[0] |= bit(nth_cpu(0));
	if (!EXPECT_EQ(call(dev, TWQ_IOC_CREATE, &create), 0))
		return;
	query = task(create.id);
	EXPECT_EQ(query.nr_cpus, 1);
	EXPECT_EQ(query.cpu, nth_cpu(0));
}

static void create_ids_never_repeat(void)
{
	enum { ROUNDS = 10000 };
	static uint64_t ids[ROUNDS];
	int i;

	for (i = 0; i < ROUNDS && !tap_failures; i++) {
		ids[i] = make_any(0);
		EXPECT_EQ(destroy(ids[i]), 0);
	}
	qsort(ids, ROUNDS, sizeof(ids[0]), compare_ids);
	for (i = 1; i < ROUNDS; i++)
		EXPECT_NE(ids[i], ids[i - 1]);
	EXPECT_EQ(ledger(dev).created, ROUNDS);
	EXPECT_EQ(ledger(dev).destroyed, ROUNDS);
}

static void query_new_task_is_at_rest(void)
{
	uint64_t id = make(dev, 0, 0, HOUR_NS, 0xfedcba9876543210);
	struct twq_query query = task(id);

	EXPECT_EQ(query.id, id);
	EXPECT_EQ(query.user_data, 0xfedcba9876543210);
	EXPECT_EQ(query.deadline_ns, TWQ_ETERNITY);
	EXPECT_EQ(query.position_ns, TWQ_ETERNITY);
	EXPECT_EQ(query.interval_ns, HOUR_NS);
	EXPECT_EQ(query.overruns, 0);
	EXPECT_EQ(query.pending, 0);
	EXPECT_EQ(query.reserved[0], 0);
	EXPECT_EQ(query.reserved[1], 0);
}

static void query_armed_task_has_deadline_and_position(void)
{
	int64_t deadline = now_ns() + HOUR_NS;
	uint64_t id = make_any(0);
	struct twq_query query;

	EXPECT_EQ(queue_at(id, deadline), 0);
	query = task(id);
	EXPECT_EQ(query.deadline_ns, deadline);
	EXPECT_LE(query.position_ns, deadline);
	EXPECT_EQ(query.pending, 0);
}

static void query_unread_event_is_pending(void)
{
	uint64_t id = make_any(0);
	struct twq_event event;

	EXPECT_EQ(wake(id, TWQ_WOKEN_IO), 0);
	EXPECT_EQ(readable(dev, GUARD_MS), 1);
	EXPECT_EQ(task(id).pending, 1);
	next_event(dev, &event);
	EXPECT_EQ(task(id).pending, 0);
}

static void wakeup_delivers_each_reason(void)
{
	uint64_t id = make_any(77);
	struct twq_event event;
	uint32_t reason;

	for (reason = TWQ_WOKEN_INIT; reason <= TWQ_WOKEN_OTHER; reason <<= 1) {
		int64_t before = now_ns();

		if (reason == TWQ_WOKEN_TIMER)
			continue;
		if (!EXPECT_EQ(wake(id, reason), 0) || !next_event(dev, &event))
			return;
		EXPECT_EQ(event.reasons, reason);
		EXPECT_EQ(event.id, id);
		EXPECT_EQ(event.user_data, 77);
		EXPECT_EQ(event.deadline_ns, TWQ_ETERNITY);
		EXPECT_EQ(event.overruns, 0);
		EXPECT_GE(event.fired_ns, before);
		EXPECT_LE(event.fired_ns, now_ns());
		EXPECT_TRUE(online_mask() & bit(event.cpu));
	}
}

static void wakeup_reasons_of_one_call_arrive_together(void)
{
	uint32_t all = TWQ_WOKEN_ANY & ~TWQ_WOKEN_TIMER;
	struct twq_event event;

	EXPECT_EQ(wake(make_any(0), all), 0);
	if (next_event(dev, &event))
		EXPECT_EQ(event.reasons, all);
	expect_quiet(dev);
}

static void wakeup_before_the_read_adds_its_reason(void)
{
	uint64_t id = make_any(0);
	struct twq_event event;
	int i;

	EXPECT_EQ(wake(id, TWQ_WOKEN_IO), 0);
	EXPECT_EQ(readable(dev, GUARD_MS), 1);
	EXPECT_EQ(wake(id, TWQ_WOKEN_MSG), 0);
	for (i = 0; i < GUARD_MS && !ledger(dev).coalesced; i++)
		pause_ms(1);
	EXPECT_EQ(task(id).overruns, 1);
	if (!next_event(dev, &event))
		return;
	EXPECT_EQ(event.reasons, TWQ_WOKEN_IO | TWQ_WOKEN_MSG);
	EXPECT_EQ(event.overruns, 1);
	EXPECT_EQ(task(id).overruns, 0);
	expect_quiet(dev);
}

static void wakeup_leaves_the_deadline(void)
{
	int64_t deadline = now_ns() + HOUR_NS;
	uint64_t id = make_any(0);
	struct twq_event event;

	EXPECT_EQ(queue_at(id, deadline), 0);
	EXPECT_EQ(wake(id, TWQ_WOKEN_RES), 0);
	next_event(dev, &event);
	EXPECT_EQ(event.reasons, TWQ_WOKEN_RES);
	EXPECT_EQ(task(id).deadline_ns, deadline);
	EXPECT_LE(task(id).position_ns, deadline);
	EXPECT_EQ(cancel(id), 1);
}

static void wakeup_from_another_cpu_runs_on_the_owner(void)
{
	int owner = nth_cpu(1);
	uint64_t id = make(dev, bit(owner), 0, 0, 0);
	struct twq_event event;

	pin(nth_cpu(0));
	EXPECT_EQ(wake(id, TWQ_WOKEN_IO), 0);
	if (next_event(dev, &event))
		EXPECT_EQ(event.cpu, owner);
}

static void set_affinity_moves_where_it_runs(void)
{
	uint64_t id = make(dev, bit(nth_cpu(0)), TWQ_CREATE_SHARED, 0, 0);
	struct twq_event event;
	int round, cpu;

	for (round = 0; round < 20 && !tap_failures; round++) {
		cpu = nth_cpu(round % nr_online());
		EXPECT_EQ(set_affinity(id, bit(cpu)), 0);
		EXPECT_EQ(task(id).cpu, cpu);
		EXPECT_EQ(task(id).nr_cpus, 1);
		EXPECT_TRUE(task(id).state & TWQ_STATE_SHARED_WQ);
		EXPECT_EQ(queue_in(id, round % 2 ? 0 : NSEC_PER_MSEC), 0);
		next_event(dev, &event);
		EXPECT_EQ(event.cpu, cpu);
	}
}

static void set_affinity_keeps_the_deadline(void)
{
	int64_t deadline = now_ns() + 100 * NSEC_PER_MSEC, moved_ns;
	uint64_t id = make_any(0);
	struct twq_event event;
	int cpu = nth_cpu(nr_online() - 1);

	EXPECT_EQ(queue_at(id, deadline), 0);
	EXPECT_EQ(set_affinity(id, bit(cpu)), 0);
	moved_ns = now_ns();
	if (!next_event(dev, &event))
		return;
	EXPECT_EQ(event.deadline_ns, deadline);
	EXPECT_GE(event.fired_ns, deadline);
	/* A slow machine: it may have fired before it was moved. */
	if (event.fired_ns >= moved_ns)
		EXPECT_EQ(event.cpu, cpu);
}

static void set_affinity_does_not_arm(void)
{
	uint64_t id = make_any(0);

	EXPECT_EQ(set_affinity(id, bit(nth_cpu(0))), 0);
	EXPECT_EQ(set_affinity(id, 0), 0);
	EXPECT_EQ(task(id).deadline_ns, TWQ_ETERNITY);
	EXPECT_EQ(task(id).position_ns, TWQ_ETERNITY);
	expect_quiet(dev);
}

static void set_affinity_of_unused_task_may_share_it(void)
{
	uint64_t id = make(dev, bit(nth_cpu(0)), 0, 0, 0);
	uint64_t two = bit(nth_cpu(0)) | bit(nth_cpu(1));

	EXPECT_EQ(set_affinity(id, two), 0);
	EXPECT_EQ(task(id).state, TWQ_STATE_SHARED_WQ);
	EXPECT_EQ(task(id).nr_cpus, 2);
}

static void set_affinity_of_unused_task_may_move_it(void)
{
	uint64_t id = make(dev, bit(nth_cpu(0)), 0, 0, 0);
	int owner = nth_cpu(1);
	struct twq_event event;

	EXPECT_EQ(set_affinity(id, bit(owner)), 0);
	EXPECT_EQ(task(id).state, 0);
	EXPECT_EQ(task(id).cpu, owner);
	pin(owner);
	EXPECT_EQ(queue_in(id, 0), 0);
	if (next_event(dev, &event))
		EXPECT_EQ(event.cpu, owner);
}

static void destroy_takes_the_unread_event(void)
{
	uint64_t id = make_any(0);
	struct twq_query query;
	struct twq_event event;

	EXPECT_EQ(wake(id, TWQ_WOKEN_IO), 0);
	EXPECT_EQ(readable(dev, GUARD_MS), 1);
	EXPECT_EQ(destroy(id), 0);
	EXPECT_EQ(readable(dev, 0), 0);
	EXPECT_EQ(read(dev, &event, sizeof(event)), -1);
	EXPECT_EQ(errno, EAGAIN);
	EXPECT_EQ(query_task(dev, id, &query), -ENOENT);
	EXPECT_EQ(ledger(dev).discarded, 1);
}

static void destroy_drops_the_deadline(void)
{
	uint64_t near = make_any(0), far = make_any(1);
	struct twq_ledger l;

	EXPECT_EQ(queue_in(far, HOUR_NS), 0);
	EXPECT_EQ(queue_in(near, 50 * NSEC_PER_MSEC), 0);
	EXPECT_EQ(destroy(near), 0);
	EXPECT_EQ(destroy(far), 0);
	expect_quiet(dev);
	expect_destroyed(2);
	expect_balance();
	/* A slow machine: the near one may have fired, which nobody reads. */
	l = ledger(dev);
	EXPECT_EQ(l.dropped, 2 - l.expired);
	EXPECT_EQ(l.fired, l.discarded);
	EXPECT_LE(l.expired, 1);
}

static void stats_of_a_new_file_are_zero(void)
{
	struct twq_ledger zero = {}, now = ledger(dev);

	EXPECT_EQ(memcmp(&now, &zero, sizeof(zero)), 0);
}

static void stats_count_one_life(void)
{
	uint64_t id = make_any(0);
	struct twq_event event;
	struct twq_ledger l;

	EXPECT_EQ(queue_in(id, HOUR_NS), 0);
	EXPECT_EQ(queue_in(id, 0), 0);
	next_event(dev, &event);
	EXPECT_EQ(queue_in(id, HOUR_NS), 0);
	EXPECT_EQ(cancel(id), 1);
	EXPECT_EQ(destroy(id), 0);
	expect_destroyed(1);
	l = ledger(dev);
	EXPECT_EQ(l.created, 1);
	EXPECT_EQ(l.destroyed, 1);
	EXPECT_EQ(l.armed, 3);
	EXPECT_EQ(l.moved, 1);
	EXPECT_EQ(l.expired, 1);
	EXPECT_EQ(l.cancelled, 1);
	EXPECT_EQ(l.dropped, 0);
	EXPECT_EQ(l.fired, 1);
	EXPECT_EQ(l.delivered, 1);
	EXPECT_EQ(l.coalesced, 0);
	EXPECT_EQ(l.pending, 0);
	EXPECT_EQ(l.discarded, 0);
}

static void stats_count_on_the_cpu_that_ran(void)
{
	struct twq_cpu_stats before, after;
	struct twq_stats stats;
	struct twq_event event;
	int n, cpu;

	for (n = 0; n < nr_online(); n++) {
		cpu = nth_cpu(n);
		pin(cpu);
		before = cpu_stats(dev, cpu);
		EXPECT_EQ(queue_in(make(dev, bit(cpu), 0, 0, 0), 0), 0);
		next_event(dev, &event);
		after = cpu_stats(dev, cpu);
		EXPECT_GE(after.queued, before.queued + 1);
		EXPECT_GE(after.expired, before.expired + 1);
		EXPECT_GE(after.runs, before.runs + 1);
		EXPECT_GE(after.passes, before.passes + 1);
		EXPECT_EQ(get_stats(dev, cpu, &stats), 0);
		EXPECT_EQ(stats.cpu, cpu);
		EXPECT_EQ(stats.serving_cpu, cpu);
	}
}

static void stats_of_all_are_the_sum(void)
{
	struct twq_stats stats;
	struct twq_info info;
	uint64_t runs = 0, all;
	uint32_t cpu;
	int tries;

	get_info(&info);
	for (tries = 0; tries < 100; tries++) {
		all = cpu_stats(dev, TWQ_STATS_ALL_CPUS).runs;
		for (cpu = 0, runs = 0; cpu < info.nr_cpus; cpu++)
			if (!get_stats(dev, cpu, &stats))
				runs += stats.cpu_stats.runs;
		if (runs == all)
			break;
	}
	EXPECT_EQ(runs, all);
	EXPECT_EQ(get_stats(dev, TWQ_STATS_ALL_CPUS, &stats), 0);
	EXPECT_EQ(stats.serving_cpu, TWQ_STATS_ALL_CPUS);
}

static void stats_depth_follows_the_tasks(void)
{
	int cpu = nth_cpu(0);
	struct twq_cpu_stats before, after;
	uint64_t local, shared;

	pin(cpu);
	before = cpu_stats(dev, cpu);
	local = make(dev, bit(cpu), 0, 0, 0);
	shared = make_any(0);
	EXPECT_EQ(queue_in(local, HOUR_NS), 0);
	EXPECT_EQ(queue_in(shared, HOUR_NS), 0);
	after = cpu_stats(dev, cpu);
	EXPECT_EQ(after.local_depth, before.local_depth + 1);
	EXPECT_EQ(after.shared_depth, before.shared_depth + 1);
	EXPECT_EQ(destroy(local), 0);
	EXPECT_EQ(destroy(shared), 0);
	after = cpu_stats(dev, cpu);
	EXPECT_EQ(after.local_depth, before.local_depth);
	EXPECT_EQ(after.shared_depth, before.shared_depth);
}

static const struct tap_case cases[] = {
	TAP_CASE(info_states_version_and_limits),
	TAP_CASE(info_reads_clock_monotonic),
	TAP_CASE(create_writes_nothing_but_the_id),
	TAP_CASE(create_without_mask_allows_every_cpu),
	TAP_CASE(create_on_one_cpu_is_not_shared),
	TAP_CASE(create_shared_flag_on_one_cpu_is_shared),
	TAP_CASE(create_on_two_cpus_is_shared),
	TAP_CASE(create_ignores_cpus_that_cannot_be),
	TAP_CASE(create_ids_never_repeat),
	TAP_CASE(query_new_task_is_at_rest),
	TAP_CASE(query_armed_task_has_deadline_and_position),
	TAP_CASE(query_unread_event_is_pending),
	TAP_CASE(wakeup_delivers_each_reason),
	TAP_CASE(wakeup_reasons_of_one_call_arrive_together),
	TAP_CASE(wakeup_before_the_read_adds_its_reason),
	TAP_CASE(wakeup_leaves_the_deadline),
	TAP_CASE(wakeup_from_another_cpu_runs_on_the_owner),
	TAP_CASE(set_affinity_moves_where_it_runs),
	TAP_CASE(set_affinity_keeps_the_deadline),
	TAP_CASE(set_affinity_does_not_arm),
	TAP_CASE(set_affinity_of_unused_task_may_share_it),
	TAP_CASE(set_affinity_of_unused_task_may_move_it),
	TAP_CASE(destroy_takes_the_unread_event),
	TAP_CASE(destroy_drops_the_deadline),
	TAP_CASE(stats_of_a_new_file_are_zero),
	TAP_CASE(stats_count_one_life),
	TAP_CASE(stats_count_on_the_cpu_that_ran),
	TAP_CASE(stats_of_all_are_the_sum),
	TAP_CASE(stats_depth_follows_the_tasks),
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
