// SPDX-License-Identifier: GPL-2.0
/*
 * Suite twq_run: rules 8 and 9 of the contract, wake-up and run.
 */
#include <linux/bottom_half.h>
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/smp.h>

#include "cpu.h"
#include "scene.h"

KUNIT_ARRAY_PARAM(kind, scene_kinds, kind_desc);

static struct probe *run_new(struct kunit *test)
{
	return scene_probe(test, test->param_value);
}

static void expect_rest(struct kunit *test, struct probe *p, int runs)
{
	world_settle(test);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->runs), runs);
	KUNIT_EXPECT_EQ(test, twq_task_state(&p->task) & ~TWQ_PERSISTENT, 0);
}

/* -- rule 8: wake-up ------------------------------------------------------ */

static void rule8_wakeup_runs_with_its_reason(struct kunit *test)
{
	struct probe *p = run_new(test);
	u32 bit;
	int runs = 0;

	for (bit = TWQ_WOKEN_INIT; bit <= TWQ_WOKEN_OTHER; bit <<= 1) {
		twq_task_wakeup(&p->task, bit);
		expect_rest(test, p, ++runs);
		KUNIT_EXPECT_EQ(test, p->last_reasons, bit);
	}
}

static void rule8_wakeup_without_reason_runs(struct kunit *test)
{
	struct probe *p = run_new(test);

	twq_task_wakeup(&p->task, 0);
	expect_rest(test, p, 1);
	KUNIT_EXPECT_EQ(test, p->last_reasons, 0);
}

/* Bits of the state word that are no reasons can't be smuggled in. */
static void rule8_wakeup_takes_reasons_only(struct kunit *test)
{
	struct probe *p = run_new(test);
	u32 shared = twq_task_state(&p->task) & TWQ_SHARED_WQ;

	twq_task_wakeup(&p->task, ~TWQ_WOKEN_ANY | TWQ_WOKEN_IO);
	expect_rest(test, p, 1);
	KUNIT_EXPECT_EQ(test, p->last_reasons, TWQ_WOKEN_IO);
	KUNIT_EXPECT_EQ(test, twq_task_state(&p->task) & TWQ_SHARED_WQ, shared);
}

static void rule8_wakeup_queued_ors_reasons(struct kunit *test)
{
	struct probe *p = scene_probe(test, &scene_near[0]);
	u32 state;

	local_bh_disable();
	twq_task_wakeup(&p->task, TWQ_WOKEN_IO);
	twq_task_wakeup(&p->task, TWQ_WOKEN_MSG);
	twq_task_wakeup(&p->task, TWQ_WOKEN_IO);
	state = twq_task_state(&p->task);
	local_bh_enable();
	KUNIT_EXPECT_TRUE(test, state & TWQ_QUEUED);
	expect_rest(test, p, 1);
	KUNIT_EXPECT_EQ(test, p->reasons, TWQ_WOKEN_IO | TWQ_WOKEN_MSG);
}

static void wake_self_once(struct probe *p)
{
	p->hook = NULL;
	twq_task_wakeup(&p->task, TWQ_WOKEN_RES);
}

static void rule8_wakeup_running_runs_again(struct kunit *test)
{
	struct probe *p = run_new(test);

	p->hook = wake_self_once;
	twq_task_wakeup(&p->task, TWQ_WOKEN_IO);
	expect_rest(test, p, 2);
	KUNIT_EXPECT_EQ(test, p->last_reasons, TWQ_WOKEN_RES);
}

/* Asks who has won, and pushes nothing: a task that runs is in no run queue. */
static void ask_who_wins(void *arg)
{
	struct probe *p = arg;

	p->hook = NULL;
	p->arg = (void *)(long)twq_task_wake(&p->task, TWQ_WOKEN_RES);
}

static void ask_who_wins_here(struct probe *p)
{
	ask_who_wins(p);
}

static void ask_who_wins_elsewhere(struct probe *p)
{
	int cpu = (long)p->arg;

	world_puppet(cpu, ask_who_wins, p);
	if (!world_puppet_wait(cpu))
		p->arg = p;
}

