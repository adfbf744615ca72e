// SPDX-License-Identifier: GPL-2.0
/*
 * twqctl trace: records the module's tracepoints for a time, in an instance of
 * tracefs that is gone afterwards, and writes a timeline of tasks over CPUs.
 * trace_model.c says what the record means, trace_write.c writes it.
 */
#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <tracefs/tracefs.h>

#include "fields.h"
#include "trace.h"
#include "twqctl.h"
#include "units.h"

#define SYSTEM		"twq"
#define MAX_DURATION_NS	(3600 * NSEC_PER_SEC)

struct trace_args {
	struct twqctl *ctl;
	const char *output;
	int64_t duration_ns;
	uint64_t buffer_kb;
};

static const struct argp_option options[] = {
	{ "output", 'o', "FILE", 0,
	  "Write FILE.json and FILE.html; FILE may end in either", 0 },
	{ "duration", 'd', "TIME", 0, "How long to record (5s)", 0 },
	{ "buffer", 'b', "KB", 0,
	  "Memory of each CPU for the record (8192); what does not fit is lost",
	  0 },
	{ 0 }
};

/* Without .json or .html, whichever of the two files was meant. */
static void strip_suffix(char *path)
{
	char *suffix = strrchr(path, '.');

	if (!suffix || suffix == path || suffix[-1] == '/')
		return;
	if (!strcmp(suffix, ".json") || !strcmp(suffix, ".html"))
		*suffix = '\0';
}

