// SPDX-License-Identifier: GPL-2.0
/*
 * Module parameters and the ladders of init and exit.
 */
#include <linux/module.h>

#include "chardev.h"
#include "cpu.h"
#include "debugfs.h"
#include "shared.h"
#include "state.h"
#include "utask.h"

static int twq_set_max_tasks(const char *val, const struct kernel_param *kp)
{
	return param_set_uint_minmax(val, kp, 1, TWQ_MAX_SLOTS);
}

static int twq_set_min_interval(const char *val, const struct kernel_param *kp)
{
	return param_set_uint_minmax(val, kp, 1, UINT_MAX);
}

static int twq_set_budget(const char *val, const struct kernel_param *kp)
{
	return param_set_uint_minmax(val, kp, 2, 100 * 1000);
}

static const struct kernel_param_ops twq_max_tasks_ops = {
	.set = twq_set_max_tasks,
	.get = param_get_uint,
};

static const struct kernel_param_ops twq_min_interval_ops = {
	.set = twq_set_min_interval,
	.get = param_get_uint,
};

static const struct kernel_param_ops twq_budget_ops = {
	.set = twq_set_budget,
	.get = param_get_uint,
};

module_param_cb(max_tasks, &twq_max_tasks_ops, &twq_max_tasks, 0644);
MODULE_PARM_DESC(max_tasks, "most tasks that an open file may hold");
module_param_cb(min_interval_ns, &twq_min_interval_ops, &twq_min_interval_ns,
		0644);
MODULE_PARM_DESC(min_interval_ns, "smallest interval of a periodic task");
module_param_cb(budget, &twq_budget_ops, &twq_budget, 0644);
MODULE_PARM_DESC(budget, "most tasks that a pass takes, due ones and woken ones");

static int __init twq_init(void)
{
	int err;

	BUILD_BUG_ON(CONFIG_NR_CPUS > 1 << (32 - TWQ_CPU_SHIFT));
	twq_shared_init();
	err = twq_slots_init_cache();
	if (err)
		return err;
	err = twq_cpu_init();
	if (err)
		goto err_cache;
	err = twq_chardev_init();
	if (err)
		goto err_cpu;
	twq_debugfs_init();
	return 0;

err_cpu:
	twq_shared_exit();
	twq_cpu_exit();
err_cache:
	twq_slots_exit_cache();
	return err;
}

static void __exit twq_exit(void)
{
	twq_debugfs_exit();
	twq_chardev_exit();
	twq_shared_exit();
	twq_cpu_exit();
	twq_slots_exit_cache();
}

module_init(twq_init);
module_exit(twq_exit);

MODULE_DESCRIPTION("Per-CPU timer wait queues");
MODULE_LICENSE("GPL");
#ifdef TWQ_VERSION
MODULE_VERSION(TWQ_VERSION);
#endif
