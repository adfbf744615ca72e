// SPDX-License-Identifier: GPL-2.0
/*
 * Suite twq_init: what happens when a task is still in init, has never been
 * queued or woken, while several CPUs already know of it; and when several
 * want to end it.
 */
#include <linux/delay.h>
#include <linux/sched.h>

#include "cpu.h"
#include "shared.h"
#include "task.h"
#include "world.h"

static struct {
	struct probe *p;
	int other;
	int err;
	s64 old_ns;
	bool done_inside;
} scene;

static void share_and_queue(void *arg)
{
	struct twq_task *task = &scene.p->task;

	scene.err = twq_task_set_affinity(task, cpu_online_mask, GFP_ATOMIC);
	if (!scene.err)
		scene.err = twq_task_queue_at(task, T0 + 5 * MS,
					      &scene.old_ns);
	/* About to be moved: earlier than its position, for a moment. */
	twq_task_set_expires(task, T0 + 4 * MS);
}

static void share_elsewhere(struct twq_task *task)
{
	world_puppet(scene.other, share_and_queue, NULL);
	scene.done_inside = world_puppet_wait(scene.other);
}

static long cancel(void *arg)
{
	struct probe *p = arg;
	s64 old_ns;

	return twq_task_queue_at(&p->task, TWQ_ETERNITY, &old_ns);
}

/*
 * CANCEL of an unused task takes the local lock; before it has looked at the
 * tree, another CPU makes the task SHARED_WQ and queues it. The node must be in
 * the shared tree and nowhere else.
 */
static void cancel_unused_shared_meanwhile(struct kunit *test)
{
	scene.other = world_other_cpu(test);
	scene.p = probe_new_on(test, world_cpu());
	world_at(TWQ_TP_CHANGED, &scene.p->task, share_elsewhere);
	KUNIT_EXPECT_EQ(test, world_on(world_cpu(), cancel, scene.p), 0);
	KUNIT_ASSERT_TRUE(test, world_at_reached());
	KUNIT_ASSERT_TRUE(test, scene.done_inside);
	KUNIT_EXPECT_EQ(test, scene.err, 0);
	KUNIT_EXPECT_TRUE(test, probe_in_shared(scene.p));
	KUNIT_EXPECT_EQ(test, scene.p->task.node.key_ns, T0 + 5 * MS);
	KUNIT_EXPECT_EQ(test, per_cpu(twq_cpus, world_cpu()).queue.nr, 0);
	KUNIT_EXPECT_EQ(test, twq_task_queue(&scene.p->task), 0);
	world_advance(test, T0 + 4 * MS);
	KUNIT_EXPECT_EQ(test, atomic_read(&scene.p->runs), 1);
}

static long unlink_it(void *arg)
{
	struct probe *p = arg;

	return twq_task_unlink(&p->task);
}

/* The same with unlink(), which is about to enter what was its tree. */
static void unlink_unused_shared_meanwhile(struct kunit *test)
{
	scene.other = world_other_cpu(test);
	scene.p = probe_new_on(test, world_cpu());
	world_at(TWQ_TP_ENTER, &scene.p->task, share_elsewhere);
	KUNIT_EXPECT_EQ(test, world_on(world_cpu(), unlink_it, scene.p), 0);
	KUNIT_ASSERT_TRUE(test, world_at_reached());
	KUNIT_ASSERT_TRUE(test, scene.done_inside);
	KUNIT_EXPECT_EQ(test, scene.err, 0);
	KUNIT_EXPECT_TRUE(test, probe_in_shared(scene.p));
	KUNIT_EXPECT_EQ(test, per_cpu(twq_cpus, world_cpu()).queue.nr, 0);
	KUNIT_EXPECT_EQ(test, twq_shared.queue.nr, 1);
	KUNIT_EXPECT_EQ(test, twq_task_queue(&scene.p->task), 0);
	world_advance(test, T0 + 4 * MS);
	KUNIT_EXPECT_EQ(test, atomic_read(&scene.p->runs), 1);
}

static void share_it(void *arg)
{
	scene.err = twq_task_set_shared(&scene.p->task);
}

static void share_only(struct twq_task *task)
{
	world_puppet(scene.other, share_it, NULL);
	scene.done_inside = world_puppet_wait(scene.other);
}

static long queue_it(void *arg)
{
	struct probe *p = arg;
	s64 old_ns;

	return twq_task_queue_at(&p->task, T0 + 5 * MS, &old_ns);
}