/* The run itself puts the task back when it ends: nobody else may. */
static void rule8_wakeup_running_wins_nothing(struct kunit *test)
{
	struct probe *p = run_new(test);

	p->hook = ask_who_wins_here;
	p->arg = p;
	twq_task_wakeup(&p->task, TWQ_WOKEN_IO);
	expect_rest(test, p, 2);
	KUNIT_EXPECT_PTR_EQ(test, p->arg, NULL);
	KUNIT_EXPECT_EQ(test, p->last_reasons, TWQ_WOKEN_RES);
}

static void rule8_wakeup_running_elsewhere_wins_nothing(struct kunit *test)
{
	long other = world_other_cpu(test);
	struct probe *p = probe_new_on(test, world_cpu());

	p->hook = ask_who_wins_elsewhere;
	p->arg = (void *)other;
	twq_task_wakeup(&p->task, TWQ_WOKEN_IO);
	expect_rest(test, p, 2);
	KUNIT_EXPECT_PTR_EQ(test, p->arg, NULL);
	KUNIT_EXPECT_EQ(test, p->last_reasons, TWQ_WOKEN_RES);
}

/* A deadline that is set but not due is no reason, and stays. */
static void rule8_wakeup_leaves_position(struct kunit *test)
{
	struct probe *p = scene_probe_at(test, test->param_value, T0 + 5 * MS);

	p->keep = true;
	twq_task_wakeup(&p->task, TWQ_WOKEN_IO);
	expect_rest(test, p, 1);
	KUNIT_EXPECT_EQ(test, p->task.node.key_ns, T0 + 5 * MS);
	p->keep = false;
	world_advance(test, T0 + 5 * MS);
	expect_rest(test, p, 2);
	KUNIT_EXPECT_EQ(test, p->last_reasons, TWQ_WOKEN_TIMER);
}

static void wake_in_hardirq(void *arg)
{
	struct probe *p = arg;

	p->arg = (void *)(long)!!in_hardirq();
	twq_task_wakeup(&p->task, TWQ_WOKEN_IO);
}

static void rule8_wakeup_from_hardirq(struct kunit *test)
{
	int other = world_other_cpu(test);
	struct probe *p = run_new(test);

	smp_call_function_single(other, wake_in_hardirq, p, 1);
	KUNIT_EXPECT_TRUE(test, p->arg);
	expect_rest(test, p, 1);
	KUNIT_EXPECT_EQ(test, p->last_reasons, TWQ_WOKEN_IO);
}

static void rule8_wakeup_stays_on_allowed_cpu(struct kunit *test)
{
	struct probe *p = probe_new(test, cpu_online_mask);
	int cpu, runs = 0;

	for_each_online_cpu(cpu) {
		scene_do_on(cpu, OP_WAKEUP, p, TWQ_WOKEN_IO);
		expect_rest(test, p, ++runs);
		KUNIT_EXPECT_EQ(test, p->last_cpu, cpu);
	}
}

static void rule8_wakeup_elsewhere_goes_to_allowed_cpu(struct kunit *test)
{
	const struct kind *kind = test->param_value;
	struct probe *p = run_new(test);
	int cpu, runs = 0;

	if (kind->many)
		kunit_skip(test, "every CPU is allowed");
	for_each_online_cpu(cpu) {
		scene_do_on(cpu, OP_WAKEUP, p, TWQ_WOKEN_IO);
		expect_rest(test, p, ++runs);
		KUNIT_EXPECT_EQ(test, p->last_cpu, scene_cpu(p));
	}
}

static void rule8_wakeup_avoids_offline_cpu(struct kunit *test)
{
	int i, other = world_other_cpu(test), third = scene_third_cpu(test);
	struct cpumask mask = *cpumask_of(other);
	struct probe *p;

	cpumask_set_cpu(third, &mask);
	p = probe_new(test, &mask);
	scene_serve(other, false);
	for (i = 1; i <= 8; i++) {
		twq_task_wakeup(&p->task, TWQ_WOKEN_IO);
		expect_rest(test, p, i);
		KUNIT_EXPECT_EQ(test, p->last_cpu, third);
	}
	scene_serve(other, true);
}

