// SPDX-License-Identifier: GPL-2.0
/*
 * libtwq: batches and waiting. Each adder makes the operation of its name, the
 * results are found by index, and what was not made in one call is made in the
 * next.
 */
#define _GNU_SOURCE
#include <libtwq.h>
#include <signal.h>
#include <sys/mman.h>
#include "threads.h"

#define NR_THREADS	4
#define NR_BATCHES	50
#define BATCH		16

static struct twq_batch batch;

static void open_and_init(void)
{
	open_case();
	EXPECT_EQ(twq_batch_init(&batch, NULL, BATCH), 0);
}

static void free_and_close(void)
{
	twq_batch_free(&batch);
	close_case();
}

static void every_adder_makes_its_operation(void)
{
	int64_t deadline = now_ns() + HOUR_NS;
	struct twq_query query;
	cpu_set_t cpus;
	uint64_t id;

	CPU_ZERO(&cpus);
	CPU_SET(nth_cpu(0), &cpus);
	EXPECT_EQ(twq_batch_add_create(&batch, NULL, 0, TWQ_CREATE_SHARED,
				       HOUR_NS, 7), 0);
	EXPECT_EQ(twq_batch_add_queue(&batch, TWQ_ID_CREATED, deadline, 0), 1);
	EXPECT_EQ(twq_batch_add_cancel(&batch, TWQ_ID_CREATED), 2);
	EXPECT_EQ(twq_batch_add_cancel(&batch, TWQ_ID_CREATED), 3);
	EXPECT_EQ(twq_batch_add_schedule(&batch, TWQ_ID_CREATED, deadline, 0),
		  4);
	EXPECT_EQ(twq_batch_add_affinity(&batch, TWQ_ID_CREATED, &cpus,
					 sizeof(cpus)), 5);
	EXPECT_EQ(twq_batch_add_requeue(&batch, TWQ_ID_CREATED), 6);
	EXPECT_EQ(twq_batch_add_wakeup(&batch, TWQ_ID_CREATED, TWQ_WOKEN_IO),
		  7);
	EXPECT_EQ(twq_batch_result(&batch, 7), -EINPROGRESS);
	EXPECT_EQ(twq_batch_submit(dev, &batch), 8);
	EXPECT_EQ(twq_batch_result(&batch, 0), 0);
	EXPECT_EQ(twq_batch_result(&batch, 1), 0);
	EXPECT_EQ(twq_batch_result(&batch, 2), 1);
	EXPECT_EQ(twq_batch_result(&batch, 3), 0);
	EXPECT_EQ(twq_batch_result(&batch, 5), 0);
	EXPECT_EQ(twq_batch_result(&batch, 6), 0);
	EXPECT_EQ(twq_batch_result(&batch, 7), 0);
	EXPECT_EQ(twq_batch_result(&batch, 8), -EINVAL);
	id = twq_batch_id(&batch, 0);
	EXPECT_EQ(twq_batch_id(&batch, 8), TWQ_ID_CREATED);
	EXPECT_EQ(twq_get_task(dev, id, &query), 0);
	EXPECT_EQ(query.user_data, 7);
	EXPECT_EQ(query.interval_ns, HOUR_NS);
	EXPECT_EQ(query.deadline_ns, deadline);
	EXPECT_EQ(query.nr_cpus, 1);
	EXPECT_EQ(query.cpu, nth_cpu(0));
	EXPECT_TRUE(query.state & TWQ_STATE_SHARED_WQ);
	EXPECT_EQ(readable(dev, GUARD_MS), 1);
	EXPECT_EQ(twq_batch_add_destroy(&batch, id), 8);
	EXPECT_EQ(twq_batch_submit(dev, &batch), 1);
	EXPECT_EQ(twq_batch_result(&batch, 8), 0);
	EXPECT_EQ(twq_get_task(dev, id, &query), -ENOENT);
}

