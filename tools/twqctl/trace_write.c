// SPDX-License-Identifier: GPL-2.0
/*
 * A record as a file: in the format of Chrome's and Perfetto's trace viewers, and
 * as a page with the picture. Each object is jansson's; they are written one by
 * one, since a record may have millions.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trace.h"

#define MARK	"@RECORD@"

/* timeline.html, as it is. */
asm(".section .rodata\n"
	"timeline_page:\n"
	".incbin \"" TIMELINE_PAGE "\"\n"
	".byte 0\n"
	".previous\n");

/* What people know it by: the user_data, the id, or the address. */
static void name_task(const struct trace_task *task, char *text, size_t size)
{
	if (task->id)
		snprintf(text, size, "task %#llx (user data %#llx)",
			 (unsigned long long)task->id,
			 (unsigned long long)task->user_data);
	else
		snprintf(text, size, "task at %#llx",
			 (unsigned long long)task->address);
}

/* 0 or -errno, the file's own while the call that failed is at hand. */
static int put_text(FILE *f, const char *text)
{
	return fputs(text, f) < 0 ? -errno : 0;
}

/* Writes a new object. */
static int put(FILE *f, json_t *object, const char *after)
{
	int ret = -ENOMEM;

	if (object) {
		errno = ENOMEM;	/* jansson sets none; a write that fails does */
		ret = json_dumpf(object, f, JSON_COMPACT | JSON_ESCAPE_SLASH) ?
		      -errno : 0;
	}
	json_decref(object);
	return ret ?: put_text(f, after);
}

static double us_of(int64_t ns)
{
	return ns / 1000.0;
}

/* -- for Chrome and Perfetto ---------------------------------------------- */

static json_t *json_args(const struct trace *trace,
			 const struct trace_event *event)
{
	json_t *args = json_object();
	char name[96];

	if (event->task != TRACE_NO_TASK) {
		name_task(&trace->tasks[event->task], name, sizeof(name));
		json_object_set_new(args, "task", json_string(name));
	}
	if (event->value_ns != TRACE_NO_VALUE)
		json_object_set_new(args, trace_meaning(event->kind),
				    json_pack("f", us_of(event->value_ns)));
	return args;
}

static json_t *json_event(const struct trace *trace,
			  const struct trace_event *event)
{
	double at_us = us_of(event->at_ns - trace->begin_ns);
	json_t *args = json_args(trace, event);

	if (event->kind == TRACE_RUN)
		return json_pack("{s:s, s:s, s:i, s:i, s:f, s:f, s:o}",
				 "name", "run", "ph", "X", "pid", 1,
				 "tid", event->cpu, "ts", at_us, "dur",
				 us_of(event->length_ns), "args", args);
	return json_pack("{s:s, s:s, s:s, s:i, s:i, s:f, s:o}", "name",
			 trace_kind_name(event->kind), "ph", "i", "s", "t",
			 "pid", 1, "tid", event->cpu, "ts", at_us, "args",
			 args);
}

static json_t *json_label(const char *what, int tid, const char *label)
{
	return json_pack("{s:s, s:s, s:i, s:i, s:{s:s}}", "name", what, "ph",
			 "M", "pid", 1, "tid", tid, "args", "name", label);
}

/* Which CPUs the events are of, in their order; the caller frees them. */
static json_t *json_cpus(const struct trace *trace)
{
	static const size_t max = UINT16_MAX + 1;
	json_t *cpus = json_array();
	bool *seen = calloc(max, sizeof(*seen));
	size_t i;

	for (i = 0; seen && i < trace->nr_events; i++)
		seen[trace->events[i].cpu] = true;
	for (i = 0; seen && i < max; i++)
		if (seen[i])
			json_array_append_new(cpus, json_integer(i));
	free(seen);
	return cpus;
}

static int write_labels(const struct trace *trace, FILE *f)
{
	int ret = put(f, json_label("process_name", 0, "twq"), "");
	json_t *cpus = json_cpus(trace), *cpu;
	char label[32];
	size_t i;

	json_array_foreach(cpus, i, cpu) {
		snprintf(label, sizeof(label), "CPU %d",
			 (int)json_integer_value(cpu));
		ret = ret ?: put_text(f, ",\n");
		ret = ret ?: put(f, json_label("thread_name",
					       json_integer_value(cpu), label),
				 "");
	}
	json_decref(cpus);
	return ret;
}

