// SPDX-License-Identifier: GPL-2.0
/*
 * The suites' world, see world.h. Time stands still unless a test moves it;
 * what other CPUs do is told to them. The only real waiting is for passes that
 * have been asked for, with a limit that no working pass comes near.
 */
#include <linux/cpu.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "check.h"
#include "cpu.h"
#include "shared.h"
#include "task.h"
#include "timer.h"
#include "utask.h"
#include "world.h"

#define WORLD_LIMIT_MS	10000
#define WORLD_QUICK_TURNS 200	/* before it sleeps between two looks */
#define WORLD_PROBES	2048

struct puppet {
	struct task_struct *thread;
	void (*fn)(void *arg);
	void *arg;
	bool busy;
};

static struct {
	struct puppet puppets[NR_CPUS];
	struct probe *probes[WORLD_PROBES];
	unsigned int nr_probes;
	int module_refs;
	s64 now_ns;
	bool up;
	enum twq_testpoint where;
	struct twq_task *at;
	void (*at_fn)(struct twq_task *task);
	atomic_t at_reached;
} world;

/* -- other CPUs ----------------------------------------------------------- */

static int puppet_thread(void *arg)
{
	struct puppet *puppet = arg;

	while (!kthread_should_stop()) {
		set_current_state(TASK_INTERRUPTIBLE);
		/* Pairs with world_puppet(): @fn and @arg are seen. */
		if (!smp_load_acquire(&puppet->busy)) {
			if (!kthread_should_stop())
				schedule();
			__set_current_state(TASK_RUNNING);
			continue;
		}
		__set_current_state(TASK_RUNNING);
		puppet->fn(puppet->arg);
		/* Pairs with world_puppet_done(): what @fn did is seen. */
		smp_store_release(&puppet->busy, false);
	}
	return 0;
}

void world_puppet(int cpu, void (*fn)(void *arg), void *arg)
{
	struct puppet *puppet = &world.puppets[cpu];

	puppet->fn = fn;
	puppet->arg = arg;
	/* Pairs with puppet_thread(). */
	smp_store_release(&puppet->busy, true);
	wake_up_process(puppet->thread);
}

bool world_puppet_done(int cpu)
{
	/* Pairs with puppet_thread(). */
	return !smp_load_acquire(&world.puppets[cpu].busy);
}

bool world_puppet_wait(int cpu)
{
	unsigned long turns;

	for (turns = 0; turns < WORLD_LIMIT_MS * 200; turns++) {
		if (world_puppet_done(cpu))
			return true;
		udelay(5);
	}
	return false;
}

long world_on(int cpu, long (*fn)(void *arg), void *arg)
{
	return work_on_cpu(cpu, fn, arg);
}

int world_cpu(void)
{
	return 0;
}

int world_other_cpu(struct kunit *test)
{
	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");
	return cpumask_next(world_cpu(), cpu_online_mask);
}

/* -- time ----------------------------------------------------------------- */

static bool cpu_is_quiet(struct twq_cpu *c)
{
	return !READ_ONCE(c->bh.state) && !hrtimer_active(&c->rest.hr) &&
	       llist_empty(&c->inbox) &&
	       !READ_ONCE(c->taken) && !READ_ONCE(c->run);
}

static void world_nop(void *info)
{
}

static bool world_is_quiet(void)
{
	int cpu;

	/* Kicks under way are taken: two rounds, as in twq_cpu_exit(). */
	on_each_cpu(world_nop, NULL, 1);
	on_each_cpu(world_nop, NULL, 1);
	for_each_possible_cpu(cpu)
		if (!cpu_is_quiet(per_cpu_ptr(&twq_cpus, cpu)))
			return false;
	return true;
}

void world_settle(struct kunit *test)
{
	unsigned int turn;

	for (turn = 0; turn < WORLD_LIMIT_MS; turn++) {
		/* What this CPU was asked for runs here and now. */
		local_bh_disable();
		local_bh_enable();
		if (world_is_quiet() && world_is_quiet())
			return;
		if (turn < WORLD_QUICK_TURNS)
			cond_resched();
		else
			usleep_range(500, 1000);
	}
	KUNIT_FAIL(test, "the queues do not come to rest");
}

