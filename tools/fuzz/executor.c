// SPDX-License-Identifier: GPL-2.0
/*
 * Runs programs. The first thread gives each call to the thread that it is for,
 * and waits for it unless the call is not to be waited for; its own calls it
 * makes itself, but for those that may block. A call that waits for an event is
 * left behind, and at the end of the program a signal ends it.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"

#define PATIENCE_NS	(2 * 1000 * 1000)	/* with a call that may block */

enum worker_state { IDLE, BUSY };

int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

bool op_may_block(enum op op)
{
	return op == OP_READ || op == OP_READV || op == OP_PREADV2 ||
	       op == OP_POLL || op == OP_EPOLL || op == OP_SUBMIT;
}

/* The first failure stops all executors, and is told by the supervisor. */
void executor_failed(struct executor *ex, int call, const char *what)
{
	struct shared *shared = ex->shared;
	int none = 0;

	if (!atomic_compare_exchange_strong(&shared->failed, &none,
					    ex->number + 1))
		return;
	snprintf(shared->message, sizeof(shared->message), "%s", what);
	atomic_store(&shared->failed_call, call);
	atomic_store(&shared->stop, true);
}

/* -- one call ------------------------------------------------------------- */

void run_call(struct executor *ex, struct worker *w, int index, bool alone)
{
	const struct call *c = &ex->program->calls[index];
	struct run r = {
		.ex = ex, .call = c, .op = c->op, .thread = w->number,
		.alone = alone,
	};
	bool news;

	atomic_store(&ex->proc->running[w->number], index);
	atomic_fetch_add(&ex->proc->beat, 1);
	trace_start(&w->trace);
	model_begin(&r);
	if (c->op == OP_MANY)
		run_many(&r, w);
	else if (c->op == OP_SUBMIT)
		run_submit(&r, w);
	else if (c->op <= OP_BAD_COMMAND)
		run_ioctl(&r, w);
	else
		run_other(&r, w);
	news = outcome_collect(&ex->shared->coverage, c, r.ret);
	if (w->trace.area)
		news = trace_collect(&w->trace, &ex->shared->coverage);
	if (news)
		atomic_store(&ex->news, true);
	if (c->op < OP_PIN)
		atomic_fetch_add(&ex->shared->calls, 1);
	atomic_fetch_add(&ex->shared->per_op[c->op], 1);
	atomic_store(&ex->proc->running[w->number], NONE);
	atomic_fetch_add(&ex->proc->beat, 1);
}

/* -- threads -------------------------------------------------------------- */

static long futex(atomic_int *word, int op, int value,
		  const struct timespec *timeout)
{
	return syscall(SYS_futex, word, op, value, timeout, NULL, 0);
}

static void pin(struct worker *w, unsigned int cpu)
{
	cpu_set_t set;

	if (w->pinned == 1ULL << cpu)
		return;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (!sched_setaffinity(atomic_load(&w->tid), sizeof(set), &set))
		w->pinned = 1ULL << cpu;
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;

	atomic_store(&w->tid, syscall(SYS_gettid));
	trace_open(&w->trace);
	atomic_store(&w->ex->proc->tids[w->number], atomic_load(&w->tid));
	for (;;) {
		while (atomic_load(&w->state) == IDLE)
			futex(&w->state, FUTEX_WAIT_PRIVATE, IDLE, NULL);
		run_call(w->ex, w, w->call, w->alone);
		atomic_store(&w->state, IDLE);
		futex(&w->state, FUTEX_WAKE_PRIVATE, 1, NULL);
	}
	return NULL;
}

/* Waits until @w is idle, for @ns at most if not 0. */
static bool wait_idle(struct worker *w, long ns)
{
	struct timespec timeout = { .tv_nsec = ns };
	int64_t end = now_ns() + ns;

	while (atomic_load(&w->state) == BUSY) {
		futex(&w->state, FUTEX_WAIT_PRIVATE, BUSY,
		      ns ? &timeout : NULL);
		if (ns && now_ns() >= end)
			break;
	}
	return atomic_load(&w->state) == IDLE;
}

