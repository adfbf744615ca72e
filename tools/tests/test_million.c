// SPDX-License-Identifier: GPL-2.0
/*
 * 1,000,000 tasks on one file, as many as it may hold: made and armed by
 * batches from every CPU, moved by stores, some requeued from another CPU; those
 * that are due fire once and the others do not; all counts are exact, and the
 * memory comes back. TWQ_SLOW says that the kernel is too slow for this.
 */
#define _GNU_SOURCE
#include <libtwq.h>
#include "machine.h"
#include "slots.h"
#include "threads.h"

#define MILLION		1000000
#define MAX_WORKERS	16
#define CHUNK		250		/* tasks that are made in one call */
#define LEAD_NS		(2 * NSEC_PER_SEC)
#define LIMIT_FILE	"/sys/module/twq/parameters/max_tasks"

/* What becomes of a task after it was armed: by its number, in tenths. */
enum fate { FIRES, REQUEUED, CANCELLED, DISARMED, EXTENDED };

/*
 * @is_late: its deadline had come when it was to be moved by a store: whether it
 * has fired is open.
 */
static struct member {
	uint64_t id;
	int64_t deadline_ns;
	int64_t stored_ns;
	bool is_late;
	unsigned char told;
} members[MILLION];

static struct worker {
	int cpu;
	int first;
	int end;
	pthread_t thread;
	bool is_refused;	/* it has met the limit */
} workers[MAX_WORKERS];

static int nr_workers;
static int nr_filled;
static pthread_barrier_t all_armed;
static long old_limit;

static enum fate fate_of(int i)
{
	return i % 10 < EXTENDED ? i % 10 : EXTENDED;
}

/* Out of eight: five of the worker's CPU alone, two pinned, one of all CPUs. */
static bool is_everywhere(int i)
{
	return i / 10 % 8 == 7;
}

static uint32_t flags_of(int i)
{
	return i / 10 % 8 >= 5 ? TWQ_CREATE_SHARED : 0;
}

static struct twq_batch batch_of(unsigned int nr)
{
	struct twq_batch batch;

	if (!EXPECT_EQ(twq_batch_init(&batch, NULL, nr), 0))
		exit(1);
	return batch;
}

static int add_create(struct twq_batch *batch, const cpu_set_t *cpu, int i)
{
	return twq_batch_add_create(batch, is_everywhere(i) ? NULL : cpu,
				    sizeof(*cpu), flags_of(i), 0, i);
}

/* -- limit and memory ----------------------------------------------------- */

static void set_limit(long limit)
{
	FILE *f = fopen(LIMIT_FILE, "w");

	EXPECT_TRUE(f && fprintf(f, "%ld", limit) > 0);
	EXPECT_TRUE(f && !fclose(f));
}

static void open_million(void)
{
	int i;

	if (getenv("TWQ_SLOW"))
		tap_skip("takes too long on this kernel");
	if (value_in("/proc/meminfo", "MemAvailable:") < 600 * 1024)
		tap_skip("needs 600 MB of memory");
	memset(members, 0xff, sizeof(members));	/* its memory is there */
	memset(members, 0, sizeof(members));
	open_slots();
	old_limit = value_in(LIMIT_FILE, "");
	set_limit(MILLION);
	nr_workers = nr_online() < MAX_WORKERS ? nr_online() : MAX_WORKERS;
	for (i = 0; i < nr_workers; i++) {
		workers[i].cpu = nth_cpu(i);
		workers[i].first = (long)MILLION * i / nr_workers;
		workers[i].end = (long)MILLION * (i + 1) / nr_workers;
	}
	pthread_barrier_init(&all_armed, NULL, nr_workers);
}

static void close_million(void)
{
	set_limit(old_limit);
}

/* What a task's own CPU has to end does so after the call. */
static void expect_tasks_become(long nr)
{
	int64_t limit = now_ns() + GUARD_MS * NSEC_PER_MSEC;
	struct twq_ledger l;

	do {
		l = ledger(dev);
	} while (l.created - l.destroyed != (uint64_t)nr && now_ns() < limit);
	expect_fdinfo(nr);
}

static void run_workers(void *(*fn)(void *))
{
	int i;

	for (i = 0; i < nr_workers; i++)
		workers[i].thread = start(fn, &workers[i]);
	for (i = 0; i < nr_workers; i++)
		join(workers[i].thread);
}