static void flags_reach_the_module(void)
{
	int64_t before = now_ns();
	uint64_t id = make_any(0);

	twq_batch_add_queue(&batch, id, HOUR_NS, TWQ_RELATIVE);
	twq_batch_add_schedule(&batch, id, HOUR_NS, TWQ_RELATIVE << 1);
	twq_batch_add_create(&batch, NULL, 0, TWQ_CREATE_FLAGS + 1, 0, 0);
	EXPECT_EQ(twq_batch_submit_all(dev, &batch), 0);
	EXPECT_EQ(twq_batch_result(&batch, 0), 0);
	EXPECT_EQ(twq_batch_result(&batch, 1), -EINVAL);
	EXPECT_EQ(twq_batch_result(&batch, 2), -EINVAL);
	EXPECT_GE(task(id).deadline_ns, before + HOUR_NS);
}

static void a_bad_operation_stops_nothing(void)
{
	uint64_t id = make_any(0);

	twq_batch_add_queue(&batch, id, now_ns() + HOUR_NS, 0);
	twq_batch_add_queue(&batch, id + (1ULL << 40), 0, 0);
	twq_batch_add_wakeup(&batch, id, TWQ_WOKEN_TIMER);
	twq_batch_add_cancel(&batch, id);
	EXPECT_EQ(twq_batch_submit(dev, &batch), 4);
	EXPECT_EQ(twq_batch_result(&batch, 0), 0);
	EXPECT_EQ(twq_batch_result(&batch, 1), -ENOENT);
	EXPECT_EQ(twq_batch_result(&batch, 2), -EINVAL);
	EXPECT_EQ(twq_batch_result(&batch, 3), 1);
}

static void a_full_batch_is_enospc(void)
{
	uint64_t id = make_any(0);
	int i;

	for (i = 0; i < BATCH; i++)
		EXPECT_EQ(twq_batch_add_cancel(&batch, id), i);
	EXPECT_EQ(twq_batch_add_cancel(&batch, id), -ENOSPC);
	EXPECT_EQ(twq_batch_add_create(&batch, NULL, 0, 0, 0, 0), -ENOSPC);
	EXPECT_EQ(twq_batch_submit_all(dev, &batch), 0);
	EXPECT_EQ(batch.nr_made, BATCH);
	EXPECT_EQ(twq_batch_add_cancel(&batch, id), -ENOSPC);
	twq_batch_reset(&batch);
	EXPECT_EQ(twq_batch_add_cancel(&batch, id), 0);
}

static void an_array_of_the_caller(void)
{
	uint64_t id = make_any(0);
	struct twq_op ops[2];
	struct twq_batch own;

	memset(ops, POISON, sizeof(ops));
	EXPECT_EQ(twq_batch_init(&own, ops, 2), 0);
	EXPECT_EQ(twq_batch_add_queue(&own, id, HOUR_NS, TWQ_RELATIVE), 0);
	EXPECT_EQ(twq_batch_add_cancel(&own, id), 1);
	EXPECT_EQ(twq_batch_add_cancel(&own, id), -ENOSPC);
	EXPECT_EQ(twq_batch_submit(dev, &own), 2);
	EXPECT_EQ(ops[1].result, 1);
	twq_batch_free(&own);
	EXPECT_EQ(twq_batch_add_cancel(&own, id), -ENOSPC);
	EXPECT_EQ(twq_batch_init(&own, ops, 0), -EINVAL);
	EXPECT_EQ(twq_batch_init(&own, NULL, UINT32_MAX), -EINVAL);
}

static void an_empty_batch_makes_no_call(void)
{
	EXPECT_EQ(twq_batch_submit(-1, &batch), 0);
	EXPECT_EQ(twq_batch_submit_all(-1, &batch), 0);
	twq_batch_add_cancel(&batch, 1);
	EXPECT_EQ(twq_batch_submit(-1, &batch), -EBADF);
	EXPECT_EQ(twq_batch_submit_all(-1, &batch), -EBADF);
	EXPECT_EQ(batch.nr_made, 0);
}

