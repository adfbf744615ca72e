// SPDX-License-Identifier: GPL-2.0
/*
 * TWQ_IOC_SUBMIT: many operations in one call, then events. Operations are
 * copied in a few at a time, so that no number of them needs memory, and each
 * is checked and then made by what makes the call of its name. Calls are
 * independent of each other: a bad one tells so in its result and stops nothing.
 *
 * What a fault leaves: when an operation is copied in its result is written, as
 * 0; where that faults, the operation is not made and the batch ends. So an
 * array that can't be written changes nothing. All that were copied are made,
 * and count, whatever happens then to the memory of their results: if another
 * thread took it away in between the batch ends after them. The id of a task
 * has been written before the task exists, so that none is left without a name.
 */
#include <linux/bottom_half.h>
#include <linux/fs.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include "calls.h"
#include "events.h"
#include "submit.h"
#include "timer.h"

/*
 * Operations until signals and others who want the CPU are looked at, and, with
 * those that do not sleep, until bottom halves are on again.
 */
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

/* Whether the members that are not among @has are zero. */
static __always_inline bool twq_op_is_clean(const struct twq_op *op,
					    unsigned int has)
{
	u64 others = op->reserved[0] | op->reserved[1];

	if (!(has & TWQ_OP_FLAGS))
		others |= op->flags;
	if (!(has & TWQ_OP_VALUE))
		others |= op->value;
	if (!(has & TWQ_OP_CPUS))
		others |= op->cpus | op->cpus_len;
	if (!(has & TWQ_OP_USER_DATA))
		others |= op->user_data;
	return !others;
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
	int err;

	b->created = 0;
	if (!twq_op_is_clean(op, TWQ_OP_FLAGS | TWQ_OP_VALUE | TWQ_OP_CPUS |
				 TWQ_OP_USER_DATA))
		return -EINVAL;
	err = twq_call_create(b->file, &args, &uop->id);
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

	if (!twq_op_is_clean(op, TWQ_OP_FLAGS | TWQ_OP_CPUS))
		return -EINVAL;
	return twq_call_set_affinity(b->file, &args);
}

static u64 twq_op_task(const struct twq_batch *b, const struct twq_op *op)
{
	return op->id == TWQ_ID_CREATED ? b->created : op->id;
}

/* Those that may sleep. */
static noinline int twq_op_do_slow(struct twq_batch *b, const struct twq_op *op,
				   struct twq_op __user *uop)
{
	if (op->opcode == TWQ_OP_CREATE)
		return twq_op_create(b, op, uop);
	return twq_op_set_affinity(b, op, twq_op_task(b, op));
}

/* The others, with bottom halves off. */
static __always_inline int twq_op_do(struct twq_batch *b,
				     const struct twq_op *op)
{
	const u64 id = twq_op_task(b, op);

	/* What programs do most. */
	if (op->opcode == TWQ_OP_QUEUE) {
		if (!twq_op_is_clean(op, TWQ_OP_FLAGS | TWQ_OP_VALUE))
			return -EINVAL;
		return twq_call_queue(b->file, id, op->value, op->flags);
	}
	switch (op->opcode) {
	case TWQ_OP_SCHEDULE:
		if (!twq_op_is_clean(op, TWQ_OP_FLAGS | TWQ_OP_VALUE))
			return -EINVAL;
		return twq_call_schedule(b->file, id, op->value, op->flags);
	case TWQ_OP_WAKEUP:
		if (!twq_op_is_clean(op, TWQ_OP_VALUE))
			return -EINVAL;
		return twq_call_wakeup(b->file, id, op->value);
	}
	if (!twq_op_is_clean(op, 0))
		return -EINVAL;
	switch (op->opcode) {
	case TWQ_OP_REQUEUE:
		return twq_call_requeue(b->file, id);
	case TWQ_OP_CANCEL:
		return twq_call_cancel(b->file, id);
	case TWQ_OP_DESTROY:
		return twq_call_destroy(b->file, id);
	default:
		return -EINVAL;
	}
}

/*
 * Copies operations in and tries their results. Returns how many it is that
 * this was done for: fewer than @nr after a fault.
 */
static unsigned int twq_copy_turn(struct twq_op *ops,
				  struct twq_op __user *uops, unsigned int nr)
{
	struct twq_op *op = ops;

