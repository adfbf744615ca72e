// SPDX-License-Identifier: GPL-2.0
/*
 * Suite twq_events: from a run to read(). The list and the readers alone, no
 * task and no clock. A buffer that faults is for the device tests: a kernel
 * thread has no user memory.
 */
#include <kunit/test.h>
#include <linux/bottom_half.h>
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/kthread.h>
#include <linux/poll.h>
#include <linux/sched.h>

#include "events.h"

#define READY		40
#define EVENT		sizeof(struct twq_event)
#define LIMIT		(20 * HZ)

struct events_fixture {
	struct twq_events ev;
	struct twq_ready ready[READY];
	struct twq_event out[READY];
};

static const struct twq_event plain_run = {
	.deadline_ns = 100,
	.fired_ns = 110,
	.reasons = TWQ_WOKEN_TIMER,
	.cpu = 3,
};

static int events_init(struct kunit *test)
{
	struct events_fixture *f;
	int i;

	f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);
	if (!f)
		return -ENOMEM;
	twq_events_init(&f->ev);
	for (i = 0; i < READY; i++)
		twq_ready_init(&f->ready[i], 1000 + i, 2000 + i);
	test->priv = f;
	return 0;
}

static int nr_waiting(struct events_fixture *f)
{
	struct list_head *link;
	unsigned long flags;
	int nr = 0;

	spin_lock_irqsave(&f->ev.wait.lock, flags);
	list_for_each(link, &f->ev.wait.head)
		nr++;
	spin_unlock_irqrestore(&f->ev.wait.lock, flags);
	return nr;
}

/* In bottom half, as tasks run. */
static void post_ready(struct events_fixture *f, struct twq_ready *r,
		       const struct twq_event *run)
{
	local_bh_disable();
	twq_events_post(&f->ev, r, run);
	local_bh_enable();
}

static void post_run(struct events_fixture *f, int i,
		     const struct twq_event *run)
{
	post_ready(f, &f->ready[i], run);
}

static void post(struct events_fixture *f, int i)
{
	post_run(f, i, &plain_run);
}

/* Reads up to @size bytes into @f->out, which held something else before. */
static ssize_t read_some(struct events_fixture *f, size_t size)
{
	struct kvec vec = { f->out, size };
	struct iov_iter to;

	memset(f->out, 0xcc, sizeof(f->out));
	iov_iter_kvec(&to, ITER_DEST, &vec, 1, size);
	return twq_events_read(&f->ev, &to, TWQ_EVENTS_NO_WAIT);
}

static void expect_ledger(struct kunit *test, u64 fired, u64 delivered,
			  u64 coalesced, u64 pending, u64 discarded)
{
	struct events_fixture *f = test->priv;
	struct twq_ledger is = {};

	twq_events_read_ledger(&f->ev, &is);
	KUNIT_EXPECT_EQ(test, is.fired, fired);
	KUNIT_EXPECT_EQ(test, is.delivered, delivered);
	KUNIT_EXPECT_EQ(test, is.coalesced, coalesced);
	KUNIT_EXPECT_EQ(test, is.pending, pending);
	KUNIT_EXPECT_EQ(test, is.discarded, discarded);
	KUNIT_EXPECT_EQ(test, is.fired, is.delivered + is.coalesced +
			is.pending + is.discarded);
}

/* Whatever the case did, the books balance and the list is as long as told. */
static void events_exit(struct kunit *test)
{
	struct events_fixture *f = test->priv;
	struct list_head *link;
	u64 nr = 0;

	if (!f)
		return;
	list_for_each(link, &f->ev.ready)
		nr++;
	KUNIT_EXPECT_EQ(test, f->ev.pending, nr);
	KUNIT_EXPECT_EQ(test, f->ev.fired, f->ev.delivered + f->ev.coalesced +
			f->ev.pending + f->ev.discarded);
	KUNIT_EXPECT_EQ(test, nr_waiting(f), 0);
}

