// SPDX-License-Identifier: GPL-2.0
/*
 * Suite twq_cpu: the pass over a CPU's queues and its budget (rule 7), the
 * inbox and its kick (rule 8), deadlines that stay in the past (K1, K10), and
 * who serves another CPU's queues (rule 12; here no CPU really goes down).
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/hrtimer.h>

#include "compat.h"
#include "cpu.h"
#include "shared.h"
#include "task.h"
#include "world.h"

#define STORM		1000
#define BUDGET		10

/* What the hooks below write down, in the order of the runs. */
static struct {
	unsigned int default_budget;
	atomic_t order;
	struct twq_cpu_stats last;
	u64 most_runs, most_expired;
	u64 runs_in_pass, expired_before;
	bool hold, held;
	unsigned int nr_seen;
	u64 stale_seen;
	struct kunit *test;
	long limit;
} log;

static struct twq_cpu_stats stats_of(int cpu)
{
	struct twq_cpu_stats stats = {};

	twq_cpu_read_stats(cpu, &stats);
	return stats;
}

static struct probe *probe_of_kind(struct kunit *test, bool shared, int cpu)
{
	return shared ? probe_new_shared(test, cpu) : probe_new_on(test, cpu);
}

static void queue_here(struct kunit *test, struct probe *p, s64 deadline_ns)
{
	s64 old_ns;

	KUNIT_ASSERT_EQ(test, twq_task_queue_at(&p->task, deadline_ns,
						&old_ns), 0);
}

static int pass_init(struct kunit *test)
{
	memset(&log, 0, sizeof(log));
	log.default_budget = twq_budget;
	return world_init(test);
}

static void pass_exit(struct kunit *test)
{
	WRITE_ONCE(log.hold, false);
	twq_budget = log.default_budget;
	world_exit(test);
}

struct kind_param {
	const char *desc;
	bool shared;
};

static const struct kind_param kind_params[] = {
	{ "local", false },
	{ "shared", true },
};

static void kind_desc(const struct kind_param *p, char *desc)
{
	strscpy(desc, p->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(kind, kind_params, kind_desc);

/* -- rule 7: what is found due by key ------------------------------------- */

static void rule7_due_node_goes_by_its_deadline(struct kunit *test)
{
	const struct kind_param *kind = test->param_value;
	struct probe *due = probe_of_kind(test, kind->shared, world_cpu());
	struct probe *later = probe_of_kind(test, kind->shared, world_cpu());
	struct probe *none = probe_of_kind(test, kind->shared, world_cpu());
	struct twq_cpu_stats was, is;

	queue_here(test, due, T0 + MS);
	queue_here(test, later, T0 + MS);
	queue_here(test, none, T0 + MS);
	twq_task_set_expires(&later->task, T0 + 10 * MS);
	twq_task_disarm(&none->task);
	was = stats_of(world_cpu());
	world_advance(test, T0 + MS);
	is = stats_of(world_cpu());
	KUNIT_EXPECT_EQ(test, is.expired - was.expired, 1);
	KUNIT_EXPECT_EQ(test, is.stale - was.stale, 2);
	KUNIT_EXPECT_EQ(test, atomic_read(&due->runs), 1);
	KUNIT_EXPECT_EQ(test, due->reasons, TWQ_WOKEN_TIMER);
	KUNIT_EXPECT_FALSE(test, twq_node_linked(&due->task.node));
	KUNIT_EXPECT_EQ(test, atomic_read(&later->runs), 0);
	KUNIT_EXPECT_TRUE(test, twq_node_linked(&later->task.node));
	KUNIT_EXPECT_EQ(test, later->task.node.key_ns, T0 + 10 * MS);
	KUNIT_EXPECT_EQ(test, atomic_read(&none->runs), 0);
	KUNIT_EXPECT_FALSE(test, twq_node_linked(&none->task.node));
	world_advance(test, T0 + 10 * MS);
	KUNIT_EXPECT_EQ(test, atomic_read(&later->runs), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&due->runs), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&none->runs), 0);
}

