// SPDX-License-Identifier: GPL-2.0
/*
 * The threads of the load. An observer asks for a random check to be due
 * soon, at a paced rate; a reader takes events and re-arms. Both are pinned on
 * their worker's CPU. They share the checks by atomics alone and never wait
 * for each other.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "load.h"
#include "units.h"

#define EVENTS_A_READ	16	/* more wait for the others to be re-armed */
#define TICK_NS		(4 * NSEC_PER_MSEC)	/* the observers' pace */
#define BACKLOG_TICKS	50		/* caught up after a delay, no more */

void note_failure(struct load *load, const char *call, uint32_t check,
		  int ret)
{
	if (!atomic_fetch_add(&load->failures, 1))
		load->first_failure = (struct failed_call){
			.name = call,
			.check = check,
			.error = -ret,
		};
}

void note_silence(struct load *load, uint32_t check, int64_t silence_ns)
{
	struct silence *silence = &load->silence;
	bool is_over = silence_ns > load->options.silence_ns;

	if (!is_over && silence_ns <= atomic_load(&silence->longest_ns))
		return;
	pthread_mutex_lock(&silence->lock);
	if (silence_ns > silence->longest_ns) {
		silence->longest_ns = silence_ns;
		silence->check = check;
	}
	silence->over_limit += is_over;
	pthread_mutex_unlock(&silence->lock);
}

static void count(atomic_uint_least64_t *counter, uint64_t more)
{
	atomic_fetch_add_explicit(counter, more, memory_order_relaxed);
}

static void requeue_one(struct worker *worker, uint32_t index)
{
	struct load *load = worker->load;
	struct check *check = &load->checks[index];
	int armed_cpu, ret;

	ret = twq_schedule(load->fd, check->id, load->options.fastinter_ns,
			   TWQ_RELATIVE);
	if (ret < 0) {
		note_failure(load, "SCHEDULE", index, ret);
		return;
	}
	armed_cpu = atomic_exchange_explicit(&check->armed_cpu, worker->cpu,
					     memory_order_relaxed);
	count(&worker->requeues, 1);
	if (armed_cpu != worker->cpu)
		count(&worker->foreign, 1);
}