/* -- post ----------------------------------------------------------------- */

static void events_post_is_read_whole(struct kunit *test)
{
	struct events_fixture *f = test->priv;
	const struct twq_event run = {
		.user_data = 1, .id = 2, .deadline_ns = 3, .fired_ns = 4,
		.overruns = 5, .reasons = TWQ_WOKEN_MSG, .cpu = 6,
	};

	post_run(f, 7, &run);
	expect_ledger(test, 1, 0, 0, 1, 0);
	KUNIT_ASSERT_EQ(test, read_some(f, EVENT), EVENT);
	KUNIT_EXPECT_EQ(test, f->out[0].user_data, 2007);
	KUNIT_EXPECT_EQ(test, f->out[0].id, 1007);
	KUNIT_EXPECT_EQ(test, f->out[0].deadline_ns, 3);
	KUNIT_EXPECT_EQ(test, f->out[0].fired_ns, 4);
	KUNIT_EXPECT_EQ(test, f->out[0].overruns, 5);
	KUNIT_EXPECT_EQ(test, f->out[0].reasons, TWQ_WOKEN_MSG);
	KUNIT_EXPECT_EQ(test, f->out[0].cpu, 6);
	expect_ledger(test, 1, 1, 0, 0, 0);
}

static void events_read_oldest_first(struct kunit *test)
{
	struct events_fixture *f = test->priv;
	int i;

	for (i = 0; i < READY; i++)
		post(f, i * 7 % READY);
	/* One that is told of again keeps its place. */
	post(f, 0);
	KUNIT_ASSERT_EQ(test, read_some(f, sizeof(f->out)), READY * EVENT);
	for (i = 0; i < READY; i++)
		KUNIT_EXPECT_EQ(test, f->out[i].id, 1000 + i * 7 % READY);
	expect_ledger(test, READY + 1, READY, 1, 0, 0);
}

static void events_second_post_adds_to_the_first(struct kunit *test)
{
	struct events_fixture *f = test->priv;
	struct twq_event run = plain_run;

	run.overruns = 2;
	post_run(f, 0, &run);
	run = (struct twq_event) {
		.deadline_ns = 500, .fired_ns = 510, .overruns = 30,
		.reasons = TWQ_WOKEN_IO, .cpu = 1,
	};
	post_run(f, 0, &run);
	KUNIT_ASSERT_EQ(test, read_some(f, sizeof(f->out)), EVENT);
	KUNIT_EXPECT_EQ(test, f->out[0].deadline_ns, 100);
	KUNIT_EXPECT_EQ(test, f->out[0].fired_ns, 110);
	KUNIT_EXPECT_EQ(test, f->out[0].cpu, 3);
	KUNIT_EXPECT_EQ(test, f->out[0].overruns, 2 + 30 + 1);
	KUNIT_EXPECT_EQ(test, f->out[0].reasons,
			TWQ_WOKEN_TIMER | TWQ_WOKEN_IO);
	expect_ledger(test, 2, 1, 1, 0, 0);
}

static void events_deadline_after_a_wakeup_is_told(struct kunit *test)
{
	struct events_fixture *f = test->priv;
	struct twq_event run = plain_run;

	run.deadline_ns = TWQ_ETERNITY;
	run.reasons = TWQ_WOKEN_MSG;
	post_run(f, 0, &run);
	post(f, 0);
	run.deadline_ns = TWQ_ETERNITY;
	post_run(f, 0, &run);
	KUNIT_ASSERT_EQ(test, read_some(f, EVENT), EVENT);
	KUNIT_EXPECT_EQ(test, f->out[0].deadline_ns, plain_run.deadline_ns);
	KUNIT_EXPECT_EQ(test, f->out[0].overruns, 2);
}

