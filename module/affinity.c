// SPDX-License-Identifier: GPL-2.0
/*
 * Masks of allowed CPUs. A mask is immutable and replaced as a whole; readers
 * hold rcu_read_lock(). One CPU and all CPUs, nearly every task, are constants
 * of the kernel; other masks are allocated and freed by RCU. Changes of a
 * task's mask are made under the shared lock; trees do not depend on it.
 */
#include <linux/err.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/smp.h>

#include <trace/events/twq.h>

#include "affinity.h"
#include "cpu.h"
#include "shared.h"
#include "task.h"
#include "testpoint.h"

struct twq_mask {
	struct rcu_head rcu;
	unsigned long bits[];
};

static const struct cpumask *twq_mask_constant(const struct cpumask *mask)
{
	if (cpumask_equal(mask, cpu_possible_mask))
		return cpu_possible_mask;
	if (cpumask_weight(mask) == 1)
		return cpumask_of(cpumask_first(mask));
	return NULL;
}

/**
 * twq_mask_get() - a mask that stays as it is
 * @mask: possible CPUs
 * @gfp: for the copy, if one is needed
 *
 * Context: as @gfp says.
 * Return: to be given back by twq_mask_put(); -EINVAL when no CPU of @mask is
 * online, -ENOMEM.
 */
const struct cpumask *twq_mask_get(const struct cpumask *mask, gfp_t gfp)
{
	const struct cpumask *constant = twq_mask_constant(mask);
	struct twq_mask *m;

	if (!cpumask_subset(mask, cpu_possible_mask) ||
	    !cpumask_intersects(mask, twq_cpu_serving()))
		return ERR_PTR(-EINVAL);
	if (constant)
		return constant;
	m = kmalloc(sizeof(*m) + cpumask_size(), gfp);
	if (!m)
		return ERR_PTR(-ENOMEM);
	cpumask_copy(to_cpumask(m->bits), mask);
	return to_cpumask(m->bits);
}

/**
 * twq_mask_put() - give a mask back, once no new reader can find it
 * @mask: from twq_mask_get(), or NULL
 *
 * Context: any but hard interrupt and NMI.
 */
void twq_mask_put(const struct cpumask *mask)
{
	struct twq_mask *m;

	if (!mask || twq_mask_constant(mask))
		return;
	m = container_of(cpumask_bits(mask), struct twq_mask, bits[0]);
	kfree_rcu(m, rcu);
}

/* Where no CPU of the mask is online, any may run the task. */
static bool twq_mask_allows(const struct cpumask *mask, int cpu)
{
	return cpumask_test_cpu(cpu, mask) ||
	       !cpumask_intersects(mask, twq_cpu_serving());
}

/*
 * The present CPU if it may, else an allowed one that is online, else an
 * allowed one: its stand-in will run the task.
 */
static int twq_mask_pick(const struct cpumask *mask)
{
	int cpu = smp_processor_id();

	if (cpumask_test_cpu(cpu, mask) &&
	    cpumask_test_cpu(cpu, twq_cpu_serving()))
		return cpu;
	cpu = cpumask_any_and_distribute(mask, twq_cpu_serving());
	return cpu < nr_cpu_ids ? cpu : cpumask_first(mask);
}

/**
 * twq_task_pick_cpu() - the CPU whose run queue a task goes to
 * @task: a QUEUED task
 * @state: its state
 *
 * Context: any but NMI, preemption off.
 * Return: the owner, or an allowed CPU.
 */
int twq_task_pick_cpu(const struct twq_task *task, u32 state)
{
	int cpu = twq_state_cpu(state);

	if (state & TWQ_SHARED_WQ) {
		/* Pairs with twq_task_share() and twq_task_change_mask(). */
		rcu_read_lock();
		cpu = twq_mask_pick(rcu_dereference(task->allowed));
		rcu_read_unlock();
	}
	return cpu;
}

/**
 * twq_task_allows() - whether a CPU is in a task's mask
 * @task: a task with SHARED_WQ. Looked at with RUNNING set and nothing but
 *	process() to come, the mask is the one in force when the run starts:
 *	whoever changes it later changes the mask of a running task.
 * @cpu: the CPU
 *
 * Context: any but NMI.
 * Return: whether it is.
 */
bool twq_task_allows(const struct twq_task *task, int cpu)
{
	bool allowed;

	/* Pairs with twq_task_change_mask(), see above. */
	rcu_read_lock();
	allowed = twq_mask_allows(rcu_dereference(task->allowed), cpu);
	rcu_read_unlock();
	return allowed;
}

/**
 * twq_task_drop_mask() - at the end of a task: give its mask back
 * @task: a task that nobody can run or change any more
 *
 * Context: any but hard interrupt and NMI.
 */
void twq_task_drop_mask(struct twq_task *task)
{
	const struct cpumask *mask;

	/* Final, since the task is KILLED. */
	if (!(twq_task_state(task) & TWQ_SHARED_WQ))
		return;
	/* A change that has not seen KILLED yet ends before this. */
	twq_shared_lock();
	mask = rcu_dereference_protected(task->allowed,
					 lockdep_is_held(&twq_shared.lock));
	RCU_INIT_POINTER(task->allowed, NULL);
	twq_shared_unlock();
	twq_mask_put(mask);
}

