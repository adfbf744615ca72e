// SPDX-License-Identifier: GPL-2.0
/*
 * TWQ_IOC_SUBMIT, what comes after its operations: events are read as read()
 * does, and waited for until a time, an event, or a signal.
 */
#define _GNU_SOURCE
#include <sys/time.h>
#include "submit.h"
#include "threads.h"

#define SOON		(20 * NSEC_PER_MSEC)

/* One call, made by this thread or by another one. */
struct turn {
	pid_t tid;
	struct twq_submit arg;
	struct twq_event events[8];
	int ret;
	bool over;
};

static int take_turn(struct turn *t)
{
	t->arg.events = (uintptr_t)t->events;
	if (!t->arg.max_events)
		t->arg.max_events = TAP_COUNT(t->events);
	t->arg.nr_events = UNKNOWN_RESULT;
	memset(t->events, POISON, sizeof(t->events));
	t->ret = call(dev, TWQ_IOC_SUBMIT, &t->arg);
	return t->ret;
}

static void *turn_thread(void *arg)
{
	struct turn *t = arg;

	tell_tid(&t->tid);
	take_turn(t);
	__atomic_store_n(&t->over, true, __ATOMIC_RELEASE);
	return NULL;
}

/* Starts a call that has to wait. */
static pthread_t start_turn(struct turn *t)
{
	pthread_t thread = start(turn_thread, t);

	wait_asleep(&t->tid);
	return thread;
}

static void expect_turn(const struct turn *t, int ret, uint32_t nr_events)
{
	EXPECT_EQ(t->ret, ret);
	EXPECT_EQ(t->arg.nr_events, nr_events);
	if (nr_events < TAP_COUNT(t->events))
		EXPECT_EQ(t->events[nr_events].reasons, 0xcccccccc);
}

/* -- without waiting ------------------------------------------------------ */

static void events_that_are_there(void)
{
	struct turn t = { .arg.until_ns = TWQ_ETERNITY };
	int i;

	pin(nth_cpu(0));
	make_ready(3);
	take_turn(&t);
	expect_turn(&t, 0, 3);
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(t.events[i].user_data, i);
		EXPECT_EQ(t.events[i].reasons, TWQ_WOKEN_IO);
	}
	EXPECT_EQ(ledger(dev).delivered, 3);
	EXPECT_EQ(readable(dev, 0), 0);
}

static void no_more_than_asked_for(void)
{
	struct turn t = { .arg.max_events = 2 };

	make_ready(5);
	take_turn(&t);
	expect_turn(&t, 0, 2);
	EXPECT_EQ(ledger(dev).pending, 3);
	take_turn(&t);
	take_turn(&t);
	expect_turn(&t, 0, 1);
	take_turn(&t);
	expect_turn(&t, 0, 0);
}

/* More than the buffer has, and than one read() returns bytes of. */
static void room_without_limit(void)
{
	/* Not on the stack: beyond it there is not so much of user memory. */
	static struct turn t = { .arg.max_events = ~0U };

	if (sizeof(void *) < 8)
		tap_skip("needs a large address space");
	make_ready(5);
	take_turn(&t);
	expect_turn(&t, 0, 5);
}

/* Neither waits nor looks at the rest of the structure. */
static void no_room_no_events(void)
{
	struct twq_op o = op_create(0);
	struct twq_submit arg = {
		.ops = (uintptr_t)&o,
		.nr_ops = 1,
		.events = 8,
		.until_ns = TWQ_ETERNITY,
		.nr_events = UNKNOWN_RESULT,
	};

	EXPECT_EQ(call(dev, TWQ_IOC_SUBMIT, &arg), 1);
	EXPECT_EQ(arg.nr_events, 0);
	make_ready(2);
	EXPECT_EQ(call(dev, TWQ_IOC_SUBMIT, &arg), 1);
	EXPECT_EQ(arg.nr_events, 0);
	EXPECT_EQ(ledger(dev).pending, 2);
}

