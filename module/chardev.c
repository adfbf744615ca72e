// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/twq: file operations and calls. Copies arguments and dispatches. User
 * memory is seen here, in calls.c and in submit.c, and by events.c as what is
 * behind an iov_iter. Everything is checked and copied out before anything is changed,
 * so that a failed call has changed nothing. Whatever user space does is
 * answered by an errno and never by a message.
 */
#include <linux/bottom_half.h>
#include <linux/cpumask.h>
#include <linux/fs.h>
#include <linux/ktime.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/nospec.h>
#include <linux/poll.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "calls.h"
#include "chardev.h"
#include "cpu.h"
#include "submit.h"
#include "timer.h"
#include "utask.h"

static bool twq_all_zero(const void *mem, size_t size)
{
	return !memchr_inv(mem, 0, size);
}

static int twq_ioctl_info(struct twq_file *file, void __user *arg)
{
	struct twq_info info = {
		.abi_version = TWQ_ABI_VERSION,
		.event_size = sizeof(struct twq_event),
		.nr_cpus = nr_cpu_ids,
		.budget = READ_ONCE(twq_budget),
		.max_tasks = READ_ONCE(twq_max_tasks),
		.min_interval_ns = READ_ONCE(twq_min_interval_ns),
		.now_ns = twq_clock_ns(),
		.slot_size = sizeof(struct twq_slot),
		.op_size = sizeof(struct twq_op),
	};

	return copy_to_user(arg, &info, sizeof(info)) ? -EFAULT : 0;
}

static int twq_ioctl_create(struct twq_file *file, struct twq_create __user *arg)
{
	struct twq_create args;

	if (copy_from_user(&args, arg, sizeof(args)))
		return -EFAULT;
	return twq_call_create(file, &args, &arg->id);
}

static int twq_ioctl_set_affinity(struct twq_file *file, void __user *arg)
{
	struct twq_affinity args;

	if (copy_from_user(&args, arg, sizeof(args)))
		return -EFAULT;
	return twq_call_set_affinity(file, &args);
}

static int twq_copy_id(struct twq_task_id *args, void __user *arg)
{
	if (copy_from_user(args, arg, sizeof(*args)))
		return -EFAULT;
	return args->reserved ? -EINVAL : 0;
}

static int twq_ioctl_destroy(struct twq_file *file, void __user *arg)
{
	struct twq_task_id args;
	int err = twq_copy_id(&args, arg);

	return err ?: twq_call_destroy(file, args.id);
}

/* CANCEL and REQUEUE; as in a batch, bottom halves are off for this and that. */
static int twq_ioctl_id(struct twq_file *file, void __user *arg,
			int (*call)(struct twq_file *file, u64 id))
{
	struct twq_task_id args;
	int ret = twq_copy_id(&args, arg);

	if (ret)
		return ret;
	local_bh_disable();
	ret = call(file, args.id);
	local_bh_enable();
	return ret;
}

static int twq_ioctl_deadline(struct twq_file *file, void __user *arg,
			      int (*call)(struct twq_file *file, u64 id,
					  s64 deadline_ns, u32 flags))
{
	struct twq_deadline args;
	int err;

	if (copy_from_user(&args, arg, sizeof(args)))
		return -EFAULT;
	if (args.pad || args.reserved)
		return -EINVAL;
	local_bh_disable();
	err = call(file, args.id, args.deadline_ns, args.flags);
	local_bh_enable();
	return err;
}

static int twq_ioctl_wakeup(struct twq_file *file, void __user *arg)
{
	struct twq_wakeup args;

	if (copy_from_user(&args, arg, sizeof(args)))
		return -EFAULT;
	if (args.pad || args.reserved)
		return -EINVAL;
	return twq_call_wakeup(file, args.id, args.reasons);
}

