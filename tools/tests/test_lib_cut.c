// SPDX-License-Identifier: GPL-2.0
/*
 * libtwq: what a batch makes of calls that are cut short. This ioctl() stands
 * before the one of the C library and makes as many operations a call as the
 * case wants, so that no machine is needed: the answers are those of TWQ_IOC_
 * SUBMIT, which test_submit looks at.
 */
#define _GNU_SOURCE
#include <libtwq.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include "tap.h"

#define FD	77
#define MAX	16

/* The answer to each call: operations to make, or -errno; 0 ends the list. */
static const int *script;
static unsigned int nr_calls;
static uint64_t next_id = 100, created;
static int32_t create_result;

static int64_t last_until_ns;

/* The id that each operation of the batch met, in the order they were made. */
static uint64_t met[4 * MAX];
static unsigned int nr_met;

static void make_one(struct twq_op *op)
{
	if (op->opcode == TWQ_OP_CREATE) {
		op->result = create_result;
		created = create_result ? 0 : next_id++;
		if (created)
			op->id = created;
	}
	met[nr_met] = op->id == TWQ_ID_CREATED ? created : op->id;
	if (op->opcode != TWQ_OP_CREATE)
		op->result = met[nr_met] ? 0 : -ENOENT;
	nr_met++;
}

int ioctl(int fd, unsigned long request, ...)
{
	struct twq_submit *submit;
	struct twq_op *ops;
	va_list args;
	int i, nr = *script ? *script++ : MAX;

	va_start(args, request);
	submit = va_arg(args, struct twq_submit *);
	va_end(args);
	EXPECT_EQ(fd, FD);
	EXPECT_EQ(request, TWQ_IOC_SUBMIT);
	EXPECT_EQ(submit->reserved[0] | submit->reserved[1] |
		  submit->reserved[2], 0);
	nr_calls++;
	if (nr < 0) {
		errno = -nr;
		return -1;
	}
	created = 0;	/* of this call */
	ops = (struct twq_op *)(uintptr_t)submit->ops;
	for (i = 0; i < nr && i < (int)submit->nr_ops; i++)
		make_one(&ops[i]);
	last_until_ns = submit->until_ns;
	submit->nr_events = i == (int)submit->nr_ops ? submit->max_events : 0;
	return i;
}

static struct twq_batch batch;

static void init(void)
{
	static const int all[] = { 0 };

	script = all;
	EXPECT_EQ(twq_batch_init(&batch, NULL, MAX), 0);
}

static void finish(void)
{
	twq_batch_free(&batch);
}

/* A creation and two operations on its task, @n times. */
static void add_triples(int n)
{
	while (n--) {
		twq_batch_add_create(&batch, NULL, 0, 0, 0, 0);
		twq_batch_add_queue(&batch, TWQ_ID_CREATED, 5, 0);
		twq_batch_add_cancel(&batch, TWQ_ID_CREATED);
	}
}

/* Each operation met the task of the creation before it. */
static void expect_triples(unsigned int n)
{
	unsigned int i;

	EXPECT_EQ(nr_met, 3 * n);
	for (i = 0; i < 3 * n; i++)
		EXPECT_EQ(met[i], 100 + i / 3);
}

static void submit_goes_on_where_it_was_cut(void)
{
	static const int cuts[] = { 2, 3, 0 };

	script = cuts;
	add_triples(3);
	EXPECT_EQ(twq_batch_submit(FD, &batch), 2);
	EXPECT_EQ(batch.nr_made, 2);
	EXPECT_EQ(twq_batch_result(&batch, 1), 0);
	EXPECT_EQ(twq_batch_result(&batch, 2), -EINPROGRESS);
	EXPECT_EQ(twq_batch_submit(FD, &batch), 3);
	EXPECT_EQ(twq_batch_submit(FD, &batch), 4);
	EXPECT_EQ(twq_batch_submit(FD, &batch), 0);
	EXPECT_EQ(nr_calls, 3);
	expect_triples(3);
}

static void submit_all_goes_on_by_itself(void)
{
	static const int cuts[] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0 };

	script = cuts;
	add_triples(4);
	EXPECT_EQ(twq_batch_submit_all(FD, &batch), 0);
	EXPECT_EQ(nr_calls, 12);
	expect_triples(4);
}

static void submit_all_ends_at_an_error(void)
{
	static const int cuts[] = { 2, -EFAULT, 0 };

	script = cuts;
	add_triples(3);
	EXPECT_EQ(twq_batch_submit_all(FD, &batch), -EFAULT);
	EXPECT_EQ(batch.nr_made, 2);
	EXPECT_EQ(twq_batch_submit_all(FD, &batch), 0);
	EXPECT_EQ(nr_calls, 3);
	expect_triples(3);
}

/* A creation that failed leaves no task, and not the one before it either. */
static void a_failed_creation_is_not_carried(void)
{
	static const int cuts[] = { 3, 1, 0 };

	script = cuts;
	add_triples(2);
	EXPECT_EQ(twq_batch_submit(FD, &batch), 3);
	create_result = -EDQUOT;
	EXPECT_EQ(twq_batch_submit(FD, &batch), 1);
	EXPECT_EQ(twq_batch_submit(FD, &batch), 2);
	EXPECT_EQ(twq_batch_result(&batch, 3), -EDQUOT);
	EXPECT_EQ(twq_batch_result(&batch, 4), -ENOENT);
	EXPECT_EQ(twq_batch_result(&batch, 5), -ENOENT);
}

