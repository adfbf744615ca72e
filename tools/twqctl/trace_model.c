// SPDX-License-Identifier: GPL-2.0
/*
 * What a record of tracepoints means: a task is an address until its twq_end, a
 * run lasts from its begin to its end, and an arming by another CPU than the one
 * before, and not by the task's own run, is foreign.
 */
#include <errno.h>
#include <linux/twq.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "trace.h"

static const struct {
	const char *name;
	const char *meaning;
} kinds[TRACE_KINDS] = {
	[TRACE_RUN] = { "run", "late by" },
	[TRACE_ARM] = { "arm", "due in" },
	[TRACE_FOREIGN] = { "foreign", "due in" },
	[TRACE_MOVE] = { "move", "due in" },
	[TRACE_DROP] = { "drop", "" },
	[TRACE_EXPIRE] = { "expire", "late by" },
	[TRACE_WAKEUP] = { "wakeup", "" },
	[TRACE_REFUSED] = { "refused", "" },
	[TRACE_HANDED_ON] = { "handed_on", "" },
	[TRACE_REHOME] = { "rehome", "" },
	[TRACE_CREATE] = { "create", "" },
	[TRACE_DESTROY] = { "destroy", "" },
};

const char *trace_kind_name(enum trace_kind kind)
{
	return kinds[kind].name;
}

const char *trace_meaning(enum trace_kind kind)
{
	return kinds[kind].meaning;
}

/* -- tasks ---------------------------------------------------------------- */

/* A node of the tree: it stays where it is, as the array of tasks does not. */
struct alive {
	uint64_t address;
	uint32_t task;
};

static int compare(const void *a, const void *b)
{
	const struct alive *x = a, *y = b;

	return x->address < y->address ? -1 : x->address > y->address;
}

/* Room for one more in an array of @size each. */
static int grow(void **array, size_t nr, size_t *max, size_t size)
{
	size_t more = *max ? 2 * *max : 1024;
	void *bigger;

	if (nr < *max)
		return 0;
	bigger = reallocarray(*array, more, size);
	if (!bigger)
		return -ENOMEM;
	*array = bigger;
	*max = more;
	return 0;
}

static struct alive *new_task(struct trace *trace, uint64_t address)
{
	struct alive *alive = malloc(sizeof(*alive)), **found;

	if (!alive || grow((void **)&trace->tasks, trace->nr_tasks,
			   &trace->max_tasks, sizeof(*trace->tasks)))
		goto err;
	*alive = (struct alive){ address, trace->nr_tasks };
	found = tsearch(alive, &trace->alive, compare);
	if (!found)
		goto err;
	trace->tasks[trace->nr_tasks++] = (struct trace_task){
		.address = address,
		.armed_on = -1,
		.run = SIZE_MAX,
	};
	return alive;

err:
	free(alive);
	return NULL;
}

/* Its index, or TRACE_NO_TASK without memory. */
static uint32_t find_task(struct trace *trace, uint64_t address)
{
	const struct alive key = { .address = address };
	struct alive **found = tfind(&key, &trace->alive, compare);
	struct alive *alive = found ? *found : new_task(trace, address);

	return alive ? alive->task : TRACE_NO_TASK;
}

static void forget_task(struct trace *trace, uint64_t address)
{
	const struct alive key = { .address = address };
	struct alive **found = tfind(&key, &trace->alive, compare);
	struct alive *alive = found ? *found : NULL;

	if (alive) {
		tdelete(&key, &trace->alive, compare);
		free(alive);
	}
}

/* -- events --------------------------------------------------------------- */

/* What an event of the record is: its kind, and the time that belongs to it. */
struct step {
	const char *name;
	void (*take)(struct trace *trace, struct trace_event *event,
		     const struct trace_fields *fields);
};

static int64_t until(const struct trace_event *event, int64_t time_ns)
{
	return time_ns == TWQ_ETERNITY ? TRACE_NO_VALUE : time_ns - event->at_ns;
}

static void take_create(struct trace *trace, struct trace_event *event,
			const struct trace_fields *fields)
{
	struct trace_task *task = &trace->tasks[event->task];

	event->kind = TRACE_CREATE;
	task->id = trace_field(fields, "id");
	task->user_data = trace_field(fields, "user_data");
}

static void take_queue(struct trace *trace, struct trace_event *event,
		       const struct trace_fields *fields)
{
	struct trace_task *task = &trace->tasks[event->task];
	bool by_its_run = trace_field(fields, "state") & TWQ_STATE_RUNNING;

	event->kind = TRACE_ARM;
	if (!by_its_run && task->armed_on >= 0 && task->armed_on != event->cpu)
		event->kind = TRACE_FOREIGN;
	event->value_ns = until(event, trace_field(fields, "expires"));
	task->armed_on = event->cpu;
}

