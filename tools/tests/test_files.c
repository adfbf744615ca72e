// SPDX-License-Identifier: GPL-2.0
/*
 * The open file as an owner of tasks: shared by dup, fork and SCM_RIGHTS,
 * separate from every other file, and closed in every state of its tasks.
 */
#define _GNU_SOURCE
#include <sys/socket.h>
#include "threads.h"

static uint64_t depth(int fd)
{
	struct twq_info info;
	struct twq_stats stats;
	uint64_t sum = 0;
	uint32_t cpu;

	EXPECT_EQ(call(fd, TWQ_IOC_INFO, &info), 0);
	for (cpu = 0; cpu < info.nr_cpus; cpu++)
		if (!get_stats(fd, cpu, &stats))
			sum += stats.cpu_stats.local_depth;
	return sum + cpu_stats(fd, TWQ_STATS_ALL_CPUS).shared_depth;
}

/* Closes the file of the case; no tree keeps any of its tasks. */
static void close_dev(uint64_t depth_before)
{
	int64_t limit = now_ns() + GUARD_MS * NSEC_PER_MSEC;
	int other = open_dev(0);

	EXPECT_EQ(close(dev), 0);
	dev = -1;
	while (depth(other) != depth_before && now_ns() < limit)
		pause_ms(5);
	EXPECT_EQ(depth(other), depth_before);
	close(other);
}

static void files_do_not_see_each_other(void)
{
	int other = open_dev(O_NONBLOCK);
	struct twq_ledger zero = {}, l;
	struct twq_event event;

	EXPECT_EQ(queue_at(make_any(9), 1), 0);
	next_event(dev, &event);
	EXPECT_EQ(event.user_data, 9);
	EXPECT_EQ(readable(other, 0), 0);
	l = ledger(other);
	EXPECT_EQ(memcmp(&l, &zero, sizeof(l)), 0);
	close(other);
}

static void dup_shares_the_file(void)
{
	int copy = dup(dev);
	uint64_t id = make_any(1);
	struct twq_query query;
	struct twq_event event;

	EXPECT_EQ(query_task(copy, id, &query), 0);
	EXPECT_EQ(close(dev), 0);
	dev = copy;
	EXPECT_EQ(queue_in(id, NSEC_PER_MSEC), 0);
	next_event(dev, &event);
	EXPECT_EQ(event.id, id);
}

/* Exit status of a child that reads one event of @id. */
static int child_reads(uint64_t id)
{
	struct twq_event event;
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(!next_event(dev, &event) || event.id != id ||
		      close(dev));
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	return status;
}

static void fork_shares_the_file(void)
{
	uint64_t id = make_any(1);
	struct twq_event event;

	EXPECT_EQ(queue_in(id, 20 * NSEC_PER_MSEC), 0);
	EXPECT_EQ(child_reads(id), 0);
	EXPECT_EQ(readable(dev, 0), 0);
	EXPECT_EQ(ledger(dev).delivered, 1);
	/* The child closed its own descriptor, not the file. */
	EXPECT_EQ(queue_at(id, 1), 0);
	next_event(dev, &event);
	EXPECT_EQ(event.id, id);
}

static void fork_parent_may_close_first(void)
{
	uint64_t id = make_any(1);
	int ready[2], status;
	char byte;
	pid_t pid;

	EXPECT_EQ(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		/* The end of file says that the parent has closed. */
		close(ready[1]);
		EXPECT_EQ(read(ready[0], &byte, 1), 0);
		EXPECT_EQ(queue_at(id, 1), 0);
		_exit(child_reads(id) || tap_failures);
	}
	EXPECT_EQ(close(dev), 0);
	dev = -1;
	close(ready[1]);
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}

static void send_fd(int sock, int fd)
{
	union { struct cmsghdr header; char space[CMSG_SPACE(sizeof(int))]; }
		control = {};
	char byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};

	control.header.cmsg_len = CMSG_LEN(sizeof(int));
	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	EXPECT_EQ(sendmsg(sock, &msg, 0), 1);
}