static void k10_deadline_that_equals_now_fires_once(struct kunit *test)
{
	const struct kind_param *kind = test->param_value;
	struct probe *p = probe_of_kind(test, kind->shared, world_cpu());

	queue_here(test, p, T0);
	world_settle(test);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->runs), 1);
	/* By a stale key, too. */
	queue_here(test, p, T0 + MS);
	twq_task_set_expires(&p->task, T0 + 2 * MS);
	world_advance(test, T0 + 2 * MS);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->runs), 2);
	KUNIT_EXPECT_EQ(test, p->last_ns, T0 + 2 * MS);
}

/* Takes its time, and then has the other one run at once. */
static void arm_the_other(struct probe *p)
{
	struct probe *other = p->arg;
	s64 old_ns;

	twq_fake_clock_set(T0 + 3 * MS);
	KUNIT_EXPECT_EQ(log.test, twq_task_queue_at(&other->task, T0, &old_ns),
			0);
}

/* Found by the look that has begun before: it still runs after that. */
static void rule7_no_run_begins_before_its_arming(struct kunit *test)
{
	const struct kind_param *kind = test->param_value;
	struct probe *one = probe_of_kind(test, kind->shared, world_cpu());
	struct probe *other = probe_of_kind(test, !kind->shared, world_cpu());

	log.test = test;
	one->hook = arm_the_other;
	one->arg = other;
	queue_here(test, one, T0 + MS);
	world_advance(test, T0 + MS);
	KUNIT_EXPECT_EQ(test, one->last_ns, T0 + MS);
	KUNIT_EXPECT_EQ(test, atomic_read(&other->runs), 1);
	KUNIT_EXPECT_EQ(test, other->last_ns, T0 + 3 * MS);
}

/* -- rule 7: budget ------------------------------------------------------- */

/* Adds up runs and expiries of the pass that this run is in. */
static void note_pass(struct probe *p)
{
	struct twq_cpu_stats now = stats_of(raw_smp_processor_id());

	if (now.passes != log.last.passes) {
		log.runs_in_pass = 0;
		log.expired_before = log.last.expired;
		log.last = now;
		log.most_expired = max(log.most_expired, now.expired -
				       log.expired_before);
	}
	log.most_runs = max(log.most_runs, ++log.runs_in_pass);
}

static void rule7_no_pass_exceeds_the_budget(struct kunit *test)
{
	const struct kind_param *kind = test->param_value;
	struct probe **p = kunit_kcalloc(test, STORM, sizeof(*p), GFP_KERNEL);
	struct twq_cpu_stats was, is;
	int i;

	KUNIT_ASSERT_NOT_NULL(test, p);
	for (i = 0; i < STORM; i++) {
		p[i] = probe_of_kind(test, kind->shared, world_cpu());
		p[i]->hook = note_pass;
		queue_here(test, p[i], T0 + MS + i % 7);
	}
	twq_budget = BUDGET;
	was = stats_of(world_cpu());
	log.last = was;
	world_advance(test, T0 + 2 * MS);
	is = stats_of(world_cpu());
	for (i = 0; i < STORM; i++)
		KUNIT_ASSERT_EQ(test, atomic_read(&p[i]->runs), 1);
	KUNIT_EXPECT_EQ(test, is.expired - was.expired, STORM);
	KUNIT_EXPECT_LE(test, log.most_runs, BUDGET);
	KUNIT_EXPECT_LE(test, log.most_expired, BUDGET);
	KUNIT_EXPECT_GE(test, is.cut - was.cut, STORM / BUDGET - 1);
}

/* What was woken, and not found due, is budgeted as well. */
static void rule7_no_pass_runs_more_than_the_budget(struct kunit *test)
{
	struct probe *p[10 * BUDGET];
	int i;

	for (i = 0; i < 10 * BUDGET; i++) {
		p[i] = probe_new_on(test, world_cpu());
		p[i]->hook = note_pass;
	}
	twq_budget = BUDGET;
	log.last = stats_of(world_cpu());
	local_bh_disable();
	for (i = 0; i < 10 * BUDGET; i++)
		twq_task_wakeup(&p[i]->task, TWQ_WOKEN_MSG);
	local_bh_enable();
	world_settle(test);
	KUNIT_EXPECT_EQ(test, log.most_runs, BUDGET);
}