/* Nothing of an event that was read is left in the next one. */
static void events_post_after_read_begins_anew(struct kunit *test)
{
	struct events_fixture *f = test->priv;
	struct twq_event run = plain_run;

	post(f, 0);
	post(f, 0);
	KUNIT_ASSERT_EQ(test, read_some(f, EVENT), EVENT);
	run.deadline_ns = 900;
	run.fired_ns = 901;
	run.reasons = TWQ_WOKEN_RES;
	post_run(f, 0, &run);
	KUNIT_ASSERT_EQ(test, read_some(f, EVENT), EVENT);
	KUNIT_EXPECT_EQ(test, f->out[0].overruns, 0);
	KUNIT_EXPECT_EQ(test, f->out[0].deadline_ns, 900);
	KUNIT_EXPECT_EQ(test, f->out[0].fired_ns, 901);
	KUNIT_EXPECT_EQ(test, f->out[0].reasons, TWQ_WOKEN_RES);
	expect_ledger(test, 3, 2, 1, 0, 0);
}

struct overrun_param {
	const char *desc;
	u64 first, second, want;
};

static const struct overrun_param overrun_params[] = {
	{ "none", 0, 0, 1 },
	{ "just fits", U64_MAX - 2, 1, U64_MAX },
	{ "one too many", U64_MAX - 1, 1, U64_MAX },
	{ "first is full", U64_MAX, 0, U64_MAX },
	{ "second is full", 0, U64_MAX, U64_MAX },
	{ "both are full", U64_MAX, U64_MAX, U64_MAX },
	{ "halves", 1ULL << 63, 1ULL << 63, U64_MAX },
};