/* A file whose last reference is a message that nobody takes. */
static void close_while_in_flight(void)
{
	int other = open_dev(0), pair[2];
	uint64_t before = depth(other);

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		tap_skip("the kernel has no AF_UNIX");
	EXPECT_EQ(queue_in(make_any(0), HOUR_NS), 0);
	EXPECT_EQ(queue_in(make(dev, 0, 0, 10 * NSEC_PER_MSEC, 0), 0), 0);
	send_fd(pair[0], dev);
	EXPECT_EQ(close(dev), 0);
	dev = -1;
	EXPECT_GE(depth(other), before + 1);
	close(pair[0]);
	close(pair[1]);
	dev = other;
	close_dev(before);
}

static void close_with_tasks_queued(void)
{
	uint64_t before = depth(dev);
	int i;

	pin(nth_cpu(0));
	for (i = 0; i < 1000; i++) {
		uint64_t mask = i % 2 ? bit(nth_cpu(0)) : 0;
		uint64_t id = make(dev, mask, 0, 0, i);

		EXPECT_EQ(queue_in(id, HOUR_NS + i), 0);
	}
	EXPECT_EQ(depth(dev), before + 1000);
	close_dev(before);
}

/* From a CPU that owns none of the local tasks. */
static void close_with_tasks_of_another_cpu(void)
{
	uint64_t before = depth(dev);
	int i, owner = nth_cpu(1);

	pin(owner);
	for (i = 0; i < 1000; i++)
		EXPECT_EQ(queue_in(make(dev, bit(owner), 0, 0, 0),
				   i % 2 ? HOUR_NS : i * 10000), 0);
	pin(nth_cpu(0));
	close_dev(before);
}

static void close_with_tasks_running(void)
{
	struct twq_info info;
	uint64_t before = depth(dev);
	int i, round;

	for (round = 0; round < 20 && !tap_failures; round++) {
		EXPECT_EQ(call(dev, TWQ_IOC_INFO, &info), 0);
		for (i = 0; i < 100; i++)
			EXPECT_EQ(queue_at(make(dev, 0, 0, info.min_interval_ns,
						i), 1), 0);
		EXPECT_EQ(readable(dev, GUARD_MS), 1);
		close_dev(before);
		dev = open_dev(O_NONBLOCK);
		nr_tracked = 0;
	}
}

static void close_with_events_unread(void)
{
	uint64_t before = depth(dev);
	int i;

	for (i = 0; i < 1000; i++)
		EXPECT_EQ(wake(make_any(i), TWQ_WOKEN_IO), 0);
	EXPECT_EQ(readable(dev, GUARD_MS), 1);
	close_dev(before);
}

/* As soon as the calls are made, in whatever state that finds the tasks. */
static void close_at_once(void)
{
	uint64_t before = depth(dev);
	int i, round;

	for (round = 0; round < 200 && !tap_failures; round++) {
		for (i = 0; i < 10; i++) {
			uint64_t id = make_any(i);

			if (i % 3)
				EXPECT_EQ(queue_in(id, i * 10000), 0);
			if (i % 2)
				EXPECT_EQ(wake(id, TWQ_WOKEN_IO), 0);
		}
		EXPECT_EQ(close(dev), 0);
		dev = open_dev(O_NONBLOCK);
		nr_tracked = 0;
	}
	close_dev(before);
}

struct blocked {
	pid_t tid;
	int fd;
	ssize_t got;
};

static void *blocked_read(void *arg)
{
	struct blocked *b = arg;
	struct twq_event event;

	tell_tid(&b->tid);
	b->got = read(b->fd, &event, sizeof(event));
	return NULL;
}

