// SPDX-License-Identifier: GPL-2.0
/*
 * POSIX timers: each expiry is a queued real-time signal, many of which are read
 * at a time from a signalfd. No thread is made for them.
 */
#include <fcntl.h>
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "user.h"

#define OTHER_SIGNALS	64

static timer_t *timers;
static int sigfd;
static bool waits;

static uint32_t posix_open(const struct peer *self, uint32_t nr)
{
	struct rlimit limit;
	sigset_t set;

	(void)self;
	raise_limit(RLIMIT_SIGPENDING, nr + OTHER_SIGNALS);
	must("getrlimit", getrlimit(RLIMIT_SIGPENDING, &limit));
	if (limit.rlim_cur < nr + OTHER_SIGNALS)
		return limit.rlim_cur - OTHER_SIGNALS;
	timers = make_array(nr, sizeof(*timers));
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	must("sigprocmask", sigprocmask(SIG_BLOCK, &set, NULL));
	sigfd = must("signalfd", signalfd(-1, &set, SFD_NONBLOCK));
	return nr;
}

static void posix_make(const struct job *job)
{
	struct sigevent event = {
		.sigev_notify = SIGEV_SIGNAL,
		.sigev_signo = SIGRTMIN,
	};
	uint32_t i;

	for (i = 0; i < job->nr; i++) {
		event.sigev_value.sival_int = job->which[i];
		must("timer_create", timer_create(CLOCK_MONOTONIC, &event,
						  &timers[job->which[i]]));
	}
}

static void posix_set(const struct job *job)
{
	struct itimerspec its = {};
	uint32_t i;

	for (i = 0; i < job->nr; i++) {
		its.it_value.tv_sec = job->when[i] / NSEC_PER_SEC;
		its.it_value.tv_nsec = job->when[i] % NSEC_PER_SEC;
		must("timer_settime",
		     timer_settime(timers[job->which[i]], TIMER_ABSTIME,
				   &its, NULL));
	}
}

static void posix_cancel(const struct job *job)
{
	const struct itimerspec none = {};
	uint32_t i;

	for (i = 0; i < job->nr; i++)
		must("timer_settime",
		     timer_settime(timers[job->which[i]], 0, &none, NULL));
}

static void posix_destroy(const struct job *job)
{
	uint32_t i;

	for (i = 0; i < job->nr; i++)
		must("timer_delete", timer_delete(timers[job->which[i]]));
}

static uint32_t posix_take(uint32_t *taken, bool wait)
{
	struct signalfd_siginfo infos[TAKE_MOST];
	ssize_t len, i;

	if (wait != waits) {
		must("fcntl", fcntl(sigfd, F_SETFL, wait ? 0 : O_NONBLOCK));
		waits = wait;
	}
	len = read(sigfd, infos, sizeof(infos));
	if (len < 0 && errno == EAGAIN)
		return 0;
	len = must("read", len) / sizeof(infos[0]);
	for (i = 0; i < len; i++)
		taken[i] = infos[i].ssi_int;
	return len;
}

const struct peer peer_posix = {
	.name = "posix",
	.what = "timer_settime(), signals read from a signalfd",
	.open = posix_open,
	.create = posix_make,
	.set = posix_set,
	.cancel = posix_cancel,
	.destroy = posix_destroy,
	.take = posix_take,
};
