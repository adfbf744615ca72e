// SPDX-License-Identifier: GPL-2.0
/*
 * Suite twq_destroy: rules 11 and 13 of the contract, the end of a task.
 */
#include <linux/bottom_half.h>
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/sched.h>

#include "cpu.h"
#include "scene.h"
#include "shared.h"

#define SYNC_TURNS	(50 * 1000 * 1000)

KUNIT_ARRAY_PARAM(kind, scene_kinds, kind_desc);

/* Released once, in no tree, KILLED for ever and not run again. */
static void expect_gone(struct kunit *test, struct probe *p, int runs)
{
	world_settle(test);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->released), 1);
	KUNIT_EXPECT_FALSE(test, twq_node_linked(&p->task.node));
	KUNIT_EXPECT_TRUE(test, twq_task_state(&p->task) & TWQ_KILLED);
	KUNIT_EXPECT_NULL(test, rcu_access_pointer(p->task.allowed));
	world_advance(test, T0 + SEC);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->released), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->runs), runs);
}

static struct probe *destroy_new(struct kunit *test)
{
	return scene_probe(test, test->param_value);
}

static struct probe *destroy_at(struct kunit *test, s64 deadline_ns)
{
	return scene_probe_at(test, test->param_value, deadline_ns);
}

/* -- state by state ------------------------------------------------------- */

static void rule11_destroy_unused(struct kunit *test)
{
	struct probe *p = destroy_new(test);

	KUNIT_EXPECT_EQ(test, twq_task_destroy(&p->task), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->released), 1);
	expect_gone(test, p, 0);
}

static void rule11_destroy_after_a_run(struct kunit *test)
{
	struct probe *p = destroy_new(test);

	twq_task_wakeup(&p->task, TWQ_WOKEN_IO);
	world_settle(test);
	KUNIT_EXPECT_EQ(test, twq_task_destroy(&p->task), 0);
	expect_gone(test, p, 1);
}

static void rule11_destroy_in_tree(struct kunit *test)
{
	struct probe *p = destroy_at(test, T0 + 5 * MS);

	KUNIT_EXPECT_EQ(test, twq_task_destroy(&p->task), 0);
	expect_gone(test, p, 0);
}

static void rule11_destroy_disarmed_in_tree(struct kunit *test)
{
	struct probe *p = destroy_at(test, T0 + 5 * MS);

	twq_task_disarm(&p->task);
	KUNIT_EXPECT_EQ(test, twq_task_destroy(&p->task), 0);
	expect_gone(test, p, 0);
}

static void rule11_destroy_from_every_cpu(struct kunit *test)
{
	int cpu;

	for_each_online_cpu(cpu) {
		struct probe *p = destroy_at(test, T0 + 5 * SEC);

		KUNIT_EXPECT_EQ(test, scene_do_on(cpu, OP_DESTROY, p, 0), 0);
		world_settle(test);
		KUNIT_EXPECT_EQ(test, atomic_read(&p->released), 1);
		KUNIT_EXPECT_FALSE(test, twq_node_linked(&p->task.node));
	}
}

static void rule11_destroy_queued_is_not_run(struct kunit *test)
{
	const struct kind *kind = test->param_value;
	struct probe *p = destroy_new(test);
	int err, again, released;

	if (kind->far)
		scene_hold(test, scene_cpu(p));
	local_bh_disable();
	twq_task_wakeup(&p->task, TWQ_WOKEN_IO);
	err = twq_task_destroy(&p->task);
	again = twq_task_destroy(&p->task);
	released = atomic_read(&p->released);
	local_bh_enable();
	if (kind->far)
		scene_let_go(test, scene_cpu(p));
	KUNIT_EXPECT_EQ(test, err, 0);
	KUNIT_EXPECT_EQ(test, again, -ESRCH);
	KUNIT_EXPECT_EQ(test, released, 0);
	expect_gone(test, p, 0);
}

static void destroy_self(struct probe *p)
{
	int err = twq_task_destroy(&p->task);
	int again = twq_task_destroy(&p->task);

	p->arg = (void *)(long)(!err && again == -ESRCH &&
				!atomic_read(&p->released));
}

