// SPDX-License-Identifier: GPL-2.0
/*
 * Suite twq_shared: the shared tree, its lock and its front (rules 2 and 7).
 *
 * Races that can't be forced in order:
 *   H10  there is one lock for a tree and the flag, which never changes, names
 *	  it: rule2_* here, and twq_storm.
 *   H19  needs a weakly ordered CPU; twq_storm is the same test there.
 */
#include <linux/delay.h>

#include "cpu.h"
#include "scene.h"
#include "shared.h"

#define MANY	150

/* -- rule 2: who takes the lock ------------------------------------------- */

static const struct op_param locked_params[] = {
	{ "queue", OP_QUEUE },
	{ "queue_at", OP_QUEUE_AT, T0 + 2 * MS },
	{ "queue_at later", OP_QUEUE_AT, T0 + 9 * MS },
	{ "queue_before", OP_QUEUE_BEFORE, T0 + 2 * MS },
	{ "schedule", OP_SCHEDULE, T0 + 2 * MS },
	{ "unlink", OP_UNLINK },
	{ "set_affinity", OP_SET_AFFINITY, 0 },
	{ "destroy", OP_DESTROY },
};

KUNIT_ARRAY_PARAM(locked, locked_params, op_desc);

/*
 * Whatever changes a shared task's place waits for it. To lower the deadline
 * takes no lock, to follow it does.
 */
static void rule2_shared_call_waits_for_the_lock(struct kunit *test)
{
	const struct op_param *param = test->param_value;
	int other = world_other_cpu(test);
	struct probe *p = probe_new_shared(test, other);
	struct call c = { .op = param->op, .p = p, .ns = param->ns };
	bool early, linked;
	s64 key_ns, ns;

	scene_do(OP_QUEUE_AT, p, T0 + 5 * MS);
	twq_shared_lock();
	world_puppet(other, scene_puppet_call, &c);
	mdelay(3);
	early = world_puppet_done(other);
	linked = twq_node_linked(&p->task.node);
	key_ns = p->task.node.key_ns;
	ns = twq_task_expires(&p->task);
	twq_shared_unlock();
	KUNIT_EXPECT_TRUE(test, world_puppet_wait(other));
	KUNIT_EXPECT_FALSE(test, early);
	KUNIT_EXPECT_TRUE(test, linked);
	KUNIT_EXPECT_EQ(test, key_ns, T0 + 5 * MS);
	if (param->op != OP_QUEUE_BEFORE && param->op != OP_SCHEDULE)
		KUNIT_EXPECT_EQ(test, ns, T0 + 5 * MS);
	KUNIT_EXPECT_EQ(test, c.ret, 0);
}

static const struct op_param staying_params[] = {
	{ "queue_before", OP_QUEUE_BEFORE, T0 + 6 * MS },
	{ "schedule", OP_SCHEDULE, T0 + 6 * MS },
	{ "queue_before later", OP_QUEUE_BEFORE, T0 + 9 * MS },
	{ "schedule later", OP_SCHEDULE, T0 + 9 * MS },
	{ "extend", OP_EXTEND, T0 + 6 * MS },
	{ "disarm", OP_DISARM },
};

KUNIT_ARRAY_PARAM(staying, staying_params, op_desc);

/* The lock is taken to move the position, and not to find that it stays. */
static void rule4_call_that_moves_nothing_takes_no_lock(struct kunit *test)
{
	const struct op_param *param = test->param_value;
	struct probe *p = probe_new_shared(test, world_cpu());
	struct call c = { .op = param->op, .p = p, .ns = param->ns };
	int other = world_other_cpu(test);
	bool in_time;

	scene_do(OP_QUEUE_AT, p, T0 + 5 * MS);
	scene_do(OP_QUEUE_AT, p, T0 + 8 * MS);
	twq_shared_lock();
	world_puppet(other, scene_puppet_call, &c);
	in_time = world_puppet_wait(other);
	twq_shared_unlock();
	KUNIT_EXPECT_TRUE(test, in_time);
	KUNIT_EXPECT_TRUE(test, world_puppet_wait(other));
	KUNIT_EXPECT_EQ(test, c.ret, 0);
	KUNIT_EXPECT_EQ(test, p->task.node.key_ns, T0 + 5 * MS);
	world_advance(test, T0 + 6 * MS);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->runs),
			param->ns == T0 + 6 * MS ? 1 : 0);
}

static atomic_t lock_held;
static atomic_t lock_free;

static void hold_shared_lock(void *arg)
{
	twq_shared_lock();
	atomic_set(&lock_held, 1);
	*(bool *)arg = scene_spin(&lock_free, 1);
	twq_shared_unlock();
}

static const struct op_param unlocked_params[] = {
	{ "queue_at", OP_QUEUE_AT, T0 + 2 * MS },
	{ "queue_before", OP_QUEUE_BEFORE, T0 + 2 * MS },
	{ "schedule", OP_SCHEDULE, T0 + 2 * MS },
	{ "unlink", OP_UNLINK },
	{ "wakeup", OP_WAKEUP, TWQ_WOKEN_IO },
	{ "destroy", OP_DESTROY },
};

KUNIT_ARRAY_PARAM(unlocked, unlocked_params, op_desc);

static void rule2_local_call_takes_no_lock(struct kunit *test)
{
	const struct op_param *param = test->param_value;
	int other = world_other_cpu(test);
	struct probe *p = scene_probe_at(test, &scene_near[0], T0 + 5 * MS);
	bool in_time = false;

	atomic_set(&lock_held, 0);
	atomic_set(&lock_free, 0);
	world_puppet(other, hold_shared_lock, &in_time);
	KUNIT_EXPECT_TRUE(test, scene_spin(&lock_held, 1));
	KUNIT_EXPECT_EQ(test, scene_do(param->op, p, param->ns), 0);
	atomic_set(&lock_free, 1);
	KUNIT_EXPECT_TRUE(test, world_puppet_wait(other));
	KUNIT_EXPECT_TRUE(test, in_time);
}

