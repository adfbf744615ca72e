// SPDX-License-Identifier: GPL-2.0
/*
 * A task's way to a CPU, its run and its end. Whoever sets QUEUED has the duty
 * to bring the task to a run queue; whoever sets RUNNING has it alone until he
 * drops RUNNING. No lock is held while a callback runs.
 */
#include <linux/completion.h>
#include <linux/module.h>

#include <trace/events/twq.h>

#include "cpu.h"
#include "task.h"
#include "testpoint.h"

#ifdef TWQ_KUNIT
void (*twq_testpoint_fn)(enum twq_testpoint where, struct twq_task *t);
#endif

/* Apart, so that the way without a listener saves no register for it. */
static noinline bool twq_task_wake_told(struct twq_task *task, u32 reasons)
{
	trace_twq_wakeup(task, reasons);
	return state_wake(task, reasons & TWQ_WOKEN_ANY);
}

/**
 * twq_task_wake() - put reasons in
 * @task: the task
 * @reasons: TWQ_WOKEN_*
 *
 * Context: any but NMI.
 * Return: true when the caller has won the duty to bring it to a run queue.
 */
bool twq_task_wake(struct twq_task *task, u32 reasons)
{
	if (trace_twq_wakeup_enabled())
		return twq_task_wake_told(task, reasons);
	return state_wake(task, reasons & TWQ_WOKEN_ANY);
}

/**
 * twq_task_push() - bring a task that has become QUEUED to a CPU
 * @task: the task, which is the caller's until the push and nobody's after
 *
 * Context: any but NMI.
 */
void twq_task_push(struct twq_task *task)
{
	u32 s = twq_task_state(task);
	int cpu;

	twq_test_point(TWQ_TP_PUSH, task);
	/* Preemption off from here to the kick: see cpu.h. */
	preempt_disable();
	cpu = twq_task_pick_cpu(task, s);
	twq_cpu_push(per_cpu_ptr(&twq_cpus, cpu), &task->next);
	preempt_enable();
}

/**
 * twq_task_wakeup() - have a task run
 * @task: the task
 * @reasons: TWQ_WOKEN_* bits, ORed to those that wait already
 *
 * What the caller wrote before is seen by the run that follows. In process
 * context with bottom halves on, a run on the same CPU is left to ksoftirqd;
 * within local_bh_disable() it is made when they are on again.
 *
 * Context: any but NMI. The caller sees to it that the task exists.
 */
void twq_task_wakeup(struct twq_task *task, u32 reasons)
{
	if (twq_task_wake(task, reasons))
		twq_task_push(task);
}
EXPORT_SYMBOL_GPL(twq_task_wakeup);

/*
 * The end of a KILLED task, which is RUNNING: out of the tree, released. Where
 * the tree may not be touched, by a CPU that may.
 */
static void twq_task_reap(struct twq_task *task)
{
	if (!twq_task_detach(task)) {
		state_stop(task, twq_task_state(task), true, 0);
		twq_task_push(task);
		return;
	}
	trace_twq_end(task);
	twq_task_drop_mask(task);
	if (twq_task_state(task) & TWQ_AWAITED)
		/* Pairs with the cmpxchg() of who was first and who is late. */
		complete(READ_ONCE(task->gone));
	else
		task->ops->release(task);
	module_put(THIS_MODULE);
}

/* What a run that is to be ended, or not to be made here, leads to. */
static void twq_task_divert(struct twq_task *task, u32 s, u32 reasons)
{
	if (s & TWQ_KILLED) {
		/*
		 * A plain look may have seen it. What was written before it, to
		 * @gone and for release(), is read after it. Pairs with
		 * state_kill().
		 */
		smp_acquire__after_ctrl_dep();
		twq_task_reap(task);
		return;
	}
	twq_count(passed_on);
	state_stop(task, s, true, reasons);
	twq_task_push(task);
}

/*
 * Runs a task that is RUNNING and this CPU's. @s is its state since then; @reasons
 * have been taken out of it.
 */
