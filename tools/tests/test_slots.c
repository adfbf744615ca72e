// SPDX-License-Identifier: GPL-2.0
/*
 * Deadlines in slots: what the words say, when a deadline fires that was moved
 * by a store, and that no value does harm to others. Cases that hold for each
 * class run for a local task on its CPU, for one of another CPU and for a
 * shared one. The mapping itself is the matter of test_slots_map.
 */
#define _GNU_SOURCE
#include "threads.h"
#include "slots.h"

#define SOON_NS		(20 * NSEC_PER_MSEC)
#define LATER_NS	(80 * NSEC_PER_MSEC)

/* The task under test, and the CPU that may make all calls on it. */
static uint64_t id;
static uint32_t flags;
static int owner, here;

/* QUEUE, on the owner's CPU. */
static void queue_there(uint64_t task_id, int64_t deadline_ns)
{
	pin(owner);
	EXPECT_EQ(queue_at(task_id, deadline_ns), 0);
	pin(here);
}

static void expect_words(int64_t deadline_ns, int64_t position_ns)
{
	struct twq_query query = task(id);

	EXPECT_EQ(deadline_in(id), deadline_ns);
	EXPECT_EQ(position_in(id), position_ns);
	EXPECT_EQ(query.deadline_ns, deadline_ns);
	EXPECT_EQ(query.position_ns, position_ns);
}

static void expect_fires_at(int64_t deadline_ns)
{
	struct twq_event event;

	if (!next_event(dev, &event))
		return;
	EXPECT_EQ(event.id, id);
	EXPECT_EQ(event.reasons, TWQ_WOKEN_TIMER);
	EXPECT_EQ(event.deadline_ns, deadline_ns);
	EXPECT_GE(event.fired_ns, deadline_ns);
	EXPECT_EQ(event.overruns, 0);
}

/* -- what the words say --------------------------------------------------- */

static void words_after_create(void)
{
	expect_words(TWQ_ETERNITY, TWQ_ETERNITY);
}

static void words_after_queue(void)
{
	int64_t deadline = now_ns() + HOUR_NS;

	queue_there(id, deadline);
	expect_words(deadline, deadline);
	queue_there(id, deadline + 5);
	expect_words(deadline + 5, deadline);
	queue_there(id, deadline - 5);
	expect_words(deadline - 5, deadline - 5);
}

static void words_after_schedule(void)
{
	int64_t deadline = now_ns() + HOUR_NS;

	queue_there(id, deadline);
	pin(owner);
	EXPECT_EQ(schedule_at(id, deadline + 5), 0);
	expect_words(deadline, deadline);
	EXPECT_EQ(schedule_at(id, deadline - 5), 0);
	expect_words(deadline - 5, deadline - 5);
}

static void words_after_expiry(void)
{
	int64_t deadline = now_ns() + SOON_NS;

	queue_there(id, deadline);
	expect_fires_at(deadline);
	expect_words(TWQ_ETERNITY, TWQ_ETERNITY);
}

static void words_after_cancel(void)
{
	int64_t deadline = now_ns() + HOUR_NS;

	queue_there(id, deadline);
	pin(owner);
	EXPECT_EQ(cancel(id), 1);
	expect_words(TWQ_ETERNITY, deadline);
}

static void words_after_destroy(void)
{
	queue_there(id, now_ns() + HOUR_NS);
	EXPECT_EQ(destroy(id), 0);
	/* Its owner may have to take it out of the tree first. */
	deadline_becomes(id, TWQ_ETERNITY);
	position_becomes(id, TWQ_ETERNITY);
}

/* -- by a store ----------------------------------------------------------- */