/* The second half of the array cannot be reached by the first call. */
static void a_cut_batch_is_continued(void)
{
	const size_t page = sysconf(_SC_PAGESIZE);
	const int half = page / sizeof(struct twq_op);
	struct twq_batch cut;
	struct twq_op *ops;
	int i;

	ops = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	EXPECT_EQ(twq_batch_init(&cut, ops, 2 * half), 0);
	for (i = 0; i < half; i++)
		twq_batch_add_create(&cut, NULL, 0, TWQ_CREATE_SHARED, 0, i);
	for (i = 0; i < half; i++)
		twq_batch_add_queue(&cut, TWQ_ID_CREATED, HOUR_NS,
				    TWQ_RELATIVE);
	EXPECT_EQ(mprotect(ops + half, page, PROT_NONE), 0);
	EXPECT_EQ(twq_batch_submit(dev, &cut), half);
	EXPECT_EQ(twq_batch_result(&cut, half), -EINPROGRESS);
	EXPECT_EQ(mprotect(ops + half, page, PROT_READ | PROT_WRITE), 0);
	EXPECT_EQ(twq_batch_submit_all(dev, &cut), 0);
	EXPECT_EQ(cut.nr_made, 2 * half);
	for (i = 0; i < 2 * half; i++)
		EXPECT_EQ(twq_batch_result(&cut, i), 0);
	EXPECT_EQ(twq_batch_id(&cut, half), twq_batch_id(&cut, half - 1));
	EXPECT_NE(task(twq_batch_id(&cut, half)).deadline_ns, TWQ_ETERNITY);
	EXPECT_EQ(task(twq_batch_id(&cut, 0)).deadline_ns, TWQ_ETERNITY);
	close(dev);	/* the books: these tasks were not counted as made */
	dev = -1;
}

static void unreachable_operations_are_efault(void)
{
	struct twq_batch bad;

	EXPECT_EQ(twq_batch_init(&bad, (struct twq_op *)8, 4), 0);
	bad.nr = 4;
	EXPECT_EQ(twq_batch_submit(dev, &bad), -EFAULT);
	EXPECT_EQ(twq_batch_submit_all(dev, &bad), -EFAULT);
	EXPECT_EQ(bad.nr_made, 0);
}

static void submit_and_wait_is_one_call(void)
{
	int64_t deadline = now_ns() + 10 * NSEC_PER_MSEC;
	uint64_t id = make_any(3);
	struct twq_event events[4];
	uint32_t nr_events = POISON;

	twq_batch_add_queue(&batch, id, deadline, 0);
	EXPECT_EQ(twq_batch_submit_and_wait(dev, &batch, events, 4,
					    TWQ_ETERNITY, 0, &nr_events), 1);
	EXPECT_EQ(nr_events, 1);
	EXPECT_EQ(events[0].user_data, 3);
	EXPECT_EQ(events[0].deadline_ns, deadline);
	EXPECT_EQ(twq_batch_result(&batch, 0), 0);
	/* Nothing left to make: it only waits. */
	nr_events = POISON;
	EXPECT_EQ(twq_batch_submit_and_wait(dev, &batch, events, 4, 0, 0,
					    &nr_events), 0);
	EXPECT_EQ(nr_events, 0);
	nr_events = POISON;
	EXPECT_EQ(twq_batch_submit_and_wait(-1, &batch, events, 4, 0, 0,
					    &nr_events), -EBADF);
	EXPECT_EQ(nr_events, 0);
}

static void wait_ends_at_its_time(void)
{
	int64_t until = now_ns() + 20 * NSEC_PER_MSEC;
	struct twq_event events[2];
	int64_t before;

	EXPECT_EQ(twq_wait_events(dev, events, 2, until, 0), 0);
	EXPECT_GE(now_ns(), until);
	before = now_ns();
	EXPECT_EQ(twq_wait_events(dev, events, 2, 20 * NSEC_PER_MSEC,
				  TWQ_RELATIVE), 0);
	EXPECT_GE(now_ns(), before + 20 * NSEC_PER_MSEC);
	EXPECT_EQ(twq_wait_events(dev, events, 2, 0, 0), 0);
	EXPECT_EQ(twq_wait_events(dev, events, 2, 0, TWQ_RELATIVE << 1),
		  -EINVAL);
	EXPECT_EQ(twq_wait_events(-1, events, 2, 0, 0), -EBADF);
}