static void an_id_of_the_callers_is_left_alone(void)
{
	static const int cuts[] = { 1, 0 };

	script = cuts;
	twq_batch_add_create(&batch, NULL, 0, 0, 0, 0);
	twq_batch_add_wakeup(&batch, 7, TWQ_WOKEN_IO);
	twq_batch_add_requeue(&batch, TWQ_ID_CREATED);
	EXPECT_EQ(twq_batch_submit_all(FD, &batch), 0);
	EXPECT_EQ(met[1], 7);
	EXPECT_EQ(met[2], 100);
}

static void reset_forgets_what_was_created(void)
{
	add_triples(1);
	EXPECT_EQ(twq_batch_submit_all(FD, &batch), 0);
	twq_batch_reset(&batch);
	EXPECT_EQ(twq_batch_add_destroy(&batch, TWQ_ID_CREATED), 0);
	EXPECT_EQ(twq_batch_submit_all(FD, &batch), 0);
	EXPECT_EQ(twq_batch_result(&batch, 0), -ENOENT);
}

static unsigned int nr_told;

static void told(const struct twq_op *op, void *arg)
{
	EXPECT_TRUE(arg == &batch);
	EXPECT_EQ(op->result, 0);
	nr_told++;
}

/* 16 is no multiple of 3: a flush parts a creation from its operations. */
static void flush_carries_what_was_created(void)
{
	static const int cuts[] = { 5, 4, 0 };

	script = cuts;
	twq_batch_set_flush(&batch, FD, told, &batch);
	add_triples(11);
	EXPECT_EQ(nr_told, 32);
	EXPECT_EQ(batch.nr, 1);
	EXPECT_EQ(twq_batch_flush(&batch), 0);
	EXPECT_EQ(nr_told, 33);
	EXPECT_EQ(batch.nr, 0);
	expect_triples(11);
}

static void a_failed_flush_keeps_the_rest(void)
{
	static const int cuts[] = { 4, -EFAULT, -EFAULT, 0 };

	script = cuts;
	twq_batch_set_flush(&batch, FD, told, &batch);
	add_triples(2);
	EXPECT_EQ(twq_batch_flush(&batch), -EFAULT);
	EXPECT_EQ(nr_told, 4);
	EXPECT_EQ(batch.nr, 2);
	EXPECT_EQ(batch.nr_made, 0);
	EXPECT_EQ(twq_batch_flush(&batch), -EFAULT);
	EXPECT_EQ(nr_told, 4);
	EXPECT_EQ(twq_batch_flush(&batch), 0);
	EXPECT_EQ(nr_told, 6);
	expect_triples(2);
}

/* No room was made: the operation is not added, the others are not lost. */
static void an_adder_tells_of_a_failed_flush(void)
{
	static const int cuts[] = { -EFAULT, 0 };

	script = cuts;
	twq_batch_set_flush(&batch, FD, NULL, NULL);
	while (batch.nr < MAX)
		twq_batch_add_destroy(&batch, 9);
	EXPECT_EQ(twq_batch_add_destroy(&batch, 9), -EFAULT);
	EXPECT_EQ(batch.nr, MAX);
	EXPECT_EQ(twq_batch_add_destroy(&batch, 9), 0);
	EXPECT_EQ(nr_met, MAX);
}

static void wait_comes_after_the_last_operation(void)
{
	static const int cuts[] = { 2, 2, 0 };
	struct twq_event events[3];
	uint32_t nr_events = 9;

	script = cuts;
	add_triples(2);
	EXPECT_EQ(twq_batch_submit_and_wait(FD, &batch, events, 3,
					    TWQ_ETERNITY, 0, &nr_events), 2);
	EXPECT_EQ(nr_events, 0);
	twq_batch_set_flush(&batch, FD, told, &batch);
	EXPECT_EQ(twq_batch_flush_and_wait(&batch, events, 3, TWQ_ETERNITY, 0),
		  3);
	EXPECT_EQ(nr_calls, 3);
	EXPECT_EQ(nr_told, 6);
	EXPECT_EQ(batch.nr, 0);
	EXPECT_EQ(last_until_ns, 0);	/* it was cut: it waits no more */
	expect_triples(2);
	nr_events = twq_batch_flush_and_wait(&batch, events, 3, 55, 0);
	EXPECT_EQ(nr_events, 3);
	EXPECT_EQ(last_until_ns, 55);
}

static const struct tap_case cases[] = {
	TAP_CASE(submit_goes_on_where_it_was_cut),
	TAP_CASE(submit_all_goes_on_by_itself),
	TAP_CASE(submit_all_ends_at_an_error),
	TAP_CASE(a_failed_creation_is_not_carried),
	TAP_CASE(an_id_of_the_callers_is_left_alone),
	TAP_CASE(reset_forgets_what_was_created),
	TAP_CASE(flush_carries_what_was_created),
	TAP_CASE(a_failed_flush_keeps_the_rest),
	TAP_CASE(an_adder_tells_of_a_failed_flush),
	TAP_CASE(wait_comes_after_the_last_operation),
};

int main(int argc, char **argv)
{
	static const struct tap_suite suite = {
		.cases = cases,
		.nr_cases = TAP_COUNT(cases),
		.before = init,
		.after = finish,
	};

	return tap_main(argc, argv, &suite);
}