/* queue() has read the state; the flag that comes then names another tree. */
static void queue_unused_shared_meanwhile(struct kunit *test)
{
	scene.other = world_other_cpu(test);
	scene.p = probe_new_on(test, world_cpu());
	world_at(TWQ_TP_ENTER, &scene.p->task, share_only);
	KUNIT_EXPECT_EQ(test, world_on(world_cpu(), queue_it, scene.p), 0);
	KUNIT_ASSERT_TRUE(test, world_at_reached());
	KUNIT_ASSERT_TRUE(test, scene.done_inside);
	KUNIT_EXPECT_EQ(test, scene.err, 0);
	KUNIT_EXPECT_TRUE(test, probe_in_shared(scene.p));
	world_advance(test, T0 + 5 * MS);
	KUNIT_EXPECT_EQ(test, atomic_read(&scene.p->runs), 1);
}

static void wake_it(void *arg)
{
	twq_task_wakeup(&scene.p->task, TWQ_WOKEN_IO);
}

static void wake_elsewhere(struct twq_task *task)
{
	world_puppet(scene.other, wake_it, NULL);
	scene.done_inside = world_puppet_wait(scene.other);
}

/* Woken before SHARED_WQ was set: it stays its owner's. */
static void woken_while_it_gets_more_cpus(struct kunit *test)
{
	scene.other = world_other_cpu(test);
	scene.p = probe_new_on(test, scene.other);
	world_at(TWQ_TP_SHARING, &scene.p->task, wake_elsewhere);
	KUNIT_EXPECT_EQ(test, twq_task_set_affinity(&scene.p->task,
						    cpu_online_mask,
						    GFP_KERNEL), -EXDEV);
	KUNIT_ASSERT_TRUE(test, world_at_reached());
	KUNIT_ASSERT_TRUE(test, scene.done_inside);
	world_settle(test);
	KUNIT_EXPECT_NULL(test, rcu_access_pointer(scene.p->task.allowed));
	KUNIT_EXPECT_EQ(test, atomic_read(&scene.p->runs), 1);
	KUNIT_EXPECT_EQ(test, scene.p->last_cpu, scene.other);
}

static void destroy_it(void *arg)
{
	scene.err = twq_task_destroy(&scene.p->task);
}

static void destroy_elsewhere(struct twq_task *task)
{
	unsigned int turns;

	world_puppet(scene.other, destroy_it, NULL);
	/* It has to wait for the lock that is held here. */
	for (turns = 0; turns < 4000; turns++) {
		if (world_puppet_done(scene.other))
			break;
		udelay(5);
	}
	scene.done_inside = world_puppet_done(scene.other);
}

/* The end does not look for a mask that comes only after it. */
static void destroyed_while_it_gets_more_cpus(struct kunit *test)
{
	scene.other = world_other_cpu(test);
	scene.p = probe_new_on(test, world_cpu());
	world_at(TWQ_TP_SHARING, &scene.p->task, destroy_elsewhere);
	KUNIT_EXPECT_EQ(test, twq_task_set_affinity(&scene.p->task,
						    cpu_online_mask,
						    GFP_KERNEL), -ESRCH);
	KUNIT_ASSERT_TRUE(test, world_at_reached());
	KUNIT_ASSERT_TRUE(test, scene.done_inside);
	world_settle(test);
	KUNIT_EXPECT_EQ(test, atomic_read(&scene.p->released), 1);
	KUNIT_EXPECT_NULL(test, rcu_access_pointer(scene.p->task.allowed));
	KUNIT_EXPECT_EQ(test, twq_task_state(&scene.p->task) & TWQ_SHARED_WQ,
			0);
}

/* Both take the mask that was in force: one of them may give it back. */
static void destroy_unused_while_mask_changes(struct kunit *test)
{
	cpumask_var_t some;

	scene.other = world_other_cpu(test);
	if (num_online_cpus() < 3)
		kunit_skip(test, "needs a mask of neither one CPU nor all");
	KUNIT_ASSERT_TRUE(test, zalloc_cpumask_var(&some, GFP_KERNEL));
	cpumask_set_cpu(world_cpu(), some);
	cpumask_set_cpu(scene.other, some);
	scene.p = probe_new(test, some);
	world_at(TWQ_TP_REMASKED, &scene.p->task, destroy_elsewhere);
	KUNIT_EXPECT_EQ(test, twq_task_set_affinity(&scene.p->task, some,
						    GFP_KERNEL), 0);
	KUNIT_EXPECT_TRUE(test, world_at_reached());
	KUNIT_EXPECT_FALSE(test, scene.done_inside);
	KUNIT_EXPECT_TRUE(test, world_puppet_wait(scene.other));
	KUNIT_EXPECT_EQ(test, scene.err, 0);
	world_settle(test);
	KUNIT_EXPECT_EQ(test, atomic_read(&scene.p->released), 1);
	KUNIT_EXPECT_NULL(test, rcu_access_pointer(scene.p->task.allowed));
	free_cpumask_var(some);
}

