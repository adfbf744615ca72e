// SPDX-License-Identifier: GPL-2.0
/*
 * Suite twq_pass: requests that come while a pass is under way, or in the rest
 * after it. The pass looks again instead of being raised again, and the rest
 * puts it off, so each request must be found.
 */
#include "cpu.h"
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

/* -- rests ---------------------------------------------------------------- */

#define US	1000ULL

static u64 rest_left(const struct twq_rest *rest)
{
	return rest->until_ns - twq_rest_clock_ns();
}

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

/* As long as the pass, and not much longer. */
static void rest_is_as_long_as_the_pass(struct kunit *test)
{
	struct twq_rest *rest = rest_new(test);
	u64 now_ns;

	preempt_disable();
	now_ns = twq_rest_clock_ns();
	twq_rest_begin(rest, now_ns - 500 * US);
	KUNIT_EXPECT_GE(test, rest->until_ns, now_ns + 500 * US);
	KUNIT_EXPECT_LE(test, rest_left(rest), 2000 * US);
	preempt_enable();
}

/* A pass that begins within the rest, because one was cut, adds to it. */
static void rest_counts_passes_that_follow(struct kunit *test)
{
	struct twq_rest *rest = rest_new(test);
	u64 first_ns;

	preempt_disable();
	twq_rest_begin(rest, twq_rest_clock_ns() - 300 * US);
	first_ns = rest->busy_ns;
	/* Began when the rest was not over. */
	rest->until_ns = twq_rest_clock_ns();
	twq_rest_begin(rest, rest->until_ns - 100 * US);
	KUNIT_EXPECT_GE(test, rest->busy_ns, first_ns + 100 * US);
	preempt_enable();
}

/* After a rest that was over, what was before it is forgotten. */
static void rest_forgets_what_was_rested(struct kunit *test)
{
	struct twq_rest *rest = rest_new(test);

	preempt_disable();
	twq_rest_begin(rest, twq_rest_clock_ns() - 1000 * US);
	rest->until_ns = twq_rest_clock_ns() - 500 * US;
	twq_rest_begin(rest, twq_rest_clock_ns() - 100 * US);
	KUNIT_EXPECT_LT(test, rest->busy_ns, 1000 * US);
	preempt_enable();
}

static void rest_is_bounded(struct kunit *test)
{
	struct twq_rest *rest = rest_new(test);

	preempt_disable();
	twq_rest_begin(rest, twq_rest_clock_ns() - SEC);
	KUNIT_EXPECT_LE(test, rest_left(rest), 2000 * US);
	preempt_enable();
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
	twq_rest_begin(&here()->rest, twq_rest_clock_ns() - 1000 * US);
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
	KUNIT_CASE(rest_is_as_long_as_the_pass),
	KUNIT_CASE(rest_counts_passes_that_follow),
	KUNIT_CASE(rest_forgets_what_was_rested),
	KUNIT_CASE(rest_is_bounded),
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
