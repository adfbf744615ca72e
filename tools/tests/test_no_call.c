// SPDX-License-Identifier: GPL-2.0
/*
 * Moving a deadline later, or taking it away, enters the kernel not once: it is
 * done by a process that the kernel kills at its first call other than its end.
 * That the kernel would is seen from moving a deadline earlier.
 */
#define _GNU_SOURCE
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "device.h"
#include "libtwq.h"

#define TASKS		1000
#define STEPS		10
#define NEAR_NS		(200 * NSEC_PER_MSEC)
#define NO_SECCOMP	2	/* exit status: could not be tried */

static uint64_t ids[TASKS];
static struct twq_map map;

/* From here on any call but the end of the thread is the end by SIGSYS. */
static bool forbid_calls(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	struct sock_fprog program = {
		.len = TAP_COUNT(code),
		.filter = code,
	};

	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* Runs @work in a child that may call nothing; returns its wait status. */
static int run_without_calls(int (*work)(int64_t start), int64_t start)
{
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		if (twq_map(dev, 0, &map))
			_exit(1);
		if (!forbid_calls())
			_exit(NO_SECCOMP);
		syscall(SYS_exit, work(start));
	}
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == NO_SECCOMP)
		tap_skip("the kernel has no seccomp filters");
	return status;
}

static int64_t later(int64_t start, int task, int step)
{
	return start + HOUR_NS + step * NSEC_PER_SEC + task;
}

static int extend_all(int64_t start)
{
	int failed = 0, step, i;

	for (step = 0; step <= STEPS; step++)
		for (i = 0; i < TASKS; i++)
			failed |= twq_extend(&map, ids[i],
					     later(start, i, step));
	return !!failed;
}

static int set_all_later(int64_t start)
{
	int failed = 0, i;

	for (i = 0; i < TASKS; i++)
		failed |= twq_set_deadline(&map, ids[i],
					   later(start, i, STEPS));
	return !!failed;
}

static int disarm_all(int64_t start)
{
	int failed = 0, i;

	(void)start;
	for (i = 0; i < TASKS; i++)
		failed |= twq_disarm(&map, ids[i]);
	return !!failed;
}

static int set_one_earlier(int64_t start)
{
	return !!twq_set_deadline(&map, ids[0], start + NSEC_PER_MSEC);
}

/* Of one CPU and of all of them in turn; the thread is bound to that CPU. */
static uint64_t make_one(int i)
{
	return i % 2 ? make_any(i) : make(dev, bit(nth_cpu(0)), 0, 0, i);
}

/* An hour ahead: however slow the machine is, none has come due. */
static int64_t arm_tasks(void)
{
	int64_t start = now_ns() + HOUR_NS;
	int i;

	pin(nth_cpu(0));
	for (i = 0; i < TASKS; i++) {
		ids[i] = make_one(i);
		EXPECT_EQ(queue_at(ids[i], start + i), 0);
	}
	return start;
}

static void expect_deadlines(int64_t start, bool armed)
{
	int i;

	for (i = 0; i < TASKS; i++)
		EXPECT_EQ(task(ids[i]).deadline_ns,
			  armed ? later(start, i, STEPS) : TWQ_ETERNITY);
}

static void extend_makes_no_call(void)
{
	int64_t start = arm_tasks();

	EXPECT_EQ(run_without_calls(extend_all, start), 0);
	expect_deadlines(start, true);
}

static void set_later_makes_no_call(void)
{
	int64_t start = arm_tasks();

	EXPECT_EQ(run_without_calls(set_all_later, start), 0);
	expect_deadlines(start, true);
}

static void disarm_makes_no_call(void)
{
	int64_t start = arm_tasks();

	EXPECT_EQ(run_without_calls(disarm_all, start), 0);
	expect_deadlines(start, false);
	/* Its books balance when its tasks have ended, and no earlier. */
	EXPECT_EQ(close(dev), 0);
	dev = -1;
}

static void set_earlier_makes_one(void)
{
	int64_t start = arm_tasks() + HOUR_NS;
	int status;

	EXPECT_EQ(queue_at(ids[0], start), 0);
	EXPECT_EQ(destroy(ids[0]), 0);
	ids[0] = make_any(0);
	EXPECT_EQ(queue_at(ids[0], start), 0);
	status = run_without_calls(set_one_earlier, start - HOUR_NS);
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(WTERMSIG(status), SIGSYS);
}

/* By each of the three; -EAGAIN where it was due already and is not moved. */
static int move_away(int i, int64_t deadline_ns)
{
	switch (i % 3) {
	case 0:
		return twq_extend(&map, ids[i], deadline_ns);
	case 1:
		return twq_set_deadline(&map, ids[i], deadline_ns);
	default:
		return twq_disarm(&map, ids[i]);
	}
}

/* Reads until @until_ns and what is there then: only of those that may fire. */
static void expect_only(const bool *may_fire, int64_t until_ns)
{
	struct twq_event event;
	int64_t left_ns;

	do {
		left_ns = until_ns - now_ns();
		if (left_ns < 0)
			left_ns = 0;
		while (readable(dev, left_ns ? left_ns / NSEC_PER_MSEC + 1 : 0))
			if (!next_event(dev, &event) ||
			    !EXPECT_LT(event.user_data, TASKS) ||
			    !EXPECT_TRUE(may_fire[event.user_data]))
				return;
	} while (left_ns);
}

/*
 * Nothing comes at the time from which a store has moved a deadline. Where that
 * time was over after the store, on a slow machine, the task may have fired.
 */
static void moved_away_does_not_fire(void)
{
	static bool may_fire[TASKS];
	int64_t deadline = 0;
	int i, ret;

	pin(nth_cpu(0));
	EXPECT_EQ(twq_map(dev, 0, &map), 0);
	for (i = 0; i < TASKS && !tap_failures; i++) {
		ids[i] = make_one(i);
		deadline = now_ns() + NEAR_NS;
		EXPECT_EQ(queue_at(ids[i], deadline), 0);
		ret = move_away(i, deadline + HOUR_NS);
		may_fire[i] = now_ns() >= deadline;
		EXPECT_TRUE(!ret || (may_fire[i] && ret == -EAGAIN));
	}
	expect_only(may_fire, deadline + QUIET_MS * NSEC_PER_MSEC);
	/* As above. */
	EXPECT_EQ(close(dev), 0);
	dev = -1;
}

static const struct tap_case cases[] = {
	TAP_CASE(extend_makes_no_call),
	TAP_CASE(set_later_makes_no_call),
	TAP_CASE(disarm_makes_no_call),
	TAP_CASE(set_earlier_makes_one),
	TAP_CASE(moved_away_does_not_fire),
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
