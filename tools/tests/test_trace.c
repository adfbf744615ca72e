// SPDX-License-Identifier: GPL-2.0
/*
 * The tracepoints by way of tracefs: which events a task's life consists of, in
 * which order and with which fields, and that the module may come and go while
 * they are recorded.
 */
#define _GNU_SOURCE
#include "module.h"
#include "slots.h"
#include "trace.h"

#define USER_DATA	0x7477711LL

#define SOON_NS		NSEC_PER_SEC

/* The address of the task with USER_DATA, as its creation tells it. */
static void find_task(const char *text, char *task, size_t size)
{
	struct trace_line line;

	task[0] = '\0';
	while (trace_next(&text, &line))
		if (!strcmp(line.name, "twq_create") &&
		    strtoll(trace_field(&line, "user_data"), NULL, 0) ==
		    USER_DATA)
			snprintf(task, size, "%s", trace_field(&line, "task"));
	EXPECT_GT(strlen(task), 0);
}

/* The steps of that task are @want, separated by blanks, and no others. */
static void expect_steps(const char *want)
{
	const char *text = read_file(INSTANCE "/trace"), *at = text;
	char task[64], steps[1024] = "";
	struct trace_line line;

	find_task(text, task, sizeof(task));
	while (trace_next(&at, &line)) {
		if (strcmp(trace_field(&line, "task"), task))
			continue;
		if (steps[0])
			strncat(steps, " ", sizeof(steps) - strlen(steps) - 1);
		strncat(steps, line.name + strlen("twq_"),
			sizeof(steps) - strlen(steps) - 1);
	}
	if (!EXPECT_EQ(strcmp(steps, want), 0))
		printf("# got %s\n# instead of %s\n", steps, want);
}

/* The first line of @event whose @field is @value; all others are passed over */
static bool find_line(const char *event, const char *field, long long value,
		      struct trace_line *line)
{
	const char *at = read_file(INSTANCE "/trace");

	while (trace_next(&at, line))
		if (!strcmp(line->name, event) &&
		    strtoll(trace_field(line, field), NULL, 0) == value)
			return true;
	return EXPECT_TRUE(!"the event is in the trace");
}

static long long number(const struct trace_line *line, const char *field)
{
	return strtoll(trace_field(line, field), NULL, 0);
}

/* How often @event is in the trace. */
static int count(const char *event)
{
	const char *at = read_file(INSTANCE "/trace");
	struct trace_line line;
	int nr = 0;

	while (trace_next(&at, &line))
		nr += !strcmp(line.name, event);
	return nr;
}

/* The end comes when the queues are done with the task. */
static void wait_for(const char *event)
{
	int64_t limit = now_ns() + GUARD_MS * NSEC_PER_MSEC;

	while (!count(event) && now_ns() < limit)
		pause_ms(10);
	EXPECT_GT(count(event), 0);
}

/*
 * Queued, and then moved to where it does not come due before its position has
 * moved, too.
 */
static void queue_and_move(uint64_t id, int64_t soon, int64_t later)
{
	EXPECT_EQ(queue_at(id, soon), 0);
	EXPECT_EQ(queue_at(id, later), 0);
	if (!ledger(dev).moved) {
		trace_stop();
		tap_skip("the machine was too slow to come before a deadline");
	}
	wait_for("twq_move");
}

static void a_life(uint32_t flags)
{
	int64_t soon, later, last;
	int cpu = nth_cpu(0);
	struct trace_line line;
	struct twq_event event;
	uint64_t id;

	pin(cpu);
	id = make(dev, bit(cpu), flags, 0, USER_DATA);
	soon = now_ns() + SOON_NS;
	later = soon + HOUR_NS;
	queue_and_move(id, soon, later);
	last = now_ns() + NSEC_PER_MSEC;
	EXPECT_EQ(queue_at(id, last), 0);
	EXPECT_TRUE(next_event(dev, &event));
	/* Its event comes before the end of its run. */
	wait_for("twq_run_end");
	EXPECT_EQ(destroy(id), 0);
	wait_for("twq_end");
	expect_steps("init create queue move queue expire run_begin run_end destroy end");

	if (find_line("twq_queue", "position", soon, &line)) {
		EXPECT_EQ(number(&line, "expires"), soon);
		EXPECT_EQ(number(&line, "owner"), flags ? -1 : cpu);
		EXPECT_EQ(line.cpu, cpu);
	}
	if (find_line("twq_move", "from", soon, &line))
		EXPECT_EQ(number(&line, "to"), later);
	if (find_line("twq_expire", "expires", last, &line))
		EXPECT_GE(number(&line, "now"), last);
	if (find_line("twq_run_begin", "expires", last, &line)) {
		EXPECT_EQ(number(&line, "now"), event.fired_ns);
		EXPECT_EQ(strcmp(trace_field(&line, "reasons"), "timer"), 0);
		EXPECT_EQ(strncmp(trace_field(&line, "function"), "twq_", 4),
			  0);
		EXPECT_EQ(line.cpu, event.cpu);
	}
}