static int twq_ioctl_query(struct twq_file *file, void __user *arg)
{
	struct twq_query query;
	struct twq_utask *u;

	if (copy_from_user(&query, arg, sizeof(query)))
		return -EFAULT;
	if (!twq_all_zero(query.reserved, sizeof(query.reserved)))
		return -EINVAL;
	u = twq_utask_get(file, query.id);
	if (IS_ERR(u))
		return PTR_ERR(u);
	twq_utask_query(u, &query);
	twq_utask_put(u);
	return copy_to_user(arg, &query, sizeof(query)) ? -EFAULT : 0;
}

static int twq_read_cpu_stats(struct twq_stats *stats)
{
	int cpu;

	memset(&stats->cpu_stats, 0, sizeof(stats->cpu_stats));
	if (stats->cpu == TWQ_STATS_ALL_CPUS) {
		stats->serving_cpu = TWQ_STATS_ALL_CPUS;
		for_each_possible_cpu(cpu)
			twq_cpu_read_stats(cpu, &stats->cpu_stats);
		return 0;
	}
	if (stats->cpu >= nr_cpu_ids)
		return -EINVAL;
	cpu = array_index_nospec(stats->cpu, nr_cpu_ids);
	if (!cpu_possible(cpu))
		return -EINVAL;
	/* Pairs with the release in twq_cpu_rehome(). */
	stats->serving_cpu = READ_ONCE(per_cpu(twq_cpus, cpu).host);
	twq_cpu_read_stats(cpu, &stats->cpu_stats);
	return 0;
}

static int twq_ioctl_stats(struct twq_file *file, void __user *arg)
{
	struct twq_stats stats;
	int err;

	if (copy_from_user(&stats, arg, sizeof(stats)))
		return -EFAULT;
	if (!twq_all_zero(stats.reserved, sizeof(stats.reserved)))
		return -EINVAL;
	err = twq_read_cpu_stats(&stats);
	if (err)
		return err;
	twq_file_read_ledger(file, &stats.ledger);
	return copy_to_user(arg, &stats, sizeof(stats)) ? -EFAULT : 0;
}

static long twq_chardev_ioctl(struct file *filp, unsigned int cmd,
			      unsigned long raw)
{
	struct twq_file *file = filp->private_data;
	void __user *arg = (void __user *)raw;

	switch (cmd) {
	case TWQ_IOC_INFO:
		return twq_ioctl_info(file, arg);
	case TWQ_IOC_CREATE:
		return twq_ioctl_create(file, arg);
	case TWQ_IOC_DESTROY:
		return twq_ioctl_destroy(file, arg);
	case TWQ_IOC_SET_AFFINITY:
		return twq_ioctl_set_affinity(file, arg);
	case TWQ_IOC_QUEUE:
		return twq_ioctl_deadline(file, arg, twq_call_queue);
	case TWQ_IOC_SCHEDULE:
		return twq_ioctl_deadline(file, arg, twq_call_schedule);
	case TWQ_IOC_CANCEL:
		return twq_ioctl_id(file, arg, twq_call_cancel);
	case TWQ_IOC_WAKEUP:
		return twq_ioctl_wakeup(file, arg);
	case TWQ_IOC_QUERY:
		return twq_ioctl_query(file, arg);
	case TWQ_IOC_STATS:
		return twq_ioctl_stats(file, arg);
	case TWQ_IOC_REQUEUE:
		return twq_ioctl_id(file, arg, twq_call_requeue);
	case TWQ_IOC_SUBMIT:
		return twq_submit(filp, arg);
	default:
		return -ENOTTY;
	}
}

static ssize_t twq_chardev_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct file *filp = iocb->ki_filp;
	struct twq_file *file = filp->private_data;
	s64 until_ns = TWQ_ETERNITY;

	if (filp->f_flags & O_NONBLOCK || iocb->ki_flags & IOCB_NOWAIT)
		until_ns = TWQ_EVENTS_NO_WAIT;
	return twq_events_read(&file->events, to, until_ns);
}

static __poll_t twq_chardev_poll(struct file *filp, poll_table *wait)
{
	struct twq_file *file = filp->private_data;

	poll_wait(filp, &file->events.wait, wait);
	/* In the queue before the look; pairs with twq_events_wake(). */
	smp_mb();
	return twq_events_ready(&file->events) ? EPOLLIN | EPOLLRDNORM : 0;
}