/*
 * Waits until all are idle. A call that waits for an event is ended by a
 * signal; it may come before the call has begun to wait, so it is repeated.
 */
static void drain(struct executor *ex)
{
	struct worker *w;

	for (w = ex->workers + 1; w < ex->workers + NR_THREADS; w++)
		while (!wait_idle(w, PATIENCE_NS))
			if (op_may_block(ex->program->calls[w->call].op))
				syscall(SYS_tgkill, ex->proc->pid,
					atomic_load(&w->tid), SIGUSR1);
}

static bool all_idle(struct executor *ex)
{
	struct worker *w;

	for (w = ex->workers + 1; w < ex->workers + NR_THREADS; w++)
		if (atomic_load(&w->state) == BUSY)
			return false;
	return true;
}

static struct worker *idle_worker(struct executor *ex, int wanted)
{
	int i, at;

	for (i = 0; i < NR_THREADS; i++) {
		at = (wanted + i) % NR_THREADS;
		if (at && atomic_load(&ex->workers[at].state) == IDLE)
			return &ex->workers[at];
	}
	drain(ex);
	return &ex->workers[wanted ? wanted : 1];
}

static void give(struct executor *ex, int index)
{
	const struct call *c = &ex->program->calls[index];
	bool may_block = op_may_block(c->op);
	bool idle = all_idle(ex);
	struct worker *w;

	if (!c->thread && !may_block && !c->async) {
		run_call(ex, &ex->workers[0], index, idle);
		return;
	}
	w = idle_worker(ex, c->thread);
	w->call = index;
	w->alone = idle && !c->async && !may_block;
	atomic_store(&w->state, BUSY);
	futex(&w->state, FUTEX_WAKE_PRIVATE, 1, NULL);
	if (!c->async)
		wait_idle(w, may_block ? PATIENCE_NS : 0);
}

/* -- the end of a program ------------------------------------------------- */

static bool read_stats(struct executor *ex, const struct mfd *fd,
		       struct twq_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	stats->cpu = TWQ_STATS_ALL_CPUS;
	if (!ioctl(fd->num, TWQ_IOC_STATS, stats))
		return true;
	executor_fail(ex, NONE, "STATS fails at rest: %s", strerror(errno));
	return false;
}

static void destroy_all(struct executor *ex, const struct mfd *fd)
{
	struct model *m = &ex->model;
	struct twq_task_id task = {};
	int i, err;

	for (i = 0; i < m->nr_tasks; i++) {
		if (m->tasks[i].file != fd->file)
			continue;
		task.id = m->tasks[i].id;
		err = ioctl(fd->num, TWQ_IOC_DESTROY, &task) ? errno : 0;
		if (err != (m->tasks[i].destroyed ? ENOENT : 0))
			executor_fail(ex, NONE,
				      "at rest, DESTROY of task %#llx, which is %s, ends by %s",
				      (unsigned long long)task.id,
				      m->tasks[i].destroyed ? "gone" : "there",
				      strerror(err));
		m->files[fd->file].destroyed += !err;
	}
}

static bool balanced(const struct mfile *file, const struct twq_ledger *l)
{
	return l->created == file->created && l->destroyed == file->destroyed &&
	       l->created == l->destroyed && !l->pending &&
	       l->fired == l->delivered + l->coalesced + l->discarded &&
	       l->armed == l->expired + l->moved + l->cancelled + l->dropped &&
	       (file->unknown_reads || l->delivered == file->read);
}

static void print_ledger(char *text, size_t size, const struct twq_ledger *l)
{
	static const char *const names[] = {
		"created", "destroyed", "armed", "expired", "moved",
		"cancelled", "dropped", "fired", "delivered", "coalesced",
		"pending", "discarded",
	};
	unsigned long long values[ARRAY_SIZE(names)];
	size_t at = 0;
	int i;

	static_assert(sizeof(values) == sizeof(*l), "a name for each member");
	memcpy(values, l, sizeof(values));
	for (i = 0; i < ARRAY_SIZE(names) && at < size; i++)
		at += snprintf(text + at, size - at, " %s %llu", names[i],
			       values[i]);
}

