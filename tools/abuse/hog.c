// SPDX-License-Identifier: GPL-2.0
/*
 * What the hogs do. Wherever it makes sense there is one busy thread on each
 * CPU, bound to it. The normal thread is on CPU 0, so that is where the tasks
 * of one CPU are, too.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "hog.h"
#include "libtwq.h"

#define NSEC_PER_SEC	1000000000LL
#define HOUR_NS		(3600 * NSEC_PER_SEC)
#define ALL_CPUS	(-1)
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

int hog_dev = -1;
int hog_ready_fd = -1;
unsigned int hog_most = UINT_MAX;

static uint64_t *ids;

/* What a thread of a hog works on. */
struct share {
	const struct hog *hog;
	int cpu;
	int fd;
	uint64_t *ids;
	unsigned int nr;
};

static void hog_ready(void)
{
	close(hog_ready_fd);
}

static void die(const char *what, int err)
{
	fprintf(stderr, "hog: %s: %s\n", what, strerror(-err));
	_exit(1);
}

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

static int count_cpus(void)
{
	return (int)sysconf(_SC_NPROCESSORS_ONLN);
}

static void bind_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("sched_setaffinity", -errno);
}

static uint64_t make(int fd, int cpu, uint32_t flags, int64_t interval_ns)
{
	cpu_set_t set;
	uint64_t id;
	int err;

	CPU_ZERO(&set);
	if (cpu != ALL_CPUS)
		CPU_SET(cpu, &set);
	err = twq_create(fd, cpu == ALL_CPUS ? NULL : &set, sizeof(set), flags,
			 interval_ns, 0, &id);
	if (err)
		die("CREATE", err);
	return id;
}

static void queue(int fd, uint64_t id, int64_t deadline_ns)
{
	int err = twq_queue(fd, id, deadline_ns, 0);

	if (err)
		die("QUEUE", err);
}

static int open_file(int flags)
{
	int fd = twq_open(NULL, O_RDWR | O_CLOEXEC | flags);

	if (fd < 0)
		die("open", fd);
	return fd;
}

static int64_t smallest_interval(void)
{
	struct twq_info info;
	int err = twq_get_info(hog_dev, &info);

	if (err)
		die("INFO", err);
	return info.min_interval_ns;
}

/* One thread on each CPU, bound to it. */
static void on_all_cpus(const struct hog *hog, void *(*fn)(void *))
{
	struct share *each;
	pthread_t thread;
	int i, err;

	for (i = 0; i < count_cpus(); i++) {
		each = calloc(1, sizeof(*each));
		each->hog = hog;
		each->cpu = i;
		each->fd = hog_dev;
		each->nr = hog->tasks;
		err = pthread_create(&thread, NULL, fn, each);
		if (err)
			die("pthread_create", -err);
	}
}

static noreturn void idle(void)
{
	hog_ready();
	for (;;)
		pause();
}

static void *read_for_ever(void *unused)
{
	static struct twq_event events[256];
	int got;

	bind_to(0);
	do {
		got = twq_read_events(hog_dev, events, 256);
	} while (got > 0 || got == -EINTR);
	die("read", got);
	return unused;
}

static void start_reader(void)
{
	pthread_t thread;
	int err = pthread_create(&thread, NULL, read_for_ever, NULL);

	if (err)
		die("pthread_create", -err);
}

/* -- deadlines in the past, re-armed in a loop ------------------------------ */

static void make_own(struct share *s, int cpu, uint32_t flags)
{
	unsigned int i;

	s->ids = calloc(s->nr, sizeof(*s->ids));
	for (i = 0; i < s->nr; i++)
		s->ids[i] = make(s->fd, cpu, flags, 0);
}

static noreturn void queue_for_ever(struct share *s)
{
	unsigned int i;

	for (i = 0;; i = (i + 1) % s->nr)
		queue(s->fd, s->ids[i], 1);
}

static void *past_local(void *arg)
{
	struct share *s = arg;

	bind_to(s->cpu);
	make_own(s, s->cpu, 0);
	queue_for_ever(s);
}

static void *past_shared(void *arg)
{
	struct share *s = arg;
	unsigned int i;
	int err;

	bind_to(s->cpu);
	make_own(s, ALL_CPUS, TWQ_CREATE_SHARED);
	for (i = 0;; i = (i + 1) % s->nr) {
		err = twq_schedule(s->fd, s->ids[i], 1, 0);
		if (err)
			die("SCHEDULE", err);
	}
	return NULL;
}

/* One thread does both, so that there is one on each CPU. */
static void *past_read(void *arg)
{
	struct twq_event events[16];
	struct share *s = arg;
	unsigned int i;
	int got;

	bind_to(s->cpu);
	s->fd = open_file(O_NONBLOCK);
	make_own(s, ALL_CPUS, TWQ_CREATE_SHARED);
	for (i = 0;; i = (i + 1) % s->nr) {
		queue(s->fd, s->ids[i], 1);
		got = twq_read_events(s->fd, events, 16);
		if (got < 0 && got != -EAGAIN)
			die("read", got);
	}
	return NULL;
}

