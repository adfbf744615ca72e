// SPDX-License-Identifier: GPL-2.0
/*
 * Bad pointers given to every call and to read(): -EFAULT, nothing changed and
 * no event lost. Three pages side by side serve as memory that may be written,
 * only read, or not be touched.
 */
#define _GNU_SOURCE
#include <sys/uio.h>
#include "threads.h"

static const unsigned long calls[] = {
	TWQ_IOC_INFO, TWQ_IOC_CREATE, TWQ_IOC_DESTROY, TWQ_IOC_SET_AFFINITY,
	TWQ_IOC_QUEUE, TWQ_IOC_SCHEDULE, TWQ_IOC_CANCEL, TWQ_IOC_WAKEUP,
	TWQ_IOC_QUERY, TWQ_IOC_STATS, TWQ_IOC_SUBMIT,
};

/* Every call with @arg fails, and the books of the file stay as they are. */
static void expect_fault(void *arg)
{
	struct twq_ledger before = ledger(dev), after;
	int i;

	for (i = 0; i < TAP_COUNT(calls); i++)
		if (!EXPECT_EQ(call(dev, calls[i], arg), -EFAULT))
			printf("# by call %d\n", i);
	after = ledger(dev);
	EXPECT_EQ(memcmp(&before, &after, sizeof(after)), 0);
}

static void argument_null(void)
{
	expect_fault(NULL);
}

static void argument_of_the_kernel(void)
{
	expect_fault((void *)-8192L);
	expect_fault((void *)-8L);
}

static void argument_not_canonical(void)
{
	if (sizeof(void *) < 8)
		tap_skip("needs 64-bit addresses");
	expect_fault((void *)(1L << 60));
}

static void argument_without_access(void)
{
	expect_fault(map_pages(1, PROT_NONE));
}

static void argument_into_a_page_without_access(void)
{
	char *end = map_pages(2, PROT_NONE) + page_size();
	size_t len;

	for (len = 1; len < sizeof(struct twq_task_id); len++)
		expect_fault(end - len);
}

/* The structure is good, yet the answer cannot be written. */
static void create_into_a_read_only_page(void)
{
	struct twq_create *create = (void *)map_pages(1, PROT_READ);
	struct twq_ledger before = ledger(dev), after;

	EXPECT_EQ(call(dev, TWQ_IOC_CREATE, create), -EFAULT);
	after = ledger(dev);
	EXPECT_EQ(memcmp(&before, &after, sizeof(after)), 0);
}

static void query_into_a_read_only_page(void)
{
	struct twq_query *query = (void *)map_pages(1, PROT_WRITE | PROT_READ);

	query->id = make_any(0);
	EXPECT_EQ(mprotect(query, page_size(), PROT_READ), 0);
	EXPECT_EQ(call(dev, TWQ_IOC_QUERY, query), -EFAULT);
}

static void stats_into_a_read_only_page(void)
{
	EXPECT_EQ(call(dev, TWQ_IOC_STATS, map_pages(1, PROT_READ)), -EFAULT);
}

static void info_into_a_read_only_page(void)
{
	EXPECT_EQ(call(dev, TWQ_IOC_INFO, map_pages(1, PROT_READ)), -EFAULT);
}

/* Calls that only read their argument work from a read-only page. */
static void queue_from_a_read_only_page(void)
{
	struct twq_deadline *arg = (void *)map_pages(1, PROT_WRITE | PROT_READ);

	arg->id = make_any(0);
	arg->deadline_ns = TWQ_ETERNITY - 1;
	EXPECT_EQ(mprotect(arg, page_size(), PROT_READ), 0);
	EXPECT_EQ(call(dev, TWQ_IOC_QUEUE, arg), 0);
	EXPECT_EQ(call(dev, TWQ_IOC_SCHEDULE, arg), 0);
}

