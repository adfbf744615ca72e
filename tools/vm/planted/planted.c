// SPDX-License-Identifier: GPL-2.0
/*
 * A module with one bug of each kind that the kernels of kernel.sh are built
 * to find: a checker that is asleep finds nothing in twq either. planted.sh
 * loads it with bug=NAME and wants the kernel's log to say so.
 */
#include <linux/delay.h>
#include <linux/hrtimer.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>

static char *bug = "none";
module_param(bug, charp, 0444);
MODULE_PARM_DESC(bug, "The bug to show");

/* -- KCSAN ---------------------------------------------------------------- */

static int planted_counter;

static int planted_race_thread(void *unused)
{
	while (!kthread_should_stop()) {
		planted_counter++;
		cond_resched();
	}
	return 0;
}

static void planted_race(void)
{
	struct task_struct *thread[2];
	int i;

	for (i = 0; i < 2; i++)
		thread[i] = kthread_run(planted_race_thread, NULL, "planted");
	msleep(3000);
	for (i = 0; i < 2; i++)
		if (!IS_ERR(thread[i]))
			kthread_stop(thread[i]);
}

/* -- KASAN, kmemleak ------------------------------------------------------ */

static int planted_seen;

static void planted_use_after_free(void)
{
	int *p = kzalloc(sizeof(*p), GFP_KERNEL);

	kfree(p);
	planted_seen = READ_ONCE(*p);
}

static void planted_leak(void)
{
	int i;

	/* Several: a stale pointer on some stack may hide one. */
	for (i = 0; i < 16; i++)
		planted_seen += !kmalloc(200, GFP_KERNEL);
}

/* -- lockdep, DEBUG_ATOMIC_SLEEP, DEBUG_PREEMPT, DEBUG_OBJECTS ------------- */

static DEFINE_MUTEX(planted_a);
static DEFINE_MUTEX(planted_b);

static void planted_lock_order(void)
{
	mutex_lock(&planted_a);
	mutex_lock(&planted_b);
	mutex_unlock(&planted_b);
	mutex_unlock(&planted_a);
	mutex_lock(&planted_b);
	mutex_lock(&planted_a);
	mutex_unlock(&planted_a);
	mutex_unlock(&planted_b);
}

static void planted_sleep(void)
{
	static DEFINE_SPINLOCK(lock);

	spin_lock(&lock);
	might_sleep();
	spin_unlock(&lock);
}

static void planted_preempt(void)
{
	planted_seen = smp_processor_id();
}

static enum hrtimer_restart planted_over(struct hrtimer *timer)
{
	return HRTIMER_NORESTART;
}

static void planted_timer(void)
{
	struct hrtimer timer;

	hrtimer_setup(&timer, planted_over, CLOCK_MONOTONIC,
		      HRTIMER_MODE_REL);
	hrtimer_cancel(&timer);
}

static const struct {
	const char *name;
	void (*show)(void);
} planted[] = {
	{ "race", planted_race },
	{ "use-after-free", planted_use_after_free },
	{ "leak", planted_leak },
	{ "lock-order", planted_lock_order },
	{ "sleep", planted_sleep },
	{ "preempt", planted_preempt },
	{ "timer", planted_timer },
};

static int __init planted_init(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(planted); i++) {
		if (!strcmp(bug, planted[i].name)) {
			planted[i].show();
			return 0;
		}
	}
	return -EINVAL;
}

static void __exit planted_exit(void)
{
}

module_init(planted_init);
module_exit(planted_exit);

MODULE_DESCRIPTION("A bug of each kind");
MODULE_LICENSE("GPL");
