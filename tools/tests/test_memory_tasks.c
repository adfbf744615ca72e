// SPDX-License-Identifier: GPL-2.0
/*
 * Whatever can fail on the way of a call on a task does, one after the other,
 * and so does what CREATE needs. trial.h says what must hold. Needs a kernel
 * with fault injection.
 */
#define _GNU_SOURCE
#include "trial.h"

#define MAX_TASKS	"/sys/module/twq/parameters/max_tasks"

/* -- calls on a task ------------------------------------------------------ */

static void prepare_task(void)
{
	now.id = make_in(now.class, now.state);
	now.arg = good(now.nr, now.id);
	if (now.nr == TWQ_IOC_SET_AFFINITY && now.mask) {
		now.arg.affinity.cpus = (uintptr_t)&now.mask;
		now.arg.affinity.cpus_len = sizeof(now.mask);
	}
}

static void check_task(int ret)
{
	struct twq_query query;
	int found = query_task(dev, now.id, &query);

	EXPECT_EQ(found, now.nr == TWQ_IOC_DESTROY ? -ENOENT : 0);
	EXPECT_EQ(ret, now.nr == TWQ_IOC_CANCEL && now.state == ARMED);
	switch (now.nr) {
	case TWQ_IOC_SET_AFFINITY:
		EXPECT_EQ(query.nr_cpus,
			  __builtin_popcountll(now.mask ?: online_mask()));
		break;
	case TWQ_IOC_QUEUE:
	case TWQ_IOC_SCHEDULE:
		EXPECT_EQ(query.deadline_ns, now.arg.deadline.deadline_ns);
		break;
	case TWQ_IOC_CANCEL:
		EXPECT_EQ(query.deadline_ns, TWQ_ETERNITY);
		break;
	case TWQ_IOC_WAKEUP:
		wait_pending(now.id);
		break;
	case TWQ_IOC_QUERY:
		EXPECT_EQ(memcmp(&query, &now.arg.query, sizeof(query)), 0);
		break;
	}
}

static void clean_task(void)
{
	int ret = destroy(now.id);

	EXPECT_TRUE(!ret || ret == -ENOENT);
	now.id = 0;
}

static const struct subject on_task = {
	.prepare = prepare_task,
	.call = call_device,
	.check = check_task,
	.clean = clean_task,
};

/* @nr on a task of each class in each state, refused at least @least times. */
static void on_every_task(unsigned long nr, int least)
{
	now.nr = nr;
	for (now.class = 0; now.class < NR_CLASSES; now.class++)
		for (now.state = 0; now.state < NR_STATES; now.state++)
			EXPECT_GE(try_all(&on_task), least);
}

/* Its argument is all that a call reads, and may fail one at a time, in the
 * first three, in all: five refusals.
 */
static void destroy_refused(void)
{
	on_every_task(TWQ_IOC_DESTROY, 5);
}

static void queue_refused(void)
{
	on_every_task(TWQ_IOC_QUEUE, 5);
}

static void schedule_refused(void)
{
	on_every_task(TWQ_IOC_SCHEDULE, 5);
}

static void cancel_refused(void)
{
	on_every_task(TWQ_IOC_CANCEL, 5);
}

static void wakeup_refused(void)
{
	on_every_task(TWQ_IOC_WAKEUP, 5);
}

/* Argument and answer. */
static void query_refused(void)
{
	on_every_task(TWQ_IOC_QUERY, 6);
}

static bool several(uint64_t mask)
{
	return __builtin_popcountll(mask) > 1;
}

static void affinity_refused(void)
{
	const uint64_t masks[] = { bit(nth_cpu(0)), some_cpus(), 0 };
	int i;

	now.nr = TWQ_IOC_SET_AFFINITY;
	for (i = 0; i < TAP_COUNT(masks); i++) {
		now.mask = masks[i];
		for (now.class = PINNED; now.class < NR_CLASSES; now.class++)
			for (now.state = 0; now.state < NR_STATES; now.state++)
				/* One CPU, or all, needs no memory. */
				EXPECT_GE(try_all(&on_task),
					  several(now.mask) ? 9 : 5);
	}
}

/* Unused, a task of one CPU becomes a shared one. */
static void affinity_during_init_refused(void)
{
	now.nr = TWQ_IOC_SET_AFFINITY;
	now.class = LOCAL;
	now.state = IDLE;
	now.mask = some_cpus();
	EXPECT_GE(try_all(&on_task), 9);
}

/* -- CREATE --------------------------------------------------------------- */

static void prepare_create(void)
{
	now.mask = class_mask(now.class);
	memset(&now.arg, 0, sizeof(now.arg));
	now.arg.create.user_data = 7;
	now.arg.create.interval_ns = HOUR_NS;
	if (now.class == PINNED)
		now.arg.create.flags = TWQ_CREATE_SHARED;
	if (now.mask) {
		now.arg.create.cpus = (uintptr_t)&now.mask;
		now.arg.create.cpus_len = sizeof(now.mask);
	}
}

