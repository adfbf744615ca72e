// SPDX-License-Identifier: GPL-2.0
/*
 * A suite that fails: it proves that a runner can. Linked in on demand only.
 */
#include <kunit/test.h>

static void fail_always(struct kunit *test)
{
	KUNIT_FAIL(test, "as it should");
}

static struct kunit_case fail_cases[] = {
	KUNIT_CASE(fail_always),
	{}
};

static struct kunit_suite fail_suite = {
	.name = "twq_fail",
	.test_cases = fail_cases,
};

kunit_test_suite(fail_suite);
