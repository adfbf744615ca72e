// SPDX-License-Identifier: GPL-2.0
/*
 * Threads on all CPUs make random calls on the same tasks, in chosen mixes.
 * Afterwards the ledger balances and no task is silent: each fires once more
 * when asked. Seeded; TWQ_SEED repeats a run's choices.
 */
#define _GNU_SOURCE
#include "threads.h"

#define MAX_WORKERS	8
#define NR_TASKS	64
#define STORM_NS	(2 * NSEC_PER_SEC)
#define CALLS_MAX	200000

enum op {
	OP_QUEUE, OP_SCHEDULE, OP_CANCEL, OP_AFFINITY, OP_WAKEUP, OP_QUERY,
	OP_REPLACE,	/* destroy, then create anew */
	OP_COUNT,
};

struct worker {
	pthread_t thread;
	int cpu;
	uint64_t random;
	uint64_t calls;
	int pinned;	/* works on its own CPU's tasks */
};

static uint64_t slots[NR_TASKS];
static uint64_t next_user_data;
static unsigned int ops_wanted;
static int64_t storm_interval;
static int64_t storm_end;
static int stop_readers;

static uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static uint64_t seed(void)
{
	const char *given = getenv("TWQ_SEED");
	uint64_t value = given ? strtoull(given, NULL, 0) : (uint64_t)now_ns();

	printf("# TWQ_SEED=%llu\n", (unsigned long long)value);
	return value | 1;
}

/* No errno but those that a race with DESTROY, or a lost owner, explains. */
static void expect_answer(int ret, const struct worker *w)
{
	if (ret < 0 && ret != -ENOENT)
		EXPECT_TRUE(!"an errno that no race explains");
	if (w->pinned)
		EXPECT_GE(ret, 0);
}

static void replace(struct worker *w, uint64_t *slot, uint64_t id)
{
	uint64_t mask = w->pinned ? bit(w->cpu) : 0;
	uint32_t flags = w->pinned ? 0 : TWQ_CREATE_SHARED;
	uint64_t data, new;

	expect_answer(id_call(dev, TWQ_IOC_DESTROY, id), w);
	data = __atomic_add_fetch(&next_user_data, 1, __ATOMIC_RELAXED);
	new = make(dev, mask, flags, storm_interval, data);
	/* Of two that replace one task, the later keeps the slot. */
	id = __atomic_exchange_n(slot, new, __ATOMIC_ACQ_REL);
	if (!w->pinned)
		id_call(dev, TWQ_IOC_DESTROY, id);
}

static int deadline_op(unsigned long nr, uint64_t id, uint64_t r)
{
	static const int64_t delays[] = {
		0, 1000, 20000, 100000, 1000000, 10000000, HOUR_NS, -1,
	};

	return deadline_call(dev, nr, id, delays[r % TAP_COUNT(delays)],
			     TWQ_RELATIVE);
}

static void one_call(struct worker *w, uint64_t *slot)
{
	uint64_t id = __atomic_load_n(slot, __ATOMIC_ACQUIRE);
	uint64_t r = random_next(&w->random) >> 8;
	struct twq_query query;
	enum op op = random_next(&w->random) % OP_COUNT;

	if (!(ops_wanted & (1U << op)))
		op = OP_QUEUE;
	if (op == OP_QUEUE)
		expect_answer(deadline_op(TWQ_IOC_QUEUE, id, r), w);
	else if (op == OP_SCHEDULE)
		expect_answer(deadline_op(TWQ_IOC_SCHEDULE, id, r), w);
	else if (op == OP_CANCEL)
		expect_answer(cancel(id), w);
	else if (op == OP_WAKEUP)
		expect_answer(wake(id, TWQ_WOKEN_IO << (r % 5)), w);
	else if (op == OP_QUERY)
		expect_answer(query_task(dev, id, &query), w);
	else if (op == OP_REPLACE)
		replace(w, slot, id);
	else if (!w->pinned)
		expect_answer(set_affinity(id, r % 3 ?
					   bit(nth_cpu(r % nr_online())) : 0),
			      w);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	int from = 0, count = NR_TASKS;

	pin(w->cpu);
	if (w->pinned) {
		count = NR_TASKS / nr_online();
		from = (w->pinned - 1) * count;
	}
	/* At least one, however late it is started. */
	do {
		one_call(w, &slots[from + random_next(&w->random) % count]);
		w->calls++;
	} while (now_ns() < storm_end && w->calls < CALLS_MAX && !tap_failures);
	return NULL;
}