static void rule7_pass_within_the_budget_is_not_cut(struct kunit *test)
{
	const struct kind_param *kind = test->param_value;
	struct twq_cpu_stats was, is;
	int i;

	twq_budget = BUDGET;
	for (i = 0; i < BUDGET / 2; i++)
		queue_here(test, probe_of_kind(test, kind->shared,
					       world_cpu()), T0 + MS);
	was = stats_of(world_cpu());
	world_advance(test, T0 + MS);
	is = stats_of(world_cpu());
	KUNIT_EXPECT_EQ(test, is.runs - was.runs, BUDGET / 2);
	KUNIT_EXPECT_EQ(test, is.cut, was.cut);
}

static void note_order(struct probe *p)
{
	p->arg = (void *)(long)atomic_inc_return(&log.order);
}

static long order_of(const struct probe *p)
{
	return (long)p->arg;
}

/* Of one kind a storm, of the other one task: that comes soon, too. */
static void rule7_storm_of_one_kind_leaves_the_other(struct kunit *test)
{
	const struct kind_param *kind = test->param_value;
	struct probe *lone = probe_of_kind(test, !kind->shared, world_cpu());
	struct probe *p;
	int i;

	for (i = 0; i < STORM; i++) {
		p = probe_of_kind(test, kind->shared, world_cpu());
		p->hook = note_order;
		queue_here(test, p, T0 + MS);
	}
	lone->hook = note_order;
	queue_here(test, lone, T0 + MS);
	twq_budget = BUDGET;
	world_advance(test, T0 + MS);
	KUNIT_EXPECT_EQ(test, atomic_read(&log.order), STORM + 1);
	KUNIT_EXPECT_LE(test, order_of(lone), 3 * BUDGET);
}

static void take_shared_lock(void *info)
{
	twq_shared_lock();
	log.nr_seen = twq_shared.queue.nr;
	log.stale_seen = stats_of(world_cpu()).stale;
	twq_shared_unlock();
}

static void want_shared_lock(struct twq_task *task)
{
	int i;

	world_puppet(cpumask_next(world_cpu(), cpu_online_mask),
		     take_shared_lock, NULL);
	for (i = 0; i < 200000 && !spin_is_contended(&twq_shared.lock); i++)
		udelay(5);
}

/* Nothing runs: the positions are stale, and the storm is one of moves. */
static void rule7_shared_lock_is_held_for_few_moves(struct kunit *test)
{
	int other = world_other_cpu(test);
	struct probe *first = NULL, *p;
	int i;

	for (i = 0; i < STORM; i++) {
		p = probe_new_shared(test, world_cpu());
		first = first ?: p;
		queue_here(test, p, T0 + MS);
		KUNIT_ASSERT_TRUE(test, twq_task_extend(&p->task, T0 + SEC));
	}
	twq_budget = 2 * STORM;
	log.last = stats_of(world_cpu());
	world_at(TWQ_TP_TOLD, &first->task, want_shared_lock);
	world_advance(test, T0 + MS);
	KUNIT_ASSERT_TRUE(test, world_at_reached());
	KUNIT_ASSERT_TRUE(test, world_puppet_wait(other));
	KUNIT_EXPECT_LT(test, log.stale_seen - log.last.stale, STORM);
	KUNIT_EXPECT_EQ(test, stats_of(world_cpu()).stale - log.last.stale,
			STORM);
}

/* Who keeps itself due, for as long as the others have not run. */
static void stay_due(struct probe *p)
{
	p->next_ns = atomic_read(&log.order) < 2 ? T0 : TWQ_ETERNITY;
	KUNIT_EXPECT_LT(log.test, atomic_read(&p->runs), 100);
	if (atomic_read(&p->runs) >= 100)
		p->next_ns = TWQ_ETERNITY;
}