static void rule11_destroy_in_its_process(struct kunit *test)
{
	struct probe *p = destroy_at(test, T0 + 5 * MS);

	p->hook = destroy_self;
	p->next_ns = T0 + 7 * MS;
	twq_task_wakeup(&p->task, TWQ_WOKEN_IO);
	expect_gone(test, p, 1);
	KUNIT_EXPECT_TRUE(test, p->arg);
}

static void destroy_by_puppet(struct probe *p)
{
	bool done = scene_puppet_do((long)p->arg, OP_DESTROY, p, 0);

	mdelay(1);
	p->arg = (void *)(long)(done && !atomic_read(&p->released));
}

static void rule11_destroy_running_from_other_cpu(struct kunit *test)
{
	int third = scene_third_cpu(test);
	struct probe *p = destroy_at(test, T0 + 5 * MS);

	p->hook = destroy_by_puppet;
	p->arg = (void *)(long)third;
	p->next_ns = T0 + 7 * MS;
	twq_task_wakeup(&p->task, TWQ_WOKEN_IO);
	expect_gone(test, p, 1);
	KUNIT_EXPECT_TRUE(test, p->arg);
}

static void wake_and_destroy_self(struct probe *p)
{
	twq_task_wakeup(&p->task, TWQ_WOKEN_MSG);
	twq_task_destroy(&p->task);
	twq_task_wakeup(&p->task, TWQ_WOKEN_RES);
}

static void rule11_destroy_beats_later_wakeups(struct kunit *test)
{
	struct probe *p = destroy_new(test);

	p->hook = wake_and_destroy_self;
	twq_task_wakeup(&p->task, TWQ_WOKEN_IO);
	expect_gone(test, p, 1);
}

/* -- calls after the end has begun ---------------------------------------- */

static const struct op_param after_params[] = {
	{ "queue", OP_QUEUE },
	{ "queue_at", OP_QUEUE_AT, T0 + MS },
	{ "queue_before", OP_QUEUE_BEFORE, T0 + MS },
	{ "schedule", OP_SCHEDULE, T0 + MS },
	{ "unlink", OP_UNLINK },
	{ "set_affinity", OP_SET_AFFINITY, 0 },
	{ "destroy", OP_DESTROY },
	{ "destroy_sync", OP_DESTROY_SYNC },
};

KUNIT_ARRAY_PARAM(after, after_params, op_desc);

static void rule11_call_after_destroy_is_esrch(struct kunit *test)
{
	const struct op_param *param = test->param_value;
	int other = world_other_cpu(test);
	struct probe *p = probe_new_shared(test, other);

	scene_do(OP_QUEUE_AT, p, T0 + 9 * MS);
	scene_hold(test, other);
	twq_task_wakeup(&p->task, TWQ_WOKEN_IO);
	KUNIT_EXPECT_EQ(test, twq_task_destroy(&p->task), 0);
	KUNIT_EXPECT_EQ(test, scene_do(param->op, p, param->ns), -ESRCH);
	KUNIT_EXPECT_EQ(test, twq_task_expires(&p->task), T0 + 9 * MS);
	KUNIT_EXPECT_EQ(test, p->task.node.key_ns, T0 + 9 * MS);
	scene_let_go(test, other);
	expect_gone(test, p, 0);
}

/* -- the synchronous form ------------------------------------------------- */

static void expect_sync(struct kunit *test, struct probe *p, int cpu)
{
	KUNIT_EXPECT_EQ(test, scene_do_on(cpu, OP_DESTROY_SYNC, p, 0), 0);
	KUNIT_EXPECT_FALSE(test, twq_node_linked(&p->task.node));
	KUNIT_EXPECT_EQ(test, scene_do_on(cpu, OP_DESTROY_SYNC, p, 0), -ESRCH);
	world_advance(test, T0 + SEC);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->runs), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->released), 0);
}

static void rule11_destroy_sync_unused(struct kunit *test)
{
	expect_sync(test, destroy_new(test), world_cpu());
}

