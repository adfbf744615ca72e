// SPDX-License-Identifier: GPL-2.0
/*
 * Tasks of the storm: their making, what their process() does, their end. A
 * task is held by references; the queues have one until release(), or until
 * destroy_sync() or a process() that ends its own task has returned.
 */
#include <linux/delay.h>
#include <linux/jhash.h>
#include <linux/ktime.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "storm_live.h"

/* -- process() ------------------------------------------------------------ */

/* Uses up the deadline when it is due; sometimes another one takes its place */
static void live_expire(struct live_task *t, u32 h)
{
	s64 run_ns = twq_task_run_time(&t->task);
	s64 due_ns = twq_task_expires(&t->task);
	s64 next_ns = TWQ_ETERNITY;

	if (due_ns > run_ns)
		return;
	if (!READ_ONCE(live.calm) && !(h & 3))
		next_ns = run_ns + (h >> 8) % MS;
	if (!twq_task_expire(&t->task, due_ns, next_ns))
		return;
	atomic_inc(&t->fired);
	if (next_ns != TWQ_ETERNITY)
		atomic_inc(&t->armed);
}

static void live_act_on_self(struct live_task *t, u32 h)
{
	switch (h % 16) {
	case 0:
		live_queue_at(t, live_when(h >> 4));
		break;
	case 1:
		live_queue_before(t, live_when(h >> 4));
		break;
	case 2:
		live_wakeup(t, h >> 4);
		break;
	case 3:
		live_set_affinity(t, live_some_cpus(h >> 4), GFP_ATOMIC);
		break;
	case 4:
		live_schedule(t, live_when(h >> 4));
		break;
	case 5:
		/* The queue after this run brings it back. */
		live_unlink(t);
		break;
	case 6:
		if (!(h & 0x70))
			live_destroy(t);
		break;
	case 7:
		/* So does it with this one. */
		atomic_or(TWQ_WOKEN_TIMER, &t->given);
		if (t->open)
			twq_task_set_expires(&t->task, live_when(h >> 4));
		break;
	default:
		udelay((h >> 4) % 8);
	}
}

static void live_act_on_other(u32 h)
{
	struct live_task *t = live_get((h >> 2) % LIVE_SLOTS);

	if (!t)
		return;
	switch (h & 3) {
	case 0:
		live_wakeup(t, h >> 8);
		break;
	case 1:
		live_queue_at(t, live_when(h >> 8));
		break;
	case 2:
		live_set_affinity(t, live_some_cpus(h >> 8), GFP_ATOMIC);
		break;
	default:
		if (!(h & 0xf00))
			live_destroy(t);
	}
	live_put(t);
}

/* False when it could not end itself: another CPU has become its host. */
static bool live_end_hidden(struct live_task *t)
{
	if (twq_task_fini(&t->task)) {
		live_wakeup(t, 0);
		return false;
	}
	atomic_dec(&t->running);
	atomic_dec(&live.hidden);
	live_put(t);
	return true;
}

static struct twq_task *live_process(struct twq_task *task, void *ctx,
				     u32 reasons)
{
	struct live_task *t = ctx;
	u32 h = jhash_2words(t->salt, atomic_read(&t->runs), live.seed);

	live_started(t, reasons);
	live_expire(t, h);
	if (t->hidden) {
		if (twq_task_expires(task) == TWQ_ETERNITY &&
		    live_end_hidden(t))
			return NULL;
	} else if (!READ_ONCE(live.calm)) {
		live_act_on_self(t, h >> 3);
		if (!(h & 7))
			live_act_on_other(h >> 3);
	}
	atomic_dec(&t->running);
	return task;
}

/* -- the end -------------------------------------------------------------- */

static void live_drop(struct live_task *t)
{
	if (twq_task_disarm(&t->task) != TWQ_ETERNITY)
		atomic_inc(&t->dropped);
	live_put(t);
}

static void live_check_gone(struct live_task *t, const char *name)
{
	if (atomic_read(&t->running))
		live_flaw("%s while process() runs", name);
	if (twq_node_linked(&t->task.node))
		live_flaw("%s while the task is in a tree", name);
	if (atomic_inc_return(&t->released) > 1)
		live_flaw("%s of a task that has gone", name);
}

static void live_release(struct twq_task *task)
{
	struct live_task *t = container_of(task, struct live_task, task);

	live_check_gone(t, "release()");
	live_drop(t);
}

static const struct twq_task_ops live_ops = {
	.process = live_process,
	.release = live_release,
};

static void live_killed(struct live_task *t)
{
	atomic_inc(&t->kills);
	atomic64_set(&t->killed_ns, ktime_get());
}