/* The smallest budget, and one that would use it up alone: others come, too. */
static void rule7_budget_of_one_goes_round(struct kunit *test)
{
	const struct kind_param *kind = test->param_value;
	struct probe *greedy = probe_of_kind(test, kind->shared, world_cpu());
	struct probe *other = probe_of_kind(test, !kind->shared, world_cpu());
	struct probe *woken = probe_new_on(test, world_cpu());

	log.test = test;
	twq_budget = 1;
	greedy->hook = stay_due;
	other->hook = note_order;
	woken->hook = note_order;
	queue_here(test, greedy, T0 + MS);
	queue_here(test, other, T0 + MS);
	local_bh_disable();
	world_tick(T0 + MS);
	twq_task_wakeup(&woken->task, TWQ_WOKEN_MSG);
	local_bh_enable();
	world_settle(test);
	KUNIT_EXPECT_EQ(test, atomic_read(&other->runs), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&woken->runs), 1);
	KUNIT_EXPECT_GE(test, atomic_read(&greedy->runs), 2);
}

/* H7: who waits for the lock gets it long before a storm is over. */
static void rule7_shared_lock_is_held_in_batches(struct kunit *test)
{
	int other = world_other_cpu(test);
	struct probe *first = NULL, *p;
	int i;

	for (i = 0; i < STORM; i++) {
		p = probe_new_shared(test, world_cpu());
		first = first ?: p;
		queue_here(test, p, T0 + MS);
	}
	twq_budget = 2 * STORM;
	world_at(TWQ_TP_WOKEN, &first->task, want_shared_lock);
	world_advance(test, T0 + MS);
	KUNIT_ASSERT_TRUE(test, world_at_reached());
	KUNIT_ASSERT_TRUE(test, world_puppet_wait(other));
	KUNIT_EXPECT_GE(test, log.nr_seen, STORM / 2);
	KUNIT_EXPECT_LT(test, log.nr_seen, STORM);
}

/* -- rule 8: inbox and kick ----------------------------------------------- */

static void hold_bottom_halves(void *info)
{
	local_bh_disable();
	WRITE_ONCE(log.held, true);
	while (READ_ONCE(log.hold))
		cpu_relax();
	local_bh_enable();
}

/* From here to let_go() no pass runs on @cpu; its inbox only fills. */
static void hold(struct kunit *test, int cpu)
{
	WRITE_ONCE(log.hold, true);
	world_puppet(cpu, hold_bottom_halves, NULL);
	while (!READ_ONCE(log.held))
		cpu_relax();
}

static void let_go(struct kunit *test, int cpu)
{
	WRITE_ONCE(log.hold, false);
	KUNIT_ASSERT_TRUE(test, world_puppet_wait(cpu));
	world_settle(test);
}

static u64 all_kicks(void)
{
	u64 kicks = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		kicks += stats_of(cpu).kicks;
	return kicks;
}

static void rule8_only_the_first_push_kicks(struct kunit *test)
{
	int i, other = world_other_cpu(test);
	struct probe *p[100];
	u64 kicks;

	for (i = 0; i < ARRAY_SIZE(p); i++)
		p[i] = probe_new_on(test, other);
	hold(test, other);
	kicks = all_kicks();
	for (i = 0; i < ARRAY_SIZE(p); i++)
		twq_task_wakeup(&p[i]->task, TWQ_WOKEN_MSG);
	KUNIT_EXPECT_EQ(test, all_kicks() - kicks, 1);
	let_go(test, other);
	KUNIT_EXPECT_EQ(test, all_kicks() - kicks, 1);
	for (i = 0; i < ARRAY_SIZE(p); i++) {
		KUNIT_EXPECT_EQ(test, atomic_read(&p[i]->runs), 1);
		KUNIT_EXPECT_EQ(test, p[i]->last_cpu, other);
	}
	twq_task_wakeup(&p[0]->task, TWQ_WOKEN_MSG);
	KUNIT_EXPECT_EQ(test, all_kicks() - kicks, 2);
}

