// SPDX-License-Identifier: GPL-2.0
/*
 * What twqctl top shows: counters by the device, and by debugfs, which root may
 * read, what waits, how late runs are and how long the shared lock is held. The
 * latter two are measured as long as the file 'measure' is open.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libtwq.h"
#include "top.h"
#include "units.h"

#define DEBUGFS	"/sys/kernel/debug/twq/"

/* Calls @take with each line of a file that begins with a number of a CPU. */
static void read_lines(struct top *top, const char *path, top_take take)
{
	FILE *f = fopen(path, "re");
	char line[256], *rest;
	unsigned int cpu;
	size_t i;

	if (!f)
		return;
	while (fgets(line, sizeof(line), f)) {
		cpu = strtoul(line, &rest, 10);
		if (rest == line)
			continue;	/* a heading */
		for (i = 0; i < top->nr_cpus; i++)
			if (top->cpus[i].cpu == cpu)
				take(top, &top->cpus[i], line);
	}
	fclose(f);
}

/* More than 1000 is told as ">1000". */
static void take_queues(struct top *top, struct top_cpu *cpu, const char *line)
{
	unsigned long long run, inbox;

	(void)top;
	if (sscanf(line, "%*u %*u %*u %*s %*s %*[>]%llu", &run) == 1 ||
	    sscanf(line, "%*u %*u %*u %*s %*s %llu", &run) == 1)
		cpu->waiting = run;
	if (sscanf(line, "%*u %*u %*u %*s %*s %*s %*[>]%llu", &inbox) == 1 ||
	    sscanf(line, "%*u %*u %*u %*s %*s %*s %llu", &inbox) == 1)
		cpu->waiting += inbox;
}

static void take_holds(struct top *top, struct top_cpu *cpu, const char *line)
{
	unsigned long long holds, held_ns, longest_ns;

	/* The line of the queue itself has fewer, or no numbers. */
	if (sscanf(line, "%*u %llu %llu %llu", &holds, &held_ns,
		   &longest_ns) != 3)
		return;
	cpu->now.holds = holds;
	cpu->now.held_ns = held_ns;
	if (longest_ns > top->longest_ns)
		top->longest_ns = longest_ns;
}

static void take_lateness(struct top *top, struct top_cpu *cpu,
			  const char *line)
{
	unsigned long long from_ns, runs;
	int n = 0;

	(void)top;
	if (sscanf(line, "%*u %llu %*s %llu", &from_ns, &runs) != 2)
		return;
	while (from_ns >> n)
		n++;
	if (n < TOP_BUCKETS)
		cpu->now.late[n] = runs;
}

static int read_device(struct top *top, int fd)
{
	struct twq_stats stats;
	size_t i;
	int ret;

	for (i = 0; i < top->nr_cpus; i++) {
		struct top_cpu *cpu = &top->cpus[i];

		ret = twq_get_stats(fd, cpu->cpu, &stats);
		if (ret < 0)
			return ret;
		cpu->before = cpu->now;
		cpu->now.stats = stats.cpu_stats;
		cpu->serving_cpu = stats.serving_cpu;
		cpu->waiting = TOP_UNKNOWN;
		top->shared_depth = stats.cpu_stats.shared_depth;
	}
	return 0;
}

int top_sample(struct top *top, int fd)
{
	int64_t now_ns = monotonic_ns();
	int ret = read_device(top, fd);

	if (ret < 0)
		return ret;
	top->length_ns = now_ns - top->at_ns;
	top->at_ns = now_ns;
	read_lines(top, DEBUGFS "cpus", take_queues);
	if (!top_measures(top))
		return 0;
	top->longest_ns = 0;
	read_lines(top, DEBUGFS "shared", take_holds);
	read_lines(top, DEBUGFS "lateness", take_lateness);
	return 0;
}

static void begin_to_measure(struct top *top)
{
	top->measure = open(DEBUGFS "measure", O_WRONLY | O_CLOEXEC);
	if (top->measure < 0)
		snprintf(top->trouble, sizeof(top->trouble),
			 "no lateness, no lock: " DEBUGFS "measure: %s%s",
			 strerror(errno), errno == EACCES ? " (root may)" : "");
}

int top_open(struct top *top, int fd)
{
	struct twq_stats stats;
	struct twq_info info;
	unsigned int cpu;
	int ret;

	ret = twq_get_info(fd, &info);
	if (ret < 0)
		return ret;
	top->cpus = calloc(info.nr_cpus, sizeof(*top->cpus));
	if (!top->cpus)
		return -ENOMEM;
	for (cpu = 0; cpu < info.nr_cpus; cpu++)
		/* The numbers may have holes. */
		if (!twq_get_stats(fd, cpu, &stats))
			top->cpus[top->nr_cpus++].cpu = cpu;
	begin_to_measure(top);
	return top_sample(top, fd);
}

void top_close(struct top *top)
{
	if (top_measures(top))
		close(top->measure);
	free(top->cpus);
}

double top_rate(const struct top *top, uint64_t before, uint64_t now)
{
	return (now - before) * 1e9 / top->length_ns;
}

double top_held_share(const struct top *top, const struct top_cpu *cpu)
{
	return (double)(cpu->now.held_ns - cpu->before.held_ns) /
	       top->length_ns;
}

uint64_t top_late_ns(const struct top_cpu *cpu, double part)
{
	uint64_t all = 0, sum = 0;
	int n;

	for (n = 0; n < TOP_BUCKETS; n++)
		all += cpu->now.late[n] - cpu->before.late[n];
	if (!all)
		return TOP_UNKNOWN;
	for (n = 0; n < TOP_BUCKETS - 1; n++) {
		sum += cpu->now.late[n] - cpu->before.late[n];
		if (sum >= all * part)
			break;
	}
	return 1ULL << n;
}