void live_destroy(struct live_task *t)
{
	struct live_call c = live_call(t);
	int err;

	live_begin_fact(t, LIVE_KILLED);
	err = twq_task_destroy(&t->task);
	if (!err)
		live_killed(t);
	if (err ? err != -ESRCH : c.done & LIVE_KILLED)
		live_flaw("destroy() answered %d, facts %x", err, c.done);
	live_fact(t, LIVE_KILLED);
}

/* -ESRCH does not say that the task is destroyed: another one may wait first */
void live_destroy_sync(struct live_task *t)
{
	struct live_call c = live_call(t);
	int err;

	live_begin_fact(t, LIVE_KILLED);
	err = twq_task_destroy_sync(&t->task);
	if (err ? err != -ESRCH : c.done & LIVE_KILLED)
		live_flaw("destroy_sync() answered %d, facts %x", err, c.done);
	if (err)
		return;
	WRITE_ONCE(t->ended, true);
	live_killed(t);
	live_check_gone(t, "destroy_sync() returned");
	live_fact(t, LIVE_KILLED);
	live_drop(t);
}

/* What the queues still do to it hits poison. */
void live_put(struct live_task *t)
{
	if (!refcount_dec_and_test(&t->ref))
		return;
	live_check_end(t);
	memset(&t->task, 0x6b, sizeof(t->task));
	atomic_dec(&live.live);
	kfree_rcu(t, rcu);
}

/* -- slots ---------------------------------------------------------------- */

struct live_task *live_get(unsigned int slot)
{
	struct live_task *t;

	rcu_read_lock();
	t = rcu_dereference(live.slots[slot]);
	if (t && !refcount_inc_not_zero(&t->ref))
		t = NULL;
	rcu_read_unlock();
	return t;
}

/* Takes @t out of its slot, if it is still there. */
void live_vacate(unsigned int slot, struct live_task *t)
{
	if (unrcu_pointer(cmpxchg(&live.slots[slot], RCU_INITIALIZER(t),
				  NULL)) == t)
		live_put(t);
}

/* Takes over the caller's reference; ends the task if the slot is taken. */
void live_publish(unsigned int slot, struct live_task *t)
{
	if (!cmpxchg(&live.slots[slot], NULL, RCU_INITIALIZER(t)))
		return;
	live_destroy(t);
	live_put(t);
}

/* -- the beginning -------------------------------------------------------- */

static void live_setup(struct live_task *t, enum live_class class, int cpu,
		       u32 salt)
{
	unsigned long cpus = BIT(cpu);

	if (class == LIVE_MANY)
		cpus |= live_some_cpus(salt);
	if (class == LIVE_MANY && hweight_long(cpus) == 1)
		class = LIVE_BOUND;
	t->class = class;
	t->owner = cpu;
	t->salt = salt;
	t->open = salt & 0x100;
	t->wild = (class == LIVE_MANY || class == LIVE_BOUND) &&
		  !(salt & 0x600);
	atomic64_set(&t->killed_ns, S64_MAX);
	/* One for the caller, one for the queues. */
	refcount_set(&t->ref, 2);
	live_mask_init(t, cpus);
}

static bool live_init(struct live_task *t)
{
	unsigned long cpus = t->masks[0].cpus;
	s64 since_ns = ktime_get();
	int err;

	err = twq_task_init(&t->task, &live_ops, t, to_cpumask(&cpus),
			    GFP_KERNEL);
	if (err) {
		if (err != -EINVAL || live_steady(cpus, since_ns))
			live_flaw("init() answered %d", err);
		return false;
	}
	if (t->class == LIVE_BOUND && twq_task_set_shared(&t->task))
		live_flaw("set_shared() fails on a new task");
	if (t->class == LIVE_MANY || t->class == LIVE_BOUND)
		live_fact(t, LIVE_SHARED);
	return true;
}

/**
 * live_new() - make a task, with a reference for the caller
 * @class: its class
 * @cpu: its CPU, or one of them
 * @salt: the choices
 *
 * Return: the task, which nobody can find yet, or NULL.
 */
struct live_task *live_new(enum live_class class, int cpu, u32 salt)
{
	struct live_task *t = kzalloc(sizeof(*t), GFP_KERNEL);

	if (!t)
		return NULL;
	live_setup(t, class, cpu, salt);
	if (!live_init(t)) {
		kfree(t);
		return NULL;
	}
	atomic_inc(&live.live);
	return t;
}

/* A task that nobody finds and that ends itself when its deadline comes. */
void live_new_hidden(enum live_class class, int cpu, u32 salt)
{
	s64 ns = ktime_get() + salt % (2 * MS);
	struct live_task *t = live_new(class, cpu, salt);

	if (!t)
		return;
	t->hidden = true;
	t->open = false;
	atomic_inc(&live.hidden);
	atomic_or(TWQ_WOKEN_TIMER, &t->given);
	twq_task_set_expires(&t->task, ns);
	live_account(t, TWQ_ETERNITY, ns);
	live_wakeup(t, 0);
	live_put(t);
}
