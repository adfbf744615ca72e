/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The world with an open file in it, for the suites of user-space tasks.
 */
#ifndef TWQ_KUNIT_UWORLD_H
#define TWQ_KUNIT_UWORLD_H

#include <kunit/test.h>

#include "utask.h"
#include "world.h"

#define UWORLD_OUT	8
#define UWORLD_USER_DATA 42

/**
 * struct uworld - test->priv of such a suite
 * @file: the file, NULL after uworld_close()
 * @out: what uworld_read() has read
 * @max_tasks: the limit to be restored
 * @min_interval_ns: the limit to be restored
 */
struct uworld {
	struct twq_file *file;
	struct twq_event out[UWORLD_OUT];
	unsigned int max_tasks;
	unsigned int min_interval_ns;
};

int uworld_init(struct kunit *test);
/* Balances the ledger of the file, unless it was closed, and closes it. */
void uworld_exit(struct kunit *test);
void uworld_close(struct kunit *test);

/* The ledger, and both of its identities with the tasks that there are. */
struct twq_ledger uworld_ledger(struct kunit *test);
void uworld_expect_balance(struct kunit *test);

/* A task of one CPU, with TWQ_CREATE_* flags; an ERR_PTR() if refused. */
struct twq_utask *uworld_try_new(struct kunit *test, s64 interval_ns, int cpu,
				 u32 flags);
/* A SHARED_WQ task of the CPU of the test. */
struct twq_utask *uworld_new(struct kunit *test, s64 interval_ns);
u64 uworld_id(const struct twq_utask *u);
/* 0, or the errno of a look-up. */
long uworld_find(struct kunit *test, u64 id);

/* Number of events read without waiting, or an errno. */
ssize_t uworld_read(struct kunit *test);

#endif /* TWQ_KUNIT_UWORLD_H */