/* What calls alone change; deadlines may come due meanwhile. */
static struct twq_ledger ledger_of_calls(void)
{
	struct twq_ledger l = ledger(dev);

	return (struct twq_ledger) {
		.created = l.created,
		.destroyed = l.destroyed,
		.armed = l.armed,
		.moved = l.moved,
		.cancelled = l.cancelled,
		.dropped = l.dropped,
		.delivered = l.delivered,
		.discarded = l.discarded,
	};
}

/* At the limit nothing is made, by a call or by a batch, and nothing changes. */
static void expect_full(void)
{
	struct twq_ledger before = ledger_of_calls(), after;
	struct twq_batch batch = batch_of(4);
	uint64_t id;
	int i;

	EXPECT_EQ(try_create(dev, 0, 0, 0, 0, &id), -EDQUOT);
	for (i = 0; i < 4; i++)
		EXPECT_EQ(twq_batch_add_create(&batch, NULL, 0, 0, 0, 0), i);
	EXPECT_EQ(twq_batch_submit_all(dev, &batch), 0);
	for (i = 0; i < 4; i++)
		EXPECT_EQ(twq_batch_result(&batch, i), -EDQUOT);
	twq_batch_free(&batch);
	after = ledger_of_calls();
	EXPECT_EQ(memcmp(&before, &after, sizeof(after)), 0);
	expect_fdinfo(MILLION);
}

/* -- arm, move, requeue --------------------------------------------------- */

static void arm_chunk(struct twq_batch *batch, const cpu_set_t *cpu, int first)
{
	int64_t base = now_ns();
	int i;

	twq_batch_reset(batch);
	for (i = first; i < first + CHUNK; i++) {
		enum fate fate = fate_of(i);

		members[i].deadline_ns = base + i * 7919LL % 1000 * 1000 +
			(fate == REQUEUED || fate == CANCELLED ? HOUR_NS :
								 LEAD_NS);
		add_create(batch, cpu, i);
		twq_batch_add_queue(batch, TWQ_ID_CREATED,
				    members[i].deadline_ns, 0);
	}
	EXPECT_EQ(twq_batch_submit_all(dev, batch), 0);
	for (i = 0; i < CHUNK; i++) {
		EXPECT_EQ(twq_batch_result(batch, 2 * i), 0);
		EXPECT_EQ(twq_batch_result(batch, 2 * i + 1), 0);
		members[first + i].id = twq_batch_id(batch, 2 * i);
	}
}

/* By stores, while the deadline has not come. */
static void store_chunk(const struct twq_map *map, int first)
{
	int i;

	for (i = first; i < first + CHUNK; i++) {
		struct member *m = &members[i];
		enum fate fate = fate_of(i);

		if (fate != DISARMED && fate != EXTENDED)
			continue;
		m->stored_ns = fate == EXTENDED ? m->deadline_ns + HOUR_NS :
						  TWQ_ETERNITY;
		EXPECT_EQ(twq_set_deadline(map, m->id, m->stored_ns), 0);
		m->is_late = now_ns() >= m->deadline_ns;
	}
}

/* Tasks of the next worker: they come due at once, in spite of their hour. */
static void requeue_foreign(const struct worker *w)
{
	const struct worker *other = &workers[(w - workers + 1) % nr_workers];
	struct twq_batch batch = batch_of(CHUNK);
	int i;

	twq_batch_set_flush(&batch, dev, NULL, NULL);
	for (i = other->first; i < other->end; i++) {
		if (fate_of(i) != REQUEUED)
			continue;
		members[i].deadline_ns = now_ns() + i % 1000 * 1000;
		EXPECT_TRUE(store(members[i].id, members[i].deadline_ns));
		EXPECT_GE(twq_batch_add_requeue(&batch, members[i].id), 0);
	}
	EXPECT_EQ(twq_batch_flush(&batch), 0);
	twq_batch_free(&batch);
}

static void count_stopped(const struct twq_op *op, void *arg)
{
	if (EXPECT_EQ(op->result, 1))
		(*(int *)arg)++;
}

static void cancel_own(const struct worker *w)
{
	struct twq_batch batch = batch_of(CHUNK);
	int i, nr_cancelled = 0, nr_stopped = 0;

	twq_batch_set_flush(&batch, dev, count_stopped, &nr_stopped);
	for (i = w->first; i < w->end; i++) {
		if (fate_of(i) != CANCELLED)
			continue;
		EXPECT_GE(twq_batch_add_cancel(&batch, members[i].id), 0);
		nr_cancelled++;
	}
	EXPECT_EQ(twq_batch_flush(&batch), 0);
	EXPECT_EQ(nr_stopped, nr_cancelled);
	twq_batch_free(&batch);
}