/* -- the front of the tree ------------------------------------------------ */

/* A one-CPU task, stale at the front: its new place is in the same tree. */
static void h6_stale_front_stays_in_shared_tree(struct kunit *test)
{
	struct probe *p = probe_new_shared(test, world_cpu());
	struct twq_cpu_stats before, after;

	scene_do(OP_QUEUE_AT, p, T0 + 2 * MS);
	scene_do(OP_QUEUE_AT, p, T0 + 8 * MS);
	before = scene_stats();
	world_advance(test, T0 + 2 * MS);
	after = scene_stats();
	KUNIT_EXPECT_EQ(test, after.stale, before.stale + 1);
	KUNIT_EXPECT_TRUE(test, probe_in_shared(p));
	KUNIT_EXPECT_FALSE(test, probe_in_local(p));
	KUNIT_EXPECT_EQ(test, p->task.node.key_ns, T0 + 8 * MS);
	KUNIT_EXPECT_EQ(test, scene_do(OP_QUEUE_AT, p, T0 + 4 * MS), 0);
	KUNIT_EXPECT_TRUE(test, probe_in_shared(p));
	world_advance(test, T0 + 4 * MS);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->runs), 1);
}

static void rule7_shared_fires_once_for_all_cpus(struct kunit *test)
{
	struct probe *p[16];
	int i, cpu;

	for (i = 0; i < ARRAY_SIZE(p); i++) {
		p[i] = probe_new_shared(test, world_cpu());
		scene_do(OP_QUEUE_AT, p[i], T0 + (1 + i % 3) * MS);
	}
	/* Every CPU looks, at each time. */
	for (i = 1; i <= 3; i++) {
		world_tick(T0 + i * MS);
		for_each_online_cpu(cpu)
			twq_cpu_kick(per_cpu_ptr(&twq_cpus, cpu));
		world_settle(test);
	}
	for (i = 0; i < ARRAY_SIZE(p); i++)
		KUNIT_EXPECT_EQ(test, atomic_read(&p[i]->runs), 1);
}

static void want_the_lock(void *arg)
{
	unsigned int *left = arg;

	atomic_set(&lock_held, 1);
	twq_shared_lock();
	*left = twq_shared.queue.nr;
	twq_shared_unlock();
}

static unsigned int left_in_tree;

static void have_the_lock_wanted(struct twq_task *task)
{
	world_puppet((long)probe_of(task)->arg, want_the_lock, &left_in_tree);
	scene_spin(&lock_held, 1);
	mdelay(1);
}

/* The lock is fair: who asks for it at the first task gets it before the last */
static void h7_storm_does_not_hold_the_lock(struct kunit *test)
{
	long other = world_other_cpu(test);
	struct probe *first = NULL;
	int i;

	for (i = 0; i < MANY; i++) {
		struct probe *p = probe_new_shared(test, world_cpu());

		scene_do(OP_QUEUE_AT, p, T0 + MS);
		first = first ?: p;
	}
	left_in_tree = 0;
	atomic_set(&lock_held, 0);
	first->arg = (void *)other;
	world_at(TWQ_TP_WOKEN, &first->task, have_the_lock_wanted);
	world_advance(test, T0 + MS);
	KUNIT_EXPECT_TRUE(test, world_puppet_wait(other));
	KUNIT_EXPECT_TRUE(test, world_at_reached());
	KUNIT_EXPECT_GT(test, left_in_tree, MANY / 2);
	KUNIT_EXPECT_EQ(test, twq_shared.queue.nr, 0);
}

static void end_it(void *arg)
{
	struct probe *p = arg;

	twq_task_destroy(&p->task);
}

/* The kill path takes the lock for the unlinking, from whatever CPU. */
static void h5_destroy_unlinks_under_the_lock(struct kunit *test)
{
	int other = world_other_cpu(test);
	struct probe *p = probe_new_shared(test, world_cpu());

	KUNIT_EXPECT_EQ(test, probe_queue_on(p, world_cpu(), T0 + MS), 0);
	twq_shared_lock();
	world_puppet(other, end_it, p);
	mdelay(2);
	KUNIT_EXPECT_FALSE(test, world_puppet_done(other));
	KUNIT_EXPECT_TRUE(test, twq_node_linked(&p->task.node));
	KUNIT_EXPECT_EQ(test, atomic_read(&p->released), 0);
	twq_shared_unlock();
	KUNIT_EXPECT_TRUE(test, world_puppet_wait(other));
	KUNIT_EXPECT_EQ(test, atomic_read(&p->released), 1);
	KUNIT_EXPECT_EQ(test, twq_shared.queue.nr, 0);
}

static struct kunit_case shared_cases[] = {
	KUNIT_CASE(h5_destroy_unlinks_under_the_lock),
	KUNIT_CASE_PARAM(rule2_shared_call_waits_for_the_lock,
			 locked_gen_params),
	KUNIT_CASE_PARAM(rule4_call_that_moves_nothing_takes_no_lock,
			 staying_gen_params),
	KUNIT_CASE_PARAM(rule2_local_call_takes_no_lock, unlocked_gen_params),
	KUNIT_CASE(h6_stale_front_stays_in_shared_tree),
	KUNIT_CASE(rule7_shared_fires_once_for_all_cpus),
	KUNIT_CASE(h7_storm_does_not_hold_the_lock),
	{}
};

static struct kunit_suite shared_suite = {
	.name = "twq_shared",
	.init = world_init,
	.exit = world_exit,
	.test_cases = shared_cases,
};

kunit_test_suite(shared_suite);