/* Every task, arming and event has had its end, and exactly one. */
static void check_ledger(struct executor *ex, const struct mfd *fd)
{
	const struct mfile *file = &ex->model.files[fd->file];
	struct twq_stats stats = {};
	struct twq_ledger *l = &stats.ledger;
	char text[400];
	int64_t end = now_ns() + 30000000000LL;

	/* The queues may hold a task that is destroyed a little longer. */
	do {
		if (!read_stats(ex, fd, &stats))
			return;
		if (balanced(file, l))
			return;
		atomic_fetch_add(&ex->proc->beat, 1);
		sched_yield();
	} while (now_ns() < end);
	print_ledger(text, sizeof(text), l);
	executor_fail(ex, NONE,
		      "created %llu, destroyed %llu, read %llu, but the ledger at rest is:%s",
		      (unsigned long long)file->created,
		      (unsigned long long)file->destroyed,
		      (unsigned long long)file->read, text);
}

/* Half of the programs leave their tasks to close(). */
static void settle(struct executor *ex)
{
	struct model *m = &ex->model;
	bool checked[MAX_FILES] = {};
	struct twq_stats stats;
	const struct mfd *fd;

	for (fd = m->fds; fd < m->fds + m->nr_fds; fd++) {
		if (fd->file == NONE || fd->closed || checked[fd->file])
			continue;
		checked[fd->file] = true;
		if (!read_stats(ex, fd, &stats))
			return;
		if (stats.ledger.fired != stats.ledger.delivered +
		    stats.ledger.coalesced + stats.ledger.pending +
		    stats.ledger.discarded)
			executor_fail(ex, NONE, "the ledger of events is uneven");
		if (atomic_load(&ex->proc->nr_programs) % 2)
			continue;
		slots_settle(ex, fd);
		destroy_all(ex, fd);
		check_ledger(ex, fd);
		atomic_fetch_add(&ex->proc->nr_checks, 1);
	}
}

/* -- programs ------------------------------------------------------------- */

static void close_all(struct executor *ex)
{
	int i;

	for (i = 0; i < ex->model.nr_fds; i++)
		close(ex->model.fds[i].num);
}

static void run_program(struct executor *ex, const struct program *p)
{
	struct recent *recent;
	unsigned int i, serial = atomic_load(&ex->proc->nr_programs) + 1;

	recent = &ex->proc->recent[serial % NR_RECENT];
	recent->program = *p;
	atomic_store(&recent->serial, serial);
	atomic_store(&ex->proc->nr_programs, serial);
	if (ex->shared->options.trace)
		program_print(stdout, p);
	ex->program = &recent->program;
	atomic_store(&ex->news, false);
	model_reset(&ex->model);
	for (i = 0; i < NR_THREADS; i++)
		pin(&ex->workers[i], i % ex->nr_cpus);
	for (i = 0; i < p->nr && !atomic_load(&ex->shared->failed); i++)
		give(ex, i);
	drain(ex);
	memory_restore();
	settle(ex);
	/* The mappings end before the descriptors, or after them. */
	if (serial / 2 % 2)
		slots_forget(&ex->model);
	close_all(ex);
	slots_forget(&ex->model);
	atomic_fetch_add(&ex->proc->beat, 1);
}

/* Reports by KASAN and the like do not end the machine, they taint it. */
static void check_kernel(struct executor *ex, char *clean)
{
	char now[32] = "";

	if (pread(ex->taint, now, sizeof(now) - 1, 0) <= 0)
		return;
	if (!*clean)
		strcpy(clean, now);
	else if (strcmp(clean, now))
		executor_fail(ex, NONE, "the kernel complained: taint is %s",
			      now);
}