static error_t parse_trace(int key, char *arg, struct argp_state *state)
{
	struct trace_args *args = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		common_input(state, args->ctl);
		return 0;
	case 'o':
		strip_suffix(arg);
		args->output = arg;
		return 0;
	case 'd':
		if (parse_duration(arg, &args->duration_ns))
			argp_error(state, "--duration: expected " DURATION_SYNTAX ", not '%s'",
				   arg);
		if (args->duration_ns <= 0 ||
		    args->duration_ns > MAX_DURATION_NS)
			argp_error(state, "--duration: expected a time above 0 and up to an hour, not '%s'",
				   arg);
		return 0;
	case 'b':
		if (parse_number(arg, 4, 1 << 20, &args->buffer_kb))
			argp_error(state, "--buffer: expected 4 to 1048576, not '%s'",
				   arg);
		return 0;
	case ARGP_KEY_END:
		if (!args->output)
			argp_error(state, "expected --output=FILE");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* -- the record ----------------------------------------------------------- */

struct trace_fields {
	struct tep_event *event;
	struct tep_record *record;
};

int64_t trace_field(const struct trace_fields *fields, const char *name)
{
	struct tep_format_field *field = tep_find_field(fields->event, name);
	unsigned long long value = 0;

	if (!field || tep_read_number_field(field, fields->record->data, &value))
		return 0;
	if (field->flags & TEP_FIELD_IS_SIGNED && field->size == 4)
		return (int32_t)value;
	return value;
}

static int take_record(struct tep_event *event, struct tep_record *record,
		       int cpu, void *context)
{
	const struct trace_fields fields = { event, record };
	struct trace *trace = context;

	if (record->missed_events > 0)
		trace->lost += record->missed_events;
	else if (record->missed_events)
		trace->lost++;
	if (strncmp(event->name, "twq_", 4))
		return 0;
	return trace_add(trace, event->name + 4, cpu, record->ts, &fields);
}

/* What there is to say when tracefs refuses something. */
static void complain(const char *what)
{
	int error = errno;

	warnx("trace: %s: %s%s", what, strerror(error),
	      error == EACCES || error == EPERM ? " (root may)" : "");
}

static int enable(struct tracefs_instance *instance, bool on)
{
	/* Many, and no part of the picture. */
	static const char * const not[] = {
		"twq_shared_acquired", "twq_shared_release", NULL
	};
	int i;

	if (!on)
		return tracefs_event_disable(instance, SYSTEM, NULL);
	if (tracefs_event_enable(instance, SYSTEM, NULL))
		return -1;
	for (i = 0; not[i]; i++)
		if (tracefs_event_disable(instance, SYSTEM, not[i]))
			return -1;
	return 0;
}

static int set_up(const struct trace_args *args,
		  struct tracefs_instance *instance)
{
	char size[24];

	snprintf(size, sizeof(size), "%llu",
		 (unsigned long long)args->buffer_kb);
	if (tracefs_instance_file_write(instance, "buffer_size_kb", size) < 0) {
		complain("the size of the buffer");
		return -1;
	}
	if (tracefs_instance_file_write(instance, "trace_clock", "mono") < 0) {
		complain("the clock");
		return -1;
	}
	if (enable(instance, true)) {
		complain("the tracepoints of twq");
		return -1;
	}
	return 0;
}

/* Until the time is over or one of @signals has come, which are blocked. */
static void wait_for(int64_t duration_ns, const sigset_t *signals)
{
	const int64_t end_ns = monotonic_ns() + duration_ns;
	int64_t left_ns = duration_ns;
	struct timespec left;

	do {
		left.tv_sec = left_ns / NSEC_PER_SEC;
		left.tv_nsec = left_ns % NSEC_PER_SEC;
		if (sigtimedwait(signals, NULL, &left) > 0)
			return;
		left_ns = end_ns - monotonic_ns();
	} while (left_ns > 0);
}

static int read_record(struct tracefs_instance *instance, struct trace *trace)
{
	static const char * const systems[] = { SYSTEM, NULL };
	struct tep_handle *tep = tracefs_local_events_system(NULL, systems);
	int ret;

	if (!tep) {
		complain("the formats of the tracepoints");
		return -1;
	}
	ret = tracefs_iterate_raw_events(tep, instance, NULL, 0, take_record,
					 trace);
	if (ret)
		complain("the record");
	tep_free(tep);
	return ret;
}

static int record_in(const struct trace_args *args, const sigset_t *signals,
		     struct tracefs_instance *instance, struct trace *trace)
{
	int64_t begin_ns, end_ns;
	int ret;

	begin_ns = monotonic_ns();
	ret = set_up(args, instance);
	if (!ret)
		wait_for(args->duration_ns, signals);
	enable(instance, false);
	end_ns = monotonic_ns();
	if (!ret)
		ret = read_record(instance, trace);
	trace_finish(trace, begin_ns, end_ns);
	return ret;
}

/* Signals that end the program wait as long as there is an instance. */
static int record(const struct trace_args *args, struct trace *trace)
{
	struct tracefs_instance *instance;
	sigset_t signals, before;
	char name[32];
	int ret = -1;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, &before);
	snprintf(name, sizeof(name), "twqctl-%d", getpid());
	instance = tracefs_instance_create(name);
	if (instance) {
		ret = record_in(args, &signals, instance, trace);
		tracefs_instance_destroy(instance);
		tracefs_instance_free(instance);
	} else {
		complain("an instance of tracefs");
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	return ret;
}

/* -- the command ---------------------------------------------------------- */

/* Adds the path to @files. */
static int write_one(const struct trace *trace, const char *output,
		     const char *suffix, json_t *files,
		     int (*write)(const struct trace *trace, const char *path))
{
	char *path;
	int ret;

	if (asprintf(&path, "%s.%s", output, suffix) < 0)
		err(TWQCTL_TROUBLE, "asprintf");
	ret = write(trace, path);
	if (ret)
		warnx("trace: %s: %s", path, strerror(-ret));
	json_array_append_new(files, json_string(path));
	free(path);
	return ret;
}

static void report(const struct trace_args *args, const struct trace *trace,
		   const json_t *files)
{
	json_t *object, *file;
	size_t i;

	if (!args->ctl->json) {
		printf("%zu events of %zu tasks, %llu lost\n",
		       trace->nr_events, trace->nr_tasks,
		       (unsigned long long)trace->lost);
		json_array_foreach(files, i, file)
			printf("%s\n", json_string_value(file));
		return;
	}
	object = json_pack("{s:I, s:I, s:I, s:O}",
			   "events", (json_int_t)trace->nr_events,
			   "tasks", (json_int_t)trace->nr_tasks,
			   "lost", (json_int_t)trace->lost, "files", files);
	print_json(object);
	json_decref(object);
}

static int write_all(const struct trace_args *args, const struct trace *trace)
{
	json_t *files = json_array();
	int status = TWQCTL_TROUBLE;

	if (!write_one(trace, args->output, "json", files, trace_write_json) &&
	    !write_one(trace, args->output, "html", files, trace_write_html)) {
		report(args, trace, files);
		status = TWQCTL_OK;
	}
	json_decref(files);
	return status;
}

static bool can_trace(void)
{
	if (!tracefs_tracing_dir()) {
		warnx("trace: no tracefs: is it in the kernel, and are you root?");
		return false;
	}
	if (!tracefs_event_file_exists(NULL, SYSTEM, "twq_queue", "enable")) {
		warnx("trace: no tracepoints of twq: is the module loaded, the kernel built with them, and are you root?");
		return false;
	}
	return true;
}

int cmd_trace(struct twqctl *ctl, int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse_trace,
		.doc = "Record what happens to tasks on all CPUs and write a\n"
		       "timeline: FILE.json for Perfetto's and Chrome's viewers,\n"
		       "FILE.html as a page with the picture. An interrupt ends\n"
		       "the record early, a second one the program.\n"
		       "\013TIME is " DURATION_SYNTAX ".",
		.children = json_child,
	};
	struct trace_args args = {
		.ctl = ctl, .duration_ns = 5 * NSEC_PER_SEC, .buffer_kb = 8192,
	};
	int status = TWQCTL_TROUBLE;
	struct trace trace = {};

	if (argp_parse(&argp, argc, argv, 0, NULL, &args))
		return TWQCTL_USAGE;
	if (!can_trace())
		return TWQCTL_TROUBLE;
	if (!record(&args, &trace))
		status = write_all(&args, &trace);
	trace_free(&trace);
	return status;
}