/* Init only: from one owner to SHARED_WQ with @allowed. */
static int twq_task_share(struct twq_task *task, const struct cpumask *allowed)
	__must_hold(&twq_shared.lock)
{
	int err;

	/*
	 * Before SHARED_WQ: without it nobody looks at the mask. The step pairs
	 * with the acquire in twq_task_cpus(), and with all other steps.
	 */
	rcu_assign_pointer(task->allowed, allowed);
	twq_test_point(TWQ_TP_SHARING, task);
	err = state_settle(task, TWQ_SHARED_WQ);
	if (err)
		RCU_INIT_POINTER(task->allowed, NULL);
	return err;
}

/**
 * twq_task_set_shared() - set SHARED_WQ on a task of one CPU
 * @task: a task that was neither queued nor woken yet
 *
 * For a task whose deadline other CPUs will move or whose affinity will change.
 *
 * Context: process or bottom half.
 * Return: 0; -EBUSY when the task has been queued or woken; -ESRCH.
 */
int twq_task_set_shared(struct twq_task *task)
{
	int err = 0;
	u32 s;

	/* The shared lock keeps other changes of a task in init away. */
	twq_shared_lock();
	s = twq_task_state(task);
	if (s & TWQ_USED)
		err = -EBUSY;
	else if (!(s & TWQ_SHARED_WQ))
		err = twq_task_share(task, cpumask_of(twq_state_cpu(s)));
	twq_shared_unlock();
	return err;
}
EXPORT_SYMBOL_GPL(twq_task_set_shared);

/* Puts @allowed in force; *@spare is the mask that is not needed any more. */
static int twq_task_change_mask(struct twq_task *task,
				const struct cpumask *allowed,
				const struct cpumask **spare)
	__must_hold(&twq_shared.lock)
{
	u32 s = twq_task_state(task);
	int err, cpu = cpumask_first(allowed);

	if (s & TWQ_KILLED)
		return -ESRCH;
	if (s & TWQ_SHARED_WQ) {
		/* Pairs with the readers of the mask. */
		*spare = rcu_replace_pointer(task->allowed, allowed,
					     lockdep_is_held(&twq_shared.lock));
		return 0;
	}
	if (cpumask_weight(allowed) > 1) {
		err = twq_task_share(task, allowed);
		if (!err)
			*spare = NULL;
	} else if (cpu == twq_state_cpu(s)) {
		err = 0;
	} else {
		err = state_settle(task, cpu << TWQ_CPU_SHIFT);
	}
	return err == -EBUSY ? -EXDEV : err;
}

/**
 * twq_task_set_affinity() - change the CPUs that a task may run on
 * @task: the task
 * @mask: the CPUs
 * @gfp: for a copy of @mask where one is needed
 *
 * During init (more than one CPU then set SHARED_WQ), or on a task with
 * SHARED_WQ at any time, from within process() too. Trees do not depend on
 * the mask, so a queued task keeps its position. A task that waits in the run
 * queue of a CPU that it has lost is passed on instead of being run.
 *
 * Context: process or bottom half, as @gfp says.
 * Return: 0; -EINVAL when no CPU of @mask is online; -EXDEV when it would let
 * another CPU touch a task without SHARED_WQ that was queued or woken;
 * -ENOMEM; -ESRCH after destroy. Nothing is changed by a failure.
 */
int twq_task_set_affinity(struct twq_task *task, const struct cpumask *mask,
			  gfp_t gfp)
{
	const struct cpumask *allowed = twq_mask_get(mask, gfp);
	const struct cpumask *spare = allowed;
	int err;

	if (IS_ERR(allowed))
		return PTR_ERR(allowed);
	twq_shared_lock();
	err = twq_task_change_mask(task, allowed, &spare);
	twq_test_point(TWQ_TP_REMASKED, task);
	twq_shared_unlock();
	if (err == -EXDEV) {
		twq_count(refused);
		trace_twq_foreign(task, false);
	}
	twq_mask_put(spare);
	return err;
}
EXPORT_SYMBOL_GPL(twq_task_set_affinity);

/**
 * twq_task_cpus() - which CPUs a task may run on
 * @task: the task
 * @nr_cpus: where their number goes
 *
 * Context: any but NMI.
 * Return: the first of them.
 */
unsigned int twq_task_cpus(const struct twq_task *task, unsigned int *nr_cpus)
{
	/* Pairs with twq_task_share(), after whose step a mask is there. */
	u32 s = atomic_read_acquire(&task->state);
	unsigned int cpu = twq_state_cpu(s);
	const struct cpumask *mask;

	*nr_cpus = 1;
	if (!(s & TWQ_SHARED_WQ))
		return cpu;
	rcu_read_lock();
	mask = rcu_dereference(task->allowed);
	/* NULL when the task has just ended. */
	if (mask) {
		*nr_cpus = cpumask_weight(mask);
		cpu = cpumask_first(mask);
	}
	rcu_read_unlock();
	return cpu;
}
