// SPDX-License-Identifier: GPL-2.0
/*
 * Suite twq_hotplug: rule 12 of the contract, a CPU that goes down and comes
 * back. The suite calls what the kernel's hotplug calls, on that very CPU, so
 * that each step can be looked at; the CPU itself stays where it is. Those that
 * really go are for test_hotplug and for virtual machines.
 */
#include <linux/hrtimer.h>

#include "cpu.h"
#include "scene.h"
#include "timer.h"

static long go_down(void *arg)
{
	return twq_cpu_offline(raw_smp_processor_id());
}

static long come_up(void *arg)
{
	return twq_cpu_online(raw_smp_processor_id());
}

static void take_down(struct kunit *test, int cpu)
{
	KUNIT_ASSERT_EQ(test, world_on(cpu, go_down, NULL), 0);
	world_settle(test);
}

static void bring_up(struct kunit *test, int cpu)
{
	KUNIT_ASSERT_EQ(test, world_on(cpu, come_up, NULL), 0);
	world_settle(test);
}

/* A case that was given up may have left a CPU down. */
static void hotplug_exit(struct kunit *test)
{
	int cpu;

	for_each_online_cpu(cpu)
		if (per_cpu(twq_cpus, cpu).host != cpu)
			world_on(cpu, come_up, NULL);
	world_exit(test);
}

static struct twq_timer *timer_of(int cpu)
{
	return &per_cpu(twq_cpus, cpu).timer;
}

/* Nobody but the stand-in knows of the deadline now: it has to come for it. */
static void rule12_deadline_fires_on_the_stand_in(struct kunit *test)
{
	int other = world_other_cpu(test);
	struct probe *p = probe_new_on(test, other);
	u64 before = scene_stats().rehomed;

	KUNIT_EXPECT_EQ(test, probe_queue_on(p, other, T0 + MS), 0);
	take_down(test, other);
	KUNIT_EXPECT_EQ(test, scene_stats().rehomed - before, 1);
	KUNIT_EXPECT_EQ(test, timer_of(other)->armed_ns, T0 + MS);
	world_advance(test, T0 + MS);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->runs), 1);
	KUNIT_EXPECT_EQ(test, p->last_cpu, world_cpu());
}

static void rule12_deadline_fires_at_home_again(struct kunit *test)
{
	int other = world_other_cpu(test);
	struct probe *p = probe_new_on(test, other);

	KUNIT_EXPECT_EQ(test, probe_queue_on(p, other, T0 + MS), 0);
	take_down(test, other);
	bring_up(test, other);
	KUNIT_EXPECT_TRUE(test, cpumask_test_cpu(other, twq_cpu_serving()));
	KUNIT_EXPECT_EQ(test, timer_of(other)->armed_ns, T0 + MS);
	world_advance(test, T0 + MS);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->runs), 1);
	KUNIT_EXPECT_EQ(test, p->last_cpu, other);
}

/* What waits in the run queue or the inbox is found as well. */
static void go_down_at_push(struct twq_task *task)
{
	struct probe *p = probe_of(task);

	p->arg = (void *)world_on(scene_cpu(p), go_down, NULL);
}

static void rule12_pushed_when_the_cpu_has_gone(struct kunit *test)
{
	int other = world_other_cpu(test);
	struct probe *p = probe_new_on(test, other);

	world_at(TWQ_TP_PUSH, &p->task, go_down_at_push);
	twq_task_wakeup(&p->task, TWQ_WOKEN_IO);
	world_settle(test);
	KUNIT_EXPECT_TRUE(test, world_at_reached());
	KUNIT_EXPECT_PTR_EQ(test, p->arg, NULL);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->runs), 1);
	KUNIT_EXPECT_EQ(test, p->last_cpu, world_cpu());
}

/* A task that other CPUs may run goes to one that is there. */
static void rule12_shared_task_avoids_the_cpu(struct kunit *test)
{
	int other = world_other_cpu(test), third = scene_third_cpu(test);
	struct cpumask mask = *cpumask_of(other);
	struct probe *p;
	u64 passed_on;
	int i;

	cpumask_set_cpu(third, &mask);
	p = probe_new(test, &mask);
	take_down(test, other);
	passed_on = scene_stats().passed_on;
	for (i = 1; i <= 4; i++) {
		twq_task_wakeup(&p->task, TWQ_WOKEN_IO);
		world_settle(test);
		KUNIT_EXPECT_EQ(test, atomic_read(&p->runs), i);
		KUNIT_EXPECT_EQ(test, p->last_cpu, third);
	}
	KUNIT_EXPECT_EQ(test, scene_stats().passed_on, passed_on);
	bring_up(test, other);
	scene_do_on(other, OP_WAKEUP, p, TWQ_WOKEN_IO);
	world_settle(test);
	KUNIT_EXPECT_EQ(test, p->last_cpu, other);
}

