// SPDX-License-Identifier: GPL-2.0
/*
 * TWQ_IOC_SUBMIT with memory that is not there, may only be read or goes away:
 * what was told was made, what was not told was not, and no event is lost.
 */
#define _GNU_SOURCE
#include <sys/uio.h>
#include "submit.h"
#include "threads.h"

static struct twq_ledger before;

static void expect_nothing_made(void)
{
	struct twq_ledger after = ledger(dev);

	EXPECT_EQ(memcmp(&before, &after, sizeof(after)), 0);
}

/* @nr operations that create a task each; that many are made. */
static void expect_creates(struct twq_op *ops, uint32_t nr, int made)
{
	struct twq_query query;
	int i;

	before = ledger(dev);
	EXPECT_EQ(submit(ops, nr), made ? made : -EFAULT);
	EXPECT_EQ(ledger(dev).created, before.created + made);
	for (i = 0; i < made; i++) {
		EXPECT_EQ(ops[i].result, 0);
		EXPECT_EQ(query_task(dev, ops[i].id, &query), 0);
		EXPECT_EQ(query.user_data, i);
	}
}

static void fill_creates(struct twq_op *ops, int nr)
{
	int i;

	for (i = 0; i < nr; i++)
		ops[i] = op_create(i);
}

/* -- the array ------------------------------------------------------------ */

static void array_bad(void)
{
	void *bad[] = {
		NULL, (void *)8L, (void *)-8192L, (void *)-64L,
		map_pages(1, PROT_NONE),
	};
	int i;

	before = ledger(dev);
	for (i = 0; i < TAP_COUNT(bad); i++) {
		EXPECT_EQ(submit(bad[i], 1), -EFAULT);
		EXPECT_EQ(submit(bad[i], 1000), -EFAULT);
		EXPECT_EQ(submit(bad[i], ~0U), -EFAULT);
	}
	expect_nothing_made();
}

static void array_that_may_only_be_read(void)
{
	struct twq_op *ops = (void *)map_pages(1, PROT_READ | PROT_WRITE);
	uint64_t id = make_any(0);

	EXPECT_EQ(queue_in(id, HOUR_NS), 0);
	ops[0] = op_create(0);
	ops[1] = op(TWQ_OP_CANCEL, id, 0);
	ops[2] = op(TWQ_OP_DESTROY, id, 0);
	EXPECT_EQ(mprotect(ops, page_size(), PROT_READ), 0);
	before = ledger(dev);
	EXPECT_EQ(submit(ops, 3), -EFAULT);
	EXPECT_EQ(submit(ops + 1, 2), -EFAULT);
	EXPECT_EQ(submit(ops + 2, 1), -EFAULT);
	expect_nothing_made();
	EXPECT_EQ(ops[0].result, UNKNOWN_RESULT);
}

/* After @whole operations and @part of the next one comes a bad page. */
static void expect_end_after(char *end, int whole, size_t part)
{
	struct twq_op *ops = (void *)(end - whole * sizeof(*ops) - part);
	struct twq_op some[40];

	fill_creates(some, 40);
	memcpy(ops, some, (char *)end - (char *)ops);
	expect_creates(ops, 40, whole);
	if (whole)
		expect_creates(ops, ~0U, whole);
}

static void array_that_ends_in_the_middle(void)
{
	char *end = map_pages(2, PROT_NONE) + page_size();
	int whole;

	for (whole = 0; whole < 35 && !tap_failures; whole++) {
		expect_end_after(end, whole, 0);
		expect_end_after(end, whole, 1);
		expect_end_after(end, whole, 32);
		expect_end_after(end, whole, 63);
	}
}

/* The operations beyond could be read, and must not be made. */
static void array_that_becomes_read_only(void)
{
	struct twq_op *ops = (void *)map_pages(2, PROT_READ | PROT_WRITE);
	int nr = page_size() / sizeof(*ops), from;

	fill_creates(ops + nr, nr);
	EXPECT_EQ(mprotect(ops + nr, page_size(), PROT_READ), 0);
	for (from = nr - 20; from <= nr; from++) {
		fill_creates(ops + from, nr - from);
		expect_creates(ops + from, 30, nr - from);
		EXPECT_EQ(ops[nr].result, UNKNOWN_RESULT);
		EXPECT_EQ(ops[nr].id, 0xcccccccccccccccc);
	}
}

