// SPDX-License-Identifier: GPL-2.0
/*
 * Suite twq_storm: every call from every CPU at once, while time passes, with
 * a fixed seed and a ledger of each task's armings. What it does is random in
 * its order only; what must hold afterwards is not.
 */
#include <linux/delay.h>
#include <linux/minmax.h>
#include <linux/prandom.h>
#include <linux/sched.h>

#include "check.h"
#include "scene.h"

#define SHARED_TASKS	24
#define LOCAL_TASKS	6	/* of each CPU */
#define ROUNDS		3000
#define STORM_NS	(40 * MS)

/* What became of the armings of one task. */
struct ledger {
	atomic_t armed;
	atomic_t ended;		/* moved or cancelled */
	atomic_t fired;
	bool open;		/* schedule() does not tell whether it armed */
};

static struct {
	struct probe *shared[SHARED_TASKS];
	struct probe *local[NR_CPUS][LOCAL_TASKS];
	struct ledger ledgers[SHARED_TASKS + NR_CPUS * LOCAL_TASKS];
	unsigned int nr;
	atomic_t broken;	/* calls that answered what they must not */
} storm;

static void storm_fire(struct probe *p)
{
	s64 due_ns = twq_task_expires(&p->task);
	struct ledger *l = p->arg;

	if (due_ns <= twq_task_run_time(&p->task) &&
	    twq_task_expire(&p->task, due_ns, TWQ_ETERNITY))
		atomic_inc(&l->fired);
}

static struct probe *storm_task(struct probe *p, bool open)
{
	p->arg = &storm.ledgers[storm.nr++];
	((struct ledger *)p->arg)->open = open;
	p->keep = true;
	p->hook = storm_fire;
	return p;
}

static void storm_make(struct kunit *test)
{
	int i, cpu;

	memset(&storm, 0, sizeof(storm));
	for (i = 0; i < SHARED_TASKS; i++)
		storm.shared[i] = storm_task(probe_new_shared(test,
							      world_cpu()),
					     i % 4 == 0);
	for_each_online_cpu(cpu)
		for (i = 0; i < LOCAL_TASKS; i++)
			storm.local[cpu][i] =
				storm_task(probe_new_on(test, cpu), i == 0);
}

/* -- the calls, with their entries ---------------------------------------- */

static void storm_queue_at(struct probe *p, s64 ns)
{
	struct ledger *l = p->arg;
	s64 old_ns;

	if (twq_task_queue_at(&p->task, ns, &old_ns))
		return;
	if (ns != TWQ_ETERNITY)
		atomic_inc(&l->armed);
	if (old_ns != TWQ_ETERNITY)
		atomic_inc(&l->ended);
}

static void storm_queue_before(struct probe *p, s64 ns)
{
	struct ledger *l = p->arg;
	s64 old_ns;

	if (twq_task_queue_before(&p->task, ns, &old_ns) || old_ns <= ns)
		return;
	atomic_inc(&l->armed);
	if (old_ns != TWQ_ETERNITY)
		atomic_inc(&l->ended);
}

static void storm_schedule(struct probe *p, s64 ns)
{
	struct ledger *l = p->arg;

	if (l->open)
		twq_task_schedule(&p->task, ns);
	else
		storm_queue_before(p, ns);
}

static void storm_disarm(struct probe *p)
{
	struct ledger *l = p->arg;

	if (twq_task_disarm(&p->task) != TWQ_ETERNITY)
		atomic_inc(&l->ended);
}

static void storm_unlink(struct probe *p)
{
	twq_task_unlink(&p->task);
	twq_task_queue(&p->task);
}

static void storm_set_affinity(struct probe *p, struct rnd_state *rnd)
{
	struct cpumask mask = {};
	int err, cpu;

	for_each_online_cpu(cpu)
		if (prandom_u32_state(rnd) & 1)
			cpumask_set_cpu(cpu, &mask);
	err = twq_task_set_affinity(&p->task, &mask, GFP_KERNEL);
	if (cpumask_empty(&mask) && err != -EINVAL)
		atomic_inc(&storm.broken);
	if (!cpumask_empty(&mask) && err && err != -ESRCH)
		atomic_inc(&storm.broken);
}

