// SPDX-License-Identifier: GPL-2.0
/*
 * A task's deadline and its place in a tree: queue, schedule, unlink. Which
 * tree it is, and so what excludes the others, SHARED_WQ alone decides, here
 * and nowhere else. Locks: see task.h.
 */
#include <linux/module.h>

#include <trace/events/twq.h>

#include "affinity.h"
#include "cpu.h"
#include "hold.h"
#include "race.h"
#include "shared.h"
#include "task.h"
#include "testpoint.h"

/**
 * twq_task_init() - make a task
 * @task: memory of the caller, which no other task uses
 * @ops: what it does
 * @ctx: handed to process()
 * @mask: the CPUs that it may run on; more than one set SHARED_WQ
 * @gfp: for a copy of @mask where one is needed
 *
 * Context: as @gfp says.
 * Return: 0; -EINVAL when no CPU of @mask is online; -ENOMEM; -ENODEV when
 * the module is on its way out.
 */
int twq_task_init(struct twq_task *task, const struct twq_task_ops *ops,
		  void *ctx, const struct cpumask *mask, gfp_t gfp)
{
	const struct cpumask *allowed = twq_mask_get(mask, gfp);
	bool shared = cpumask_weight(mask) > 1;
	u32 state;

	if (IS_ERR(allowed))
		return PTR_ERR(allowed);
	if (!try_module_get(THIS_MODULE)) {
		twq_mask_put(allowed);
		return -ENODEV;
	}
	state = shared ? TWQ_SHARED_WQ : cpumask_first(mask) << TWQ_CPU_SHIFT;
	twq_node_init(&task->node);
	twq_task_use_slot(task, &task->own);
	RCU_INIT_POINTER(task->allowed, shared ? allowed : NULL);
	task->ops = ops;
	task->ctx = ctx;
	task->gone = NULL;
	/* Plain: who hands the task to others orders that. */
	atomic_set(&task->state, state);
	trace_twq_init(task);
	return 0;
}
EXPORT_SYMBOL_GPL(twq_task_init);

/**
 * twq_task_use_slot() - keep a task's deadline and position in other memory
 * @task: the task, in init
 * @slot: the memory, there as long as anybody uses the task
 *
 * Context: any.
 */
void twq_task_use_slot(struct twq_task *task, struct twq_slot *slot)
{
	task->slot = slot;
	atomic64_set(twq_task_deadline(task), TWQ_ETERNITY);
	/* Pairs with the readers in user space, which others hand the task. */
	WRITE_ONCE(slot->position_ns, TWQ_ETERNITY);
}

/*
 * Excludes the other users of the tree that @state names; false when it is the
 * local one of a CPU that is served elsewhere.
 */
static __always_inline bool twq_tree_lock(u32 state)
{
	if (!(state & TWQ_SHARED_WQ))
		return twq_cpu_lock(twq_home(state));
	twq_shared_lock();
	return true;
}

static __always_inline void twq_tree_unlock(u32 state)
{
	if (state & TWQ_SHARED_WQ)
		twq_shared_unlock();
	else
		twq_cpu_unlock(twq_home(state));
}

static struct twq_queue *twq_tree_of(u32 state)
{
	if (state & TWQ_SHARED_WQ)
		return &twq_shared.queue;
	return &twq_home(state)->queue;
}

/*
 * Tells all CPUs where the task now is, before the next look at its deadline:
 * whoever stores an earlier one sees this position, or is seen. Pairs with the
 * barrier in twq_task_extend(), with the one that <linux/twq.h> asks programs
 * for, and with twq_expires_lower().
 */
static void twq_task_tell(struct twq_task *task, s64 position_ns)
{
	/* For twq_task_position(), where no program stores. */
	WRITE_ONCE(task->own.position_ns, position_ns);
	/* Pairs with those named above. */
	smp_store_mb(task->slot->position_ns, position_ns);
}

static __always_inline void twq_queue_put(struct twq_queue *q,
					  struct twq_task *task,
					  s64 position_ns)
{
	struct twq_queue *in = twq_tree_holding(q, &task->node);

	if (!twq_node_linked(&task->node)) {
		if (position_ns != TWQ_ETERNITY)
			twq_queue_add(q, &task->node, position_ns);
	} else if (position_ns != TWQ_ETERNITY && in == q) {
		twq_queue_move(q, &task->node, position_ns);
	} else {
		twq_queue_remove(in, &task->node);
		if (position_ns != TWQ_ETERNITY)
			twq_queue_add(q, &task->node, position_ns);
	}
}

/*
 * Brings a task to @position_ns, TWQ_ETERNITY for out of the tree, or to where
 * its deadline has gone meanwhile. A program may lower it time and again; so
 * after the second time the task goes to the very front, where its deadline is
 * looked at in the next pass, whatever it is then. Returns the position.
 */
