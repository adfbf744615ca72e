// SPDX-License-Identifier: GPL-2.0
/*
 * 100,000 tasks on one file: created and armed in one run, all fire, all can
 * be destroyed, close() ends with all of them armed, and the memory comes back.
 */
#define _GNU_SOURCE
#include "machine.h"

#define MANY	100000

static uint64_t ids[MANY];
static int64_t deadlines[MANY];
static unsigned char fired[MANY];

static void make_many(void)
{
	int i;

	for (i = 0; i < MANY && !tap_failures; i++)
		ids[i] = make_any(i);
}

static void arm_many(int64_t start, int64_t step)
{
	int i;

	for (i = 0; i < MANY && !tap_failures; i++) {
		/* Not in the order of the deadlines. */
		deadlines[i] = start + (i * 7919LL % MANY) * step;
		EXPECT_EQ(queue_at(ids[i], deadlines[i]), 0);
	}
}

static void check_event(const struct twq_event *event)
{
	if (!EXPECT_LT(event->user_data, MANY))
		return;
	EXPECT_EQ(event->id, ids[event->user_data]);
	EXPECT_EQ(event->deadline_ns, deadlines[event->user_data]);
	EXPECT_GE(event->fired_ns, event->deadline_ns);
	EXPECT_EQ(event->overruns, 0);
	fired[event->user_data]++;
}

static void read_many(void)
{
	static struct twq_event events[512];
	ssize_t got, i;
	int total = 0;

	while (total < MANY && !tap_failures) {
		if (!EXPECT_EQ(readable(dev, GUARD_MS), 1))
			return;
		got = read(dev, events, sizeof(events));
		if (!EXPECT_GT(got, 0))
			return;
		got /= sizeof(events[0]);
		for (i = 0; i < got; i++)
			check_event(&events[i]);
		total += got;
	}
	for (i = 0; i < MANY; i++)
		EXPECT_EQ(fired[i], 1);
	EXPECT_EQ(readable(dev, 0), 0);
}

static void many_all_fire_once(void)
{
	struct twq_ledger l;

	make_many();
	arm_many(now_ns(), 10000);
	read_many();
	l = ledger(dev);
	EXPECT_EQ(l.created, MANY);
	EXPECT_EQ(l.armed, MANY);
	EXPECT_EQ(l.expired, MANY);
	EXPECT_EQ(l.fired, MANY);
	EXPECT_EQ(l.delivered, MANY);
}

/* None early, in spite of 200 a pass: they all come due at one moment. */
static void many_due_at_once(void)
{
	int64_t cut = (int64_t)cpu_stats(dev, TWQ_STATS_ALL_CPUS).cut;
	bool is_in_time;

	make_many();
	arm_many(now_ns() + 3 * NSEC_PER_SEC, 0);
	/* A slow machine: the last ones are armed when the first have fired. */
	is_in_time = now_ns() < deadlines[0];
	read_many();
	if (is_in_time)
		EXPECT_GT(cpu_stats(dev, TWQ_STATS_ALL_CPUS).cut, cut);
}

static void many_show_in_fdinfo(void)
{
	expect_fdinfo(0);
	make_many();
	expect_fdinfo(MANY);
	EXPECT_EQ(destroy(ids[0]), 0);
	expect_fdinfo(MANY - 1);
}

static void many_destroyed(void)
{
	struct twq_ledger l;
	int i;

	make_many();
	arm_many(now_ns() + NSEC_PER_SEC, 10000);
	for (i = 0; i < MANY && !tap_failures; i++)
		EXPECT_EQ(destroy(ids[i]), 0);
	EXPECT_EQ(readable(dev, QUIET_MS), 0);
	expect_destroyed(MANY);
	expect_balance();
	l = ledger(dev);
	EXPECT_EQ(l.armed, l.expired + l.dropped);
	EXPECT_EQ(l.fired, l.discarded);
	expect_fdinfo(0);
}

static void many_closed_while_armed(void)
{
	int other = open_dev(0);
	uint64_t before = cpu_stats(other, TWQ_STATS_ALL_CPUS).shared_depth;

	make_many();
	arm_many(now_ns() + HOUR_NS, 10000);
	EXPECT_EQ(cpu_stats(other, TWQ_STATS_ALL_CPUS).shared_depth,
		  before + MANY);
	EXPECT_EQ(close(dev), 0);
	EXPECT_EQ(cpu_stats(other, TWQ_STATS_ALL_CPUS).shared_depth, before);
	dev = -1;
	close(other);
}

static void make_many_and_close(long *full_kb)
{
	make_many();
	arm_many(now_ns() + HOUR_NS, 10000);
	*full_kb = slab_kb();
	EXPECT_EQ(close(dev), 0);
	dev = -1;
}

/*
 * Slab memory of the machine, so only half of it is asked for. The first round
 * is not judged: it fills what the kernel keeps back, as KASAN does.
 */
static void many_give_their_memory_back(void)
{
	int64_t limit;
	long before, objects, full;

	if (slab_kb() < 0)
		tap_skip("/proc/meminfo does not tell of slabs");
	make_many_and_close(&full);
	pause_ms(QUIET_MS);
	before = slab_kb();
	objects = live_objects();
	dev = open_dev(O_NONBLOCK);
	make_many_and_close(&full);
	limit = now_ns() + GUARD_MS * NSEC_PER_MSEC;
	while (now_ns() < limit && (slab_kb() - before > (full - before) / 2 ||
				    live_objects() > objects + MANY / 10))
		pause_ms(50);
	EXPECT_LE(slab_kb() - before, (full - before) / 2);
	EXPECT_LE(live_objects(), objects + MANY / 10);
}

static const struct tap_case cases[] = {
	TAP_CASE(many_all_fire_once),
	TAP_CASE(many_due_at_once),
	TAP_CASE(many_show_in_fdinfo),
	TAP_CASE(many_destroyed),
	TAP_CASE(many_closed_while_armed),
	TAP_CASE(many_give_their_memory_back),
};

int main(int argc, char **argv)
{
	static const struct tap_suite suite = {
		.cases = cases,
		.nr_cases = TAP_COUNT(cases),
		.before = open_case,
	};

	return tap_main(argc, argv, &suite);
}