static void overrun_desc(const struct overrun_param *p, char *desc)
{
	strscpy(desc, p->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(overrun, overrun_params, overrun_desc);

static void k3_overruns_saturate(struct kunit *test)
{
	const struct overrun_param *p = test->param_value;
	struct events_fixture *f = test->priv;
	struct twq_event run = plain_run;

	run.overruns = p->first;
	post_run(f, 0, &run);
	run.overruns = p->second;
	post_run(f, 0, &run);
	KUNIT_ASSERT_EQ(test, read_some(f, EVENT), EVENT);
	KUNIT_EXPECT_EQ(test, f->out[0].overruns, p->want);
}

/* -- close ---------------------------------------------------------------- */

static void events_close_discards_the_unread(struct kunit *test)
{
	struct events_fixture *f = test->priv;

	post(f, 0);
	post(f, 0);
	post(f, 1);
	twq_events_close(&f->ev, &f->ready[0]);
	expect_ledger(test, 3, 0, 1, 1, 1);
	KUNIT_ASSERT_EQ(test, read_some(f, sizeof(f->out)), EVENT);
	KUNIT_EXPECT_EQ(test, f->out[0].id, 1001);
}

static void k4_post_after_close_is_discarded(struct kunit *test)
{
	struct events_fixture *f = test->priv;

	twq_events_close(&f->ev, &f->ready[0]);
	expect_ledger(test, 0, 0, 0, 0, 0);
	post(f, 0);
	expect_ledger(test, 1, 0, 0, 0, 1);
	KUNIT_EXPECT_FALSE(test, twq_events_ready(&f->ev));
	KUNIT_EXPECT_EQ(test, read_some(f, EVENT), -EAGAIN);
}

static void events_pending_follows_the_event(struct kunit *test)
{
	struct events_fixture *f = test->priv;
	u64 overruns = 77;

	KUNIT_EXPECT_FALSE(test, twq_events_pending(&f->ev, &f->ready[0],
						    &overruns));
	KUNIT_EXPECT_EQ(test, overruns, 0);
	post(f, 0);
	post(f, 0);
	KUNIT_EXPECT_TRUE(test, twq_events_pending(&f->ev, &f->ready[0],
						   &overruns));
	KUNIT_EXPECT_EQ(test, overruns, 1);
	KUNIT_EXPECT_FALSE(test, twq_events_pending(&f->ev, &f->ready[1],
						    &overruns));
	read_some(f, EVENT);
	KUNIT_EXPECT_FALSE(test, twq_events_pending(&f->ev, &f->ready[0],
						    &overruns));
	KUNIT_EXPECT_EQ(test, overruns, 0);
}

/* -- read ----------------------------------------------------------------- */

struct size_param {
	const char *desc;
	int posted;
	size_t size;
	ssize_t want;
};

static const struct size_param size_params[] = {
	{ "empty, no room", 0, 0, -EINVAL },
	{ "empty, half an event", 0, EVENT / 2, -EINVAL },
	{ "empty, room", 0, EVENT, -EAGAIN },
	{ "no room", 3, 0, -EINVAL },
	{ "half an event", 3, EVENT / 2, -EINVAL },
	{ "a byte short of one", 3, EVENT - 1, -EINVAL },
	{ "one", 3, EVENT, EVENT },
	{ "two and a half", 3, EVENT * 2 + EVENT / 2, EVENT * 2 },
	{ "more room than events", 3, EVENT * 10, EVENT * 3 },
	{ "more than a batch", READY, EVENT * READY, EVENT * READY },
	{ "a batch and a half", READY, EVENT * 24, EVENT * 24 },
};

static void size_desc(const struct size_param *p, char *desc)
{
	strscpy(desc, p->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(size, size_params, size_desc);

static void events_read_returns_whole_events(struct kunit *test)
{
	const struct size_param *p = test->param_value;
	struct events_fixture *f = test->priv;
	int i, nr = p->want > 0 ? p->want / EVENT : 0;

	for (i = 0; i < p->posted; i++)
		post(f, i);
	KUNIT_EXPECT_EQ(test, read_some(f, p->size), p->want);
	for (i = 0; i < nr; i++)
		KUNIT_EXPECT_EQ(test, f->out[i].id, 1000 + i);
	/* Not a byte beyond them. */
	KUNIT_EXPECT_NULL(test, memchr_inv(&f->out[nr], 0xcc,
					   sizeof(f->out) - nr * EVENT));
	expect_ledger(test, p->posted, nr, 0, p->posted - nr, 0);
	/* What did not fit is still there, in its order. */
	if (p->posted > nr) {
		KUNIT_ASSERT_EQ(test, read_some(f, EVENT), EVENT);
		KUNIT_EXPECT_EQ(test, f->out[0].id, 1000 + nr);
	}
}

static void events_read_fills_scattered_buffers(struct kunit *test)
{
	struct events_fixture *f = test->priv;
	char *out = (char *)f->out;
	struct kvec vec[] = {
		{ out, 5 }, { out + 5, EVENT }, { out + 5 + EVENT, EVENT - 5 },
	};
	struct iov_iter to;

	post(f, 4);
	post(f, 5);
	iov_iter_kvec(&to, ITER_DEST, vec, ARRAY_SIZE(vec), 2 * EVENT);
	KUNIT_EXPECT_EQ(test, twq_events_read(&f->ev, &to, TWQ_EVENTS_NO_WAIT),
			2 * EVENT);
	KUNIT_EXPECT_EQ(test, f->out[0].id, 1004);
	KUNIT_EXPECT_EQ(test, f->out[0].cpu, 3);
	KUNIT_EXPECT_EQ(test, f->out[1].id, 1005);
	KUNIT_EXPECT_EQ(test, f->out[1].cpu, 3);
}

/* -- waiting -------------------------------------------------------------- */

struct reader {
	struct events_fixture *f;
	struct completion done;
	unsigned int seen[READY];
	unsigned int total;
	ssize_t result;
};

/* Takes one event at a time until a task with no place in seen[] tells. */
static int reader_thread(void *arg)
{
	struct reader *r = arg;
	struct twq_event event;
	struct kvec vec = { &event, EVENT };
	struct iov_iter to;

	for (;;) {
		iov_iter_kvec(&to, ITER_DEST, &vec, 1, EVENT);
		r->result = twq_events_read(&r->f->ev, &to, TWQ_ETERNITY);
		if (r->result != EVENT || event.id < 1000)
			break;
		r->seen[event.id - 1000]++;
		r->total++;
	}
	kthread_complete_and_exit(&r->done, 0);
}

/* A reader that may run on @cpu, or anywhere (-1). */
static struct reader *reader_start_on(struct kunit *test, int cpu)
{
	struct reader *r = kunit_kzalloc(test, sizeof(*r), GFP_KERNEL);
	struct task_struct *thread;

	KUNIT_ASSERT_NOT_NULL(test, r);
	r->f = test->priv;
	init_completion(&r->done);
	thread = kthread_create(reader_thread, r, "twq_reader");
	KUNIT_ASSERT_FALSE(test, IS_ERR(thread));
	if (cpu >= 0)
		kthread_bind(thread, cpu);
	wake_up_process(thread);
	return r;
}

static struct reader *reader_start(struct kunit *test)
{
	return reader_start_on(test, -1);
}

static bool readers_wait(struct events_fixture *f, int nr)
{
	unsigned long end = jiffies + LIMIT;

	do {
		if (nr_waiting(f) == nr)
			return true;
		schedule_timeout_uninterruptible(1);
	} while (time_before(jiffies, end));
	return false;
}

/* Ends all readers; waking everybody, so that not even a wrong one stays. */
static void readers_stop(struct kunit *test, struct reader **r, int nr)
{
	struct events_fixture *f = test->priv;
	struct twq_ready stop[2];
	int i;

	for (i = 0; i < nr; i++) {
		twq_ready_init(&stop[i], i, 0);
		post_ready(f, &stop[i], &plain_run);
	}
	wake_up_all(&f->ev.wait);
	for (i = 0; i < nr; i++) {
		KUNIT_EXPECT_TRUE(test, wait_for_completion_timeout(&r[i]->done,
								    LIMIT));
		KUNIT_EXPECT_EQ(test, r[i]->result, EVENT);
	}
	for (i = 0; i < nr; i++)
		twq_events_close(&f->ev, &stop[i]);
}

static void events_post_wakes_a_waiting_reader(struct kunit *test)
{
	struct events_fixture *f = test->priv;
	struct reader *r = reader_start(test);
	unsigned long end = jiffies + LIMIT;

	KUNIT_EXPECT_TRUE(test, readers_wait(f, 1));
	KUNIT_EXPECT_EQ(test, READ_ONCE(r->total), 0);
	post(f, 5);
	while (!READ_ONCE(r->total) && time_before(jiffies, end))
		schedule_timeout_uninterruptible(1);
	KUNIT_EXPECT_EQ(test, READ_ONCE(r->total), 1);
	KUNIT_EXPECT_EQ(test, r->seen[5], 1);
	readers_stop(test, &r, 1);
}

/* Two readers wait, two events come: neither reader is left asleep. */
static void events_each_post_wakes_one_reader(struct kunit *test)
{
	struct events_fixture *f = test->priv;
	int after_first, waiting, cpu = cpumask_first(cpu_online_mask);
	struct reader *r[] = { reader_start_on(test, cpu),
			       reader_start_on(test, cpu) };
	unsigned long end = jiffies + LIMIT;

	KUNIT_EXPECT_TRUE(test, readers_wait(f, 2));
	KUNIT_ASSERT_EQ(test, set_cpus_allowed_ptr(current, cpumask_of(cpu)),
			0);
	/* Both before any reader, on this CPU as well, can run. */
	local_bh_disable();
	post(f, 0);
	after_first = nr_waiting(f);
	post(f, 1);
	waiting = nr_waiting(f);
	local_bh_enable();
	KUNIT_EXPECT_EQ(test, after_first, 1);
	KUNIT_EXPECT_EQ(test, waiting, 0);
	while (twq_events_ready(&f->ev) && time_before(jiffies, end))
		schedule_timeout_uninterruptible(1);
	KUNIT_EXPECT_FALSE(test, twq_events_ready(&f->ev));
	KUNIT_EXPECT_TRUE(test, readers_wait(f, 2));
	post(f, 2);
	KUNIT_EXPECT_TRUE(test, readers_wait(f, 2));
	KUNIT_EXPECT_EQ(test, r[0]->total + r[1]->total, 3);
	readers_stop(test, r, 2);
}

static void events_two_readers_share_each_event_once(struct kunit *test)
{
	struct events_fixture *f = test->priv;
	struct reader *r[] = { reader_start(test), reader_start(test) };
	unsigned int round, i, seen = 0;

	for (round = 0; round < 500; round++) {
		for (i = 0; i < READY; i++)
			post(f, i);
		cond_resched();
	}
	readers_stop(test, r, 2);
	for (i = 0; i < READY; i++)
		seen += r[0]->seen[i] + r[1]->seen[i];
	KUNIT_EXPECT_EQ(test, f->ev.fired, 500 * READY + 2);
	KUNIT_EXPECT_EQ(test, f->ev.delivered, seen + 2);
	KUNIT_EXPECT_EQ(test, f->ev.fired, f->ev.delivered + f->ev.coalesced);
}

struct poller {
	struct wait_queue_entry wait;
	unsigned int calls;
	__poll_t key;
};

static int poller_wake(struct wait_queue_entry *wait, unsigned int mode,
		       int flags, void *key)
{
	struct poller *p = container_of(wait, struct poller, wait);

	p->calls++;
	p->key = key_to_poll(key);
	return 0;
}

static void events_poller_is_told_of_the_first_post(struct kunit *test)
{
	struct events_fixture *f = test->priv;
	struct poller p = {};

	init_waitqueue_func_entry(&p.wait, poller_wake);
	add_wait_queue(&f->ev.wait, &p.wait);
	KUNIT_EXPECT_FALSE(test, twq_events_ready(&f->ev));
	post(f, 0);
	KUNIT_EXPECT_EQ(test, p.calls, 1);
	KUNIT_EXPECT_TRUE(test, p.key == (EPOLLIN | EPOLLRDNORM));
	KUNIT_EXPECT_TRUE(test, twq_events_ready(&f->ev));
	read_some(f, EVENT);
	KUNIT_EXPECT_FALSE(test, twq_events_ready(&f->ev));
	twq_events_close(&f->ev, &f->ready[0]);
	post(f, 0);
	KUNIT_EXPECT_EQ(test, p.calls, 1);
	remove_wait_queue(&f->ev.wait, &p.wait);
}

static struct kunit_case events_cases[] = {
	KUNIT_CASE(events_post_is_read_whole),
	KUNIT_CASE(events_read_oldest_first),
	KUNIT_CASE(events_second_post_adds_to_the_first),
	KUNIT_CASE(events_deadline_after_a_wakeup_is_told),
	KUNIT_CASE(events_post_after_read_begins_anew),
	KUNIT_CASE_PARAM(k3_overruns_saturate, overrun_gen_params),
	KUNIT_CASE(events_close_discards_the_unread),
	KUNIT_CASE(k4_post_after_close_is_discarded),
	KUNIT_CASE(events_pending_follows_the_event),
	KUNIT_CASE_PARAM(events_read_returns_whole_events, size_gen_params),
	KUNIT_CASE(events_read_fills_scattered_buffers),
	KUNIT_CASE(events_post_wakes_a_waiting_reader),
	KUNIT_CASE(events_each_post_wakes_one_reader),
	KUNIT_CASE(events_two_readers_share_each_event_once),
	KUNIT_CASE(events_poller_is_told_of_the_first_post),
	{}
};

static struct kunit_suite events_suite = {
	.name = "twq_events",
	.init = events_init,
	.exit = events_exit,
	.test_cases = events_cases,
};

kunit_test_suite(events_suite);
