// SPDX-License-Identifier: GPL-2.0
/*
 * The scene, see scene.h. A held CPU has its bottom halves off and spins, so
 * what is pushed to it stays QUEUED; it lets go by itself after some seconds,
 * since a case that was given up does not say so.
 */
#include <linux/cpumask.h>
#include <linux/delay.h>

#include "cpu.h"
#include "scene.h"

/* Of 5 microseconds. Long, for a machine whose CPUs take turns. */
#define SCENE_TURNS	(2000 * 1000)

const struct kind scene_near[3] = {
	{ .name = "local" },
	{ .name = "shared", .shared = true },
	{ .name = "many CPUs", .shared = true, .many = true },
};

const struct kind scene_kinds[5] = {
	{ .name = "local" },
	{ .name = "shared", .shared = true },
	{ .name = "many CPUs", .shared = true, .many = true },
	{ .name = "local elsewhere", .far = true },
	{ .name = "shared elsewhere", .shared = true, .far = true },
};

static struct {
	bool held[NR_CPUS];
	bool let_go[NR_CPUS];
	struct call calls[NR_CPUS];
} scene;

struct probe *scene_probe(struct kunit *test, const struct kind *kind)
{
	int cpu = world_cpu();

	if (kind->far || kind->many)
		cpu = world_other_cpu(test);
	if (kind->many)
		return probe_new(test, cpu_online_mask);
	return kind->shared ? probe_new_shared(test, cpu) :
			      probe_new_on(test, cpu);
}

struct probe *scene_probe_at(struct kunit *test, const struct kind *kind,
			     s64 deadline_ns)
{
	struct probe *p = scene_probe(test, kind);

	KUNIT_EXPECT_EQ(test, scene_do_on(scene_cpu(p), OP_QUEUE_AT, p,
					  deadline_ns), 0);
	return p;
}

int scene_cpu(const struct probe *p)
{
	unsigned int nr_cpus;

	return twq_task_cpus(&p->task, &nr_cpus);
}

struct probe *probe_of(struct twq_task *task)
{
	return container_of(task, struct probe, task);
}

static int scene_call(struct call *c)
{
	struct twq_task *task = &c->p->task;

	switch (c->op) {
	case OP_QUEUE:
		return twq_task_queue(task);
	case OP_QUEUE_AT:
		return twq_task_queue_at(task, c->ns, &c->old_ns);
	case OP_QUEUE_BEFORE:
		return twq_task_queue_before(task, c->ns, &c->old_ns);
	case OP_SCHEDULE:
		return twq_task_schedule(task, c->ns);
	case OP_UNLINK:
		return twq_task_unlink(task);
	case OP_SET_AFFINITY:
		return twq_task_set_affinity(task, cpumask_of(c->ns),
					     GFP_ATOMIC);
	case OP_DESTROY:
		return twq_task_destroy(task);
	case OP_DESTROY_SYNC:
		return twq_task_destroy_sync(task);
	case OP_DISARM:
		c->old_ns = twq_task_disarm(task);
		return 0;
	case OP_EXTEND:
		return twq_task_extend(task, c->ns) ? 0 : -EAGAIN;
	case OP_WAKEUP:
		twq_task_wakeup(task, c->ns);
		return 0;
	}
	return -EINVAL;
}

int scene_do(enum op op, struct probe *p, s64 ns)
{
	struct call c = { .op = op, .p = p, .ns = ns };

	return scene_call(&c);
}

void scene_puppet_call(void *arg)
{
	struct call *c = arg;

	c->ret = scene_call(c);
}

static long scene_work(void *arg)
{
	return scene_call(arg);
}

int scene_do_on(int cpu, enum op op, struct probe *p, s64 ns)
{
	struct call c = { .op = op, .p = p, .ns = ns };

	return world_on(cpu, scene_work, &c);
}

bool scene_puppet_do(int cpu, enum op op, struct probe *p, s64 ns)
{
	struct call *c = &scene.calls[cpu];

	*c = (struct call){ .op = op, .p = p, .ns = ns };
	world_puppet(cpu, scene_puppet_call, c);
	return world_puppet_wait(cpu) && !c->ret;
}

/* -- CPUs that are held --------------------------------------------------- */

static void scene_held(void *arg)
{
	int turns, cpu = raw_smp_processor_id();

	local_bh_disable();
	WRITE_ONCE(scene.held[cpu], true);
	for (turns = 0; turns < SCENE_TURNS; turns++) {
		if (READ_ONCE(scene.let_go[cpu]))
			break;
		udelay(5);
	}
	WRITE_ONCE(scene.held[cpu], false);
	local_bh_enable();
}

void scene_hold(struct kunit *test, int cpu)
{
	int turns;

	scene.held[cpu] = false;
	scene.let_go[cpu] = false;
	world_puppet(cpu, scene_held, NULL);
	for (turns = 0; turns < SCENE_TURNS; turns++) {
		if (READ_ONCE(scene.held[cpu]))
			return;
		udelay(5);
	}
	KUNIT_FAIL(test, "CPU %d cannot be held", cpu);
}

void scene_let_go(struct kunit *test, int cpu)
{
	KUNIT_EXPECT_TRUE(test, READ_ONCE(scene.held[cpu]));
	WRITE_ONCE(scene.let_go[cpu], true);
	KUNIT_EXPECT_TRUE(test, world_puppet_wait(cpu));
}

void scene_serve(int cpu, bool serving)
{
	struct cpumask *mask = (struct cpumask *)twq_cpu_serving();

	if (serving)
		cpumask_set_cpu(cpu, mask);
	else
		cpumask_clear_cpu(cpu, mask);
}

struct twq_cpu_stats scene_stats(void)
{
	struct twq_cpu_stats stats = {};
	int cpu;

	for_each_possible_cpu(cpu)
		twq_cpu_read_stats(cpu, &stats);
	return stats;
}

int scene_third_cpu(struct kunit *test)
{
	unsigned int cpu = cpumask_next(world_other_cpu(test), cpu_online_mask);

	if (cpu >= nr_cpu_ids)
		kunit_skip(test, "needs three CPUs");
	return cpu;
}

bool scene_spin(const atomic_t *word, u32 bits)
{
	int turns;

	for (turns = 0; turns < SCENE_TURNS; turns++) {
		if ((atomic_read(word) & bits) == bits)
			return true;
		udelay(5);
	}
	return false;
}
