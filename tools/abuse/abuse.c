// SPDX-License-Identifier: GPL-2.0
/*
 * abuse [-s PERCENT] [-w MS] [-n TASKS] [HOG...]: what a normal thread keeps of a CPU
 * beside a hog. The normal thread counts loops, bound to CPU 0: its share is
 * their number over that of the same loop alone. It has the same weight as one
 * thread of the hog, so half of the CPU is what the scheduler alone would leave.
 *
 * All other CPUs are kept busy at the lowest weight the whole time: emulated
 * CPUs share those of their host, and so they share them evenly.
 *
 * Each hog has WINDOW, or its time, and makes TASKS at most. A row for each: the
 * share, the longest time in which the normal thread did not run, the kernel
 * memory that the hog's cgroup was charged, and what is wrong. The status is 0
 * if nothing is, less than PERCENT (30) of the CPU included.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "hog.h"
#include "libtwq.h"

#define NSEC_PER_MSEC	1000000LL
#define LOOPS		1000	/* between two looks at the clock */
#define CGROUP		"/sys/fs/cgroup"
#define HOG_CGROUP	CGROUP "/hog"
#define TRIES		5	/* of a hog on an uneven host */
#define UNEVEN		0.2
#define GUARD_MS	60000	/* longer than any sane delay: it hangs */

static int share_min = 30;
static int window_ms = 1000;

/* Of the normal thread: chunks done, and its longest stall since reset. */
static uint64_t chunks;
static int64_t longest_ns;

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 * NSEC_PER_MSEC + ts.tv_nsec;
}

static void pause_ms(int ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * NSEC_PER_MSEC };

	nanosleep(&ts, NULL);
}

static noreturn void die(const char *what)
{
	fprintf(stderr, "abuse: %s: %s\n", what, strerror(errno));
	exit(2);
}

static void bind_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("sched_setaffinity");
}

/* -- the normal thread ------------------------------------------------------- */

static void spin(unsigned int loops)
{
	while (loops--)
		__asm__ volatile ("" : "+r" (loops));
}

static void *normal(void *unused)
{
	int64_t before = now_ns(), now;

	bind_to(0);
	for (;;) {
		spin(LOOPS);
		now = now_ns();
		if (now - before > __atomic_load_n(&longest_ns, __ATOMIC_RELAXED))
			__atomic_store_n(&longest_ns, now - before,
					 __ATOMIC_RELAXED);
		before = now;
		__atomic_store_n(&chunks, chunks + 1, __ATOMIC_RELAXED);
	}
	return unused;
}

static void start_normal(void)
{
	pthread_t thread;

	errno = pthread_create(&thread, NULL, normal, NULL);
	if (errno)
		die("pthread_create");
}

/* They end with this process. */
static void start_fillers(void)
{
	int cpu, nr_cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
	pid_t parent = getpid();

	for (cpu = 1; cpu < nr_cpus; cpu++) {
		if (fork())
			continue;
		bind_to(cpu);
		if (nice(19) < 0)
			_exit(1);
		while (getppid() == parent)
			spin(1000 * 1000);
		_exit(0);
	}
}

struct window {
	uint64_t chunks;
	int64_t ns;
	int64_t longest_ns;
};

static void window_begin(struct window *w)
{
	__atomic_store_n(&longest_ns, 0, __ATOMIC_RELAXED);
	w->chunks = __atomic_load_n(&chunks, __ATOMIC_RELAXED);
	w->ns = now_ns();
}

static void window_end(struct window *w)
{
	w->chunks = __atomic_load_n(&chunks, __ATOMIC_RELAXED) - w->chunks;
	w->ns = now_ns() - w->ns;
	w->longest_ns = __atomic_load_n(&longest_ns, __ATOMIC_RELAXED);
}

static struct window window_alone(void)
{
	struct window w;

	window_begin(&w);
	pause_ms(window_ms / 2);
	window_end(&w);
	return w;
}

static double per_ns(const struct window *w)
{
	return (double)w->chunks / w->ns;
}

/* -- the hog and its cgroup --------------------------------------------------- */

static bool write_file(const char *path, const char *what)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, what, strlen(what)) >= 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

/* Bytes of kernel memory charged to the hog's cgroup. */
static long long charged(void)
{
	FILE *f = fopen(HOG_CGROUP "/memory.stat", "re");
	long long bytes = -1;
	char line[128];

	while (f && bytes < 0 && fgets(line, sizeof(line), f))
		if (sscanf(line, "kernel %lld", &bytes) != 1)
			bytes = -1;
	if (f)
		fclose(f);
	return bytes;
}

static void make_cgroup(const char *limit)
{
	if (!write_file(CGROUP "/cgroup.subtree_control", "+memory"))
		die("+memory");
	if (mkdir(HOG_CGROUP, 0755) && errno != EEXIST)
		die(HOG_CGROUP);
	if (!write_file(HOG_CGROUP "/memory.max", limit ? limit : "max"))
		die("memory.max");
}

static pid_t start_hog(const struct hog *hog, int *ready)
{
	int ends[2];
	pid_t pid;

	if (pipe(ends))
		die("pipe");
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) {
		close(ends[0]);
		hog_ready_fd = ends[1];
		if (!write_file(HOG_CGROUP "/cgroup.procs", "0"))
			die("cgroup.procs");
		hog->run(hog);
		_exit(1);
	}
	close(ends[1]);
	*ready = ends[0];
	return pid;
}

