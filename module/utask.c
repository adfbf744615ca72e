// SPDX-License-Identifier: GPL-2.0
/*
 * Tasks of user space: ids, references, intervals. What calls do to a deadline
 * is in udeadline.c.
 *
 * A task is found by its slot and held by a reference, or for a moment by its
 * tree (hold.h), and is there for others from its first reference on. Whoever
 * closes its event ends it, once; its slot is given back with the last
 * reference. A deadline changes hands by one atomic step, in which exactly one
 * side sees the old one: so each arming has exactly one end.
 */
#include <linux/err.h>
#include <linux/math64.h>
#include <linux/sched.h>

#include <trace/events/twq.h>

#include "counters.h"
#include "table.h"
#include "task.h"
#include "testpoint.h"
#include "timer.h"
#include "utask.h"

/* Module parameters; READ_ONCE() pairs with the plain store of the kernel. */
unsigned int twq_max_tasks = 1U << 20;
unsigned int twq_min_interval_ns = 100 * 1000;

/* Times that a deadline which has changed is looked at again in one run. */
#define TWQ_EXPIRE_TRIES	3

static struct twq_utask *twq_utask_of(struct twq_task *task)
{
	return container_of(task, struct twq_utask, task);
}

static u32 twq_utask_slot(const struct twq_utask *u)
{
	return TWQ_SLOT(u->ready.event.id);
}

/* -- expiry --------------------------------------------------------------- */

/*
 * The first time on the grid @due_ns + n * @interval_ns that is after @now_ns.
 * Unsigned, since @due_ns may be any time in the past, however far: the
 * difference is below 2^64 where a signed one would overflow. The number of
 * periods skipped comes from a division, never from a loop.
 */
static s64 twq_next_on_grid(s64 due_ns, s64 interval_ns, s64 now_ns,
			    u64 *skipped)
{
	u64 late_ns = (u64)now_ns - (u64)due_ns;
	u64 phase_ns, ahead_ns;

	*skipped = div64_u64_rem(late_ns, interval_ns, &phase_ns);
	ahead_ns = interval_ns - phase_ns;
	if (ahead_ns >= (u64)(TWQ_ETERNITY - now_ns))
		return TWQ_ETERNITY;
	return now_ns + ahead_ns;
}

/*
 * Uses up the deadline when it is due. If another CPU changes it meanwhile,
 * what it was has been moved or cancelled, and what it is gets its own look.
 */
static bool twq_utask_expire(struct twq_utask *u, struct twq_event *run)
{
	s64 due_ns, next_ns;
	int tries = 0;

	do {
		/* A program stores to it in a loop: later, by the next pass. */
		if (tries++ == TWQ_EXPIRE_TRIES)
			return false;
		due_ns = twq_task_expires(&u->task);
		if (due_ns > run->fired_ns)
			return false;
		next_ns = TWQ_ETERNITY;
		run->overruns = 0;
		if (u->interval_ns)
			next_ns = twq_next_on_grid(due_ns, u->interval_ns,
						   run->fired_ns,
						   &run->overruns);
		twq_test_point(TWQ_TP_DUE, &u->task);
	} while (!twq_task_expire(&u->task, due_ns, next_ns));

	this_cpu_inc(twq_utask_file(u)->counters->expired);
	if (next_ns != TWQ_ETERNITY)
		this_cpu_inc(twq_utask_file(u)->counters->armed);
	else
		atomic64_dec(&u->open);
	run->deadline_ns = due_ns;
	return true;
}

static struct twq_task *twq_utask_process(struct twq_task *task, void *ctx,
					  u32 reasons)
{
	struct twq_utask *u = twq_utask_of(task);
	struct twq_event run = {
		.deadline_ns = TWQ_ETERNITY,
		.fired_ns = twq_task_run_time(task),
		.reasons = reasons & ~TWQ_WOKEN_TIMER,
		.cpu = raw_smp_processor_id(),
	};

	/* The deadline decides: it may have moved since the expiry was found */
	if (twq_utask_expire(u, &run))
		run.reasons |= TWQ_WOKEN_TIMER;
	if (run.reasons)
		twq_events_post(&twq_utask_file(u)->events, &u->ready, &run);
	return task;
}

/* The queues are done with it. */
static void twq_utask_release(struct twq_task *task)
{
	struct twq_utask *u = twq_utask_of(task);
	struct twq_file *file = twq_utask_file(u);

	this_cpu_inc(file->counters->destroyed);
	twq_utask_put(u);
	twq_file_put(file);
}