struct wakers {
	struct probe *p;
	atomic_t posted;
	atomic_t seen;
	int rounds;
};

static void wake_often(void *arg)
{
	struct wakers *w = arg;
	int i, bit = raw_smp_processor_id() % 7;

	for (i = 0; i < w->rounds; i++) {
		atomic_inc(&w->posted);
		twq_task_wakeup(&w->p->task, TWQ_WOKEN_INIT << bit);
		if (!(i % 64))
			cond_resched();
	}
}

static void wake_from_all(struct kunit *test, struct wakers *w, int but)
{
	int cpu;

	for_each_online_cpu(cpu)
		if (cpu != world_cpu() && cpu != but)
			world_puppet(cpu, wake_often, w);
	wake_often(w);
	for_each_online_cpu(cpu)
		if (cpu != world_cpu() && cpu != but)
			KUNIT_EXPECT_TRUE(test, world_puppet_wait(cpu));
}

/* The CPU that is to run it is busy while all others wake it. */
static void rule8_wakeup_from_all_cpus_queues_once(struct kunit *test)
{
	int other = world_other_cpu(test);
	struct wakers w = { .p = probe_new_on(test, other), .rounds = 500 };
	u32 reasons = 0;
	int cpu;

	for_each_online_cpu(cpu)
		if (cpu != other)
			reasons |= TWQ_WOKEN_INIT << (cpu % 7);
	scene_hold(test, other);
	wake_from_all(test, &w, other);
	scene_let_go(test, other);
	expect_rest(test, w.p, 1);
	KUNIT_EXPECT_EQ(test, w.p->last_reasons, reasons);
}

/* -- rule 9: run ---------------------------------------------------------- */

static void see_posted(struct probe *p)
{
	struct wakers *w = p->arg;

	udelay(2);
	atomic_set(&w->seen, atomic_read(&w->posted));
}

/* H13 too: no two runs at once (world_exit), and no wake-up is lost. */
static void rule9_storm_of_wakeups_never_runs_twice(struct kunit *test)
{
	struct wakers w = { .p = run_new(test), .rounds = 3000 };

	w.p->hook = see_posted;
	w.p->arg = &w;
	wake_from_all(test, &w, -1);
	world_settle(test);
	KUNIT_EXPECT_EQ(test, atomic_read(&w.seen), atomic_read(&w.posted));
	KUNIT_EXPECT_GE(test, atomic_read(&w.p->runs), 1);
	KUNIT_EXPECT_LE(test, atomic_read(&w.p->runs),
			atomic_read(&w.posted));
	expect_rest(test, w.p, atomic_read(&w.p->runs));
}

static void rule9_run_keeps_persistent_flags(struct kunit *test)
{
	struct probe *p = run_new(test);
	u32 kept = twq_task_state(&p->task) | TWQ_USED;

	twq_task_wakeup(&p->task, TWQ_WOKEN_IO | TWQ_WOKEN_MSG);
	expect_rest(test, p, 1);
	KUNIT_EXPECT_EQ(test, twq_task_state(&p->task), kept);
}

static void note_state(struct probe *p)
{
	p->arg = (void *)(unsigned long)twq_task_state(&p->task);
}

static void rule9_run_is_running_without_reasons(struct kunit *test)
{
	struct probe *p = run_new(test);
	u32 kept = twq_task_state(&p->task) | TWQ_USED;

	p->hook = note_state;
	twq_task_wakeup(&p->task, TWQ_WOKEN_IO);
	expect_rest(test, p, 1);
	KUNIT_EXPECT_EQ(test, (u32)(unsigned long)p->arg, kept | TWQ_RUNNING);
}

