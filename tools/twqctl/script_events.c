// SPDX-License-Identifier: GPL-2.0
/* The events command: what is ready now, or a number of events in a time. */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "script.h"
#include "units.h"

#define EVENTS_A_READ		64
#define DEFAULT_WITHIN_NS	(5 * NSEC_PER_SEC)

static json_t *event_to_json(struct script *script,
			     const struct twq_event *event)
{
	json_t *object = json_object();
	bool has_deadline = event->deadline_ns != TWQ_ETERNITY;

	json_object_set_new(object, "task",
			    event->user_data < script->nr_tasks ?
			    json_string(script->tasks[event->user_data]->name) :
			    json_null());
	json_object_set_new(object, "id", json_integer(event->id));
	json_object_set_new(object, "reasons", state_to_json(event->reasons));
	json_object_set_new(object, "cpu", json_integer(event->cpu));
	json_object_set_new(object, "overruns", json_integer(event->overruns));
	json_object_set_new(object, "deadline_ns", has_deadline ?
			    json_integer(event->deadline_ns) : json_null());
	json_object_set_new(object, "fired_ns", json_integer(event->fired_ns));
	json_object_set_new(object, "late_ns", has_deadline ?
			    json_integer(event->fired_ns -
					 event->deadline_ns) : json_null());
	return object;
}

/* Reads what is ready, at most @max. Returns the number, or -errno. */
static int take_ready(struct script *script, uint64_t max, json_t *to)
{
	struct twq_event events[EVENTS_A_READ];
	int i, nr;

	if (max > EVENTS_A_READ)
		max = EVENTS_A_READ;
	nr = twq_read_events(script->fd, events, max);
	if (nr == -EAGAIN || nr == -EINTR)
		return 0;
	for (i = 0; i < nr; i++)
		json_array_append_new(to, event_to_json(script, &events[i]));
	return nr;
}

/* The list of events in the answer, empty yet. */
static json_t *add_list(struct statement *statement)
{
	json_object_set_new(statement->answer, "events", json_array());
	return json_object_get(statement->answer, "events");
}

static int all_ready(struct statement *statement)
{
	json_t *events = add_list(statement);
	int nr;

	do {
		nr = take_ready(statement->script, EVENTS_A_READ, events);
	} while (nr == EVENTS_A_READ);
	return nr < 0 ? script_fail_call(statement, nr, NULL) : 0;
}

static int wait_for(struct statement *statement, uint64_t wanted,
		    int64_t within_ns)
{
	json_t *events = add_list(statement);
	struct pollfd device = {
		.fd = statement->script->fd,
		.events = POLLIN,
	};
	int64_t started_ns = monotonic_ns(), left_ns = within_ns;
	struct timespec left;
	uint64_t seen = 0;
	int nr;

	for (;;) {
		nr = take_ready(statement->script, wanted - seen, events);
		if (nr < 0)
			return script_fail_call(statement, nr, NULL);
		seen += nr;
		left_ns = within_ns - (monotonic_ns() - started_ns);
		if (seen >= wanted)
			return 0;
		if (left_ns <= 0)
			break;
		left.tv_sec = left_ns / NSEC_PER_SEC;
		left.tv_nsec = left_ns % NSEC_PER_SEC;
		ppoll(&device, 1, &left, NULL);
	}
	return script_fail(statement->script,
			   json_sprintf("expected %llu events within %s, but %llu came",
					(unsigned long long)wanted,
					format_duration(within_ns).text,
					(unsigned long long)seen));
}

/* events [N [within DURATION]] */
int script_events(struct statement *statement)
{
	int64_t within_ns = DEFAULT_WITHIN_NS;
	uint64_t wanted;

	if (statement->argc == 1)
		return all_ready(statement);
	if (parse_number(statement->argv[1], 1, INT64_MAX, &wanted))
		return script_fail(statement->script,
				   json_sprintf("expected a number of events above 0, not '%s'",
						statement->argv[1]));
	if (statement->argc == 3 ||
	    (statement->argc == 4 && strcmp(statement->argv[2], "within")))
		return script_fail(statement->script,
				   json_sprintf("expected 'within DURATION' after the number, not '%s'",
						statement->argv[2]));
	if (statement->argc == 4 &&
	    words_duration(statement, statement->argv[3], &within_ns))
		return -1;
	return wait_for(statement, wanted, within_ns);
}
