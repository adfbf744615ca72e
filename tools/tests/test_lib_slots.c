// SPDX-License-Identifier: GPL-2.0
/*
 * libtwq: slots. A deadline is moved by a store where that is enough, and by a
 * call where it is not. The calls are counted: this ioctl() stands before the
 * one of the C library.
 */
#define _GNU_SOURCE
#include <libtwq.h>
#include <stdarg.h>
#include "threads.h"

#define NR_TASKS	8
#define NR_THREADS	4
#define NR_STORES	20000
#define NR_LAPS		300

static struct twq_map map;
static unsigned long nr_calls;

int ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	__atomic_fetch_add(&nr_calls, 1, __ATOMIC_RELAXED);
	return syscall(SYS_ioctl, fd, request, arg);
}

/* @what makes @n calls. */
#define EXPECT_CALLS(n, what)						\
	do {								\
		unsigned long before = nr_calls;			\
									\
		what;							\
		EXPECT_EQ(nr_calls - before, n);			\
	} while (0)

static void open_and_map(void)
{
	open_case();
	EXPECT_EQ(twq_map(dev, 0, &map), 0);
}

/* A store meets the ledger at the latest when its task ends. */
static void end_and_close(void)
{
	unsigned int i;

	for (i = 0; i < nr_tracked; i++)
		destroy(tracked[i]);
	close_case();
}

static int64_t deadline_of(uint64_t id)
{
	return __atomic_load_n(&twq_slot(&map, id)->deadline_ns,
			       __ATOMIC_ACQUIRE);
}

static int64_t position_of(uint64_t id)
{
	return __atomic_load_n(&twq_slot(&map, id)->position_ns,
			       __ATOMIC_ACQUIRE);
}

/* The event of @id with exactly that deadline, and not too early. */
static void expect_fires(uint64_t id, int64_t deadline_ns)
{
	struct twq_event event;

	if (!next_event(dev, &event))
		return;
	EXPECT_EQ(event.id, id);
	EXPECT_EQ(event.deadline_ns, deadline_ns);
	EXPECT_GE(event.fired_ns, deadline_ns);
	EXPECT_EQ(event.reasons, TWQ_WOKEN_TIMER);
	EXPECT_EQ(event.overruns, 0);
}

static void map_shows_each_task(void)
{
	int64_t deadline = now_ns() + HOUR_NS;
	uint64_t one = make_any(0), other = make_any(0);

	EXPECT_EQ(map.fd, dev);
	EXPECT_TRUE(twq_slot(&map, one) != twq_slot(&map, other));
	EXPECT_EQ(deadline_of(one), TWQ_ETERNITY);
	EXPECT_EQ(position_of(one), TWQ_ETERNITY);
	EXPECT_EQ(queue_at(one, deadline), 0);
	EXPECT_EQ(deadline_of(one), deadline);
	EXPECT_EQ(position_of(one), deadline);
	EXPECT_EQ(deadline_of(other), TWQ_ETERNITY);
}

static void map_refuses_what_has_no_slots(void)
{
	int fds[2];
	struct twq_map other;

	EXPECT_EQ(twq_map(-1, 0, &other), -EBADF);
	EXPECT_EQ(pipe(fds), 0);
	EXPECT_EQ(twq_map(fds[0], 0, &other), -ENOTTY);
	EXPECT_EQ(twq_map(dev, (1U << TWQ_SLOT_BITS) + 1, &other), -EINVAL);
	EXPECT_EQ(twq_map(dev, UINT32_MAX, &other), -EINVAL);
}