static void run_replay(struct executor *ex, char *clean)
{
	static struct program programs[64];
	const struct options *options = &ex->shared->options;
	FILE *in = fopen(options->replay, "r");
	int nr = in ? programs_read(in, programs, ARRAY_SIZE(programs)) : -1;
	unsigned int round;
	int i;

	if (nr <= 0)
		executor_fail(ex, NONE, "%s: no programs", options->replay);
	for (round = 0; round < options->repeat; round++)
		for (i = 0; i < nr && !atomic_load(&ex->shared->stop); i++) {
			run_program(ex, &programs[i]);
			check_kernel(ex, clean);
		}
}

static void run_random(struct executor *ex, char *clean)
{
	struct shared *shared = ex->shared;
	struct corpus *corpus = &shared->corpus;
	static struct program p;
	unsigned int nr, other;

	while (!atomic_load(&shared->stop) &&
	       atomic_load(&shared->calls) < shared->options.calls) {
		nr = atomic_load(&corpus->nr);
		if (nr && !shared->options.plain && rng_below(&ex->rng, 4)) {
			p = corpus->programs[rng_below(&ex->rng, nr)];
			other = rng_below(&ex->rng, nr);
			program_mutate(&p, &corpus->programs[other], &ex->rng);
		} else {
			program_generate(&p, &ex->rng);
		}
		run_program(ex, &p);
		check_kernel(ex, clean);
		if (atomic_load(&ex->news))
			corpus_add(corpus, &p);
	}
}

static void on_signal(int signal)
{
	(void)signal;
}

static void init_model(struct executor *ex)
{
	struct model *m = &ex->model;
	struct twq_info info = {};
	int fd = open("/dev/twq", O_RDWR | O_CLOEXEC);

	if (fd < 0 || ioctl(fd, TWQ_IOC_INFO, &info)) {
		perror("/dev/twq");
		_exit(2);
	}
	close(fd);
	pthread_mutex_init(&m->lock, NULL);
	ex->nr_cpus = sysconf(_SC_NPROCESSORS_CONF);
	m->possible = (1ULL << ex->nr_cpus) - 1;
	m->max_tasks = info.max_tasks;
	m->min_interval_ns = info.min_interval_ns;
}

static void init_threads(struct executor *ex)
{
	struct sigaction action = { .sa_handler = on_signal };
	int i;

	sigaction(SIGUSR1, &action, NULL);
	slots_init();
	for (i = 0; i < NR_THREADS; i++) {
		atomic_store(&ex->proc->running[i], NONE);
		ex->workers[i].ex = ex;
		ex->workers[i].number = i;
		if (i && pthread_create(&ex->workers[i].thread, NULL,
					worker_main, &ex->workers[i]))
			_exit(2);
		while (i && !atomic_load(&ex->proc->tids[i]))
			usleep(100);
	}
	atomic_store(&ex->workers[0].tid, getpid());
	atomic_store(&ex->proc->tids[0], getpid());
	trace_open(&ex->workers[0].trace);
}

void executor_main(struct shared *shared, int number)
{
	static struct executor ex;
	char clean[32] = "";
	int pair[2];

	ex.shared = shared;
	ex.proc = &shared->procs[number];
	ex.proc->pid = getpid();
	ex.number = number;
	ex.rng.state = shared->options.seed * MAX_PROCS + number;
	memory_init();
	init_model(&ex);
	ex.placeholder = open("/dev/null", O_PATH | O_CLOEXEC);
	ex.taint = open("/proc/sys/kernel/tainted", O_RDONLY | O_CLOEXEC);
	ex.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (pipe2(pair, O_CLOEXEC))
		_exit(2);
	ex.pipe_out = pair[1];
	init_threads(&ex);
	check_kernel(&ex, clean);
	if (shared->options.replay)
		run_replay(&ex, clean);
	else
		run_random(&ex, clean);
	fflush(NULL);
	_exit(0);
}
