// SPDX-License-Identifier: GPL-2.0
/*
 * libevent: a heap in the program, precise to the timerfd that its loop waits
 * for. Operations are made in a callback of the loop, as programs make them,
 * where the time of day is cached. With locks (-mt) it may be shared by threads,
 * as a task of /dev/twq always may.
 */
#include <errno.h>
#include <event2/event.h>
#include <event2/thread.h>
#include <string.h>

#include "user.h"

#define WITH_LOCKS	1

static struct event_base *base;
static struct event **events;
static struct event *caller;
static uint32_t *fired;
static uint32_t nr_fired;

/* What the callback that is due next is to do. */
static void (*call)(const struct job *job);
static const struct job *call_job;

static void libevent_fired(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	fired[nr_fired++] = (uintptr_t)arg;
}

static void libevent_called(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	call(call_job);
}

/* Runs @fn within the loop. */
static void libevent_call(void (*fn)(const struct job *job),
			  const struct job *job)
{
	call = fn;
	call_job = job;
	event_active(caller, EV_TIMEOUT, 0);
	must("event_base_loop", event_base_loop(base, EVLOOP_NONBLOCK));
}

static uint32_t libevent_open(const struct peer *self, uint32_t nr)
{
	struct event_config *config = event_config_new();

	if (self->flags & WITH_LOCKS)
		must("evthread_use_pthreads", evthread_use_pthreads());
	event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
	base = event_base_new_with_config(config);
	if (!base)
		must("event_base_new_with_config", -ENOMEM);
	event_config_free(config);
	events = make_array(nr, sizeof(*events));
	fired = make_array(nr, sizeof(*fired));
	caller = event_new(base, -1, 0, libevent_called, NULL);
	return nr;
}

static void libevent_make(const struct job *job)
{
	uint32_t i, which;

	for (i = 0; i < job->nr; i++) {
		which = job->which[i];
		events[which] = evtimer_new(base, libevent_fired,
					    (void *)(uintptr_t)which);
		if (!events[which])
			must("evtimer_new", -ENOMEM);
	}
}

static void libevent_set_within(const struct job *job)
{
	struct timeval tv;
	int64_t base_us, us;
	uint32_t i;

	/* The clock that relative times are added to. */
	base_us = now_ns() / 1000;
	for (i = 0; i < job->nr; i++) {
		us = job->when[i] / 1000 - base_us;
		if (us < 0)
			us = 0;
		tv.tv_sec = us / 1000000;
		tv.tv_usec = us % 1000000;
		must("evtimer_add", evtimer_add(events[job->which[i]], &tv));
	}
}

static void libevent_cancel_within(const struct job *job)
{
	uint32_t i;

	for (i = 0; i < job->nr; i++)
		must("evtimer_del", evtimer_del(events[job->which[i]]));
}

static void libevent_destroy_within(const struct job *job)
{
	uint32_t i;

	for (i = 0; i < job->nr; i++)
		event_free(events[job->which[i]]);
}

static void libevent_set(const struct job *job)
{
	libevent_call(libevent_set_within, job);
}

static void libevent_cancel(const struct job *job)
{
	libevent_call(libevent_cancel_within, job);
}

static void libevent_destroy(const struct job *job)
{
	libevent_call(libevent_destroy_within, job);
}

static uint32_t libevent_take(uint32_t *taken, bool wait)
{
	uint32_t nr;

	if (!nr_fired)
		must("event_base_loop",
		     event_base_loop(base,
				     wait ? EVLOOP_ONCE : EVLOOP_NONBLOCK));
	nr = nr_fired < TAKE_MOST ? nr_fired : TAKE_MOST;
	nr_fired -= nr;
	memcpy(taken, fired + nr_fired, nr * sizeof(*taken));
	return nr;
}

const struct peer peer_libevent = {
	.name = "libevent",
	.what = "libevent's heap in one thread, without locks",
	.open = libevent_open,
	.create = libevent_make,
	.set = libevent_set,
	.cancel = libevent_cancel,
	.destroy = libevent_destroy,
	.take = libevent_take,
};

const struct peer peer_libevent_mt = {
	.name = "libevent-mt",
	.what = "libevent's heap with its locks, for several threads",
	.flags = WITH_LOCKS,
	.open = libevent_open,
	.create = libevent_make,
	.set = libevent_set,
	.cancel = libevent_cancel,
	.destroy = libevent_destroy,
	.take = libevent_take,
};
