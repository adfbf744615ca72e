// SPDX-License-Identifier: GPL-2.0
/*
 * health: checks of backends, each at its period, spread over all CPUs.
 *
 * A worker for each CPU, bound to it, has a file of its own and creates its
 * checks there: periodic tasks of that CPU, which no other CPU ever locks or
 * touches. It waits for them in one system call a turn.
 *
 * One deadline is shared: an alarm that is due when nothing has been checked
 * for a while. Every worker moves it after each turn, from its own CPU, by a
 * store. When the workers have ended it goes off, which ends the program.
 *
 * cc health.c $(pkg-config --cflags --libs libtwq) -pthread -o health
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <libtwq.h>

#define NSEC_PER_MSEC	1000000LL
#define NSEC_PER_SEC	1000000000LL
#define SILENCE_NS	(1 * NSEC_PER_SEC)

struct backend {
	unsigned long nr_checks;
	unsigned long nr_missed;	/* periods in which there was none */
};

struct worker {
	pthread_t thread;
	int cpu;
	struct backend *backends;	/* those that it checks */
	unsigned int nr_backends;
	const struct twq_map *alarm_map;
	uint64_t alarm_id;
	int64_t period_ns;
	int64_t duration_ns;
	int64_t most_late_ns;
};

struct settings {
	unsigned int nr_backends;
	int64_t period_ns;
	int64_t duration_ns;
};

/* The library answers with -errno. */
static int check(int ret, const char *what)
{
	if (ret < 0)
		errx(1, "%s: %s", what, strerror(-ret));
	return ret;
}

/* Here a program would connect to the backend and ask how it is. */
static void check_backend(struct backend *backend)
{
	backend->nr_checks++;
}

/* The first checks are spread over a period; the grid keeps them apart. */
static void create_checks(struct worker *w, int fd)
{
	unsigned int i;
	uint64_t id;

	for (i = 0; i < w->nr_backends; i++) {
		check(twq_create_here(fd, 0, w->period_ns,
				      (uintptr_t)&w->backends[i], &id),
		      "create");
		check(twq_queue(fd, id, w->period_ns * i / w->nr_backends,
				TWQ_RELATIVE), "queue");
	}
}

static void handle_events(struct worker *w, const struct twq_event *events,
			  int nr)
{
	struct backend *backend;
	int i;

	for (i = 0; i < nr; i++) {
		backend = (struct backend *)(uintptr_t)events[i].user_data;
		backend->nr_missed += events[i].overruns;
		if (events[i].fired_ns - events[i].deadline_ns > w->most_late_ns)
			w->most_late_ns = events[i].fired_ns -
					  events[i].deadline_ns;
		check_backend(backend);
	}
}

static void *work(void *arg)
{
	struct twq_event events[64];
	struct worker *w = arg;
	int64_t end_ns;
	int fd, nr;

	check(twq_thread_bind(w->cpu), "thread_bind");
	fd = check(twq_open(NULL, O_RDWR | O_CLOEXEC), "/dev/twq");
	create_checks(w, fd);
	end_ns = twq_now_ns() + w->duration_ns;
	do {
		nr = twq_wait_events(fd, events, 64, end_ns, 0);
		if (nr == -EINTR)
			continue;
		handle_events(w, events, check(nr, "wait_events"));
		if (nr)
			check(twq_set_deadline(w->alarm_map, w->alarm_id,
					       twq_now_ns() + SILENCE_NS),
			      "set_deadline");
	} while (twq_now_ns() < end_ns);
	close(fd);	/* destroys its tasks */
	return NULL;
}

/* One worker for each CPU that this process may use, as many as are needed. */
static unsigned int start_workers(struct worker *workers,
				  const struct worker *like,
				  struct backend *backends,
				  unsigned int nr_backends)
{
	unsigned int nr = 0, nr_workers, i;
	cpu_set_t cpus;
	int cpu, ret;

	if (sched_getaffinity(0, sizeof(cpus), &cpus))
		err(1, "sched_getaffinity");
	nr_workers = CPU_COUNT(&cpus);
	if (nr_workers > nr_backends)
		nr_workers = nr_backends;
	for (cpu = 0; nr < nr_workers; cpu++) {
		if (!CPU_ISSET(cpu, &cpus))
			continue;
		i = (uint64_t)nr_backends * nr / nr_workers;
		workers[nr] = *like;
		workers[nr].cpu = cpu;
		workers[nr].backends = backends + i;
		workers[nr].nr_backends =
			(uint64_t)nr_backends * (nr + 1) / nr_workers - i;
		ret = pthread_create(&workers[nr].thread, NULL, work,
				     &workers[nr]);
		check(-ret, "pthread_create");
		nr++;
	}
	return nr;
}

