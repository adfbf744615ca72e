// SPDX-License-Identifier: GPL-2.0
/*
 * The calls of the storm, each with what its answer means to the model, and the
 * step of a thread, which draws one. A step draws the same number of random
 * numbers whatever happens, so that what a thread does depends on its seed
 * alone; what it does it to depends on the others.
 */
#include <linux/bottom_half.h>
#include <linux/delay.h>
#include <linux/ktime.h>
#include <linux/sched.h>
#include <linux/smp.h>

#include "storm_live.h"

/* A deadline: mostly soon, sometimes past, sometimes far away. */
s64 live_when(u32 r)
{
	s64 now_ns = ktime_get();
	u32 rest = r >> 4;

	switch (r % 16) {
	case 0:
		return now_ns - rest % MS;
	case 1:
		return now_ns;
	case 2:
		return 1;
	case 3:
		return now_ns + LIVE_FAR_NS + rest;
	case 4:
	case 5:
	case 6:
		return now_ns + rest % (20 * MS);
	default:
		return now_ns + rest % (2 * MS);
	}
}

/* Any CPUs, online or not; rarely none. */
unsigned long live_some_cpus(u32 r)
{
	unsigned long all = cpumask_bits(cpu_possible_mask)[0];

	if (r & 0x300)
		return r & all ?: BIT(r % nr_cpu_ids) & all;
	return BIT((r >> 10) % nr_cpu_ids) & all;
}

void live_queue_at(struct live_task *t, s64 ns)
{
	struct live_call c = live_call(t);
	s64 old_ns;
	int err;

	atomic_or(TWQ_WOKEN_TIMER, &t->given);
	live_begin_fact(t, LIVE_USED);
	err = twq_task_queue_at(&t->task, ns, &old_ns);
	live_answered(&c, err, "queue_at");
	if (err)
		return;
	live_account(t, old_ns, ns);
	if (ns != TWQ_ETERNITY)
		live_fact(t, LIVE_USED);
}

void live_queue_before(struct live_task *t, s64 ns)
{
	struct live_call c = live_call(t);
	s64 old_ns;
	int err;

	atomic_or(TWQ_WOKEN_TIMER, &t->given);
	live_begin_fact(t, LIVE_USED);
	err = twq_task_queue_before(&t->task, ns, &old_ns);
	live_answered(&c, err, "queue_before");
	if (err)
		return;
	if (old_ns > ns)
		live_account(t, old_ns, ns);
	live_fact(t, LIVE_USED);
}

/* Returns 0 without a look at anything else when there is no deadline. */
static int live_queue_again(struct live_task *t)
{
	s64 before_ns = twq_task_expires(&t->task);
	struct live_call c = live_call(t);
	int err;

	live_begin_fact(t, LIVE_USED);
	err = twq_task_queue(&t->task);
	if (err || (before_ns != TWQ_ETERNITY &&
		    before_ns == twq_task_expires(&t->task)))
		live_answered(&c, err, "queue");
	return err;
}

void live_queue(struct live_task *t)
{
	live_queue_again(t);
}

void live_schedule(struct live_task *t, s64 ns)
{
	struct live_call c;
	int err;

	/* It does not tell whether it has armed. */
	if (!t->open) {
		live_queue_before(t, ns);
		return;
	}
	c = live_call(t);
	atomic_or(TWQ_WOKEN_TIMER | TWQ_WOKEN_OTHER, &t->given);
	live_begin_fact(t, LIVE_USED);
	err = twq_task_schedule(&t->task, ns);
	live_answered(&c, err, "schedule");
	if (!err)
		live_fact(t, LIVE_USED);
}

/* The caller has to queue it again. */
void live_unlink(struct live_task *t)
{
	struct live_call c = live_call(t);

	live_answered(&c, twq_task_unlink(&t->task), "unlink");
}

static void live_unlink_and_queue(struct live_task *t)
{
	live_unlink(t);
	/* On its CPU just before, and no longer: somebody else has to do it. */
	if (live_queue_again(t) == -EXDEV)
		WRITE_ONCE(t->unplaced, true);
}

static void live_set_and_queue(struct live_task *t, s64 ns)
{
	if (!t->open || t->class == LIVE_RAW)
		return;
	local_bh_disable();
	/* Only who may queue it may set its deadline. */
	if (t->class != LIVE_LOCAL ||
	    (t->owner == smp_processor_id() &&
	     live_steady(BIT(t->owner), ktime_get()))) {
		atomic_or(TWQ_WOKEN_TIMER, &t->given);
		twq_task_set_expires(&t->task, ns);
		live_queue(t);
	}
	local_bh_enable();
}

