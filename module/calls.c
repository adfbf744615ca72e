// SPDX-License-Identifier: GPL-2.0
/*
 * The calls on a task: check the argument, find the task, have it done. An
 * argument has been copied in by the call of its own (chardev.c), which refuses
 * reserved members, or is an operation of a batch (submit.c), which refuses
 * those that it has not: both come here, so that both are checked by the same
 * rules. Of user memory only masks are read and new ids are written here.
 * Everything is checked before anything is changed.
 */
#include <linux/cpumask.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "calls.h"
#include "timer.h"
#include "utask.h"

/*
 * A mask of user space: words of 64 bits, whatever the caller's word size.
 * What is beyond the CPUs that the kernel can have is ignored, unread.
 */
static int twq_copy_mask(struct cpumask *mask, u64 cpus, size_t size)
{
	u64 *words = memdup_user(u64_to_user_ptr(cpus), size);

	if (IS_ERR(words))
		return PTR_ERR(words);
	cpumask_clear(mask);
	bitmap_from_arr64(cpumask_bits(mask), words,
			  min_t(unsigned int, nr_cpu_ids, size * BITS_PER_BYTE));
	kfree(words);
	cpumask_and(mask, mask, cpu_possible_mask);
	return 0;
}

/* A mask of one word that names one CPU needs no memory. NULL: it is another. */
static const struct cpumask *twq_one_cpu(u64 cpus, size_t size)
{
	int cpu;
	u64 word;

	if (size != sizeof(word))
		return NULL;
	if (get_user(word, (u64 __user *)u64_to_user_ptr(cpus)))
		return ERR_PTR(-EFAULT);
	if (hweight64(word) != 1)
		return NULL;
	cpu = __ffs64(word);
	return cpu < nr_cpu_ids && cpu_possible(cpu) ? cpumask_of(cpu) : NULL;
}

/* CPUs named by user space: a constant, or a copy of their own. */
struct twq_cpus_arg {
	const struct cpumask *mask;
	cpumask_var_t copy;
};

static int twq_get_cpus(struct twq_cpus_arg *arg, u64 cpus, u32 cpus_len)
{
	size_t size = min_t(size_t, cpus_len,
			    BITS_TO_U64(nr_cpu_ids) * sizeof(u64));
	int err;

	arg->mask = cpu_possible_mask;
	if (!cpus && !cpus_len)
		return 0;
	if (!cpus || !cpus_len || cpus_len % sizeof(u64))
		return -EINVAL;
	arg->mask = twq_one_cpu(cpus, size);
	if (arg->mask)
		return PTR_ERR_OR_ZERO(arg->mask);
	if (!alloc_cpumask_var(&arg->copy, TWQ_GFP_CALLER))
		return -ENOMEM;
	arg->mask = arg->copy;
	err = twq_copy_mask(arg->copy, cpus, size);
	if (err)
		free_cpumask_var(arg->copy);
	return err;
}

static void twq_put_cpus(struct twq_cpus_arg *arg)
{
	if (arg->mask == arg->copy)
		free_cpumask_var(arg->copy);
}

/* The id goes out before the task can be found: no task after -EFAULT. */
static int twq_create(struct twq_file *file, struct twq_create *args,
		      const struct cpumask *mask, __u64 __user *id)
{
	struct twq_utask *u = twq_utask_new(file, args, mask);

	if (IS_ERR(u))
		return PTR_ERR(u);
	args->id = u->ready.event.id;
	if (put_user(args->id, id)) {
		twq_utask_abandon(u);
		return -EFAULT;
	}
	twq_utask_publish(u);
	return 0;
}

/**
 * twq_call_create() - TWQ_IOC_CREATE
 * @file: the open file
 * @args: the argument; on success its id is the new task's
 * @id: where the id goes in user memory, before the task exists
 *
 * Context: process.
 * Return: 0; -EINVAL; -EFAULT; -EDQUOT; -ENOMEM.
 */
int twq_call_create(struct twq_file *file, struct twq_create *args,
		    __u64 __user *id)
{
	struct twq_cpus_arg cpus = {};
	int err;

	if (args->flags & ~TWQ_CREATE_FLAGS || args->interval_ns < 0 ||
	    memchr_inv(args->reserved, 0, sizeof(args->reserved)))
		return -EINVAL;
	err = twq_get_cpus(&cpus, args->cpus, args->cpus_len);
	if (err)
		return err;
	err = twq_create(file, args, cpus.mask, id);
	twq_put_cpus(&cpus);
	return err;
}

static int twq_set_affinity(struct twq_file *file, u64 id,
			    const struct cpumask *mask)
{
	struct twq_utask *u = twq_utask_get(file, id);
	int err;

	if (IS_ERR(u))
		return PTR_ERR(u);
	err = twq_task_set_affinity(&u->task, mask, TWQ_GFP_CALLER);
	twq_utask_put(u);
	return err == -ESRCH ? -ENOENT : err;
}

