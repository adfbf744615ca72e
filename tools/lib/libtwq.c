// SPDX-License-Identifier: GPL-2.0
/*
 * libtwq: one function for each call of /dev/twq. They fill in the structures
 * of <linux/twq.h>, make the call and turn errno into a negative answer. No
 * state is kept and no lock is taken.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "libtwq.h"

static int twq_call(int fd, unsigned long request, void *arg)
{
	int ret = ioctl(fd, request, arg);

	return ret < 0 ? -errno : ret;
}

int twq_open(const char *path, int open_flags)
{
	int fd = open(path ? path : "/dev/twq", open_flags);

	return fd < 0 ? -errno : fd;
}

int twq_get_info(int fd, struct twq_info *info)
{
	return twq_call(fd, TWQ_IOC_INFO, info);
}

int twq_create(int fd, const cpu_set_t *cpus, size_t cpus_size,
	       uint32_t flags, int64_t interval_ns, uint64_t user_data,
	       uint64_t *id)
{
	struct twq_create create = {
		.user_data = user_data,
		.cpus = (uintptr_t)cpus,
		.cpus_len = cpus ? cpus_size : 0,
		.flags = flags,
		.interval_ns = interval_ns,
	};
	int ret = twq_call(fd, TWQ_IOC_CREATE, &create);

	if (ret >= 0)
		*id = create.id;
	return ret;
}

int twq_destroy(int fd, uint64_t id)
{
	struct twq_task_id task = { .id = id };

	return twq_call(fd, TWQ_IOC_DESTROY, &task);
}

int twq_set_affinity(int fd, uint64_t id, const cpu_set_t *cpus,
		     size_t cpus_size)
{
	struct twq_affinity affinity = {
		.id = id,
		.cpus = (uintptr_t)cpus,
		.cpus_len = cpus ? cpus_size : 0,
	};

	return twq_call(fd, TWQ_IOC_SET_AFFINITY, &affinity);
}

int twq_queue(int fd, uint64_t id, int64_t deadline_ns, uint32_t flags)
{
	struct twq_deadline deadline = {
		.id = id,
		.deadline_ns = deadline_ns,
		.flags = flags,
	};

	return twq_call(fd, TWQ_IOC_QUEUE, &deadline);
}

int twq_schedule(int fd, uint64_t id, int64_t deadline_ns, uint32_t flags)
{
	struct twq_deadline deadline = {
		.id = id,
		.deadline_ns = deadline_ns,
		.flags = flags,
	};

	return twq_call(fd, TWQ_IOC_SCHEDULE, &deadline);
}

int twq_cancel(int fd, uint64_t id)
{
	struct twq_task_id task = { .id = id };

	return twq_call(fd, TWQ_IOC_CANCEL, &task);
}

int twq_wakeup(int fd, uint64_t id, uint32_t reasons)
{
	struct twq_wakeup wakeup = { .id = id, .reasons = reasons };

	return twq_call(fd, TWQ_IOC_WAKEUP, &wakeup);
}

int twq_get_task(int fd, uint64_t id, struct twq_query *query)
{
	*query = (struct twq_query){ .id = id };
	return twq_call(fd, TWQ_IOC_QUERY, query);
}

int twq_get_stats(int fd, uint32_t cpu, struct twq_stats *stats)
{
	*stats = (struct twq_stats){ .cpu = cpu };
	return twq_call(fd, TWQ_IOC_STATS, stats);
}

int twq_read_events(int fd, struct twq_event *events, size_t max)
{
	ssize_t len = read(fd, events, max * sizeof(*events));

	return len < 0 ? -errno : (int)(len / sizeof(*events));
}

int twq_requeue(int fd, uint64_t id)
{
	struct twq_task_id task = { .id = id };

	return twq_call(fd, TWQ_IOC_REQUEUE, &task);
}

int twq_submit(int fd, struct twq_submit *submit)
{
	return twq_call(fd, TWQ_IOC_SUBMIT, submit);
}

int twq_wait_events(int fd, struct twq_event *events, uint32_t max,
		    int64_t until_ns, uint32_t flags)
{
	struct twq_submit submit = {
		.events = (uintptr_t)events,
		.until_ns = until_ns,
		.max_events = max,
		.flags = flags,
	};
	int ret = twq_call(fd, TWQ_IOC_SUBMIT, &submit);

	return ret < 0 ? ret : (int)submit.nr_events;
}

int64_t twq_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}
