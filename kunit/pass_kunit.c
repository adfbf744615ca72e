// SPDX-License-Identifier: GPL-2.0
/*
 * Suite twq_pass: requests that come while a pass is under way, or in the rest
 * after it. The pass looks again instead of being raised again, and the rest
 * puts it off, so each request must be found.
 */
#include <linux/delay.h>

#include "cpu.h"
#include "scene.h"
#include "shared.h"
#include "timer.h"
#include "world.h"

static struct twq_cpu *here(void)
{
	return per_cpu_ptr(&twq_cpus, world_cpu());
}

/* What the timer's interrupt does, at the time at which it is due. */
static void interrupt_at_10_ms(struct twq_task *task)
{
	twq_fake_clock_set(T0 + 10 * MS);
	twq_cpu_interrupt(here());
}

/*
 * The interrupt comes just as the pass begins to look. Had the pass read the
 * clock before, it would find nothing due and forget the request.
 */
static void interrupt_at_the_beginning_of_a_look(struct kunit *test)
{
	struct probe *local = probe_new_on(test, world_cpu());
	struct probe *shared = probe_new_shared(test, world_cpu());

	KUNIT_EXPECT_EQ(test, probe_queue_on(local, world_cpu(),
					     T0 + 10 * MS), 0);
	KUNIT_EXPECT_EQ(test, probe_queue_on(shared, world_cpu(),
					     T0 + 10 * MS), 0);
	world_settle(test);
	world_at(TWQ_TP_LOOK, NULL, interrupt_at_10_ms);
	twq_cpu_kick(here());
	world_settle(test);
	KUNIT_EXPECT_TRUE(test, world_at_reached());
	KUNIT_EXPECT_EQ(test, atomic_read(&local->runs), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&shared->runs), 1);
}

static void queue_in_the_past(struct probe *p)
{
	struct probe *other = p->arg;

	twq_task_set_expires(&other->task, T0 - MS);
	twq_task_queue(&other->task);
}

/* From within a run, at the last look: found by the same pass or the next. */
static void due_deadline_set_within_a_run(struct kunit *test)
{
	struct probe *first = probe_new_on(test, world_cpu());
	struct probe *second = probe_new_on(test, world_cpu());

	first->hook = queue_in_the_past;
	first->arg = second;
	twq_task_wakeup(&first->task, TWQ_WOKEN_IO);
	world_settle(test);
	KUNIT_EXPECT_EQ(test, atomic_read(&first->runs), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&second->runs), 1);
}

static void wake_other(struct probe *p)
{
	struct probe *other = p->arg;

	twq_task_wakeup(&other->task, TWQ_WOKEN_MSG);
}

/* One pass serves what its own runs wake: it is not handed to ksoftirqd. */
static void wakeup_within_a_run_is_served_by_the_pass(struct kunit *test)
{
	struct probe *first = probe_new_on(test, world_cpu());
	struct probe *second = probe_new_on(test, world_cpu());
	struct twq_cpu_stats before = {}, after = {};

	first->hook = wake_other;
	first->arg = second;
	world_settle(test);
	twq_cpu_read_stats(world_cpu(), &before);
	twq_task_wakeup(&first->task, TWQ_WOKEN_IO);
	world_settle(test);
	twq_cpu_read_stats(world_cpu(), &after);
	KUNIT_EXPECT_EQ(test, atomic_read(&second->runs), 1);
	KUNIT_EXPECT_EQ(test, after.passes - before.passes, 1);
	KUNIT_EXPECT_EQ(test, after.cut - before.cut, 0);
	KUNIT_EXPECT_FALSE(test, here()->passing);
}

/* -- many that were woken at once ----------------------------------------- */

#define CROWD	1000

static struct crowd {
	struct probe *latecomer;
	int looks;
	int looks_before_a_run;
	int runs;
	int wrong;	/* out of the order in which they were woken */
} crowd;

static void crowd_look(struct twq_task *nobody)
{
	if (++crowd.looks == 2)
		twq_task_wakeup(&crowd.latecomer->task, TWQ_WOKEN_IO);
	if (!crowd.runs)
		world_at(TWQ_TP_LOOK, NULL, crowd_look);
}

static void crowd_run(struct probe *p)
{
	if (!crowd.runs)
		crowd.looks_before_a_run = crowd.looks;
	crowd.wrong += crowd.runs++ != (long)p->arg;
}

static struct probe *crowd_new(struct kunit *test, long nr)
{
	struct probe *p = probe_new_on(test, world_cpu());

	p->hook = crowd_run;
	p->arg = (void *)nr;
	return p;
}

/*
 * They are put into their order a part at a time: no look, in which bottom
 * halves are off throughout, goes over more of them than a pass may run.
 */
