// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/twq by a call of its own for each operation. Tasks are bound to the CPU
 * of the program, or allowed on all of them (-shared). Expiries are waited for
 * in read(), or in an epoll set as programs do that have other files (-epoll).
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/epoll.h>

#include "libtwq.h"
#include "peer_twq.h"
#include "user.h"

struct twq_peer twq_peer = { .fd = -1 };
static int epfd;

uint32_t twq_peer_open(const struct peer *self, uint32_t nr)
{
	struct twq_info info;

	twq_peer.fd = must("/dev/twq", twq_open(NULL, O_RDWR | O_NONBLOCK));
	must("INFO", twq_get_info(twq_peer.fd, &info));
	if (info.max_tasks < nr)
		return info.max_tasks;
	twq_peer.ids = make_array(nr, sizeof(*twq_peer.ids));
	twq_peer.shared = self->flags & TWQ_PEER_SHARED;
	must("sched_getaffinity",
	     sched_getaffinity(0, sizeof(twq_peer.cpus), &twq_peer.cpus));
	return nr;
}

static void twq_make(const struct job *job)
{
	const cpu_set_t *cpus = twq_peer.shared ? NULL : &twq_peer.cpus;
	uint32_t i;

	for (i = 0; i < job->nr; i++)
		must("CREATE",
		     twq_create(twq_peer.fd, cpus, sizeof(*cpus),
				twq_peer.shared ? TWQ_CREATE_SHARED : 0, 0,
				job->which[i], &twq_peer.ids[job->which[i]]));
}

static void twq_set(const struct job *job)
{
	uint32_t i;

	for (i = 0; i < job->nr; i++)
		must("QUEUE", twq_queue(twq_peer.fd,
					twq_peer.ids[job->which[i]],
					job->when[i], 0));
}

static void twq_stop(const struct job *job)
{
	uint32_t i;

	for (i = 0; i < job->nr; i++)
		must("CANCEL", twq_cancel(twq_peer.fd,
					  twq_peer.ids[job->which[i]]));
}

static void twq_end(const struct job *job)
{
	uint32_t i;

	for (i = 0; i < job->nr; i++)
		must("DESTROY", twq_destroy(twq_peer.fd,
					    twq_peer.ids[job->which[i]]));
}

uint32_t twq_peer_take(uint32_t *taken, bool wait)
{
	struct twq_event events[TAKE_MOST];
	int i, nr;

	if (wait != twq_peer.waits) {
		must("fcntl", fcntl(twq_peer.fd, F_SETFL,
				    O_RDWR | (wait ? 0 : O_NONBLOCK)));
		twq_peer.waits = wait;
	}
	nr = twq_read_events(twq_peer.fd, events, TAKE_MOST);
	if (nr == -EAGAIN)
		return 0;
	must("read", nr);
	for (i = 0; i < nr; i++)
		taken[i] = events[i].user_data;
	return nr;
}

uint64_t twq_peer_moved(void)
{
	struct twq_stats stats;

	must("STATS", twq_get_stats(twq_peer.fd, TWQ_STATS_ALL_CPUS, &stats));
	return stats.cpu_stats.stale;
}

static uint32_t twq_epoll_open(const struct peer *self, uint32_t nr)
{
	struct epoll_event event = { .events = EPOLLIN };
	uint32_t most = twq_peer_open(self, nr);

	if (most < nr)
		return most;
	epfd = must("epoll_create1", epoll_create1(EPOLL_CLOEXEC));
	must("epoll_ctl", epoll_ctl(epfd, EPOLL_CTL_ADD, twq_peer.fd, &event));
	return nr;
}

static uint32_t twq_epoll_take(uint32_t *taken, bool wait)
{
	struct epoll_event event;

	if (!must("epoll_wait", epoll_wait(epfd, &event, 1, wait ? -1 : 0)))
		return 0;
	return twq_peer_take(taken, false);
}

const struct peer peer_twq = {
	.name = "twq",
	.what = "/dev/twq, a call each, tasks of one CPU",
	.open = twq_peer_open,
	.create = twq_make,
	.set = twq_set,
	.cancel = twq_stop,
	.destroy = twq_end,
	.take = twq_peer_take,
	.moved = twq_peer_moved,
};

const struct peer peer_twq_shared = {
	.name = "twq-shared",
	.what = "/dev/twq, a call each, tasks of every CPU",
	.flags = TWQ_PEER_SHARED,
	.open = twq_peer_open,
	.create = twq_make,
	.set = twq_set,
	.cancel = twq_stop,
	.destroy = twq_end,
	.take = twq_peer_take,
	.moved = twq_peer_moved,
};

const struct peer peer_twq_epoll = {
	.name = "twq-epoll",
	.what = "the same as twq, waited for by epoll_wait()",
	.open = twq_epoll_open,
	.create = twq_make,
	.set = twq_set,
	.cancel = twq_stop,
	.destroy = twq_end,
	.take = twq_epoll_take,
	.moved = twq_peer_moved,
};
