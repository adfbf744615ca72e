// SPDX-License-Identifier: GPL-2.0
/*
 * Whatever can fail on the way of a call does, one after the other: calls that
 * are about no task, and those of the file itself, open() and close() included.
 * trial.h says what must hold. Needs a kernel with fault injection.
 */
#define _GNU_SOURCE
#include <sys/uio.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include "trial.h"

/* -- calls without a task ------------------------------------------------- */

static void prepare_tell(void)
{
	now.arg = good(now.nr, 0);
	now.arg.stats.cpu = now.nr == TWQ_IOC_STATS ? now.mask : 0;
}

static void check_tell(int ret)
{
	struct twq_ledger l = ledger(dev);

	EXPECT_EQ(ret, 0);
	if (now.nr == TWQ_IOC_INFO)
		EXPECT_EQ(now.arg.info.event_size, sizeof(struct twq_event));
	else
		EXPECT_EQ(memcmp(&now.arg.stats.ledger, &l, sizeof(l)), 0);
}

static const struct subject tell = {
	.prepare = prepare_tell,
	.call = call_device,
	.check = check_tell,
};

static void info_and_stats_refused(void)
{
	now.nr = TWQ_IOC_INFO;
	EXPECT_GE(try_all(&tell), 5);
	now.nr = TWQ_IOC_STATS;
	EXPECT_GE(try_all(&tell), 6);
	now.mask = TWQ_STATS_ALL_CPUS;
	EXPECT_GE(try_all(&tell), 6);
}

static void prepare_read(void)
{
	int i;

	for (i = 0; i < TAP_COUNT(bystander); i++) {
		if (is_pending(bystander[i]))
			continue;
		EXPECT_EQ(wake(bystander[i], TWQ_WOKEN_IO), 0);
		wait_pending(bystander[i]);
	}
}

static int call_read(void)
{
	ssize_t ret = read(dev, now.buffer, sizeof(now.buffer));

	return ret < 0 ? -errno : ret;
}

/* The same into a buffer in two pieces. */
static int call_readv(void)
{
	const struct iovec pieces[] = {
		{ now.buffer, 100 },
		{ now.buffer + 100, sizeof(now.buffer) - 100 },
	};
	ssize_t ret = readv(dev, pieces, TAP_COUNT(pieces));

	return ret < 0 ? -errno : ret;
}

/* The same by a batch without operations. Returns bytes, too. */
static int call_submit(void)
{
	const size_t size = sizeof(struct twq_event);
	struct twq_submit submit = {
		.events = (uintptr_t)now.buffer,
		.max_events = sizeof(now.buffer) / size,
	};
	int ret = call(dev, TWQ_IOC_SUBMIT, &submit);

	return ret ? ret : (int)(submit.nr_events * size);
}

/* What was read is not pending any more, what was not is. */
static void check_read(int ret)
{
	const struct twq_event *event = (void *)now.buffer;
	int i, nr = ret / sizeof(*event), pending = 0;

	EXPECT_EQ(ret % sizeof(*event), 0);
	EXPECT_GT(nr, 0);
	for (i = 0; i < nr; i++)
		EXPECT_EQ(task(event[i].id).pending, 0);
	for (i = 0; i < TAP_COUNT(bystander); i++)
		pending += task(bystander[i]).pending;
	EXPECT_EQ(nr + pending, TAP_COUNT(bystander));
}

static const struct subject read_events = {
	.prepare = prepare_read,
	.call = call_read,
	.check = check_read,
};

static const struct subject readv_events = {
	.prepare = prepare_read,
	.call = call_readv,
	.check = check_read,
};

static const struct subject submit_events = {
	.prepare = prepare_read,
	.call = call_submit,
	.check = check_read,
};

/* Plain stores, which no injection meets: the faults of test_faults do. */
static void read_never_refused(void)
{
	EXPECT_EQ(try_all(&read_events), 0);
}

/* A copy that fails is tried again; only when all fail is it an error. */
static void readv_refused(void)
{
	EXPECT_GE(try_all(&readv_events), 1);
}

/* And the copy of the argument, by each kind of failure and first. */
static void submit_refused(void)
{
	EXPECT_GE(try_all(&submit_events), 5);
}