static void rule8_inbox_keeps_the_order(struct kunit *test)
{
	int i, cpu = num_online_cpus() > 1 ? world_other_cpu(test) : 0;
	struct probe *p[50];

	for (i = 0; i < ARRAY_SIZE(p); i++) {
		p[i] = probe_new_on(test, cpu);
		p[i]->hook = note_order;
	}
	local_bh_disable();
	if (cpu != world_cpu())
		hold(test, cpu);
	for (i = 0; i < ARRAY_SIZE(p); i++)
		twq_task_wakeup(&p[i]->task, TWQ_WOKEN_MSG);
	local_bh_enable();
	let_go(test, cpu);
	for (i = 0; i < ARRAY_SIZE(p); i++)
		KUNIT_EXPECT_EQ(test, order_of(p[i]), i + 1);
}

#define PUSHES	100

static void wake_all(void *info)
{
	struct probe **p = info;
	int i;

	while (READ_ONCE(log.hold))
		cpu_relax();
	for (i = 0; i < PUSHES; i++)
		twq_task_wakeup(&p[i]->task, TWQ_WOKEN_MSG);
}

static void rule8_pushes_from_all_cpus_arrive(struct kunit *test)
{
	struct probe **p;
	int cpu, i, nr = (num_online_cpus() - 1) * PUSHES;

	world_other_cpu(test);
	p = kunit_kcalloc(test, nr, sizeof(*p), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p);
	for (i = 0; i < nr; i++)
		p[i] = probe_new_on(test, world_cpu());
	WRITE_ONCE(log.hold, true);
	i = 0;
	for_each_online_cpu(cpu)
		if (cpu != world_cpu())
			world_puppet(cpu, wake_all, &p[PUSHES * i++]);
	WRITE_ONCE(log.hold, false);
	for_each_online_cpu(cpu)
		KUNIT_ASSERT_TRUE(test, world_puppet_wait(cpu));
	world_settle(test);
	for (i = 0; i < nr; i++) {
		KUNIT_ASSERT_EQ(test, atomic_read(&p[i]->runs), 1);
		KUNIT_ASSERT_EQ(test, p[i]->last_cpu, world_cpu());
	}
}

struct hard_wake {
	struct hrtimer hr;
	struct probe *local, *shared;
	bool done, was_hard;
};

static enum hrtimer_restart wake_from_hardirq(struct hrtimer *hr)
{
	struct hard_wake *w = container_of(hr, struct hard_wake, hr);

	w->was_hard = in_hardirq();
	twq_task_wakeup(&w->local->task, TWQ_WOKEN_IO);
	twq_task_wakeup(&w->shared->task, TWQ_WOKEN_IO);
	/* Pairs with the wait in rule8_push_from_hardirq_arrives(). */
	smp_store_release(&w->done, true);
	return HRTIMER_NORESTART;
}

static void rule8_push_from_hardirq_arrives(struct kunit *test)
{
	struct hard_wake *w = kunit_kzalloc(test, sizeof(*w), GFP_KERNEL);
	int i;

	KUNIT_ASSERT_NOT_NULL(test, w);
	w->local = probe_new_on(test, cpumask_last(cpu_online_mask));
	w->shared = probe_new_shared(test, world_cpu());
	hrtimer_setup(&w->hr, wake_from_hardirq, CLOCK_MONOTONIC,
		      HRTIMER_MODE_REL_HARD);
	hrtimer_start(&w->hr, MS, HRTIMER_MODE_REL_HARD);
	/* Pairs with wake_from_hardirq(). */
	for (i = 0; i < 500 && !smp_load_acquire(&w->done); i++)
		msleep(20);
	hrtimer_cancel(&w->hr);
	KUNIT_ASSERT_TRUE(test, w->done);
	KUNIT_EXPECT_TRUE(test, w->was_hard);
	world_settle(test);
	KUNIT_EXPECT_EQ(test, atomic_read(&w->local->runs), 1);
	KUNIT_EXPECT_EQ(test, w->local->reasons, TWQ_WOKEN_IO);
	KUNIT_EXPECT_EQ(test, atomic_read(&w->shared->runs), 1);
}