static void rule9_run_then_queued_at_its_deadline(struct kunit *test)
{
	struct probe *p = run_new(test);

	p->next_ns = T0 + 5 * MS;
	twq_task_wakeup(&p->task, TWQ_WOKEN_IO);
	expect_rest(test, p, 1);
	KUNIT_EXPECT_TRUE(test, twq_node_linked(&p->task.node));
	p->next_ns = TWQ_ETERNITY;
	world_advance(test, T0 + 5 * MS);
	expect_rest(test, p, 2);
	KUNIT_EXPECT_FALSE(test, twq_node_linked(&p->task.node));
}

static void count_down(struct probe *p)
{
	p->arg = (void *)((long)p->arg - 1);
	p->keep = p->arg;
}

static void rule9_deadline_left_in_the_past_runs_again(struct kunit *test)
{
	struct probe *p = run_new(test);

	p->arg = (void *)4;
	p->hook = count_down;
	p->keep = true;
	KUNIT_EXPECT_EQ(test, scene_do_on(scene_cpu(p), OP_QUEUE_AT, p,
					  T0 - MS), 0);
	expect_rest(test, p, 4);
	KUNIT_EXPECT_EQ(test, p->reasons, TWQ_WOKEN_TIMER);
}

static void rule9_run_time_is_the_clock(struct kunit *test)
{
	struct probe *p = run_new(test);

	world_advance(test, T0 + 123);
	twq_task_wakeup(&p->task, TWQ_WOKEN_IO);
	expect_rest(test, p, 1);
	KUNIT_EXPECT_EQ(test, p->last_ns, T0 + 123);
}

static void rule9_null_return_frees(struct kunit *test)
{
	int refs = world_module_refs();
	struct probe *p = scene_probe_at(test, test->param_value, T0 + 5 * MS);

	p->free_in_process = true;
	p->keep = true;
	twq_task_wakeup(&p->task, TWQ_WOKEN_IO);
	world_settle(test);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->runs), 1);
	KUNIT_EXPECT_FALSE(test, twq_node_linked(&p->task.node));
	KUNIT_EXPECT_NULL(test, rcu_access_pointer(p->task.allowed));
	KUNIT_EXPECT_EQ(test, world_module_refs(), refs);
	world_advance(test, T0 + 5 * MS);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->runs), 1);
}

/* -- back in the tree, RUNNING still set ---------------------------------- */

static void wake_at_requeued(struct twq_task *task)
{
	struct probe *p = probe_of(task);

	p->arg = (void *)(long)scene_puppet_do((long)p->arg, OP_WAKEUP, p,
					       TWQ_WOKEN_MSG);
}

static void h8_wakeup_after_process_runs_it_again(struct kunit *test)
{
	long other = world_other_cpu(test);
	struct probe *p = probe_new(test, cpu_online_mask);

	p->arg = (void *)other;
	world_at(TWQ_TP_REQUEUED, &p->task, wake_at_requeued);
	twq_task_wakeup(&p->task, TWQ_WOKEN_IO);
	expect_rest(test, p, 2);
	KUNIT_EXPECT_TRUE(test, world_at_reached());
	KUNIT_EXPECT_TRUE(test, p->arg);
	KUNIT_EXPECT_EQ(test, p->last_reasons, TWQ_WOKEN_MSG);
}

static void raise_pass(void *arg)
{
	local_bh_disable();
	twq_cpu_raise();
	local_bh_enable();
}

/* Another CPU's pass finds it due; it must not run it before we are through. */
static void expire_at_requeued(struct twq_task *task)
{
	struct probe *p = probe_of(task);
	int other = (long)p->arg;
	u32 state;

	p->next_ns = TWQ_ETERNITY;
	world_puppet(other, raise_pass, NULL);
	p->arg = NULL;
	if (!world_puppet_wait(other) ||
	    !scene_spin(&task->state, TWQ_WOKEN_TIMER))
		return;
	mdelay(2);
	state = twq_task_state(task);
	p->arg = (void *)(long)(atomic_read(&p->runs) == 1 &&
				state & TWQ_RUNNING && !(state & TWQ_QUEUED));
}