static void life_of_a_local_task(void)
{
	a_life(0);
}

static void life_of_a_shared_task(void)
{
	a_life(TWQ_CREATE_SHARED);
}

static void foreign_call_is_told(void)
{
	uint64_t id = make(dev, bit(nth_cpu(1)), 0, 0, USER_DATA);
	struct trace_line line;

	pin(nth_cpu(0));
	EXPECT_EQ(queue_in(id, NSEC_PER_SEC), -EXDEV);
	expect_steps("init create foreign");
	if (find_line("twq_foreign", "owner", nth_cpu(1), &line)) {
		EXPECT_EQ(number(&line, "handed_on"), 0);
		EXPECT_EQ(line.cpu, nth_cpu(0));
	}
}

/* By a store, after which the owner follows. */
static void foreign_requeue_is_told(void)
{
	uint64_t id = make(dev, bit(nth_cpu(1)), 0, 0, USER_DATA);
	struct trace_line line;

	pin(nth_cpu(0));
	slots = map_all(dev);
	EXPECT_TRUE(store(id, now_ns() + HOUR_NS));
	EXPECT_EQ(requeue(id), 0);
	wait_for("twq_run_end");
	expect_steps("init create foreign wakeup run_begin queue run_end");
	if (find_line("twq_foreign", "handed_on", 1, &line))
		EXPECT_EQ(line.cpu, nth_cpu(0));
	if (find_line("twq_queue", "owner", nth_cpu(1), &line)) {
		EXPECT_EQ(strcmp(trace_field(&line, "state"), "running"), 0);
		EXPECT_EQ(line.cpu, nth_cpu(1));
	}
	EXPECT_EQ(destroy(id), 0);
}

static void holds_of_the_shared_lock_are_told(void)
{
	uint64_t id = make_any(USER_DATA);
	int before = count("twq_shared_acquired");

	EXPECT_EQ(queue_in(id, HOUR_NS), 0);
	EXPECT_GT(count("twq_shared_acquired"), before);
	EXPECT_EQ(count("twq_shared_acquired"), count("twq_shared_release"));
}

static void another_host_is_told(void)
{
	int gone = nth_cpu(1);
	struct trace_line line;
	char path[64];

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/online",
		 gone);
	if (write_file(path, "1"))
		tap_skip("the kernel has no CPU hotplug");
	pin(gone);
	EXPECT_EQ(queue_in(make(dev, bit(gone), 0, 0, 0), HOUR_NS), 0);
	pin(nth_cpu(0));
	EXPECT_EQ(write_file(path, "0"), 0);
	EXPECT_EQ(write_file(path, "1"), 0);
	if (find_line("twq_rehome", "from", gone, &line)) {
		EXPECT_EQ(number(&line, "cpu"), gone);
		EXPECT_NE(number(&line, "to"), gone);
		EXPECT_EQ(number(&line, "depth"), 1);
	}
	if (find_line("twq_rehome", "to", gone, &line)) {
		EXPECT_EQ(number(&line, "cpu"), gone);
		EXPECT_NE(number(&line, "from"), gone);
	}
}

/* The events leave with the module, recorded or not, and are back with it. */
static void module_leaves_while_it_is_traced(void)
{
	if (access(module_file(), R_OK))
		tap_skip("no module file: set TWQ_MODULE");
	make_any(USER_DATA);
	EXPECT_EQ(count("twq_create"), 1);
	EXPECT_EQ(close(dev), 0);
	dev = -1;
	EXPECT_EQ(unload_soon(), 0);
	EXPECT_EQ(access(TRACEFS "/events/twq", F_OK), -1);
	EXPECT_EQ(load(), 0);
	EXPECT_EQ(access(TRACEFS "/events/twq/twq_run_begin/format", R_OK), 0);
}

static void before_case(void)
{
	open_case();
	if (nr_online() < 2)
		tap_skip("needs two CPUs");
	trace_start();
}

static void after_case(void)
{
	trace_stop();
	close_case();
}

static const struct tap_case cases[] = {
	TAP_CASE(life_of_a_local_task),
	TAP_CASE(life_of_a_shared_task),
	TAP_CASE(foreign_call_is_told),
	TAP_CASE(foreign_requeue_is_told),
	TAP_CASE(holds_of_the_shared_lock_are_told),
	TAP_CASE(another_host_is_told),
	TAP_CASE(module_leaves_while_it_is_traced),
};

int main(int argc, char **argv)
{
	static const struct tap_suite suite = {
		.cases = cases,
		.nr_cases = TAP_COUNT(cases),
		.before = before_case,
		.after = after_case,
	};

	return tap_main(argc, argv, &suite);
}