/* Somebody else ends it: he gets his release(), the other one is told. */
static void destroy_sync_after_destroy_is_told(struct kunit *test)
{
	struct probe *p = probe_new_on(test, world_cpu());

	KUNIT_EXPECT_EQ(test, twq_task_destroy(&p->task), 0);
	KUNIT_EXPECT_EQ(test, twq_task_destroy_sync(&p->task), -ESRCH);
	world_settle(test);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->released), 1);
	KUNIT_EXPECT_EQ(test, twq_task_state(&p->task) & TWQ_AWAITED, 0);
}

static void run_until_told(struct probe *p)
{
	bool *let_go = p->arg;

	while (!smp_load_acquire(let_go))	/* Pairs with the test below. */
		cpu_relax();
}

static void destroy_and_wait(void *arg)
{
	scene.err = twq_task_destroy_sync(&scene.p->task);
}

/* Two wait for the end of a running task: one of them does, the other is told */
static void destroy_sync_twice_serves_the_first(struct kunit *test)
{
	int third, other = world_other_cpu(test);
	bool let_go = false;

	third = cpumask_next(other, cpu_online_mask);
	if (third >= nr_cpu_ids)
		kunit_skip(test, "needs three CPUs");
	scene.p = probe_new_shared(test, other);
	scene.p->hook = run_until_told;
	scene.p->arg = &let_go;
	twq_task_wakeup(&scene.p->task, TWQ_WOKEN_IO);
	while (!atomic_read(&scene.p->running))
		cond_resched();
	world_puppet(third, destroy_and_wait, NULL);
	while (!(twq_task_state(&scene.p->task) & TWQ_AWAITED))
		cond_resched();
	KUNIT_EXPECT_EQ(test, twq_task_destroy_sync(&scene.p->task), -ESRCH);
	/* Pairs with run_until_told(). */
	smp_store_release(&let_go, true);
	KUNIT_ASSERT_TRUE(test, world_puppet_wait(third));
	KUNIT_EXPECT_EQ(test, scene.err, 0);
	/* Its memory is the caller's again, release() was not called. */
	KUNIT_EXPECT_EQ(test, atomic_read(&scene.p->released), 0);
	atomic_set(&scene.p->released, 1);	/* for world_exit() */
}

static void hold_interrupts(void *arg)
{
	bool *let_go = arg;
	unsigned long flags;

	local_irq_save(flags);
	WRITE_ONCE(scene.done_inside, true);
	while (!smp_load_acquire(let_go))	/* Pairs with the test below. */
		cpu_relax();
	local_irq_restore(flags);
}

static u64 kicks_sent(void)
{
	return per_cpu(twq_counters, world_cpu()).kicks;
}

/*
 * 'The inbox was empty' can be true twice before the first kick is taken. The
 * second kick must not send the same csd again.
 */
static void kick_under_way_is_not_sent_twice(struct kunit *test)
{
	bool let_go = false;
	struct twq_cpu *c;
	u64 before;

	scene.other = world_other_cpu(test);
	c = per_cpu_ptr(&twq_cpus, scene.other);
	WRITE_ONCE(scene.done_inside, false);
	world_puppet(scene.other, hold_interrupts, &let_go);
	while (!READ_ONCE(scene.done_inside))
		cond_resched();
	before = kicks_sent();
	twq_cpu_kick(c);
	twq_cpu_kick(c);
	twq_cpu_kick(c);
	KUNIT_EXPECT_EQ(test, kicks_sent() - before, 1);
	/* Pairs with hold_interrupts(). */
	smp_store_release(&let_go, true);
	KUNIT_EXPECT_TRUE(test, world_puppet_wait(scene.other));
	world_settle(test);
	twq_cpu_kick(c);
	KUNIT_EXPECT_EQ(test, kicks_sent() - before, 2);
	world_settle(test);
}

static struct kunit_case init_cases[] = {
	KUNIT_CASE(cancel_unused_shared_meanwhile),
	KUNIT_CASE(unlink_unused_shared_meanwhile),
	KUNIT_CASE(queue_unused_shared_meanwhile),
	KUNIT_CASE(woken_while_it_gets_more_cpus),
	KUNIT_CASE(destroyed_while_it_gets_more_cpus),
	KUNIT_CASE(destroy_unused_while_mask_changes),
	KUNIT_CASE(destroy_sync_after_destroy_is_told),
	KUNIT_CASE(destroy_sync_twice_serves_the_first),
	KUNIT_CASE(kick_under_way_is_not_sent_twice),
	{}
};

static struct kunit_suite init_suite = {
	.name = "twq_init",
	.init = world_init,
	.exit = world_exit,
	.test_cases = init_cases,
};

kunit_test_suite(init_suite);