static void expect_mask_fault(uint64_t id, const void *cpus)
{
	struct twq_create create = {
		.cpus = (uintptr_t)cpus,
		.cpus_len = 8,
	};
	struct twq_affinity affinity = {
		.id = id,
		.cpus = (uintptr_t)cpus,
		.cpus_len = 8,
	};
	struct twq_ledger before = ledger(dev), after;
	struct twq_query query = task(id), now;

	EXPECT_EQ(call(dev, TWQ_IOC_CREATE, &create), -EFAULT);
	EXPECT_EQ(call(dev, TWQ_IOC_SET_AFFINITY, &affinity), -EFAULT);
	after = ledger(dev);
	now = task(id);
	EXPECT_EQ(memcmp(&before, &after, sizeof(after)), 0);
	EXPECT_EQ(memcmp(&query, &now, sizeof(now)), 0);
}

static void mask_pointer_bad(void)
{
	uint64_t id = make_any(0);
	char *pages = map_pages(2, PROT_NONE);

	EXPECT_EQ(queue_in(id, HOUR_NS), 0);
	memset(pages, 0xff, page_size());
	expect_mask_fault(id, (void *)8L);
	expect_mask_fault(id, (void *)-8192L);
	expect_mask_fault(id, pages + page_size());
	expect_mask_fault(id, pages + page_size() - 4);
}

/* Reads the rest; each of @seen must then be 1. */
static void expect_all_once(int *seen, int count)
{
	struct twq_event event;
	int i;

	while (readable(dev, 0) && next_event(dev, &event))
		if (EXPECT_LT(event.user_data, count))
			seen[event.user_data]++;
	for (i = 0; i < count; i++)
		EXPECT_EQ(seen[i], 1);
}

static void read_into_a_bad_buffer(void)
{
	size_t size = sizeof(struct twq_event);
	char *pages = map_pages(2, PROT_NONE);
	int seen[3] = {};
	void *bad[] = {
		NULL, (void *)-8192L, pages + page_size(),
		pages + page_size() - 8, pages + page_size() - size + 1,
	};
	int i;

	make_ready(3);
	for (i = 0; i < TAP_COUNT(bad); i++) {
		EXPECT_EQ(read(dev, bad[i], 2 * size), -1);
		EXPECT_EQ(errno, EFAULT);
		EXPECT_EQ(readable(dev, 0), 1);
		EXPECT_EQ(ledger(dev).pending, 3);
		EXPECT_EQ(ledger(dev).delivered, 0);
	}
	expect_all_once(seen, 3);
}

/* Those that fit are delivered, the one that does not is kept. */
static void read_into_a_partly_bad_buffer(void)
{
	char *end = map_pages(2, PROT_NONE) + page_size();
	struct twq_event *events = (void *)(end - 2 * sizeof(*events) - 24);
	int seen[5] = {};
	int i;

	make_ready(5);
	EXPECT_EQ(read(dev, events, 5 * sizeof(*events)), 2 * sizeof(*events));
	for (i = 0; i < 2; i++)
		if (EXPECT_LT(events[i].user_data, 5))
			seen[events[i].user_data]++;
	EXPECT_EQ(ledger(dev).delivered, 2);
	EXPECT_EQ(ledger(dev).pending, 3);
	expect_all_once(seen, 5);
}

static void readv_with_a_bad_second_segment(void)
{
	struct twq_event event;
	struct iovec iov[] = {
		{ &event, sizeof(event) },
		{ map_pages(1, PROT_NONE), sizeof(event) },
	};
	int seen[3] = {};

	make_ready(3);
	EXPECT_EQ(readv(dev, iov, 2), sizeof(event));
	if (EXPECT_LT(event.user_data, 3))
		seen[event.user_data]++;
	expect_all_once(seen, 3);
}

static void readv_of_an_event_split_into_a_bad_segment(void)
{
	struct twq_event event;
	struct iovec iov[] = {
		{ &event, 20 },
		{ map_pages(1, PROT_NONE), sizeof(event) },
	};
	int seen[2] = {};

	make_ready(2);
	EXPECT_EQ(readv(dev, iov, 2), -1);
	EXPECT_EQ(errno, EFAULT);
	EXPECT_EQ(ledger(dev).pending, 2);
	expect_all_once(seen, 2);
}

