// SPDX-License-Identifier: GPL-2.0
/*
 * Suite twq_storm_live: the storm of storm_live.h, in rounds. After each one
 * the threads stop, all that is armed has to fire, and every invariant of the
 * contract is checked; then the tasks end. A round has a seed of its own, from
 * which each thread derives what it does. Where the kernel can do it CPUs go
 * down and up meanwhile.
 */
#include <linux/cpu.h>
#include <linux/delay.h>
#include <linux/jhash.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched/debug.h>

#include "check.h"
#include "cpu.h"
#include "scene.h"
#include "shared.h"
#include "storm_live.h"

#define LIVE_ROUND_MS	250
#define LIVE_THREADS	32
#define LIVE_HOP	256	/* steps on one CPU */

static unsigned int storm_seed = 1;
module_param(storm_seed, uint, 0444);
MODULE_PARM_DESC(storm_seed, "seed of the first round of the live storm");

static unsigned int storm_ms = 1000;
module_param(storm_ms, uint, 0444);
MODULE_PARM_DESC(storm_ms, "how long the live storm lasts");

static unsigned int storm_threads;
module_param(storm_threads, uint, 0444);
MODULE_PARM_DESC(storm_threads, "threads of the live storm, 0: CPUs + 1");

struct live_thread {
	struct task_struct *thread;
	void (*fn)(struct rnd_state *rnd);
	struct rnd_state rnd;
	struct completion done;
};

static struct live_thread live_threads[LIVE_THREADS + 1];
static unsigned int live_nr_threads;

/* -- threads -------------------------------------------------------------- */

static void live_thread_steps(struct rnd_state *rnd)
{
	unsigned long step;

	for (step = 0; !READ_ONCE(live.stop); step++) {
		if (step % LIVE_HOP == 0) {
			int cpu = prandom_u32_state(rnd) % nr_cpu_ids;

			/* An offline CPU is none to hop to. */
			set_cpus_allowed_ptr(current, cpumask_of(cpu));
		}
		live_step(rnd);
		cond_resched();
	}
}

#ifdef CONFIG_HOTPLUG_CPU
/* CPU 0 stays: on some machines it cannot go. */
static void live_thread_hotplug(struct rnd_state *rnd)
{
	while (!READ_ONCE(live.stop)) {
		u32 r = prandom_u32_state(rnd);
		int err, cpu = 1 + r % (nr_cpu_ids - 1);

		if (!(live.cpus & BIT(cpu)))
			continue;
		atomic_inc(&live.hotplugs);
		atomic64_set(&live.down_till_ns[cpu], S64_MAX);
		err = remove_cpu(cpu);
		if (err)
			live_flaw("CPU %d does not go down: %d", cpu, err);
		msleep(r % 32);
		err = add_cpu(cpu);
		if (err)
			live_flaw("CPU %d does not come up: %d", cpu, err);
		atomic64_set(&live.down_till_ns[cpu], ktime_get());
		msleep((r >> 8) % 32);
	}
}
#else
static void live_thread_hotplug(struct rnd_state *rnd)
{
}
#endif

static int live_thread(void *arg)
{
	struct live_thread *t = arg;

	t->fn(&t->rnd);
	complete(&t->done);
	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (kthread_should_stop())
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
	return 0;
}

static void live_start(struct kunit *test, void (*fn)(struct rnd_state *rnd))
{
	struct live_thread *t = &live_threads[live_nr_threads];

	prandom_seed_state(&t->rnd, (u64)live.seed << 8 | live_nr_threads);
	t->fn = fn;
	init_completion(&t->done);
	t->thread = kthread_run(live_thread, t, "twq_storm/%u",
				live_nr_threads);
	if (IS_ERR(t->thread))
		KUNIT_FAIL(test, "no thread: %ld", PTR_ERR(t->thread));
	else
		live_nr_threads++;
}

static void live_start_all(struct kunit *test)
{
	unsigned int i, nr = storm_threads ?: num_online_cpus() + 1;

	/* Threads that do not end keep the module. */
	__module_get(THIS_MODULE);
	live_nr_threads = 0;
	for (i = 0; i < min_t(unsigned int, nr, LIVE_THREADS); i++)
		live_start(test, live_thread_steps);
	if (IS_ENABLED(CONFIG_HOTPLUG_CPU) && num_online_cpus() > 1)
		live_start(test, live_thread_hotplug);
}