static __always_inline void twq_task_run(struct twq_task *task, u32 s,
					 u32 reasons)
{
	twq_test_point(TWQ_TP_STARTED, task);
	if (unlikely(s & TWQ_KILLED || !twq_task_may_run(task, s))) {
		twq_task_divert(task, s, reasons);
		return;
	}
	twq_count(runs);
	trace_twq_run_begin(task, reasons);
	if (!task->ops->process(task, task->ctx, reasons)) {
		trace_twq_run_end(task, true);
		return;
	}
	/* If another CPU has become the host, that runs and queues it. */
	s = twq_task_state(task);
	if (twq_task_expires(task) != TWQ_ETERNITY && !(s & TWQ_NOT_OVER))
		twq_task_requeue(task);
	twq_test_point(TWQ_TP_REQUEUED, task);
	trace_twq_run_end(task, false);
	if (unlikely(state_stop(task, s, false, 0)))
		twq_task_push(task);
}

/**
 * twq_task_run_due() - run tasks that twq_task_take() has taken
 * @due: the tasks
 *
 * The time is read since they were taken, so that none seems to run before it
 * was armed.
 *
 * A task that was destroyed since then has its end here: the look at its state
 * comes after a destroy() that has returned.
 *
 * Context: bottom half, on the CPU that took them, no lock held.
 */
void twq_task_run_due(const struct twq_due *due)
{
	unsigned int i, nr = due->nr;
	s64 now_ns;

	if (!nr)
		return;
	now_ns = twq_clock_ns();
	for (i = 0; i < nr; i++) {
		struct twq_task *task = due->tasks[i];

		task->run_ns = now_ns;
		twq_task_run(task, twq_task_state(task), TWQ_WOKEN_TIMER);
	}
}

/**
 * twq_task_run_queued() - run tasks that were taken from a run queue
 * @next: the first of them; they are QUEUED, and the caller's
 * @nr: how many
 * @now_ns: the time, read since they were taken, so that none seems to run
 *	before it was woken
 *
 * Context: bottom half, on the CPU that serves the run queue, no lock held.
 */
void twq_task_run_queued(struct llist_node *next, unsigned int nr, s64 now_ns)
{
	while (nr--) {
		struct twq_task *task = llist_entry(next, struct twq_task, next);
		u32 s;

		next = next->next;
		task->run_ns = now_ns;
		s = state_start(task);
		twq_task_run(task, s, s & TWQ_WOKEN_ANY);
	}
}

/**
 * twq_task_fini() - end a task from within its process()
 * @task: the task, which nobody else knows of any more
 *
 * Context: within process(), which afterwards frees the task and returns NULL.
 * Return: 0; -EXDEV when the CPU has ceased to serve the task's queue
 * meanwhile: process() then returns the task and tries again in its next run,
 * which it asks for by twq_task_wakeup().
 */
int twq_task_fini(struct twq_task *task)
{
	if (!twq_task_detach(task))
		return -EXDEV;
	trace_twq_end(task);
	twq_task_drop_mask(task);
	module_put(THIS_MODULE);
	return 0;
}
EXPORT_SYMBOL_GPL(twq_task_fini);

static int twq_task_kill(struct twq_task *task, u32 awaited)
{
	int idle;

	trace_twq_destroy(task);
	idle = state_kill(task, awaited);
	if (idle < 0)
		return idle;
	if (idle)
		twq_task_reap(task);
	return 0;
}

/**
 * twq_task_destroy() - end a task, in any state, from any CPU
 * @task: the task; release() is called once no CPU can touch it any more,
 *	perhaps before this returns. It is not run again.
 *
 * Context: process or bottom half, within process() too.
 * Return: 0; -ESRCH when somebody else is ending it or has ended it.
 */
int twq_task_destroy(struct twq_task *task)
{
	return twq_task_kill(task, 0);
}
EXPORT_SYMBOL_GPL(twq_task_destroy);

/**
 * twq_task_destroy_sync() - end a task and wait until it has ended
 * @task: the task; after 0 it is the caller's memory again. release() is not
 *	called.
 *
 * Context: process, may sleep, holding nothing that process() waits for.
 * Return: 0; -ESRCH when somebody else is ending it, which says nothing about
 * whether it has ended.
 */
int twq_task_destroy_sync(struct twq_task *task)
{
	DECLARE_COMPLETION_ONSTACK(gone);
	int err;

	might_sleep();
	/*
	 * The first to wait; looked at only if his is the step with AWAITED,
	 * which comes after. Pairs with the READ_ONCE() in twq_task_reap().
	 */
	if (cmpxchg(&task->gone, NULL, &gone))
		return -ESRCH;
	err = twq_task_kill(task, TWQ_AWAITED);
	if (!err)
		wait_for_completion(&gone);
	return err;
}
EXPORT_SYMBOL_GPL(twq_task_destroy_sync);