static void wait_returns_what_is_there(void)
{
	struct twq_event events[2];
	int i;

	for (i = 0; i < 3; i++)
		EXPECT_EQ(wake(make_any(i), TWQ_WOKEN_MSG), 0);
	while (ledger(dev).pending < 3)
		pause_ms(1);
	EXPECT_EQ(twq_wait_events(dev, events, 2, TWQ_ETERNITY, 0), 2);
	EXPECT_EQ(twq_wait_events(dev, events, 2, TWQ_ETERNITY, 0), 1);
	EXPECT_EQ(events[0].reasons, TWQ_WOKEN_MSG);
}

static void ignore(int sig)
{
	(void)sig;
}

struct waiter {
	pid_t tid;
	int ret;
};

static void *wait_forever(void *arg)
{
	struct waiter *waiter = arg;
	struct twq_event event;

	tell_tid(&waiter->tid);
	waiter->ret = twq_wait_events(dev, &event, 1, TWQ_ETERNITY, 0);
	return NULL;
}

static void wait_is_ended_by_a_signal(void)
{
	struct sigaction action = { .sa_handler = ignore };
	struct waiter waiter = { 0 };
	pthread_t thread;

	EXPECT_EQ(sigaction(SIGUSR1, &action, NULL), 0);
	thread = start(wait_forever, &waiter);
	if (wait_asleep(&waiter.tid))
		EXPECT_EQ(pthread_kill(thread, SIGUSR1), 0);
	join(thread);
	EXPECT_EQ(waiter.ret, -EINTR);
}

static unsigned int nr_told;
static uint64_t last_created;

static void told(const struct twq_op *op, void *arg)
{
	EXPECT_TRUE(arg == &nr_told);
	EXPECT_EQ(op->result, 0);
	if (op->opcode == TWQ_OP_CREATE)
		last_created = op->id;
	nr_told++;
}

/* BATCH is even: creation and queueing are in different calls, once. */
static void a_full_batch_flushes_itself(void)
{
	struct twq_query query;
	int i;

	twq_batch_set_flush(&batch, dev, told, &nr_told);
	EXPECT_GE(twq_batch_add_cancel(&batch, make_any(0)), 0);
	for (i = 0; i < BATCH; i++) {
		EXPECT_GE(twq_batch_add_create(&batch, NULL, 0,
					       TWQ_CREATE_SHARED, 0, i), 0);
		EXPECT_EQ(nr_told, 2 * i / BATCH * BATCH);
		EXPECT_GE(twq_batch_add_queue(&batch, TWQ_ID_CREATED, HOUR_NS,
					      TWQ_RELATIVE), 0);
		if (nr_told == BATCH && i == BATCH / 2 - 1) {
			EXPECT_EQ(batch.nr, 1);
			EXPECT_EQ(twq_get_task(dev, last_created, &query), 0);
			EXPECT_EQ(query.deadline_ns, TWQ_ETERNITY);
		}
	}
	EXPECT_EQ(twq_batch_flush(&batch), 0);
	EXPECT_EQ(nr_told, 2 * BATCH + 1);
	EXPECT_EQ(batch.nr, 0);
	EXPECT_EQ(ledger(dev).created, BATCH + 1);
	EXPECT_EQ(ledger(dev).armed, BATCH);
	twq_batch_set_flush(&batch, -1, NULL, NULL);
	EXPECT_EQ(twq_batch_flush(&batch), -EBADF);
	close(dev);	/* the books: these tasks were not counted as made */
	dev = -1;
}

static void flush_and_wait_returns_events(void)
{
	uint64_t id = make_any(0);
	struct twq_event event;

	EXPECT_EQ(twq_batch_flush_and_wait(&batch, &event, 1, 0, 0), -EBADF);
	twq_batch_set_flush(&batch, dev, told, &nr_told);
	EXPECT_EQ(twq_batch_flush_and_wait(&batch, &event, 1, 0, 0), 0);
	twq_batch_add_queue(&batch, id, 10 * NSEC_PER_MSEC, TWQ_RELATIVE);
	EXPECT_EQ(twq_batch_flush_and_wait(&batch, &event, 1, TWQ_ETERNITY, 0),
		  1);
	EXPECT_EQ(event.id, id);
	EXPECT_EQ(nr_told, 1);
	EXPECT_EQ(batch.nr, 0);
}

