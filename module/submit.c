// SPDX-License-Identifier: GPL-2.0
/*
 * TWQ_IOC_SUBMIT: many operations in one call, then events. The operations are
 * copied in one at a time, so that no number of them needs memory, and each
 * becomes the argument of the call of its name. Calls are independent of each
 * other: a bad one tells so in its result and stops nothing.
 *
 * What a fault leaves: when an operation is copied in its result is written, as
 * 0; where that faults, the operation is not made and the batch ends. So an
 * array that can't be written changes nothing. An operation that was made and
 * whose result then faults, since another thread took the memory away in
 * between, counts as made and is the last; the id of a task has been written
 * before the task exists, so that none is left without a name.
 */
#include <linux/fs.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/nospec.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include "calls.h"
#include "events.h"
#include "submit.h"
#include "timer.h"

/* Operations until signals and others who want the CPU are looked at. */
#define TWQ_SUBMIT_TURN	8

/* Members of struct twq_op besides opcode and id. */
#define TWQ_OP_FLAGS		1
#define TWQ_OP_VALUE		2
#define TWQ_OP_CPUS		4
#define TWQ_OP_USER_DATA	8

/*
 * The operations of one call: @created is the id of the task that the last
 * CREATE has made, or 0, which is no task's.
 */
struct twq_batch {
	struct twq_file *file;
	u64 created;
};

/* The members that each operation has. */
static const u8 twq_op_members[] = {
	[TWQ_OP_CREATE] = TWQ_OP_FLAGS | TWQ_OP_VALUE | TWQ_OP_CPUS |
			  TWQ_OP_USER_DATA,
	[TWQ_OP_SET_AFFINITY] = TWQ_OP_FLAGS | TWQ_OP_CPUS,
	[TWQ_OP_QUEUE] = TWQ_OP_FLAGS | TWQ_OP_VALUE,
	[TWQ_OP_SCHEDULE] = TWQ_OP_FLAGS | TWQ_OP_VALUE,
	[TWQ_OP_WAKEUP] = TWQ_OP_VALUE,
	[TWQ_OP_REQUEUE] = 0,
};

/* Whether what the operation does not have is zero. */
static bool twq_op_is_clean(const struct twq_op *op)
{
	unsigned int has;

	if (op->opcode >= ARRAY_SIZE(twq_op_members))
		return false;
	has = twq_op_members[array_index_nospec(op->opcode,
						ARRAY_SIZE(twq_op_members))];
	return (has & TWQ_OP_FLAGS || !op->flags) &&
	       (has & TWQ_OP_VALUE || !op->value) &&
	       (has & TWQ_OP_CPUS || (!op->cpus && !op->cpus_len)) &&
	       (has & TWQ_OP_USER_DATA || !op->user_data) &&
	       !op->reserved[0] && !op->reserved[1];
}

static int twq_op_create(struct twq_batch *b, const struct twq_op *op,
			 struct twq_op __user *uop)
{
	struct twq_create args = {
		.user_data = op->user_data,
		.cpus = op->cpus,
		.cpus_len = op->cpus_len,
		.flags = op->flags,
		.interval_ns = op->value,
	};
	int err = twq_call_create(b->file, &args, &uop->id);

	if (!err)
		b->created = args.id;
	return err;
}

static int twq_op_set_affinity(struct twq_batch *b, const struct twq_op *op,
			       u64 id)
{
	const struct twq_affinity args = {
		.id = id,
		.cpus = op->cpus,
		.cpus_len = op->cpus_len,
		.flags = op->flags,
	};

	return twq_call_set_affinity(b->file, &args);
}

static int twq_op_wakeup(struct twq_batch *b, const struct twq_op *op, u64 id)
{
	const struct twq_wakeup args = { .id = id, .reasons = op->value };

	if (args.reasons != op->value)
		return -EINVAL;
	return twq_call_wakeup(b->file, &args);
}

static __always_inline int
twq_op_deadline(struct twq_batch *b, const struct twq_op *op, u64 id,
		int (*call)(struct twq_file *file,
			    const struct twq_deadline *args))
{
	const struct twq_deadline args = {
		.id = id,
		.deadline_ns = op->value,
		.flags = op->flags,
	};

	return call(b->file, &args);
}

static __always_inline int
twq_op_id(struct twq_batch *b, u64 id,
	  int (*call)(struct twq_file *file, const struct twq_task_id *args))
{
	const struct twq_task_id args = { .id = id };

	return call(b->file, &args);
}

/* Makes a clean operation. Returns its result. */
static int twq_op_do(struct twq_batch *b, const struct twq_op *op,
		     struct twq_op __user *uop)
{
	const u64 id = op->id == TWQ_ID_CREATED ? b->created : op->id;

	switch (op->opcode) {
	case TWQ_OP_QUEUE:
		return twq_op_deadline(b, op, id, twq_call_queue);
	case TWQ_OP_REQUEUE:
		return twq_op_id(b, id, twq_call_requeue);
	case TWQ_OP_SCHEDULE:
		return twq_op_deadline(b, op, id, twq_call_schedule);
	case TWQ_OP_CANCEL:
		return twq_op_id(b, id, twq_call_cancel);
	case TWQ_OP_CREATE:
		return twq_op_create(b, op, uop);
	case TWQ_OP_DESTROY:
		return twq_op_id(b, id, twq_call_destroy);
	case TWQ_OP_SET_AFFINITY:
		return twq_op_set_affinity(b, op, id);
	case TWQ_OP_WAKEUP:
		return twq_op_wakeup(b, op, id);
	default:
		return -EINVAL;
	}
}