static void check_create(int ret)
{
	struct twq_query query = task(now.arg.create.id);

	EXPECT_EQ(ret, 0);
	EXPECT_EQ(query.user_data, 7);
	EXPECT_EQ(query.interval_ns, HOUR_NS);
	EXPECT_EQ(query.nr_cpus,
		  __builtin_popcountll(now.mask ?: online_mask()));
	EXPECT_EQ(destroy(now.arg.create.id), 0);
}

static const struct subject create = {
	.prepare = prepare_create,
	.call = call_device,
	.check = check_create,
};

/* Where nothing else fails: no memory for it, no task. */
static int try_without_place(enum fault fault)
{
	int refused;

	if (!aim_below(fault, "twq_slots_take"))
		tap_skip("needs the address of twq_slots_take()");
	refused = try_kind(&create, fault);
	aim_anywhere(fault);
	return refused;
}

/*
 * CREATE in a file that holds @full tasks and has room for one more: a slot
 * that a failed call kept would be missed by the next one.
 */
static void create_beside(int full)
{
	struct twq_ledger l = ledger(dev);
	int live = l.created - l.destroyed;
	char max[16];

	for (; live < full; live++)
		make_any(0);
	snprintf(max, sizeof(max), "%d", full + 1);
	EXPECT_TRUE(write_text(MAX_TASKS, max));
	now.nr = TWQ_IOC_CREATE;
	for (now.class = 0; now.class < NR_CLASSES; now.class++)
		EXPECT_GE(try_all(&create),
			  several(class_mask(now.class)) ? 12 : 7);
	now.class = ALL_CPUS;
	EXPECT_GE(try_without_place(FAULT_SLAB), 4);
	EXPECT_TRUE(write_text(MAX_TASKS, "1048576"));
}

static void create_refused(void)
{
	create_beside(NR_CLASSES * NR_STATES);
}

/* Without a bystander: there is no table before. */
static void create_first_refused(void)
{
	EXPECT_EQ(close(dev), 0);
	open_case();
	nr_tracked = 0;
	memset(bystander, 0, sizeof(bystander));
	create_beside(0);
}

/* Another page of slots is needed here, and once more. */
static void create_growing_the_table_refused(void)
{
	create_beside(256);
	create_beside(4096);
}

/* The first task in a page of slots brings the page. */
static void create_without_a_page_of_slots(void)
{
	const uint64_t per_page = sysconf(_SC_PAGESIZE) /
				  sizeof(struct twq_slot);
	uint64_t id;

	now.nr = TWQ_IOC_CREATE;
	for (now.class = 0; now.class < NR_CLASSES; now.class++) {
		do {
			id = make_in(now.class, IDLE);
		} while (TWQ_SLOT(id) % per_page < per_page - 1);
		EXPECT_GE(try_without_place(FAULT_PAGES), 1);
	}
}

/* Without failslab: the cache gives what it has, then needs a page. */
static void create_until_no_page_is_left(void)
{
	struct picture before, after;
	uint64_t id;
	int ret, n;

	EXPECT_TRUE(set_knob(FAULT_PAGES, "probability", "100"));
	for (n = 0; n < 5000 && !tap_failures; n++) {
		take_picture(&before);
		inject(FAULT_PAGES, EVERY);
		ret = try_create(dev, 0, 0, 0, 0, &id);
		inject_end(FAULT_PAGES);
		if (ret)
			break;
	}
	EXPECT_TRUE(set_knob(FAULT_PAGES, "probability", "0"));
	EXPECT_EQ(ret, -ENOMEM);
	take_picture(&after);
	EXPECT_EQ(memcmp(&before, &after, sizeof(after)), 0);
	EXPECT_EQ(try_create(dev, 0, 0, 0, 0, &id), 0);
}

static const struct tap_case cases[] = {
	TAP_CASE(destroy_refused),
	TAP_CASE(affinity_refused),
	TAP_CASE(affinity_during_init_refused),
	TAP_CASE(queue_refused),
	TAP_CASE(schedule_refused),
	TAP_CASE(cancel_refused),
	TAP_CASE(wakeup_refused),
	TAP_CASE(query_refused),
	TAP_CASE(create_refused),
	TAP_CASE(create_first_refused),
	TAP_CASE(create_growing_the_table_refused),
	TAP_CASE(create_without_a_page_of_slots),
	TAP_CASE(create_until_no_page_is_left),
	TAP_CASE(nothing_is_left),
};

int main(int argc, char **argv)
{
	static const struct tap_suite suite = {
		.cases = cases,
		.nr_cases = TAP_COUNT(cases),
		.before = open_trials,
		.after = close_case,
	};

	return inject_main(argc, argv, &suite);
}
