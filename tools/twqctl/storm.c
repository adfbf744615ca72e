// SPDX-License-Identifier: GPL-2.0
/*
 * The course of the storm: create the checks, start readers, arm, start
 * observers, wait, stop observers, stop re-arming, let every check fire its
 * last deadline, stop readers. Only the main thread runs this; it is also the
 * one that takes SIGINT and SIGTERM, which end the wait and nothing else.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "storm.h"
#include "units.h"

#define PROGRESS_NS	(200 * NSEC_PER_MSEC)
#define REST_POLL_NS	(5 * NSEC_PER_MSEC)

static int create_checks(struct storm *storm)
{
	const cpu_set_t *cpus = NULL;
	uint32_t i;
	int ret;

	if (storm->options.bind_checks)
		cpus = &storm->options.cpus;
	for (i = 0; i < storm->options.nr_checks; i++) {
		ret = twq_create(storm->fd, cpus, sizeof(*cpus),
				 TWQ_CREATE_SHARED, 0, i,
				 &storm->checks[i].id);
		if (ret < 0) {
			warnx("cannot create check %u: %s", i, strerror(-ret));
			return ret;
		}
		atomic_init(&storm->checks[i].armed_cpu, -1);
		atomic_init(&storm->checks[i].is_at_rest, false);
	}
	return 0;
}

static int create_workers(struct storm *storm)
{
	uint64_t rate = storm->options.rate;
	unsigned int nr = CPU_COUNT(&storm->options.cpus);
	struct worker *worker;
	int cpu;

	storm->workers = calloc(nr, sizeof(*storm->workers));
	if (!storm->workers)
		return -ENOMEM;
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &storm->options.cpus))
			continue;
		worker = &storm->workers[storm->nr_workers];
		worker->storm = storm;
		worker->cpu = cpu;
		worker->rate = rate / nr + (storm->nr_workers < rate % nr);
		worker->events_on = calloc(storm->nr_cpus,
					   sizeof(*worker->events_on));
		if (!worker->events_on)
			return -ENOMEM;
		storm->nr_workers++;
	}
	return 0;
}

int storm_open(struct storm *storm)
{
	struct twq_info info;
	int ret;

	pthread_mutex_init(&storm->silence.lock, NULL);
	storm->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (storm->stop_fd < 0) {
		warn("eventfd");
		return -errno;
	}
	ret = twq_get_info(storm->fd, &info);
	if (ret < 0)
		return ret;
	storm->nr_cpus = info.nr_cpus;
	storm->checks = calloc(storm->options.nr_checks,
			       sizeof(*storm->checks));
	if (!storm->checks || samples_init(&storm->fire_late) ||
	    samples_init(&storm->read_late) || create_workers(storm)) {
		warnx("no memory for %u checks", storm->options.nr_checks);
		return -ENOMEM;
	}
	return create_checks(storm);
}

void storm_close(struct storm *storm)
{
	unsigned int i;

	for (i = 0; i < storm->nr_workers; i++)
		free(storm->workers[i].events_on);
	free(storm->workers);
	samples_free(&storm->fire_late);
	samples_free(&storm->read_late);
	free(storm->checks);
	if (storm->stop_fd > 0)
		close(storm->stop_fd);
}

struct storm_totals storm_totals(const struct storm *storm)
{
	struct storm_totals totals = { 0 };
	unsigned int i;

	for (i = 0; i < storm->nr_workers; i++) {
		const struct worker *worker = &storm->workers[i];

		totals.requeues += atomic_load(&worker->requeues);
		totals.foreign += atomic_load(&worker->foreign);
		totals.wanted += atomic_load(&worker->wanted);
		totals.events += atomic_load(&worker->events);
	}
	return totals;
}

static int start_thread(struct worker *worker, pthread_t *thread,
			void *(*main)(void *))
{
	pthread_attr_t attr;
	cpu_set_t cpu;
	int ret;

	CPU_ZERO(&cpu);
	CPU_SET(worker->cpu, &cpu);
	pthread_attr_init(&attr);
	pthread_attr_setaffinity_np(&attr, sizeof(cpu), &cpu);
	ret = pthread_create(thread, &attr, main, worker);
	pthread_attr_destroy(&attr);
	if (ret)
		warnx("cannot start a thread on CPU %d: %s", worker->cpu,
		      strerror(ret));
	return -ret;
}

static int start_readers(struct storm *storm)
{
	unsigned int i;
	int ret;

	for (i = 0; i < storm->nr_workers; i++) {
		struct worker *worker = &storm->workers[i];

		ret = start_thread(worker, &worker->reader, reader_main);
		if (ret)
			return ret;
		worker->has_reader = true;
	}
	return 0;
}

static int start_observers(struct storm *storm)
{
	unsigned int i;
	int ret;

	for (i = 0; i < storm->nr_workers; i++) {
		struct worker *worker = &storm->workers[i];

		if (!worker->rate)
			continue;
		ret = start_thread(worker, &worker->observer, observer_main);
		if (ret)
			return ret;
		worker->has_observer = true;
	}
	return 0;
}

static void stop_observers(struct storm *storm)
{
	unsigned int i;

	atomic_store(&storm->stop_observers, true);
	for (i = 0; i < storm->nr_workers; i++)
		if (storm->workers[i].has_observer)
			pthread_join(storm->workers[i].observer, NULL);
}

static void stop_readers(struct storm *storm)
{
	uint64_t one = 1;
	unsigned int i;

	atomic_store(&storm->stop_readers, true);
	if (write(storm->stop_fd, &one, sizeof(one)) != sizeof(one))
		warn("eventfd");
	for (i = 0; i < storm->nr_workers; i++)
		if (storm->workers[i].has_reader)
			pthread_join(storm->workers[i].reader, NULL);
}

/* Each check's silence counts from its own arming, however long all take. */
static int arm_checks(struct storm *storm)
{
	int64_t inter_ns = storm->options.inter_ns;
	uint32_t i, nr = storm->options.nr_checks;
	int ret;

	for (i = 0; i < nr && !storm->interrupted; i++) {
		struct check *check = &storm->checks[i];

		atomic_store(&check->last_ns, monotonic_ns());
		atomic_store(&check->armed_cpu, sched_getcpu());
		ret = twq_queue(storm->fd, check->id,
				(double)inter_ns * (i + 1) / nr,
				TWQ_RELATIVE);
		if (ret < 0) {
			warnx("cannot arm check %u: %s", i, strerror(-ret));
			return ret;
		}
	}
	return 0;
}

