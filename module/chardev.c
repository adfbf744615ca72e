// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/twq: file operations and calls. Copies, checks and dispatches; the only
 * file that sees user memory. Everything is checked and copied out before
 * anything is changed, so that a failed call has changed nothing. Whatever
 * user space does is answered by an errno and never by a message.
 */
#include <linux/cpumask.h>
#include <linux/fs.h>
#include <linux/ktime.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "chardev.h"
#include "cpu.h"
#include "timer.h"
#include "utask.h"

static bool twq_all_zero(const void *mem, size_t size)
{
	return !memchr_inv(mem, 0, size);
}

/*
 * A mask of user space: words of 64 bits, whatever the caller's word size.
 * What is beyond the CPUs that the kernel can have is ignored, unread.
 */
static int twq_copy_mask(struct cpumask *mask, u64 cpus, u32 cpus_len)
{
	size_t size = min_t(size_t, cpus_len,
			    BITS_TO_U64(nr_cpu_ids) * sizeof(u64));
	u64 *words;

	if (!cpus && !cpus_len) {
		cpumask_copy(mask, cpu_possible_mask);
		return 0;
	}
	if (!cpus || !cpus_len || cpus_len % sizeof(u64))
		return -EINVAL;
	words = memdup_user(u64_to_user_ptr(cpus), size);
	if (IS_ERR(words))
		return PTR_ERR(words);
	cpumask_clear(mask);
	bitmap_from_arr64(cpumask_bits(mask), words,
			  min_t(unsigned int, nr_cpu_ids, size * BITS_PER_BYTE));
	kfree(words);
	cpumask_and(mask, mask, cpu_possible_mask);
	return 0;
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
	};

	return copy_to_user(arg, &info, sizeof(info)) ? -EFAULT : 0;
}

/* The id goes out before the task can be found: no task after -EFAULT. */
static int twq_create(struct twq_file *file, struct twq_create __user *arg,
		      const struct twq_create *args,
		      const struct cpumask *mask)
{
	struct twq_utask *u = twq_utask_new(file, args, mask);

	if (IS_ERR(u))
		return PTR_ERR(u);
	if (put_user(u->ready.event.id, &arg->id)) {
		twq_utask_abandon(u);
		return -EFAULT;
	}
	twq_utask_publish(u);
	return 0;
}

static int twq_ioctl_create(struct twq_file *file, void __user *arg)
{
	struct twq_create args;
	cpumask_var_t mask;
	int err;

	if (copy_from_user(&args, arg, sizeof(args)))
		return -EFAULT;
	if (args.flags & ~TWQ_CREATE_FLAGS || args.interval_ns < 0 ||
	    !twq_all_zero(args.reserved, sizeof(args.reserved)))
		return -EINVAL;
	if (!alloc_cpumask_var(&mask, TWQ_GFP_CALLER))
		return -ENOMEM;
	err = twq_copy_mask(mask, args.cpus, args.cpus_len);
	if (!err)
		err = twq_create(file, arg, &args, mask);
	free_cpumask_var(mask);
	return err;
}