static void slot_outside_the_map_is_erange(void)
{
	struct twq_map small;
	uint64_t id = make_any(0);

	while (TWQ_SLOT(id) < 2)
		id = make_any(0);
	EXPECT_EQ(twq_map(dev, TWQ_SLOT(id), &small), 0);
	EXPECT_TRUE(!twq_slot(&small, id));
	EXPECT_EQ(twq_set_deadline(&small, id, 0), -ERANGE);
	EXPECT_EQ(twq_extend(&small, id, TWQ_ETERNITY), -ERANGE);
	EXPECT_EQ(twq_disarm(&small, id), -ERANGE);
	EXPECT_EQ(twq_unmap(&small), 0);
	EXPECT_EQ(twq_map(dev, TWQ_SLOT(id) + 1, &small), 0);
	EXPECT_EQ(twq_extend(&small, id, TWQ_ETERNITY), 0);
	EXPECT_EQ(twq_unmap(&small), 0);
	EXPECT_EQ(twq_extend(&small, id, TWQ_ETERNITY), -ERANGE);
	EXPECT_EQ(deadline_of(id), TWQ_ETERNITY);
}

static void extend_makes_no_call(void)
{
	int64_t deadline = now_ns() + HOUR_NS;
	uint64_t id = make_any(0);
	int i;

	EXPECT_EQ(queue_at(id, deadline), 0);
	for (i = 0; i < 100; i++)
		EXPECT_CALLS(0, EXPECT_EQ(twq_extend(&map, id, deadline + i),
					  0));
	EXPECT_EQ(deadline_of(id), deadline + 99);
	EXPECT_EQ(position_of(id), deadline);
	EXPECT_EQ(task(id).deadline_ns, deadline + 99);
	EXPECT_CALLS(0, EXPECT_EQ(twq_extend(&map, id, TWQ_ETERNITY), 0));
	EXPECT_EQ(task(id).deadline_ns, TWQ_ETERNITY);
	EXPECT_CALLS(0, EXPECT_EQ(twq_extend(&map, id, deadline), 0));
}

static void extend_to_before_the_position_changes_nothing(void)
{
	int64_t deadline = now_ns() + HOUR_NS;
	uint64_t id = make_any(0);

	EXPECT_CALLS(0, EXPECT_EQ(twq_extend(&map, id, deadline), -EAGAIN));
	EXPECT_EQ(deadline_of(id), TWQ_ETERNITY);
	EXPECT_EQ(queue_at(id, deadline), 0);
	EXPECT_CALLS(0, EXPECT_EQ(twq_extend(&map, id, deadline - 1),
				  -EAGAIN));
	EXPECT_CALLS(0, EXPECT_EQ(twq_extend(&map, id, INT64_MIN), -EAGAIN));
	EXPECT_EQ(deadline_of(id), deadline);
}

static void extended_deadline_is_what_fires(void)
{
	int64_t deadline = now_ns() + 200 * NSEC_PER_MSEC;
	uint64_t id = make_any(0);

	EXPECT_EQ(queue_at(id, deadline), 0);
	if (twq_extend(&map, id, deadline + 50 * NSEC_PER_MSEC) ||
	    now_ns() >= deadline)
		tap_skip("the machine was too slow to come before a deadline");
	expect_fires(id, deadline + 50 * NSEC_PER_MSEC);
	EXPECT_EQ(deadline_of(id), TWQ_ETERNITY);
	expect_quiet(dev);
}

static void set_deadline_arms_by_a_call(void)
{
	int64_t deadline = now_ns() + 10 * NSEC_PER_MSEC;
	uint64_t id = make_any(0);

	EXPECT_CALLS(1, EXPECT_EQ(twq_set_deadline(&map, id, deadline), 0));
	expect_fires(id, deadline);
	expect_quiet(dev);
}

static void set_deadline_extends_by_a_store(void)
{
	int64_t deadline = now_ns() + HOUR_NS;
	uint64_t id = make_any(0);

	EXPECT_EQ(queue_at(id, deadline), 0);
	EXPECT_CALLS(0, EXPECT_EQ(twq_set_deadline(&map, id, deadline + 1), 0));
	EXPECT_CALLS(0, EXPECT_EQ(twq_set_deadline(&map, id, deadline), 0));
	EXPECT_EQ(task(id).deadline_ns, deadline);
}

