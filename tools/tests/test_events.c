// SPDX-License-Identifier: GPL-2.0
/*
 * How events reach their reader: poll and epoll, blocking and interrupted
 * reads, buffers of every shape, several readers of one file.
 */
#define _GNU_SOURCE
#include <sys/epoll.h>
#include <sys/uio.h>
#include "threads.h"

/* One read(), made by a thread of its own. */
struct reader {
	pid_t tid;
	int fd;
	int error;
	ssize_t got;
	struct twq_event event;
};

static void *read_one(void *arg)
{
	struct reader *r = arg;

	tell_tid(&r->tid);
	r->got = read(r->fd, &r->event, sizeof(r->event));
	r->error = r->got < 0 ? errno : 0;
	return NULL;
}

static void poll_without_event(void)
{
	struct pollfd pfd = { .fd = dev, .events = POLLIN | POLLRDNORM };

	EXPECT_EQ(poll(&pfd, 1, 0), 0);
	EXPECT_EQ(queue_in(make_any(0), HOUR_NS), 0);
	EXPECT_EQ(poll(&pfd, 1, 0), 0);
}

static void poll_with_event(void)
{
	struct pollfd pfd = { .fd = dev, .events = POLLIN | POLLRDNORM };
	struct twq_event event;

	make_ready(2);
	EXPECT_EQ(poll(&pfd, 1, 0), 1);
	EXPECT_EQ(pfd.revents, POLLIN | POLLRDNORM);
	next_event(dev, &event);
	EXPECT_EQ(poll(&pfd, 1, 0), 1);
	next_event(dev, &event);
	EXPECT_EQ(poll(&pfd, 1, 0), 0);
}

static void poll_is_woken_by_a_deadline(void)
{
	int64_t deadline = now_ns() + 50 * NSEC_PER_MSEC;

	EXPECT_EQ(queue_at(make_any(0), deadline), 0);
	EXPECT_EQ(readable(dev, GUARD_MS), 1);
	EXPECT_GE(now_ns(), deadline);
}

static int make_epoll(uint32_t events)
{
	struct epoll_event event = { .events = events };
	int fd = epoll_create1(EPOLL_CLOEXEC);

	EXPECT_EQ(epoll_ctl(fd, EPOLL_CTL_ADD, dev, &event), 0);
	return fd;
}

static void epoll_level_tells_until_it_is_read(void)
{
	int fd = make_epoll(EPOLLIN);
	struct epoll_event out;
	struct twq_event event;

	EXPECT_EQ(epoll_wait(fd, &out, 1, 0), 0);
	EXPECT_EQ(queue_in(make_any(0), 20 * NSEC_PER_MSEC), 0);
	EXPECT_EQ(epoll_wait(fd, &out, 1, GUARD_MS), 1);
	EXPECT_EQ(out.events, EPOLLIN);
	EXPECT_EQ(epoll_wait(fd, &out, 1, 0), 1);
	next_event(dev, &event);
	EXPECT_EQ(epoll_wait(fd, &out, 1, 0), 0);
}

static void epoll_edge_tells_of_every_event_once(void)
{
	int fd = make_epoll(EPOLLIN | EPOLLET);
	struct epoll_event out;
	int i;

	EXPECT_EQ(epoll_wait(fd, &out, 1, 0), 0);
	for (i = 1; i <= 3; i++) {
		EXPECT_EQ(wake(make_any(0), TWQ_WOKEN_IO), 0);
		EXPECT_EQ(epoll_wait(fd, &out, 1, GUARD_MS), 1);
		EXPECT_EQ(epoll_wait(fd, &out, 1, 50), 0);
		EXPECT_EQ(ledger(dev).pending, i);
	}
}

static void read_blocks_until_the_deadline(void)
{
	struct reader r = { .fd = dev };
	uint64_t id = make_any(5);
	pthread_t thread;
	int64_t deadline;

	set_blocking(dev, true);
	thread = start(read_one, &r);
	wait_asleep(&r.tid);
	deadline = now_ns() + 20 * NSEC_PER_MSEC;
	EXPECT_EQ(queue_at(id, deadline), 0);
	join(thread);
	EXPECT_GE(now_ns(), deadline);
	EXPECT_EQ(r.got, sizeof(r.event));
	EXPECT_EQ(r.event.user_data, 5);
	EXPECT_EQ(r.event.deadline_ns, deadline);
}

static void read_is_interrupted_by_a_signal(void)
{
	struct reader r = { .fd = dev };
	pthread_t thread;

	handle_signal(0);
	set_blocking(dev, true);
	thread = start(read_one, &r);
	wait_asleep(&r.tid);
	EXPECT_EQ(pthread_kill(thread, SIGUSR1), 0);
	join(thread);
	EXPECT_EQ(r.got, -1);
	EXPECT_EQ(r.error, EINTR);
}