static void crowd_is_served_in_order_and_in_parts(struct kunit *test)
{
	struct probe **p;
	int i;

	p = kunit_kcalloc(test, CROWD, sizeof(*p), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p);
	memset(&crowd, 0, sizeof(crowd));
	for (i = 0; i < CROWD; i++)
		p[i] = crowd_new(test, i);
	crowd.latecomer = crowd_new(test, CROWD);
	world_settle(test);
	local_bh_disable();
	world_at(TWQ_TP_LOOK, NULL, crowd_look);
	for (i = 0; i < CROWD; i++)
		twq_task_wakeup(&p[i]->task, TWQ_WOKEN_IO);
	local_bh_enable();
	world_settle(test);
	KUNIT_EXPECT_EQ(test, crowd.runs, CROWD + 1);
	KUNIT_EXPECT_EQ(test, crowd.wrong, 0);
	KUNIT_EXPECT_GE(test, crowd.looks_before_a_run, CROWD / (int)twq_budget);
}

/* As long as a pass may last. */
static void run_slowly(struct probe *p)
{
	twq_fake_clock_set(twq_task_run_time(&p->task) + TWQ_PASS_NS);
	crowd.runs++;
}

/* How many run between two looks, of callbacks of which nothing is known yet. */
static void slow_crowd_is_run_one_at_a_time(struct kunit *test)
{
	struct probe **p;
	struct twq_cpu_stats before = {}, after = {};
	int i;

	p = kunit_kcalloc(test, CROWD, sizeof(*p), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p);
	memset(&crowd, 0, sizeof(crowd));
	for (i = 0; i < CROWD; i++) {
		p[i] = probe_new_on(test, world_cpu());
		p[i]->hook = run_slowly;
	}
	world_settle(test);
	twq_cpu_read_stats(world_cpu(), &before);
	local_bh_disable();
	for (i = 0; i < CROWD; i++)
		twq_task_wakeup(&p[i]->task, TWQ_WOKEN_IO);
	local_bh_enable();
	world_settle(test);
	twq_cpu_read_stats(world_cpu(), &after);
	KUNIT_EXPECT_EQ(test, crowd.runs, CROWD);
	/* Each of them ends its pass. */
	KUNIT_EXPECT_GE(test, after.passes - before.passes, (u64)CROWD);
}

/*
 * A push into an inbox that was not empty kicks nobody, and the inbox is not
 * emptied before the run queue is: so a look asks for another one for it.
 */
static void wakeup_while_others_wait_is_served(struct kunit *test)
{
	struct probe *p[4];
	int i, served;

	for (i = 0; i < 4; i++)
		p[i] = probe_new_on(test, world_cpu());
	p[0]->hook = wake_other;
	p[0]->arg = p[3];
	world_settle(test);
	local_bh_disable();
	for (i = 0; i < 3; i++)
		twq_task_wakeup(&p[i]->task, TWQ_WOKEN_IO);
	local_bh_enable();
	for (i = 0; i < 1000 && !atomic_read(&p[3]->runs); i++)
		usleep_range(500, 1000);
	served = atomic_read(&p[3]->runs);
	/* Forgotten, it would keep the end of the case waiting, too. */
	twq_cpu_kick(here());
	world_settle(test);
	KUNIT_EXPECT_EQ(test, served, 1);
	for (i = 0; i < 4; i++)
		KUNIT_EXPECT_EQ(test, atomic_read(&p[i]->runs), 1);
}

/* -- two CPUs: the host has just changed ---------------------------------- */

/* The task whose wake-up on the new host asks for a pass of here(). */
static struct {
	struct probe *p;
	int cpu;		/* the new host */
	atomic_t asked;
	bool in_time;
} dekker;

static void dekker_wake(void *arg)
{
	twq_task_wakeup(&dekker.p->task, TWQ_WOKEN_MSG);
}

static void dekker_rehome(void)
{
	/* Pairs with the acquire in twq_cpu_lock(). */
	smp_store_release(&here()->host, dekker.cpu);
}

/* The pass of the old host has looked; now, all at once, the new one asks. */
static void ask_before_the_pass_ends(struct twq_task *nobody)
{
	dekker_rehome();
	world_puppet(dekker.cpu, dekker_wake, NULL);
	dekker.in_time = world_puppet_wait(dekker.cpu);
}

/* The new host has asked; it looks for the pass only when that is over. */
static void wait_for_the_end_of_the_pass(struct twq_task *nobody)
{
	int turns;

	atomic_set(&dekker.asked, 1);
	for (turns = 0; turns < 2000 * 1000; turns++) {
		if (!READ_ONCE(here()->passing) &&
		    !test_bit(TASKLET_STATE_RUN, &here()->bh.state))
			break;
		udelay(5);
	}
}