/* Copies an operation in and tries its result. Returns false after a fault. */
static bool twq_copy_op(struct twq_op *op, struct twq_op __user *uop)
{
	/* One by one: a copy of so few bytes takes longer. */
	if (!user_access_begin(uop, sizeof(*uop)))
		return false;
	unsafe_get_user(op->opcode, &uop->opcode, fault);
	unsafe_get_user(op->flags, &uop->flags, fault);
	unsafe_get_user(op->id, &uop->id, fault);
	unsafe_get_user(op->value, &uop->value, fault);
	unsafe_get_user(op->user_data, &uop->user_data, fault);
	unsafe_get_user(op->cpus, &uop->cpus, fault);
	unsafe_get_user(op->cpus_len, &uop->cpus_len, fault);
	unsafe_get_user(op->reserved[0], &uop->reserved[0], fault);
	unsafe_get_user(op->reserved[1], &uop->reserved[1], fault);
	unsafe_put_user(0, &uop->result, fault);
	user_access_end();
	return true;

fault:
	user_access_end();
	return false;
}

/* Returns its result, which for most is what was written already. */
static int twq_make_op(struct twq_batch *b, const struct twq_op *op,
		       struct twq_op __user *uop)
{
	if (op->opcode == TWQ_OP_CREATE)
		b->created = 0;
	if (!twq_op_is_clean(op))
		return -EINVAL;
	return twq_op_do(b, op, uop);
}

/* Returns how many operations were made, or -EFAULT. */
static long twq_submit_ops(struct twq_file *file, struct twq_op __user *uops,
			   long nr)
{
	struct twq_batch batch = { .file = file };
	struct twq_op op;
	long made = 0;
	int result;

	while (made < nr) {
		if (!twq_copy_op(&op, &uops[made]))
			return made ?: -EFAULT;
		result = twq_make_op(&batch, &op, &uops[made]);
		if (result && put_user(result, &uops[made].result))
			return made + 1;
		if (++made % TWQ_SUBMIT_TURN)
			continue;
		if (signal_pending(current))
			break;
		cond_resched();
	}
	return made;
}

/* As many events as one read() could return bytes of. */
static size_t twq_submit_room(const struct twq_submit *args)
{
	const size_t size = sizeof(struct twq_event);

	return min_t(size_t, args->max_events, MAX_RW_COUNT / size) * size;
}

/* Returns the number of events, which is none at the end of the wait. */
static long twq_submit_events(struct twq_file *file,
			      const struct twq_submit *args)
{
	s64 until_ns = args->until_ns;
	bool relative = args->flags & TWQ_RELATIVE && until_ns != TWQ_ETERNITY;
	struct iov_iter to;
	ssize_t got;

	if (relative)
		until_ns = twq_clock_after(until_ns);
	iov_iter_ubuf(&to, ITER_DEST, u64_to_user_ptr(args->events),
		      twq_submit_room(args));
	got = twq_events_read(&file->events, &to, until_ns);
	if (got == -EAGAIN)
		return 0;
	/* Made again after a signal, it would wait for longer than asked. */
	if (got == -ERESTARTSYS && relative)
		return -EINTR;
	return got < 0 ? got : got / (ssize_t)sizeof(struct twq_event);
}

/* What can be known to be wrong before anything is done. */
static int twq_submit_check(struct file *filp, const struct twq_submit *args,
			    struct twq_submit __user *arg)
{
	if (args->flags & ~TWQ_DEADLINE_FLAGS ||
	    memchr_inv(args->reserved, 0, sizeof(args->reserved)))
		return -EINVAL;
	if (args->max_events && !(filp->f_mode & FMODE_READ))
		return -EBADF;
	if (args->max_events && !access_ok(u64_to_user_ptr(args->events),
					   twq_submit_room(args)))
		return -EFAULT;
	return put_user(0, &arg->nr_events);
}

/**
 * twq_submit() - make operations, then read events
 * @filp: the open file
 * @arg: the argument
 *
 * The number of events is written as 0 before anything is done, and again when
 * there are some: the first finds a structure that can't be written, so that no
 * event is taken whose number can't be told.
 *
 * Context: process, may sleep.
 * Return: the number of operations made, each of which has its result: fewer
 * than asked for, and no event, after a fault in their array or a signal. With
 * nothing made -EINVAL, -EBADF, -EFAULT, -EINTR or -ERESTARTSYS.
 */
long twq_submit(struct file *filp, struct twq_submit __user *arg)
{
	struct twq_file *file = filp->private_data;
	struct twq_submit args;
	long made, got;
	int err;

	if (copy_from_user(&args, arg, sizeof(args)))
		return -EFAULT;
	err = twq_submit_check(filp, &args, arg);
	if (err)
		return err;
	/* As many as the return value can tell of. */
	made = twq_submit_ops(file, u64_to_user_ptr(args.ops),
			      min_t(u32, args.nr_ops, INT_MAX));
	if (made < 0 || made != args.nr_ops || !args.max_events)
		return made;
	got = twq_submit_events(file, &args);
	if (got > 0 && put_user(got, &arg->nr_events))
		got = -EFAULT;
	return got < 0 && !made ? got : made;
}