static void *past_files(void *arg)
{
	struct share *s = arg;

	bind_to(s->cpu);
	s->fd = open_file(0);
	make_own(s, s->cpu, 0);
	queue_for_ever(s);
}

/* All to CPU 0, from the others where there are others. */
static void *past_remote(void *arg)
{
	struct share *s = arg;

	if (count_cpus() > 1 && !s->cpu)
		return NULL;
	bind_to(s->cpu);
	make_own(s, 0, TWQ_CREATE_SHARED);
	queue_for_ever(s);
}

static void *wake_remote(void *arg)
{
	struct share *s = arg;
	unsigned int i;
	int err;

	if (count_cpus() > 1 && !s->cpu)
		return NULL;
	bind_to(s->cpu);
	make_own(s, 0, 0);
	for (i = 0;; i = (i + 1) % s->nr) {
		err = twq_wakeup(s->fd, s->ids[i], TWQ_WOKEN_OTHER);
		if (err)
			die("WAKEUP", err);
	}
}

/* Just ahead: each call has the hrtimer set, and each is an interrupt. */
static void *near_local(void *arg)
{
	struct share *s = arg;
	unsigned int i;

	bind_to(s->cpu);
	make_own(s, s->cpu, 0);
	for (i = 0;; i = (i + 1) % s->nr)
		queue(s->fd, s->ids[i], now_ns() + 5000);
	return NULL;
}

static void hog_past_local(const struct hog *hog)
{
	on_all_cpus(hog, past_local);
	idle();
}

static void hog_past_shared(const struct hog *hog)
{
	on_all_cpus(hog, past_shared);
	idle();
}

static void hog_past_read(const struct hog *hog)
{
	on_all_cpus(hog, past_read);
	idle();
}

static void hog_past_files(const struct hog *hog)
{
	on_all_cpus(hog, past_files);
	idle();
}

static void hog_past_remote(const struct hog *hog)
{
	on_all_cpus(hog, past_remote);
	idle();
}

static void hog_wake_remote(const struct hog *hog)
{
	on_all_cpus(hog, wake_remote);
	idle();
}

static void hog_near_local(const struct hog *hog)
{
	on_all_cpus(hog, near_local);
	idle();
}

/* -- the smallest interval --------------------------------------------------- */

/*
 * @cpu: where they are; @spread: owned by the CPUs in turn instead. Their
 * deadlines are spread over the interval, so that the next one is always near.
 */
static void make_intervals(const struct hog *hog, int cpu, uint32_t flags,
			   int spread)
{
	int64_t interval_ns = smallest_interval(), start_ns;
	unsigned int i, on, nr_on = spread ? count_cpus() : 1;

	ids = calloc(hog->tasks, sizeof(*ids));
	for (i = 0; i < hog->tasks; i++)
		ids[i] = make(hog_dev, spread ? (int)(i % nr_on) : cpu, flags,
			      interval_ns);
	for (on = 0; on < nr_on; on++) {
		bind_to(spread || cpu == ALL_CPUS ? (int)on : cpu);
		start_ns = now_ns() + interval_ns;
		for (i = on; i < hog->tasks; i += nr_on)
			queue(hog_dev, ids[i],
			      start_ns + i * interval_ns / hog->tasks);
	}
}

static void hog_interval_local(const struct hog *hog)
{
	make_intervals(hog, 0, 0, 0);
	idle();
}

static void hog_interval_read(const struct hog *hog)
{
	start_reader();
	make_intervals(hog, 0, 0, 0);
	idle();
}

/* And a thread there that is as busy as can be. */
static void hog_interval_busy(const struct hog *hog)
{
	struct share s = { .fd = hog_dev, .nr = 1 };

	make_intervals(hog, 0, 0, 0);
	make_own(&s, 0, 0);
	hog_ready();
	queue_for_ever(&s);
}

static void hog_interval_all(const struct hog *hog)
{
	make_intervals(hog, 0, 0, 1);
	idle();
}

static void hog_interval_shared(const struct hog *hog)
{
	make_intervals(hog, ALL_CPUS, TWQ_CREATE_SHARED, 0);
	idle();
}

static void hog_interval_shared_read(const struct hog *hog)
{
	start_reader();
	make_intervals(hog, ALL_CPUS, TWQ_CREATE_SHARED, 0);
	idle();
}

static void hog_interval_shared_one(const struct hog *hog)
{
	make_intervals(hog, 0, TWQ_CREATE_SHARED, 0);
	idle();
}

/* -- very many ---------------------------------------------------------------- */

