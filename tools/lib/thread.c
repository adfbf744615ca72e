// SPDX-License-Identifier: GPL-2.0
/*
 * libtwq: threads that are bound to one CPU and own tasks of it. The kernel's
 * mask of a thread is the only record of that: others may change it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>

#include "libtwq.h"

#define MAX_CPUS	65536	/* more than any kernel is built for */

int twq_thread_bind(int cpu)
{
	size_t size;
	cpu_set_t *set;
	int ret = 0;

	if (cpu < 0 || cpu >= MAX_CPUS)
		return -EINVAL;
	set = CPU_ALLOC(cpu + 1);
	if (!set)
		return -ENOMEM;
	size = CPU_ALLOC_SIZE(cpu + 1);
	CPU_ZERO_S(size, set);
	CPU_SET_S(cpu, size, set);
	if (sched_setaffinity(0, size, set))
		ret = -errno;
	CPU_FREE(set);
	return ret;
}

/* The only CPU of a mask of @size bytes, or -EXDEV. */
static int only_cpu(const cpu_set_t *set, size_t size)
{
	int cpu = 0;

	if (CPU_COUNT_S(size, set) != 1)
		return -EXDEV;
	while (!CPU_ISSET_S(cpu, size, set))
		cpu++;
	return cpu;
}

int twq_thread_cpu(void)
{
	int nr_cpus = 1024, ret;
	size_t size;
	cpu_set_t *set;

	/* The kernel refuses a mask that is shorter than its own. */
	do {
		set = CPU_ALLOC(nr_cpus);
		if (!set)
			return -ENOMEM;
		size = CPU_ALLOC_SIZE(nr_cpus);
		ret = sched_getaffinity(0, size, set) ? -errno :
							only_cpu(set, size);
		CPU_FREE(set);
		nr_cpus *= 2;
	} while (ret == -EINVAL && nr_cpus <= MAX_CPUS);
	return ret;
}

int twq_create_here(int fd, uint32_t flags, int64_t interval_ns,
		    uint64_t user_data, uint64_t *id)
{
	int cpu = twq_thread_cpu(), ret;
	size_t size;
	cpu_set_t *set;

	if (cpu < 0)
		return cpu;
	set = CPU_ALLOC(cpu + 1);
	if (!set)
		return -ENOMEM;
	size = CPU_ALLOC_SIZE(cpu + 1);
	CPU_ZERO_S(size, set);
	CPU_SET_S(cpu, size, set);
	ret = twq_create(fd, set, size, flags, interval_ns, user_data, id);
	CPU_FREE(set);
	return ret;
}