static void take_move(struct trace *trace, struct trace_event *event,
		      const struct trace_fields *fields)
{
	(void)trace;
	event->value_ns = until(event, trace_field(fields, "to"));
	event->kind = event->value_ns == TRACE_NO_VALUE ? TRACE_DROP :
							  TRACE_MOVE;
}

static void take_expire(struct trace *trace, struct trace_event *event,
			const struct trace_fields *fields)
{
	(void)trace;
	event->kind = TRACE_EXPIRE;
	event->value_ns = trace_field(fields, "now") -
			  trace_field(fields, "expires");
}

static void take_wakeup(struct trace *trace, struct trace_event *event,
			const struct trace_fields *fields)
{
	(void)trace;
	(void)fields;
	event->kind = TRACE_WAKEUP;
}

static void take_run_begin(struct trace *trace, struct trace_event *event,
			   const struct trace_fields *fields)
{
	int64_t late_ns = trace_field(fields, "now") -
			  trace_field(fields, "expires");

	event->kind = TRACE_RUN;
	if (trace_field(fields, "reasons") & TWQ_WOKEN_TIMER && late_ns >= 0)
		event->value_ns = late_ns;
	trace->tasks[event->task].run = trace->nr_events;
}

static void take_foreign(struct trace *trace, struct trace_event *event,
			 const struct trace_fields *fields)
{
	(void)trace;
	event->kind = trace_field(fields, "handed_on") ? TRACE_HANDED_ON :
							 TRACE_REFUSED;
}

static void take_destroy(struct trace *trace, struct trace_event *event,
			 const struct trace_fields *fields)
{
	(void)trace;
	(void)fields;
	event->kind = TRACE_DESTROY;
}

static const struct step steps[] = {
	{ "create", take_create },
	{ "queue", take_queue },
	{ "move", take_move },
	{ "expire", take_expire },
	{ "wakeup", take_wakeup },
	{ "run_begin", take_run_begin },
	{ "foreign", take_foreign },
	{ "destroy", take_destroy },
	{ NULL, NULL }
};

static const struct step *find_step(const char *name)
{
	const struct step *step;

	for (step = steps; step->name; step++)
		if (!strcmp(step->name, name))
			return step;
	return NULL;
}

/* A run that was under way when the record began has no begin. */
static void end_run(struct trace *trace, uint32_t index, int64_t at_ns)
{
	struct trace_task *task = &trace->tasks[index];

	if (task->run != SIZE_MAX)
		trace->events[task->run].length_ns =
			at_ns - trace->events[task->run].at_ns;
	task->run = SIZE_MAX;
}

int trace_add(struct trace *trace, const char *name, int cpu, int64_t at_ns,
	      const struct trace_fields *fields)
{
	const struct step *step = find_step(name);
	struct trace_event event = {
		.at_ns = at_ns,
		.cpu = cpu,
		.task = TRACE_NO_TASK,
		.kind = TRACE_REHOME,
		.value_ns = TRACE_NO_VALUE,
	};

	if (grow((void **)&trace->events, trace->nr_events, &trace->max_events,
		 sizeof(event)))
		return -ENOMEM;
	if (strcmp(name, "rehome")) {
		event.task = find_task(trace, trace_field(fields, "task"));
		if (event.task == TRACE_NO_TASK)
			return -ENOMEM;
	}
	if (step) {
		step->take(trace, &event, fields);
	} else if (!strcmp(name, "run_end")) {
		end_run(trace, event.task, at_ns);
		if (trace_field(fields, "freed"))
			forget_task(trace, trace_field(fields, "task"));
		return 0;
	} else if (!strcmp(name, "end")) {
		/* A run that frees its task ends after that. */
		if (trace->tasks[event.task].run == SIZE_MAX)
			forget_task(trace, trace_field(fields, "task"));
		return 0;
	} else if (strcmp(name, "rehome")) {
		return 0;
	}
	trace->events[trace->nr_events++] = event;
	return 0;
}

void trace_finish(struct trace *trace, int64_t begin_ns, int64_t end_ns)
{
	size_t i;

	trace->begin_ns = begin_ns;
	trace->end_ns = end_ns;
	for (i = 0; i < trace->nr_tasks; i++)
		end_run(trace, i, end_ns);
}

void trace_free(struct trace *trace)
{
	tdestroy(trace->alive, free);
	free(trace->events);
	free(trace->tasks);
}
