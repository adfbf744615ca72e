// SPDX-License-Identifier: GPL-2.0
/*
 * QUEUE, SCHEDULE and CANCEL of one-shot tasks: when the event comes, which
 * deadline holds, where the task sits in its tree. Cases that hold for both
 * classes run for both: a local task of a pinned thread, and a shared one.
 */
#define _GNU_SOURCE
#include "device.h"

/* The task under test, of the class that the case names. */
static uint64_t id;

static void expect_timer_event(int64_t deadline)
{
	struct twq_event event;

	if (!next_event(dev, &event))
		return;
	EXPECT_GE(now_ns(), deadline);
	EXPECT_EQ(event.id, id);
	EXPECT_EQ(event.reasons, TWQ_WOKEN_TIMER);
	EXPECT_EQ(event.deadline_ns, deadline);
	EXPECT_GE(event.fired_ns, deadline);
	EXPECT_LE(event.fired_ns, now_ns());
	EXPECT_EQ(event.overruns, 0);
	EXPECT_EQ(task(id).deadline_ns, TWQ_ETERNITY);
}

/*
 * A near deadline was replaced or taken back: nothing comes of it. Unless it
 * had come before that, on a slow machine: the ledger says so, and its event is
 * there. True when it was in time.
 */
static bool expect_no_event_of(int64_t near)
{
	struct twq_ledger l = ledger(dev);
	struct twq_event event;

	if (l.moved + l.cancelled == 1)
		return EXPECT_EQ(l.fired, 0);
	if (next_event(dev, &event))
		EXPECT_EQ(event.deadline_ns, near);
	return false;
}

static void queue_absolute_fires_at_the_deadline(void)
{
	int64_t deadline = now_ns() + 20 * NSEC_PER_MSEC;

	EXPECT_EQ(queue_at(id, deadline), 0);
	expect_timer_event(deadline);
	expect_quiet(dev);
}

static void queue_relative_counts_from_now(void)
{
	int64_t delay = 20 * NSEC_PER_MSEC, before = now_ns(), deadline;

	EXPECT_EQ(queue_in(id, delay), 0);
	deadline = task(id).deadline_ns;
	if (deadline != TWQ_ETERNITY) {
		EXPECT_GE(deadline, before + delay);
		EXPECT_LE(deadline, now_ns() + delay);
		expect_timer_event(deadline);
	} else {
		struct twq_event event;

		/* A slow machine: it fired before the query. */
		next_event(dev, &event);
		EXPECT_GE(event.deadline_ns, before + delay);
		EXPECT_GE(event.fired_ns, event.deadline_ns);
	}
}

static void queue_never_fires_early(void)
{
	int64_t delay;

	for (delay = 1; delay < 30 * NSEC_PER_MSEC; delay = delay * 3 / 2 + 1) {
		int64_t deadline = now_ns() + delay;

		EXPECT_EQ(queue_at(id, deadline), 0);
		expect_timer_event(deadline);
		if (tap_failures)
			return;
	}
}

static void queue_past_is_due_now(void)
{
	EXPECT_EQ(queue_at(id, 1), 0);
	expect_timer_event(1);
}

static void queue_zero_is_due_now(void)
{
	EXPECT_EQ(queue_at(id, 0), 0);
	expect_timer_event(0);
}

/* Which negative value the event shows is not promised. */
static void expect_due_now(void)
{
	struct twq_event event;

	if (!next_event(dev, &event))
		return;
	EXPECT_EQ(event.id, id);
	EXPECT_EQ(event.reasons, TWQ_WOKEN_TIMER);
	EXPECT_LE(event.deadline_ns, event.fired_ns);
	EXPECT_EQ(task(id).deadline_ns, TWQ_ETERNITY);
}

static void queue_negative_is_due_now(void)
{
	EXPECT_EQ(queue_at(id, -1), 0);
	expect_due_now();
	EXPECT_EQ(queue_at(id, INT64_MIN), 0);
	expect_due_now();
}

static void queue_relative_negative_is_due_now(void)
{
	EXPECT_EQ(queue_in(id, -1), 0);
	expect_due_now();
	EXPECT_EQ(queue_in(id, INT64_MIN), 0);
	expect_due_now();
}

static void queue_eternity_is_no_deadline(void)
{
	EXPECT_EQ(queue_at(id, TWQ_ETERNITY), 0);
	EXPECT_EQ(task(id).deadline_ns, TWQ_ETERNITY);
	EXPECT_EQ(cancel(id), 0);
	expect_quiet(dev);
}

