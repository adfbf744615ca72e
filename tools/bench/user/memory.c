// SPDX-License-Identifier: GPL-2.0
/*
 * What an idle deadline takes: created and armed for an hour ahead, then left
 * alone. 'memory' is what the machine has less of, whoever has it. Of that,
 * -slab is the kernel's slab allocator, -percpu its per-CPU allocator, -rss the
 * program's own. -cgroup is what the program's memory cgroup is charged for,
 * which leaves out what a part of the kernel takes without account.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user.h"

#define CGROUPS		"/sys/fs/cgroup"
#define CGROUP		CGROUPS "/twq-ubench"
#define SETTLE_US	300000
#define FEWEST		10000	/* or pages are all that is seen */

enum { FREE, SLAB, PERCPU, RSS, CHARGED, NR_FIGURES };

static const char * const names[NR_FIGURES] = {
	"memory", "memory-slab", "memory-percpu", "memory-rss",
	"memory-cgroup",
};

static int64_t in_kb(const char *path, const char *key)
{
	return 1024 * (int64_t)read_numbers(path, key);
}

/* Free pages are those of the zones and those that CPUs keep at hand. */
static void look(int64_t *bytes)
{
	const char *zones = "/proc/zoneinfo";

	usleep(SETTLE_US);
	bytes[FREE] = -sysconf(_SC_PAGESIZE) *
		      (int64_t)(read_numbers(zones, "pages free") +
				read_numbers(zones, "count:"));
	bytes[SLAB] = in_kb("/proc/meminfo", "Slab:");
	bytes[PERCPU] = in_kb("/proc/meminfo", "Percpu:");
	bytes[RSS] = in_kb("/proc/self/status", "VmRSS:");
	bytes[CHARGED] = read_numbers(CGROUP "/memory.current", "");
}

/* A cgroup of its own; without it the figure is left out. */
static bool enter_cgroup(void)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", getpid());
	write_text(CGROUPS "/cgroup.subtree_control", "+memory");
	mkdir(CGROUP, 0755);
	return write_text(CGROUP "/cgroup.procs", pid) &&
	       read_numbers(CGROUP "/memory.current", "");
}

void measure_memory(const struct peer *peer, const struct plan *plan)
{
	int64_t before[NR_FIGURES], after[NR_FIGURES];
	bool charged = enter_cgroup();
	struct job all;
	uint32_t i;

	if (plan->pending < FEWEST || !open_all(peer, plan))
		return;
	all = (struct job){
		.which = make_deck(plan->pending),
		.when = make_times(plan->pending),
		.nr = plan->pending,
	};
	for (i = 0; i < plan->pending; i++)
		((int64_t *)all.when)[i] = now_ns() + HOUR_NS + i;
	look(before);
	if (peer->create)
		peer->create(&all);
	peer->set(&all);
	look(after);
	for (i = 0; i < NR_FIGURES; i++)
		if (i != CHARGED || charged)
			report(peer, plan, names[i], "byte",
			       (double)(after[i] - before[i]) / plan->pending);
}