static void close_while_a_copy_is_read(void)
{
	struct blocked b = { .fd = dup(dev) };
	uint64_t id = make_any(0);
	pthread_t thread;

	set_blocking(dev, true);
	thread = start(blocked_read, &b);
	wait_asleep(&b.tid);
	EXPECT_EQ(close(dev), 0);
	dev = b.fd;
	EXPECT_EQ(queue_in(id, NSEC_PER_MSEC), 0);
	join(thread);
	EXPECT_EQ(b.got, sizeof(struct twq_event));
}

/* read() itself then holds the last reference, and ends it. */
static void close_while_the_file_is_read(void)
{
	struct blocked b = { .fd = dev };
	uint64_t before = depth(dev);
	int other = open_dev(0);
	pthread_t thread;

	set_blocking(dev, true);
	EXPECT_EQ(queue_in(make_any(1), HOUR_NS), 0);
	thread = start(blocked_read, &b);
	wait_asleep(&b.tid);
	EXPECT_EQ(queue_in(make_any(0), 300 * NSEC_PER_MSEC), 0);
	EXPECT_EQ(close(dev), 0);
	join(thread);
	EXPECT_EQ(b.got, sizeof(struct twq_event));
	dev = other;
	close_dev(before);
}

/* All tasks with user_data below this have been destroyed. */
static uint64_t destroyed_below;
static int stop;

static void *read_no_destroyed(void *arg)
{
	struct twq_event events[5];
	uint64_t below;
	ssize_t got, i;

	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		below = __atomic_load_n(&destroyed_below, __ATOMIC_ACQUIRE);
		got = read(dev, events, sizeof(events));
		if (got < 0)
			continue;
		for (i = 0; i < got / (ssize_t)sizeof(events[0]); i++)
			EXPECT_GE(events[i].user_data, below);
	}
	return arg;
}

static void destroy_against_expiry(int64_t interval_ns, uint64_t mask)
{
	enum { ROUNDS = 3000 };
	pthread_t readers[2];
	uint64_t i, id;

	readers[0] = start(read_no_destroyed, NULL);
	readers[1] = start(read_no_destroyed, NULL);
	for (i = 0; i < ROUNDS && !tap_failures; i++) {
		int64_t until = now_ns() + (i % 50) * 4000;

		id = make(dev, mask, 0, interval_ns, i);
		EXPECT_EQ(queue_in(id, (i % 7) * 10000), 0);
		while (now_ns() < until)
			;
		EXPECT_EQ(destroy(id), 0);
		__atomic_store_n(&destroyed_below, i + 1, __ATOMIC_RELEASE);
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	join(readers[0]);
	join(readers[1]);
	EXPECT_EQ(readable(dev, 0), 0);
	expect_destroyed(i);
	EXPECT_EQ(ledger(dev).created, i);
	EXPECT_EQ(ledger(dev).pending, 0);
}

static void destroy_races_one_shot(void)
{
	destroy_against_expiry(0, 0);
}

static void destroy_races_interval(void)
{
	struct twq_info info;

	get_info(&info);
	destroy_against_expiry(info.min_interval_ns, 0);
}

static void destroy_races_local_task(void)
{
	pin(nth_cpu(0));
	destroy_against_expiry(0, bit(nth_cpu(0)));
}

static const struct tap_case cases[] = {
	TAP_CASE(files_do_not_see_each_other),
	TAP_CASE(dup_shares_the_file),
	TAP_CASE(fork_shares_the_file),
	TAP_CASE(fork_parent_may_close_first),
	TAP_CASE(close_while_in_flight),
	TAP_CASE(close_with_tasks_queued),
	TAP_CASE(close_with_tasks_of_another_cpu),
	TAP_CASE(close_with_tasks_running),
	TAP_CASE(close_with_events_unread),
	TAP_CASE(close_at_once),
	TAP_CASE(close_while_a_copy_is_read),
	TAP_CASE(close_while_the_file_is_read),
	TAP_CASE(destroy_races_one_shot),
	TAP_CASE(destroy_races_interval),
	TAP_CASE(destroy_races_local_task),
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