/* False when a thread hangs; it and the module then stay for ever. */
static bool live_stop_all(struct kunit *test)
{
	unsigned long left = msecs_to_jiffies(3 * LIVE_LIMIT_MS);
	unsigned int i;

	WRITE_ONCE(live.stop, true);
	for (i = 0; i < live_nr_threads; i++) {
		left = wait_for_completion_timeout(&live_threads[i].done,
						   left);
		if (!left) {
			KUNIT_FAIL(test, "thread %u hangs", i);
			sched_show_task(live_threads[i].thread);
			return false;
		}
		kthread_stop(live_threads[i].thread);
	}
	module_put(THIS_MODULE);
	return true;
}

/* -- rest ----------------------------------------------------------------- */

/* Whether @ready() comes true before too long. */
static bool live_wait(bool (*ready)(void))
{
	int turn;

	for (turn = 0; turn < LIVE_LIMIT_MS; turn++) {
		if (ready())
			return true;
		usleep_range(500, 1500);
	}
	return false;
}

/* Calls @fn() for the tasks in the slots, until it says false. */
static bool live_for_each(bool (*fn)(struct live_task *t))
{
	bool all = true;
	int i;

	for (i = 0; i < LIVE_SLOTS && all; i++) {
		struct live_task *t = live_get(i);

		if (!t)
			continue;
		all = fn(t);
		live_put(t);
	}
	return all;
}

static bool live_is_killed(struct live_task *t)
{
	return atomic_read(&t->done) & LIVE_KILLED;
}

static bool live_is_far(struct live_task *t)
{
	s64 expires_ns = twq_task_expires(&t->task);

	return expires_ns != TWQ_ETERNITY && expires_ns > ktime_get() + SEC;
}

/* On a CPU that may: what is far away comes now, what was unlinked too. */
static long live_hasten_here(void *arg)
{
	struct live_task *t = arg;

	if (READ_ONCE(t->unplaced))
		live_queue(t);
	if (live_is_far(t))
		live_queue_at(t, ktime_get() + MS);
	return 0;
}

static bool live_hasten(struct live_task *t)
{
	unsigned int nr_cpus;

	if (READ_ONCE(t->unplaced) || live_is_far(t))
		world_on(twq_task_cpus(&t->task, &nr_cpus), live_hasten_here,
			 t);
	return true;
}

static bool live_task_rests(struct live_task *t)
{
	return live_is_killed(t) ||
	       (twq_task_expires(&t->task) == TWQ_ETERNITY &&
		!(twq_task_state(&t->task) & (TWQ_QUEUED | TWQ_RUNNING)));
}

static bool live_all_rest(void)
{
	return !atomic_read(&live.hidden) && live_for_each(live_task_rests);
}

/* Whether no timer fires for a while, so that one can look at the trees. */
static bool live_timers_rest(void)
{
	s64 soon_ns = ktime_get() + SEC;
	int cpu;

	if (READ_ONCE(twq_shared.timer.armed_ns) < soon_ns)
		return false;
	for_each_possible_cpu(cpu)
		if (READ_ONCE(per_cpu(twq_cpus, cpu).timer.armed_ns) < soon_ns)
			return false;
	return true;
}

static bool live_check_task(struct live_task *t)
{
	if (!live_is_killed(t))
		live_check_rest(t);
	return true;
}

/* Everything that is armed fires, and every invariant holds. */
static void live_rest(struct kunit *test)
{
	int cpu;

	WRITE_ONCE(live.calm, true);
	live_for_each(live_hasten);
	live_wait(live_all_rest);
	if (atomic_read(&live.hidden))
		live_flaw("silent: %d tasks that nobody else knows",
			  atomic_read(&live.hidden));
	live_for_each(live_check_task);
	if (!live_wait(live_timers_rest))
		live_flaw("a timer is armed for the past");
	world_settle(test);
	if (twq_trees_flaw())
		live_flaw("%s", twq_trees_flaw());
	for_each_online_cpu(cpu)
		if (READ_ONCE(per_cpu(twq_cpus, cpu).host) != cpu)
			live_flaw("CPU %d has not come home", cpu);
}

/* -- the end -------------------------------------------------------------- */

static bool live_is_empty(void)
{
	return !atomic_read(&live.live);
}

/* A task's reference is dropped after it was released, maybe elsewhere. */
static bool live_refs_balance(void)
{
	return world_module_refs() == live.refs;
}

