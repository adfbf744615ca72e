// SPDX-License-Identifier: GPL-2.0
/*
 * CPUs that go down and come up at random. One thread does it, bound to
 * nothing; the kernel's files are opened once, before it starts. See hotplug.h.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "hotplug.h"
#include "units.h"

#define MAX_CPUS	64
#define PAUSE_MS	200	/* at most, between two changes */
#define TRIES		50	/* of bringing a CPU up at the end */

struct hotplug {
	int fds[MAX_CPUS];		/* -1: this CPU stays */
	int cpus[MAX_CPUS];
	unsigned int nr_cpus;
	uint64_t random;
	void (*is_up)(int cpu, void *arg);
	void *arg;
	pthread_t thread;
	atomic_bool stop;
	atomic_uint epoch;
	atomic_uint_least64_t online;
	atomic_uint_least64_t downs;
	atomic_uint_least64_t ups;
	atomic_uint_least64_t refusals;
};

/* For exit(): what is to be turned on again. */
static struct hotplug *active;

static int turn(struct hotplug *hotplug, int cpu, bool on)
{
	if (pwrite(hotplug->fds[cpu], on ? "1" : "0", 1, 0) != 1)
		return -errno;
	if (on)
		atomic_fetch_or(&hotplug->online, 1ULL << cpu);
	else
		atomic_fetch_and(&hotplug->online, ~(1ULL << cpu));
	return 0;
}

static void change(struct hotplug *hotplug, int cpu)
{
	bool on = !(atomic_load(&hotplug->online) >> cpu & 1);
	int ret;

	atomic_fetch_add(&hotplug->epoch, 1);
	ret = turn(hotplug, cpu, on);
	atomic_fetch_add(&hotplug->epoch, 1);
	if (ret)
		atomic_fetch_add(&hotplug->refusals, 1);
	else
		atomic_fetch_add(on ? &hotplug->ups : &hotplug->downs, 1);
	if (!ret && on && hotplug->is_up)
		hotplug->is_up(cpu, hotplug->arg);
}

static uint64_t next_random(struct hotplug *hotplug)
{
	/* xorshift64 */
	hotplug->random ^= hotplug->random << 13;
	hotplug->random ^= hotplug->random >> 7;
	hotplug->random ^= hotplug->random << 17;
	return hotplug->random;
}

static void *hotplug_main(void *arg)
{
	struct hotplug *hotplug = arg;
	struct timespec pause = { 0 };

	while (!atomic_load(&hotplug->stop)) {
		change(hotplug, hotplug->cpus[next_random(hotplug) %
					      hotplug->nr_cpus]);
		pause.tv_nsec = next_random(hotplug) % PAUSE_MS * NSEC_PER_MSEC;
		nanosleep(&pause, NULL);
	}
	return NULL;
}

static int all_up(struct hotplug *hotplug)
{
	struct timespec pause = { .tv_nsec = 100 * NSEC_PER_MSEC };
	unsigned int i, tries;
	int ret, cpu, err = 0;

	for (i = 0; i < hotplug->nr_cpus; i++) {
		cpu = hotplug->cpus[i];
		if (atomic_load(&hotplug->online) >> cpu & 1)
			continue;
		atomic_fetch_add(&hotplug->epoch, 1);
		for (tries = 0; tries < TRIES; tries++) {
			ret = turn(hotplug, cpu, true);
			if (!ret)
				break;
			nanosleep(&pause, NULL);
		}
		atomic_fetch_add(&hotplug->epoch, 1);
		if (ret) {
			warnx("cannot turn CPU %d on: %s", cpu, strerror(-ret));
			err = ret;
			continue;
		}
		atomic_fetch_add(&hotplug->ups, 1);
		if (hotplug->is_up)
			hotplug->is_up(cpu, hotplug->arg);
	}
	return err;
}

static void up_at_exit(void)
{
	if (!active)
		return;
	atomic_store(&active->stop, true);
	all_up(active);
}

/* Opens the file of each CPU that is online and can be turned off. */
static void find_cpus(struct hotplug *hotplug)
{
	char path[64], state;
	int cpu, fd;

	atomic_init(&hotplug->online, 1);
	for (cpu = 0; cpu < MAX_CPUS; cpu++) {
		hotplug->fds[cpu] = -1;
		if (!cpu)
			continue;
		snprintf(path, sizeof(path),
			 "/sys/devices/system/cpu/cpu%d/online", cpu);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (pread(fd, &state, 1, 0) != 1 || state != '1') {
			close(fd);
			continue;
		}
		hotplug->fds[cpu] = fd;
		hotplug->cpus[hotplug->nr_cpus++] = cpu;
		atomic_fetch_or(&hotplug->online, 1ULL << cpu);
	}
}

struct hotplug *hotplug_start(uint64_t seed, void (*is_up)(int cpu, void *arg),
			      void *arg)
{
	struct hotplug *hotplug = calloc(1, sizeof(*hotplug));
	int ret;

	if (!hotplug) {
		warnx("no memory");
		return NULL;
	}
	find_cpus(hotplug);
	hotplug->random = seed * 2 + 1;	/* not 0 */
	hotplug->is_up = is_up;
	hotplug->arg = arg;
	if (!hotplug->nr_cpus) {
		warnx("no CPU but 0 can be turned off by /sys/devices/system/cpu");
		goto err_free;
	}
	active = hotplug;
	atexit(up_at_exit);
	ret = pthread_create(&hotplug->thread, NULL, hotplug_main, hotplug);
	if (ret) {
		warnx("cannot start a thread: %s", strerror(ret));
		goto err_free;
	}
	return hotplug;

err_free:
	active = NULL;
	hotplug_free(hotplug);
	return NULL;
}

int hotplug_stop(struct hotplug *hotplug)
{
	int ret;

	atomic_store(&hotplug->stop, true);
	pthread_join(hotplug->thread, NULL);
	ret = all_up(hotplug);
	active = NULL;
	return ret;
}

void hotplug_free(struct hotplug *hotplug)
{
	unsigned int i;

	for (i = 0; i < hotplug->nr_cpus; i++)
		close(hotplug->fds[hotplug->cpus[i]]);
	free(hotplug);
}

unsigned int hotplug_epoch(const struct hotplug *hotplug)
{
	return atomic_load(&hotplug->epoch);
}

uint64_t hotplug_online(const struct hotplug *hotplug)
{
	return atomic_load(&hotplug->online);
}

struct hotplug_counts hotplug_counts(const struct hotplug *hotplug)
{
	return (struct hotplug_counts){
		.downs = atomic_load(&hotplug->downs),
		.ups = atomic_load(&hotplug->ups),
		.refusals = atomic_load(&hotplug->refusals),
	};
}