/* Waiting for an event that never comes would hang here. */
static void past_does_not_wait(void)
{
	const struct {
		int64_t until_ns;
		uint32_t flags;
	} past[] = {
		{ 0, 0 }, { 1, 0 }, { -1, 0 }, { INT64_MIN, 0 },
		{ now_ns() - 1, 0 }, { 0, TWQ_RELATIVE }, { -1, TWQ_RELATIVE },
		{ INT64_MIN, TWQ_RELATIVE },
	};
	int i;

	for (i = 0; i < TAP_COUNT(past); i++) {
		struct turn t = {
			.arg.until_ns = past[i].until_ns,
			.arg.flags = past[i].flags,
		};

		take_turn(&t);
		expect_turn(&t, 0, 0);
		make_ready(1);
		take_turn(&t);
		expect_turn(&t, 0, 1);
	}
}

static void events_of_a_write_only_file(void)
{
	int fd = open(DEV_PATH, O_WRONLY | O_CLOEXEC);
	struct twq_event event;
	struct twq_op o = op_create(0);
	struct twq_submit arg = {
		.ops = (uintptr_t)&o,
		.nr_ops = 1,
		.events = (uintptr_t)&event,
		.max_events = 1,
	};

	EXPECT_EQ(call(fd, TWQ_IOC_SUBMIT, &arg), -EBADF);
	EXPECT_EQ(ledger(fd).created, 0);
	arg.max_events = 0;
	EXPECT_EQ(call(fd, TWQ_IOC_SUBMIT, &arg), 1);
	EXPECT_EQ(ledger(fd).created, 1);
	close(fd);
}

/* -- one turn of a loop --------------------------------------------------- */

static void operations_then_their_event(void)
{
	struct twq_op ops[] = {
		op_create(5), op(TWQ_OP_QUEUE, TWQ_ID_CREATED, 0),
	};
	struct turn t = {
		.arg.ops = (uintptr_t)ops,
		.arg.nr_ops = 2,
		.arg.until_ns = TWQ_ETERNITY,
	};

	ops[1].value = now_ns() + SOON;
	take_turn(&t);
	track(ops[0].id);
	expect_turn(&t, 2, 1);
	EXPECT_EQ(t.events[0].id, ops[0].id);
	EXPECT_EQ(t.events[0].user_data, 5);
	EXPECT_EQ(t.events[0].deadline_ns, ops[1].value);
	EXPECT_GE(now_ns(), ops[1].value);
}

/* One that fails ends nothing, the wait included. */
static void bad_operation_then_an_event(void)
{
	struct twq_op o = op(0, 0, 0);
	struct turn t = {
		.arg.ops = (uintptr_t)&o,
		.arg.nr_ops = 1,
		.arg.until_ns = TWQ_ETERNITY,
	};

	EXPECT_EQ(queue_in(make_any(0), SOON), 0);
	take_turn(&t);
	expect_turn(&t, 1, 1);
	EXPECT_EQ(o.result, -EINVAL);
}

/* An array that ends early ends the turn: it has more to say than events. */
static void array_that_ends_early_reads_nothing(void)
{
	struct twq_op *ops = (void *)(map_pages(2, PROT_NONE) + page_size());
	struct turn t = {
		.arg.ops = (uintptr_t)(ops - 2),
		.arg.nr_ops = 3,
		.arg.until_ns = TWQ_ETERNITY,
	};

	make_ready(1);
	ops[-2] = op(0, 0, 0);
	ops[-1] = op(0, 0, 0);
	take_turn(&t);
	expect_turn(&t, 2, 0);
	t.arg.ops = (uintptr_t)ops;
	take_turn(&t);
	expect_turn(&t, -EFAULT, 0);
	EXPECT_EQ(ledger(dev).pending, 1);
}

/* -- time ----------------------------------------------------------------- */

static void wait_ends_at_its_time(void)
{
	struct turn t = { .arg.until_ns = now_ns() + SOON };

	EXPECT_EQ(queue_in(make_any(0), HOUR_NS), 0);
	take_turn(&t);
	EXPECT_GE(now_ns(), t.arg.until_ns);
	expect_turn(&t, 0, 0);
}

static void relative_wait_counts_from_now(void)
{
	struct turn t = { .arg.until_ns = SOON, .arg.flags = TWQ_RELATIVE };
	int64_t start_ns = now_ns();

	take_turn(&t);
	EXPECT_GE(now_ns(), start_ns + SOON);
	expect_turn(&t, 0, 0);
}