static void sleep_until(int64_t time_ns)
{
	struct timespec at = {
		.tv_sec = time_ns / NSEC_PER_SEC,
		.tv_nsec = time_ns % NSEC_PER_SEC,
	};

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

static int64_t min_ns(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/*
 * Time passed is credit; a requeue costs 1/rate of a second of it. Credit is
 * bounded, so that a delay is not made good by an endless burst: what is cut
 * shows as the difference between wanted and made.
 */
void *observer_main(void *arg)
{
	struct worker *worker = arg;
	struct load *load = worker->load;
	int64_t cost_ns = NSEC_PER_SEC / worker->rate;
	int64_t tick_ns = cost_ns > TICK_NS ? cost_ns : TICK_NS;
	int64_t started_ns = monotonic_ns();
	int64_t seen_ns = started_ns, next_ns = started_ns;
	int64_t credit_ns = 0, now_ns;
	struct drand48_data random;
	long pick;

	srand48_r(worker->cpu + 1, &random);
	while (!atomic_load(&load->stop_observers)) {
		next_ns += tick_ns;
		sleep_until(next_ns);
		now_ns = monotonic_ns();
		credit_ns = min_ns(credit_ns + now_ns - seen_ns,
				   BACKLOG_TICKS * tick_ns);
		seen_ns = now_ns;
		while (credit_ns >= cost_ns &&
		       !atomic_load(&load->stop_observers)) {
			lrand48_r(&random, &pick);
			requeue_one(worker, pick % load->options.nr_checks);
			credit_ns -= cost_ns;
		}
		if (next_ns < seen_ns)
			next_ns = seen_ns;
	}
	count(&worker->wanted, (monotonic_ns() - started_ns) / cost_ns);
	return NULL;
}

/* From when it fired: how long the reader took is not the check's affair. */
static void rearm(struct worker *worker, uint32_t index, int64_t fired_ns)
{
	struct load *load = worker->load;
	struct check *check = &load->checks[index];
	int ret;

	if (atomic_load(&load->stop_rearming)) {
		if (!atomic_exchange(&check->is_at_rest, true))
			atomic_fetch_add(&load->nr_at_rest, 1);
		return;
	}
	ret = twq_queue(load->fd, check->id,
			fired_ns + load->options.inter_ns, 0);
	if (ret < 0)
		note_failure(load, "QUEUE", index, ret);
	atomic_store_explicit(&check->armed_cpu, worker->cpu,
			      memory_order_relaxed);
}

/* Two readers may hold events of one check: the later time stands. */
static void note_fired(struct load *load, uint32_t index, int64_t fired_ns)
{
	struct check *check = &load->checks[index];
	int64_t last_ns = atomic_load(&check->last_ns);

	while (last_ns < fired_ns &&
	       !atomic_compare_exchange_weak(&check->last_ns, &last_ns,
					     fired_ns))
		;
	if (last_ns < fired_ns)
		note_silence(load, index, fired_ns - last_ns);
}

static bool is_resident(struct load *load, const struct twq_event *event)
{
	uint64_t index = event->user_data - load->options.nr_checks;

	return event->user_data >= load->options.nr_checks &&
	       index < load->residents.nr &&
	       event->id == load->residents.list[index].id &&
	       event->reasons == TWQ_WOKEN_TIMER;
}

static void take_event(struct worker *worker, const struct twq_event *event,
		       int64_t now_ns, uint64_t random)
{
	struct load *load = worker->load;
	uint64_t index = event->user_data;

	count(&worker->events, 1);
	if (is_resident(load, event)) {
		residents_take(&load->residents,
			       index - load->options.nr_checks, event);
		return;
	}
	if (index >= load->options.nr_checks ||
	    event->id != load->checks[index].id ||
	    event->cpu >= load->nr_cpus || event->fired_ns > now_ns) {
		count(&load->strange, 1);
		return;
	}
	worker->events_on[event->cpu]++;
	if (event->deadline_ns != TWQ_ETERNITY) {
		if (event->fired_ns < event->deadline_ns)
			count(&load->early, 1);
		samples_add(&load->fire_late,
			    event->fired_ns - event->deadline_ns, random);
	}
	samples_add(&load->read_late, now_ns - event->fired_ns, random >> 1);
	note_fired(load, index, event->fired_ns);
	rearm(worker, index, event->fired_ns);
}

static void wait_for_events(struct load *load, int epoll_fd)
{
	struct epoll_event ready;

	if (epoll_wait(epoll_fd, &ready, 1, -1) < 0 && errno != EINTR)
		note_failure(load, "epoll_wait", 0, -errno);
}

static int reader_epoll(struct load *load)
{
	/* EXCLUSIVE: an event wakes one reader, not all of them. */
	struct epoll_event device = { .events = EPOLLIN | EPOLLEXCLUSIVE };
	struct epoll_event stop = { .events = EPOLLIN };
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);

	if (epoll_fd < 0)
		return -errno;
	if (!epoll_ctl(epoll_fd, EPOLL_CTL_ADD, load->fd, &device) &&
	    !epoll_ctl(epoll_fd, EPOLL_CTL_ADD, load->stop_fd, &stop))
		return epoll_fd;
	close(epoll_fd);
	return -errno;
}

void *reader_main(void *arg)
{
	struct twq_event events[EVENTS_A_READ];
	struct worker *worker = arg;
	struct load *load = worker->load;
	int epoll_fd = reader_epoll(load);
	struct drand48_data random;
	int64_t now_ns;
	long pick;
	int i, nr;

	if (epoll_fd < 0) {
		note_failure(load, "epoll_create", 0, epoll_fd);
		return NULL;
	}
	srand48_r(-worker->cpu - 1, &random);
	for (;;) {
		nr = twq_read_events(load->fd, events, EVENTS_A_READ);
		now_ns = monotonic_ns();
		for (i = 0; i < nr; i++) {
			lrand48_r(&random, &pick);
			take_event(worker, &events[i], now_ns, pick);
		}
		if (nr == EVENTS_A_READ)
			continue;
		if (nr < 0 && nr != -EAGAIN && nr != -EINTR)
			note_failure(load, "read", 0, nr);
		if (atomic_load(&load->stop_readers))
			break;
		wait_for_events(load, epoll_fd);
	}
	close(epoll_fd);
	return NULL;
}
