// SPDX-License-Identifier: GPL-2.0
/*
 * Suite twq_timer: what is armed (rule 10), what is due at once (K1), times
 * that can't be told (K11), and one look at the real clock and hrtimers.
 */
#include <kunit/test.h>
#include <linux/delay.h>
#include <linux/prandom.h>

#include "cpu.h"
#include "shared.h"
#include "timer.h"
#include "world.h"

#define FAR_NS		(1000 * SEC)

/* -- relative times ------------------------------------------------------- */

struct after_param {
	const char *desc;
	s64 delay_ns;
};

static const struct after_param after_params[] = {
	{ "zero", 0 },
	{ "one", 1 },
	{ "minus one", -1 },
	{ "back to zero", -T0 },
	{ "before zero", -T0 - 1 },
	{ "a year", 365 * 24 * 3600 * SEC },
	{ "last that can be told", TWQ_ETERNITY - T0 - 1 },
	{ "first that is eternity", TWQ_ETERNITY - T0 },
	{ "first that would wrap", TWQ_ETERNITY - T0 + 1 },
	{ "eternity", TWQ_ETERNITY },
	{ "all of the past", S64_MIN },
};

static void after_desc(const struct after_param *p, char *desc)
{
	strscpy(desc, p->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(after, after_params, after_desc);

/* The sum in 128 bits, then cut to what can be told, is the oracle. */
static void k11_clock_after_saturates(struct kunit *test)
{
	const struct after_param *p = test->param_value;
	__int128 want = (__int128)T0 + p->delay_ns;

	if (want > TWQ_ETERNITY)
		want = TWQ_ETERNITY;
	KUNIT_EXPECT_EQ(test, twq_clock_after(p->delay_ns), (s64)want);
}

/* -- one timer, fake time ------------------------------------------------- */

static enum hrtimer_restart fire_nothing(struct hrtimer *hr)
{
	return HRTIMER_NORESTART;
}

static struct twq_timer *timer_new(struct kunit *test)
{
	struct twq_timer *timer;

	timer = kunit_kzalloc(test, sizeof(*timer), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, timer);
	twq_timer_init(timer, fire_nothing);
	return timer;
}

static void timer_init_is_not_armed(struct kunit *test)
{
	struct twq_timer *timer = timer_new(test);

	KUNIT_EXPECT_EQ(test, timer->armed_ns, TWQ_ETERNITY);
	KUNIT_EXPECT_FALSE(test, hrtimer_active(&timer->hr));
}

static void rule10_arm_moves_only_earlier(struct kunit *test)
{
	struct twq_timer *timer = timer_new(test);

	KUNIT_EXPECT_FALSE(test, twq_timer_arm(timer, T0 + 10));
	KUNIT_EXPECT_EQ(test, timer->armed_ns, T0 + 10);
	KUNIT_EXPECT_FALSE(test, twq_timer_arm(timer, T0 + 20));
	KUNIT_EXPECT_EQ(test, timer->armed_ns, T0 + 10);
	KUNIT_EXPECT_FALSE(test, twq_timer_arm(timer, T0 + 10));
	KUNIT_EXPECT_EQ(test, timer->armed_ns, T0 + 10);
	KUNIT_EXPECT_FALSE(test, twq_timer_arm(timer, T0 + 9));
	KUNIT_EXPECT_EQ(test, timer->armed_ns, T0 + 9);
}

struct due_param {
	const char *desc;
	s64 key_ns;
	bool due;
};

static const struct due_param due_params[] = {
	{ "all of the past", S64_MIN, true },
	{ "minus one", -1, true },
	{ "zero", 0, true },
	{ "just past", T0 - 1, true },
	{ "now", T0, true },
	{ "next", T0 + 1, false },
	{ "last that can be told", TWQ_ETERNITY - 1, false },
};

static void due_desc(const struct due_param *p, char *desc)
{
	strscpy(desc, p->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(due, due_params, due_desc);

static void k1_arm_tells_what_is_due(struct kunit *test)
{
	const struct due_param *p = test->param_value;
	struct twq_timer *timer = timer_new(test);

	KUNIT_EXPECT_EQ(test, twq_timer_arm(timer, p->key_ns), p->due);
	KUNIT_EXPECT_EQ(test, timer->armed_ns, p->key_ns);
	/* Who was told is on the way: nobody else has to come. */
	KUNIT_EXPECT_FALSE(test, twq_timer_arm(timer, p->key_ns));
}

struct rearm_param {
	const char *desc;
	s64 armed_ns;
	s64 first_ns;
	s64 want_ns;
	bool due;
};

/* All looks are made at T0. */
static const struct rearm_param rearm_params[] = {
	{ "not armed, empty", TWQ_ETERNITY, TWQ_ETERNITY, TWQ_ETERNITY, false },
	{ "not armed, later", TWQ_ETERNITY, T0 + 5, T0 + 5, false },
	{ "not armed, due", TWQ_ETERNITY, T0 - 5, T0 - 5, true },
	{ "looked at, empty", T0 - 5, TWQ_ETERNITY, TWQ_ETERNITY, false },
	{ "looked at, later", T0 - 5, T0 + 5, T0 + 5, false },
	{ "looked at, still due", T0 - 5, T0 - 5, T0 - 5, true },
	{ "looked at now, empty", T0, TWQ_ETERNITY, TWQ_ETERNITY, false },
	{ "looked at now, due now", T0, T0, T0, true },
	{ "armed, key has gone", T0 + 5, TWQ_ETERNITY, T0 + 5, false },
	{ "armed, next is later", T0 + 5, T0 + 9, T0 + 5, false },
	{ "armed, next is earlier", T0 + 5, T0 + 1, T0 + 1, false },
	{ "armed, next is due", T0 + 5, T0, T0, true },
};

static void rearm_desc(const struct rearm_param *p, char *desc)
{
	strscpy(desc, p->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(rearm, rearm_params, rearm_desc);

static void rule10_rearm_follows_the_first_key(struct kunit *test)
{
	const struct rearm_param *p = test->param_value;
	struct twq_timer *timer = timer_new(test);

	timer->armed_ns = p->armed_ns;
	KUNIT_EXPECT_EQ(test, twq_timer_rearm(timer, p->first_ns, T0), p->due);
	KUNIT_EXPECT_EQ(test, timer->armed_ns, p->want_ns);
	KUNIT_EXPECT_LE(test, timer->armed_ns, p->first_ns);
}

#define KEYS	16

static s64 first_of(const s64 *keys)
{
	s64 first_ns = TWQ_ETERNITY;
	int i;

	for (i = 0; i < KEYS; i++)
		first_ns = min(first_ns, keys[i]);
	return first_ns;
}

/* Keys come, go and are looked at in any order: none is ever unattended. */
static void timer_never_later_than_first_key(struct kunit *test)
{
	struct twq_timer *timer = timer_new(test);
	struct rnd_state rnd;
	s64 keys[KEYS], now_ns = T0;
	int turn, i;

	prandom_seed_state(&rnd, 10);
	for (i = 0; i < KEYS; i++)
		keys[i] = TWQ_ETERNITY;
	for (turn = 0; turn < 5000; turn++) {
		i = prandom_u32_state(&rnd) % KEYS;
		if (keys[i] != TWQ_ETERNITY) {
			keys[i] = TWQ_ETERNITY;
		} else {
			keys[i] = now_ns + prandom_u32_state(&rnd) % 100;
			twq_timer_arm(timer, keys[i]);
		}
		KUNIT_ASSERT_LE(test, timer->armed_ns, first_of(keys));
		if (turn % 3)
			continue;
		now_ns += prandom_u32_state(&rnd) % 20;
		twq_fake_clock_set(now_ns);
		for (i = 0; i < KEYS; i++)
			if (keys[i] <= now_ns)
				keys[i] = TWQ_ETERNITY;
		KUNIT_ASSERT_FALSE(test, twq_timer_rearm(timer, first_of(keys),
							 now_ns));
		KUNIT_ASSERT_LE(test, timer->armed_ns, first_of(keys));
		KUNIT_ASSERT_GT(test, timer->armed_ns, now_ns);
	}
}

/* -- hrtimers, real time -------------------------------------------------- */

static void rule10_arm_starts_the_hrtimer(struct kunit *test)
{
	struct twq_timer *timer = timer_new(test);
	s64 far_ns;

	world_real_clock(test);
	far_ns = twq_clock_after(FAR_NS);
	KUNIT_EXPECT_FALSE(test, twq_timer_arm(timer, far_ns));
	KUNIT_EXPECT_TRUE(test, hrtimer_active(&timer->hr));
	KUNIT_EXPECT_EQ(test, hrtimer_get_expires(&timer->hr), far_ns);
	KUNIT_EXPECT_FALSE(test, twq_timer_arm(timer, far_ns + SEC));
	KUNIT_EXPECT_EQ(test, hrtimer_get_expires(&timer->hr), far_ns);
	KUNIT_EXPECT_FALSE(test, twq_timer_arm(timer, far_ns - SEC));
	KUNIT_EXPECT_EQ(test, hrtimer_get_expires(&timer->hr), far_ns - SEC);
	twq_timer_stop(timer);
	KUNIT_EXPECT_FALSE(test, hrtimer_active(&timer->hr));
	KUNIT_EXPECT_EQ(test, timer->armed_ns, TWQ_ETERNITY);
}

static void k1_past_key_is_not_given_to_the_hrtimer(struct kunit *test)
{
	struct twq_timer *timer = timer_new(test);

	world_real_clock(test);
	KUNIT_EXPECT_TRUE(test, twq_timer_arm(timer, twq_clock_ns()));
	KUNIT_EXPECT_FALSE(test, hrtimer_active(&timer->hr));
	KUNIT_EXPECT_EQ(test, hrtimer_get_expires(&timer->hr), 0);
	KUNIT_EXPECT_TRUE(test, twq_timer_arm(timer, 1));
	KUNIT_EXPECT_TRUE(test, twq_timer_arm(timer, S64_MIN));
	KUNIT_EXPECT_FALSE(test, hrtimer_active(&timer->hr));
	KUNIT_EXPECT_EQ(test, hrtimer_get_expires(&timer->hr), 0);
	twq_timer_stop(timer);
}

static void timer_fake_clock_starts_no_hrtimer(struct kunit *test)
{
	struct twq_timer *timer = timer_new(test);

	twq_timer_arm(timer, T0 + FAR_NS);
	KUNIT_EXPECT_FALSE(test, hrtimer_active(&timer->hr));
}

/* One hrtimer start for a whole queue of tasks that come in order. */
static void expect_one_arming(struct kunit *test, struct twq_timer *timer,
			      bool shared)
{
	struct probe *p[10];
	s64 first_ns;
	int i;

	for (i = 0; i < ARRAY_SIZE(p); i++)
		p[i] = shared ? probe_new_shared(test, world_cpu()) :
				probe_new_on(test, world_cpu());
	world_real_clock(test);
	first_ns = twq_clock_after(FAR_NS);
	for (i = 0; i < ARRAY_SIZE(p); i++) {
		KUNIT_EXPECT_EQ(test, 0, probe_queue_on(p[i], world_cpu(),
							first_ns + i * SEC));
		KUNIT_EXPECT_TRUE(test, hrtimer_active(&timer->hr));
		KUNIT_EXPECT_EQ(test, hrtimer_get_expires(&timer->hr),
				first_ns);
	}
	/* What has moved later leaves the hrtimer as it is, too. */
	KUNIT_EXPECT_EQ(test, 0, probe_queue_on(p[0], world_cpu(),
						first_ns + 60 * SEC));
	KUNIT_EXPECT_EQ(test, hrtimer_get_expires(&timer->hr), first_ns);
	KUNIT_EXPECT_EQ(test, 0, probe_queue_on(p[9], world_cpu(),
						first_ns - SEC));
	KUNIT_EXPECT_EQ(test, hrtimer_get_expires(&timer->hr), first_ns - SEC);
	hrtimer_cancel(&timer->hr);
}

static void rule10_local_queue_arms_once(struct kunit *test)
{
	struct twq_cpu *c = per_cpu_ptr(&twq_cpus, world_cpu());

	expect_one_arming(test, &c->timer, false);
}

static void rule10_shared_queue_arms_once(struct kunit *test)
{
	expect_one_arming(test, &twq_shared.timer, true);
}

static bool wait_for_run(struct probe *p)
{
	int i;

	for (i = 0; i < 500 && !atomic_read(&p->runs); i++)
		msleep(20);
	return atomic_read(&p->runs);
}

/* The guard is for a slow machine; too early is wrong by however little. */
static void expect_fires_in_time(struct kunit *test, struct probe *p)
{
	s64 deadline_ns;

	world_real_clock(test);
	deadline_ns = twq_clock_after(30 * MS);
	KUNIT_EXPECT_EQ(test, 0, probe_queue_on(p, world_cpu(), deadline_ns));
	KUNIT_ASSERT_TRUE(test, wait_for_run(p));
	KUNIT_EXPECT_GE(test, p->last_ns, deadline_ns);
	KUNIT_EXPECT_LT(test, p->last_ns, deadline_ns + 5 * SEC);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->runs), 1);
	KUNIT_EXPECT_EQ(test, p->last_cpu, world_cpu());
}

static void timer_real_clock_fires_local(struct kunit *test)
{
	expect_fires_in_time(test, probe_new_on(test, world_cpu()));
}

static void timer_real_clock_fires_shared(struct kunit *test)
{
	expect_fires_in_time(test, probe_new_shared(test, world_cpu()));
}

static struct kunit_case timer_cases[] = {
	KUNIT_CASE_PARAM(k11_clock_after_saturates, after_gen_params),
	KUNIT_CASE(timer_init_is_not_armed),
	KUNIT_CASE(rule10_arm_moves_only_earlier),
	KUNIT_CASE_PARAM(k1_arm_tells_what_is_due, due_gen_params),
	KUNIT_CASE_PARAM(rule10_rearm_follows_the_first_key, rearm_gen_params),
	KUNIT_CASE(timer_never_later_than_first_key),
	KUNIT_CASE(rule10_arm_starts_the_hrtimer),
	KUNIT_CASE(k1_past_key_is_not_given_to_the_hrtimer),
	KUNIT_CASE(timer_fake_clock_starts_no_hrtimer),
	KUNIT_CASE(rule10_local_queue_arms_once),
	KUNIT_CASE(rule10_shared_queue_arms_once),
	KUNIT_CASE(timer_real_clock_fires_local),
	KUNIT_CASE(timer_real_clock_fires_shared),
	{}
};

static struct kunit_suite timer_suite = {
	.name = "twq_timer",
	.init = world_init,
	.exit = world_exit,
	.test_cases = timer_cases,
};

kunit_test_suite(timer_suite);