static void extended_fires_then_and_not_before(void)
{
	int64_t first = now_ns() + SOON_NS, deadline = first + LATER_NS;
	struct twq_event event;

	queue_there(id, first);
	move_to(id, deadline);
	next_event(dev, &event);
	/*
	 * A slow machine: it had fired before the store. Slower still: once more
	 * before this, and the event stands for both.
	 */
	if (event.deadline_ns == first && !event.overruns)
		next_event(dev, &event);
	if (!event.overruns) {
		EXPECT_EQ(event.deadline_ns, deadline);
		EXPECT_GE(event.fired_ns, deadline);
	}
	expect_quiet(dev);
}

static void extended_leaves_the_position(void)
{
	int64_t deadline = now_ns() + HOUR_NS;
	int i;

	queue_there(id, deadline);
	for (i = 1; i < 100; i++) {
		EXPECT_TRUE(!store(id, deadline + i * 1000));
		expect_words(deadline + i * 1000, deadline);
	}
	/* Back to the position is not earlier. */
	EXPECT_TRUE(!store(id, deadline));
	expect_words(deadline, deadline);
}

static void extended_moves_when_the_position_comes(void)
{
	int64_t deadline = now_ns() + HOUR_NS;
	bool is_late;

	queue_there(id, now_ns() + SOON_NS);
	/* A slow machine: the position had come, and it may have fired. */
	is_late = store(id, deadline);
	if (is_late)
		EXPECT_EQ(requeue(id), 0);
	position_becomes(id, deadline);
	expect_words(deadline, deadline);
	if (!is_late)
		EXPECT_EQ(readable(dev, 0), 0);
}

static void shortened_fires_after_requeue(void)
{
	int64_t deadline = now_ns() + SOON_NS;

	queue_there(id, deadline + HOUR_NS);
	EXPECT_TRUE(store(id, deadline));
	EXPECT_EQ(requeue(id), 0);
	expect_fires_at(deadline);
	/*
	 * The owner may have been so late that the run which was to place it
	 * found it due: then the position is still the old one, and stale.
	 */
	if (position_in(id) != deadline + HOUR_NS)
		expect_words(TWQ_ETERNITY, TWQ_ETERNITY);
}

static void armed_by_a_store_from_the_first(void)
{
	int64_t deadline;
	int i;

	for (i = 0; i < 20 && !tap_failures; i++) {
		deadline = now_ns() + NSEC_PER_MSEC;
		EXPECT_TRUE(store(id, deadline));
		EXPECT_EQ(requeue(id), 0);
		expect_fires_at(deadline);
		position_becomes(id, TWQ_ETERNITY);
	}
}

static void disarmed_by_a_store(void)
{
	queue_there(id, now_ns() + SOON_NS);
	store(id, TWQ_ETERNITY);
	position_becomes(id, TWQ_ETERNITY);
	/* A slow machine: it may have fired before the store. */
	wait_rest(id);
	if (!ledger(dev).expired)
		expect_quiet(dev);
	EXPECT_EQ(requeue(id), 0);
	EXPECT_EQ(position_in(id), TWQ_ETERNITY);
}

/* The owner is told of an earlier deadline, and there is none when it comes. */
static void disarmed_after_a_requeue(void)
{
	int64_t hour = now_ns() + HOUR_NS;

	queue_there(id, hour + HOUR_NS);
	EXPECT_TRUE(store(id, hour));
	EXPECT_EQ(requeue(id), 0);
	store(id, TWQ_ETERNITY);
	wait_rest(id);
	EXPECT_EQ(deadline_in(id), TWQ_ETERNITY);
	EXPECT_EQ(requeue(id), 0);
	EXPECT_TRUE(position_in(id) == hour ||
		    position_in(id) == hour + HOUR_NS);
	EXPECT_EQ(ledger(dev).fired, 0);
}

static void cancel_meets_what_was_stored(void)
{
	struct twq_ledger l;

	EXPECT_TRUE(store(id, now_ns() + HOUR_NS));
	EXPECT_EQ(requeue(id), 0);
	pin(owner);
	EXPECT_EQ(cancel(id), 1);
	EXPECT_EQ(cancel(id), 0);
	l = ledger(dev);
	EXPECT_EQ(l.cancelled, 1);
	store(id, now_ns() + HOUR_NS);
	EXPECT_EQ(destroy(id), 0);
	/* Its owner may have to see to its end first. */
	expect_balance();
	l = ledger(dev);
	EXPECT_EQ(l.armed, 2);
	EXPECT_EQ(l.dropped, 1);
	EXPECT_EQ(l.cancelled, 1);
}