/* A page that comes when it is asked for: the event is copied from its start */
static void expect_read_across(const struct iovec *iov, int nr)
{
	const char *buffer = iov[0].iov_base;
	struct twq_event event;

	make_ready(1);
	EXPECT_EQ(nr > 1 ? readv(dev, iov, nr) :
			   read(dev, iov->iov_base, iov->iov_len),
		  sizeof(event));
	memcpy(&event, buffer, sizeof(event));
	EXPECT_EQ(event.user_data, 0);
	EXPECT_EQ(event.reasons, TWQ_WOKEN_IO);
	EXPECT_EQ(event.deadline_ns, TWQ_ETERNITY);
	EXPECT_EQ(ledger(dev).delivered, 1);
}

static void read_across_a_page_that_is_not_there_yet(void)
{
	char *pages = map_pages(2, PROT_READ | PROT_WRITE);
	struct iovec iov = {
		pages + page_size() - 20, sizeof(struct twq_event),
	};

	pages[0] = 1;
	expect_read_across(&iov, 1);
}

static void readv_across_a_page_that_is_not_there_yet(void)
{
	char *pages = map_pages(2, PROT_READ | PROT_WRITE);
	char *buffer = pages + page_size() - 20;
	struct iovec iov[] = {
		{ buffer, 10 },
		{ buffer + 10, sizeof(struct twq_event) - 10 },
	};

	pages[0] = 1;
	expect_read_across(iov, 2);
}

/* Slots are shared with the module, and behind the last of them is nothing. */
static void mmap_fails_cleanly(void)
{
	const int prot = PROT_READ | PROT_WRITE;

	EXPECT_TRUE(mmap(NULL, page_size(), prot, MAP_PRIVATE, dev, 0) ==
		    MAP_FAILED);
	EXPECT_EQ(errno, EINVAL);
	EXPECT_TRUE(mmap(NULL, page_size(), prot, MAP_SHARED, dev, 1 << 30) ==
		    MAP_FAILED);
	EXPECT_EQ(errno, EINVAL);
}

struct faulting_reader {
	void *buffer;
	pid_t tid;
	ssize_t got;
	int error;
};

static void *read_into_buffer(void *arg)
{
	struct faulting_reader *r = arg;

	tell_tid(&r->tid);
	r->got = read(dev, r->buffer, sizeof(struct twq_event));
	r->error = errno;
	return NULL;
}

/* One event wakes one reader: the one that can't take it wakes the other. */
static void read_that_faults_wakes_another_reader(void)
{
	struct faulting_reader bad = { .buffer = map_pages(1, PROT_NONE) };
	struct twq_event event = {};
	struct faulting_reader good = { .buffer = &event };
	pthread_t bad_thread, good_thread;
	uint64_t id = make_any(7);

	set_blocking(dev, true);
	bad_thread = start(read_into_buffer, &bad);
	wait_asleep(&bad.tid);
	good_thread = start(read_into_buffer, &good);
	wait_asleep(&good.tid);
	EXPECT_EQ(wake(id, TWQ_WOKEN_IO), 0);
	join(bad_thread);
	EXPECT_EQ(bad.got, -1);
	EXPECT_EQ(bad.error, EFAULT);
	join(good_thread);
	EXPECT_EQ(good.got, sizeof(event));
	EXPECT_EQ(event.id, id);
}

static const struct tap_case cases[] = {
	TAP_CASE(argument_null),
	TAP_CASE(argument_of_the_kernel),
	TAP_CASE(argument_not_canonical),
	TAP_CASE(argument_without_access),
	TAP_CASE(argument_into_a_page_without_access),
	TAP_CASE(create_into_a_read_only_page),
	TAP_CASE(query_into_a_read_only_page),
	TAP_CASE(stats_into_a_read_only_page),
	TAP_CASE(info_into_a_read_only_page),
	TAP_CASE(queue_from_a_read_only_page),
	TAP_CASE(mask_pointer_bad),
	TAP_CASE(read_into_a_bad_buffer),
	TAP_CASE(read_into_a_partly_bad_buffer),
	TAP_CASE(readv_with_a_bad_second_segment),
	TAP_CASE(readv_of_an_event_split_into_a_bad_segment),
	TAP_CASE(read_across_a_page_that_is_not_there_yet),
	TAP_CASE(readv_across_a_page_that_is_not_there_yet),
	TAP_CASE(read_that_faults_wakes_another_reader),
	TAP_CASE(mmap_fails_cleanly),
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