static void *read_storm(void *arg)
{
	struct twq_event events[32];
	ssize_t got, i;

	while (!__atomic_load_n(&stop_readers, __ATOMIC_ACQUIRE)) {
		readable(dev, 5);
		got = read(dev, events, sizeof(events));
		for (i = 0; i < got / (ssize_t)sizeof(events[0]); i++) {
			EXPECT_NE(events[i].reasons & TWQ_WOKEN_ANY, 0);
			EXPECT_EQ(events[i].reasons & ~TWQ_WOKEN_ANY, 0);
			if (events[i].reasons & TWQ_WOKEN_TIMER)
				EXPECT_LE(events[i].deadline_ns, now_ns());
		}
	}
	return arg;
}

static void fill_slots(int pinned)
{
	int i, per_cpu = NR_TASKS / nr_online();

	for (i = 0; i < NR_TASKS; i++) {
		int n = i / per_cpu < nr_online() ? i / per_cpu : 0;
		uint64_t mask = pinned ? bit(nth_cpu(n)) : 0;

		slots[i] = make(dev, mask, pinned ? 0 : TWQ_CREATE_SHARED,
				storm_interval, ++next_user_data);
	}
}

/* So that the call is the owner's, should the task be a local one. */
static void pin_to_task(const struct twq_query *query)
{
	bool known = query->cpu < 64 && (online_mask() & bit(query->cpu));

	pin(known ? (int)query->cpu : nth_cpu(0));
}

static void expect_not_silent(uint64_t id)
{
	struct twq_query query = task(id);
	struct twq_event event;
	int64_t deadline;

	pin_to_task(&query);
	deadline = now_ns() + 10 * NSEC_PER_MSEC;
	EXPECT_EQ(queue_at(id, deadline), 0);
	do {
		/* Periodic tasks tried before may tell of a last run. */
		if (!next_event(dev, &event))
			return;
	} while (event.id != id);
	EXPECT_EQ(event.deadline_ns, deadline);
	EXPECT_GE(event.fired_ns, deadline);
	EXPECT_GE(cancel(id), 0);
}

/* Number of tasks that still have something before them. */
static int count_busy(void)
{
	struct twq_query query;
	int i, busy = 0;

	for (i = 0; i < NR_TASKS; i++) {
		query = task(slots[i]);
		busy += query.deadline_ns != TWQ_ETERNITY ||
			(query.state & STATE_BUSY);
	}
	return busy;
}

/* Cancels all, waits until nothing runs any more, takes what is unread. */
static void settle(void)
{
	int64_t limit = now_ns() + GUARD_MS * NSEC_PER_MSEC;
	struct twq_query query;
	struct twq_event event;
	int i;

	for (i = 0; i < NR_TASKS; i++) {
		query = task(slots[i]);
		pin_to_task(&query);
		EXPECT_GE(cancel(slots[i]), 0);
	}
	while (count_busy() && now_ns() < limit && !tap_failures)
		pause_ms(5);
	EXPECT_EQ(count_busy(), 0);
	while (readable(dev, 20))
		EXPECT_EQ(read(dev, &event, sizeof(event)), sizeof(event));
}

/* Those that were replaced may be more than device.h keeps track of. */
static void track_slots(void)
{
	memcpy(tracked, slots, sizeof(slots));
	nr_tracked = NR_TASKS;
}

static void storm(unsigned int ops, int pinned, int64_t interval_ns)
{
	struct worker workers[MAX_WORKERS] = {};
	int n, count = nr_online() < MAX_WORKERS ? nr_online() : MAX_WORKERS;
	uint64_t random = seed();
	pthread_t readers[2];

	ops_wanted = ops;
	storm_interval = interval_ns;
	fill_slots(pinned);
	storm_end = now_ns() + STORM_NS;
	for (n = 0; n < 2; n++)
		readers[n] = start(read_storm, NULL);
	for (n = 0; n < count; n++) {
		workers[n].cpu = nth_cpu(n);
		workers[n].random = random * (2 * n + 1);
		workers[n].pinned = pinned ? n + 1 : 0;
		workers[n].thread = start(work, &workers[n]);
	}
	for (n = 0; n < count; n++) {
		join(workers[n].thread);
		EXPECT_GT(workers[n].calls, 0);
	}
	__atomic_store_n(&stop_readers, 1, __ATOMIC_RELEASE);
	join(readers[0]);
	join(readers[1]);
	settle();
	for (n = 0; n < NR_TASKS && !tap_failures; n++)
		expect_not_silent(slots[n]);
	track_slots();
	expect_balance();
}