/* -- rule 11 -------------------------------------------------------------- */

static void rule11_destroy_in_inbox_is_reaped_unrun(struct kunit *test)
{
	int other = world_other_cpu(test);
	struct probe *p = probe_new_on(test, other);

	hold(test, other);
	twq_task_wakeup(&p->task, TWQ_WOKEN_MSG);
	KUNIT_EXPECT_EQ(test, twq_task_destroy(&p->task), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->released), 0);
	KUNIT_EXPECT_EQ(test, twq_task_destroy(&p->task), -ESRCH);
	let_go(test, other);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->released), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->runs), 0);
}

/* -- deadlines that stay in the past -------------------------------------- */

static void stay_in_the_past(struct probe *p)
{
	bool on = atomic_read(&p->runs) + 1 < READ_ONCE(log.limit);

	note_order(p);
	p->next_ns = on ? T0 - 1 : TWQ_ETERNITY;
}

static void k1_past_deadline_leaves_other_tasks(struct kunit *test)
{
	const struct kind_param *kind = test->param_value;
	struct probe *busy = probe_of_kind(test, kind->shared, world_cpu());
	struct probe *local = probe_new_on(test, world_cpu());
	struct probe *shared = probe_new_shared(test, world_cpu());

	log.limit = 1000;
	busy->hook = stay_in_the_past;
	local->hook = note_order;
	shared->hook = note_order;
	queue_here(test, busy, T0 + MS);
	queue_here(test, local, T0 + MS);
	queue_here(test, shared, T0 + MS);
	world_advance(test, T0 + MS);
	KUNIT_EXPECT_EQ(test, atomic_read(&busy->runs), 1000);
	KUNIT_EXPECT_EQ(test, atomic_read(&local->runs), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&shared->runs), 1);
	KUNIT_EXPECT_LE(test, order_of(local), 5);
	KUNIT_EXPECT_LE(test, order_of(shared), 5);
}

/* This very thread is on the same CPU, and comes to end the loop. */
static void k1_past_deadline_leaves_the_cpu_to_threads(struct kunit *test)
{
	const struct kind_param *kind = test->param_value;
	struct probe *busy = probe_of_kind(test, kind->shared, world_cpu());
	int i;

	log.limit = 50 * 1000 * 1000;
	busy->hook = stay_in_the_past;
	queue_here(test, busy, T0);
	for (i = 0; i < 100 && atomic_read(&busy->runs) < 1000; i++)
		msleep(20);
	WRITE_ONCE(log.limit, 0);
	world_settle(test);
	KUNIT_EXPECT_GE(test, atomic_read(&busy->runs), 1000);
	KUNIT_EXPECT_LT(test, atomic_read(&busy->runs), 50 * 1000 * 1000);
}

/* -- rule 12: a CPU that serves another's queues -------------------------- */

/* What a teardown does on the present host, which is the CPU of the test. */
static long give_away(void *info)
{
	struct twq_cpu *c = per_cpu_ptr(&twq_cpus, world_cpu());

	if (!twq_cpu_lock(c))
		return -EXDEV;
	twq_timer_stop(&c->timer);
	/* Pairs with the acquire in twq_cpu_lock(). */
	smp_store_release(&c->host, *(int *)info);
	twq_cpu_unlock(c);
	twq_cpu_kick(c);
	return 0;
}