/* A result that can't be written: its operation is not made. */
static void result_that_may_only_be_read(void)
{
	char *pages = map_pages(2, PROT_READ | PROT_WRITE);
	struct twq_op *o = (void *)(pages + page_size() - 32);

	*o = op_create(0);
	EXPECT_EQ(mprotect(pages + page_size(), page_size(), PROT_READ), 0);
	before = ledger(dev);
	EXPECT_EQ(submit(o, 1), -EFAULT);
	expect_nothing_made();
}

/* The result can be written, and the id can't: a result like any other. */
static void id_that_may_only_be_read(void)
{
	char *pages = map_pages(2, PROT_READ | PROT_WRITE);
	struct twq_op *ops = (void *)(pages + page_size() - 16);

	ops[0] = op_create(0);
	ops[1] = op_create(1);
	ops[2] = op(TWQ_OP_DESTROY, TWQ_ID_CREATED, 0);
	ops[3] = op(TWQ_OP_DESTROY, TWQ_ID_CREATED, 0);
	EXPECT_EQ(mprotect(pages, page_size(), PROT_READ), 0);
	EXPECT_EQ(submit(ops, 4), 4);
	EXPECT_EQ(ops[0].result, -EFAULT);
	EXPECT_EQ(ops[0].id, 0xcccccccccccccccc);
	EXPECT_EQ(ops[1].result, 0);
	EXPECT_EQ(ops[2].result, 0);
	EXPECT_EQ(ops[3].result, -ENOENT);
	EXPECT_EQ(ledger(dev).created, 1);
}

/* Pages that come when they are asked for. */
static void array_that_is_not_there_yet(void)
{
	struct twq_op *ops = (void *)map_pages(40, PROT_READ | PROT_WRITE);
	int i, nr = 40 * page_size() / sizeof(*ops);

	EXPECT_EQ(submit(ops, nr), nr);
	for (i = 0; i < nr; i++)
		EXPECT_EQ(ops[i].result, -EINVAL);
}

static bool flap_stop;

/* Takes a page away and brings it back, without end. */
static void *flap(void *page)
{
	while (!__atomic_load_n(&flap_stop, __ATOMIC_ACQUIRE)) {
		mprotect(page, page_size(), PROT_NONE);
		mprotect(page, page_size(), PROT_READ | PROT_WRITE);
	}
	return NULL;
}

/*
 * Whatever goes away between two steps, each task that there is has its id in
 * the array, and no operation is made that was not counted.
 */
static void array_that_comes_and_goes(void)
{
	char *pages = map_pages(2, PROT_READ | PROT_WRITE);
	struct twq_op *ops = (void *)(pages + page_size()) - 3 * sizeof(*ops);
	struct twq_op some[10];
	int64_t end = now_ns() + NSEC_PER_SEC;
	uint64_t created = 0;
	pthread_t thread;
	int i, made;

	fill_creates(some, 10);
	do {
		memcpy(ops, some, sizeof(some));
		flap_stop = false;
		thread = start(flap, pages + page_size());
		made = submit(ops, 10);
		__atomic_store_n(&flap_stop, true, __ATOMIC_RELEASE);
		join(thread);
		EXPECT_GE(made, 3);
		for (i = 0; i < 10; i++) {
			if (ops[i].id == some[i].id)
				continue;
			EXPECT_LT(i, made);
			EXPECT_EQ(destroy(ops[i].id), 0);
			created++;
		}
		EXPECT_EQ(ledger(dev).created, created);
	} while (now_ns() < end && !tap_failures);
	EXPECT_GT(created, 0);
}

/* -- the structure -------------------------------------------------------- */

static void structure_that_may_only_be_read(void)
{
	struct twq_submit *arg = (void *)map_pages(1, PROT_READ | PROT_WRITE);
	struct twq_event events[2];
	struct twq_op o = op_create(0);

	make_ready(1);
	arg->ops = (uintptr_t)&o;
	arg->nr_ops = 1;
	arg->events = (uintptr_t)events;
	arg->max_events = 2;
	EXPECT_EQ(mprotect(arg, page_size(), PROT_READ), 0);
	before = ledger(dev);
	EXPECT_EQ(call(dev, TWQ_IOC_SUBMIT, arg), -EFAULT);
	expect_nothing_made();
	EXPECT_EQ(o.result, UNKNOWN_RESULT);
	EXPECT_EQ(readable(dev, 0), 1);
}