static int twq_chardev_mmap(struct file *filp, struct vm_area_struct *vma)
{
	struct twq_file *file = filp->private_data;

	return twq_slots_map(&file->slots, vma);
}

static void twq_chardev_show_fdinfo(struct seq_file *m, struct file *filp)
{
	struct twq_file *file = filp->private_data;
	struct twq_ledger ledger;

	twq_file_read_ledger(file, &ledger);
	seq_printf(m, "twq-tasks:\t%llu\n", twq_ledger_tasks(&ledger));
#define TWQ_SHOW(what)	seq_printf(m, "twq-" #what ":\t%llu\n", ledger.what)
	TWQ_SHOW(created);
	TWQ_SHOW(destroyed);
	TWQ_SHOW(armed);
	TWQ_SHOW(expired);
	TWQ_SHOW(moved);
	TWQ_SHOW(cancelled);
	TWQ_SHOW(dropped);
	TWQ_SHOW(fired);
	TWQ_SHOW(delivered);
	TWQ_SHOW(coalesced);
	TWQ_SHOW(pending);
	TWQ_SHOW(discarded);
#undef TWQ_SHOW
}

static int twq_chardev_open(struct inode *inode, struct file *filp)
{
	struct twq_file *file = twq_file_new();

	if (IS_ERR(file))
		return PTR_ERR(file);
	filp->private_data = file;
	filp->f_mode |= FMODE_NOWAIT;
	return stream_open(inode, filp);
}

static int twq_chardev_release(struct inode *inode, struct file *filp)
{
	twq_file_close(filp->private_data);
	return 0;
}

static const struct file_operations twq_chardev_fops = {
	.owner = THIS_MODULE,
	.open = twq_chardev_open,
	.release = twq_chardev_release,
	.read_iter = twq_chardev_read_iter,
	.poll = twq_chardev_poll,
	.mmap = twq_chardev_mmap,
	.unlocked_ioctl = twq_chardev_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.show_fdinfo = twq_chardev_show_fdinfo,
};

static struct miscdevice twq_chardev = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "twq",
	.fops = &twq_chardev_fops,
	.mode = 0600,
};

/* The layout is the same for every caller and never changes. */
static void twq_check_abi(void)
{
	BUILD_BUG_ON(sizeof(struct twq_info) != 64);
	BUILD_BUG_ON(sizeof(struct twq_create) != 64);
	BUILD_BUG_ON(sizeof(struct twq_task_id) != 16);
	BUILD_BUG_ON(sizeof(struct twq_affinity) != 32);
	BUILD_BUG_ON(sizeof(struct twq_deadline) != 32);
	BUILD_BUG_ON(sizeof(struct twq_wakeup) != 24);
	BUILD_BUG_ON(sizeof(struct twq_query) != 80);
	BUILD_BUG_ON(sizeof(struct twq_ledger) != 96);
	BUILD_BUG_ON(sizeof(struct twq_cpu_stats) != 104);
	BUILD_BUG_ON(sizeof(struct twq_stats) != 240);
	BUILD_BUG_ON(sizeof(struct twq_event) != 48);
	BUILD_BUG_ON(sizeof(struct twq_slot) != 16);
	BUILD_BUG_ON(sizeof(struct twq_op) != 64);
	BUILD_BUG_ON(sizeof(struct twq_submit) != 64);
	BUILD_BUG_ON(TWQ_ETERNITY != KTIME_MAX);
}

/**
 * twq_chardev_init() - make /dev/twq
 *
 * Context: process.
 * Return: 0 or a negative errno.
 */
int twq_chardev_init(void)
{
	twq_check_abi();
	return misc_register(&twq_chardev);
}

/**
 * twq_chardev_exit() - remove /dev/twq
 *
 * Context: process, when no file is open.
 */
void twq_chardev_exit(void)
{
	misc_deregister(&twq_chardev);
}