static void queue_eternity_takes_the_deadline_back(void)
{
	int64_t near = now_ns() + 50 * NSEC_PER_MSEC;

	EXPECT_EQ(queue_at(id, near), 0);
	EXPECT_EQ(queue_at(id, TWQ_ETERNITY), 0);
	EXPECT_EQ(task(id).deadline_ns, TWQ_ETERNITY);
	expect_no_event_of(near);
	expect_quiet(dev);
}

static void queue_just_before_eternity_is_a_deadline(void)
{
	EXPECT_EQ(queue_at(id, TWQ_ETERNITY - 1), 0);
	EXPECT_EQ(task(id).deadline_ns, TWQ_ETERNITY - 1);
	expect_quiet(dev);
	EXPECT_EQ(cancel(id), 1);
}

static void queue_relative_overflow_saturates(void)
{
	EXPECT_EQ(queue_in(id, TWQ_ETERNITY - 1), 0);
	EXPECT_GE(task(id).deadline_ns, TWQ_ETERNITY - 1);
	EXPECT_EQ(queue_in(id, TWQ_ETERNITY), 0);
	EXPECT_GE(task(id).deadline_ns, TWQ_ETERNITY - 1);
	expect_quiet(dev);
}

static void queue_later_keeps_the_position(void)
{
	int64_t first = now_ns() + HOUR_NS;
	int64_t position;

	EXPECT_EQ(queue_at(id, first), 0);
	position = task(id).position_ns;
	EXPECT_LE(position, first);
	EXPECT_EQ(queue_at(id, first + HOUR_NS), 0);
	EXPECT_EQ(task(id).deadline_ns, first + HOUR_NS);
	EXPECT_EQ(task(id).position_ns, position);
}

static void queue_earlier_moves_the_position(void)
{
	int64_t first = now_ns() + HOUR_NS;

	EXPECT_EQ(queue_at(id, first + HOUR_NS), 0);
	EXPECT_EQ(queue_at(id, first), 0);
	EXPECT_EQ(task(id).deadline_ns, first);
	EXPECT_LE(task(id).position_ns, first);
}

static void queue_later_does_not_fire_at_the_old_position(void)
{
	int64_t near = now_ns() + 20 * NSEC_PER_MSEC;
	int64_t deadline = near + 380 * NSEC_PER_MSEC;

	EXPECT_EQ(queue_at(id, near), 0);
	EXPECT_EQ(queue_at(id, deadline), 0);
	/* Slower still: one event may then stand for both. */
	if (ledger(dev).moved)
		expect_timer_event(deadline);
	else
		expect_no_event_of(near);
}

/* golang issue 41699: the worst case of lazy positions. */
static void queue_short_long_short_holds_the_last(void)
{
	int64_t deadline = 0;
	int i;

	for (i = 0; i < 500; i++) {
		EXPECT_EQ(queue_in(id, 2 * HOUR_NS), 0);
		EXPECT_EQ(queue_in(id, 4 * HOUR_NS), 0);
		deadline = now_ns() + HOUR_NS;
		EXPECT_EQ(queue_at(id, deadline), 0);
	}
	EXPECT_EQ(task(id).deadline_ns, deadline);
	EXPECT_LE(task(id).position_ns, deadline);
	deadline = now_ns() + 10 * NSEC_PER_MSEC;
	EXPECT_EQ(queue_at(id, deadline), 0);
	expect_timer_event(deadline);
}

static void queue_again_after_firing(void)
{
	int i;

	for (i = 0; i < 200 && !tap_failures; i++) {
		EXPECT_EQ(queue_at(id, i), 0);
		expect_timer_event(i);
	}
	EXPECT_EQ(ledger(dev).expired, 200);
}

static void queue_does_not_take_a_fired_event_away(void)
{
	EXPECT_EQ(queue_at(id, 1), 0);
	EXPECT_EQ(readable(dev, GUARD_MS), 1);
	EXPECT_EQ(queue_in(id, HOUR_NS), 0);
	EXPECT_EQ(readable(dev, 0), 1);
	EXPECT_EQ(ledger(dev).pending, 1);
}

static void schedule_arms_a_task_without_deadline(void)
{
	int64_t deadline = now_ns() + 20 * NSEC_PER_MSEC;

	EXPECT_EQ(schedule_at(id, deadline), 0);
	expect_timer_event(deadline);
}