static void read_goes_on_after_a_restarting_signal(void)
{
	struct reader r = { .fd = dev };
	pthread_t thread;
	int i;

	handle_signal(SA_RESTART);
	set_blocking(dev, true);
	thread = start(read_one, &r);
	for (i = 0; i < 5; i++) {
		wait_asleep(&r.tid);
		EXPECT_EQ(pthread_kill(thread, SIGUSR1), 0);
	}
	EXPECT_EQ(wake(make_any(3), TWQ_WOKEN_MSG), 0);
	join(thread);
	EXPECT_EQ(r.got, sizeof(r.event));
	EXPECT_EQ(r.event.user_data, 3);
}

static void read_gives_whole_events_only(void)
{
	struct twq_event events[4];
	size_t size = sizeof(events[0]);
	unsigned char *rest = (unsigned char *)&events[3];
	size_t i;

	memset(events, POISON, sizeof(events));
	make_ready(5);
	EXPECT_EQ(read(dev, events, 3 * size + size / 2), 3 * size);
	for (i = 0; i < size; i++)
		EXPECT_EQ(rest[i], POISON);
	EXPECT_EQ(ledger(dev).delivered, 3);
	EXPECT_EQ(ledger(dev).pending, 2);
	EXPECT_EQ(read(dev, events, sizeof(events)), 2 * size);
}

static void read_gives_each_event_once(void)
{
	enum { COUNT = 1000 };
	static struct twq_event events[COUNT + 1];
	static int seen[COUNT];
	int i;

	make_ready(COUNT);
	EXPECT_EQ(read(dev, events, sizeof(events)),
		  COUNT * sizeof(events[0]));
	for (i = 0; i < COUNT; i++)
		if (EXPECT_LT(events[i].user_data, COUNT))
			seen[events[i].user_data]++;
	for (i = 0; i < COUNT; i++)
		EXPECT_EQ(seen[i], 1);
	EXPECT_EQ(readable(dev, 0), 0);
}

/* Many holds of the list's lock, and no event more than there is room for. */
static void read_of_hundreds_fills_its_room(void)
{
	enum { COUNT = 600, ROOM = 512 };
	static struct twq_event events[2 * ROOM];
	const size_t size = sizeof(events[0]);
	static int seen[COUNT];
	int i;

	make_ready(COUNT);
	memset(events, POISON, sizeof(events));
	if (!EXPECT_EQ(read(dev, events, ROOM * size), ROOM * size))
		return;
	EXPECT_EQ(events[ROOM].reasons, 0xcccccccc);
	EXPECT_EQ(ledger(dev).delivered, ROOM);
	EXPECT_EQ(ledger(dev).pending, COUNT - ROOM);
	if (!EXPECT_EQ(read(dev, &events[ROOM], ROOM * size),
		       (COUNT - ROOM) * size))
		return;
	EXPECT_EQ(events[COUNT].reasons, 0xcccccccc);
	for (i = 0; i < COUNT; i++)
		if (EXPECT_LT(events[i].user_data, COUNT))
			seen[events[i].user_data]++;
	for (i = 0; i < COUNT; i++)
		EXPECT_EQ(seen[i], 1);
	EXPECT_EQ(readable(dev, 0), 0);
}

static void readv_events_may_span_segments(void)
{
	static const size_t lengths[] = { 1, 7, 48, 3, 0, 40, 45, 30 };
	unsigned char bytes[8][48];
	struct twq_event events[3];
	struct iovec iov[8];
	unsigned char *flat = (unsigned char *)events;
	size_t at = 0, len;
	int i;

	for (i = 0; i < 8; i++)
		iov[i] = (struct iovec){ bytes[i], lengths[i] };
	make_ready(4);
	/* 174 bytes of room: three events and a piece. */
	EXPECT_EQ(readv(dev, iov, 8), sizeof(events));
	for (i = 0; i < 8 && at < sizeof(events); i++) {
		len = lengths[i];
		if (len > sizeof(events) - at)
			len = sizeof(events) - at;
		memcpy(flat + at, bytes[i], len);
		at += len;
	}
	for (i = 0; i < 3; i++) {
		EXPECT_LT(events[i].user_data, 4);
		EXPECT_EQ(events[i].reasons, TWQ_WOKEN_IO);
		EXPECT_EQ(task(events[i].id).user_data, events[i].user_data);
	}
	EXPECT_EQ(ledger(dev).pending, 1);
}