#define OPS(a)	(1U << OP_##a)

static void storm_of_deadlines(void)
{
	storm(OPS(QUEUE) | OPS(SCHEDULE) | OPS(CANCEL), 0, 0);
}

static void storm_of_affinity(void)
{
	storm(OPS(QUEUE) | OPS(SCHEDULE) | OPS(AFFINITY) | OPS(WAKEUP), 0, 0);
}

static void storm_of_destroy(void)
{
	storm(OPS(QUEUE) | OPS(WAKEUP) | OPS(REPLACE), 0, 0);
}

static void storm_of_everything(void)
{
	storm(~0U, 0, 0);
}

static void storm_of_everything_with_intervals(void)
{
	storm(~0U, 0, NSEC_PER_MSEC);
}

static void storm_on_local_tasks(void)
{
	storm(~0U, 1, 0);
}

static void storm_on_local_tasks_with_intervals(void)
{
	storm(~0U, 1, NSEC_PER_MSEC);
}

static int hogs_done;
static uint64_t progress;

static void *count_progress(void *arg)
{
	pin(nth_cpu(0));
	while (!__atomic_load_n(&hogs_done, __ATOMIC_ACQUIRE))
		__atomic_fetch_add(&progress, 1, __ATOMIC_RELAXED);
	return arg;
}

/* Whether the hog goes on: for a while, and until the counter had a turn. */
static bool hog_on(int calls, int64_t begin)
{
	int64_t past_ns = now_ns() - begin;

	if (!__atomic_load_n(&progress, __ATOMIC_RELAXED))
		return past_ns < GUARD_MS * NSEC_PER_MSEC;
	return calls < CALLS_MAX && past_ns < STORM_NS;
}

/* K1: the hog and the counter are bound to the same CPU. */
static void past_deadlines_leave_the_cpu_to_others(void)
{
	uint64_t id = make(dev, bit(nth_cpu(0)), 0, 0, 0);
	pthread_t counter = start(count_progress, NULL);
	int64_t begin = now_ns();
	struct twq_event event;
	int i;

	pin(nth_cpu(0));
	for (i = 0; hog_on(i, begin); i++) {
		EXPECT_EQ(queue_at(id, 1), 0);
		EXPECT_NE(read(dev, &event, sizeof(event)), 0);
	}
	__atomic_store_n(&hogs_done, 1, __ATOMIC_RELEASE);
	join(counter);
	EXPECT_GT(progress, 0);
}

/* And a reader that never reads: all that grows is a counter. */
static void smallest_interval_on_many_tasks(void)
{
	int64_t end, worst = 0;
	struct twq_info info;
	uint64_t ids[1000];
	int i;

	get_info(&info);
	for (i = 0; i < 1000; i++) {
		ids[i] = make(dev, 0, 0, info.min_interval_ns, i);
		EXPECT_EQ(queue_at(ids[i], 1), 0);
	}
	for (end = now_ns() + STORM_NS; now_ns() < end;) {
		int64_t before = now_ns();

		pause_ms(1);
		if (now_ns() - before > worst)
			worst = now_ns() - before;
	}
	EXPECT_LT(worst, GUARD_MS * NSEC_PER_MSEC);
	EXPECT_LE(ledger(dev).pending, 1000);
	EXPECT_EQ(ledger(dev).delivered, 0);
	EXPECT_EQ(close(dev), 0);
	dev = -1;
}

static const struct tap_case cases[] = {
	TAP_CASE(storm_of_deadlines),
	TAP_CASE(storm_of_affinity),
	TAP_CASE(storm_of_destroy),
	TAP_CASE(storm_of_everything),
	TAP_CASE(storm_of_everything_with_intervals),
	TAP_CASE(storm_on_local_tasks),
	TAP_CASE(storm_on_local_tasks_with_intervals),
	TAP_CASE(past_deadlines_leave_the_cpu_to_others),
	TAP_CASE(smallest_interval_on_many_tasks),
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