static void past_is_due_now(void)
{
	static const int64_t past[] = { 1, 0, -1, INT64_MIN + 1, INT64_MIN };
	int i;

	for (i = 0; i < TAP_COUNT(past) && !tap_failures; i++) {
		struct twq_event event;

		EXPECT_TRUE(store(id, past[i]));
		EXPECT_EQ(requeue(id), 0);
		next_event(dev, &event);
		EXPECT_EQ(event.deadline_ns, past[i]);
		position_becomes(id, TWQ_ETERNITY);
	}
	/* By a store alone, when the position has come. */
	queue_there(id, now_ns() + SOON_NS);
	store(id, INT64_MIN);
	EXPECT_EQ(readable(dev, GUARD_MS), 1);
}

static void last_moment_is_a_deadline(void)
{
	EXPECT_TRUE(store(id, TWQ_ETERNITY - 1));
	EXPECT_EQ(requeue(id), 0);
	position_becomes(id, TWQ_ETERNITY - 1);
	expect_words(TWQ_ETERNITY - 1, TWQ_ETERNITY - 1);
	EXPECT_TRUE(!store(id, TWQ_ETERNITY));
	EXPECT_EQ(task(id).deadline_ns, TWQ_ETERNITY);
	expect_quiet(dev);
}

/* What the program writes there is its own loss alone. */
static void position_overwritten_is_not_looked_at(void)
{
	static const int64_t junk[] = { INT64_MIN, 0, TWQ_ETERNITY, 12345 };
	int64_t deadline;
	int i;

	for (i = 0; i < TAP_COUNT(junk) && !tap_failures; i++) {
		queue_there(id, now_ns() + HOUR_NS);
		__atomic_store_n(&slots[TWQ_SLOT(id)].position_ns, junk[i],
				 __ATOMIC_RELEASE);
		deadline = now_ns() + SOON_NS;
		EXPECT_NE(task(id).position_ns, junk[i]);
		store(id, deadline);
		EXPECT_EQ(requeue(id), 0);
		expect_fires_at(deadline);
		/* Else the owner came late: see shortened_fires_after_requeue. */
		if (task(id).position_ns == TWQ_ETERNITY)
			position_becomes(id, TWQ_ETERNITY);
	}
}

/* Nor by SCHEDULE, which may find that a position need not be changed. */
static void position_overwritten_is_not_believed_by_schedule(void)
{
	static const int64_t junk[] = { INT64_MIN, 0, TWQ_ETERNITY, 12345 };
	int64_t deadline;
	int i;

	for (i = 0; i < TAP_COUNT(junk) && !tap_failures; i++) {
		queue_there(id, now_ns() + HOUR_NS);
		__atomic_store_n(&slots[TWQ_SLOT(id)].position_ns, junk[i],
				 __ATOMIC_RELEASE);
		deadline = now_ns() + SOON_NS;
		pin(owner);
		EXPECT_EQ(schedule_at(id, deadline), 0);
		pin(here);
		expect_fires_at(deadline);
		position_becomes(id, TWQ_ETERNITY);
	}
}

static void interval_goes_on_from_what_was_stored(void)
{
	const int64_t interval = 50 * NSEC_PER_MSEC;
	struct twq_event event;
	int64_t deadline, next;

	id = make(dev, bit(owner), flags, interval, 0);
	deadline = now_ns() + SOON_NS;
	EXPECT_TRUE(store(id, deadline));
	EXPECT_EQ(requeue(id), 0);
	next_event(dev, &event);
	EXPECT_EQ(event.deadline_ns, deadline);
	next = deadline_in(id);
	EXPECT_GT(next, deadline);
	EXPECT_EQ((next - deadline) % interval, 0);
	/* Another grid. */
	deadline = now_ns() + HOUR_NS + 7;
	store(id, deadline);
	while (ledger(dev).pending)
		next_event(dev, &event);
	position_becomes(id, deadline);
	expect_words(deadline, deadline);
	store(id, TWQ_ETERNITY);
}

