// SPDX-License-Identifier: GPL-2.0
/*
 * The world with an open file in it, see uworld.h.
 */
#include "task.h"
#include "uworld.h"

int uworld_init(struct kunit *test)
{
	struct uworld *f;
	int err = world_init(test);

	f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);
	if (err || !f)
		return err ?: -ENOMEM;
	f->max_tasks = twq_max_tasks;
	f->min_interval_ns = twq_min_interval_ns;
	f->file = twq_file_new();
	if (IS_ERR(f->file))
		return PTR_ERR(f->file);
	test->priv = f;
	return 0;
}

struct twq_ledger uworld_ledger(struct kunit *test)
{
	struct uworld *f = test->priv;
	struct twq_ledger l;

	twq_file_read_ledger(f->file, &l);
	return l;
}

/* Both identities of struct twq_ledger, and the number of tasks. */
void uworld_expect_balance(struct kunit *test)
{
	struct uworld *f = test->priv;
	struct twq_ledger l = uworld_ledger(test);
	unsigned int tasks = 0, deadlines = 0;
	struct twq_utask *u;
	u32 slot = 0;

	for (; (u = twq_utask_next(f->file, &slot)); slot++) {
		tasks++;
		deadlines += twq_task_expires(&u->task) != TWQ_ETERNITY;
		twq_utask_put(u);
	}
	KUNIT_EXPECT_EQ(test, l.created, l.destroyed + tasks);
	KUNIT_EXPECT_EQ(test, l.armed, l.expired + l.moved + l.cancelled +
			l.dropped + deadlines);
	KUNIT_EXPECT_EQ(test, l.fired, l.delivered + l.coalesced + l.pending +
			l.discarded);
	KUNIT_EXPECT_EQ(test, atomic_read(&f->file->live), 1 + tasks);
}

void uworld_close(struct kunit *test)
{
	struct uworld *f = test->priv;

	twq_file_close(f->file);
	f->file = NULL;
}

void uworld_exit(struct kunit *test)
{
	struct uworld *f = test->priv;

	if (f && f->file) {
		world_settle(test);
		uworld_expect_balance(test);
		uworld_close(test);
	}
	if (f) {
		twq_max_tasks = f->max_tasks;
		twq_min_interval_ns = f->min_interval_ns;
	}
	world_exit(test);
}

struct twq_utask *uworld_try_new(struct kunit *test, s64 interval_ns, int cpu,
				 u32 flags)
{
	const struct twq_create args = {
		.user_data = UWORLD_USER_DATA, .interval_ns = interval_ns, .flags = flags,
	};
	struct uworld *f = test->priv;
	struct twq_utask *u;

	u = twq_utask_new(f->file, &args, cpumask_of(cpu));
	if (!IS_ERR(u))
		twq_utask_publish(u);
	return u;
}

struct twq_utask *uworld_new(struct kunit *test, s64 interval_ns)
{
	struct twq_utask *u = uworld_try_new(test, interval_ns, world_cpu(),
				      TWQ_CREATE_SHARED);

	KUNIT_ASSERT_FALSE(test, IS_ERR(u));
	return u;
}

u64 uworld_id(const struct twq_utask *u)
{
	return u->ready.event.id;
}

/* 0 or the errno of a look-up. */
long uworld_find(struct kunit *test, u64 id)
{
	struct uworld *f = test->priv;
	struct twq_utask *u = twq_utask_get(f->file, id);

	if (IS_ERR(u))
		return PTR_ERR(u);
	twq_utask_put(u);
	return 0;
}

/* Number of events read into out[], or an errno. */
ssize_t uworld_read(struct kunit *test)
{
	struct uworld *f = test->priv;
	struct kvec vec = { f->out, sizeof(f->out) };
	struct iov_iter to;
	ssize_t size;

	iov_iter_kvec(&to, ITER_DEST, &vec, 1, sizeof(f->out));
	size = twq_events_read(&f->file->events, &to, TWQ_EVENTS_NO_WAIT);
	return size < 0 ? size : size / (ssize_t)sizeof(f->out[0]);
}