static void readv_of_less_than_an_event(void)
{
	char bytes[2][20];
	struct iovec iov[] = { { bytes[0], 20 }, { bytes[1], 20 } };

	make_ready(1);
	EXPECT_EQ(readv(dev, iov, 2), -1);
	EXPECT_EQ(errno, EINVAL);
	EXPECT_EQ(ledger(dev).pending, 1);
}

static void preadv2_nowait_does_not_block(void)
{
	struct twq_event event;
	struct iovec iov = { &event, sizeof(event) };
	ssize_t ret;

	set_blocking(dev, true);
	ret = preadv2(dev, &iov, 1, -1, RWF_NOWAIT);
	if (ret < 0 && errno == EOPNOTSUPP)
		tap_skip("RWF_NOWAIT is not supported");
	EXPECT_EQ(ret, -1);
	EXPECT_EQ(errno, EAGAIN);
	make_ready(1);
	EXPECT_EQ(preadv2(dev, &iov, 1, -1, RWF_NOWAIT), sizeof(event));
}

#define SHARED_EVENTS	10000

static int shared_seen[SHARED_EVENTS];
static int shared_total;

static void *read_share(void *arg)
{
	struct twq_event events[7];
	ssize_t got, i;

	while (__atomic_load_n(&shared_total, __ATOMIC_RELAXED) <
	       SHARED_EVENTS) {
		readable(dev, 10);
		got = read(dev, events, sizeof(events));
		if (got < 0) {
			if (!EXPECT_EQ(errno, EAGAIN))
				break;
			continue;
		}
		got /= sizeof(events[0]);
		for (i = 0; i < got; i++)
			__atomic_fetch_add(&shared_seen[events[i].user_data],
					   1, __ATOMIC_RELAXED);
		__atomic_fetch_add(&shared_total, got, __ATOMIC_RELAXED);
	}
	return arg;
}

static void two_readers_share_the_events(void)
{
	pthread_t readers[2];
	uint64_t id;
	int i;

	for (i = 0; i < 2; i++)
		readers[i] = start(read_share, NULL);
	for (i = 0; i < SHARED_EVENTS; i++) {
		id = make_any(i);
		EXPECT_EQ(queue_in(id, (i % 100) * 10000), 0);
	}
	for (i = 0; i < 2; i++)
		join(readers[i]);
	for (i = 0; i < SHARED_EVENTS; i++)
		EXPECT_EQ(shared_seen[i], 1);
	EXPECT_EQ(ledger(dev).delivered, SHARED_EVENTS);
}

/* An event for one wakes all that sleep, or one: none may sleep on over it. */
static void blocked_readers_get_an_event_each(void)
{
	struct reader r[4] = {};
	pthread_t threads[4];
	uint64_t ids[4];
	int i;

	set_blocking(dev, true);
	for (i = 0; i < 4; i++) {
		ids[i] = make_any(i);
		r[i].fd = dev;
		threads[i] = start(read_one, &r[i]);
		wait_asleep(&r[i].tid);
	}
	for (i = 0; i < 4; i++)
		EXPECT_EQ(queue_at(ids[i], 1), 0);
	for (i = 0; i < 4; i++) {
		join(threads[i]);
		EXPECT_EQ(r[i].got, sizeof(r[i].event));
	}
	EXPECT_EQ(ledger(dev).delivered, 4);
}

static const struct tap_case cases[] = {
	TAP_CASE(poll_without_event),
	TAP_CASE(poll_with_event),
	TAP_CASE(poll_is_woken_by_a_deadline),
	TAP_CASE(epoll_level_tells_until_it_is_read),
	TAP_CASE(epoll_edge_tells_of_every_event_once),
	TAP_CASE(read_blocks_until_the_deadline),
	TAP_CASE(read_is_interrupted_by_a_signal),
	TAP_CASE(read_goes_on_after_a_restarting_signal),
	TAP_CASE(read_gives_whole_events_only),
	TAP_CASE(read_gives_each_event_once),
	TAP_CASE(read_of_hundreds_fills_its_room),
	TAP_CASE(readv_events_may_span_segments),
	TAP_CASE(readv_of_less_than_an_event),
	TAP_CASE(preadv2_nowait_does_not_block),
	TAP_CASE(two_readers_share_the_events),
	TAP_CASE(blocked_readers_get_an_event_each),
};

int main(int argc, char **argv)
{
	static const struct tap_suite suite = {
		.cases = cases,
		.nr_cases = TAP_COUNT(cases),
		.before = open_case,
		.after = close_case,
	};

	return tap_main(argc, argv, &suite);
}