/* -- who may do harm to whom ---------------------------------------------- */

static bool stop;

static uint64_t draw(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Any value, and such as are due in a moment; never the protocol. */
static void *store_anything(void *arg)
{
	struct twq_slot *slot = arg;
	uint64_t state = 88172645463325252ULL;

	pin(here);
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		int64_t value = draw(&state);

		if (value & 1)
			value = now_ns() + (value >> 8) % NSEC_PER_MSEC;
		__atomic_store_n(&slot->deadline_ns, value, __ATOMIC_RELAXED);
		if (value & 2)
			__atomic_store_n(&slot->position_ns, draw(&state),
					 __ATOMIC_RELAXED);
	}
	return NULL;
}

static void *requeue_without_end(void *arg)
{
	(void)arg;
	pin(owner);
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE))
		EXPECT_EQ(requeue(id), 0);
	return NULL;
}

/* How many of the tasks from @first on have told of themselves once. */
static int count_told(uint64_t first, int nr, uint64_t *told)
{
	struct twq_event events[64];
	ssize_t got = read(dev, events, sizeof(events));
	int new = 0, i;

	for (i = 0; i < got / (ssize_t)sizeof(events[0]); i++) {
		uint64_t n = events[i].user_data - first;

		if (n < (uint64_t)nr && !(told[n]++))
			new++;
	}
	return new;
}

static void stores_without_end_silence_nobody(void)
{
	enum { OTHERS = 100, FIRST = 1000 };
	int64_t limit = now_ns() + 3 * GUARD_MS * NSEC_PER_MSEC;
	uint64_t told[OTHERS] = {};
	uint64_t other;
	pthread_t threads[2];
	int i, nr = 0;

	threads[0] = start(store_anything, &slots[TWQ_SLOT(id)]);
	threads[1] = start(requeue_without_end, NULL);
	for (i = 0; i < OTHERS; i++) {
		other = make(dev, bit(owner), i % 2 ? TWQ_CREATE_SHARED : 0, 0,
			     FIRST + i);
		pin(owner);
		EXPECT_EQ(queue_in(other, i * NSEC_PER_MSEC), 0);
	}
	while (nr < OTHERS && now_ns() < limit) {
		readable(dev, 100);
		nr += count_told(FIRST, OTHERS, told);
	}
	EXPECT_EQ(nr, OTHERS);
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	for (i = 0; i < 2; i++)
		join(threads[i]);
}

static void destroyed_while_stores_go_on(void)
{
	int i;

	for (i = 0; i < 20 && !tap_failures; i++) {
		pthread_t thread;

		stop = false;
		thread = start(store_anything, &slots[TWQ_SLOT(id)]);
		pause_ms(2);
		EXPECT_EQ(requeue(id), 0);
		EXPECT_EQ(destroy(id), 0);
		id = make(dev, bit(owner), 0, 0, 0);
		EXPECT_EQ(requeue(id), 0);
		__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
		join(thread);
	}
}

/* Whoever stores into the slot of a task that was may hit a later one. */
static void stale_store_stays_in_the_file(void)
{
	int other = open_dev(O_NONBLOCK);
	struct twq_slot *theirs = map_all(other);
	uint64_t neighbour = make(other, bit(owner), 0, 0, 0), slot;

	slot = TWQ_SLOT(id);
	EXPECT_EQ(TWQ_SLOT(neighbour), slot);
	EXPECT_EQ(destroy(id), 0);
	deadline_becomes(id, TWQ_ETERNITY);
	store(id, 1);
	EXPECT_EQ(load_ns(&theirs[slot].deadline_ns), TWQ_ETERNITY);
	expect_quiet(other);
	/* A task that takes the slot begins without. */
	do {
		id = make(dev, bit(owner), 0, 0, 0);
	} while (TWQ_SLOT(id) != slot && !tap_failures);
	expect_words(TWQ_ETERNITY, TWQ_ETERNITY);
	expect_quiet(dev);
	close(other);
}

