// SPDX-License-Identifier: GPL-2.0
/*
 * Suite twq_memory: the in-kernel calls that allocate, when there is no memory.
 * A copy of the mask is all that they need, and only for a mask of neither one
 * CPU nor all. What user space can reach, test_memory_*.c tries.
 */
#include <linux/module.h>
#include <linux/sched.h>

#include "scene.h"

/* Not GFP_KERNEL, which failslab spares unless told; no word in the log. */
#define GFP_NO_MEMORY	(GFP_ATOMIC | __GFP_NOWARN)

/* The next allocation of this thread fails. */
static void fail_next(struct kunit *test)
{
#ifdef CONFIG_FAILSLAB
	current->fail_nth = 1;
#else
	kunit_skip(test, "needs a kernel with failslab");
#endif
}

/* True if it was tried. */
static bool fail_was_used(void)
{
#ifdef CONFIG_FAILSLAB
	bool used = !current->fail_nth;

	current->fail_nth = 0;
	return used;
#else
	return false;
#endif
}

static struct cpumask two_cpus(struct kunit *test)
{
	struct cpumask mask = *cpumask_of(world_cpu());

	if (num_online_cpus() < 3)
		kunit_skip(test, "needs a mask of neither one CPU nor all");
	cpumask_set_cpu(world_other_cpu(test), &mask);
	return mask;
}

static struct twq_task *never(struct twq_task *task, void *ctx, u32 reasons)
{
	return task;
}

static const struct twq_task_ops never_ops = { .process = never };

static void init_without_memory(struct kunit *test)
{
	struct cpumask mask = two_cpus(test);
	int users = world_module_refs();
	struct twq_task *task;

	task = kunit_kzalloc(test, sizeof(*task), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, task);
	fail_next(test);
	KUNIT_EXPECT_EQ(test, twq_task_init(task, &never_ops, NULL, &mask,
					    GFP_NO_MEMORY), -ENOMEM);
	KUNIT_EXPECT_TRUE(test, fail_was_used());
	KUNIT_EXPECT_EQ(test, world_module_refs(), users);
	KUNIT_EXPECT_EQ(test, twq_task_init(task, &never_ops, NULL, &mask,
					    GFP_NO_MEMORY), 0);
	KUNIT_EXPECT_EQ(test, twq_task_destroy_sync(task), 0);
	KUNIT_EXPECT_EQ(test, world_module_refs(), users);
}

KUNIT_ARRAY_PARAM(kind, scene_kinds, kind_desc);

/* Whether the task may take the mask or not: it is not even asked. */
static void set_affinity_without_memory(struct kunit *test)
{
	struct cpumask mask = two_cpus(test);
	struct probe *p = scene_probe_at(test, test->param_value, T0 + 5 * MS);
	u32 state = twq_task_state(&p->task);
	const struct cpumask *allowed = rcu_access_pointer(p->task.allowed);

	fail_next(test);
	KUNIT_EXPECT_EQ(test, twq_task_set_affinity(&p->task, &mask,
						    GFP_NO_MEMORY), -ENOMEM);
	KUNIT_EXPECT_TRUE(test, fail_was_used());
	KUNIT_EXPECT_EQ(test, twq_task_state(&p->task), state);
	KUNIT_EXPECT_PTR_EQ(test, rcu_access_pointer(p->task.allowed),
			    allowed);
	KUNIT_EXPECT_EQ(test, p->task.node.key_ns, T0 + 5 * MS);
	KUNIT_EXPECT_TRUE(test, probe_in_shared(p) || probe_in_local(p));
	world_advance(test, T0 + 5 * MS);
	KUNIT_EXPECT_EQ(test, atomic_read(&p->runs), 1);
}

static struct kunit_case memory_cases[] = {
	KUNIT_CASE(init_without_memory),
	KUNIT_CASE_PARAM(set_affinity_without_memory, kind_gen_params),
	{}
};

static struct kunit_suite memory_suite = {
	.name = "twq_memory",
	.init = world_init,
	.exit = world_exit,
	.test_cases = memory_cases,
};

kunit_test_suite(memory_suite);
