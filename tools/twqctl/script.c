// SPDX-License-Identifier: GPL-2.0
/*
 * One line of a script: cut it into words, take off 'on CPU', find the
 * command, run it and print the answer. Text and JSON come from the same
 * object, whose members keep the order in which they were set.
 */
#include <err.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fields.h"
#include "script.h"
#include "twqctl.h"
#include "units.h"

#define MAX_WORDS 16

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);

	return len >= end_len && !strcmp(text + len - end_len, end);
}

/* "reasons=timer,io", or "state=-" when there are none. */
static void print_names(json_t *names)
{
	size_t i, nr = json_array_size(names);

	if (!nr)
		putchar('-');
	for (i = 0; i < nr; i++)
		printf("%s%s", i ? "," : "",
		       json_string_value(json_array_get(names, i)));
}

static void print_member(const char *key, json_t *value)
{
	int len = strlen(key) - (ends_with(key, "_ns") ? 3 : 0);
	json_int_t number = json_integer_value(value);

	printf(" %.*s=", len, key);
	if (json_is_null(value))
		printf(strcmp(key, "deadline_ns") ? "none" : "never");
	else if (json_is_boolean(value))
		printf("%s", json_is_true(value) ? "yes" : "no");
	else if (json_is_array(value))
		print_names(value);
	else if (json_is_string(value))
		printf("%s", json_string_value(value));
	else if (!strcmp(key, "id"))
		printf("0x%llx", (unsigned long long)number);
	else if (!strcmp(key, "late_ns") || !strcmp(key, "due_in_ns"))
		printf("%.3fms", (double)number / NSEC_PER_MSEC);
	else
		printf("%lld%s", (long long)number,
		       ends_with(key, "_ns") ? "ns" : "");
}

static void print_members(json_t *object)
{
	const char *key;
	json_t *value;

	json_object_foreach(object, key, value) {
		if (json_is_object(value)) {
			printf("\n  %s:", key);
			print_members(value);
		} else {
			print_member(key, value);
		}
	}
}

/* Every event has a line of its own below that of the command. */
static void print_events(json_t *answer)
{
	json_t *events = json_object_get(answer, "events"), *event;
	size_t i;

	printf("events: %zu\n", json_array_size(events));
	json_array_foreach(events, i, event) {
		printf(" ");
		print_members(event);
		printf("\n");
	}
}

static void print_text(const struct statement *statement)
{
	if (json_object_get(statement->answer, "events")) {
		print_events(statement->answer);
		return;
	}
	printf("%s", statement->argv[0]);
	if (statement->argc > 1)
		printf(" %s", statement->argv[1]);
	printf(":");
	if (json_object_size(statement->answer))
		print_members(statement->answer);
	else
		printf(" ok");
	printf("\n");
}

static void print_json_answer(const struct statement *statement, bool ok)
{
	const struct script *script = statement->script;
	json_t *object = json_pack("{s:i, s:s}", "line", script->line,
				   "command", statement->argv[0]);

	if (statement->argc > 1)
		json_object_set_new(object, "argument",
				    json_string(statement->argv[1]));
	json_object_set_new(object, "ok", json_boolean(ok));
	json_object_update(object, statement->answer);
	if (!ok)
		json_object_update(object, script->error);
	print_json(object);
	json_decref(object);
}

static void print_failure(const struct statement *statement)
{
	const struct script *script = statement->script;
	json_t *message = json_object_get(script->error, "message");
	json_t *error = json_object_get(script->error, "error");
	int i;

	if (json_object_get(statement->answer, "events"))
		print_events(statement->answer);
	fprintf(stderr, "line %u:", script->line);
	for (i = 0; i < statement->argc && i < 2; i++)
		fprintf(stderr, " %s", statement->argv[i]);
	fprintf(stderr, ": ");
	if (json_is_string(error))
		fprintf(stderr, "-%s: ", json_string_value(error));
	fprintf(stderr, "%s\n", json_string_value(message));
}

static int fail_command(struct statement *statement)
{
	const struct script_command *command;
	char *names = NULL;
	size_t size;
	FILE *list = open_memstream(&names, &size);

	if (!list)
		err(TWQCTL_TROUBLE, "open_memstream");
	for (command = script_commands; command->name; command++)
		fprintf(list, "%s, ", command->name);
	fclose(list);
	script_fail(statement->script,
		    json_sprintf("unknown command; expected %sor 'on CPU' before one of them",
				 names));
	free(names);
	return -1;
}

static const struct script_command *find_command(struct statement *statement)
{
	const struct script_command *command;
	const char *name = statement->argv[0];

	for (command = script_commands; command->name; command++)
		if (!strcmp(command->name, name))
			break;
	if (!command->name) {
		fail_command(statement);
		return NULL;
	}
	if (statement->argc - 1 < command->min_args ||
	    statement->argc - 1 > command->max_args) {
		script_fail(statement->script,
			    json_sprintf("expected: %s", command->syntax));
		return NULL;
	}
	return command;
}

/* Takes 'on CPU' off the words and moves the caller there. */
static int go_to_cpu(struct statement *statement)
{
	cpu_set_t cpus;

	if (statement->argc < 3)
		return script_fail(statement->script,
				   json_string("expected: on CPU COMMAND..."));
	if (words_cpus(statement, statement->argv[1], &cpus))
		return -1;
	if (CPU_COUNT(&cpus) != 1)
		return script_fail(statement->script,
				   json_sprintf("expected one CPU after 'on', not '%s'",
						statement->argv[1]));
	if (sched_setaffinity(0, sizeof(cpus), &cpus))
		return script_fail(statement->script,
				   json_sprintf("cannot run there: %s; expected a CPU that is online",
						strerror(errno)));
	statement->argv += 2;
	statement->argc -= 2;
	return 0;
}

static int run_words(struct statement *statement)
{
	const struct script_command *command;
	cpu_set_t before;
	int ret = 0;

	if (sched_getaffinity(0, sizeof(before), &before))
		return script_fail(statement->script,
				   json_sprintf("sched_getaffinity: %s",
						strerror(errno)));
	if (!strcmp(statement->argv[0], "on"))
		ret = go_to_cpu(statement);
	if (!ret) {
		command = find_command(statement);
		ret = command ? command->run(statement) : -1;
	}
	sched_setaffinity(0, sizeof(before), &before);
	return ret;
}

/* Returns the number of words; MAX_WORDS when there may be more. */
static int cut_words(char *line, char **words)
{
	char *next, *word;
	int nr = 0;

	line[strcspn(line, "#")] = '\0';
	for (word = strtok_r(line, " \t\r\n", &next); word && nr < MAX_WORDS;
	     word = strtok_r(NULL, " \t\r\n", &next))
		words[nr++] = word;
	return nr;
}

int script_run_line(struct script *script, char *line)
{
	char *words[MAX_WORDS];
	struct statement statement = { .script = script, .argv = words };
	int ret;

	statement.argc = cut_words(line, words);
	if (!statement.argc)
		return 0;
	statement.answer = json_object();
	ret = run_words(&statement);
	if (script->json)
		print_json_answer(&statement, !ret);
	else if (ret)
		print_failure(&statement);
	else
		print_text(&statement);
	json_decref(statement.answer);
	return ret;
}

void script_free(struct script *script)
{
	size_t i;

	for (i = 0; i < script->nr_tasks; i++) {
		free(script->tasks[i]->name);
		free(script->tasks[i]);
	}
	free(script->tasks);
	json_decref(script->error);
}