static void schedule_earlier_wins(void)
{
	int64_t deadline;

	EXPECT_EQ(queue_in(id, HOUR_NS), 0);
	deadline = now_ns() + 20 * NSEC_PER_MSEC;
	EXPECT_EQ(schedule_at(id, deadline), 0);
	expect_timer_event(deadline);
	expect_quiet(dev);
}

static void schedule_later_is_ignored(void)
{
	int64_t deadline = now_ns() + HOUR_NS;
	struct twq_ledger before;

	EXPECT_EQ(queue_at(id, deadline), 0);
	before = ledger(dev);
	EXPECT_EQ(schedule_at(id, deadline + 1), 0);
	EXPECT_EQ(schedule_at(id, TWQ_ETERNITY), 0);
	EXPECT_EQ(task(id).deadline_ns, deadline);
	EXPECT_EQ(ledger(dev).armed, before.armed);
	EXPECT_EQ(ledger(dev).moved, before.moved);
}

static void schedule_past_is_due_now(void)
{
	EXPECT_EQ(queue_in(id, HOUR_NS), 0);
	EXPECT_EQ(schedule_at(id, 1), 0);
	expect_timer_event(1);
}

static void schedule_relative_counts_from_now(void)
{
	int64_t before = now_ns(), deadline;

	EXPECT_EQ(schedule_in(id, HOUR_NS), 0);
	deadline = task(id).deadline_ns;
	EXPECT_GE(deadline, before + HOUR_NS);
	EXPECT_LE(deadline, now_ns() + HOUR_NS);
}

static void schedule_eternity_arms_nothing(void)
{
	EXPECT_EQ(schedule_at(id, TWQ_ETERNITY), 0);
	EXPECT_EQ(task(id).deadline_ns, TWQ_ETERNITY);
	EXPECT_EQ(cancel(id), 0);
}

static void cancel_returns_1_then_0(void)
{
	EXPECT_EQ(queue_in(id, HOUR_NS), 0);
	EXPECT_EQ(cancel(id), 1);
	EXPECT_EQ(cancel(id), 0);
	EXPECT_EQ(task(id).deadline_ns, TWQ_ETERNITY);
	EXPECT_EQ(ledger(dev).cancelled, 1);
	EXPECT_EQ(ledger(dev).fired, 0);
}

static void cancel_lets_nothing_fire(void)
{
	int64_t near = now_ns() + 50 * NSEC_PER_MSEC;
	int stopped;

	EXPECT_EQ(queue_at(id, near), 0);
	stopped = cancel(id);
	EXPECT_EQ(expect_no_event_of(near), stopped);
	expect_quiet(dev);
	EXPECT_EQ(ledger(dev).fired, !stopped);
}

static void cancel_without_deadline_returns_0(void)
{
	EXPECT_EQ(cancel(id), 0);
	EXPECT_EQ(ledger(dev).cancelled, 0);
}

static void cancel_leaves_a_fired_event(void)
{
	EXPECT_EQ(queue_at(id, 1), 0);
	EXPECT_EQ(readable(dev, GUARD_MS), 1);
	EXPECT_EQ(cancel(id), 0);
	expect_timer_event(1);
}

/* tokio issue 7384: a stale position is not kept for ever. */
static void cancel_position_is_dropped_in_time(void)
{
	int64_t near = now_ns() + 50 * NSEC_PER_MSEC;
	int64_t limit = now_ns() + GUARD_MS * NSEC_PER_MSEC;
	int stopped;

	EXPECT_EQ(queue_at(id, near), 0);
	stopped = cancel(id);
	EXPECT_EQ(expect_no_event_of(near), stopped);
	while (task(id).position_ns != TWQ_ETERNITY && now_ns() < limit)
		pause_ms(5);
	EXPECT_EQ(task(id).position_ns, TWQ_ETERNITY);
	EXPECT_EQ(readable(dev, 0), 0);
}

static void cancel_then_queue_fires_at_the_new_deadline(void)
{
	int64_t near = now_ns() + 20 * NSEC_PER_MSEC;
	int64_t deadline = near + 180 * NSEC_PER_MSEC;
	int stopped;

	EXPECT_EQ(queue_at(id, near), 0);
	stopped = cancel(id);
	EXPECT_EQ(expect_no_event_of(near), stopped);
	EXPECT_EQ(queue_at(id, deadline), 0);
	expect_timer_event(deadline);
}

