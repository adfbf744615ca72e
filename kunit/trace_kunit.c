// SPDX-License-Identifier: GPL-2.0
/*
 * Suite twq_trace: what the tracepoints tell of a task's life, each step once,
 * in its order and with its arguments. A probe on each of them writes a log.
 */
#include <linux/atomic.h>
#include <linux/string.h>
#include <linux/tracepoint.h>

#include <trace/events/twq.h>

#include "cpu.h"
#include "scene.h"
#include "shared.h"

#define TRACE_MAX	64

enum step {
	STEP_NONE,
	STEP_INIT,
	STEP_QUEUE,
	STEP_MOVE,
	STEP_EXPIRE,
	STEP_WAKEUP,
	STEP_RUN_BEGIN,
	STEP_RUN_END,
	STEP_FOREIGN,
	STEP_REHOME,
	STEP_DESTROY,
	STEP_END,
};

/* What a probe saw; the shared lock is counted instead. */
struct entry {
	enum step step;
	const struct twq_task *task;
	s64 a, b, c;
};

static struct {
	struct entry entries[TRACE_MAX];
	atomic_t nr;
	atomic_t acquired;
	atomic_t released;
} trace_log;

static void note_all(enum step step, const struct twq_task *task, s64 a, s64 b,
		     s64 c)
{
	int n = atomic_fetch_inc(&trace_log.nr);

	if (n < TRACE_MAX)
		trace_log.entries[n] = (struct entry){ step, task, a, b, c };
}

static void note(enum step step, const struct twq_task *task, s64 a, s64 b)
{
	note_all(step, task, a, b, 0);
}

static void saw_init(void *data, const struct twq_task *task)
{
	note(STEP_INIT, task, 0, 0);
}

static void saw_queue(void *data, const struct twq_task *task, s64 position_ns)
{
	note(STEP_QUEUE, task, position_ns, 0);
}

static void saw_move(void *data, const struct twq_task *task, s64 from_ns,
		     s64 to_ns)
{
	note(STEP_MOVE, task, from_ns, to_ns);
}

static void saw_expire(void *data, const struct twq_task *task, s64 expires_ns,
		       s64 now_ns)
{
	note(STEP_EXPIRE, task, expires_ns, now_ns);
}

static void saw_wakeup(void *data, const struct twq_task *task, u32 reasons)
{
	note(STEP_WAKEUP, task, reasons, 0);
}

static void saw_run_begin(void *data, const struct twq_task *task, u32 reasons)
{
	note(STEP_RUN_BEGIN, task, reasons, twq_task_run_time(task));
}

static void saw_run_end(void *data, const struct twq_task *task, bool freed)
{
	note(STEP_RUN_END, task, freed, 0);
}

static void saw_foreign(void *data, const struct twq_task *task, bool handed_on)
{
	note(STEP_FOREIGN, task, handed_on, 0);
}

static void saw_rehome(void *data, int cpu, int from, int to,
		       unsigned int depth)
{
	if (depth)
		note_all(STEP_REHOME, NULL, cpu, from, to);
}

static void saw_destroy(void *data, const struct twq_task *task)
{
	note(STEP_DESTROY, task, 0, 0);
}

static void saw_end(void *data, const struct twq_task *task)
{
	note(STEP_END, task, 0, 0);
}

static void saw_acquired(void *data, const unsigned int *depth)
{
	atomic_inc(&trace_log.acquired);
}

static void saw_release(void *data, const unsigned int *depth)
{
	atomic_inc(&trace_log.released);
}

#define TRACE_PROBES(what) (						\
	what##_trace_twq_init(saw_init, NULL) ?:			\
	what##_trace_twq_queue(saw_queue, NULL) ?:			\
	what##_trace_twq_move(saw_move, NULL) ?:			\
	what##_trace_twq_expire(saw_expire, NULL) ?:			\
	what##_trace_twq_wakeup(saw_wakeup, NULL) ?:			\
	what##_trace_twq_run_begin(saw_run_begin, NULL) ?:		\
	what##_trace_twq_run_end(saw_run_end, NULL) ?:			\
	what##_trace_twq_foreign(saw_foreign, NULL) ?:			\
	what##_trace_twq_rehome(saw_rehome, NULL) ?:			\
	what##_trace_twq_destroy(saw_destroy, NULL) ?:			\
	what##_trace_twq_end(saw_end, NULL) ?:				\
	what##_trace_twq_shared_acquired(saw_acquired, NULL) ?:		\
	what##_trace_twq_shared_release(saw_release, NULL))

static int trace_init(struct kunit *test)
{
	int err = world_init(test);

	if (err)
		return err;
	memset(&trace_log, 0, sizeof(trace_log));
	if (!IS_ENABLED(CONFIG_TRACEPOINTS))
		kunit_skip(test, "the kernel has no tracepoints");
	return TRACE_PROBES(register);
}