static void wait_after_operations_ends_at_its_time(void)
{
	struct twq_op o = op_create(0);
	struct turn t = {
		.arg.ops = (uintptr_t)&o,
		.arg.nr_ops = 1,
		.arg.until_ns = now_ns() + SOON,
	};

	take_turn(&t);
	track(o.id);
	EXPECT_GE(now_ns(), t.arg.until_ns);
	expect_turn(&t, 1, 0);
}

/* A wait that saturates is one without a limit. */
static void wait_ends_with_an_event(void)
{
	const struct {
		int64_t until_ns;
		uint32_t flags;
	} waits[] = {
		{ TWQ_ETERNITY, 0 }, { TWQ_ETERNITY, TWQ_RELATIVE },
		{ TWQ_ETERNITY - 1, 0 }, { TWQ_ETERNITY - 1, TWQ_RELATIVE },
		{ now_ns() + HOUR_NS, 0 }, { HOUR_NS, TWQ_RELATIVE },
	};
	uint64_t id = make_any(3);
	int i;

	for (i = 0; i < TAP_COUNT(waits); i++) {
		struct turn t = {
			.arg.until_ns = waits[i].until_ns,
			.arg.flags = waits[i].flags,
		};
		pthread_t thread = start_turn(&t);

		EXPECT_EQ(wake(id, TWQ_WOKEN_MSG), 0);
		join(thread);
		expect_turn(&t, 0, 1);
		EXPECT_EQ(t.events[0].id, id);
	}
}

/* What read() is asked for by its flag, until_ns says here. */
static void nonblock_is_not_looked_at(void)
{
	struct turn t = {}, u = { .arg.until_ns = TWQ_ETERNITY };
	pthread_t thread;

	set_blocking(dev, true);
	take_turn(&t);
	expect_turn(&t, 0, 0);
	set_blocking(dev, false);
	thread = start_turn(&u);
	EXPECT_EQ(wake(make_any(0), TWQ_WOKEN_IO), 0);
	join(thread);
	expect_turn(&u, 0, 1);
}

/* -- signals -------------------------------------------------------------- */

static void wait_is_interrupted(void)
{
	const uint32_t flags[] = { 0, TWQ_RELATIVE };
	int i;

	handle_signal(0);
	for (i = 0; i < 2; i++) {
		struct turn t = {
			.arg.until_ns = TWQ_ETERNITY - i,
			.arg.flags = flags[i],
		};
		pthread_t thread = start_turn(&t);

		EXPECT_EQ(pthread_kill(thread, SIGUSR1), 0);
		join(thread);
		expect_turn(&t, -EINTR, 0);
	}
}

/* They are not made again, whether or not the signal's call restarts others */
static void wait_after_operations_is_interrupted(void)
{
	const int flags[] = { 0, SA_RESTART };
	int i;

	for (i = 0; i < 2; i++) {
		struct twq_op o = op_create(0);
		struct turn t = {
			.arg.ops = (uintptr_t)&o,
			.arg.nr_ops = 1,
			.arg.until_ns = TWQ_ETERNITY,
		};
		pthread_t thread;

		handle_signal(flags[i]);
		thread = start_turn(&t);
		EXPECT_EQ(pthread_kill(thread, SIGUSR1), 0);
		join(thread);
		expect_turn(&t, 1, 0);
		EXPECT_EQ(o.result, 0);
		EXPECT_EQ(ledger(dev).created, i + 1);
	}
}

/* The same call again waits until the same time: nothing is told of it. */
static void absolute_wait_goes_on_after_a_restarting_signal(void)
{
	struct turn t = { .arg.until_ns = now_ns() + HOUR_NS };
	pthread_t thread;
	int i;

	handle_signal(SA_RESTART);
	thread = start_turn(&t);
	for (i = 0; i < 5; i++) {
		EXPECT_EQ(pthread_kill(thread, SIGUSR1), 0);
		wait_asleep(&t.tid);
	}
	EXPECT_EQ(wake(make_any(3), TWQ_WOKEN_MSG), 0);
	join(thread);
	expect_turn(&t, 0, 1);
}