static void set_deadline_shortens_by_a_call(void)
{
	int64_t deadline = now_ns() + 10 * NSEC_PER_MSEC;
	uint64_t id = make_any(0);

	EXPECT_EQ(queue_in(id, HOUR_NS), 0);
	EXPECT_CALLS(1, EXPECT_EQ(twq_set_deadline(&map, id, deadline), 0));
	expect_fires(id, deadline);
}

static void set_deadline_in_the_past_is_due(void)
{
	uint64_t id = make_any(0);

	EXPECT_EQ(twq_set_deadline(&map, id, 1), 0);
	expect_fires(id, 1);
	EXPECT_EQ(twq_set_deadline(&map, id, INT64_MIN), 0);
	expect_fires(id, INT64_MIN);
}

static void set_deadline_of_a_foreign_task(void)
{
	int owner = nth_cpu(0), other = nth_cpu(1);
	int64_t deadline = now_ns() + 10 * NSEC_PER_MSEC;
	uint64_t id = make(dev, bit(owner), 0, 0, 0);
	struct twq_event event;

	pin(owner);
	EXPECT_EQ(queue_in(id, HOUR_NS), 0);
	pin(other);
	EXPECT_EQ(queue_at(id, deadline), -EXDEV);
	EXPECT_EQ(twq_set_deadline(&map, id, deadline), 0);
	if (!next_event(dev, &event))
		return;
	EXPECT_EQ(event.deadline_ns, deadline);
	EXPECT_EQ(event.cpu, owner);
}

static void set_deadline_of_a_destroyed_task(void)
{
	uint64_t id = make_any(0);

	EXPECT_EQ(destroy(id), 0);
	EXPECT_EQ(twq_set_deadline(&map, id, now_ns()), -ENOENT);
}

static void disarm_makes_no_call(void)
{
	int64_t deadline = now_ns() + 100 * NSEC_PER_MSEC;
	uint64_t id = make_any(0), late = make_any(1);

	EXPECT_EQ(queue_at(id, deadline), 0);
	EXPECT_CALLS(0, EXPECT_EQ(twq_disarm(&map, id), 0));
	if (now_ns() >= deadline)
		tap_skip("the machine was too slow to come before a deadline");
	expect_quiet(dev);
	EXPECT_EQ(task(id).deadline_ns, TWQ_ETERNITY);
	EXPECT_EQ(cancel(id), 0);
	EXPECT_EQ(twq_set_deadline(&map, late, 5), 0);
	EXPECT_EQ(readable(dev, GUARD_MS), 1);
	EXPECT_EQ(twq_disarm(&map, late), 0);
	expect_fires(late, 5);
}

static void interval_goes_on_from_a_stored_deadline(void)
{
	const int64_t period = HOUR_NS;
	uint64_t id = make(dev, 0, TWQ_CREATE_SHARED, period, 0);
	int64_t deadline = now_ns() + 10 * NSEC_PER_MSEC;

	EXPECT_EQ(twq_set_deadline(&map, id, deadline), 0);
	expect_fires(id, deadline);
	EXPECT_EQ(deadline_of(id), deadline + period);
	/* The run places it in the end. */
	wait_rest(id);
	EXPECT_EQ(twq_extend(&map, id, deadline + 2 * period), 0);
	EXPECT_EQ(twq_set_deadline(&map, id, deadline + 1), 0);
	expect_fires(id, deadline + 1);
	EXPECT_EQ(deadline_of(id), deadline + 1 + period);
}

struct mover {
	pthread_t thread;
	unsigned int seed;
	const uint64_t *ids;
};

/* Any deadline that does not fire before the threads have ended. */
static int64_t some_deadline(unsigned int *seed)
{
	*seed = *seed * 1103515245 + 12345;
	return now_ns() + HOUR_NS + (*seed >> 8) % 1000;
}

