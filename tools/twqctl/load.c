// SPDX-License-Identifier: GPL-2.0
/*
 * The course of the load: create the checks, start readers, arm, start
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

#include "load.h"
#include "units.h"

#define PROGRESS_NS	(200 * NSEC_PER_MSEC)
#define REST_POLL_NS	(5 * NSEC_PER_MSEC)

/* The one CPU of a check that is pinned, those of the workers by turns. */
static cpu_set_t check_cpu(const struct load *load, uint32_t index)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(load->workers[index % load->nr_workers].cpu, &set);
	return set;
}

static int create_checks(struct load *load)
{
	const cpu_set_t *cpus = NULL;
	cpu_set_t one;
	uint32_t i;
	int ret;

	if (load->options.pin_checks)
		cpus = &one;
	else if (load->options.bind_checks)
		cpus = &load->options.cpus;
	for (i = 0; i < load->options.nr_checks; i++) {
		one = check_cpu(load, i);
		ret = twq_create(load->fd, cpus, sizeof(*cpus),
				 TWQ_CREATE_SHARED, 0, i,
				 &load->checks[i].id);
		if (ret < 0) {
			warnx("cannot create check %u: %s", i, strerror(-ret));
			return ret;
		}
		atomic_init(&load->checks[i].armed_cpu, -1);
		atomic_init(&load->checks[i].is_at_rest, false);
	}
	return 0;
}

static int create_workers(struct load *load)
{
	uint64_t rate = load->options.rate;
	unsigned int nr = CPU_COUNT(&load->options.cpus);
	struct worker *worker;
	int cpu;

	load->workers = calloc(nr, sizeof(*load->workers));
	if (!load->workers)
		return -ENOMEM;
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &load->options.cpus))
			continue;
		worker = &load->workers[load->nr_workers];
		worker->load = load;
		worker->cpu = cpu;
		worker->rate = rate / nr + (load->nr_workers < rate % nr);
		worker->events_on = calloc(load->nr_cpus,
					   sizeof(*worker->events_on));
		if (!worker->events_on)
			return -ENOMEM;
		load->nr_workers++;
	}
	return 0;
}

int load_open(struct load *load)
{
	struct twq_stats stats;
	struct twq_info info;
	int ret;

	pthread_mutex_init(&load->silence.lock, NULL);
	load->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (load->stop_fd < 0) {
		warn("eventfd");
		return -errno;
	}
	ret = twq_get_info(load->fd, &info);
	if (ret < 0)
		return ret;
	load->nr_cpus = info.nr_cpus;
	ret = twq_get_stats(load->fd, TWQ_STATS_ALL_CPUS, &stats);
	if (ret < 0)
		return ret;
	load->rehomed_before = stats.cpu_stats.rehomed;
	load->checks = calloc(load->options.nr_checks,
			      sizeof(*load->checks));
	if (!load->checks || samples_init(&load->fire_late) ||
	    samples_init(&load->read_late) || create_workers(load)) {
		warnx("no memory for %u checks", load->options.nr_checks);
		return -ENOMEM;
	}
	return create_checks(load);
}

void load_close(struct load *load)
{
	unsigned int i;

	for (i = 0; i < load->nr_workers; i++)
		free(load->workers[i].events_on);
	free(load->workers);
	samples_free(&load->fire_late);
	samples_free(&load->read_late);
	free(load->checks);
	residents_free(&load->residents);
	if (load->hotplug)
		hotplug_free(load->hotplug);
	if (load->stop_fd > 0)
		close(load->stop_fd);
}

struct load_totals load_totals(const struct load *load)
{
	struct load_totals totals = { 0 };
	unsigned int i;