static int call_epoll(void)
{
	struct epoll_event event = { .events = EPOLLIN };

	return epoll_ctl(now.fd, EPOLL_CTL_ADD, dev, &event) ? -errno : 0;
}

static void check_epoll(int ret)
{
	EXPECT_EQ(ret, 0);
	EXPECT_EQ(readable(now.fd, GUARD_MS), 1);
	EXPECT_EQ(epoll_ctl(now.fd, EPOLL_CTL_DEL, dev, NULL), 0);
}

static int call_poll(void)
{
	struct pollfd pfd = { .fd = dev, .events = POLLIN };
	int ret = poll(&pfd, 1, 0);

	return ret < 0 ? -errno : ret;
}

static void check_poll(int ret)
{
	EXPECT_EQ(ret, 1);
}

static void poll_refused(void)
{
	static const struct subject epoll = {
		.call = call_epoll,
		.check = check_epoll,
	};
	static const struct subject poll = {
		.call = call_poll,
		.check = check_poll,
	};

	now.fd = epoll_create1(EPOLL_CLOEXEC);
	EXPECT_GE(now.fd, 0);
	EXPECT_GE(try_all(&epoll), 3);
	EXPECT_GE(try_all(&poll), 1);
	close(now.fd);
}

static int call_mmap(void)
{
	void *map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, dev, 0);

	if (map == MAP_FAILED)
		return -errno;
	return munmap(map, 4096) ? -errno : 0;
}

static void mmap_refused(void)
{
	static const struct subject map = { .call = call_mmap };

	EXPECT_GE(try_all(&map), 1);
}

/* -- the file ------------------------------------------------------------- */

static int call_open(void)
{
	now.fd = open_dev(O_NONBLOCK);
	return now.fd;
}

static void check_open(int ret)
{
	struct twq_info info;

	EXPECT_EQ(call(ret, TWQ_IOC_INFO, &info), 0);
	EXPECT_EQ(close(ret), 0);
}

static void open_refused(void)
{
	static const struct subject open = {
		.call = call_open,
		.check = check_open,
	};

	EXPECT_GE(try_all(&open), 10);
}

static long references_before;

/* A file that holds what close() has to end. */
static void prepare_close(void)
{
	uint64_t id;
	int i;

	references_before = read_long(REFERENCES);
	now.fd = open_dev(O_NONBLOCK);
	for (i = 0; i < 70; i++) {
		id = make(now.fd, i % 3 ? some_cpus() : 0, 0,
			  i % 2 ? HOUR_NS : 0, i);
		if (i % 5)
			EXPECT_EQ(deadline_call(now.fd, TWQ_IOC_QUEUE, id,
						i % 4 ? HOUR_NS : 0,
						TWQ_RELATIVE), 0);
	}
	EXPECT_GT(read_long(REFERENCES), references_before);
}

static int call_close(void)
{
	return close(now.fd) ? -errno : 0;
}

/* Not even -ENOMEM: whatever fails, the file and its tasks are gone. */
static void check_close(int ret)
{
	EXPECT_EQ(ret, 0);
	expect_references(references_before);
}

static void close_never_refused(void)
{
	static const struct subject close = {
		.prepare = prepare_close,
		.call = call_close,
		.check = check_close,
	};

	EXPECT_EQ(try_all(&close), 0);
}

static void prepare_fdinfo(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", dev);
	now.fd = open(path, O_RDONLY | O_CLOEXEC);
	EXPECT_GE(now.fd, 0);
}

static int call_fdinfo(void)
{
	int ret = read(now.fd, now.buffer, sizeof(now.buffer) - 1);

	return ret < 0 ? -errno : ret;
}

static void check_fdinfo(int ret)
{
	now.buffer[ret] = 0;
	EXPECT_TRUE(strstr(now.buffer, "\ntwq-created:\t12\n"));
	EXPECT_TRUE(strstr(now.buffer, "\ntwq-pending:\t4\n"));
}

static void clean_fdinfo(void)
{
	close(now.fd);
}

