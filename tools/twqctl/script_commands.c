// SPDX-License-Identifier: GPL-2.0
/*
 * The commands of the script language: each takes its words apart, makes its
 * call and adds to the answer.
 */
#include <string.h>
#include <time.h>

#include "fields.h"
#include "script.h"
#include "units.h"

struct create_words {
	cpu_set_t cpus;
	bool has_cpus;
	uint32_t flags;
	int64_t interval_ns;
};

static int create_word(struct statement *statement, const char *word,
		       struct create_words *words)
{
	if (!strncmp(word, "cpus=", 5)) {
		words->has_cpus = true;
		return words_cpus(statement, word + 5, &words->cpus);
	}
	if (!strncmp(word, "interval=", 9))
		return words_duration(statement, word + 9,
				      &words->interval_ns);
	if (!strcmp(word, "shared")) {
		words->flags |= TWQ_CREATE_SHARED;
		return 0;
	}
	return script_fail(statement->script,
			   json_sprintf("expected cpus=LIST, shared or interval=DURATION, not '%s'",
					word));
}

static int run_create(struct statement *statement)
{
	struct script *script = statement->script;
	struct create_words words = { 0 };
	struct script_task *task;
	uint64_t id;
	int i, ret;

	if (script_find(script, statement->argv[1]))
		return script_fail(script,
				   json_string("a task of that name exists"));
	for (i = 2; i < statement->argc; i++)
		if (create_word(statement, statement->argv[i], &words))
			return -1;
	ret = twq_create(script->fd, words.has_cpus ? &words.cpus : NULL,
			 sizeof(words.cpus), words.flags, words.interval_ns,
			 script->nr_tasks, &id);
	if (ret < 0)
		return script_fail_call(statement, ret, NULL);
	task = script_add(script, statement->argv[1]);
	task->id = id;
	json_object_set_new(statement->answer, "id", json_integer(id));
	return 0;
}

static int set_deadline(struct statement *statement,
			int (*call)(int, uint64_t, int64_t, uint32_t))
{
	struct script_task *task = script_task_arg(statement);
	int64_t deadline_ns;
	uint32_t flags;
	int ret;

	if (!task ||
	    words_time(statement, statement->argv[2], &deadline_ns, &flags))
		return -1;
	ret = call(statement->script->fd, task->id, deadline_ns, flags);
	return ret < 0 ? script_fail_call(statement, ret, task) : 0;
}

static int run_queue(struct statement *statement)
{
	return set_deadline(statement, twq_queue);
}

static int run_schedule(struct statement *statement)
{
	return set_deadline(statement, twq_schedule);
}

static int run_affinity(struct statement *statement)
{
	struct script_task *task = script_task_arg(statement);
	cpu_set_t cpus;
	int ret;

	if (!task || words_cpus(statement, statement->argv[2], &cpus))
		return -1;
	ret = twq_set_affinity(statement->script->fd, task->id, &cpus,
			       sizeof(cpus));
	return ret < 0 ? script_fail_call(statement, ret, task) : 0;
}

static int run_cancel(struct statement *statement)
{
	struct script_task *task = script_task_arg(statement);
	int ret;

	if (!task)
		return -1;
	ret = twq_cancel(statement->script->fd, task->id);
	if (ret < 0)
		return script_fail_call(statement, ret, task);
	json_object_set_new(statement->answer, "stopped", json_boolean(ret));
	return 0;
}

static int run_wakeup(struct statement *statement)
{
	struct script_task *task = script_task_arg(statement);
	uint32_t reasons;
	int ret;

	if (!task || words_reasons(statement, statement->argv[2], &reasons))
		return -1;
	ret = twq_wakeup(statement->script->fd, task->id, reasons);
	return ret < 0 ? script_fail_call(statement, ret, task) : 0;
}

static int run_destroy(struct statement *statement)
{
	struct script_task *task = script_task_arg(statement);
	int ret;

	if (!task)
		return -1;
	ret = twq_destroy(statement->script->fd, task->id);
	if (ret < 0)
		return script_fail_call(statement, ret, task);
	task->is_destroyed = true;
	return 0;
}

static void answer_query(json_t *answer, const struct twq_query *query)
{
	bool is_armed = query->deadline_ns != TWQ_ETERNITY;
	bool is_in_tree = query->position_ns != TWQ_ETERNITY;

	json_object_set_new(answer, "id", json_integer(query->id));
	json_object_set_new(answer, "state", state_to_json(query->state));
	json_object_set_new(answer, "due_in_ns", is_armed ?
			    json_integer(query->deadline_ns - monotonic_ns()) :
			    json_null());
	json_object_set_new(answer, "deadline_ns", is_armed ?
			    json_integer(query->deadline_ns) : json_null());
	json_object_set_new(answer, "position_ns", is_in_tree ?
			    json_integer(query->position_ns) : json_null());
	json_object_set_new(answer, "interval_ns",
			    json_integer(query->interval_ns));
	json_object_set_new(answer, "pending", json_boolean(query->pending));
	json_object_set_new(answer, "overruns", json_integer(query->overruns));
	json_object_set_new(answer, "cpu", json_integer(query->cpu));
	json_object_set_new(answer, "nr_cpus", json_integer(query->nr_cpus));
}

static int run_query(struct statement *statement)
{
	struct script_task *task = script_task_arg(statement);
	struct twq_query query;
	int ret;

	if (!task)
		return -1;
	ret = twq_get_task(statement->script->fd, task->id, &query);
	if (ret < 0)
		return script_fail_call(statement, ret, task);
	answer_query(statement->answer, &query);
	return 0;
}

static int run_sleep(struct statement *statement)
{
	struct timespec time;
	int64_t ns;

	if (words_duration(statement, statement->argv[1], &ns))
		return -1;
	time.tv_sec = ns / NSEC_PER_SEC;
	time.tv_nsec = ns % NSEC_PER_SEC;
	nanosleep(&time, NULL);
	return 0;
}

static int run_stats(struct statement *statement)
{
	struct twq_stats stats;
	int ret = twq_get_stats(statement->script->fd, TWQ_STATS_ALL_CPUS,
				&stats);

	if (ret < 0)
		return script_fail_call(statement, ret, NULL);
	json_object_set_new(statement->answer, "ledger",
			    fields_to_json(&stats.ledger, ledger_fields));
	json_object_set_new(statement->answer, "cpu_stats",
			    fields_to_json(&stats.cpu_stats,
					   cpu_stats_fields));
	return 0;
}

const struct script_command script_commands[] = {
	{ "create", "create NAME [cpus=LIST] [shared] [interval=DURATION]", 1, 4,
	  run_create },
	{ "queue", "queue NAME TIME", 2, 2, run_queue },
	{ "schedule", "schedule NAME TIME", 2, 2, run_schedule },
	{ "affinity", "affinity NAME LIST", 2, 2, run_affinity },
	{ "cancel", "cancel NAME", 1, 1, run_cancel },
	{ "wakeup", "wakeup NAME REASON[,REASON...]", 2, 2, run_wakeup },
	{ "query", "query NAME", 1, 1, run_query },
	{ "destroy", "destroy NAME", 1, 1, run_destroy },
	{ "events", "events [N [within DURATION]]", 0, 3, script_events },
	{ "sleep", "sleep DURATION", 1, 1, run_sleep },
	{ "stats", "stats", 0, 0, run_stats },
	{ NULL, NULL, 0, 0, NULL }
};