	for (i = 0; i < load->nr_workers; i++) {
		const struct worker *worker = &load->workers[i];

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

static int start_readers(struct load *load)
{
	unsigned int i;
	int ret;

	for (i = 0; i < load->nr_workers; i++) {
		struct worker *worker = &load->workers[i];

		ret = start_thread(worker, &worker->reader, reader_main);
		if (ret)
			return ret;
		worker->has_reader = true;
	}
	return 0;
}

static int start_observers(struct load *load)
{
	unsigned int i;
	int ret;

	for (i = 0; i < load->nr_workers; i++) {
		struct worker *worker = &load->workers[i];

		if (!worker->rate)
			continue;
		ret = start_thread(worker, &worker->observer, observer_main);
		if (ret)
			return ret;
		worker->has_observer = true;
	}
	return 0;
}

static void stop_observers(struct load *load)
{
	unsigned int i;

	atomic_store(&load->stop_observers, true);
	for (i = 0; i < load->nr_workers; i++)
		if (load->workers[i].has_observer)
			pthread_join(load->workers[i].observer, NULL);
}

static void stop_readers(struct load *load)
{
	uint64_t one = 1;
	unsigned int i;

	atomic_store(&load->stop_readers, true);
	if (write(load->stop_fd, &one, sizeof(one)) != sizeof(one))
		warn("eventfd");
	for (i = 0; i < load->nr_workers; i++)
		if (load->workers[i].has_reader)
			pthread_join(load->workers[i].reader, NULL);
}

/* The kernel has put the threads of a CPU that went down elsewhere. */
static void bind_again(int cpu, void *arg)
{
	struct load *load = arg;
	cpu_set_t cpus;
	unsigned int i;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	for (i = 0; i < load->nr_workers; i++) {
		struct worker *worker = &load->workers[i];

		if (worker->cpu != cpu)
			continue;
		if (worker->has_observer)
			pthread_setaffinity_np(worker->observer, sizeof(cpus),
					       &cpus);
		pthread_setaffinity_np(worker->reader, sizeof(cpus), &cpus);
	}
}

/* Before the readers, which look them up without a lock. */
static int start_residents(struct load *load)
{
	const struct load_options *options = &load->options;

	if (!options->has_hotplug)
		return 0;
	return residents_start(&load->residents, load->fd, &options->cpus,
			       options->inter_ns, options->nr_checks);
}

static int start_hotplug(struct load *load)
{
	const struct load_options *options = &load->options;

	if (!options->has_hotplug)
		return 0;
	load->hotplug = hotplug_start(options->seed, bind_again, load);
	return load->hotplug ? 0 : -ENODEV;
}

/* All CPUs on, all residents home and stopped. */
static int stop_hotplug(struct load *load, const sigset_t *signals)
{
	const struct load_options *options = &load->options;
	int ret;

	if (!load->hotplug)
		return 0;
	ret = hotplug_stop(load->hotplug);
	if (ret)
		return ret;
	return residents_stop(&load->residents, load->fd,
			      options->inter_ns + options->silence_ns +
			      LOST_GRACE_NS, signals);
}

/*
 * Each check's silence counts from its own arming, however long all take. A
 * check that is pinned is armed from its CPU.
 */
static int arm_checks(struct load *load)
{
	int64_t inter_ns = load->options.inter_ns;
	uint32_t i, nr = load->options.nr_checks;
	int ret;

	for (i = 0; i < nr && !load->interrupted; i++) {
		struct check *check = &load->checks[i];
		cpu_set_t one = check_cpu(load, i);

		if (load->options.pin_checks)
			sched_setaffinity(0, sizeof(one), &one);
		atomic_store(&check->last_ns, monotonic_ns());
		atomic_store(&check->armed_cpu, sched_getcpu());
		ret = twq_queue(load->fd, check->id,
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

static void show_progress(const struct load *load, int64_t now_ns)
{
	struct load_totals totals = load_totals(load);

	if (!isatty(STDERR_FILENO))
		return;
	clear_progress();
	fprintf(stderr, "%.1f of %.1f s: %llu events, %llu requeues, ",
		(double)(now_ns - load->started_ns) / NSEC_PER_SEC,
		(double)load->options.duration_ns / NSEC_PER_SEC,
		totals.events, totals.requeues);
	fprintf(stderr, "longest silence %s",
		format_duration(load->silence.longest_ns).text);
}

static void observe(struct load *load, const sigset_t *signals)
{
	struct timespec pause = { .tv_nsec = PROGRESS_NS };
	int64_t now_ns = load->started_ns;
	int64_t end_ns = now_ns + load->options.duration_ns;

	while (now_ns < end_ns && !load->interrupted &&
	       !atomic_load(&load->failures)) {
		if (end_ns - now_ns < PROGRESS_NS)
			pause.tv_nsec = end_ns - now_ns;
		if (sigtimedwait(signals, NULL, &pause) > 0)
			load->interrupted = true;
		now_ns = monotonic_ns();
		show_progress(load, now_ns);
	}
	clear_progress();
	load->observed_ns = now_ns - load->started_ns;
}

static bool has_open_work(struct load *load, uint32_t index)
{
	const uint32_t busy = TWQ_STATE_RUNNING | TWQ_STATE_QUEUED |
			      TWQ_WOKEN_ANY;
	struct twq_query query;

	return !twq_get_task(load->fd, load->checks[index].id, &query) &&
	       (query.deadline_ns != TWQ_ETERNITY || query.pending ||
		query.state & busy);
}

/* Nothing armed, queued, running or unread in the whole file. */
static bool is_at_rest(struct load *load)
{
	const struct twq_ledger *ledger;
	struct twq_stats stats;
	uint32_t i;

	if (atomic_load(&load->nr_at_rest) < load->options.nr_checks ||
	    twq_get_stats(load->fd, TWQ_STATS_ALL_CPUS, &stats))
		return false;
	ledger = &stats.ledger;
	if (ledger->pending ||
	    ledger->armed != ledger->expired + ledger->moved +
			     ledger->cancelled + ledger->dropped)
		return false;
	for (i = 0; i < load->options.nr_checks; i++)
		if (has_open_work(load, i))
			return false;
	return true;
}

static void wait_for_rest(struct load *load, const sigset_t *signals)
{
	const struct load_options *options = &load->options;
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
	while (monotonic_ns() < latest_ns && !is_at_rest(load) &&
	       sigtimedwait(signals, NULL, &pause) < 0)
		;
	for (i = 0; i < options->nr_checks; i++) {
		struct check *check = &load->checks[i];

		if (!atomic_load(&check->is_at_rest))
			note_silence(load, i, monotonic_ns() - check->last_ns);
	}
}

int load_run(struct load *load)
{
	sigset_t signals, before;
	int ret, hotplug_ret;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &signals, &before);
	ret = start_residents(load);
	if (!ret)
		ret = start_readers(load);
	if (!ret)
		ret = arm_checks(load);
	load->started_ns = monotonic_ns();
	if (!ret)
		ret = start_observers(load);
	if (!ret)
		ret = start_hotplug(load);
	if (!ret)
		observe(load, &signals);
	hotplug_ret = stop_hotplug(load, &signals);
	stop_observers(load);
	atomic_store(&load->stop_rearming, true);
	if (!ret)
		wait_for_rest(load, &signals);
	stop_readers(load);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return ret ? ret : hotplug_ret;
}