	/* Where all of them can't be, the first may. */
	if (!user_access_begin(uops, nr * sizeof(*uops)))
		return nr > 1 ? twq_copy_turn(ops, uops, 1) : 0;
	/* One by one: a copy of so few bytes takes longer. */
	for (; op < ops + nr; op++, uops++) {
		unsafe_get_user(op->opcode, &uops->opcode, fault);
		unsafe_get_user(op->flags, &uops->flags, fault);
		unsafe_get_user(op->id, &uops->id, fault);
		unsafe_get_user(op->value, &uops->value, fault);
		unsafe_get_user(op->user_data, &uops->user_data, fault);
		unsafe_get_user(op->cpus, &uops->cpus, fault);
		unsafe_get_user(op->cpus_len, &uops->cpus_len, fault);
		unsafe_get_user(op->reserved[0], &uops->reserved[0], fault);
		unsafe_get_user(op->reserved[1], &uops->reserved[1], fault);
		unsafe_put_user(0, &uops->result, fault);
	}
fault:
	user_access_end();
	return op - ops;
}

static bool twq_op_sleeps(const struct twq_op *op)
{
	return op->opcode == TWQ_OP_CREATE || op->opcode == TWQ_OP_SET_AFFINITY;
}

/*
 * Bottom halves are off for as many operations as follow each other and do not
 * sleep: of a turn at most. Returns whether a result is not 0.
 */
static bool twq_make_turn(struct twq_batch *b, struct twq_op *ops,
			  struct twq_op __user *uops, unsigned int nr)
{
	const struct twq_op *end = ops + nr;
	bool bh_off = false;
	int results = 0;

	for (; ops < end; ops++, uops++) {
		if (unlikely(twq_op_sleeps(ops))) {
			if (bh_off)
				local_bh_enable();
			bh_off = false;
			ops->result = twq_op_do_slow(b, ops, uops);
		} else {
			if (!bh_off)
				local_bh_disable();
			bh_off = true;
			ops->result = twq_op_do(b, ops);
		}
		results |= ops->result;
	}
	if (bh_off)
		local_bh_enable();
	return results;
}

/* Writes what was not written already. Returns false after a fault. */
static bool twq_tell_turn(const struct twq_op *ops, struct twq_op __user *uops,
			  unsigned int nr)
{
	bool told = true;

	for (; nr--; ops++, uops++)
		if (ops->result && put_user(ops->result, &uops->result))
			told = false;
	return told;
}

/*
 * Returns how many operations were made, or -EFAULT. *@told is false when the
 * result of one could not be written.
 */
static long twq_submit_ops(struct twq_file *file, struct twq_op __user *uops,
			   long nr, bool *told)
{
	/* As many as are copied are looked at: to zero all takes a while. */
	struct twq_op ops[TWQ_SUBMIT_TURN] __uninitialized;
	struct twq_batch batch = { .file = file };
	unsigned int turn, copied;
	long made = 0;

	*told = true;
	while (made < nr) {
		turn = min_t(long, nr - made, TWQ_SUBMIT_TURN);
		copied = twq_copy_turn(ops, uops, turn);
		if (!copied)
			return made ?: -EFAULT;
		made += copied;
		if (twq_make_turn(&batch, ops, uops, copied))
			*told = twq_tell_turn(ops, uops, copied);
		if (!*told)
			break;
		uops += copied;
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
 * Return: the number of operations made: fewer than asked for after a fault in
 * their array or a signal, and then no event, nor where a result could not be
 * written any more. With
 * nothing made -EINVAL, -EBADF, -EFAULT, -EINTR or -ERESTARTSYS.
 */
long twq_submit(struct file *filp, struct twq_submit __user *arg)
{
	struct twq_file *file = filp->private_data;
	struct twq_submit args;
	long made, got;
	bool told;
	int err;

	if (copy_from_user(&args, arg, sizeof(args)))
		return -EFAULT;
	err = twq_submit_check(filp, &args, arg);
	if (err)
		return err;
	/* As many as the return value can tell of. */
	made = twq_submit_ops(file, u64_to_user_ptr(args.ops),
			      min_t(u32, args.nr_ops, INT_MAX), &told);
	if (made < 0 || made != args.nr_ops || !told || !args.max_events)
		return made;
	got = twq_submit_events(file, &args);
	if (got > 0 && put_user(got, &arg->nr_events))
		got = -EFAULT;
	return got < 0 && !made ? got : made;
}