static void trace_exit(struct kunit *test)
{
	if (IS_ENABLED(CONFIG_TRACEPOINTS))
		KUNIT_EXPECT_EQ(test, TRACE_PROBES(unregister), 0);
	tracepoint_synchronize_unregister();
	world_exit(test);
}

/* All steps of @p since the last look, or none of a task, are @want. */
static void expect_steps(struct kunit *test, const struct probe *p,
			 const struct entry *want, int nr)
{
	int i, n = 0, all = min(atomic_read(&trace_log.nr), TRACE_MAX);

	for (i = 0; i < all; i++) {
		const struct entry *got = &trace_log.entries[i];

		if (got->task != (p ? &p->task : NULL))
			continue;
		if (n < nr) {
			KUNIT_EXPECT_EQ(test, got->step, want[n].step);
			KUNIT_EXPECT_EQ(test, got->a, want[n].a);
			KUNIT_EXPECT_EQ(test, got->b, want[n].b);
			KUNIT_EXPECT_EQ(test, got->c, want[n].c);
		}
		n++;
	}
	KUNIT_EXPECT_EQ(test, n, nr);
	atomic_set(&trace_log.nr, 0);
}

#define EXPECT_STEPS(test, p, ...) do {					\
	static const struct entry want[] = { __VA_ARGS__ };		\
									\
	expect_steps(test, p, want, ARRAY_SIZE(want));			\
} while (0)

KUNIT_ARRAY_PARAM(near, scene_near, kind_desc);
KUNIT_ARRAY_PARAM(kind, scene_kinds, kind_desc);

static void trace_tells_a_life_in_order(struct kunit *test)
{
	struct probe *p = scene_probe(test, test->param_value);

	EXPECT_STEPS(test, p, { .step = STEP_INIT });
	KUNIT_EXPECT_EQ(test, scene_do(OP_QUEUE_AT, p, T0 + 5 * MS), 0);
	EXPECT_STEPS(test, p, { .step = STEP_QUEUE, .a = T0 + 5 * MS });
	KUNIT_EXPECT_EQ(test, scene_do(OP_EXTEND, p, T0 + 50 * MS), 0);
	KUNIT_EXPECT_EQ(test, scene_do(OP_QUEUE, p, 0), 0);
	world_advance(test, T0 + 5 * MS);
	EXPECT_STEPS(test, p,
		     { .step = STEP_MOVE, .a = T0 + 5 * MS, .b = T0 + 50 * MS });
	world_advance(test, T0 + 51 * MS);
	EXPECT_STEPS(test, p,
		     { .step = STEP_EXPIRE, .a = T0 + 50 * MS,
		       .b = T0 + 51 * MS },
		     { .step = STEP_RUN_BEGIN, .a = TWQ_WOKEN_TIMER,
		       .b = T0 + 51 * MS },
		     { .step = STEP_RUN_END });
	KUNIT_EXPECT_EQ(test, scene_do(OP_DESTROY, p, 0), 0);
	EXPECT_STEPS(test, p, { .step = STEP_DESTROY }, { .step = STEP_END });
}

/* A run that sets a deadline is queued before it ends. */
static void trace_tells_the_queueing_of_a_run(struct kunit *test)
{
	struct probe *p = scene_probe(test, test->param_value);

	p->next_ns = T0 + SEC;
	twq_task_wakeup(&p->task, TWQ_WOKEN_IO);
	world_settle(test);
	EXPECT_STEPS(test, p, { .step = STEP_INIT },
		     { .step = STEP_WAKEUP, .a = TWQ_WOKEN_IO },
		     { .step = STEP_RUN_BEGIN, .a = TWQ_WOKEN_IO, .b = T0 },
		     { .step = STEP_QUEUE, .a = T0 + SEC },
		     { .step = STEP_RUN_END });
}

static void trace_tells_a_dropped_position(struct kunit *test)
{
	struct probe *p = scene_probe_at(test, test->param_value, T0 + 5 * MS);

	scene_do(OP_DISARM, p, 0);
	world_advance(test, T0 + 5 * MS);
	EXPECT_STEPS(test, p, { .step = STEP_INIT },
		     { .step = STEP_QUEUE, .a = T0 + 5 * MS },
		     { .step = STEP_MOVE, .a = T0 + 5 * MS,
		       .b = TWQ_ETERNITY });
}

/* Moved before it comes, with another task whose deadline has come. */
static void trace_tells_a_position_moved_ahead(struct kunit *test)
{
	struct probe *p = scene_probe_at(test, test->param_value, T0 + 5 * MS);
	struct probe *due = scene_probe_at(test, test->param_value,
					   T0 + 5 * MS - 1);

	KUNIT_EXPECT_EQ(test, scene_do(OP_EXTEND, p, T0 + SEC), 0);
	world_advance(test, T0 + 5 * MS - 1);
	EXPECT_STEPS(test, p, { .step = STEP_INIT },
		     { .step = STEP_QUEUE, .a = T0 + 5 * MS },
		     { .step = STEP_MOVE, .a = T0 + 5 * MS, .b = T0 + SEC });
	KUNIT_EXPECT_EQ(test, atomic_read(&due->runs), 1);
}