/* Without a limit it can't get longer. */
static void eternal_wait_goes_on_after_a_restarting_signal(void)
{
	struct turn t = {
		.arg.until_ns = TWQ_ETERNITY,
		.arg.flags = TWQ_RELATIVE,
	};
	pthread_t thread;

	handle_signal(SA_RESTART);
	thread = start_turn(&t);
	EXPECT_EQ(pthread_kill(thread, SIGUSR1), 0);
	wait_asleep(&t.tid);
	EXPECT_EQ(wake(make_any(3), TWQ_WOKEN_MSG), 0);
	join(thread);
	expect_turn(&t, 0, 1);
}

/* Made again it would begin anew. */
static void relative_wait_is_never_restarted(void)
{
	struct turn t = { .arg.until_ns = HOUR_NS, .arg.flags = TWQ_RELATIVE };
	pthread_t thread;

	handle_signal(SA_RESTART);
	thread = start_turn(&t);
	EXPECT_EQ(pthread_kill(thread, SIGUSR1), 0);
	join(thread);
	expect_turn(&t, -EINTR, 0);
}

/* @nr operations that wake @id, over and over the same memory. */
static struct twq_op *endless_ops(uint64_t id, size_t size, size_t times)
{
	int fd = memfd_create("ops", MFD_CLOEXEC), prot = PROT_READ | PROT_WRITE;
	struct twq_op *ops;
	char *at;
	size_t i;

