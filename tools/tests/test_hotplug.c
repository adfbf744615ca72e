// SPDX-License-Identifier: GPL-2.0
/*
 * Rule 12: a CPU that goes down loses no task. What it was to do is done by a
 * stand-in, and its tasks are home again when it is back. CPU 1 goes, or the
 * second one that is online.
 */
#define _GNU_SOURCE
#include "threads.h"

#define TASKS	50

static int gone_cpu;

/* Turns the CPU on or off; the case is over where that is impossible. */
static bool turn(int cpu, bool on)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/online",
		 cpu);
	f = fopen(path, "w");
	if (!f)
		return false;
	fprintf(f, "%d\n", on);
	return !fclose(f);
}

static uint32_t serving_cpu(int cpu)
{
	struct twq_stats stats = {};

	EXPECT_EQ(get_stats(dev, cpu, &stats), 0);
	return stats.serving_cpu;
}

static uint64_t rehomed(void)
{
	return cpu_stats(dev, TWQ_STATS_ALL_CPUS).rehomed;
}

/*
 * Each of the tasks fires once, and from @since_ns on where @cpus tells. On a
 * slow machine some may have fired before that.
 */
static void expect_all_fire_since(int count, uint64_t cpus, int64_t since_ns)
{
	struct twq_event event;
	int i;

	for (i = 0; i < count; i++) {
		if (!next_event(dev, &event))
			return;
		if (event.reasons & TWQ_WOKEN_TIMER)
			EXPECT_GE(event.fired_ns, event.deadline_ns);
		if (event.fired_ns >= since_ns)
			EXPECT_TRUE(cpus & bit(event.cpu));
	}
	expect_quiet(dev);
}

static void expect_all_fire(int count, uint64_t cpus)
{
	expect_all_fire_since(count, cpus, 0);
}

static uint64_t make_on(int cpu, int64_t delay_ns, uint32_t flags)
{
	uint64_t id = make(dev, bit(cpu), flags, 0, 0);

	EXPECT_EQ(queue_in(id, delay_ns), 0);
	return id;
}

/* Tasks of the CPU, which is then turned off. */
static void make_and_turn_off(int64_t delay_ns)
{
	int i;

	pin(gone_cpu);
	for (i = 0; i < TASKS; i++)
		make_on(gone_cpu, delay_ns + i * NSEC_PER_MSEC, 0);
	pin(nth_cpu(0));
	EXPECT_EQ(serving_cpu(gone_cpu), gone_cpu);
	EXPECT_TRUE(turn(gone_cpu, false));
	EXPECT_TRUE(serving_cpu(gone_cpu) != (uint32_t)gone_cpu);
}

static void local_tasks_fire_on_the_stand_in(void)
{
	int64_t off_ns;

	make_and_turn_off(3 * NSEC_PER_SEC);
	off_ns = now_ns();
	expect_all_fire_since(TASKS, bit(serving_cpu(gone_cpu)), off_ns);
}

static void local_tasks_go_home(void)
{
	int64_t home_ns;

	make_and_turn_off(3 * NSEC_PER_SEC);
	EXPECT_TRUE(turn(gone_cpu, true));
	home_ns = now_ns();
	EXPECT_EQ(serving_cpu(gone_cpu), gone_cpu);
	expect_all_fire_since(TASKS, bit(gone_cpu), home_ns);
}

/* An hour ahead, so that none has fired before it moves. */
static void local_tasks_are_counted_each_way(void)
{
	uint64_t before = rehomed(), id;

	make_and_turn_off(HOUR_NS);
	EXPECT_EQ(rehomed(), before + TASKS);
	EXPECT_TRUE(turn(gone_cpu, true));
	EXPECT_EQ(rehomed(), before + 2 * TASKS);
	/* Again the owner's, and nobody else's. */
	id = tracked[0];
	EXPECT_EQ(queue_in(id, NSEC_PER_MSEC), -EXDEV);
	pin(gone_cpu);
	EXPECT_EQ(queue_in(id, NSEC_PER_MSEC), 0);
	pin(nth_cpu(0));
	expect_all_fire(1, bit(gone_cpu));
}