static void fdinfo_refused(void)
{
	static const struct subject fdinfo = {
		.prepare = prepare_fdinfo,
		.call = call_fdinfo,
		.check = check_fdinfo,
		.clean = clean_fdinfo,
	};

	EXPECT_GE(try_all(&fdinfo), 3);
}

/* The pages of the per-CPU allocator, for whom it may be. */
static void aim_at_percpu(bool on)
{
	EXPECT_TRUE(set_knob(FAULT_PAGES, "probability", "0"));
	if (on && !aim_below(FAULT_PAGES, "pcpu_populate_chunk"))
		tap_skip("needs the address of pcpu_populate_chunk()");
	if (!on)
		aim_anywhere(FAULT_PAGES);
	EXPECT_TRUE(set_knob(FAULT_PAGES, "times", "-1"));
	EXPECT_TRUE(set_knob(FAULT_PAGES, "task-filter", on ? "N" : "Y"));
	EXPECT_TRUE(set_knob(FAULT_PAGES, "probability", on ? "100" : "0"));
}

/*
 * The counters of a file are per CPU, and that allocator keeps pages in stock:
 * files are opened until it has none and gets none, from whatever context.
 */
static void open_until_no_counters_are_left(void)
{
	const int max = 20000;
	struct rlimit limit = { max, max };
	int *fds = calloc(max, sizeof(*fds));
	struct picture before, after;
	int n, nr, ret = 0;

	EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
	take_picture(&before);
	aim_at_percpu(true);
	for (nr = 0; nr < max - 100; nr++) {
		ret = open_dev(O_NONBLOCK);
		if (ret < 0)
			break;
		fds[nr] = ret;
	}
	for (n = 0; n < 10; n++)
		EXPECT_EQ(open_dev(O_NONBLOCK), -ENOMEM);
	aim_at_percpu(false);
	EXPECT_EQ(ret, -ENOMEM);
	printf("# after %d files\n", nr);
	check_open(open_dev(O_NONBLOCK));
	for (n = 0; n < nr; n++)
		EXPECT_EQ(close(fds[n]), 0);
	free(fds);
	take_picture(&after);
	EXPECT_EQ(memcmp(&before, &after, sizeof(after)), 0);
}

/* A probe at each of some tracepoints, which needs memory, or at none. */
static int call_measure(void)
{
	now.fd = open(DEBUGFS "twq/measure", O_WRONLY | O_CLOEXEC);
	return now.fd < 0 ? -errno : 0;
}

static bool is_measured(void)
{
	int fd = open(DEBUGFS "twq/measure", O_RDONLY | O_CLOEXEC);
	char text[4] = "";

	EXPECT_GT(read(fd, text, sizeof(text) - 1), 0);
	close(fd);
	return !strncmp(text, "on", 2);
}

static void check_measure(int ret)
{
	EXPECT_EQ(ret, 0);
	EXPECT_TRUE(is_measured());
}

static void clean_measure(void)
{
	if (now.fd >= 0)
		close(now.fd);
	now.fd = -1;
	EXPECT_TRUE(!is_measured());
}

static void measure_refused(void)
{
	static const struct subject measure = {
		.call = call_measure,
		.check = check_measure,
		.clean = clean_measure,
	};

	if (access(DEBUGFS "twq/measure", F_OK))
		tap_skip("needs debugfs and tracepoints");
	EXPECT_GE(try_all(&measure), 3);
}

static const struct tap_case cases[] = {
	TAP_CASE(info_and_stats_refused),
	TAP_CASE(read_never_refused),
	TAP_CASE(readv_refused),
	TAP_CASE(submit_refused),
	TAP_CASE(poll_refused),
	TAP_CASE(mmap_refused),
	TAP_CASE(fdinfo_refused),
	TAP_CASE(measure_refused),
	TAP_CASE(open_refused),
	TAP_CASE(open_until_no_counters_are_left),
	TAP_CASE(close_never_refused),
	TAP_CASE(nothing_is_left),
};

int main(int argc, char **argv)
{
	static const struct tap_suite suite = {
		.cases = cases,
		.nr_cases = TAP_COUNT(cases),
		.before = open_trials,
		.after = close_case,
	};

	return inject_main(argc, argv, &suite);
}