/* -- ids and limits ------------------------------------------------------- */

/* The one that was may still be on its CPU's way out. */
static void slot_of_a_task_that_ends_elsewhere(void)
{
	uint64_t last = id, next;
	int i;

	pin(here);
	for (i = 0; i < 2000 && !tap_failures; i++) {
		move_to(last, now_ns());
		EXPECT_EQ(destroy(last), 0);
		next = make(dev, bit(owner), 0, 0, 0);
		EXPECT_GT(next >> TWQ_SLOT_BITS, last >> TWQ_SLOT_BITS);
		EXPECT_EQ(load_ns(&slots[TWQ_SLOT(next)].deadline_ns),
			  TWQ_ETERNITY);
		EXPECT_EQ(load_ns(&slots[TWQ_SLOT(next)].position_ns),
			  TWQ_ETERNITY);
		last = next;
	}
	expect_quiet(dev);
}

static const struct tap_case each_class[] = {
	TAP_CASE(words_after_create),
	TAP_CASE(words_after_queue),
	TAP_CASE(words_after_schedule),
	TAP_CASE(words_after_expiry),
	TAP_CASE(words_after_cancel),
	TAP_CASE(words_after_destroy),
	TAP_CASE(extended_fires_then_and_not_before),
	TAP_CASE(extended_leaves_the_position),
	TAP_CASE(extended_moves_when_the_position_comes),
	TAP_CASE(shortened_fires_after_requeue),
	TAP_CASE(armed_by_a_store_from_the_first),
	TAP_CASE(disarmed_by_a_store),
	TAP_CASE(disarmed_after_a_requeue),
	TAP_CASE(cancel_meets_what_was_stored),
	TAP_CASE(past_is_due_now),
	TAP_CASE(last_moment_is_a_deadline),
	TAP_CASE(position_overwritten_is_not_looked_at),
	TAP_CASE(position_overwritten_is_not_believed_by_schedule),
	TAP_CASE(interval_goes_on_from_what_was_stored),
	TAP_CASE(stores_without_end_silence_nobody),
};

/* Of a local task. */
static const struct tap_case once[] = {
	TAP_CASE(destroyed_while_stores_go_on),
	TAP_CASE(stale_store_stays_in_the_file),
	TAP_CASE(slot_of_a_task_that_ends_elsewhere),
};

/* A suffix for each class; the others have none. */
static void open_class(void)
{
	const char *class = tap_current->suffix;

	open_slots();
	owner = nth_cpu(0);
	here = strcmp(class, "_local") ? nth_cpu(1) : owner;
	pin(here);
	flags = strcmp(class, "_shared") ? 0 : TWQ_CREATE_SHARED;
	id = make(dev, bit(owner), flags, 0, 0);
}

int main(int argc, char **argv)
{
	struct tap_case cases[3 * TAP_COUNT(each_class) + TAP_COUNT(once)];
	struct tap_suite suite = {
		.cases = cases,
		.before = open_class,
		.after = close_slots,
	};
	int i, n = 0;

	for (i = 0; i < TAP_COUNT(each_class); i++) {
		cases[n] = each_class[i];
		cases[n++].suffix = "_local";
		cases[n] = each_class[i];
		cases[n++].suffix = "_foreign";
		cases[n] = each_class[i];
		cases[n++].suffix = "_shared";
	}
	for (i = 0; i < TAP_COUNT(once); i++)
		cases[n++] = once[i];
	suite.nr_cases = n;
	return tap_main(argc, argv, &suite);
}