static void stand_in_takes_the_owners_calls(void)
{
	uint64_t id;

	pin(gone_cpu);
	id = make_on(gone_cpu, HOUR_NS, 0);
	pin(nth_cpu(0));
	EXPECT_TRUE(turn(gone_cpu, false));
	pin(serving_cpu(gone_cpu));
	EXPECT_EQ(queue_in(id, NSEC_PER_MSEC), 0);
	expect_all_fire(1, bit(serving_cpu(gone_cpu)));
	EXPECT_EQ(destroy(id), 0);
}

static void shared_task_of_the_cpu_fires_elsewhere(void)
{
	uint64_t id = make(dev, bit(gone_cpu), TWQ_CREATE_SHARED, 0, 0);

	EXPECT_TRUE(turn(gone_cpu, false));
	EXPECT_EQ(queue_in(id, NSEC_PER_MSEC), 0);
	expect_all_fire(1, ~bit(gone_cpu));
	EXPECT_EQ(wake(id, TWQ_WOKEN_IO), 0);
	expect_all_fire(1, ~bit(gone_cpu));
	EXPECT_TRUE(turn(gone_cpu, true));
	EXPECT_EQ(wake(id, TWQ_WOKEN_IO), 0);
	expect_all_fire(1, bit(gone_cpu));
}

static void mask_without_an_online_cpu(void)
{
	uint64_t id = make(dev, bit(gone_cpu), TWQ_CREATE_SHARED, 0, 0);
	uint64_t other;

	EXPECT_TRUE(turn(gone_cpu, false));
	EXPECT_EQ(try_create(dev, bit(gone_cpu), 0, 0, 0, &other), -EINVAL);
	EXPECT_EQ(set_affinity(id, bit(gone_cpu)), -EINVAL);
	EXPECT_EQ(set_affinity(id, bit(gone_cpu) | bit(nth_cpu(0))), 0);
}

struct waker {
	uint64_t id;
	int stop;
	long calls;
};

static void *wake_all_the_time(void *arg)
{
	struct waker *w = arg;

	pin(nth_cpu(0));
	while (!__atomic_load_n(&w->stop, __ATOMIC_RELAXED)) {
		EXPECT_EQ(wake(w->id, TWQ_WOKEN_IO), 0);
		w->calls++;
	}
	return NULL;
}

/* Pushes and kicks all the time while their goal comes and goes. */
static void wakeups_while_the_cpu_comes_and_goes(void)
{
	struct waker w = { .id = make(dev, bit(gone_cpu), 0, 0, 0) };
	pthread_t thread = start(wake_all_the_time, &w);
	struct twq_event event;
	int i;

	for (i = 0; i < 10; i++) {
		EXPECT_TRUE(turn(gone_cpu, i % 2));
		EXPECT_TRUE(next_event(dev, &event));
	}
	__atomic_store_n(&w.stop, 1, __ATOMIC_RELAXED);
	join(thread);
	EXPECT_GE(w.calls, 10);
	wait_rest(w.id);
	while (readable(dev, 0) == 1)
		EXPECT_TRUE(next_event(dev, &event));
	/* The last one of all is not forgotten either. */
	EXPECT_EQ(wake(w.id, TWQ_WOKEN_MSG), 0);
	EXPECT_TRUE(next_event(dev, &event));
	EXPECT_EQ(event.reasons, TWQ_WOKEN_MSG);
}

static void before_case(void)
{
	open_case();
	if (nr_online() < 2)
		tap_skip("needs two CPUs");
	gone_cpu = nth_cpu(1);
	if (!turn(gone_cpu, true))
		tap_skip("the kernel has no CPU hotplug");
}

static void after_case(void)
{
	turn(gone_cpu, true);
	close_case();
}

static const struct tap_case cases[] = {
	TAP_CASE(local_tasks_fire_on_the_stand_in),
	TAP_CASE(local_tasks_go_home),
	TAP_CASE(local_tasks_are_counted_each_way),
	TAP_CASE(stand_in_takes_the_owners_calls),
	TAP_CASE(shared_task_of_the_cpu_fires_elsewhere),
	TAP_CASE(mask_without_an_online_cpu),
	TAP_CASE(wakeups_while_the_cpu_comes_and_goes),
};

int main(int argc, char **argv)
{
	static const struct tap_suite suite = {
		.cases = cases,
		.nr_cases = TAP_COUNT(cases),
		.before = before_case,
		.after = after_case,
	};

	return tap_main(argc, argv, &suite);
}