static void *work(void *arg)
{
	const struct twq_map map = {
		.slots = slots, .nr_slots = NR_SLOTS, .fd = dev,
	};
	struct worker *w = arg;
	struct twq_batch batch = batch_of(2 * CHUNK);
	cpu_set_t cpu;
	int i;

	pin(w->cpu);
	CPU_ZERO(&cpu);
	CPU_SET(w->cpu, &cpu);
	for (i = w->first; i < w->end && !tap_failures; i += CHUNK) {
		arm_chunk(&batch, &cpu, i);
		store_chunk(&map, i);
	}
	twq_batch_free(&batch);
	pthread_barrier_wait(&all_armed);
	requeue_foreign(w);
	cancel_own(w);
	return NULL;
}

/* -- what fires ----------------------------------------------------------- */

static bool must_tell(int i)
{
	return fate_of(i) <= REQUEUED;
}

/* Returns whether this one had to come. */
static bool check_event(const struct twq_event *event)
{
	struct member *m;
	int i = event->user_data;

	if (!EXPECT_LT(event->user_data, MILLION))
		return false;
	m = &members[i];
	EXPECT_EQ(event->id, m->id);
	EXPECT_EQ(event->deadline_ns, m->deadline_ns);
	EXPECT_GE(event->fired_ns, event->deadline_ns);
	EXPECT_EQ(event->reasons, TWQ_WOKEN_TIMER);
	EXPECT_EQ(event->overruns, 0);
	EXPECT_EQ(m->told, 0);
	EXPECT_TRUE(must_tell(i) || m->is_late);
	m->told++;
	return must_tell(i);
}

/* Reads what there is. Returns how many of them had to come. */
static long read_some(long *nr_read)
{
	static struct twq_event events[512];
	int i, nr = twq_read_events(dev, events, TAP_COUNT(events));
	long nr_due = 0;

	if (!EXPECT_GT(nr, 0))
		return 0;
	for (i = 0; i < nr; i++)
		nr_due += check_event(&events[i]);
	*nr_read += nr;
	return nr_due;
}

/*
 * All that had to fire, and then nothing: also not when the deadlines have come
 * from which others were moved. Returns how many events there were.
 */
static long read_all(void)
{
	long nr_due = 0, nr_read = 0;

	while (nr_due < MILLION / 5 && !tap_failures &&
	       EXPECT_EQ(readable(dev, GUARD_MS), 1))
		nr_due += read_some(&nr_read);
	while (readable(dev, (LEAD_NS + NSEC_PER_SEC) / NSEC_PER_MSEC) &&
	       !tap_failures)
		EXPECT_EQ(read_some(&nr_read), 0);
	return nr_read;
}

static void check_slot(int i)
{
	const struct member *m = &members[i];
	int64_t want_ns = m->told ? TWQ_ETERNITY :
			  fate_of(i) == CANCELLED ? TWQ_ETERNITY : m->stored_ns;

	/* Stored after it had fired. */
	if (m->told && m->is_late)
		want_ns = m->stored_ns;
	EXPECT_EQ(m->told, must_tell(i) || (m->is_late && m->told));
	EXPECT_EQ(deadline_in(m->id), want_ns);
	if (want_ns != TWQ_ETERNITY)
		EXPECT_LE(position_in(m->id), want_ns);
}

static void expect_ledger(long nr_read)
{
	struct twq_ledger l = ledger(dev);

	EXPECT_EQ(l.created, MILLION);
	EXPECT_EQ(l.destroyed, 0);
	EXPECT_EQ(l.expired, nr_read);
	EXPECT_EQ(l.fired, nr_read);
	EXPECT_EQ(l.delivered, nr_read);
	EXPECT_EQ(l.cancelled, MILLION / 10);
	EXPECT_EQ(l.coalesced + l.pending + l.discarded, 0);
}

static void *destroy_own(void *arg)
{
	const struct worker *w = arg;
	struct twq_batch batch = batch_of(CHUNK);
	int i;

	pin(w->cpu);
	twq_batch_set_flush(&batch, dev, NULL, NULL);
	for (i = w->first; i < w->end; i++)
		EXPECT_GE(twq_batch_add_destroy(&batch, members[i].id), 0);
	EXPECT_EQ(twq_batch_flush(&batch), 0);
	twq_batch_free(&batch);
	return NULL;
}