static void trace_tells_a_task_freed_by_its_run(struct kunit *test)
{
	struct probe *p = scene_probe(test, test->param_value);

	p->free_in_process = true;
	twq_task_wakeup(&p->task, TWQ_WOKEN_MSG);
	world_settle(test);
	EXPECT_STEPS(test, p, { .step = STEP_INIT },
		     { .step = STEP_WAKEUP, .a = TWQ_WOKEN_MSG },
		     { .step = STEP_RUN_BEGIN, .a = TWQ_WOKEN_MSG, .b = T0 },
		     { .step = STEP_END },
		     { .step = STEP_RUN_END, .a = true });
}

static void trace_tells_what_is_refused_and_handed_on(struct kunit *test)
{
	int other = world_other_cpu(test);
	struct probe *p = probe_new_on(test, other);

	KUNIT_EXPECT_EQ(test, scene_do(OP_QUEUE_AT, p, T0 + MS), -EXDEV);
	KUNIT_EXPECT_EQ(test, scene_do(OP_UNLINK, p, 0), -EXDEV);
	EXPECT_STEPS(test, p, { .step = STEP_INIT }, { .step = STEP_FOREIGN },
		     { .step = STEP_FOREIGN });
	p->keep = true;
	twq_task_set_expires(&p->task, T0 + SEC);
	KUNIT_EXPECT_EQ(test, twq_task_requeue(&p->task), 0);
	world_settle(test);
	EXPECT_STEPS(test, p, { .step = STEP_FOREIGN, .a = true },
		     { .step = STEP_WAKEUP },
		     { .step = STEP_RUN_BEGIN, .b = T0 },
		     { .step = STEP_QUEUE, .a = T0 + SEC },
		     { .step = STEP_RUN_END });
	KUNIT_EXPECT_EQ(test, scene_do(OP_SET_AFFINITY, p, world_cpu()),
			-EXDEV);
	EXPECT_STEPS(test, p, { .step = STEP_FOREIGN });
}

static long go_down(void *arg)
{
	return twq_cpu_offline(raw_smp_processor_id());
}

static long come_up(void *arg)
{
	return twq_cpu_online(raw_smp_processor_id());
}

static void trace_tells_another_host(struct kunit *test)
{
	int other = world_other_cpu(test);
	struct probe *p = probe_new_on(test, other);
	struct entry away = { .step = STEP_REHOME, .a = other, .b = other };
	struct entry home = { .step = STEP_REHOME, .a = other, .c = other };

	KUNIT_EXPECT_EQ(test, probe_queue_on(p, other, T0 + SEC), 0);
	KUNIT_EXPECT_EQ(test, world_on(other, go_down, NULL), 0);
	away.c = per_cpu(twq_cpus, other).host;
	home.b = away.c;
	KUNIT_EXPECT_NE(test, away.c, other);
	expect_steps(test, NULL, &away, 1);
	KUNIT_EXPECT_EQ(test, world_on(other, come_up, NULL), 0);
	expect_steps(test, NULL, &home, 1);
}

static void trace_tells_holds_of_the_shared_lock(struct kunit *test)
{
	const struct kind *kind = test->param_value;
	struct probe *p = scene_probe(test, kind);

	atomic_set(&trace_log.acquired, 0);
	atomic_set(&trace_log.released, 0);
	KUNIT_EXPECT_EQ(test, scene_do(OP_QUEUE_AT, p, T0 + SEC), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&trace_log.acquired), kind->shared);
	KUNIT_EXPECT_EQ(test, scene_do(OP_UNLINK, p, 0), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&trace_log.acquired),
			2 * kind->shared);
	KUNIT_EXPECT_EQ(test, atomic_read(&trace_log.released),
			atomic_read(&trace_log.acquired));
}

static struct kunit_case trace_cases[] = {
	KUNIT_CASE_PARAM(trace_tells_a_life_in_order, near_gen_params),
	KUNIT_CASE_PARAM(trace_tells_the_queueing_of_a_run, kind_gen_params),
	KUNIT_CASE_PARAM(trace_tells_a_dropped_position, kind_gen_params),
	KUNIT_CASE_PARAM(trace_tells_a_position_moved_ahead, near_gen_params),
	KUNIT_CASE_PARAM(trace_tells_a_task_freed_by_its_run, kind_gen_params),
	KUNIT_CASE(trace_tells_what_is_refused_and_handed_on),
	KUNIT_CASE(trace_tells_another_host),
	KUNIT_CASE_PARAM(trace_tells_holds_of_the_shared_lock, near_gen_params),
	{}
};

static struct kunit_suite trace_suite = {
	.name = "twq_trace",
	.init = trace_init,
	.exit = trace_exit,
	.test_cases = trace_cases,
};

kunit_test_suite(trace_suite);