static json_t *json_other(const struct trace *trace)
{
	return json_pack("{s:I, s:I, s:I, s:I}", "clock_monotonic_begin_ns",
			 (json_int_t)trace->begin_ns, "length_ns",
			 (json_int_t)(trace->end_ns - trace->begin_ns),
			 "tasks", (json_int_t)trace->nr_tasks,
			 "lost_events", (json_int_t)trace->lost);
}

static int write_json(const struct trace *trace, FILE *f)
{
	size_t i;
	int ret;

	ret = put_text(f, "{\"displayTimeUnit\":\"ns\",\"otherData\":");
	ret = ret ?: put(f, json_other(trace), ",\n\"traceEvents\":[\n");
	ret = ret ?: write_labels(trace, f);
	for (i = 0; !ret && i < trace->nr_events; i++) {
		ret = put_text(f, ",\n");
		ret = ret ?: put(f, json_event(trace, &trace->events[i]), "");
	}
	return ret ?: put_text(f, "\n]}\n");
}

/* -- for the page --------------------------------------------------------- */

static json_t *page_kinds(void)
{
	json_t *kinds = json_array();
	int kind;

	for (kind = 0; kind < TRACE_KINDS; kind++)
		json_array_append_new(kinds,
				      json_string(trace_kind_name(kind)));
	return kinds;
}

static json_t *page_meaning(void)
{
	json_t *meaning = json_object();
	int kind;

	for (kind = 0; kind < TRACE_KINDS; kind++)
		json_object_set_new(meaning, trace_kind_name(kind),
				    json_string(trace_meaning(kind)));
	return meaning;
}

static int write_page_lists(const struct trace *trace, FILE *f)
{
	char name[96];
	size_t i;
	int ret;

	ret = put(f, page_kinds(), ",\"meaning\":");
	ret = ret ?: put(f, page_meaning(), ",\"cpus\":");
	ret = ret ?: put(f, json_cpus(trace), ",\n\"tasks\":[");
	for (i = 0; !ret && i < trace->nr_tasks; i++) {
		name_task(&trace->tasks[i], name, sizeof(name));
		ret = put(f, json_pack("{s:s}", "name", name),
			  i + 1 < trace->nr_tasks ? ",\n" : "");
	}
	return ret;
}

static json_t *page_event(const struct trace *trace,
			  const struct trace_event *event)
{
	json_t *list = json_pack("[i, i, i, I, I]", event->kind, event->cpu,
				 event->task == TRACE_NO_TASK ? -1 :
				 (int)event->task,
				 (json_int_t)(event->at_ns - trace->begin_ns),
				 (json_int_t)event->length_ns);

	if (event->value_ns != TRACE_NO_VALUE)
		json_array_append_new(list, json_integer(event->value_ns));
	return list;
}

static int write_html(const struct trace *trace, FILE *f)
{
	const char *mark = strstr(timeline_page, MARK);
	size_t i;
	int ret = 0;

	if (fwrite(timeline_page, mark - timeline_page, 1, f) != 1 ||
	    fprintf(f, "{\"length_ns\":%lld,\"lost\":%llu,\"kinds\":",
		    (long long)(trace->end_ns - trace->begin_ns),
		    (unsigned long long)trace->lost) < 0)
		ret = -errno;
	ret = ret ?: write_page_lists(trace, f);
	ret = ret ?: put_text(f, "],\n\"events\":[");
	for (i = 0; !ret && i < trace->nr_events; i++)
		ret = put(f, page_event(trace, &trace->events[i]),
			  i + 1 < trace->nr_events ? ",\n" : "");
	ret = ret ?: put_text(f, "]}");
	return ret ?: put_text(f, mark + strlen(MARK));
}

static int write_file(const struct trace *trace, const char *path,
		      int (*write)(const struct trace *trace, FILE *f))
{
	FILE *f = fopen(path, "we");
	int ret;

	if (!f)
		return -errno;
	ret = write(trace, f);
	if (fclose(f) && !ret)
		ret = -errno;
	return ret;
}

int trace_write_json(const struct trace *trace, const char *path)
{
	return write_file(trace, path, write_json);
}

int trace_write_html(const struct trace *trace, const char *path)
{
	return write_file(trace, path, write_html);
}