/* No CPU of its mask is there: then any other may run it. */
static void rule12_bound_shared_task_runs_on_another(struct kunit *test)
{
	int other = world_other_cpu(test);
	struct probe *p = probe_new_shared(test, other);

	take_down(test, other);
	twq_task_wakeup(&p->task, TWQ_WOKEN_IO);
	world_settle(test);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->runs), 1);
	KUNIT_EXPECT_EQ(test, p->last_cpu, world_cpu());
}

/* Real time: what is armed for the CPU does not stay on it. */
static void k7_hrtimer_leaves_the_cpu(struct kunit *test)
{
	int other = world_other_cpu(test);
	struct probe *p = probe_new_on(test, other);
	struct twq_timer *timer = timer_of(other);
	const struct hrtimer_clock_base *home;
	s64 far_ns;

	world_real_clock(test);
	far_ns = twq_clock_after(1000 * SEC);
	KUNIT_EXPECT_EQ(test, probe_queue_on(p, other, far_ns), 0);
	home = timer->hr.base;
	take_down(test, other);
	KUNIT_EXPECT_TRUE(test, hrtimer_active(&timer->hr));
	KUNIT_EXPECT_PTR_NE(test, timer->hr.base, home);
	KUNIT_EXPECT_EQ(test, hrtimer_get_expires(&timer->hr), far_ns);
	bring_up(test, other);
	KUNIT_EXPECT_TRUE(test, hrtimer_active(&timer->hr));
	KUNIT_EXPECT_PTR_EQ(test, timer->hr.base, home);
	hrtimer_cancel(&timer->hr);
}

/* A time of before, for which nobody comes any more, would hide later ones. */
static void k8_armed_before_is_forgotten(struct kunit *test)
{
	int other = world_other_cpu(test);
	struct probe *p = probe_new_on(test, other);

	KUNIT_EXPECT_EQ(test, probe_queue_on(p, other, T0 + MS), 0);
	take_down(test, other);
	KUNIT_EXPECT_EQ(test, scene_do(OP_UNLINK, p, 0), 0);
	bring_up(test, other);
	KUNIT_EXPECT_EQ(test, timer_of(other)->armed_ns, TWQ_ETERNITY);
	KUNIT_EXPECT_EQ(test, probe_queue_on(p, other, T0 + 5 * MS), 0);
	KUNIT_EXPECT_EQ(test, timer_of(other)->armed_ns, T0 + 5 * MS);
	world_advance(test, T0 + 5 * MS);
	KUNIT_EXPECT_EQ(test, p->last_cpu, other);
}

/* The host changes while it runs a task: the new one has to queue it. */
static void give_to_the_third(struct probe *p)
{
	struct twq_cpu *c = this_cpu_ptr(&twq_cpus);

	p->hook = NULL;
	/* Pairs with the acquire in twq_cpu_lock(). */
	smp_store_release(&c->host, (int)(long)p->arg);
}

static void rule12_host_changes_within_a_run(struct kunit *test)
{
	int self = world_cpu();
	long third = scene_third_cpu(test);
	struct probe *p = probe_new_on(test, self);

	p->arg = (void *)third;
	p->hook = give_to_the_third;
	p->next_ns = T0 + 5 * MS;
	twq_task_wakeup(&p->task, TWQ_WOKEN_IO);
	world_settle(test);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->runs), 2);
	KUNIT_EXPECT_EQ(test, p->last_cpu, third);
	KUNIT_EXPECT_TRUE(test, probe_in_local(p));
	bring_up(test, self);
	p->next_ns = TWQ_ETERNITY;
	world_advance(test, T0 + 5 * MS);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->runs), 3);
	KUNIT_EXPECT_EQ(test, p->last_cpu, self);
}

static struct kunit_case hotplug_cases[] = {
	KUNIT_CASE(rule12_deadline_fires_on_the_stand_in),
	KUNIT_CASE(rule12_deadline_fires_at_home_again),
	KUNIT_CASE(rule12_pushed_when_the_cpu_has_gone),
	KUNIT_CASE(rule12_shared_task_avoids_the_cpu),
	KUNIT_CASE(rule12_bound_shared_task_runs_on_another),
	KUNIT_CASE(k7_hrtimer_leaves_the_cpu),
	KUNIT_CASE(k8_armed_before_is_forgotten),
	KUNIT_CASE(rule12_host_changes_within_a_run),
	{}
};

static struct kunit_suite hotplug_suite = {
	.name = "twq_hotplug",
	.init = world_init,
	.exit = hotplug_exit,
	.test_cases = hotplug_cases,
};

kunit_test_suite(hotplug_suite);
