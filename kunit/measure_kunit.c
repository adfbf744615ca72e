// SPDX-License-Identifier: GPL-2.0
/*
 * Suite twq_measure: lateness and holds of the shared lock, counted while
 * somebody asks for them and not otherwise.
 */
#include <linux/bitops.h>

#include "measure.h"
#include "scene.h"
#include "timer.h"

/* All that was measured, over all CPUs. */
static struct twq_measures measures(void)
{
	struct twq_measures sum = {};
	int cpu, n;

	for_each_possible_cpu(cpu) {
		const struct twq_measures *m = per_cpu_ptr(&twq_measures, cpu);

		for (n = 0; n < TWQ_LATE_BUCKETS; n++)
			sum.late[n] += m->late[n];
		sum.holds += m->holds;
		sum.held_ns += m->held_ns;
		sum.longest_ns = max(sum.longest_ns, m->longest_ns);
	}
	return sum;
}

static u64 runs_measured(void)
{
	struct twq_measures sum = measures();
	u64 runs = 0;
	int n;

	for (n = 0; n < TWQ_LATE_BUCKETS; n++)
		runs += sum.late[n];
	return runs;
}

static int measure_init(struct kunit *test)
{
	int err = world_init(test);

	if (err)
		return err;
	if (!IS_ENABLED(CONFIG_TRACEPOINTS))
		kunit_skip(test, "the kernel has no tracepoints");
	return twq_measure_get();
}

static void measure_exit(struct kunit *test)
{
	if (twq_measure_is_on())
		twq_measure_put();
	world_exit(test);
}

struct late_param {
	const char *name;
	s64 expires_ns;
	s64 late_ns;
	int bucket;
};

static const struct late_param late_params[] = {
	{ "not at all", T0 + MS, 0, 0 },
	{ "1 ns", T0 + MS, 1, 1 },
	{ "2 ns", T0 + MS, 2, 2 },
	{ "1023 ns", T0 + MS, 1023, 10 },
	{ "1024 ns", T0 + MS, 1024, 11 },
	{ "an hour", T0 + MS, 3600 * SEC, 42 },
	{ "two days", T0 + MS, 48 * 3600 * SEC, TWQ_LATE_BUCKETS - 1 },
	{ "since ever", S64_MIN, 0, TWQ_LATE_BUCKETS - 1 },
};

static void late_desc(const struct late_param *param, char *desc)
{
	strscpy(desc, param->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(late, late_params, late_desc);
KUNIT_ARRAY_PARAM(near, scene_near, kind_desc);

static void measure_lateness_has_its_bucket(struct kunit *test)
{
	const struct late_param *param = test->param_value;
	struct probe *p = probe_new_on(test, world_cpu());

	scene_do(OP_QUEUE_AT, p, param->expires_ns);
	if (param->expires_ns > T0)
		world_advance(test, param->expires_ns + param->late_ns);
	world_settle(test);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->runs), 1);
	KUNIT_EXPECT_EQ(test, measures().late[param->bucket], 1);
	KUNIT_EXPECT_EQ(test, runs_measured(), 1);
}

static void measure_wakeup_is_never_late(struct kunit *test)
{
	struct probe *p = scene_probe_at(test, test->param_value, T0 + MS);

	p->keep = true;
	twq_task_wakeup(&p->task, TWQ_WOKEN_IO);
	world_settle(test);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->runs), 1);
	KUNIT_EXPECT_EQ(test, runs_measured(), 0);
}

/* As a deadline that a program moves on between the look and the run. */
static void put_off(struct twq_task *task)
{
	twq_task_set_expires(task, T0 + SEC);
}

static void measure_deadline_put_off_is_not_late(struct kunit *test)
{
	struct probe *p = probe_new_on(test, world_cpu());

	scene_do(OP_QUEUE_AT, p, T0 + MS);
	world_at(TWQ_TP_STARTED, &p->task, put_off);
	world_advance(test, T0 + 2 * MS);
	KUNIT_EXPECT_TRUE(test, world_at_reached());
	KUNIT_EXPECT_EQ(test, runs_measured(), 0);
}

static void let_time_pass(struct twq_task *task)
{
	twq_fake_clock_set(T0 + 3000);
}

static void measure_hold_of_the_shared_lock(struct kunit *test)
{
	const struct kind *kind = test->param_value;
	struct probe *p = scene_probe(test, kind);
	struct twq_measures before = measures(), after;

	world_at(TWQ_TP_CHANGED, &p->task, let_time_pass);
	KUNIT_EXPECT_EQ(test, scene_do(OP_QUEUE_AT, p, T0 + SEC), 0);
	KUNIT_EXPECT_TRUE(test, world_at_reached());
	after = measures();
	KUNIT_EXPECT_EQ(test, after.holds - before.holds, kind->shared);
	KUNIT_EXPECT_EQ(test, after.held_ns, kind->shared ? 3000 : 0);
	KUNIT_EXPECT_EQ(test, after.longest_ns, kind->shared ? 3000 : 0);
	/* A shorter one is not the longest. */
	KUNIT_EXPECT_EQ(test, scene_do(OP_UNLINK, p, 0), 0);
	after = measures();
	KUNIT_EXPECT_EQ(test, after.holds - before.holds, 2 * kind->shared);
	KUNIT_EXPECT_EQ(test, after.longest_ns, kind->shared ? 3000 : 0);
}

static void run_late(struct kunit *test)
{
	struct probe *p = probe_new_on(test, world_cpu());

	scene_do(OP_QUEUE_AT, p, T0 - MS);
	world_settle(test);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->runs), 1);
}

/* For all who ask, from the first to the last; then no more. */
static void measure_as_long_as_somebody_asks(struct kunit *test)
{
	run_late(test);
	KUNIT_EXPECT_EQ(test, twq_measure_get(), 0);
	KUNIT_EXPECT_EQ(test, runs_measured(), 1);
	twq_measure_put();
	run_late(test);
	KUNIT_EXPECT_EQ(test, runs_measured(), 2);
	KUNIT_EXPECT_TRUE(test, twq_measure_is_on());
	twq_measure_put();
	KUNIT_EXPECT_FALSE(test, twq_measure_is_on());
	run_late(test);
	KUNIT_EXPECT_EQ(test, runs_measured(), 2);
	KUNIT_EXPECT_EQ(test, twq_measure_get(), 0);
	KUNIT_EXPECT_EQ(test, runs_measured(), 0);
}

static struct kunit_case measure_cases[] = {
	KUNIT_CASE_PARAM(measure_lateness_has_its_bucket, late_gen_params),
	KUNIT_CASE_PARAM(measure_wakeup_is_never_late, near_gen_params),
	KUNIT_CASE(measure_deadline_put_off_is_not_late),
	KUNIT_CASE_PARAM(measure_hold_of_the_shared_lock, near_gen_params),
	KUNIT_CASE(measure_as_long_as_somebody_asks),
	{}
};

static struct kunit_suite measure_suite = {
	.name = "twq_measure",
	.init = measure_init,
	.exit = measure_exit,
	.test_cases = measure_cases,
};

kunit_test_suite(measure_suite);