static void clear_progress(void)
{
	if (isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
}

static void show_progress(const struct storm *storm, int64_t now_ns)
{
	struct storm_totals totals = storm_totals(storm);

	if (!isatty(STDERR_FILENO))
		return;
	clear_progress();
	fprintf(stderr, "%.1f of %.1f s: %llu events, %llu requeues, ",
		(double)(now_ns - storm->started_ns) / NSEC_PER_SEC,
		(double)storm->options.duration_ns / NSEC_PER_SEC,
		totals.events, totals.requeues);
	fprintf(stderr, "longest silence %s",
		format_duration(storm->silence.longest_ns).text);
}

static void observe(struct storm *storm, const sigset_t *signals)
{
	struct timespec pause = { .tv_nsec = PROGRESS_NS };
	int64_t now_ns = storm->started_ns;
	int64_t end_ns = now_ns + storm->options.duration_ns;

	while (now_ns < end_ns && !storm->interrupted &&
	       !atomic_load(&storm->failures)) {
		if (end_ns - now_ns < PROGRESS_NS)
			pause.tv_nsec = end_ns - now_ns;
		if (sigtimedwait(signals, NULL, &pause) > 0)
			storm->interrupted = true;
		now_ns = monotonic_ns();
		show_progress(storm, now_ns);
	}
	clear_progress();
	storm->observed_ns = now_ns - storm->started_ns;
}

static bool has_open_work(struct storm *storm, uint32_t index)
{
	const uint32_t busy = TWQ_STATE_RUNNING | TWQ_STATE_QUEUED |
			      TWQ_WOKEN_ANY;
	struct twq_query query;

	return !twq_get_task(storm->fd, storm->checks[index].id, &query) &&
	       (query.deadline_ns != TWQ_ETERNITY || query.pending ||
		query.state & busy);
}

/* Nothing armed, queued, running or unread in the whole file. */
static bool is_at_rest(struct storm *storm)
{
	const struct twq_ledger *ledger;
	struct twq_stats stats;
	uint32_t i;

	if (atomic_load(&storm->nr_at_rest) < storm->options.nr_checks ||
	    twq_get_stats(storm->fd, TWQ_STATS_ALL_CPUS, &stats))
		return false;
	ledger = &stats.ledger;
	if (ledger->pending ||
	    ledger->armed != ledger->expired + ledger->moved +
			     ledger->cancelled + ledger->dropped)
		return false;
	for (i = 0; i < storm->options.nr_checks; i++)
		if (has_open_work(storm, i))
			return false;
	return true;
}

static void wait_for_rest(struct storm *storm, const sigset_t *signals)
{
	const struct storm_options *options = &storm->options;
	struct timespec pause = { .tv_nsec = REST_POLL_NS };
	int64_t latest_ns = options->inter_ns;
	uint32_t i;

	if (latest_ns < options->fastinter_ns)
		latest_ns = options->fastinter_ns;
	if (options->silence_ns > LOST_GRACE_NS)
		latest_ns += options->silence_ns;
	else
		latest_ns += LOST_GRACE_NS;
	latest_ns += monotonic_ns();
	while (monotonic_ns() < latest_ns && !is_at_rest(storm) &&
	       sigtimedwait(signals, NULL, &pause) < 0)
		;
	for (i = 0; i < options->nr_checks; i++) {
		struct check *check = &storm->checks[i];

		if (!atomic_load(&check->is_at_rest))
			note_silence(storm, i, monotonic_ns() - check->last_ns);
	}
}

int storm_run(struct storm *storm)
{
	sigset_t signals, before;
	int ret;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &signals, &before);
	ret = start_readers(storm);
	if (!ret)
		ret = arm_checks(storm);
	storm->started_ns = monotonic_ns();
	if (!ret)
		ret = start_observers(storm);
	if (!ret)
		observe(storm, &signals);
	stop_observers(storm);
	atomic_store(&storm->stop_rearming, true);
	if (!ret)
		wait_for_rest(storm, &signals);
	stop_readers(storm);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return ret;
}
