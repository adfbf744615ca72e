// SPDX-License-Identifier: GPL-2.0
/*
 * timerfd and epoll: a file descriptor for each deadline, all in one epoll set.
 */
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "user.h"

#define OTHER_FILES	64
#define WATCHES		"/proc/sys/fs/epoll/max_user_watches"

static int *fds;
static int epfd;

/* Raises a limit of the system to what @nr descriptors need. */
static void allow(const char *path, uint32_t nr)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", nr);
	if (read_numbers(path, "") < nr)
		write_text(path, text);
}

static uint32_t timerfd_open(const struct peer *self, uint32_t nr)
{
	struct rlimit limit;

	(void)self;
	allow("/proc/sys/fs/nr_open", nr + OTHER_FILES);
	allow("/proc/sys/fs/file-max", nr + OTHER_FILES);
	allow(WATCHES, nr + OTHER_FILES);
	raise_limit(RLIMIT_NOFILE, nr + OTHER_FILES);
	must("getrlimit", getrlimit(RLIMIT_NOFILE, &limit));
	if (limit.rlim_cur < nr + OTHER_FILES)
		return limit.rlim_cur - OTHER_FILES;
	if (read_numbers(WATCHES, "") < nr)
		return read_numbers(WATCHES, "");
	fds = make_array(nr, sizeof(*fds));
	epfd = must("epoll_create1", epoll_create1(EPOLL_CLOEXEC));
	return nr;
}

static void timerfd_make(const struct job *job)
{
	struct epoll_event event = { .events = EPOLLIN };
	uint32_t i;
	int fd;

	for (i = 0; i < job->nr; i++) {
		event.data.u32 = job->which[i];
		fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
		must("timerfd_create", fd);
		fds[event.data.u32] = fd;
		must("epoll_ctl", epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &event));
	}
}

static void timerfd_set(const struct job *job)
{
	struct itimerspec its = {};
	uint32_t i;

	for (i = 0; i < job->nr; i++) {
		its.it_value.tv_sec = job->when[i] / NSEC_PER_SEC;
		its.it_value.tv_nsec = job->when[i] % NSEC_PER_SEC;
		must("timerfd_settime",
		     timerfd_settime(fds[job->which[i]], TFD_TIMER_ABSTIME,
				     &its, NULL));
	}
}

static void timerfd_cancel(const struct job *job)
{
	const struct itimerspec none = {};
	uint32_t i;

	for (i = 0; i < job->nr; i++)
		must("timerfd_settime",
		     timerfd_settime(fds[job->which[i]], 0, &none, NULL));
}

static void timerfd_destroy(const struct job *job)
{
	uint32_t i;

	for (i = 0; i < job->nr; i++)
		must("close", close(fds[job->which[i]]));
}

static uint32_t timerfd_take(uint32_t *taken, bool wait)
{
	struct epoll_event events[TAKE_MOST];
	uint64_t expiries;
	int i, nr;

	nr = must("epoll_wait",
		  epoll_wait(epfd, events, TAKE_MOST, wait ? -1 : 0));
	for (i = 0; i < nr; i++) {
		taken[i] = events[i].data.u32;
		must("read", read(fds[taken[i]], &expiries, sizeof(expiries)));
	}
	return nr;
}

const struct peer peer_timerfd = {
	.name = "timerfd",
	.what = "timerfd_settime(), epoll_wait() and read()",
	.open = timerfd_open,
	.create = timerfd_make,
	.set = timerfd_set,
	.cancel = timerfd_cancel,
	.destroy = timerfd_destroy,
	.take = timerfd_take,
};