static void a_failed_flush_keeps_what_was_not_made(void)
{
	uint64_t id = make_any(0);
	struct twq_event event;

	twq_batch_add_cancel(&batch, id);
	twq_batch_set_flush(&batch, open("/dev/null", O_RDWR), told, &nr_told);
	EXPECT_EQ(twq_batch_flush(&batch), -ENOTTY);
	EXPECT_EQ(twq_batch_flush_and_wait(&batch, &event, 1, 0, 0), -ENOTTY);
	EXPECT_EQ(nr_told, 0);
	EXPECT_EQ(batch.nr, 1);
	twq_batch_set_flush(&batch, dev, told, &nr_told);
	EXPECT_EQ(twq_batch_flush(&batch), 0);
	EXPECT_EQ(nr_told, 1);
}

/* A batch of its own for each thread, on one file. */
static void *create_and_destroy(void *arg)
{
	struct twq_batch own;
	int i, j;

	(void)arg;
	EXPECT_EQ(twq_batch_init(&own, NULL, 3 * BATCH), 0);
	for (i = 0; i < NR_BATCHES; i++) {
		for (j = 0; j < BATCH; j++) {
			twq_batch_add_create(&own, NULL, 0, 0, 0, 0);
			twq_batch_add_queue(&own, TWQ_ID_CREATED, HOUR_NS,
					    TWQ_RELATIVE);
			twq_batch_add_destroy(&own, TWQ_ID_CREATED);
		}
		EXPECT_EQ(twq_batch_submit_all(dev, &own), 0);
		for (j = 0; j < 3 * BATCH; j++)
			EXPECT_EQ(twq_batch_result(&own, j), 0);
		twq_batch_reset(&own);
	}
	twq_batch_free(&own);
	return NULL;
}

static void threads_have_batches_of_their_own(void)
{
	pthread_t threads[NR_THREADS];
	int i;

	for (i = 0; i < NR_THREADS; i++)
		threads[i] = start(create_and_destroy, NULL);
	for (i = 0; i < NR_THREADS; i++)
		join(threads[i]);
	EXPECT_EQ(ledger(dev).created, NR_THREADS * NR_BATCHES * BATCH);
	EXPECT_EQ(ledger(dev).destroyed, NR_THREADS * NR_BATCHES * BATCH);
	EXPECT_EQ(ledger(dev).armed, NR_THREADS * NR_BATCHES * BATCH);
}

static const struct tap_case cases[] = {
	TAP_CASE(every_adder_makes_its_operation),
	TAP_CASE(flags_reach_the_module),
	TAP_CASE(a_bad_operation_stops_nothing),
	TAP_CASE(a_full_batch_is_enospc),
	TAP_CASE(an_array_of_the_caller),
	TAP_CASE(an_empty_batch_makes_no_call),
	TAP_CASE(a_cut_batch_is_continued),
	TAP_CASE(unreachable_operations_are_efault),
	TAP_CASE(submit_and_wait_is_one_call),
	TAP_CASE(wait_ends_at_its_time),
	TAP_CASE(wait_returns_what_is_there),
	TAP_CASE(wait_is_ended_by_a_signal),
	TAP_CASE(a_full_batch_flushes_itself),
	TAP_CASE(flush_and_wait_returns_events),
	TAP_CASE(a_failed_flush_keeps_what_was_not_made),
	TAP_CASE(threads_have_batches_of_their_own),
};

int main(int argc, char **argv)
{
	static const struct tap_suite suite = {
		.cases = cases,
		.nr_cases = TAP_COUNT(cases),
		.before = open_and_init,
		.after = free_and_close,
	};

	return tap_main(argc, argv, &suite);
}