static void h13_expired_elsewhere_before_the_run_has_ended(struct kunit *test)
{
	long other = world_other_cpu(test);
	struct probe *p = probe_new(test, cpu_online_mask);

	p->arg = (void *)other;
	p->next_ns = T0 - MS;
	world_at(TWQ_TP_REQUEUED, &p->task, expire_at_requeued);
	twq_task_wakeup(&p->task, TWQ_WOKEN_IO);
	expect_rest(test, p, 2);
	KUNIT_EXPECT_TRUE(test, world_at_reached());
	KUNIT_EXPECT_TRUE(test, p->arg);
	KUNIT_EXPECT_EQ(test, p->last_reasons, TWQ_WOKEN_TIMER);
}

static void disarm_at_requeued(struct twq_task *task)
{
	twq_task_disarm(task);
}

static void h8_disarm_after_process_leaves_nothing(struct kunit *test)
{
	struct probe *p = probe_new_shared(test, world_cpu());

	p->next_ns = T0 + 5 * MS;
	world_at(TWQ_TP_REQUEUED, &p->task, disarm_at_requeued);
	twq_task_wakeup(&p->task, TWQ_WOKEN_IO);
	world_advance(test, T0 + SEC);
	KUNIT_EXPECT_TRUE(test, world_at_reached());
	expect_rest(test, p, 1);
	KUNIT_EXPECT_FALSE(test, twq_node_linked(&p->task.node));
}

static struct kunit_case run_cases[] = {
	KUNIT_CASE_PARAM(rule8_wakeup_runs_with_its_reason, kind_gen_params),
	KUNIT_CASE_PARAM(rule8_wakeup_without_reason_runs, kind_gen_params),
	KUNIT_CASE_PARAM(rule8_wakeup_takes_reasons_only, kind_gen_params),
	KUNIT_CASE(rule8_wakeup_queued_ors_reasons),
	KUNIT_CASE_PARAM(rule8_wakeup_running_runs_again, kind_gen_params),
	KUNIT_CASE_PARAM(rule8_wakeup_running_wins_nothing, kind_gen_params),
	KUNIT_CASE(rule8_wakeup_running_elsewhere_wins_nothing),
	KUNIT_CASE_PARAM(rule8_wakeup_leaves_position, kind_gen_params),
	KUNIT_CASE_PARAM(rule8_wakeup_from_hardirq, kind_gen_params),
	KUNIT_CASE(rule8_wakeup_stays_on_allowed_cpu),
	KUNIT_CASE_PARAM(rule8_wakeup_elsewhere_goes_to_allowed_cpu,
			 kind_gen_params),
	KUNIT_CASE(rule8_wakeup_avoids_offline_cpu),
	KUNIT_CASE(rule8_wakeup_from_all_cpus_queues_once),
	KUNIT_CASE_PARAM(rule9_storm_of_wakeups_never_runs_twice,
			 kind_gen_params),
	KUNIT_CASE_PARAM(rule9_run_keeps_persistent_flags, kind_gen_params),
	KUNIT_CASE_PARAM(rule9_run_is_running_without_reasons,
			 kind_gen_params),
	KUNIT_CASE_PARAM(rule9_run_then_queued_at_its_deadline,
			 kind_gen_params),
	KUNIT_CASE_PARAM(rule9_deadline_left_in_the_past_runs_again,
			 kind_gen_params),
	KUNIT_CASE_PARAM(rule9_run_time_is_the_clock, kind_gen_params),
	KUNIT_CASE_PARAM(rule9_null_return_frees, kind_gen_params),
	KUNIT_CASE(h8_wakeup_after_process_runs_it_again),
	KUNIT_CASE(h13_expired_elsewhere_before_the_run_has_ended),
	KUNIT_CASE(h8_disarm_after_process_leaves_nothing),
	{}
};

static struct kunit_suite run_suite = {
	.name = "twq_run",
	.init = world_init,
	.exit = world_exit,
	.test_cases = run_cases,
};

kunit_test_suite(run_suite);