void world_tick(s64 now_ns)
{
	int cpu;

	world.now_ns = now_ns;
	twq_fake_clock_set(now_ns);
	/* What the hrtimers would do: ask for a pass where it is due. */
	if (twq_shared.timer.armed_ns <= now_ns)
		twq_cpu_raise();
	for_each_possible_cpu(cpu) {
		struct twq_cpu *c = per_cpu_ptr(&twq_cpus, cpu);

		if (READ_ONCE(c->timer.armed_ns) <= now_ns)
			twq_cpu_kick(c);
	}
	/* What this CPU was asked for runs here and now. */
	local_bh_disable();
	local_bh_enable();
}

void world_advance(struct kunit *test, s64 now_ns)
{
	world_tick(now_ns);
	world_settle(test);
}

void world_real_clock(struct kunit *test)
{
	/* What is armed in fake time means nothing to the real clock. */
	world_advance(test, TWQ_ETERNITY - 1);
	twq_fake_clock_stop();
}

/* -- test points ---------------------------------------------------------- */

/* Stands for no task, at points that are no task's. */
static struct twq_task world_nobody;

static void world_testpoint(enum twq_testpoint where, struct twq_task *task)
{
	if (!task)
		task = &world_nobody;
	/* Pairs with world_at(). */
	if (task != smp_load_acquire(&world.at) || where != world.where)
		return;
	WRITE_ONCE(world.at, NULL);
	atomic_inc(&world.at_reached);
	world.at_fn(task);
}

void world_at(enum twq_testpoint where, struct twq_task *task,
	      void (*fn)(struct twq_task *task))
{
	world.where = where;
	world.at_fn = fn;
	atomic_set(&world.at_reached, 0);
	/* Pairs with world_testpoint(). */
	smp_store_release(&world.at, task ?: &world_nobody);
}

bool world_at_reached(void)
{
	return atomic_read(&world.at_reached);
}

/* -- probes --------------------------------------------------------------- */

static struct twq_task *probe_process(struct twq_task *task, void *ctx,
				      u32 reasons)
{
	struct probe *p = ctx;

	if (atomic_inc_return(&p->running) > 1)
		atomic_inc(&p->overlaps);
	p->reasons |= reasons;
	p->last_reasons = reasons;
	p->last_cpu = raw_smp_processor_id();
	p->last_ns = twq_task_run_time(task);
	if (p->hook)
		p->hook(p);
	if (!p->keep)
		twq_task_set_expires(task, p->next_ns);
	atomic_dec(&p->running);
	if (p->free_in_process && !twq_task_fini(task)) {
		atomic_inc(&p->released);
		atomic_inc(&p->runs);
		return NULL;
	}
	atomic_inc(&p->runs);
	return task;
}

static void probe_release(struct twq_task *task)
{
	struct probe *p = container_of(task, struct probe, task);

	if (twq_node_linked(&task->node) || atomic_read(&p->running))
		atomic_inc(&p->in_use);
	atomic_inc(&p->released);
}

static const struct twq_task_ops probe_ops = {
	.process = probe_process,
	.release = probe_release,
};

struct probe *probe_new(struct kunit *test, const struct cpumask *mask)
{
	struct probe *p = kzalloc(sizeof(*p), GFP_KERNEL);
	int err;

	KUNIT_ASSERT_NOT_NULL(test, p);
	p->next_ns = TWQ_ETERNITY;
	p->last_cpu = -1;
	err = world.nr_probes == WORLD_PROBES ? -ENOSPC :
	      twq_task_init(&p->task, &probe_ops, p, mask, GFP_KERNEL);
	if (err)
		kfree(p);
	/* Not kunit_skip(): a case that is skipped does not count as failed. */
	KUNIT_ASSERT_EQ(test, err, 0);
	world.probes[world.nr_probes++] = p;
	return p;
}

struct probe *probe_new_on(struct kunit *test, int cpu)
{
	return probe_new(test, cpumask_of(cpu));
}

struct probe *probe_new_shared(struct kunit *test, int cpu)
{
	struct probe *p = probe_new_on(test, cpu);

	KUNIT_ASSERT_EQ(test, twq_task_set_shared(&p->task), 0);
	return p;
}

struct probe_deadline {
	struct probe *p;
	s64 deadline_ns;
};

static long probe_queue_here(void *arg)
{
	struct probe_deadline *d = arg;

	twq_task_set_expires(&d->p->task, d->deadline_ns);
	return twq_task_queue(&d->p->task);
}

int probe_queue_on(struct probe *p, int cpu, s64 deadline_ns)
{
	struct probe_deadline d = { p, deadline_ns };

	return world_on(cpu, probe_queue_here, &d);
}