static void ask_across_the_end_of_the_pass(struct twq_task *nobody)
{
	dekker_rehome();
	world_at(TWQ_TP_ASKED, NULL, wait_for_the_end_of_the_pass);
	world_puppet(dekker.cpu, dekker_wake, NULL);
	dekker.in_time = scene_spin(&dekker.asked, 1);
}

static long dekker_give_back(void *arg)
{
	/* Pairs with the acquire in twq_cpu_lock(). */
	smp_store_release(&here()->host, world_cpu());
	twq_cpu_kick(here());
	return 0;
}

/* Whichever of the two comes first, the request is seen by one of them. */
static void expect_found(struct kunit *test,
			 void (*fn)(struct twq_task *nobody))
{
	memset(&dekker, 0, sizeof(dekker));
	dekker.cpu = world_other_cpu(test);
	dekker.p = probe_new_on(test, world_cpu());
	world_settle(test);
	world_at(TWQ_TP_LOOKED, NULL, fn);
	twq_cpu_kick(here());
	world_settle(test);
	KUNIT_EXPECT_TRUE(test, world_at_reached());
	KUNIT_EXPECT_TRUE(test, dekker.in_time);
	KUNIT_EXPECT_TRUE(test, world_puppet_wait(dekker.cpu));
	KUNIT_EXPECT_EQ(test, atomic_read(&dekker.p->runs), 1);
	KUNIT_EXPECT_EQ(test, dekker.p->last_cpu, dekker.cpu);
	world_on(dekker.cpu, dekker_give_back, NULL);
	world_settle(test);
}

static void request_of_a_new_host_before_the_pass_ends(struct kunit *test)
{
	expect_found(test, ask_before_the_pass_ends);
}

static void request_of_a_new_host_across_the_end_of_the_pass(struct kunit *test)
{
	expect_found(test, ask_across_the_end_of_the_pass);
}

/* -- rests ---------------------------------------------------------------- */

#define US	1000LL
/* One part in three of the time is for passes, 6 ms of it in advance. */
#define PARTS	3
#define AHEAD	(6 * MS)

static enum hrtimer_restart rest_ends(struct hrtimer *hr)
{
	return HRTIMER_NORESTART;
}

/* Not on the stack: it holds a timer, which debugobjects wants to know of. */
static struct twq_rest *rest_new(struct kunit *test)
{
	struct twq_rest *rest = kunit_kzalloc(test, sizeof(*rest), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, rest);
	twq_rest_init(rest, rest_ends);
	return rest;
}

/*
 * As if @nr passes of @pass_ns each had ended now. Returns the time before
 * that: what was paid for counts from there, whatever else this CPU did.
 */
static s64 rest_after(struct twq_rest *rest, int nr, s64 pass_ns)
{
	s64 before_ns;

	preempt_disable();
	before_ns = twq_rest_clock_ns();
	while (nr--)
		twq_rest_begin(rest, twq_rest_clock_ns() - pass_ns);
	preempt_enable();
	return before_ns;
}

/* Time that a pass would have to wait which is not a thread's own. */
static s64 rest_left(const struct twq_rest *rest)
{
	return rest->paid_ns - AHEAD - twq_rest_clock_ns();
}

static void rest_is_not_for_a_single_pass(struct kunit *test)
{
	struct twq_rest *rest = rest_new(test);
	s64 before_ns = rest_after(rest, 1, 500 * US);

	KUNIT_EXPECT_LE(test, rest_left(rest), 0);
	/* But it is charged. */
	KUNIT_EXPECT_GE(test, rest->paid_ns - before_ns,
			(PARTS - 1) * 500 * US);
}

/* What passes have taken is a third of the time until it is paid. */
static void rest_makes_passes_a_part_of_the_time(struct kunit *test)
{
	struct twq_rest *rest = rest_new(test);
	s64 before_ns = rest_after(rest, 3, 600 * US);

	KUNIT_EXPECT_GE(test, rest->paid_ns - before_ns,
			(PARTS * 3 - 1) * 600 * US);
}

/* Passes so short that they are nothing beside their interrupts. */
static void rest_counts_the_interrupts(struct kunit *test)
{
	struct twq_rest *rest = rest_new(test);
	s64 before_ns = rest_after(rest, 100, 0);

	KUNIT_EXPECT_GE(test, rest->paid_ns - before_ns, PARTS * 100 * 10 * US);
}

/* Time without passes is not saved up beyond what may be had in advance. */
static void rest_saves_nothing_up(struct kunit *test)
{
	struct twq_rest *rest = rest_new(test);
	s64 before_ns;

	rest->paid_ns = twq_rest_clock_ns() - SEC;
	before_ns = rest_after(rest, 1, 500 * US);
	KUNIT_EXPECT_GE(test, rest->paid_ns - before_ns,
			(PARTS - 1) * 500 * US);
}

