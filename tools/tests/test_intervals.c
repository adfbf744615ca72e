// SPDX-License-Identifier: GPL-2.0
/*
 * Periodic tasks: the deadline stays on its own grid, skipped periods and
 * unread expiries are counted and none is lost, and a start long ago costs no
 * more than any other.
 */
#define _GNU_SOURCE
#include "device.h"

#define PERIOD_NS	(10 * NSEC_PER_MSEC)

static int64_t min_interval(void)
{
	struct twq_info info;

	get_info(&info);
	return info.min_interval_ns;
}

/* The deadline that follows those that @event stands for. */
static int64_t next_on_grid(const struct twq_event *event, int64_t interval)
{
	return event->deadline_ns + (event->overruns + 1) * interval;
}

static void expect_grid(int64_t interval, int64_t first, int events)
{
	struct twq_event event;
	int i;

	for (i = 0; i < events && !tap_failures; i++) {
		if (!next_event(dev, &event))
			return;
		EXPECT_EQ(event.reasons, TWQ_WOKEN_TIMER);
		EXPECT_EQ(event.deadline_ns, first);
		EXPECT_GE(event.fired_ns, event.deadline_ns);
		first = next_on_grid(&event, interval);
		/* An overrun is an expiry: none is counted before its time. */
		EXPECT_LE(first - interval, now_ns());
	}
}

static void interval_keeps_its_grid(void)
{
	int64_t first = now_ns() + PERIOD_NS;
	uint64_t id = make(dev, 0, 0, PERIOD_NS, 0);

	EXPECT_EQ(queue_at(id, first), 0);
	expect_grid(PERIOD_NS, first, 30);
	cancel(id);
}

static void interval_keeps_its_grid_on_a_local_task(void)
{
	int cpu = nth_cpu(0);
	int64_t first = now_ns() + PERIOD_NS;
	uint64_t id = make(dev, bit(cpu), 0, PERIOD_NS, 0);

	pin(cpu);
	EXPECT_EQ(queue_at(id, first), 0);
	expect_grid(PERIOD_NS, first, 30);
	cancel(id);
}

static void interval_may_be_the_smallest(void)
{
	int64_t interval = min_interval(), first = now_ns();
	uint64_t id = make(dev, 0, 0, interval, 0);

	EXPECT_EQ(queue_at(id, first), 0);
	expect_grid(interval, first, 200);
	cancel(id);
}

static void interval_may_be_the_largest(void)
{
	uint64_t id = make(dev, 0, 0, INT64_MAX, 0);
	struct twq_event event;

	EXPECT_EQ(queue_at(id, 1), 0);
	if (!next_event(dev, &event))
		return;
	EXPECT_EQ(event.deadline_ns, 1);
	EXPECT_EQ(event.overruns, 0);
	/* 1 + INT64_MAX cannot be reached: no wrap, and nothing fires. */
	EXPECT_GE(task(id).deadline_ns, TWQ_ETERNITY - 1);
	expect_quiet(dev);
}

static void interval_unread_expiries_are_counted(void)
{
	int64_t first = now_ns() + PERIOD_NS;
	int64_t limit = first + GUARD_MS * NSEC_PER_MSEC;
	uint64_t id = make(dev, 0, 0, PERIOD_NS, 0);
	struct twq_event event;
	uint64_t seen;

	EXPECT_EQ(queue_at(id, first), 0);
	while (ledger(dev).coalesced < 5 && now_ns() < limit)
		pause_ms(5);
	EXPECT_GE(ledger(dev).coalesced, 5);
	EXPECT_EQ(ledger(dev).pending, 1);
	seen = task(id).overruns;
	EXPECT_GE(seen, 5);
	if (!next_event(dev, &event))
		return;
	EXPECT_EQ(event.deadline_ns, first);
	EXPECT_GE(event.overruns, seen);
	EXPECT_GE(event.fired_ns, first);
	expect_grid(PERIOD_NS, next_on_grid(&event, PERIOD_NS), 5);
	cancel(id);
}

/*
 * K2 and K3: no storm of missed periods, and no loop to count them. The grids
 * are such that the next period is hours after the machine's start.
 */
static void expect_skipped(int64_t start, int64_t interval)
{
	uint64_t id = make(dev, 0, 0, interval, 0);
	struct twq_event event;
	struct twq_query query;
	uint64_t ahead;

	EXPECT_EQ(queue_at(id, start), 0);
	if (!next_event(dev, &event))
		return;
	query = task(id);
	/* It stays so while we look. */
	EXPECT_GT(query.deadline_ns, event.fired_ns);
	EXPECT_LE(query.deadline_ns, now_ns() + interval);
	ahead = (uint64_t)query.deadline_ns - (uint64_t)event.deadline_ns;
	EXPECT_EQ(ahead % interval, 0);
	EXPECT_EQ(ahead / interval, event.overruns + 1);
	EXPECT_EQ(cancel(id), 1);
	EXPECT_EQ(ledger(dev).fired, 1);
}

static void interval_from_long_ago_skips_at_once(void)
{
	expect_skipped(1 - 1000000LL * HOUR_NS, 10 * HOUR_NS);
}

static void interval_from_the_beginning_of_time(void)
{
	expect_skipped(INT64_MIN, 10 * HOUR_NS);
}