static void storm_call(struct probe *p, struct rnd_state *rnd)
{
	s64 ns = T0 + prandom_u32_state(rnd) % (2 * STORM_NS);
	bool shared = twq_task_state(&p->task) & TWQ_SHARED_WQ;

	switch (prandom_u32_state(rnd) % 8) {
	case 0:
	case 1:
		storm_queue_at(p, ns);
		break;
	case 2:
		storm_schedule(p, ns);
		break;
	case 3:
		storm_disarm(p);
		break;
	case 4:
		storm_unlink(p);
		break;
	case 5:
		storm_queue_at(p, TWQ_ETERNITY);
		break;
	case 6:
		if (shared)
			storm_set_affinity(p, rnd);
		break;
	default:
		twq_task_wakeup(&p->task, TWQ_WOKEN_MSG);
	}
}

static void storm_destroy_local(unsigned int cpu)
{
	twq_task_destroy(&storm.local[cpu][1]->task);
}

static void storm_puppet(void *arg)
{
	int i, cpu = raw_smp_processor_id();
	struct rnd_state rnd;

	prandom_seed_state(&rnd, 1000 + cpu);
	for (i = 0; i < ROUNDS; i++) {
		u32 n = prandom_u32_state(&rnd);

		storm_call(storm.shared[n % SHARED_TASKS], &rnd);
		storm_call(storm.local[cpu][n % LOCAL_TASKS], &rnd);
		/* Rarely, and always the same ones: the end, by anybody. */
		if (n % 500 == 0)
			twq_task_destroy(&storm.shared[n / 500 % 4]->task);
		if (n % 700 == 0)
			storm_destroy_local(n / 700 % num_online_cpus());
		if (i % 32 == 0)
			cond_resched();
	}
}

/* -- afterwards ----------------------------------------------------------- */

static bool storm_killed(const struct probe *p)
{
	return twq_task_state(&p->task) & TWQ_KILLED;
}

static void expect_balanced(struct kunit *test, struct probe *p)
{
	struct ledger *l = p->arg;
	bool armed = twq_task_expires(&p->task) != TWQ_ETERNITY;

	KUNIT_EXPECT_EQ(test, atomic_read(&p->released), storm_killed(p));
	if (!l->open)
		KUNIT_EXPECT_EQ(test, atomic_read(&l->armed),
				atomic_read(&l->ended) +
				atomic_read(&l->fired) + armed);
	if (armed && !storm_killed(p))
		KUNIT_EXPECT_TRUE(test, probe_in_shared(p) ||
				  probe_in_local(p));
	/* From here: how often it fires. */
	atomic_set(&l->fired, -armed);
}

static void expect_fired(struct kunit *test, struct probe *p)
{
	struct ledger *l = p->arg;

	if (!storm_killed(p))
		KUNIT_EXPECT_EQ(test, atomic_read(&l->fired), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->overlaps), 0);
}

static void storm_each(struct kunit *test,
		       void (*fn)(struct kunit *test, struct probe *p))
{
	int i, cpu;

	for (i = 0; i < SHARED_TASKS; i++)
		fn(test, storm.shared[i]);
	for_each_online_cpu(cpu)
		for (i = 0; i < LOCAL_TASKS; i++)
			fn(test, storm.local[cpu][i]);
}

static bool storm_is_over(void)
{
	int cpu;

	for_each_online_cpu(cpu)
		if (!world_puppet_done(cpu))
			return false;
	return true;
}

static void storm_keeps_every_promise(struct kunit *test)
{
	s64 now_ns = T0;
	int cpu, turns;

	storm_make(test);
	for_each_online_cpu(cpu)
		world_puppet(cpu, storm_puppet, NULL);
	for (turns = 0; turns < 20000 && !storm_is_over(); turns++) {
		now_ns = min(now_ns + STORM_NS / 100, T0 + STORM_NS);
		world_tick(now_ns);
		usleep_range(200, 400);
	}
	KUNIT_ASSERT_TRUE(test, storm_is_over());
	world_advance(test, T0 + STORM_NS);
	KUNIT_EXPECT_STREQ(test, twq_trees_flaw() ?: "", "");
	KUNIT_EXPECT_EQ(test, atomic_read(&storm.broken), 0);
	storm_each(test, expect_balanced);
	world_advance(test, T0 + 2 * STORM_NS);
	storm_each(test, expect_fired);
	KUNIT_EXPECT_STREQ(test, twq_trees_flaw() ?: "", "");
}

static struct kunit_case storm_cases[] = {
	KUNIT_CASE(storm_keeps_every_promise),
	{}
};

static struct kunit_suite storm_suite = {
	.name = "twq_storm",
	.init = world_init,
	.exit = world_exit,
	.test_cases = storm_cases,
};

kunit_test_suite(storm_suite);