static void live_end(void)
{
	int i;

	for (i = 0; i < LIVE_SLOTS; i++) {
		struct live_task *t = live_get(i);

		if (!t)
			continue;
		if (i & 1)
			live_destroy(t);
		else if (!live_is_killed(t))
			live_destroy_sync(t);
		live_vacate(i, t);
		live_put(t);
	}
	if (!live_wait(live_is_empty))
		live_flaw("%d tasks are not released",
			  atomic_read(&live.live));
}

static void live_check_counters(const struct twq_cpu_stats *before)
{
	struct twq_cpu_stats now = scene_stats();
	u64 refused = now.refused - before->refused;
	unsigned int said = atomic_read(&live.refused);

	if (now.runs - before->runs != atomic_read(&live.runs))
		live_flaw("%llu runs counted, %d calls of process()",
			  now.runs - before->runs, atomic_read(&live.runs));
	/* The queue after a run is refused when the host has changed. */
	if (refused < said || (refused > said && !atomic_read(&live.hotplugs)))
		live_flaw("%llu calls counted as refused, %u answered so",
			  refused, said);
	if (now.local_depth || now.shared_depth)
		live_flaw("the trees are not empty");
}

/* -- the case ------------------------------------------------------------- */

static void live_report(struct kunit *test)
{
	int i, flaws = atomic_read(&live.flaws);

	if (!flaws)
		return;
	for (i = 0; i < min_t(int, flaws, ARRAY_SIZE(live.flaw)); i++)
		KUNIT_FAIL(test, "%s", live.flaw[i]);
	KUNIT_FAIL(test, "%d flaws; again: SEED=%u SUITE=storm_live", flaws,
		   live.seed);
}

/* Makes the time between two steps longer, where tests look into it. */
static void live_testpoint(enum twq_testpoint where, struct twq_task *task)
{
	u32 h = jhash_1word(atomic_inc_return(&live.points), live.seed);

	if (!READ_ONCE(live.calm) && !(h & 7))
		udelay((h >> 3) % 16);
}

static void live_begin(unsigned int seed)
{
	int cpu;

	memset(&live, 0, sizeof(live));
	live.seed = seed;
	live.refs = world_module_refs();
	live.cpus = cpumask_bits(cpu_online_mask)[0];
	for_each_possible_cpu(cpu)
		if (!(live.cpus & BIT(cpu)))
			atomic64_set(&live.down_till_ns[cpu], S64_MAX);
	WRITE_ONCE(twq_testpoint_fn, live_testpoint);
}

/* Returns whether all was well. */
static bool live_round(struct kunit *test, unsigned int seed)
{
	struct twq_cpu_stats before = scene_stats();

	live_begin(seed);
	live_start_all(test);
	msleep(LIVE_ROUND_MS);
	if (!live_stop_all(test)) {
		live_report(test);
		return false;
	}
	live_rest(test);
	/* With a broken tree the ends would crash: leave all as it is. */
	if (!twq_trees_flaw()) {
		live_end();
		live_check_counters(&before);
		if (!live_wait(live_refs_balance))
			live_flaw("the module's references do not balance");
	}
	live_report(test);
	return !atomic_read(&live.flaws);
}

static void storm_live_keeps_every_promise(struct kunit *test)
{
	unsigned long end = jiffies + msecs_to_jiffies(storm_ms);
	unsigned long calls = 0, runs = 0, hotplugs = 0;
	unsigned int round = 0;

	world_real_clock(test);
	do {
		if (!live_round(test, storm_seed + round))
			return;
		calls += atomic_read(&live.calls);
		runs += atomic_read(&live.runs);
		hotplugs += atomic_read(&live.hotplugs);
		round++;
	} while (time_before(jiffies, end));
	kunit_info(test, "%u rounds, %lu calls, %lu runs, %lu CPUs went down",
		   round, calls, runs, hotplugs);
	/* A storm that does nothing finds nothing. */
	KUNIT_EXPECT_GT(test, calls, 0);
	KUNIT_EXPECT_GT(test, runs, 0);
	if (IS_ENABLED(CONFIG_HOTPLUG_CPU) && num_online_cpus() > 1)
		KUNIT_EXPECT_GT(test, hotplugs, 0);
}

static struct kunit_case storm_live_cases[] = {
	KUNIT_CASE(storm_live_keeps_every_promise),
	{}
};

static struct kunit_suite storm_live_suite = {
	.name = "twq_storm_live",
	.init = world_init,
	.exit = world_exit,
	.test_cases = storm_live_cases,
};

kunit_test_suite(storm_live_suite);