/* Until the hog, or its end, has closed the other end. */
static void wait_ready(int fd)
{
	char byte;
	ssize_t got;

	do {
		got = read(fd, &byte, 1);
	} while (got < 0 && errno == EINTR);
	close(fd);
}

/* False when it had ended by itself. */
static bool stop_hog(pid_t pid)
{
	int status;

	kill(pid, SIGKILL);
	if (waitpid(pid, &status, 0) != pid)
		die("waitpid");
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

static bool memory_comes_back(long long peak)
{
	int64_t limit = now_ns() + GUARD_MS * NSEC_PER_MSEC;

	while (charged() > peak / 10 + (1 << 20)) {
		if (now_ns() > limit)
			return false;
		pause_ms(20);
	}
	return !rmdir(HOG_CGROUP);
}

/* -- a row --------------------------------------------------------------------- */

/* What is wrong with the present hog; empty if nothing is. */
static char wrong[256];

static void complain(const char *format, ...)
{
	size_t len = strlen(wrong);
	va_list args;

	if (len)
		len += snprintf(wrong + len, sizeof(wrong) - len, ", ");
	va_start(args, format);
	if (len < sizeof(wrong))
		vsnprintf(wrong + len, sizeof(wrong) - len, format, args);
	va_end(args);
}

/* Events of one moment, so they balance in the middle of everything. */
static void judge_books(void)
{
	struct twq_stats stats;
	struct twq_ledger *l = &stats.ledger;
	int err = twq_get_stats(hog_dev, TWQ_STATS_ALL_CPUS, &stats);

	if (err)
		complain("STATS: %s", strerror(-err));
	else if (l->fired != l->delivered + l->coalesced + l->pending +
			     l->discarded)
		complain("events lost");
	else if (l->pending > l->created)
		complain("%llu events pending of %llu tasks", l->pending,
			 l->created);
}

struct row {
	double share;
	int64_t stall_ns;
	long long bytes;
};

static void print_row(const struct hog *hog, const struct row *row)
{
	printf("%-20s %-36s %5.1f %% %7.1f ms %8lld kB  %s\n", hog->name,
	       hog->what, 100 * row->share,
	       (double)row->stall_ns / NSEC_PER_MSEC, row->bytes >> 10, wrong[0] ? wrong : "held");
	fflush(stdout);
}

/* Runs a hog once. False when the loop alone was not the same afterwards. */
static bool try_hog(const struct hog *hog, struct row *row)
{
	struct window alone, beside, after;
	bool lived;
	pid_t pid;
	int ready;

	wrong[0] = 0;
	make_cgroup(hog->limit);
	hog_dev = twq_open(NULL, O_RDWR | O_CLOEXEC);
	if (hog_dev < 0)
		die("/dev/twq");
	alone = window_alone();
	if (hog->all_along)
		window_begin(&beside);
	pid = start_hog(hog, &ready);
	wait_ready(ready);
	if (!hog->all_along) {
		pause_ms(100);
		window_begin(&beside);
		pause_ms(window_ms);
		window_end(&beside);
	}
	row->bytes = charged();
	lived = stop_hog(pid);
	judge_books();
	close(hog_dev);
	if (hog->all_along)
		window_end(&beside);
	after = window_alone();
	row->share = per_ns(&beside) * 2 / (per_ns(&alone) + per_ns(&after));
	row->stall_ns = beside.longest_ns;
	if (!lived)
		complain("the hog failed");
	if (100 * row->share < share_min)
		complain("less than %d %%", share_min);
	if (!memory_comes_back(row->bytes))
		complain("%lld kB stay charged", charged() >> 10);
	return fabs(per_ns(&alone) / per_ns(&after) - 1) < UNEVEN;
}

/* On a host that does other things, too, a share may mean nothing. */
static bool measure(const struct hog *hog)
{
	int tries = TRIES;
	struct row row;

	while (!try_hog(hog, &row))
		if (!--tries) {
			complain("the host is not calm");
			break;
		}
	print_row(hog, &row);
	return !wrong[0];
}

static const struct hog *find(const char *name)
{
	int i;

	for (i = 0; i < nr_hogs; i++)
		if (!strcmp(hogs[i].name, name))
			return &hogs[i];
	fprintf(stderr, "abuse: no such hog: %s\n", name);
	exit(2);
}

int main(int argc, char **argv)
{
	int i, opt, bad = 0;

	while ((opt = getopt(argc, argv, "s:w:n:")) != -1) {
		if (opt == 's')
			share_min = atoi(optarg);
		else if (opt == 'w')
			window_ms = atoi(optarg);
		else if (opt == 'n')
			hog_most = (unsigned int)atoi(optarg);
		else
			return 2;
	}
	start_fillers();
	start_normal();
	printf("%-20s %-36s %7s %10s %11s\n", "hog", "", "share", "stall",
	       "charged");
	for (i = optind; i < argc; i++)
		bad += !measure(find(argv[i]));
	for (i = 0; optind == argc && i < nr_hogs; i++)
		bad += !measure(&hogs[i]);
	return !!bad;
}