/* Has all come due at one moment, waits until they have, and goes on. */
static void fire(const int *fds, int nr_fds, unsigned int tasks)
{
	int64_t due_ns = now_ns() + 10 * NSEC_PER_SEC;
	struct twq_stats stats;
	unsigned int i;
	int fd, err;

	for (i = 0; i < tasks; i++)
		queue(fds[i % nr_fds], ids[i], due_ns);
	due_ns = now_ns();
	for (i = 0; i < tasks; i++)
		queue(fds[i % nr_fds], ids[i], due_ns);
	for (fd = 0; fd < nr_fds;) {
		err = twq_get_stats(fds[fd], TWQ_STATS_ALL_CPUS, &stats);
		if (err)
			die("STATS", err);
		if (stats.ledger.pending == stats.ledger.created)
			fd++;
		else
			usleep(10000);
	}
}

static noreturn void make_many(const struct hog *hog, int *fds, int nr_fds)
{
	unsigned int i, tasks = hog->tasks < hog_most ? hog->tasks : hog_most;

	bind_to(0);
	ids = calloc(tasks, sizeof(*ids));
	for (i = 0; i < tasks; i++)
		ids[i] = make(fds[i % nr_fds], ALL_CPUS, 0, 0);
	fire(fds, nr_fds, tasks);
	idle();
}

static void hog_many(const struct hog *hog)
{
	make_many(hog, &hog_dev, 1);
}

static void hog_many_files(const struct hog *hog)
{
	int fds[10], i;

	fds[0] = hog_dev;
	for (i = 1; i < 10; i++)
		fds[i] = open_file(0);
	make_many(hog, fds, 10);
}

/*
 * Goes on asking at the limit of its cgroup. All that this process needs is
 * there by then: at the limit a page fault, or a write to a pipe, is answered by
 * the OOM killer.
 */
static void hog_limit(const struct hog *hog)
{
	uint64_t id;
	int err;

	(void)hog;
	bind_to(0);
	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		die("mlockall", -errno);
	do {
		err = twq_create(hog_dev, NULL, 0, 0, 0, 0, &id);
	} while (!err);
	hog_ready();
	while (!err || err == -ENOMEM)
		err = twq_create(hog_dev, NULL, 0, 0, 0, 0, &id);
	die("CREATE", err);
}

static void *churn(void *arg)
{
	struct share *s = arg;
	int err;

	bind_to(s->cpu);
	for (;;) {
		err = twq_destroy(s->fd, make(s->fd, s->cpu, 0, 0));
		if (err)
			die("DESTROY", err);
	}
	return NULL;
}

static void hog_churn(const struct hog *hog)
{
	on_all_cpus(hog, churn);
	idle();
}

/* tasks, all_along, limit */
const struct hog hogs[] = {
	{ "past-local", "QUEUE of own tasks in the past",
		hog_past_local, 1, false, NULL },
	{ "past-shared", "SCHEDULE of shared tasks in the past",
		hog_past_shared, 16, false, NULL },
	{ "past-read", "the same, and read",
		hog_past_read, 16, false, NULL },
	{ "past-files", "the same, a file for each thread",
		hog_past_files, 64, false, NULL },
	{ "past-remote", "QUEUE by other CPUs, to run here",
		hog_past_remote, 16, false, NULL },
	{ "wake-remote", "WAKEUP by other CPUs",
		hog_wake_remote, 16, false, NULL },
	{ "near-local", "QUEUE 5 us ahead",
		hog_near_local, 4, false, NULL },
	{ "interval-30", "intervals, nobody reads",
		hog_interval_local, 30, false, NULL },
	{ "interval-50", "intervals, nobody reads",
		hog_interval_local, 50, false, NULL },
	{ "interval-100", "intervals, nobody reads",
		hog_interval_local, 100, false, NULL },
	{ "interval-1000", "intervals, nobody reads",
		hog_interval_local, 1000, false, NULL },
	{ "interval-10000", "intervals, nobody reads",
		hog_interval_local, 10000, false, NULL },
	{ "interval-read", "intervals, read on this CPU",
		hog_interval_read, 10000, false, NULL },
	{ "interval-busy", "intervals and QUEUE in the past",
		hog_interval_busy, 10000, false, NULL },
	{ "interval-all", "intervals on all CPUs",
		hog_interval_all, 10000, false, NULL },
	{ "interval-shared", "intervals of shared tasks",
		hog_interval_shared, 10000, false, NULL },
	{ "interval-shared-read", "the same, read on this CPU",
		hog_interval_shared_read, 10000, false, NULL },
	{ "interval-shared-one", "shared, but only for this CPU",
		hog_interval_shared_one, 10000, false, NULL },
	{ "churn", "CREATE and DESTROY in a loop",
		hog_churn, 1, false, NULL },
	{ "limit", "CREATE at the limit of its memory",
		hog_limit, 1, false, "16M" },
	{ "many", "made, armed, due at once, gone",
		hog_many, 1000000, true, NULL },
	{ "many-files", "the same, on ten files",
		hog_many_files, 1000000, true, NULL },
};

const int nr_hogs = ARRAY_SIZE(hogs);