	EXPECT_EQ(ftruncate(fd, size), 0);
	at = mmap(NULL, size * times, PROT_NONE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (!EXPECT_TRUE(at != MAP_FAILED))
		exit(1);
	for (i = 0; i < times; i++)
		EXPECT_TRUE(mmap(at + i * size, size, prot,
				 MAP_SHARED | MAP_FIXED, fd, 0) != MAP_FAILED);
	ops = (void *)at;
	for (i = 0; i < size / sizeof(*ops); i++)
		ops[i] = op(TWQ_OP_SCHEDULE, id, TWQ_ETERNITY - 1);
	close(fd);
	return ops;
}

/* Hours of work: it ends with what was done when a signal came. */
static void signal_ends_a_long_batch(void)
{
	const size_t size = 1 << 20, times = 30000;
	const uint32_t nr = size / sizeof(struct twq_op) * times;
	/* Again and again: the first may come before the call. */
	struct itimerval timer = {
		.it_value.tv_usec = 20000,
		.it_interval.tv_usec = 20000,
	};
	const struct itimerval none = {};
	struct turn t = { .arg.until_ns = TWQ_ETERNITY };
	uint64_t id = make_any(0);
	struct twq_op *ops;
	struct sigaction action = { .sa_handler = on_signal };

	if (sizeof(void *) < 8)
		tap_skip("needs a large address space");
	ops = endless_ops(id, size, times);
	t.arg.ops = (uintptr_t)ops;
	t.arg.nr_ops = nr;
	make_ready(1);
	EXPECT_EQ(sigaction(SIGALRM, &action, NULL), 0);
	EXPECT_EQ(setitimer(ITIMER_REAL, &timer, NULL), 0);
	take_turn(&t);
	EXPECT_EQ(setitimer(ITIMER_REAL, &none, NULL), 0);
	/* It has taken the place of the case's own limit. */
	signal(SIGALRM, SIG_DFL);
	alarm(TAP_LIMIT_S);
	EXPECT_GT(t.ret, 0);
	EXPECT_LT(t.ret, nr);
	EXPECT_EQ(t.arg.nr_events, 0);
	EXPECT_EQ(ops[0].result, 0);
	EXPECT_EQ(ledger(dev).pending, 1);
}

/* -- several at once ------------------------------------------------------ */

static void each_event_wakes_one(void)
{
	struct turn turns[4] = {};
	pthread_t threads[4];
	uint64_t ids[4];
	int i;

	for (i = 0; i < 4; i++) {
		ids[i] = make_any(i);
		turns[i].arg.until_ns = i % 2 ? TWQ_ETERNITY :
				    now_ns() + HOUR_NS;
		turns[i].arg.max_events = 1;
		threads[i] = start_turn(&turns[i]);
	}
	for (i = 0; i < 4; i++)
		EXPECT_EQ(wake(ids[i], TWQ_WOKEN_IO), 0);
	for (i = 0; i < 4; i++) {
		join(threads[i]);
		expect_turn(&turns[i], 0, 1);
	}
	EXPECT_EQ(ledger(dev).delivered, 4);
}

/* Starts a call that waits, unless its time comes before it is seen to. */
static pthread_t start_short_turn(struct turn *t, int64_t until)
{
	pthread_t thread = start(turn_thread, t);
	pid_t who;

	do {
		pause_ms(1);
		who = __atomic_load_n(&t->tid, __ATOMIC_ACQUIRE);
	} while (now_ns() < until && (!who || thread_state(who) != 'S'));
	return thread;
}

/*
 * A signal at about @when, a little earlier in some rounds; and again, since
 * the thread may not have been in the call yet.
 */
static void signal_at(const struct turn *t, pthread_t thread, int64_t when,
		      int round)
{
	when -= round % 20 * 10000;
	while (now_ns() < when)
		;
	while (!__atomic_load_n(&t->over, __ATOMIC_ACQUIRE)) {
		pthread_kill(thread, SIGUSR1);
		pause_ms(2);
	}
}

/*
 * The first in the queue leaves it, by time or by a signal, at about the
 * moment at which the event comes. Whichever was first: if it does not take
 * the event, then the second does.
 */
static void event_at_the_end_of_a_wait(bool by_signal)
{
	struct turn first, second;
	pthread_t threads[2];
	uint64_t id = make_any(0);
	int round, took = 0;
	int64_t when;

	handle_signal(0);
	for (round = 0; round < 300 && !tap_failures; round++) {
		when = now_ns() + 10 * NSEC_PER_MSEC;
		first = (struct turn) {
			.arg.until_ns = by_signal ? TWQ_ETERNITY : when,
		};
		second = (struct turn) { .arg.until_ns = TWQ_ETERNITY };
		threads[0] = start_short_turn(&first, when);
		threads[1] = start_turn(&second);
		EXPECT_EQ(queue_at(id, when), 0);
		if (by_signal)
			signal_at(&first, threads[0], when, round);
		join(threads[0]);
		took += first.arg.nr_events;
		if (first.arg.nr_events)
			EXPECT_EQ(wake(id, TWQ_WOKEN_IO), 0);
		join(threads[1]);
		expect_turn(&second, 0, 1);
	}
	printf("# the first took %d of %d\n", took, round);
}

static void event_when_the_time_is_over(void)
{
	event_at_the_end_of_a_wait(false);
}

static void event_when_a_signal_comes(void)
{
	event_at_the_end_of_a_wait(true);
}

static const struct tap_case cases[] = {
	TAP_CASE(events_that_are_there),
	TAP_CASE(no_more_than_asked_for),
	TAP_CASE(room_without_limit),
	TAP_CASE(no_room_no_events),
	TAP_CASE(past_does_not_wait),
	TAP_CASE(events_of_a_write_only_file),
	TAP_CASE(operations_then_their_event),
	TAP_CASE(bad_operation_then_an_event),
	TAP_CASE(array_that_ends_early_reads_nothing),
	TAP_CASE(wait_ends_at_its_time),
	TAP_CASE(relative_wait_counts_from_now),
	TAP_CASE(wait_after_operations_ends_at_its_time),
	TAP_CASE(wait_ends_with_an_event),
	TAP_CASE(nonblock_is_not_looked_at),
	TAP_CASE(wait_is_interrupted),
	TAP_CASE(wait_after_operations_is_interrupted),
	TAP_CASE(absolute_wait_goes_on_after_a_restarting_signal),
	TAP_CASE(eternal_wait_goes_on_after_a_restarting_signal),
	TAP_CASE(relative_wait_is_never_restarted),
	TAP_CASE(signal_ends_a_long_batch),
	TAP_CASE(each_event_wakes_one),
	TAP_CASE(event_when_the_time_is_over),
	TAP_CASE(event_when_a_signal_comes),
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