static __always_inline s64 twq_tree_settle(struct twq_queue *q,
					   struct twq_task *task,
					   s64 position_ns)
{
	int tries = 0;
	s64 expires_ns;

	for (;;) {
		twq_queue_put(q, task, position_ns);
		twq_task_tell(task, position_ns);
		twq_test_point(TWQ_TP_TOLD, task);
		expires_ns = twq_task_expires(task);
		if (expires_ns >= position_ns)
			return position_ns;
		position_ns = tries++ ? S64_MIN : expires_ns;
	}
}

static __always_inline void twq_tree_remove(struct twq_task *task, u32 state)
{
	if (!twq_node_linked(&task->node))
		return;
	twq_queue_remove(twq_tree_holding(twq_tree_of(state), &task->node),
			 &task->node);
	/* Who unlinks may queue next, and then looks at the deadline. */
	twq_task_tell(task, TWQ_ETERNITY);
}

static __always_inline void twq_tree_move(struct twq_task *task, u32 state,
					  s64 position_ns)
{
	twq_count(queued);
	trace_twq_queue(task, position_ns);
	position_ns = twq_tree_settle(twq_tree_of(state), task, position_ns);
	if (state & TWQ_SHARED_WQ)
		twq_shared_arm(position_ns);
	else
		twq_cpu_arm(twq_home(state), position_ns);
}

/**
 * twq_task_move() - put a task to a position that is earlier than its own
 * @task: the task, which may be in no tree
 * @state: by which its tree was entered
 * @position_ns: the deadline that was seen
 *
 * Context: within the task's tree.
 */
void twq_task_move(struct twq_task *task, u32 state, s64 position_ns)
{
	twq_tree_move(task, state, position_ns);
}

/*
 * Enters the tree of a task to change its deadline or position; the caller
 * leaves with twq_tree_unlock(). @use ends the init of the task, in one step
 * with the choice of the tree; without it and without TWQ_USED in @state the
 * task is in no tree and must not be put into one.
 *
 * KILLED is looked at inside the exclusion: whoever ends the task takes it out
 * of the tree under the same one, after having set KILLED, so nothing is put
 * in after that.
 */
static __always_inline int twq_task_enter(struct twq_task *task, bool use,
					  u32 *state)
{
	u32 now;

	for (;;) {
		now = twq_task_state(task);
		*state = twq_tree_state(task, now);
		twq_test_point(TWQ_TP_ENTER, task);
		if (!twq_tree_lock(*state))
			return -EXDEV;
		if (!use || state_use(task, &now))
			break;
		twq_tree_unlock(*state);
	}
	if (twq_task_state(task) & TWQ_KILLED) {
		twq_tree_unlock(*state);
		return -ESRCH;
	}
	return 0;
}

/* What the caller is told of a tree that he could not enter. */
static int twq_task_refused(const struct twq_task *task, int err)
{
	if (err == -EXDEV) {
		twq_count(refused);
		trace_twq_foreign(task, false);
	}
	return err;
}

static int twq_task_follow(struct twq_task *task)
{
	u32 state;
	int err;

	if (twq_task_expires(task) == TWQ_ETERNITY)
		return 0;
	err = twq_task_enter(task, true, &state);
	if (err)
		return err;
	twq_tree_place(task, state, twq_tree_move);
	twq_tree_unlock(state);
	return 0;
}

/**
 * twq_task_queue() - bring a task to the position of its deadline
 * @task: the task
 *
 * Does nothing without a deadline: a stale position is dropped when it comes
 * due. The tree is touched only if the task is not in it or its deadline is
 * earlier than its position.
 *
 * Context: process or bottom half; without SHARED_WQ on the owner CPU.
 * Return: 0; -EXDEV on another CPU, nothing changed; -ESRCH after destroy.
 */
int twq_task_queue(struct twq_task *task)
{
	return twq_task_refused(task, twq_task_follow(task));
}
EXPORT_SYMBOL_GPL(twq_task_queue);

/**
 * twq_task_requeue() - twq_task_queue() from whatever CPU
 * @task: the task
 *
 * What the caller may not do himself, a run of the task without a reason does,
 * on a CPU that may.
 *
 * Context: process or bottom half.
 * Return: 0; -ESRCH after destroy.
 */
int twq_task_requeue(struct twq_task *task)
{
	int err = twq_task_follow(task);

	if (err != -EXDEV)
		return err;
	trace_twq_foreign(task, true);
	twq_task_wakeup(task, 0);
	return 0;
}
EXPORT_SYMBOL_GPL(twq_task_requeue);