static const struct twq_task_ops twq_utask_ops = {
	.process = twq_utask_process,
	.release = twq_utask_release,
};

/* -- life ----------------------------------------------------------------- */

/* Nobody uses the slot any more: its last arming ends, and it is free. */
static void twq_utask_leave_slot(struct twq_utask *u)
{
	struct twq_file *file = twq_utask_file(u);
	s64 open;

	if (twq_task_disarm(&u->task) != TWQ_ETERNITY) {
		this_cpu_inc(file->counters->dropped);
		atomic64_dec(&u->open);
	}
	/* Stores that armed, or disarmed, and that no call has met since. */
	open = atomic64_read(&u->open);
	if (open < 0)
		this_cpu_add(file->counters->armed, -open);
	else
		this_cpu_add(file->counters->cancelled, open);
	twq_slots_give(&file->slots, twq_utask_slot(u));
}

/**
 * twq_utask_put() - give a reference back
 * @u: the task
 *
 * Context: any but hard interrupt and NMI. The file is there: the queues hold
 * it as long as they hold the task, and so does a call.
 */
void twq_utask_put(struct twq_utask *u)
{
	if (refcount_dec_and_test(&u->ref))
		twq_utask_leave_slot(u);
}

/* The task of a slot, if there is one that was not ended, with a reference. */
static __always_inline struct twq_utask *
twq_utask_at(struct twq_file *file, u32 slot)
{
	struct twq_utask *u;

	rcu_read_lock();
	u = twq_slots_find(&file->slots, slot);
	if (u && !refcount_inc_not_zero(&u->ref))
		u = NULL;
	rcu_read_unlock();
	if (!u)
		return NULL;
	/* Whose it is, after that; pairs with twq_utask_publish(). */
	smp_acquire__after_ctrl_dep();
	/* Pairs with twq_events_close(). */
	if (!READ_ONCE(u->ready.closed))
		return u;
	twq_utask_put(u);
	return NULL;
}

/**
 * twq_utask_get() - find a task
 * @file: the open file
 * @id: what CREATE gave
 *
 * Context: process or bottom half.
 * Return: the task, to be given back by twq_utask_put(), or -ENOENT.
 */
struct twq_utask *twq_utask_get(struct twq_file *file, u64 id)
{
	struct twq_utask *u = twq_utask_at(file, TWQ_SLOT(id));

	if (!u)
		return ERR_PTR(-ENOENT);
	if (u->ready.event.id == id)
		return u;
	twq_utask_put(u);
	return ERR_PTR(-ENOENT);
}

/**
 * twq_utask_next() - one task after the other
 * @file: the open file, to which none is added meanwhile
 * @slot: where to look on, 0 for the first one
 *
 * Context: process, may sleep.
 * Return: the task at @slot or the next one, to be given back, or NULL.
 */
struct twq_utask *twq_utask_next(struct twq_file *file, u32 *slot)
{
	struct twq_utask *u;

	for (; *slot < twq_slots_end(&file->slots); ++*slot) {
		u = twq_utask_at(file, *slot);
		if (u)
			return u;
		cond_resched();
	}
	return NULL;
}

/*
 * One more task, if the limit allows it. A step up and down again would refuse
 * somebody else in between, to whom the limit leaves room.
 */
static bool twq_file_count(struct twq_file *file)
{
	int max = clamp(READ_ONCE(twq_max_tasks), 1U, (u32)TWQ_MAX_SLOTS);
	int nr = atomic_read(&file->nr);

	do {
		if (nr >= max)
			return false;
	} while (!atomic_try_cmpxchg(&file->nr, &nr, nr + 1));
	return true;
}

/* All but the place, which is @slot. */
static int twq_utask_init(struct twq_utask *u, struct twq_file *file,
			  const struct twq_create *args,
			  const struct cpumask *mask, u32 slot)
{
	/* One that the file never had. */
	u64 generation = atomic64_inc_return(&file->generation);
	int err;

	if (generation > TWQ_MAX_GENERATION)
		return -EDQUOT;
	err = twq_task_init(&u->task, &twq_utask_ops, file, mask,
			    TWQ_GFP_CALLER);
	if (err)
		return err;
	twq_task_use_slot(&u->task, twq_slots_words(&file->slots, slot));
	if (args->flags & TWQ_CREATE_SHARED)
		twq_task_set_shared(&u->task);
	twq_ready_init(&u->ready, generation << TWQ_SLOT_BITS | slot,
		       args->user_data);
	u->interval_ns = args->interval_ns;
	atomic64_set(&u->open, 0);
	return 0;
}

