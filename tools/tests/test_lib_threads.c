// SPDX-License-Identifier: GPL-2.0
/*
 * libtwq: threads that are bound to a CPU and own tasks of it.
 */
#define _GNU_SOURCE
#include <libtwq.h>
#include "threads.h"

#define NR_ROUNDS	20

/* Lets the calling thread run on the first @n CPUs. */
static void spread(int n)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	while (n--)
		CPU_SET(nth_cpu(n), &set);
	EXPECT_EQ(sched_setaffinity(0, sizeof(set), &set), 0);
}

static void bind_and_cpu_agree(void)
{
	int i, cpu;

	for (i = 0; i < nr_online(); i++) {
		cpu = nth_cpu(i);
		EXPECT_EQ(twq_thread_bind(cpu), 0);
		EXPECT_EQ(twq_thread_cpu(), cpu);
		EXPECT_EQ(sched_getcpu(), cpu);
	}
}

static void bind_refuses_what_is_no_cpu(void)
{
	int cpu = nth_cpu(nr_online() - 1);

	EXPECT_EQ(twq_thread_bind(cpu), 0);
	EXPECT_EQ(twq_thread_bind(-1), -EINVAL);
	EXPECT_EQ(twq_thread_bind(INT32_MIN), -EINVAL);
	EXPECT_EQ(twq_thread_bind(INT32_MAX), -EINVAL);
	EXPECT_EQ(twq_thread_bind(60000), -EINVAL);
	EXPECT_EQ(twq_thread_cpu(), cpu);
}

static void bind_is_of_the_thread_alone(void)
{
	int nr = nr_online();
	cpu_set_t set;

	spread(nr);
	EXPECT_EQ(twq_thread_bind(nth_cpu(0)), 0);
	EXPECT_EQ(sched_getaffinity(0, sizeof(set), &set), 0);
	EXPECT_EQ(CPU_COUNT(&set), 1);
	spread(nr);
	EXPECT_EQ(twq_thread_cpu(), nr > 1 ? -EXDEV : nth_cpu(0));
}

static void create_here_makes_a_task_of_the_cpu(void)
{
	int cpu = nth_cpu(nr_online() - 1);
	struct twq_query query;
	uint64_t id = 0;

	EXPECT_EQ(twq_thread_bind(cpu), 0);
	EXPECT_EQ(twq_create_here(dev, 0, HOUR_NS, 7, &id), 0);
	EXPECT_EQ(twq_get_task(dev, id, &query), 0);
	EXPECT_EQ(query.cpu, cpu);
	EXPECT_EQ(query.nr_cpus, 1);
	EXPECT_EQ(query.state & TWQ_STATE_SHARED_WQ, 0);
	EXPECT_EQ(query.interval_ns, HOUR_NS);
	EXPECT_EQ(query.user_data, 7);
	EXPECT_EQ(twq_queue(dev, id, HOUR_NS, TWQ_RELATIVE), 0);
	EXPECT_EQ(twq_cancel(dev, id), 1);
	EXPECT_EQ(twq_create_here(dev, TWQ_CREATE_SHARED, 0, 0, &id), 0);
	EXPECT_EQ(twq_get_task(dev, id, &query), 0);
	EXPECT_EQ(query.nr_cpus, 1);
	EXPECT_TRUE(query.state & TWQ_STATE_SHARED_WQ);
}

static void create_here_is_for_the_owner(void)
{
	int other = nth_cpu(1);
	uint64_t id = 0;

	EXPECT_EQ(twq_thread_bind(nth_cpu(0)), 0);
	EXPECT_EQ(twq_create_here(dev, 0, 0, 0, &id), 0);
	EXPECT_EQ(twq_queue(dev, id, HOUR_NS, TWQ_RELATIVE), 0);
	EXPECT_EQ(twq_thread_bind(other), 0);
	EXPECT_EQ(twq_queue(dev, id, HOUR_NS, TWQ_RELATIVE), -EXDEV);
	EXPECT_EQ(twq_cancel(dev, id), -EXDEV);
	EXPECT_EQ(twq_destroy(dev, id), 0);
}

static void create_here_needs_one_cpu(void)
{
	uint64_t id = 7;

	nth_cpu(1);	/* skips where there is but one */
	spread(2);
	EXPECT_EQ(twq_create_here(dev, 0, 0, 0, &id), -EXDEV);
	EXPECT_EQ(id, 7);
	EXPECT_EQ(ledger(dev).created, 0);
	EXPECT_EQ(twq_thread_bind(nth_cpu(0)), 0);
	EXPECT_EQ(twq_create_here(dev, TWQ_CREATE_FLAGS + 1, 0, 0, &id),
		  -EINVAL);
	EXPECT_EQ(twq_create_here(-1, 0, 0, 0, &id), -EBADF);
	EXPECT_EQ(id, 7);
}

/* An event loop of one call a turn, with tasks of its CPU. */
static void *run_loop(void *arg)
{
	int i, fd = twq_open(NULL, O_RDWR | O_CLOEXEC);
	struct twq_batch batch;
	struct twq_event event;
	uint64_t id = 0;

	EXPECT_EQ(twq_thread_bind((intptr_t)arg), 0);
	EXPECT_EQ(twq_create_here(fd, 0, 0, 0, &id), 0);
	EXPECT_EQ(twq_batch_init(&batch, NULL, 4), 0);
	twq_batch_set_flush(&batch, fd, NULL, NULL);
	for (i = 0; i < NR_ROUNDS; i++) {
		EXPECT_EQ(twq_batch_add_queue(&batch, id, NSEC_PER_MSEC,
					      TWQ_RELATIVE), 0);
		EXPECT_EQ(twq_batch_flush_and_wait(&batch, &event, 1,
						   TWQ_ETERNITY, 0), 1);
		EXPECT_EQ(event.id, id);
		EXPECT_EQ(event.cpu, (intptr_t)arg);
	}
	twq_batch_free(&batch);
	close(fd);
	return NULL;
}

static void every_cpu_has_a_loop(void)
{
	pthread_t threads[64];
	int i, nr = nr_online();

	for (i = 0; i < nr; i++)
		threads[i] = start(run_loop, (void *)(intptr_t)nth_cpu(i));
	for (i = 0; i < nr; i++)
		join(threads[i]);
}

static void now_is_clock_monotonic(void)
{
	int64_t before = now_ns(), now = twq_now_ns();

	EXPECT_GE(now, before);
	EXPECT_LE(now, now_ns());
}

static const struct tap_case cases[] = {
	TAP_CASE(bind_and_cpu_agree),
	TAP_CASE(bind_refuses_what_is_no_cpu),
	TAP_CASE(bind_is_of_the_thread_alone),
	TAP_CASE(create_here_makes_a_task_of_the_cpu),
	TAP_CASE(create_here_is_for_the_owner),
	TAP_CASE(create_here_needs_one_cpu),
	TAP_CASE(every_cpu_has_a_loop),
	TAP_CASE(now_is_clock_monotonic),
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