/* -- the room for events -------------------------------------------------- */

static int submit_events(struct twq_op *ops, int nr, void *events, int max,
			 uint32_t *nr_events)
{
	struct twq_submit arg = {
		.ops = (uintptr_t)ops,
		.nr_ops = nr,
		.events = (uintptr_t)events,
		.max_events = max,
		.nr_events = UNKNOWN_RESULT,
	};
	int ret = call(dev, TWQ_IOC_SUBMIT, &arg);

	*nr_events = arg.nr_events;
	return ret;
}

/* What can't be user memory is seen before anything is made. */
static void events_of_the_kernel(void)
{
	struct twq_op o = op_create(0);
	uint32_t nr;

	make_ready(2);
	before = ledger(dev);
	EXPECT_EQ(submit_events(&o, 1, (void *)-8192L, 2, &nr), -EFAULT);
	EXPECT_EQ(submit_events(&o, 1, (void *)-48L, 1, &nr), -EFAULT);
	expect_nothing_made();
	EXPECT_EQ(o.result, UNKNOWN_RESULT);
}

static void events_without_room(void)
{
	char *pages = map_pages(2, PROT_NONE);
	void *bad[] = { NULL, pages + page_size(), pages + page_size() - 47 };
	struct twq_op o = op_create(0);
	uint32_t nr;
	int i;

	make_ready(2);
	for (i = 0; i < TAP_COUNT(bad); i++) {
		EXPECT_EQ(submit_events(NULL, 0, bad[i], 2, &nr), -EFAULT);
		EXPECT_EQ(nr, 0);
		EXPECT_EQ(submit_events(&o, 1, bad[i], 2, &nr), 1);
		EXPECT_EQ(nr, 0);
		EXPECT_EQ(o.result, 0);
	}
	EXPECT_EQ(ledger(dev).delivered, 0);
	EXPECT_EQ(ledger(dev).pending, 2);
}

/* Those that fit are delivered, the one that does not stays. */
static void events_with_less_room_than_told(void)
{
	char *end = map_pages(2, PROT_NONE) + page_size();
	struct twq_event *events = (void *)(end - 2 * sizeof(*events) - 24);
	struct twq_event event;
	uint32_t nr;
	int i;

	pin(nth_cpu(0));
	make_ready(4);
	EXPECT_EQ(submit_events(NULL, 0, events, 4, &nr), 0);
	EXPECT_EQ(nr, 2);
	for (i = 0; i < 2; i++)
		EXPECT_EQ(events[i].user_data, i);
	EXPECT_EQ(ledger(dev).delivered, 2);
	next_event(dev, &event);
	EXPECT_EQ(event.user_data, 2);
}

static void events_into_a_page_that_is_not_there_yet(void)
{
	char *pages = map_pages(3, PROT_READ | PROT_WRITE);
	struct twq_event *events = (void *)(pages + page_size() - 20);
	uint32_t nr;
	int i;

	pin(nth_cpu(0));
	make_ready(100);
	EXPECT_EQ(submit_events(NULL, 0, events, 100, &nr), 0);
	EXPECT_EQ(nr, 100);
	for (i = 0; i < 100; i++)
		EXPECT_EQ(events[i].user_data, i);
}

static const struct tap_case cases[] = {
	TAP_CASE(array_bad),
	TAP_CASE(array_that_may_only_be_read),
	TAP_CASE(array_that_ends_in_the_middle),
	TAP_CASE(array_that_becomes_read_only),
	TAP_CASE(result_that_may_only_be_read),
	TAP_CASE(id_that_may_only_be_read),
	TAP_CASE(array_that_is_not_there_yet),
	TAP_CASE(array_that_comes_and_goes),
	TAP_CASE(structure_that_may_only_be_read),
	TAP_CASE(events_of_the_kernel),
	TAP_CASE(events_without_room),
	TAP_CASE(events_with_less_room_than_told),
	TAP_CASE(events_into_a_page_that_is_not_there_yet),
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