/*
 * A task of one CPU has a slot among that CPU's, any other among those of the
 * CPU that creates it.
 */
static struct twq_utask *twq_utask_make(struct twq_file *file,
					const struct twq_create *args,
					const struct cpumask *mask)
{
	int cpu = raw_smp_processor_id();
	struct twq_utask *u;
	u32 slot;
	int err;

	if (cpumask_weight(mask) == 1)
		cpu = cpumask_first(mask);
	u = twq_slots_take(&file->slots, cpu, TWQ_GFP_CALLER, &slot);
	if (IS_ERR(u))
		return u;
	err = twq_utask_init(u, file, args, mask, slot);
	if (!err)
		return u;
	twq_slots_give(&file->slots, slot);
	return ERR_PTR(err);
}

/**
 * twq_utask_new() - make a task that nobody can find yet
 * @file: the open file
 * @args: checked for flags and reserved members, not for limits
 * @mask: the allowed CPUs
 *
 * Context: process.
 * Return: the task, for twq_utask_publish() or twq_utask_abandon(); -EINVAL
 * for an interval below the limit or a mask without an online CPU; -EDQUOT;
 * -ENOMEM.
 */
struct twq_utask *twq_utask_new(struct twq_file *file,
				const struct twq_create *args,
				const struct cpumask *mask)
{
	struct twq_utask *u;

	if (args->interval_ns &&
	    args->interval_ns < max(READ_ONCE(twq_min_interval_ns), 1U))
		return ERR_PTR(-EINVAL);
	if (!twq_file_count(file))
		return ERR_PTR(-EDQUOT);
	u = twq_utask_make(file, args, mask);
	if (IS_ERR(u))
		atomic_dec(&file->nr);
	return u;
}

/**
 * twq_utask_publish() - let a new task be found
 * @u: from twq_utask_new()
 *
 * Context: process.
 */
void twq_utask_publish(struct twq_utask *u)
{
	struct twq_file *file = twq_utask_file(u);

	this_cpu_inc(file->counters->created);
	atomic_inc(&file->live);
	trace_twq_create(&u->task, u->ready.event.id, u->ready.event.user_data);
	/* All of it before it is found; pairs with twq_utask_at(). */
	smp_wmb();
	refcount_set(&u->ref, 1);
}

/**
 * twq_utask_abandon() - end a new task that was not published
 * @u: from twq_utask_new()
 *
 * Context: process.
 */
void twq_utask_abandon(struct twq_utask *u)
{
	struct twq_file *file = twq_utask_file(u);

	/* In no tree, and so not refused. */
	WARN_ON_ONCE(twq_task_fini(&u->task));
	twq_slots_give(&file->slots, twq_utask_slot(u));
	atomic_dec(&file->nr);
}

/**
 * twq_utask_destroy() - end a task
 * @u: the task, held by a reference
 *
 * No event of it is read after the return. The queues may hold its memory a
 * little longer.
 *
 * Context: process or bottom half.
 * Return: 0; -ENOENT when somebody else has ended it.
 */
int twq_utask_destroy(struct twq_utask *u)
{
	struct twq_file *file = twq_utask_file(u);

	if (!twq_events_close(&file->events, &u->ready))
		return -ENOENT;
	atomic_dec(&file->nr);
	twq_task_destroy(&u->task);
	return 0;
}

/* -- looks ---------------------------------------------------------------- */

/**
 * twq_utask_query() - what a task is like at the moment
 * @u: the task, held by a reference
 * @query: where it goes, all but the id
 *
 * Context: process.
 */
void twq_utask_query(struct twq_utask *u, struct twq_query *query)
{
	const struct twq_node *node = &u->task.node;
	const u32 told = TWQ_RUNNING | TWQ_QUEUED | TWQ_SHARED_WQ |
			 TWQ_WOKEN_ANY;

	query->user_data = u->ready.event.user_data;
	query->deadline_ns = twq_task_expires(&u->task);
	query->interval_ns = u->interval_ns;
	query->state = twq_task_state(&u->task) & told;
	query->cpu = twq_task_cpus(&u->task, &query->nr_cpus);
	query->pending = twq_events_pending(&twq_utask_file(u)->events, &u->ready,
					    &query->overruns);
	query->position_ns = TWQ_ETERNITY;
	/*
	 * The tree is another CPU's or under a lock that is not worth taking
	 * for a look: the position is of no more than this moment anyhow. The
	 * reads pair with the writes of twq_queue_add() and of the rbtree.
	 */
	if (data_race(twq_node_linked(node)))
		query->position_ns = READ_ONCE(node->key_ns);
}
