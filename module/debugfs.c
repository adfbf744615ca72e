// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/kernel/debug/twq: what the queues hold and what they did, for people and
 * for `twqctl top`. A line for each CPU, words apart by blanks, a heading first.
 * What nobody else may look at is asked of the CPU that may, under its exclusion
 * for a few steps. Nothing here is an interface that stays.
 */
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/workqueue.h>

#include "cpu.h"
#include "debugfs.h"
#include "measure.h"
#include "shared.h"
#include "task.h"

static struct dentry *twq_debugfs;

/* -- a line for each CPU -------------------------------------------------- */

static void *twq_seq_start(struct seq_file *m, loff_t *pos)
{
	int cpu;

	if (!*pos)
		return SEQ_START_TOKEN;
	if (*pos > nr_cpu_ids)
		return NULL;
	cpu = cpumask_next(*pos - 2, cpu_possible_mask);
	if (cpu >= nr_cpu_ids)
		return NULL;
	*pos = cpu + 1;
	return per_cpu_ptr(&twq_cpus, cpu);
}

static void *twq_seq_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return twq_seq_start(m, pos);
}

static void twq_seq_stop(struct seq_file *m, void *v)
{
}

static void twq_seq_time(struct seq_file *m, s64 ns)
{
	if (ns == TWQ_ETERNITY)
		seq_puts(m, " never");
	else
		seq_printf(m, " %lld", ns);
}

/* -- cpus: the queues of each CPU ----------------------------------------- */

/* What the host of a CPU tells of its queues. */
struct twq_look {
	struct twq_cpu *cpu;
	s64 first_ns;
	s64 armed_ns;
	unsigned int depth;
	unsigned int run;
	unsigned int inbox;
};

static long twq_look_here(void *arg)
{
	struct twq_look *look = arg;
	struct twq_cpu *c = look->cpu;

	if (!twq_cpu_lock(c))
		return -EXDEV;
	look->depth = c->queue.nr;
	look->first_ns = twq_queue_first_key(&c->queue);
	look->armed_ns = c->timer.armed_ns;
	look->run = twq_list_count(c->run) + twq_list_count(c->taken);
	/* Nobody but the host takes from the inbox, and that is this CPU. */
	look->inbox = twq_list_count(READ_ONCE(c->inbox.first));
	twq_cpu_unlock(c);
	return 0;
}

static void twq_seq_count(struct seq_file *m, unsigned int count)
{
	if (count > TWQ_COUNT_MAX)
		seq_printf(m, " >%u", TWQ_COUNT_MAX);
	else
		seq_printf(m, " %u", count);
}

static int twq_cpus_show(struct seq_file *m, void *v)
{
	struct twq_look look = { .cpu = v };
	long err;
	int host;

	if (v == SEQ_START_TOKEN) {
		seq_puts(m, "cpu host depth first_ns armed_ns run inbox\n");
		return 0;
	}
	/* The host stays online, and the host, until it has answered. */
	cpus_read_lock();
	host = look.cpu->host;
	err = work_on_cpu(host, twq_look_here, &look);
	cpus_read_unlock();
	if (err)
		return err;
	seq_printf(m, "%d %d %u", look.cpu->cpu, host, look.depth);
	twq_seq_time(m, look.first_ns);
	twq_seq_time(m, look.armed_ns);
	twq_seq_count(m, look.run);
	twq_seq_count(m, look.inbox);
	seq_putc(m, '\n');
	return 0;
}

static const struct seq_operations twq_cpus_sops = {
	.start = twq_seq_start,
	.next = twq_seq_next,
	.stop = twq_seq_stop,
	.show = twq_cpus_show,
};
DEFINE_SEQ_ATTRIBUTE(twq_cpus);

/* -- shared: the shared queue, and the holds of its lock by CPU ------------ */

static void twq_shared_show_queue(struct seq_file *m)
{
	s64 first_ns, armed_ns;
	unsigned int depth;

	twq_shared_lock();
	depth = twq_shared.queue.nr;
	first_ns = twq_queue_first_key(&twq_shared.queue);
	armed_ns = twq_shared.timer.armed_ns;
	twq_shared_unlock();
	seq_printf(m, "depth first_ns armed_ns\n%u", depth);
	twq_seq_time(m, first_ns);
	twq_seq_time(m, armed_ns);
	seq_puts(m, "\ncpu holds held_ns longest_ns\n");
}

static int twq_shared_show(struct seq_file *m, void *v)
{
	const struct twq_cpu *c = v;
	struct twq_measures measures;

	if (v == SEQ_START_TOKEN) {
		twq_shared_show_queue(m);
		return 0;
	}
	/* Statistics: the CPU adds to its own meanwhile. */
	data_race(measures = per_cpu(twq_measures, c->cpu));
	seq_printf(m, "%d %llu %llu %llu\n", c->cpu, measures.holds,
		   measures.held_ns, measures.longest_ns);
	return 0;
}

static const struct seq_operations twq_shared_sops = {
	.start = twq_seq_start,
	.next = twq_seq_next,
	.stop = twq_seq_stop,
	.show = twq_shared_show,
};
DEFINE_SEQ_ATTRIBUTE(twq_shared);

