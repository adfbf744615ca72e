// SPDX-License-Identifier: GPL-2.0
/*
 * Every errno of the contract but -EFAULT (test_faults.c) and -EXDEV
 * (test_owner.c), provoked; and that the call which failed changed nothing.
 */
#define _GNU_SOURCE
#include <stddef.h>
#include "refused.h"

#define MAX_TASKS_FILE	"/sys/module/twq/parameters/max_tasks"

static const unsigned long id_calls[] = {
	TWQ_IOC_DESTROY, TWQ_IOC_SET_AFFINITY, TWQ_IOC_QUEUE, TWQ_IOC_SCHEDULE,
	TWQ_IOC_CANCEL, TWQ_IOC_WAKEUP, TWQ_IOC_QUERY,
};

/* A task that has something to lose: armed, and with an unread event. */
static uint64_t make_busy(void)
{
	uint64_t id = make_any(42);

	EXPECT_EQ(wake(id, TWQ_WOKEN_MSG), 0);
	EXPECT_EQ(readable(dev, GUARD_MS), 1);
	wait_rest(id);
	EXPECT_EQ(queue_in(id, HOUR_NS), 0);
	return id;
}

#define MEMBER(nr, type, from)						\
	{ nr, #type "." #from, offsetof(struct type, from) }

/* Members that must be zero: from there to the end of the structure. */
static const struct reserved {
	unsigned long nr;
	const char *name;
	size_t from;
} reserved[] = {
	MEMBER(TWQ_IOC_CREATE, twq_create, reserved),
	MEMBER(TWQ_IOC_DESTROY, twq_task_id, reserved),
	MEMBER(TWQ_IOC_CANCEL, twq_task_id, reserved),
	MEMBER(TWQ_IOC_SET_AFFINITY, twq_affinity, flags),
	MEMBER(TWQ_IOC_QUEUE, twq_deadline, pad),
	MEMBER(TWQ_IOC_SCHEDULE, twq_deadline, pad),
	MEMBER(TWQ_IOC_WAKEUP, twq_wakeup, pad),
	MEMBER(TWQ_IOC_QUERY, twq_query, reserved),
	MEMBER(TWQ_IOC_STATS, twq_stats, reserved),
	MEMBER(TWQ_IOC_SUBMIT, twq_submit, reserved),
};

static void reserved_member_non_zero(void)
{
	uint64_t id = make_busy();
	const struct reserved *r;
	size_t byte;

	for (r = reserved; r < reserved + TAP_COUNT(reserved); r++) {
		for (byte = r->from; byte < _IOC_SIZE(r->nr); byte++) {
			union argument arg = good(r->nr, id);

			arg.bytes[byte] = 0x80;
			expect_refused(r->nr, &arg, id, -EINVAL);
		}
		if (tap_failures) {
			printf("# member %s\n", r->name);
			return;
		}
	}
}

static void unknown_flag(void)
{
	uint64_t id = make_busy();
	int i;

	for (i = 0; i < 32; i++) {
		union argument arg;

		if (!(TWQ_CREATE_FLAGS & (1U << i))) {
			arg = good(TWQ_IOC_CREATE, id);
			arg.create.flags = 1U << i;
			expect_refused(TWQ_IOC_CREATE, &arg, id, -EINVAL);
		}
		if (!(TWQ_DEADLINE_FLAGS & (1U << i))) {
			arg = good(TWQ_IOC_QUEUE, id);
			arg.deadline.flags = 1U << i;
			expect_refused(TWQ_IOC_QUEUE, &arg, id, -EINVAL);
			expect_refused(TWQ_IOC_SCHEDULE, &arg, id, -EINVAL);
			arg = good(TWQ_IOC_SUBMIT, id);
			arg.submit.flags = 1U << i;
			expect_refused(TWQ_IOC_SUBMIT, &arg, id, -EINVAL);
		}
		arg = good(TWQ_IOC_SET_AFFINITY, id);
		arg.affinity.flags = 1U << i;
		expect_refused(TWQ_IOC_SET_AFFINITY, &arg, id, -EINVAL);
	}
}

static void create_bad_interval(void)
{
	uint64_t id = make_busy();
	struct twq_info info;
	int i;

	get_info(&info);
	for (i = 0; i < 4; i++) {
		const int64_t bad[] = {
			-1, INT64_MIN, 1, info.min_interval_ns - 1,
		};
		union argument arg = good(TWQ_IOC_CREATE, id);

		/* The smallest interval may be 1 ns. */
		if (bad[i] == 0 || bad[i] >= info.min_interval_ns)
			continue;
		arg.create.interval_ns = bad[i];
		expect_refused(TWQ_IOC_CREATE, &arg, id, -EINVAL);
	}
}

static void wakeup_bad_reasons(void)
{
	uint64_t id = make_busy();
	union argument arg = good(TWQ_IOC_WAKEUP, id);
	int i;

	arg.wakeup.reasons = 0;
	expect_refused(TWQ_IOC_WAKEUP, &arg, id, -EINVAL);
	arg.wakeup.reasons = TWQ_WOKEN_TIMER | TWQ_WOKEN_IO;
	expect_refused(TWQ_IOC_WAKEUP, &arg, id, -EINVAL);
	for (i = 0; i < 32; i++) {
		uint32_t reason = 1U << i;

		if (reason & TWQ_WOKEN_ANY & ~TWQ_WOKEN_TIMER)
			continue;
		arg.wakeup.reasons = reason;
		expect_refused(TWQ_IOC_WAKEUP, &arg, id, -EINVAL);
		arg.wakeup.reasons = reason | TWQ_WOKEN_IO;
		expect_refused(TWQ_IOC_WAKEUP, &arg, id, -EINVAL);
	}
}

/* CREATE and SET_AFFINITY take the mask in the same way. */
static void expect_bad_mask(uint64_t id, const void *cpus, uint32_t len)
{
	union argument arg = good(TWQ_IOC_CREATE, id);

	arg.create.cpus = (uintptr_t)cpus;
	arg.create.cpus_len = len;
	expect_refused(TWQ_IOC_CREATE, &arg, id, -EINVAL);
	arg = good(TWQ_IOC_SET_AFFINITY, id);
	arg.affinity.cpus = (uintptr_t)cpus;
	arg.affinity.cpus_len = len;
	expect_refused(TWQ_IOC_SET_AFFINITY, &arg, id, -EINVAL);
}

static void mask_length_not_of_whole_words(void)
{
	uint64_t id = make_busy(), mask[2] = { ~0ULL, ~0ULL };
	uint32_t len;

	for (len = 1; len < sizeof(mask); len++)
		if (len % 8)
			expect_bad_mask(id, mask, len);
}

static void mask_pointer_without_length(void)
{
	uint64_t id = make_busy(), mask = ~0ULL;

	expect_bad_mask(id, &mask, 0);
}

static void mask_length_without_pointer(void)
{
	expect_bad_mask(make_busy(), NULL, 8);
}

static void mask_empty(void)
{
	uint64_t id = make_busy(), mask[4] = {};

	expect_bad_mask(id, mask, sizeof(mask[0]));
	expect_bad_mask(id, mask, sizeof(mask));
}

static void mask_of_cpus_that_cannot_be(void)
{
	static uint64_t mask[256];
	uint64_t id = make_busy();
	struct twq_info info;
	unsigned int cpu;

	get_info(&info);
	for (cpu = info.nr_cpus; cpu < sizeof(mask) * 8; cpu++)
		mask[cpu / 64] |= 1ULL << (cpu % 64);
	expect_bad_mask(id, mask, sizeof(mask));
}

static void stats_bad_cpu(void)
{
	uint64_t id = make_busy();
	union argument arg = good(TWQ_IOC_STATS, id);
	struct twq_info info;

	get_info(&info);
	arg.stats.cpu = info.nr_cpus;
	expect_refused(TWQ_IOC_STATS, &arg, id, -EINVAL);
	arg.stats.cpu = TWQ_STATS_ALL_CPUS - 1;
	expect_refused(TWQ_IOC_STATS, &arg, id, -EINVAL);
	arg.stats.cpu = 1U << 31;
	expect_refused(TWQ_IOC_STATS, &arg, id, -EINVAL);
}

/* Every call that takes an id refuses @bad; task @id is the witness. */
static void expect_no_such_id(uint64_t bad, uint64_t id)
{
	int i;

	for (i = 0; i < TAP_COUNT(id_calls); i++) {
		union argument arg = good(id_calls[i], bad);

		expect_refused(id_calls[i], &arg, id, -ENOENT);
	}
}

static void id_zero_or_all_ones(void)
{
	uint64_t id = make_busy();

	expect_no_such_id(0, id);
	expect_no_such_id(~0ULL, id);
}

static void id_one_bit_off(void)
{
	uint64_t id = make_busy();
	int i;

	for (i = 0; i < 64; i++)
		expect_no_such_id(id ^ (1ULL << i), id);
}

static void id_destroyed(void)
{
	uint64_t witness = make_busy(), id = make_any(0);

	EXPECT_EQ(destroy(id), 0);
	expect_no_such_id(id, witness);
}

static void id_destroyed_and_its_slot_taken_again(void)
{
	uint64_t id = make_any(0), witness;

	EXPECT_EQ(destroy(id), 0);
	witness = make_busy();
	EXPECT_NE(witness, id);
	expect_no_such_id(id, witness);
}

static void id_of_another_file(void)
{
	int other = open_dev(0), i;
	uint64_t id = make(other, 0, 0, 0, 0);
	struct twq_ledger before = ledger(other), after;

	for (i = 0; i < TAP_COUNT(id_calls); i++) {
		union argument arg = good(id_calls[i], id);

		EXPECT_EQ(call(dev, id_calls[i], &arg), -ENOENT);
	}
	after = ledger(other);
	EXPECT_EQ(memcmp(&before, &after, sizeof(after)), 0);
	close(other);
}

static long set_max_tasks(long value)
{
	FILE *f = fopen(MAX_TASKS_FILE, "r+");
	char text[32] = "";
	long old;

	if (!EXPECT_TRUE(f))
		return -1;
	EXPECT_TRUE(fgets(text, sizeof(text), f));
	old = strtol(text, NULL, 10);
	rewind(f);
	EXPECT_GT(fprintf(f, "%ld\n", value), 0);
	EXPECT_EQ(fclose(f), 0);
	return old;
}

static void expect_quota(int fd, int limit)
{
	uint64_t ids[16], extra;
	struct twq_ledger before, after;
	int i;

	for (i = 0; i < limit; i++)
		ids[i] = make(fd, 0, 0, 0, 0);
	before = ledger(fd);
	EXPECT_EQ(try_create(fd, 0, 0, 0, 0, &extra), -EDQUOT);
	after = ledger(fd);
	EXPECT_EQ(memcmp(&before, &after, sizeof(after)), 0);
	for (i = 0; i < 100 && !tap_failures; i++) {
		EXPECT_EQ(id_call(fd, TWQ_IOC_DESTROY, ids[0]), 0);
		ids[0] = make(fd, 0, 0, 0, 0);
		EXPECT_EQ(try_create(fd, 0, 0, 0, 0, &extra), -EDQUOT);
	}
}

static void create_more_than_max_tasks(void)
{
	enum { LIMIT = 5 };
	long old = set_max_tasks(LIMIT);
	struct twq_info info;
	int fd = open_dev(O_NONBLOCK), other = open_dev(O_NONBLOCK);

	if (old < 0)
		return;
	EXPECT_EQ(call(fd, TWQ_IOC_INFO, &info), 0);
	EXPECT_EQ(info.max_tasks, LIMIT);
	expect_quota(fd, LIMIT);
	/* The limit is of each file. */
	expect_quota(other, LIMIT);
	close(fd);
	close(other);
	EXPECT_EQ(set_max_tasks(old), LIMIT);
}

static void call_of_unknown_number(void)
{
	uint64_t id = make_busy();
	union argument arg = { .bytes = {} };
	int nr;

	for (nr = 0x0a; nr <= 0xff; nr++) {
		expect_refused(_IO(TWQ_IOC_MAGIC, nr), &arg, id, -ENOTTY);
		expect_refused(_IOWR(TWQ_IOC_MAGIC, nr, struct twq_query),
			       &arg, id, -ENOTTY);
	}
}

static void call_of_wrong_encoding(void)
{
	uint64_t id = make_busy();
	int i;

	for (i = 0; i < TAP_COUNT(id_calls); i++) {
		unsigned long nr = id_calls[i];
		union argument arg = good(nr, id);

		expect_refused(nr + (8UL << _IOC_SIZESHIFT), &arg, id,
			       -ENOTTY);
		expect_refused(nr - (8UL << _IOC_SIZESHIFT), &arg, id,
			       -ENOTTY);
		expect_refused(nr & ~IOCSIZE_MASK, &arg, id, -ENOTTY);
		expect_refused(nr ^ ((unsigned long)_IOC_READ << _IOC_DIRSHIFT),
			       &arg, id, -ENOTTY);
		expect_refused(nr ^ (1UL << _IOC_TYPESHIFT), &arg, id,
			       -ENOTTY);
	}
}

static void read_buffer_smaller_than_an_event(void)
{
	uint64_t id = make_busy();
	struct snapshot before = snapshot(id);
	struct twq_event event;
	size_t len;

	for (len = 0; len < sizeof(event); len++) {
		memset(&event, POISON, sizeof(event));
		errno = 0;
		/* Of 0 bytes, VFS may tell 0 without asking the device. */
		if (read(dev, &event, len) != 0 || len) {
			EXPECT_EQ(errno, EINVAL);
			EXPECT_EQ(event.reasons, 0xcccccccc);
		}
	}
	expect_same(id, &before);
}

static void read_small_buffer_of_an_empty_file(void)
{
	char byte;

	EXPECT_EQ(read(dev, &byte, 1), -1);
	EXPECT_EQ(errno, EINVAL);
}

static void read_nothing_to_read(void)
{
	struct twq_event event;

	memset(&event, POISON, sizeof(event));
	EXPECT_EQ(read(dev, &event, sizeof(event)), -1);
	EXPECT_EQ(errno, EAGAIN);
	EXPECT_EQ(event.reasons, 0xcccccccc);
}

static void write_is_refused(void)
{
	uint64_t id = make_busy();
	struct snapshot before = snapshot(id);
	struct twq_event event = { .id = id };

	EXPECT_EQ(write(dev, &event, sizeof(event)), -1);
	EXPECT_EQ(errno, EINVAL);
	expect_same(id, &before);
}

static void seek_is_refused(void)
{
	uint64_t id = make_busy();
	struct snapshot before = snapshot(id);
	struct twq_event event;

	EXPECT_EQ(lseek(dev, 0, SEEK_SET), -1);
	EXPECT_EQ(errno, ESPIPE);
	EXPECT_EQ(pread(dev, &event, sizeof(event), 0), -1);
	EXPECT_EQ(errno, ESPIPE);
	expect_same(id, &before);
}

static const struct tap_case cases[] = {
	TAP_CASE(reserved_member_non_zero),
	TAP_CASE(unknown_flag),
	TAP_CASE(create_bad_interval),
	TAP_CASE(wakeup_bad_reasons),
	TAP_CASE(mask_length_not_of_whole_words),
	TAP_CASE(mask_pointer_without_length),
	TAP_CASE(mask_length_without_pointer),
	TAP_CASE(mask_empty),
	TAP_CASE(mask_of_cpus_that_cannot_be),
	TAP_CASE(stats_bad_cpu),
	TAP_CASE(id_zero_or_all_ones),
	TAP_CASE(id_one_bit_off),
	TAP_CASE(id_destroyed),
	TAP_CASE(id_destroyed_and_its_slot_taken_again),
	TAP_CASE(id_of_another_file),
	TAP_CASE(create_more_than_max_tasks),
	TAP_CASE(call_of_unknown_number),
	TAP_CASE(call_of_wrong_encoding),
	TAP_CASE(read_buffer_smaller_than_an_event),
	TAP_CASE(read_small_buffer_of_an_empty_file),
	TAP_CASE(read_nothing_to_read),
	TAP_CASE(write_is_refused),
	TAP_CASE(seek_is_refused),
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