/* However long the passes were: virtual CPUs are stopped within one. */
static void rest_is_bounded(struct kunit *test)
{
	struct twq_rest *rest = rest_new(test);

	rest_after(rest, 100, SEC);
	KUNIT_EXPECT_LE(test, rest_left(rest),
			PARTS * (TWQ_PASS_NS + 10 * US));
}

/* A pass with more to do than it has time for leaves the rest to others. */
static struct twq_cpu_stats long_before;

static void run_long(struct probe *p)
{
	twq_fake_clock_set(twq_clock_ns() + TWQ_PASS_NS / 8);
}

static void pass_is_bounded_in_time(struct kunit *test)
{
	struct twq_cpu_stats after = {};
	struct probe *p[32];
	int i;

	memset(&long_before, 0, sizeof(long_before));
	for (i = 0; i < ARRAY_SIZE(p); i++) {
		p[i] = probe_new_on(test, world_cpu());
		p[i]->hook = run_long;
		KUNIT_EXPECT_EQ(test, probe_queue_on(p[i], world_cpu(),
						     T0 + MS), 0);
	}
	world_settle(test);
	twq_cpu_read_stats(world_cpu(), &long_before);
	world_advance(test, T0 + MS);
	world_settle(test);
	twq_cpu_read_stats(world_cpu(), &after);
	for (i = 0; i < ARRAY_SIZE(p); i++)
		KUNIT_EXPECT_EQ(test, atomic_read(&p[i]->runs), 1);
	/* A pass has time for eight, if none of them is in a turn with others. */
	KUNIT_EXPECT_GE(test, after.cut - long_before.cut, 3);
}

/* What a thread asks for is done within its call, rest or not. */
static void wakeup_within_a_rest_is_not_kept_waiting(struct kunit *test)
{
	struct probe *p = probe_new_on(test, world_cpu());

	world_settle(test);
	local_bh_disable();
	rest_after(&here()->rest, 9, 1000 * US);
	twq_task_wakeup(&p->task, TWQ_WOKEN_OTHER);
	local_bh_enable();
	KUNIT_EXPECT_EQ(test, atomic_read(&p->runs), 1);
	world_settle(test);
}

/* What comes within a rest waits for its end and is served then. */
static void interrupt_within_a_rest_is_served(struct kunit *test)
{
	struct probe *p = probe_new_on(test, world_cpu());
	struct twq_cpu_stats before = {}, after = {};
	unsigned long flags;

	world_settle(test);
	KUNIT_EXPECT_EQ(test, probe_queue_on(p, world_cpu(), T0 + MS), 0);
	world_settle(test);
	twq_fake_clock_set(T0 + MS);
	twq_cpu_read_stats(world_cpu(), &before);
	local_irq_save(flags);
	rest_after(&here()->rest, 9, 1000 * US);
	twq_cpu_interrupt(here());
	KUNIT_EXPECT_TRUE(test, hrtimer_is_queued(&here()->rest.hr));
	KUNIT_EXPECT_EQ(test, here()->bh.state, 0);
	local_irq_restore(flags);
	world_settle(test);
	twq_cpu_read_stats(world_cpu(), &after);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->runs), 1);
	KUNIT_EXPECT_EQ(test, after.passes - before.passes, 1);
}

static struct kunit_case pass_cases[] = {
	KUNIT_CASE(interrupt_at_the_beginning_of_a_look),
	KUNIT_CASE(due_deadline_set_within_a_run),
	KUNIT_CASE(wakeup_within_a_run_is_served_by_the_pass),
	KUNIT_CASE(crowd_is_served_in_order_and_in_parts),
	KUNIT_CASE(slow_crowd_is_run_one_at_a_time),
	KUNIT_CASE(wakeup_while_others_wait_is_served),
	KUNIT_CASE(request_of_a_new_host_before_the_pass_ends),
	KUNIT_CASE(request_of_a_new_host_across_the_end_of_the_pass),
	KUNIT_CASE(pass_is_bounded_in_time),
	KUNIT_CASE(rest_is_not_for_a_single_pass),
	KUNIT_CASE(rest_makes_passes_a_part_of_the_time),
	KUNIT_CASE(rest_counts_the_interrupts),
	KUNIT_CASE(rest_saves_nothing_up),
	KUNIT_CASE(rest_is_bounded),
	KUNIT_CASE(wakeup_within_a_rest_is_not_kept_waiting),
	KUNIT_CASE(interrupt_within_a_rest_is_served),
	{}
};

static struct kunit_suite pass_suite = {
	.name = "twq_pass",
	.init = world_init,
	.exit = world_exit,
	.test_cases = pass_cases,
};

kunit_test_suite(pass_suite);