/* Asks the tree itself, not the flag that names it. */
static bool probe_in(const struct probe *p, const struct twq_queue *q)
{
	struct rb_node *rb = (struct rb_node *)&p->task.node.rb;

	if (RB_EMPTY_NODE(rb))
		return false;
	while (rb_parent(rb))
		rb = rb_parent(rb);
	return rb == q->tree.rb_root.rb_node;
}

bool probe_in_shared(const struct probe *p)
{
	return probe_in(p, &twq_shared.queue);
}

bool probe_in_local(const struct probe *p)
{
	int cpu;

	for_each_possible_cpu(cpu)
		if (probe_in(p, &per_cpu(twq_cpus, cpu).queue))
			return true;
	return false;
}

/* -- beginning and end ---------------------------------------------------- */

/* References to the module; built into a kernel it has none. */
int world_module_refs(void)
{
#ifdef MODULE
	return module_refcount(THIS_MODULE);
#else
	return 0;
#endif
}

/* Old kernels run a module's suites before its init: then we go its ladder. */
static bool world_is_before_init(void)
{
#ifdef MODULE
	return THIS_MODULE->state != MODULE_STATE_LIVE;
#else
	return false;
#endif
}

static int world_init_module(void)
{
	int err;

	twq_shared_init();
	err = twq_slots_init_cache();
	if (err)
		return err;
	err = twq_cpu_init();
	if (err)
		twq_slots_exit_cache();
	return err;
}

static void world_exit_module(void)
{
	twq_shared_exit();
	twq_cpu_exit();
	twq_slots_exit_cache();
}

static int world_start_puppets(void)
{
	int cpu;

	for_each_online_cpu(cpu) {
		struct puppet *puppet = &world.puppets[cpu];
		struct task_struct *thread;

		thread = kthread_create_on_cpu(puppet_thread, puppet, cpu,
					       "twq_puppet/%u");
		if (IS_ERR(thread))
			return PTR_ERR(thread);
		puppet->thread = thread;
		wake_up_process(thread);
	}
	return 0;
}

int world_init(struct kunit *test)
{
	int err;

	memset(&world, 0, sizeof(world));
	world.now_ns = T0;
	err = world_is_before_init() ? world_init_module() : 0;
	if (err)
		return err;
	world.up = true;
	world.module_refs = world_module_refs();
	err = world_start_puppets();
	if (err)
		return err;
	set_cpus_allowed_ptr(current, cpumask_of(world_cpu()));
	twq_fake_clock_start(T0);
	WRITE_ONCE(twq_testpoint_fn, world_testpoint);
	return 0;
}

static void world_end_probes(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < world.nr_probes; i++) {
		struct probe *p = world.probes[i];

		KUNIT_EXPECT_EQ(test, atomic_read(&p->overlaps), 0);
		KUNIT_EXPECT_LE(test, atomic_read(&p->released), 1);
		KUNIT_EXPECT_EQ(test, atomic_read(&p->in_use), 0);
		if (!atomic_read(&p->released))
			twq_task_destroy_sync(&p->task);
	}
	world_settle(test);
	for (i = 0; i < world.nr_probes; i++) {
		if (twq_node_linked(&world.probes[i]->task.node))
			KUNIT_FAIL(test, "a probe was left in a tree");
		else
			kfree(world.probes[i]);
	}
}

void world_exit(struct kunit *test)
{
	int cpu;

	if (!world.up)
		return;
	WRITE_ONCE(twq_testpoint_fn, NULL);
	twq_fake_clock_start(world.now_ns);
	world_settle(test);
	KUNIT_EXPECT_STREQ(test, twq_trees_flaw() ?: "", "");
	world_end_probes(test);
	for_each_possible_cpu(cpu) {
		struct twq_cpu *c = per_cpu_ptr(&twq_cpus, cpu);

		KUNIT_EXPECT_EQ(test, c->queue.nr, 0);
		if (world.puppets[cpu].thread)
			kthread_stop(world.puppets[cpu].thread);
	}
	KUNIT_EXPECT_EQ(test, twq_shared.queue.nr, 0);
	KUNIT_EXPECT_EQ(test, world_module_refs(), world.module_refs);
	world_real_clock(test);
	set_cpus_allowed_ptr(current, cpu_possible_mask);
	if (world_is_before_init())
		world_exit_module();
}
