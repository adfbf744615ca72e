// SPDX-License-Identifier: GPL-2.0
/*
 * Residents: see residents.h. The main thread starts and stops them; readers
 * show their events, in any order, so what events tell is added up.
 */
#include <err.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "residents.h"
#include "samples.h"
#include "units.h"

#define LOOK_NS	(5 * NSEC_PER_MSEC)

static int bind_to(int cpu)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	return sched_setaffinity(0, sizeof(cpus), &cpus) ? -errno : 0;
}

static int start_one(struct residents *residents, int fd, int cpu,
		     uint64_t user_data)
{
	unsigned int index = residents->nr;
	struct resident *resident = &residents->list[index];
	cpu_set_t home;
	int ret;

	CPU_ZERO(&home);
	CPU_SET(cpu, &home);
	resident->home = cpu;
	resident->is_shared = index & 1;
	/* Spread over a period. */
	resident->first_ns = monotonic_ns() + residents->interval_ns *
			     (index % RESIDENTS_A_CPU) / RESIDENTS_A_CPU;
	ret = twq_create(fd, &home, sizeof(home),
			 resident->is_shared ? TWQ_CREATE_SHARED : 0,
			 residents->interval_ns, user_data + index,
			 &resident->id);
	if (!ret) {
		residents->nr++;
		ret = twq_queue(fd, resident->id, resident->first_ns, 0);
	}
	return ret;
}

static int start_on(struct residents *residents, int fd, int cpu,
		    uint64_t user_data)
{
	int i, ret = bind_to(cpu);

	for (i = 0; i < RESIDENTS_A_CPU && !ret; i++)
		ret = start_one(residents, fd, cpu, user_data);
	if (ret)
		warnx("cannot start a resident on CPU %d: %s", cpu,
		      strerror(-ret));
	return ret;
}

int residents_start(struct residents *residents, int fd,
		    const cpu_set_t *cpus, int64_t interval_ns,
		    uint64_t user_data)
{
	unsigned int room = CPU_COUNT(cpus) * RESIDENTS_A_CPU;
	cpu_set_t before;
	int cpu, ret = 0;

	residents->list = calloc(room, sizeof(*residents->list));
	if (!residents->list || sched_getaffinity(0, sizeof(before), &before))
		return -ENOMEM;
	residents->interval_ns = interval_ns;
	atomic_store(&residents->since_ns, TWQ_ETERNITY);
	for (cpu = 0; cpu < CPU_SETSIZE && !ret; cpu++)
		if (CPU_ISSET(cpu, cpus))
			ret = start_on(residents, fd, cpu, user_data);
	sched_setaffinity(0, sizeof(before), &before);
	return ret;
}

void residents_free(struct residents *residents)
{
	free(residents->list);
}

void residents_take(struct residents *residents, unsigned int index,
		    const struct twq_event *event)
{
	struct resident *resident = &residents->list[index];
	bool is_home = event->cpu == (uint32_t)resident->home;
	uint64_t told = event->overruns + 1;
	int64_t before = (event->deadline_ns - resident->first_ns) /
			 residents->interval_ns;

	atomic_fetch_add(&resident->told, told);
	atomic_raise(&resident->periods, before + told);
	if (!is_home)
		atomic_fetch_add(&resident->away, 1);
	if (event->fired_ns <= atomic_load(&residents->since_ns))
		return;
	if (is_home)
		atomic_store(&resident->is_home, true);
	else
		atomic_store(&resident->is_astray, true);
}

static bool are_all_home(const struct residents *residents)
{
	unsigned int i;

	for (i = 0; i < residents->nr; i++)
		if (!atomic_load(&residents->list[i].is_home))
			return false;
	return true;
}

static int stop_one(const struct resident *resident, int fd)
{
	int ret = bind_to(resident->home);

	if (!ret)
		ret = twq_cancel(fd, resident->id);
	if (ret < 0)
		warnx("cannot stop a resident of CPU %d: %s", resident->home,
		      strerror(-ret));
	return ret < 0 ? ret : 0;
}

int residents_stop(struct residents *residents, int fd, int64_t limit_ns,
		   const sigset_t *signals)
{
	struct timespec pause = { .tv_nsec = LOOK_NS };
	int64_t now_ns = monotonic_ns();
	int64_t end_ns = now_ns + limit_ns;
	cpu_set_t before;
	unsigned int i;
	int ret = 0;

	atomic_store(&residents->since_ns, now_ns);
	while (!are_all_home(residents) && monotonic_ns() < end_ns &&
	       sigtimedwait(signals, NULL, &pause) < 0)
		;
	if (sched_getaffinity(0, sizeof(before), &before))
		return -errno;
	for (i = 0; i < residents->nr && !ret; i++)
		ret = stop_one(&residents->list[i], fd);
	sched_setaffinity(0, sizeof(before), &before);
	return ret;
}

struct residents_summary residents_sum(const struct residents *residents)
{
	struct residents_summary sum = { 0 };
	unsigned int i;

	for (i = 0; i < residents->nr; i++) {
		const struct resident *resident = &residents->list[i];
		uint64_t periods = atomic_load(&resident->periods);
		uint64_t told = atomic_load(&resident->told);
		bool is_home = resident->is_home && !resident->is_astray;

		sum.periods += periods;
		sum.missing += told > periods ? told - periods :
				periods - told;
		sum.away += atomic_load(&resident->away);
		sum.not_home += !is_home;
		if (!sum.first && (told != periods || !is_home))
			sum.first = resident;
	}
	return sum;
}