/**
 * twq_task_queue_at() - set the deadline and queue, or change nothing
 * @task: the task
 * @deadline_ns: nanoseconds of CLOCK_MONOTONIC, TWQ_ETERNITY to take the
 *	deadline away
 * @old_ns: where the deadline goes that was replaced
 *
 * Context: as twq_task_queue().
 * Return: as twq_task_queue().
 */
int twq_task_queue_at(struct twq_task *task, s64 deadline_ns, s64 *old_ns)
{
	u32 state;
	int err;

	err = twq_task_enter(task, deadline_ns != TWQ_ETERNITY, &state);
	if (err)
		return twq_task_refused(task, err);
	*old_ns = twq_tree_replace(task, state, deadline_ns, twq_tree_move);
	twq_tree_unlock(state);
	return 0;
}
EXPORT_SYMBOL_GPL(twq_task_queue_at);

/*
 * The earlier of the deadline and @when_ns. Returns the deadline before. A
 * change is a full barrier: the deadline before the next look at the position,
 * pairs with twq_task_tell(). Pairs with twq_task_expire(), too: a deadline
 * that this leaves alone is used up later.
 */
static s64 twq_expires_lower(struct twq_task *task, s64 when_ns)
{
	s64 old_ns = twq_task_expires(task);

	while (old_ns > when_ns &&
	       !atomic64_try_cmpxchg(twq_task_deadline(task), &old_ns, when_ns))
		;
	return old_ns;
}

/*
 * Whether a deadline that this CPU has just lowered, or found low enough, needs
 * another position. Without the lock of the tree, and that is safe:
 *
 * - If it was lowered, there was a full barrier between that and this look, and
 *   whoever moves the position looks at the deadline after a full barrier of
 *   his own (twq_task_tell()). So if this does not see a later position, then
 *   he sees the lowered deadline and goes to it.
 * - If it was found low enough, then it is somebody else's, who looks at the
 *   position as this does, and does what it takes.
 * - A position that is not later than the deadline leads to a look at it in
 *   time, by the pass, under the lock, in which the task is moved, dropped or
 *   woken by what the deadline is then. That the position may be gone by now
 *   only means that the look has begun, or that somebody has unlinked the task
 *   since, which tells so without a look at the deadline: this came before.
 *
 * So the lock is taken only to move the position.
 */
static bool twq_position_is_late(const struct twq_task *task)
{
	return twq_task_expires(task) < twq_task_position(task);
}

/* The look above is enough, since no CPU is refused and init is over. */
static bool twq_lowers_unlocked(u32 state)
{
	const u32 bits = TWQ_SHARED_WQ | TWQ_USED | TWQ_KILLED;

	return (state & bits) == (TWQ_SHARED_WQ | TWQ_USED);
}

/**
 * twq_task_queue_before() - lower the deadline and queue, whatever the state
 * @task: the task
 * @deadline_ns: the latest that the deadline may be
 * @old_ns: where the deadline goes that was there before
 *
 * twq_task_schedule() for a task whose runs may have nothing to do with its
 * deadline, so that waiting in a run queue does not honour the request.
 *
 * Context: as twq_task_queue().
 * Return: as twq_task_queue().
 */
int twq_task_queue_before(struct twq_task *task, s64 deadline_ns, s64 *old_ns)
{
	u32 state = twq_task_state(task);
	int err;

	if (twq_lowers_unlocked(state)) {
		*old_ns = twq_expires_lower(task, deadline_ns);
		/* Refused only if the task has been ended since. */
		if (twq_position_is_late(task))
			twq_task_queue(task);
		else
			twq_count(kept);
		return 0;
	}
	err = twq_task_enter(task, true, &state);
	if (err)
		return twq_task_refused(task, err);
	*old_ns = twq_expires_lower(task, deadline_ns);
	twq_tree_place(task, state, twq_tree_move);
	twq_tree_unlock(state);
	return 0;
}
EXPORT_SYMBOL_GPL(twq_task_queue_before);

/**
 * twq_task_schedule() - have a task run no later than a time
 * @task: the task
 * @deadline_ns: nanoseconds of CLOCK_MONOTONIC
 *
 * A task that waits in a run queue is left alone, since its run starts after
 * this request and sees what the caller wrote before. A task that runs is woken
 * with TWQ_WOKEN_OTHER, so that process() sets its own next deadline. If the
 * run ends between the look and the wake-up, the wake-up starts another one:
 * nothing is missed.
 *
 * Context: as twq_task_queue().
 * Return: as twq_task_queue().
 */
int twq_task_schedule(struct twq_task *task, s64 deadline_ns)
{
	u32 state, now = state_look(task);
	s64 old_ns;
	int err;

	if (!(now & (TWQ_RUNNING | TWQ_QUEUED))) {
		twq_test_point(TWQ_TP_DECIDED, task);
		return twq_task_queue_before(task, deadline_ns, &old_ns);
	}
	if (!twq_lowers_unlocked(now)) {
		err = twq_task_enter(task, true, &state);
		if (err)
			return twq_task_refused(task, err);
		twq_tree_unlock(state);
	}
	if (!(now & TWQ_QUEUED))
		twq_task_wakeup(task, TWQ_WOKEN_OTHER);
	return 0;
}
EXPORT_SYMBOL_GPL(twq_task_schedule);