static void rule11_destroy_sync_in_tree(struct kunit *test)
{
	expect_sync(test, destroy_at(test, T0 + 5 * MS), world_cpu());
}

static void rule11_destroy_sync_in_tree_from_other_cpu(struct kunit *test)
{
	int third = scene_third_cpu(test);

	expect_sync(test, destroy_at(test, T0 + 5 * MS), third);
}

static atomic_t sync_finished;

/*
 * Goes on for a while after the other side has begun to wait, and takes the
 * shared lock meanwhile: whoever waits with it held waits for ever (H12).
 */
static void linger_when_killed(struct probe *p)
{
	struct probe *another = p->arg;
	s64 old_ns;

	if (!scene_spin(&p->task.state, TWQ_KILLED))
		return;
	mdelay(5);
	if (!twq_task_queue_at(&another->task, T0 + 5 * SEC, &old_ns))
		atomic_inc(&sync_finished);
}

struct sync {
	struct probe *p;
	int err;
	int finished;
};

/*
 * Should destroy_sync() not wait, then the end of the task completes what lies
 * on the stack just below: until that is over nothing is called here, and the
 * case fails instead of the machine.
 */
static void sync_by_puppet(void *arg)
{
	struct sync *sync = arg;
	int turns;

	sync->err = twq_task_destroy_sync(&sync->p->task);
	sync->finished = atomic_read(&sync_finished);
	for (turns = 0; !sync->finished && turns < SYNC_TURNS; turns++)
		cpu_relax();
}

static bool sync_is_over(void)
{
	int turns;

	for (turns = 0; turns < 10000; turns++) {
		if (world_puppet_done(world_cpu()))
			return true;
		usleep_range(500, 1000);
	}
	return false;
}

static void h12_destroy_sync_waits_for_process(struct kunit *test)
{
	int other = world_other_cpu(test);
	struct probe *p = probe_new_shared(test, other);
	struct sync sync = { .p = p, .finished = -1 };

	p->arg = probe_new_shared(test, world_cpu());
	p->hook = linger_when_killed;
	atomic_set(&sync_finished, 0);
	twq_task_wakeup(&p->task, TWQ_WOKEN_IO);
	KUNIT_EXPECT_TRUE(test, scene_spin(&p->running, 1));
	world_puppet(world_cpu(), sync_by_puppet, &sync);
	if (!sync_is_over()) {
		KUNIT_FAIL(test, "destroy_sync() waits for ever");
		/* A run, whatever for, is its end. */
		twq_task_wakeup(&p->task, 0);
		KUNIT_ASSERT_TRUE(test, sync_is_over());
	}
	KUNIT_EXPECT_EQ(test, sync.err, 0);
	KUNIT_EXPECT_EQ(test, sync.finished, 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->running), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->runs), 1);
}

/* -- where others stand when it ends -------------------------------------- */

static void destroy_at_push(struct twq_task *task)
{
	struct probe *p = probe_of(task);
	bool done = scene_puppet_do((long)p->arg, OP_DESTROY, p, 0);

	p->arg = (void *)(long)(done && !atomic_read(&p->released));
}

static void h16_destroyed_queued_before_the_push(struct kunit *test)
{
	long third = scene_third_cpu(test);
	struct probe *p = destroy_at(test, T0 + 5 * MS);

	p->arg = (void *)third;
	world_at(TWQ_TP_PUSH, &p->task, destroy_at_push);
	twq_task_wakeup(&p->task, TWQ_WOKEN_IO);
	KUNIT_EXPECT_TRUE(test, world_at_reached());
	KUNIT_EXPECT_TRUE(test, p->arg);
	expect_gone(test, p, 0);
}