/* CANCEL against expiry: 1 means no event, 0 means that there is one. */
static void cancel_answer_matches_the_events(void)
{
	struct twq_event event;
	int i, stopped;

	for (i = 0; i < 300 && !tap_failures; i++) {
		EXPECT_EQ(queue_in(id, (i % 30) * 10000), 0);
		stopped = cancel(id);
		EXPECT_TRUE(stopped == 0 || stopped == 1);
		if (stopped)
			EXPECT_EQ(readable(dev, 1), 0);
		else
			next_event(dev, &event);
	}
}

/* Row K9 of the catalogue: an event lost because its time equals another. */
static void queue_equal_deadlines_all_fire(void)
{
	enum { TASKS = 100 };
	int64_t deadline = now_ns() + 100 * NSEC_PER_MSEC;
	struct twq_event event;
	int seen[TASKS] = {};
	int i;

	for (i = 0; i < TASKS; i++)
		EXPECT_EQ(queue_at(make_any(i), deadline), 0);
	for (i = 0; i < TASKS && next_event(dev, &event); i++) {
		EXPECT_EQ(event.deadline_ns, deadline);
		EXPECT_GE(event.fired_ns, deadline);
		if (EXPECT_LT(event.user_data, TASKS))
			seen[event.user_data]++;
	}
	for (i = 0; i < TASKS; i++)
		EXPECT_EQ(seen[i], 1);
	expect_quiet(dev);
}

/* Each runs twice: the argument says whether the task is shared. */
static const struct tap_case both[] = {
	TAP_CASE(queue_absolute_fires_at_the_deadline),
	TAP_CASE(queue_relative_counts_from_now),
	TAP_CASE(queue_never_fires_early),
	TAP_CASE(queue_past_is_due_now),
	TAP_CASE(queue_zero_is_due_now),
	TAP_CASE(queue_negative_is_due_now),
	TAP_CASE(queue_relative_negative_is_due_now),
	TAP_CASE(queue_eternity_is_no_deadline),
	TAP_CASE(queue_eternity_takes_the_deadline_back),
	TAP_CASE(queue_just_before_eternity_is_a_deadline),
	TAP_CASE(queue_relative_overflow_saturates),
	TAP_CASE(queue_later_keeps_the_position),
	TAP_CASE(queue_earlier_moves_the_position),
	TAP_CASE(queue_later_does_not_fire_at_the_old_position),
	TAP_CASE(queue_short_long_short_holds_the_last),
	TAP_CASE(queue_again_after_firing),
	TAP_CASE(queue_does_not_take_a_fired_event_away),
	TAP_CASE(schedule_arms_a_task_without_deadline),
	TAP_CASE(schedule_earlier_wins),
	TAP_CASE(schedule_later_is_ignored),
	TAP_CASE(schedule_past_is_due_now),
	TAP_CASE(schedule_relative_counts_from_now),
	TAP_CASE(schedule_eternity_arms_nothing),
	TAP_CASE(cancel_returns_1_then_0),
	TAP_CASE(cancel_lets_nothing_fire),
	TAP_CASE(cancel_without_deadline_returns_0),
	TAP_CASE(cancel_leaves_a_fired_event),
	TAP_CASE(cancel_position_is_dropped_in_time),
	TAP_CASE(cancel_then_queue_fires_at_the_new_deadline),
	TAP_CASE(cancel_answer_matches_the_events),
};

static void open_class(void)
{
	int cpu = nth_cpu(0);

	open_case();
	if (!strcmp(tap_current->suffix, "_local")) {
		pin(cpu);
		id = make(dev, bit(cpu), 0, 0, 0);
	} else {
		id = make_any(0);
	}
}

int main(int argc, char **argv)
{
	struct tap_case cases[2 * TAP_COUNT(both) + 1];
	struct tap_suite suite = {
		.cases = cases,
		.before = open_class,
		.after = close_case,
	};
	int i, n = 0;

	for (i = 0; i < TAP_COUNT(both); i++) {
		cases[n] = both[i];
		cases[n++].suffix = "_local";
		cases[n] = both[i];
		cases[n++].suffix = "_shared";
	}
	cases[n++] = (struct tap_case)TAP_CASE(queue_equal_deadlines_all_fire);
	suite.nr_cases = n;
	return tap_main(argc, argv, &suite);
}