/**
 * twq_task_unlink() - take a task out of its tree
 * @task: the task; its deadline stays as it is
 *
 * Context: as twq_task_queue().
 * Return: as twq_task_queue().
 */
int twq_task_unlink(struct twq_task *task)
{
	u32 state;
	int err;

	err = twq_task_enter(task, false, &state);
	if (err)
		return twq_task_refused(task, err);
	/* Unused, it is in no tree, and @state names none for certain. */
	if (state & TWQ_USED)
		twq_tree_remove(task, state);
	twq_tree_unlock(state);
	return 0;
}
EXPORT_SYMBOL_GPL(twq_task_unlink);

/*
 * Takes a position that has come but is stale to its deadline. One that comes
 * soon, too, if the deadline does not: a pass that is made anyhow does this, or
 * it would cost an interrupt and a pass of its own, and nearly all positions are
 * stale where deadlines are moved later time and again. False if neither.
 */
static noinline bool twq_task_move_on(struct twq_task *task,
				      struct twq_queue *q, s64 now_ns,
				      s64 expires_ns)
{
	s64 ahead_ns = now_ns + TWQ_AHEAD_NS;

	if (task->node.key_ns > now_ns &&
	    (task->node.key_ns > ahead_ns || expires_ns <= ahead_ns))
		return false;
	twq_count(stale);
	trace_twq_move(task, task->node.key_ns, expires_ns);
	twq_tree_settle(q, task, expires_ns);
	return true;
}

/*
 * Out of the tree, and true when this CPU is to run the task. Woken, or RUNNING
 * set, while the tree is held: whoever ends the task enters the tree to find it
 * gone, and then somebody has it who ends it.
 */
static __always_inline bool twq_task_due(struct twq_task *task,
					 struct twq_queue *q, s64 now_ns,
					 s64 expires_ns)
{
	u32 s = twq_task_state(task);
	bool here = false;

	twq_count(expired);
	trace_twq_expire(task, expires_ns, now_ns);
	twq_queue_pop(q, &task->node);
	/* A run follows, and looks at the deadline. */
	twq_task_tell(task, TWQ_ETERNITY);
	if (likely(twq_task_may_run(task, s)))
		here = state_expire(task, s);
	else
		twq_task_wakeup(task, TWQ_WOKEN_TIMER);
	twq_test_point(TWQ_TP_WOKEN, task);
	return here;
}

/**
 * twq_task_take() - take what is due, or stale and soon due
 * @q: the tree
 * @now_ns: the time
 * @allow: at most @left positions, which are subtracted, and TWQ_TAKE_MAX for
 *	the sake of who waits for the tree; and @turn tasks to run
 * @due: where the tasks go that this CPU is to run, by twq_task_run_due()
 *
 * A deadline that is later than its position takes the task to its place, none
 * takes it out.
 *
 * Context: bottom half, under the exclusion of @q.
 */
void twq_task_take(struct twq_queue *q, s64 now_ns, struct twq_allowance *allow,
		   struct twq_due *due)
{
	const unsigned int max = min(allow->left, TWQ_TAKE_MAX);
	const unsigned int turn = allow->turn;
	unsigned int left, nr = 0;

	for (left = max; left; left--) {
		struct twq_node *node = twq_queue_first(q);
		struct twq_task *task = twq_task_of(node);
		s64 expires_ns;

		if (!node)
			break;
		expires_ns = twq_task_expires(task);
		if (unlikely(node->key_ns > now_ns || expires_ns > now_ns)) {
			if (!twq_task_move_on(task, q, now_ns, expires_ns))
				break;
		} else if (nr == turn) {
			break;
		} else if (twq_task_due(task, q, now_ns, expires_ns)) {
			due->tasks[nr++] = task;
		}
	}
	due->nr = nr;
	allow->left -= max - left;
}

/**
 * twq_task_detach() - take a task that nobody else may use out of its tree
 * @task: a KILLED task, or one that is about to be freed
 *
 * Context: process or bottom half.
 * Return: false where the tree may not be touched, because another CPU serves
 * it; nothing is changed then.
 */
bool twq_task_detach(struct twq_task *task)
{
	u32 s = twq_tree_state(task, twq_task_state(task));

	if (!(s & TWQ_USED))
		return true;
	if (!twq_tree_lock(s))
		return false;
	twq_tree_remove(task, s);
	twq_tree_unlock(s);
	return true;
}