/* KILLED comes while the run starts: process() may see one run, no more. */
static void h16_destroyed_at_the_start_of_a_run(struct kunit *test)
{
	long third = scene_third_cpu(test);
	struct probe *p = destroy_at(test, T0 + 5 * MS);

	p->arg = (void *)third;
	p->next_ns = T0 - MS;
	world_at(TWQ_TP_STARTED, &p->task, destroy_at_push);
	twq_task_wakeup(&p->task, TWQ_WOKEN_IO);
	world_settle(test);
	KUNIT_EXPECT_TRUE(test, world_at_reached());
	KUNIT_EXPECT_TRUE(test, p->arg);
	KUNIT_EXPECT_LE(test, atomic_read(&p->runs), 1);
	expect_gone(test, p, atomic_read(&p->runs));
}

static void rule9_destroyed_after_process_is_released(struct kunit *test)
{
	long third = scene_third_cpu(test);
	struct probe *p = destroy_new(test);

	p->arg = (void *)third;
	p->next_ns = T0 + 5 * MS;
	world_at(TWQ_TP_REQUEUED, &p->task, destroy_at_push);
	twq_task_wakeup(&p->task, TWQ_WOKEN_IO);
	world_settle(test);
	KUNIT_EXPECT_TRUE(test, world_at_reached());
	KUNIT_EXPECT_TRUE(test, p->arg);
	expect_gone(test, p, 1);
}

static void destroy_at_enter(struct twq_task *task)
{
	struct probe *p = probe_of(task);

	p->arg = (void *)(long)scene_puppet_do((long)p->arg, OP_DESTROY, p, 0);
}

/* queue() has begun: what it has seen of the task is not true any more. */
static void k5_destroyed_before_the_tree_is_entered(struct kunit *test)
{
	long other = world_other_cpu(test);
	struct probe *p = probe_new_shared(test, world_cpu());

	scene_do(OP_QUEUE_AT, p, T0 + 5 * MS);
	p->arg = (void *)other;
	world_at(TWQ_TP_ENTER, &p->task, destroy_at_enter);
	KUNIT_EXPECT_EQ(test, scene_do(OP_QUEUE_AT, p, T0 + MS), -ESRCH);
	KUNIT_EXPECT_TRUE(test, world_at_reached());
	KUNIT_EXPECT_TRUE(test, p->arg);
	expect_gone(test, p, 0);
}

/* What its owner finds when he comes to it. */
static void find_in_tree(struct twq_task *task)
{
	struct probe *p = probe_of(task);

	p->last_cpu = raw_smp_processor_id();
	p->arg = (void *)(long)(probe_in_local(p) &&
				!atomic_read(&p->released));
}

/* Its tree is its owner's, who alone takes it out, when he comes to it. */
static void h17_destroyed_elsewhere_leaves_the_tree_to_its_owner(struct kunit *t)
{
	int other = world_other_cpu(t);
	struct probe *p = probe_new_on(t, other);

	scene_do_on(other, OP_QUEUE_AT, p, T0 + 5 * MS);
	world_at(TWQ_TP_STARTED, &p->task, find_in_tree);
	KUNIT_EXPECT_EQ(t, twq_task_destroy(&p->task), 0);
	expect_gone(t, p, 0);
	KUNIT_EXPECT_TRUE(t, world_at_reached());
	KUNIT_EXPECT_TRUE(t, p->arg);
	KUNIT_EXPECT_EQ(t, p->last_cpu, other);
}

/* Expiry holds the lock, has taken it out and woken it. */
static void h2_destroyed_by_another_while_expiry_wakes_it(struct kunit *test)
{
	long other = world_other_cpu(test);
	struct probe *p = probe_new_shared(test, world_cpu());

	p->arg = (void *)other;
	world_at(TWQ_TP_WOKEN, &p->task, destroy_at_push);
	scene_do(OP_QUEUE_AT, p, T0 + 5 * MS);
	world_advance(test, T0 + 5 * MS);
	KUNIT_EXPECT_TRUE(test, world_at_reached());
	KUNIT_EXPECT_TRUE(test, p->arg);
	expect_gone(test, p, 0);
}

static void destroy_the_other(struct twq_task *task)
{
	struct probe *other = probe_of(task)->arg;

	twq_task_destroy(&other->task);
}

/*
 * Both were found due at one time, by a look that takes more than one: the first
 * is due earlier and has one of its own. The run of one ends the next.
 */