static void interval_from_just_before_now_counts_none(void)
{
	int64_t start = now_ns() - 1;
	uint64_t id = make(dev, 0, 0, HOUR_NS, 0);
	struct twq_event event;

	EXPECT_EQ(queue_at(id, start), 0);
	if (!next_event(dev, &event))
		return;
	EXPECT_EQ(event.deadline_ns, start);
	EXPECT_EQ(event.overruns, 0);
	EXPECT_EQ(task(id).deadline_ns, start + HOUR_NS);
}

static void interval_short_and_from_long_ago(void)
{
	int64_t interval = min_interval(), start = 1;
	int64_t missed = now_ns() / interval;
	uint64_t id = make(dev, 0, 0, interval, 0);
	struct twq_event event;

	EXPECT_EQ(queue_at(id, start), 0);
	if (!next_event(dev, &event))
		return;
	EXPECT_EQ(event.deadline_ns, start);
	EXPECT_GE(event.overruns + 1, missed);
	EXPECT_LE(next_on_grid(&event, interval) - interval, now_ns());
	expect_grid(interval, next_on_grid(&event, interval), 20);
	cancel(id);
}

static void interval_queue_starts_a_new_grid(void)
{
	int64_t first = now_ns() + PERIOD_NS;
	uint64_t id = make(dev, 0, 0, PERIOD_NS, 0);
	struct twq_event event;

	EXPECT_EQ(queue_at(id, now_ns() + HOUR_NS), 0);
	EXPECT_EQ(queue_at(id, first), 0);
	expect_grid(PERIOD_NS, first, 5);
	first = now_ns() + HOUR_NS;
	EXPECT_EQ(queue_at(id, first), 0);
	while (readable(dev, QUIET_MS))
		EXPECT_EQ(read(dev, &event, sizeof(event)), sizeof(event));
	EXPECT_EQ(task(id).deadline_ns, first);
}

static void interval_wakeup_leaves_the_grid(void)
{
	int64_t first = now_ns() + HOUR_NS;
	uint64_t id = make(dev, 0, 0, HOUR_NS, 0);
	struct twq_event event;

	EXPECT_EQ(queue_at(id, first), 0);
	EXPECT_EQ(wake(id, TWQ_WOKEN_IO), 0);
	next_event(dev, &event);
	EXPECT_EQ(event.reasons, TWQ_WOKEN_IO);
	EXPECT_EQ(event.overruns, 0);
	EXPECT_EQ(task(id).deadline_ns, first);
}

static void interval_is_not_armed_by_a_wakeup(void)
{
	uint64_t id = make(dev, 0, 0, PERIOD_NS, 0);
	struct twq_event event;

	EXPECT_EQ(wake(id, TWQ_WOKEN_IO), 0);
	next_event(dev, &event);
	EXPECT_EQ(task(id).deadline_ns, TWQ_ETERNITY);
	expect_quiet(dev);
}

/* In whatever moment of its life CANCEL finds it, the task stops. */
static void interval_cancel_stops_it(void)
{
	int64_t interval = min_interval();
	struct twq_event event;
	uint64_t id, runs;
	int i, round;

	for (round = 0; round < 200 && !tap_failures; round++) {
		id = make(dev, 0, 0, interval, 0);
		EXPECT_EQ(queue_at(id, 1), 0);
		for (i = 0; i < round % 7; i++)
			next_event(dev, &event);
		EXPECT_GE(cancel(id), 0);
		/* A run that had begun may still tell of itself, once. */
		wait_rest(id);
		for (runs = 0; readable(dev, 0); runs++)
			EXPECT_EQ(read(dev, &event, sizeof(event)),
				  sizeof(event));
		EXPECT_LE(runs, 2);
		EXPECT_EQ(task(id).deadline_ns, TWQ_ETERNITY);
	}
	expect_quiet(dev);
}

static void interval_destroy_stops_it(void)
{
	int64_t interval = min_interval();
	struct twq_event event;
	uint64_t id;
	int i, round;

	for (round = 0; round < 200 && !tap_failures; round++) {
		id = make(dev, 0, 0, interval, 0);
		EXPECT_EQ(queue_at(id, 1), 0);
		for (i = 0; i < round % 5; i++)
			next_event(dev, &event);
		EXPECT_EQ(destroy(id), 0);
		EXPECT_EQ(readable(dev, 0), 0);
	}
	expect_quiet(dev);
}

static const struct tap_case cases[] = {
	TAP_CASE(interval_keeps_its_grid),
	TAP_CASE(interval_keeps_its_grid_on_a_local_task),
	TAP_CASE(interval_may_be_the_smallest),
	TAP_CASE(interval_may_be_the_largest),
	TAP_CASE(interval_unread_expiries_are_counted),
	TAP_CASE(interval_from_long_ago_skips_at_once),
	TAP_CASE(interval_from_the_beginning_of_time),
	TAP_CASE(interval_from_just_before_now_counts_none),
	TAP_CASE(interval_short_and_from_long_ago),
	TAP_CASE(interval_queue_starts_a_new_grid),
	TAP_CASE(interval_wakeup_leaves_the_grid),
	TAP_CASE(interval_is_not_armed_by_a_wakeup),
	TAP_CASE(interval_cancel_stops_it),
	TAP_CASE(interval_destroy_stops_it),
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