static int twq_ioctl_destroy(struct twq_file *file, void __user *arg)
{
	struct twq_task_id args;
	struct twq_utask *u;
	int err;

	if (copy_from_user(&args, arg, sizeof(args)))
		return -EFAULT;
	if (args.reserved)
		return -EINVAL;
	u = twq_utask_get(file, args.id);
	if (IS_ERR(u))
		return PTR_ERR(u);
	err = twq_utask_destroy(u);
	twq_utask_put(u);
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

static int twq_ioctl_set_affinity(struct twq_file *file, void __user *arg)
{
	struct twq_affinity args;
	cpumask_var_t mask;
	int err;

	if (copy_from_user(&args, arg, sizeof(args)))
		return -EFAULT;
	if (args.flags || args.reserved)
		return -EINVAL;
	if (!alloc_cpumask_var(&mask, TWQ_GFP_CALLER))
		return -ENOMEM;
	err = twq_copy_mask(mask, args.cpus, args.cpus_len);
	if (!err)
		err = twq_set_affinity(file, args.id, mask);
	free_cpumask_var(mask);
	return err;
}

/* QUEUE and SCHEDULE differ in what they do with the deadline. */
static int twq_ioctl_deadline(struct twq_file *file, void __user *arg,
			      int (*move)(struct twq_utask *u, s64 deadline_ns))
{
	struct twq_deadline args;
	struct twq_utask *u;
	int err;

	if (copy_from_user(&args, arg, sizeof(args)))
		return -EFAULT;
	if (args.flags & ~TWQ_DEADLINE_FLAGS || args.pad || args.reserved)
		return -EINVAL;
	u = twq_utask_get(file, args.id);
	if (IS_ERR(u))
		return PTR_ERR(u);
	if (args.flags & TWQ_RELATIVE && args.deadline_ns != TWQ_ETERNITY)
		args.deadline_ns = twq_clock_after(args.deadline_ns);
	err = move(u, args.deadline_ns);
	twq_utask_put(u);
	return err;
}

static int twq_ioctl_cancel(struct twq_file *file, void __user *arg)
{
	struct twq_task_id args;
	struct twq_utask *u;
	int err;

	if (copy_from_user(&args, arg, sizeof(args)))
		return -EFAULT;
	if (args.reserved)
		return -EINVAL;
	u = twq_utask_get(file, args.id);
	if (IS_ERR(u))
		return PTR_ERR(u);
	err = twq_utask_cancel(u);
	twq_utask_put(u);
	return err;
}

static int twq_ioctl_wakeup(struct twq_file *file, void __user *arg)
{
	const u32 legal = TWQ_WOKEN_ANY & ~TWQ_WOKEN_TIMER;
	struct twq_wakeup args;
	struct twq_utask *u;

	if (copy_from_user(&args, arg, sizeof(args)))
		return -EFAULT;
	if (!args.reasons || args.reasons & ~legal || args.pad || args.reserved)
		return -EINVAL;
	u = twq_utask_get(file, args.id);
	if (IS_ERR(u))
		return PTR_ERR(u);
	twq_utask_wakeup(u, args.reasons);
	twq_utask_put(u);
	return 0;
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
	if (stats->cpu >= nr_cpu_ids || !cpu_possible(stats->cpu))
		return -EINVAL;
	/* Pairs with the release in twq_cpu_rehome(). */
	stats->serving_cpu = READ_ONCE(per_cpu(twq_cpus, stats->cpu).host);
	twq_cpu_read_stats(stats->cpu, &stats->cpu_stats);
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
		return twq_ioctl_deadline(file, arg, twq_utask_queue);
	case TWQ_IOC_SCHEDULE:
		return twq_ioctl_deadline(file, arg, twq_utask_schedule);
	case TWQ_IOC_CANCEL:
		return twq_ioctl_cancel(file, arg);
	case TWQ_IOC_WAKEUP:
		return twq_ioctl_wakeup(file, arg);
	case TWQ_IOC_QUERY:
		return twq_ioctl_query(file, arg);
	case TWQ_IOC_STATS:
		return twq_ioctl_stats(file, arg);
	default:
		return -ENOTTY;
	}
}

static ssize_t twq_chardev_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct file *filp = iocb->ki_filp;
	struct twq_file *file = filp->private_data;

	return twq_events_read(&file->events, to,
			       filp->f_flags & O_NONBLOCK ||
			       iocb->ki_flags & IOCB_NOWAIT);
}

static __poll_t twq_chardev_poll(struct file *filp, poll_table *wait)
{
	struct twq_file *file = filp->private_data;

	poll_wait(filp, &file->events.wait, wait);
	return twq_events_ready(&file->events) ? EPOLLIN | EPOLLRDNORM : 0;
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