/* The alarm goes off SILENCE_NS after the last check of all workers. */
static void wait_alarm(int fd)
{
	struct twq_event event;
	int nr;

	do {
		nr = twq_wait_events(fd, &event, 1, TWQ_ETERNITY, 0);
	} while (nr == -EINTR);
	check(nr, "wait_events");
	printf("no check for %lld ms\n", SILENCE_NS / NSEC_PER_MSEC);
}

static int report(const struct worker *workers, unsigned int nr_workers,
		  const struct backend *backends, unsigned int nr)
{
	unsigned long nr_checks = 0, nr_missed = 0, nr_never = 0;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		nr_checks += backends[i].nr_checks;
		nr_missed += backends[i].nr_missed;
		nr_never += !backends[i].nr_checks;
	}
	for (i = 0; i < nr_workers; i++)
		printf("CPU %d: %u backends, the latest check fired after %.3f ms\n",
		       workers[i].cpu, workers[i].nr_backends,
		       workers[i].most_late_ns / 1e6);
	printf("%u backends: %lu checks, %lu missed, %lu never checked\n",
	       nr, nr_checks, nr_missed, nr_never);
	return nr_never != 0;
}

static int run(const struct settings *set)
{
	struct worker workers[CPU_SETSIZE], like = {
		.period_ns = set->period_ns,
		.duration_ns = set->duration_ns,
	};
	struct backend *backends;
	struct twq_map map;
	unsigned int i, nr;
	int fd, ret;

	backends = calloc(set->nr_backends, sizeof(*backends));
	if (!backends)
		err(1, "calloc");
	fd = check(twq_open(NULL, O_RDWR | O_CLOEXEC), "/dev/twq");
	check(twq_map(fd, 0, &map), "map");
	/* Every CPU may move it: that makes it a task of the shared queue. */
	check(twq_create(fd, NULL, 0, TWQ_CREATE_SHARED, 0, 0, &like.alarm_id),
	      "create");
	check(twq_queue(fd, like.alarm_id, set->duration_ns + SILENCE_NS,
			TWQ_RELATIVE), "queue");
	like.alarm_map = &map;
	nr = start_workers(workers, &like, backends, set->nr_backends);
	wait_alarm(fd);
	for (i = 0; i < nr; i++)
		pthread_join(workers[i].thread, NULL);
	ret = report(workers, nr, backends, set->nr_backends);
	check(twq_unmap(&map), "unmap");
	close(fd);
	free(backends);
	return ret;
}

static unsigned long parse_count(const char *arg, unsigned long max)
{
	char *end;
	unsigned long value = strtoul(arg, &end, 10);

	if (*arg < '0' || *arg > '9' || *end || !value || value > max)
		errx(2, "expected a number from 1 to %lu, not '%s'", max, arg);
	return value;
}

static void refuse(void)
{
	errx(2, "usage: health [--backends=N] [--period=MILLISECONDS] [--duration=SECONDS]");
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "backends", required_argument, NULL, 'b' },
		{ "period", required_argument, NULL, 'p' },
		{ "duration", required_argument, NULL, 'd' },
		{ NULL, 0, NULL, 0 }
	};
	struct settings set = {
		.nr_backends = 1000,
		.period_ns = 100 * NSEC_PER_MSEC,
		.duration_ns = 5 * NSEC_PER_SEC,
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'b')
			set.nr_backends = parse_count(optarg, 1000000);
		else if (option == 'p')
			set.period_ns = parse_count(optarg, 86400000) *
					NSEC_PER_MSEC;
		else if (option == 'd')
			set.duration_ns = parse_count(optarg, 86400) * NSEC_PER_SEC;
		else
			refuse();
	}
	if (optind != argc)
		refuse();
	return run(&set);
}