static void live_disarm(struct live_task *t)
{
	s64 old_ns = twq_task_disarm(&t->task);

	live_account(t, old_ns, TWQ_ETERNITY);
}

/*
 * From any CPU, for any class. Where it is not enough the task is woken, so
 * that what is stored last fires in any case.
 */
static void live_store(struct live_task *t, s64 ns, bool extend)
{
	/* It does not tell what it has replaced. */
	if (!t->open)
		return;
	atomic_inc(&live.calls);
	atomic_or(TWQ_WOKEN_TIMER, &t->given);
	live_begin_fact(t, LIVE_USED | LIVE_IDLE_WAKE);
	if (extend)
		twq_task_extend(&t->task, ns);
	else
		twq_task_store_expires(&t->task, ns);
}

static void live_given(struct live_task *t, int reason, s64 since_ns)
{
	s64 last_ns = atomic64_read(&t->given_ns[reason]);

	do {
		if (last_ns >= since_ns)
			return;
	} while (!atomic64_try_cmpxchg(&t->given_ns[reason], &last_ns,
				       since_ns));
}

void live_wakeup(struct live_task *t, u32 r)
{
	struct live_call c = live_call(t);
	int reason = r % LIVE_REASONS;

	/* Others may find it used before this call has returned. */
	live_begin_fact(t, LIVE_USED);
	if ((r >> 4) % 16 == 15) {
		live_begin_fact(t, LIVE_IDLE_WAKE);
		twq_task_wakeup(&t->task, 0);
	} else {
		atomic_fetch_or(live_reasons[reason], &t->given);
		twq_task_wakeup(&t->task, live_reasons[reason]);
		live_given(t, reason, c.since_ns);
	}
	live_fact(t, LIVE_USED);
}

struct live_remote {
	struct live_task *t;
	u32 r;
};

static void live_wakeup_interrupt(void *info)
{
	struct live_remote *remote = info;

	live_wakeup(remote->t, remote->r);
}

/* From a hard interrupt on another CPU, or this one. */
static void live_wakeup_on(struct live_task *t, int cpu, u32 r)
{
	struct live_remote remote = { t, r };

	smp_call_function_single(cpu, live_wakeup_interrupt, &remote, 1);
}

/* Wakes it and waits until process() has seen it. */
static void live_wakeup_wait(struct live_task *t, u32 r)
{
	int turn, reason = r % LIVE_REASONS;
	s64 since_ns = ktime_get();

	live_wakeup(t, reason);
	for (turn = 0; turn < LIVE_LIMIT_MS * 4; turn++) {
		if (atomic64_read(&t->seen_ns[reason]) >= since_ns ||
		    atomic_read(&t->began) & LIVE_KILLED)
			return;
		usleep_range(50, 250);
	}
	live_flaw("a wake-up was not seen: reason %x, state %x",
		  live_reasons[reason], twq_task_state(&t->task));
}

/* -- masks and SHARED_WQ -------------------------------------------------- */

static void live_affinity_answered(const struct live_call *c,
				   unsigned long cpus, int err)
{
	struct live_task *t = c->t;
	bool exact = live_steady(cpus, c->since_ns);

	if (err == -EXDEV)
		atomic_inc(&live.refused);
	if (!cpus && err != -EINVAL)
		live_flaw("set_affinity() took no CPU: %d", err);
	if (err == -EINVAL && exact)
		live_flaw("set_affinity() refused CPUs %lx", cpus);
	if (err == -EXDEV && c->done & LIVE_SHARED)
		live_flaw("set_affinity() refused on a shared task");
	if (err == -ESRCH && !(atomic_read_acquire(&t->began) & LIVE_KILLED))
		live_flaw("set_affinity() found a live task destroyed");
	if (!err && c->done & LIVE_KILLED)
		live_flaw("set_affinity() took a destroyed task");
	if (t->class == LIVE_LOCAL && cpus == BIT(t->owner) && err == -EXDEV)
		live_flaw("set_affinity() refused the owner itself");
	if (t->class == LIVE_LOCAL && cpus != BIT(t->owner) && !err)
		live_flaw("set_affinity() let CPUs %lx touch a local task",
			  cpus);
	if (err && err != -EINVAL && err != -EXDEV && err != -ESRCH)
		live_flaw("set_affinity() answered %d", err);
}

