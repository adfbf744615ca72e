/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A record of the module's tracepoints as what happened to tasks on CPUs:
 * trace.c records, trace_model.c understands, trace_write.c writes.
 */
#ifndef TWQCTL_TRACE_H
#define TWQCTL_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum trace_kind {
	TRACE_RUN,
	TRACE_ARM,
	TRACE_FOREIGN,		/* armed by another CPU than the time before */
	TRACE_MOVE,
	TRACE_DROP,
	TRACE_EXPIRE,
	TRACE_WAKEUP,
	TRACE_REFUSED,
	TRACE_HANDED_ON,
	TRACE_REHOME,
	TRACE_CREATE,
	TRACE_DESTROY,
	TRACE_KINDS,
};

#define TRACE_NO_TASK	UINT32_MAX
#define TRACE_NO_VALUE	INT64_MIN

/**
 * struct trace_event - what happened
 * @at_ns: CLOCK_MONOTONIC
 * @length_ns: of a run; else 0
 * @value_ns: what trace_meaning() of its kind says, or TRACE_NO_VALUE
 * @task: index, or TRACE_NO_TASK
 * @cpu: where
 * @kind: enum trace_kind
 */
struct trace_event {
	int64_t at_ns;
	int64_t length_ns;
	int64_t value_ns;
	uint32_t task;
	uint16_t cpu;
	uint8_t kind;
};

/**
 * struct trace_task - a task, as long as its address is its own
 * @address: in the kernel
 * @id: as CREATE gave it, 0 if it was created before the record
 * @user_data: as given to CREATE
 * @armed_on: the CPU that armed it last, -1 if unknown
 * @run: index of the event of its present run, SIZE_MAX if there is none
 */
struct trace_task {
	uint64_t address;
	uint64_t id;
	uint64_t user_data;
	int armed_on;
	size_t run;
};

struct trace {
	struct trace_event *events;
	size_t nr_events, max_events;
	struct trace_task *tasks;
	size_t nr_tasks, max_tasks;
	void *alive;			/* tree of tasks by address */
	uint64_t lost;
	int64_t begin_ns, end_ns;
};

/* A field of the event at hand, sign and all. */
struct trace_fields;
int64_t trace_field(const struct trace_fields *fields, const char *name);

/*
 * One event of the record, in the order of time; @name without "twq_". Returns
 * 0 or -ENOMEM.
 */
int trace_add(struct trace *trace, const char *name, int cpu, int64_t at_ns,
	      const struct trace_fields *fields);
/* The last one has been added: runs that have not ended last until @end_ns. */
void trace_finish(struct trace *trace, int64_t begin_ns, int64_t end_ns);
void trace_free(struct trace *trace);

/* timeline.html, as it is. */
extern const char timeline_page[] __attribute__((visibility("hidden")));

/* The name of a kind, and of what value_ns is. */
const char *trace_kind_name(enum trace_kind kind);
const char *trace_meaning(enum trace_kind kind);

/* Each writes a whole file; 0 or -errno. */
int trace_write_json(const struct trace *trace, const char *path);
int trace_write_html(const struct trace *trace, const char *path);

#endif /* TWQCTL_TRACE_H */