static void million_fire_or_not_as_they_were_told(void)
{
	long nr_read;
	int i;

	run_workers(work);
	expect_full();
	nr_read = read_all();
	for (i = 0; i < MILLION; i++)
		check_slot(i);
	expect_ledger(nr_read);
	run_workers(destroy_own);
	expect_tasks_become(0);
	EXPECT_EQ(ledger(dev).destroyed, MILLION);
	expect_balance();
	EXPECT_EQ(readable(dev, QUIET_MS), 0);
}

/* -- the limit, and the memory -------------------------------------------- */

static void note_filled(const struct twq_op *op, void *arg)
{
	struct worker *w = arg;
	int nr;

	if (op->opcode != TWQ_OP_CREATE)
		return;
	if (op->result) {
		EXPECT_EQ(op->result, -EDQUOT);
		w->is_refused = true;
		return;
	}
	/* Nothing is destroyed meanwhile: who was refused stays so. */
	EXPECT_TRUE(!w->is_refused);
	nr = __atomic_fetch_add(&nr_filled, 1, __ATOMIC_RELAXED);
	if (EXPECT_LT(nr, MILLION))
		members[nr].id = op->id;
}

/* Creates and arms until it is refused, as all the others do. */
static void *fill(void *arg)
{
	struct twq_batch batch = batch_of(2 * CHUNK);
	struct worker *w = arg;
	cpu_set_t cpu;
	int i;

	pin(w->cpu);
	CPU_ZERO(&cpu);
	CPU_SET(w->cpu, &cpu);
	w->is_refused = false;
	twq_batch_set_flush(&batch, dev, note_filled, w);
	for (i = 0; !w->is_refused && !tap_failures; i++) {
		EXPECT_GE(add_create(&batch, &cpu, i), 0);
		EXPECT_GE(twq_batch_add_queue(&batch, TWQ_ID_CREATED, HOUR_NS,
					      TWQ_RELATIVE), 0);
	}
	EXPECT_EQ(twq_batch_flush(&batch), 0);
	twq_batch_free(&batch);
	return NULL;
}

static void fill_up(void)
{
	run_workers(fill);
	EXPECT_EQ(nr_filled, MILLION);
	expect_full();
}

/* The last thousand go, and there is room for as many again. */
static void replace_some(void)
{
	struct twq_ledger l;
	int i;

	for (i = 0; i < 1000; i++)
		EXPECT_EQ(destroy(members[--nr_filled].id), 0);
	expect_tasks_become(nr_filled);
	fill_up();
	l = ledger(dev);
	EXPECT_EQ(l.created, MILLION + 1000);
	EXPECT_EQ(l.destroyed, 1000);
	EXPECT_EQ(l.fired, 0);
}

static bool is_given_back(long before_kb, long full_kb, long objects)
{
	return before_kb - free_kb() < (before_kb - full_kb) / 10 &&
	       live_objects() <= objects + MILLION / 100;
}

/* All of them armed. Memory of the machine, where nothing else is going on. */
static void million_are_the_limit_and_give_memory_back(void)
{
	long before_kb = free_kb(), objects = live_objects(), full_kb;
	int64_t limit;

	fill_up();
	replace_some();
	full_kb = free_kb();
	EXPECT_EQ(munmap(slots, MAP_BYTES), 0);
	EXPECT_EQ(close(dev), 0);
	dev = -1;
	/* A task and its slot. */
	EXPECT_GT(before_kb - full_kb, MILLION / 1024 * 100);
	limit = now_ns() + GUARD_MS * NSEC_PER_MSEC;
	while (!is_given_back(before_kb, full_kb, objects) && now_ns() < limit)
		pause_ms(50);
	printf("# %ld kB were free, %ld with a million, %ld after\n", before_kb,
	       full_kb, free_kb());
	EXPECT_TRUE(is_given_back(before_kb, full_kb, objects));
}

static const struct tap_case cases[] = {
	TAP_CASE(million_fire_or_not_as_they_were_told),
	TAP_CASE(million_are_the_limit_and_give_memory_back),
};

int main(int argc, char **argv)
{
	static const struct tap_suite suite = {
		.cases = cases,
		.nr_cases = TAP_COUNT(cases),
		.before = open_million,
		.after = close_million,
	};

	return tap_main(argc, argv, &suite);
}