void live_set_affinity(struct live_task *t, unsigned long cpus, gfp_t gfp)
{
	struct live_call c;
	int err;

	if (!live_mask_begin(t, cpus))
		return;
	c = live_call(t);
	if (hweight_long(cpus) > 1)
		live_begin_fact(t, LIVE_SHARED);
	err = twq_task_set_affinity(&t->task, to_cpumask(&cpus), gfp);
	live_mask_end(t, !err);
	if (!err && hweight_long(cpus) > 1)
		live_fact(t, LIVE_SHARED);
	live_affinity_answered(&c, cpus, err);
}

static void live_set_shared(struct live_task *t)
{
	struct live_call c = live_call(t);
	int err, began;

	live_begin_fact(t, LIVE_SHARED);
	err = twq_task_set_shared(&t->task);
	began = atomic_read_acquire(&t->began);
	if (!err)
		live_fact(t, LIVE_SHARED);
	if (err != -EBUSY && c.done & LIVE_USED)
		live_flaw("set_shared() answered %d on a used task", err);
	if (err == -EBUSY && !(began & LIVE_USED))
		live_flaw("set_shared() found an unused task used");
	if (err == -ESRCH && !(began & LIVE_KILLED))
		live_flaw("set_shared() found a live task destroyed");
	if (err && err != -EBUSY && err != -ESRCH)
		live_flaw("set_shared() answered %d", err);
}

/* -- a step --------------------------------------------------------------- */

/* Calls that may be made with bottom halves off. Returns whether it was one. */
static bool live_step_atomic(struct live_task *t, u32 op, u32 a, u32 b)
{
	switch (op) {
	case 0 ... 3:
		live_queue_at(t, live_when(a));
		return true;
	case 4 ... 5:
		live_store(t, b & 0x700 ? live_when(a) : TWQ_ETERNITY,
			   b & 0x1800);
		return true;
	case 6:
		live_queue_at(t, TWQ_ETERNITY);
		return true;
	case 7 ... 8:
		live_queue_before(t, live_when(a));
		return true;
	case 9:
		live_queue(t);
		return true;
	case 10 ... 12:
		live_schedule(t, live_when(a));
		return true;
	case 13 ... 14:
		live_unlink_and_queue(t);
		return true;
	case 15 ... 19:
		live_wakeup(t, a);
		return true;
	case 20 ... 21:
		live_disarm(t);
		return true;
	case 22 ... 23:
		live_set_affinity(t, live_some_cpus(a), GFP_ATOMIC);
		return true;
	case 24:
		live_set_shared(t);
		return true;
	case 25:
		live_set_and_queue(t, live_when(a));
		return true;
	}
	return false;
}

static void live_step_sleeping(struct live_task *t, u32 op, u32 a, u32 b)
{
	switch (op) {
	case 26:
		live_set_affinity(t, b & 0x70 ? live_some_cpus(a) : 0,
				  GFP_KERNEL);
		break;
	case 27:
		if (!(b & 0x30))
			live_wakeup_on(t, (b >> 8) % nr_cpu_ids, a);
		break;
	case 28:
		if (!(b & 0x30))
			live_destroy(t);
		break;
	case 29:
		if (!(b & 0x30))
			live_destroy_sync(t);
		break;
	case 30:
		live_new_hidden(a % LIVE_RAW, b % nr_cpu_ids, a ^ b);
		break;
	case 31:
		if (!(b & 0x70))
			live_wakeup_wait(t, a);
	}
}

/* Puts a new task into an empty slot. */
static void live_fill(unsigned int slot, u32 a, u32 b)
{
	enum live_class class = a % LIVE_NR_CLASSES;
	struct live_task *t = live_new(class, b % nr_cpu_ids, a >> 8);

	if (!t)
		return;
	/* Others find it before its init is over, or after. */
	if (class != LIVE_RAW)
		live_wakeup(t, 0);
	live_publish(slot, t);
}

void live_step(struct rnd_state *rnd)
{
	u32 op = prandom_u32_state(rnd) % 32;
	u32 slot = prandom_u32_state(rnd) % LIVE_SLOTS;
	u32 a = prandom_u32_state(rnd), b = prandom_u32_state(rnd);
	struct live_task *t = live_get(slot);
	bool atomic;

	if (!t) {
		live_fill(slot, a, b);
		return;
	}
	if (b >> 30) {
		atomic = live_step_atomic(t, op, a, b);
	} else {
		local_bh_disable();
		atomic = live_step_atomic(t, op, a, b);
		local_bh_enable();
	}
	if (!atomic)
		live_step_sleeping(t, op, a, b);
	/* The dead stay a while, to be called once more. */
	if (atomic_read(&t->done) & LIVE_KILLED && !(b & 0xf00000))
		live_vacate(slot, t);
	live_put(t);
}
