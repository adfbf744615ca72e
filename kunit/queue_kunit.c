// SPDX-License-Identifier: GPL-2.0
/*
 * Suite twq_queue: the ordered tree, against a sorted array as the oracle.
 */
#include <kunit/test.h>
#include <linux/prandom.h>
#include <linux/sort.h>

#include "check.h"
#include "queue.h"

#define NODES	300

struct queue_fixture {
	struct twq_queue q;
	struct twq_node nodes[NODES];
	s64 keys[NODES];
};

static int queue_init(struct kunit *test)
{
	struct queue_fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);
	int i;

	if (!f)
		return -ENOMEM;
	twq_queue_init(&f->q);
	for (i = 0; i < NODES; i++)
		twq_node_init(&f->nodes[i]);
	test->priv = f;
	return 0;
}

static int compare_keys(const void *a, const void *b)
{
	s64 x = *(const s64 *)a, y = *(const s64 *)b;

	return x < y ? -1 : x > y;
}

static void queue_empty_has_no_first(struct kunit *test)
{
	struct queue_fixture *f = test->priv;

	KUNIT_EXPECT_EQ(test, twq_queue_first_key(&f->q), TWQ_ETERNITY);
	KUNIT_EXPECT_NULL(test, twq_queue_first(&f->q));
	KUNIT_EXPECT_TRUE(test, twq_queue_valid(&f->q, NULL));
}

/* K9: equal times are all kept, in their order of arrival. */
static void queue_equal_keys_keep_order(struct kunit *test)
{
	struct queue_fixture *f = test->priv;
	int i;

	for (i = 0; i < NODES; i++)
		twq_queue_add(&f->q, &f->nodes[i], 7);
	KUNIT_EXPECT_EQ(test, f->q.nr, NODES);
	for (i = 0; i < NODES; i++) {
		struct twq_node *first = twq_queue_first(&f->q);

		KUNIT_ASSERT_PTR_EQ(test, first, &f->nodes[i]);
		twq_queue_remove(&f->q, first);
	}
	KUNIT_EXPECT_EQ(test, f->q.nr, 0);
}

static void queue_extreme_keys_are_ordered(struct kunit *test)
{
	struct queue_fixture *f = test->priv;

	twq_queue_add(&f->q, &f->nodes[0], TWQ_ETERNITY - 1);
	twq_queue_add(&f->q, &f->nodes[1], S64_MIN);
	twq_queue_add(&f->q, &f->nodes[2], 0);
	twq_queue_add(&f->q, &f->nodes[3], -1);
	KUNIT_EXPECT_EQ(test, twq_queue_first_key(&f->q), S64_MIN);
	KUNIT_EXPECT_TRUE(test, twq_queue_valid(&f->q, NULL));
	twq_queue_remove(&f->q, &f->nodes[1]);
	KUNIT_EXPECT_EQ(test, twq_queue_first_key(&f->q), -1);
	KUNIT_EXPECT_FALSE(test, twq_node_linked(&f->nodes[1]));
}

static void queue_random_matches_sorted(struct kunit *test)
{
	struct queue_fixture *f = test->priv;
	struct rnd_state rnd;
	int i;

	prandom_seed_state(&rnd, 1);
	for (i = 0; i < NODES; i++) {
		f->keys[i] = prandom_u32_state(&rnd) % 200;
		twq_queue_add(&f->q, &f->nodes[i], f->keys[i]);
		KUNIT_ASSERT_TRUE(test, twq_queue_valid(&f->q, NULL));
	}
	for (i = 0; i < NODES; i++) {
		f->keys[i] = prandom_u32_state(&rnd) % 200;
		twq_queue_move(&f->q, &f->nodes[i], f->keys[i]);
		KUNIT_ASSERT_TRUE(test, twq_queue_valid(&f->q, NULL));
	}
	sort(f->keys, NODES, sizeof(f->keys[0]), compare_keys, NULL);
	for (i = 0; i < NODES; i++) {
		struct twq_node *first = twq_queue_first(&f->q);

		KUNIT_ASSERT_EQ(test, twq_queue_first_key(&f->q), f->keys[i]);
		twq_queue_remove(&f->q, first);
		KUNIT_ASSERT_TRUE(test, twq_queue_valid(&f->q, NULL));
	}
	KUNIT_EXPECT_EQ(test, twq_queue_first_key(&f->q), TWQ_ETERNITY);
}

/* The checks themselves: a wrong key, count, first node is found. */
static void queue_check_finds_flaws(struct kunit *test)
{
	struct queue_fixture *f = test->priv;
	int i;

	for (i = 0; i < 10; i++)
		twq_queue_add(&f->q, &f->nodes[i], i);
	KUNIT_EXPECT_TRUE(test, twq_queue_valid(&f->q, NULL));
	f->nodes[5].key_ns = 100;
	KUNIT_EXPECT_FALSE(test, twq_queue_valid(&f->q, NULL));
	f->nodes[5].key_ns = 5;
	f->q.nr++;
	KUNIT_EXPECT_FALSE(test, twq_queue_valid(&f->q, NULL));
	f->q.nr--;
	f->q.tree.rb_leftmost = &f->nodes[3].rb;
	KUNIT_EXPECT_FALSE(test, twq_queue_valid(&f->q, NULL));
	f->q.tree.rb_leftmost = &f->nodes[0].rb;
	KUNIT_EXPECT_TRUE(test, twq_queue_valid(&f->q, NULL));
}

static struct kunit_case queue_cases[] = {
	KUNIT_CASE(queue_empty_has_no_first),
	KUNIT_CASE(queue_equal_keys_keep_order),
	KUNIT_CASE(queue_extreme_keys_are_ordered),
	KUNIT_CASE(queue_random_matches_sorted),
	KUNIT_CASE(queue_check_finds_flaws),
	{}
};

static struct kunit_suite queue_suite = {
	.name = "twq_queue",
	.init = queue_init,
	.test_cases = queue_cases,
};

kunit_test_suite(queue_suite);