/**
 * twq_call_set_affinity() - TWQ_IOC_SET_AFFINITY
 * @file: the open file
 * @args: the argument
 *
 * Context: process.
 * Return: 0; -EINVAL; -EFAULT; -ENOENT; -EXDEV; -ENOMEM.
 */
int twq_call_set_affinity(struct twq_file *file,
			  const struct twq_affinity *args)
{
	struct twq_cpus_arg cpus = {};
	int err;

	if (args->flags || args->reserved)
		return -EINVAL;
	err = twq_get_cpus(&cpus, args->cpus, args->cpus_len);
	if (err)
		return err;
	err = twq_set_affinity(file, args->id, cpus.mask);
	twq_put_cpus(&cpus);
	return err;
}

/**
 * twq_call_destroy() - TWQ_IOC_DESTROY
 * @file: the open file
 * @id: the task
 *
 * Context: process or bottom half.
 * Return: 0; -ENOENT.
 */
int twq_call_destroy(struct twq_file *file, u64 id)
{
	struct twq_utask *u = twq_utask_get(file, id);
	int err;

	if (IS_ERR(u))
		return PTR_ERR(u);
	err = twq_utask_destroy(u);
	twq_utask_put(u);
	return err;
}

/**
 * twq_call_cancel() - TWQ_IOC_CANCEL
 * @file: the open file
 * @id: the task
 *
 * Context: process, bottom halves off.
 * Return: 1 when it stopped a pending deadline; 0; -ENOENT; -EXDEV.
 */
int twq_call_cancel(struct twq_file *file, u64 id)
{
	return twq_utask_cancel_id(file, id);
}

/**
 * twq_call_requeue() - TWQ_IOC_REQUEUE
 * @file: the open file
 * @id: the task
 *
 * Context: process, bottom halves off.
 * Return: 0; -ENOENT.
 */
int twq_call_requeue(struct twq_file *file, u64 id)
{
	return twq_utask_requeue_id(file, id);
}

/* The deadline that is meant by flags. */
static int twq_get_deadline(s64 *deadline_ns, u32 flags)
{
	if (flags & ~TWQ_DEADLINE_FLAGS)
		return -EINVAL;
	if (flags & TWQ_RELATIVE && *deadline_ns != TWQ_ETERNITY)
		*deadline_ns = twq_clock_after(*deadline_ns);
	return 0;
}

/* Apart, so that an absolute time needs no memory on the stack. */
static noinline int twq_queue_by_flags(struct twq_file *file, u64 id,
				       s64 deadline_ns, u32 flags)
{
	int err = twq_get_deadline(&deadline_ns, flags);

	return err ?: twq_utask_queue_id(file, id, deadline_ns);
}

/**
 * twq_call_queue() - TWQ_IOC_QUEUE
 * @file: the open file
 * @id: the task
 * @deadline_ns: as in struct twq_deadline
 * @flags: as in struct twq_deadline
 *
 * Context: process, bottom halves off.
 * Return: 0; -EINVAL; -ENOENT; -EXDEV.
 */
int twq_call_queue(struct twq_file *file, u64 id, s64 deadline_ns, u32 flags)
{
	if (flags)
		return twq_queue_by_flags(file, id, deadline_ns, flags);
	return twq_utask_queue_id(file, id, deadline_ns);
}

/**
 * twq_call_schedule() - TWQ_IOC_SCHEDULE
 * @file: the open file
 * @id: the task
 * @deadline_ns: as in struct twq_deadline
 * @flags: as in struct twq_deadline
 *
 * Context: process or bottom half.
 * Return: 0; -EINVAL; -ENOENT; -EXDEV.
 */
int twq_call_schedule(struct twq_file *file, u64 id, s64 deadline_ns, u32 flags)
{
	int err = twq_get_deadline(&deadline_ns, flags);
	struct twq_utask *u;

	if (err)
		return err;
	u = twq_utask_get(file, id);
	if (IS_ERR(u))
		return PTR_ERR(u);
	err = twq_utask_schedule(u, deadline_ns);
	twq_utask_put(u);
	return err;
}

/**
 * twq_call_wakeup() - TWQ_IOC_WAKEUP
 * @file: the open file
 * @id: the task
 * @reasons: as in struct twq_wakeup, or in struct twq_op, which has more bits
 *
 * Context: process or bottom half.
 * Return: 0; -EINVAL; -ENOENT.
 */
int twq_call_wakeup(struct twq_file *file, u64 id, u64 reasons)
{
	const u64 legal = TWQ_WOKEN_ANY & ~TWQ_WOKEN_TIMER;
	struct twq_utask *u;

	if (!reasons || reasons & ~legal)
		return -EINVAL;
	u = twq_utask_get(file, id);
	if (IS_ERR(u))
		return PTR_ERR(u);
	twq_utask_wakeup(u, reasons);
	twq_utask_put(u);
	return 0;
}