static void h16_destroyed_between_expiry_and_run(struct kunit *test)
{
	struct probe *first = destroy_at(test, T0 + 5 * MS);
	struct probe *one = destroy_at(test, T0 + 5 * MS + 1);
	struct probe *next = destroy_at(test, T0 + 5 * MS + 2);

	one->arg = next;
	world_at(TWQ_TP_STARTED, &one->task, destroy_the_other);
	world_advance(test, T0 + 6 * MS);
	KUNIT_EXPECT_TRUE(test, world_at_reached());
	KUNIT_EXPECT_EQ(test, atomic_read(&first->runs), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&one->runs), 1);
	expect_gone(test, next, 0);
}

/* Each task holds the module, from its beginning to its very end. */
static void rule13_task_holds_the_module(struct kunit *test)
{
	int before = world_module_refs();
	struct probe *p = destroy_new(test);

	if (IS_BUILTIN(CONFIG_TWQ))
		kunit_skip(test, "built in");
	KUNIT_EXPECT_EQ(test, world_module_refs(), before + 1);
	twq_task_wakeup(&p->task, TWQ_WOKEN_IO);
	world_settle(test);
	KUNIT_EXPECT_EQ(test, world_module_refs(), before + 1);
	KUNIT_EXPECT_EQ(test, twq_task_destroy(&p->task), 0);
	world_settle(test);
	KUNIT_EXPECT_EQ(test, world_module_refs(), before);
}

static struct kunit_case destroy_cases[] = {
	KUNIT_CASE_PARAM(rule13_task_holds_the_module, kind_gen_params),
	KUNIT_CASE_PARAM(rule11_destroy_unused, kind_gen_params),
	KUNIT_CASE_PARAM(rule11_destroy_after_a_run, kind_gen_params),
	KUNIT_CASE_PARAM(rule11_destroy_in_tree, kind_gen_params),
	KUNIT_CASE_PARAM(rule11_destroy_disarmed_in_tree, kind_gen_params),
	KUNIT_CASE_PARAM(rule11_destroy_from_every_cpu, kind_gen_params),
	KUNIT_CASE_PARAM(rule11_destroy_queued_is_not_run, kind_gen_params),
	KUNIT_CASE_PARAM(rule11_destroy_in_its_process, kind_gen_params),
	KUNIT_CASE_PARAM(rule11_destroy_running_from_other_cpu,
			 kind_gen_params),
	KUNIT_CASE_PARAM(rule11_destroy_beats_later_wakeups, kind_gen_params),
	KUNIT_CASE_PARAM(rule11_call_after_destroy_is_esrch, after_gen_params),
	KUNIT_CASE_PARAM(rule11_destroy_sync_unused, kind_gen_params),
	KUNIT_CASE_PARAM(rule11_destroy_sync_in_tree, kind_gen_params),
	KUNIT_CASE_PARAM(rule11_destroy_sync_in_tree_from_other_cpu,
			 kind_gen_params),
	KUNIT_CASE(h12_destroy_sync_waits_for_process),
	KUNIT_CASE_PARAM(h16_destroyed_queued_before_the_push,
			 kind_gen_params),
	KUNIT_CASE_PARAM(h16_destroyed_at_the_start_of_a_run, kind_gen_params),
	KUNIT_CASE_PARAM(h16_destroyed_between_expiry_and_run, kind_gen_params),
	KUNIT_CASE_PARAM(rule9_destroyed_after_process_is_released,
			 kind_gen_params),
	KUNIT_CASE(k5_destroyed_before_the_tree_is_entered),
	KUNIT_CASE(h17_destroyed_elsewhere_leaves_the_tree_to_its_owner),
	KUNIT_CASE(h2_destroyed_by_another_while_expiry_wakes_it),
	{}
};

static struct kunit_suite destroy_suite = {
	.name = "twq_destroy",
	.init = world_init,
	.exit = world_exit,
	.test_cases = destroy_cases,
};

kunit_test_suite(destroy_suite);
