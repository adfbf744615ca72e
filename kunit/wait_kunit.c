// SPDX-License-Identifier: GPL-2.0
/*
 * Suite twq_wait: readers that wait until a time, which is real here. What
 * must not happen is that a wake-up ends with a reader who leaves without an
 * event, while another sleeps on.
 */
#include <kunit/test.h>
#include <linux/bottom_half.h>
#include <linux/completion.h>
#include <linux/kthread.h>
#include <linux/ktime.h>

#include "events.h"
#include "testpoint.h"

#define EVENT		sizeof(struct twq_event)
#define SOON		(20 * NSEC_PER_MSEC)
#define LATER		(3600 * NSEC_PER_SEC)
#define LIMIT		(20 * HZ)

struct wait_fixture {
	struct twq_events ev;
	struct twq_ready ready;
	struct twq_event out;
	struct completion took, left;
	ssize_t got, taken;
	int left_at;		/* test points reached */
};

static struct wait_fixture *at_point;

static const struct twq_event plain_run = {
	.deadline_ns = 100,
	.fired_ns = 110,
	.reasons = TWQ_WOKEN_TIMER,
};

/* A reader is in the queue; the lock orders this against his coming. */
static bool is_waited(struct wait_fixture *f)
{
	unsigned long flags;
	bool waited;

	spin_lock_irqsave(&f->ev.wait.lock, flags);
	waited = !list_empty(&f->ev.wait.head);
	spin_unlock_irqrestore(&f->ev.wait.lock, flags);
	return waited;
}

static int wait_init(struct kunit *test)
{
	struct wait_fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);

	if (!f)
		return -ENOMEM;
	twq_events_init(&f->ev);
	twq_ready_init(&f->ready, 1000, 2000);
	init_completion(&f->took);
	init_completion(&f->left);
	at_point = f;
	test->priv = f;
	return 0;
}

static void wait_exit(struct kunit *test)
{
	struct wait_fixture *f = test->priv;

	WRITE_ONCE(twq_testpoint_fn, NULL);
	if (f)
		KUNIT_EXPECT_FALSE(test, is_waited(f));
}

static ssize_t read_until(struct wait_fixture *f, s64 until_ns)
{
	struct kvec vec = { &f->out, EVENT };
	struct iov_iter to;

	memset(&f->out, 0xcc, sizeof(f->out));
	iov_iter_kvec(&to, ITER_DEST, &vec, 1, EVENT);
	return twq_events_read(&f->ev, &to, until_ns);
}

static void post(struct wait_fixture *f)
{
	/* In bottom half, as tasks run. */
	local_bh_disable();
	twq_events_post(&f->ev, &f->ready, &plain_run);
	local_bh_enable();
}

static void wait_of_the_past_takes_what_is_there(struct kunit *test)
{
	const s64 past[] = { TWQ_EVENTS_NO_WAIT, S64_MIN, -1, 1, ktime_get() };
	struct wait_fixture *f = test->priv;
	int i;

	for (i = 0; i < ARRAY_SIZE(past); i++) {
		KUNIT_EXPECT_EQ(test, read_until(f, past[i]), -EAGAIN);
		post(f);
		KUNIT_EXPECT_EQ(test, read_until(f, past[i]), EVENT);
		KUNIT_EXPECT_EQ(test, f->out.id, 1000);
	}
}

static void wait_for_what_is_there_is_none(struct kunit *test)
{
	struct wait_fixture *f = test->priv;

	post(f);
	KUNIT_EXPECT_EQ(test, read_until(f, ktime_get() + LATER), EVENT);
	post(f);
	KUNIT_EXPECT_EQ(test, read_until(f, TWQ_ETERNITY), EVENT);
}

static void wait_ends_at_its_time(struct kunit *test)
{
	struct wait_fixture *f = test->priv;
	s64 until_ns = ktime_get() + SOON;

	KUNIT_EXPECT_EQ(test, read_until(f, until_ns), -EAGAIN);
	KUNIT_EXPECT_GE(test, ktime_get(), until_ns);
	KUNIT_EXPECT_EQ(test, f->out.id, 0xccccccccccccccccULL);
}

/* As a post that comes from another CPU at that moment would be. */
static void post_at_leaving(enum twq_testpoint where, struct twq_task *task)
{
	if (where != TWQ_TP_LEAVING || at_point->left_at++)
		return;
	post(at_point);
}

/* Woken after its time has come: the event is its own, nobody else is told. */
static void wait_woken_at_its_end_takes_the_event(struct kunit *test)
{
	struct wait_fixture *f = test->priv;

	WRITE_ONCE(twq_testpoint_fn, post_at_leaving);
	KUNIT_EXPECT_EQ(test, read_until(f, ktime_get() + SOON), EVENT);
	KUNIT_EXPECT_EQ(test, f->left_at, 1);
	KUNIT_EXPECT_EQ(test, f->out.id, 1000);
}

static int reader_thread(void *arg)
{
	struct wait_fixture *f = arg;

	f->got = read_until(f, ktime_get() + LATER);
	kthread_complete_and_exit(&f->left, 0);
}

/* Posts when the reader waits. */
static void post_to_waiter(struct wait_fixture *f)
{
	unsigned long end = jiffies + LIMIT;

	while (!is_waited(f) && time_before(jiffies, end))
		schedule_timeout_uninterruptible(1);
	post(f);
}

static void start_reader(struct kunit *test)
{
	struct task_struct *thread;

	thread = kthread_run(reader_thread, test->priv, "twq_wait");
	KUNIT_ASSERT_FALSE(test, IS_ERR(thread));
}

static void wait_ends_with_an_event(struct kunit *test)
{
	struct wait_fixture *f = test->priv;

	start_reader(test);
	post_to_waiter(f);
	KUNIT_EXPECT_TRUE(test, wait_for_completion_timeout(&f->left, LIMIT));
	KUNIT_EXPECT_EQ(test, f->got, EVENT);
}

/* As another reader would who comes before the one that was woken. */
static void take_at_leaving(enum twq_testpoint where, struct twq_task *task)
{
	if (where != TWQ_TP_LEAVING || at_point->left_at++)
		return;
	__set_current_state(TASK_RUNNING);
	at_point->taken = read_until(at_point, TWQ_EVENTS_NO_WAIT);
	complete(&at_point->took);
}

static void wait_goes_on_when_another_takes_the_event(struct kunit *test)
{
	struct wait_fixture *f = test->priv;

	WRITE_ONCE(twq_testpoint_fn, take_at_leaving);
	start_reader(test);
	post_to_waiter(f);
	KUNIT_EXPECT_TRUE(test, wait_for_completion_timeout(&f->took, LIMIT));
	KUNIT_EXPECT_EQ(test, f->taken, EVENT);
	post_to_waiter(f);
	KUNIT_EXPECT_TRUE(test, wait_for_completion_timeout(&f->left, LIMIT));
	KUNIT_EXPECT_EQ(test, f->got, EVENT);
}

static struct kunit_case wait_cases[] = {
	KUNIT_CASE(wait_of_the_past_takes_what_is_there),
	KUNIT_CASE(wait_for_what_is_there_is_none),
	KUNIT_CASE(wait_ends_at_its_time),
	KUNIT_CASE(wait_woken_at_its_end_takes_the_event),
	KUNIT_CASE(wait_ends_with_an_event),
	KUNIT_CASE(wait_goes_on_when_another_takes_the_event),
	{}
};

static struct kunit_suite wait_suite = {
	.name = "twq_wait",
	.init = wait_init,
	.exit = wait_exit,
	.test_cases = wait_cases,
};

kunit_test_suite(wait_suite);