static void rule12_stand_in_serves_the_queue(struct kunit *test)
{
	int other = world_other_cpu(test), self = world_cpu();
	struct probe *timed = probe_new_on(test, self);
	struct probe *woken = probe_new_on(test, self);

	queue_here(test, timed, T0 + MS);
	KUNIT_ASSERT_EQ(test, world_on(self, give_away, &other), 0);
	world_settle(test);
	KUNIT_EXPECT_EQ(test, probe_queue_on(woken, self, T0 + MS), -EXDEV);
	KUNIT_EXPECT_EQ(test, probe_queue_on(woken, other, T0 + 9 * MS), 0);
	twq_task_wakeup(&woken->task, TWQ_WOKEN_MSG);
	world_advance(test, T0 + MS);
	KUNIT_EXPECT_EQ(test, atomic_read(&timed->runs), 1);
	KUNIT_EXPECT_EQ(test, timed->last_cpu, other);
	KUNIT_EXPECT_EQ(test, atomic_read(&woken->runs), 1);
	KUNIT_EXPECT_EQ(test, woken->last_cpu, other);
	KUNIT_EXPECT_EQ(test, world_on(self, give_away, &self), -EXDEV);
	KUNIT_ASSERT_EQ(test, world_on(other, give_away, &self), 0);
	world_settle(test);
	KUNIT_EXPECT_EQ(test, probe_queue_on(timed, self, T0 + 2 * MS), 0);
	world_advance(test, T0 + 2 * MS);
	KUNIT_EXPECT_EQ(test, timed->last_cpu, self);
}

/* A kick that was under way when the host changed, taken by the old one. */
static void rule12_late_kick_is_passed_on(struct kunit *test)
{
	int other = world_other_cpu(test), self = world_cpu();
	struct probe *p = probe_new_on(test, self);
	struct twq_cpu *c = per_cpu_ptr(&twq_cpus, self);

	local_bh_disable();
	twq_task_wakeup(&p->task, TWQ_WOKEN_MSG);
	/* Pairs with the acquire in twq_cpu_lock(). */
	smp_store_release(&c->host, other);
	local_bh_enable();
	world_settle(test);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->runs), 1);
	KUNIT_EXPECT_EQ(test, p->last_cpu, other);
	KUNIT_ASSERT_EQ(test, world_on(other, give_away, &self), 0);
}

static struct kunit_case cpu_cases[] = {
	KUNIT_CASE_PARAM(rule7_due_node_goes_by_its_deadline, kind_gen_params),
	KUNIT_CASE_PARAM(k10_deadline_that_equals_now_fires_once,
			 kind_gen_params),
	KUNIT_CASE_PARAM(rule7_no_run_begins_before_its_arming, kind_gen_params),
	KUNIT_CASE_PARAM(rule7_no_pass_exceeds_the_budget, kind_gen_params),
	KUNIT_CASE_PARAM(rule7_budget_of_one_goes_round, kind_gen_params),
	KUNIT_CASE(rule7_shared_lock_is_held_for_few_moves),
	KUNIT_CASE(rule7_no_pass_runs_more_than_the_budget),
	KUNIT_CASE_PARAM(rule7_pass_within_the_budget_is_not_cut,
			 kind_gen_params),
	KUNIT_CASE_PARAM(rule7_storm_of_one_kind_leaves_the_other,
			 kind_gen_params),
	KUNIT_CASE(rule7_shared_lock_is_held_in_batches),
	KUNIT_CASE(rule8_only_the_first_push_kicks),
	KUNIT_CASE(rule8_inbox_keeps_the_order),
	KUNIT_CASE(rule8_pushes_from_all_cpus_arrive),
	KUNIT_CASE(rule8_push_from_hardirq_arrives),
	KUNIT_CASE(rule11_destroy_in_inbox_is_reaped_unrun),
	KUNIT_CASE_PARAM(k1_past_deadline_leaves_other_tasks, kind_gen_params),
	KUNIT_CASE_PARAM(k1_past_deadline_leaves_the_cpu_to_threads,
			 kind_gen_params),
	KUNIT_CASE(rule12_stand_in_serves_the_queue),
	KUNIT_CASE(rule12_late_kick_is_passed_on),
	{}
};

static struct kunit_suite cpu_suite = {
	.name = "twq_cpu",
	.init = pass_init,
	.exit = pass_exit,
	.test_cases = cpu_cases,
};

kunit_test_suite(cpu_suite);