static void *move_all(void *arg)
{
	struct mover *m = arg;
	uint64_t id;
	int i, ret;

	for (i = 0; i < NR_STORES; i++) {
		id = m->ids[i % NR_TASKS];
		switch (i % 7) {
		case 0:
			ret = twq_disarm(&map, id);
			break;
		case 1:
		case 2:
			ret = twq_extend(&map, id, some_deadline(&m->seed));
			if (ret == -EAGAIN)
				ret = 0;
			break;
		default:
			ret = twq_set_deadline(&map, id,
					       some_deadline(&m->seed));
		}
		EXPECT_EQ(ret, 0);
	}
	return NULL;
}

/* Whatever they do to each other, the last deadline of all is the one. */
static void threads_share_a_map(void)
{
	struct mover movers[NR_THREADS];
	struct twq_event event;
	uint64_t ids[NR_TASKS];
	int64_t last;
	int i;

	for (i = 0; i < NR_TASKS; i++)
		ids[i] = i % 2 ? make_any(i) :
				 make(dev, bit(nth_cpu(0)), 0, 0, i);
	for (i = 0; i < NR_THREADS; i++) {
		movers[i].seed = i;
		movers[i].ids = ids;
		movers[i].thread = start(move_all, &movers[i]);
	}
	for (i = 0; i < NR_THREADS; i++)
		join(movers[i].thread);
	EXPECT_EQ(readable(dev, 0), 0);
	last = now_ns() + 10 * NSEC_PER_MSEC;
	for (i = 0; i < NR_TASKS; i++)
		EXPECT_EQ(twq_set_deadline(&map, ids[i], last), 0);
	for (i = 0; i < NR_TASKS; i++)
		if (next_event(dev, &event))
			EXPECT_EQ(event.deadline_ns, last);
	expect_quiet(dev);
}

static uint64_t racing_id;
static bool race_over;

/* Moves the deadline later where a store will do, all the time. */
static void *keep_extending(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&race_over, __ATOMIC_ACQUIRE)) {
		int ret = twq_extend(&map, racing_id, now_ns() + NSEC_PER_MSEC);

		EXPECT_TRUE(!ret || ret == -EAGAIN);
		pause_ms(1);
	}
	return NULL;
}

/*
 * A deadline that is set while the position comes due and another thread moves
 * it: there is always one in the end, and it fires.
 */
static void a_shortened_deadline_is_not_missed(void)
{
	struct twq_event event;
	pthread_t thread;
	int lap;

	racing_id = make_any(0);
	thread = start(keep_extending, NULL);
	for (lap = 0; lap < NR_LAPS && !tap_failures; lap++) {
		EXPECT_EQ(twq_set_deadline(&map, racing_id,
					   now_ns() + 100000 * (lap % 30)), 0);
		next_event(dev, &event);
	}
	__atomic_store_n(&race_over, true, __ATOMIC_RELEASE);
	join(thread);
}

static const struct tap_case cases[] = {
	TAP_CASE(map_shows_each_task),
	TAP_CASE(map_refuses_what_has_no_slots),
	TAP_CASE(slot_outside_the_map_is_erange),
	TAP_CASE(extend_makes_no_call),
	TAP_CASE(extend_to_before_the_position_changes_nothing),
	TAP_CASE(extended_deadline_is_what_fires),
	TAP_CASE(set_deadline_arms_by_a_call),
	TAP_CASE(set_deadline_extends_by_a_store),
	TAP_CASE(set_deadline_shortens_by_a_call),
	TAP_CASE(set_deadline_in_the_past_is_due),
	TAP_CASE(set_deadline_of_a_foreign_task),
	TAP_CASE(set_deadline_of_a_destroyed_task),
	TAP_CASE(disarm_makes_no_call),
	TAP_CASE(interval_goes_on_from_a_stored_deadline),
	TAP_CASE(threads_share_a_map),
	TAP_CASE(a_shortened_deadline_is_not_missed),
};

int main(int argc, char **argv)
{
	static const struct tap_suite suite = {
		.cases = cases,
		.nr_cases = TAP_COUNT(cases),
		.before = open_and_map,
		.after = end_and_close,
	};

	return tap_main(argc, argv, &suite);
}