/* -- counters: struct twq_cpu_stats of each CPU --------------------------- */

static const char * const twq_counter_names[] = {
	"queued", "kept", "expired", "stale", "runs", "passed_on", "passes",
	"cut", "kicks", "refused", "rehomed", "local_depth", "shared_depth",
};

static void twq_counters_show_names(struct seq_file *m)
{
	size_t i;

	seq_puts(m, "cpu");
	for (i = 0; i < ARRAY_SIZE(twq_counter_names); i++)
		seq_printf(m, " %s", twq_counter_names[i]);
	seq_putc(m, '\n');
}

static int twq_counters_show(struct seq_file *m, void *v)
{
	struct twq_cpu_stats stats = {};
	const struct twq_cpu *c = v;
	const u64 *word = (const u64 *)&stats;
	size_t i;

	BUILD_BUG_ON(sizeof(stats) !=
		     ARRAY_SIZE(twq_counter_names) * sizeof(*word));
	if (v == SEQ_START_TOKEN) {
		twq_counters_show_names(m);
		return 0;
	}
	twq_cpu_read_stats(c->cpu, &stats);
	seq_printf(m, "%d", c->cpu);
	for (i = 0; i < ARRAY_SIZE(twq_counter_names); i++)
		seq_printf(m, " %llu", word[i]);
	seq_putc(m, '\n');
	return 0;
}

static const struct seq_operations twq_counters_sops = {
	.start = twq_seq_start,
	.next = twq_seq_next,
	.stop = twq_seq_stop,
	.show = twq_counters_show,
};
DEFINE_SEQ_ATTRIBUTE(twq_counters);

/* -- lateness: a histogram of each CPU, lines only for what it has --------- */

static int twq_lateness_show(struct seq_file *m, void *v)
{
	const struct twq_cpu *c = v;
	const struct twq_measures *measures;
	int n;

	if (v == SEQ_START_TOKEN) {
		seq_puts(m, "cpu from_ns to_ns runs\n");
		return 0;
	}
	measures = per_cpu_ptr(&twq_measures, c->cpu);
	for (n = 0; n < TWQ_LATE_BUCKETS; n++) {
		/* Statistics: the CPU adds to its own meanwhile. */
		u64 runs = data_race(measures->late[n]);

		if (!runs)
			continue;
		seq_printf(m, "%d %llu", c->cpu, n ? 1ULL << (n - 1) : 0);
		if (n < TWQ_LATE_BUCKETS - 1)
			seq_printf(m, " %llu", 1ULL << n);
		else
			seq_puts(m, " never");
		seq_printf(m, " %llu\n", runs);
	}
	return 0;
}

static const struct seq_operations twq_lateness_sops = {
	.start = twq_seq_start,
	.next = twq_seq_next,
	.stop = twq_seq_stop,
	.show = twq_lateness_show,
};
DEFINE_SEQ_ATTRIBUTE(twq_lateness);

/* -- measure: who has it open for writing measures ------------------------- */

static int twq_measure_open(struct inode *inode, struct file *filp)
{
	return filp->f_mode & FMODE_WRITE ? twq_measure_get() : 0;
}

static int twq_measure_release(struct inode *inode, struct file *filp)
{
	if (filp->f_mode & FMODE_WRITE)
		twq_measure_put();
	return 0;
}

static ssize_t twq_measure_read(struct file *filp, char __user *buf,
				size_t len, loff_t *pos)
{
	const char *text = twq_measure_is_on() ? "on\n" : "off\n";

	return simple_read_from_buffer(buf, len, pos, text, strlen(text));
}

/* Nothing can be switched on that would stay so. */
static ssize_t twq_measure_write(struct file *filp, const char __user *buf,
				 size_t len, loff_t *pos)
{
	return -EINVAL;
}

static const struct file_operations twq_measure_fops = {
	.owner = THIS_MODULE,
	.open = twq_measure_open,
	.release = twq_measure_release,
	.read = twq_measure_read,
	.write = twq_measure_write,
	.llseek = default_llseek,
};

/**
 * twq_debugfs_init() - make the folder
 *
 * Where there is no debugfs, or no memory, nothing is missed but the folder.
 *
 * Context: process, after twq_cpu_init().
 */
void twq_debugfs_init(void)
{
	struct dentry *dir = debugfs_create_dir("twq", NULL);

	twq_debugfs = dir;
	debugfs_create_file("cpus", 0400, dir, NULL, &twq_cpus_fops);
	debugfs_create_file("shared", 0400, dir, NULL, &twq_shared_fops);
	debugfs_create_file("counters", 0400, dir, NULL, &twq_counters_fops);
	debugfs_create_file("lateness", 0400, dir, NULL, &twq_lateness_fops);
	debugfs_create_file("measure", 0600, dir, NULL, &twq_measure_fops);
}

/**
 * twq_debugfs_exit() - remove the folder
 *
 * Context: process. On return no file of it is in use.
 */
void twq_debugfs_exit(void)
{
	debugfs_remove(twq_debugfs);
}
