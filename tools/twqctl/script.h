/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The script language of `twqctl run`: a script holds the tasks that it has
 * created by name; each line is one statement and gives one answer.
 */
#ifndef TWQCTL_SCRIPT_H
#define TWQCTL_SCRIPT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libtwq.h"

/**
 * struct script_task - one task that the script has created
 * @name: as given; kept after destroy, so that events can name it
 * @id: of the device
 * @is_destroyed: the name is free again
 */
struct script_task {
	char *name;
	uint64_t id;
	bool is_destroyed;
};

/**
 * struct script - a script that runs
 * @fd: the device; the tasks live in this open file
 * @info: the device's limits
 * @json: answers are JSON
 * @keep_going: a line that failed does not end the script
 * @has_failed: a line has failed
 * @line: number of the present line
 * @tasks: every task ever created; its index is the user_data of its events
 * @error: of the present line: {"message": ..., "error": errno name or null}
 */
struct script {
	int fd;
	struct twq_info info;
	bool json;
	bool keep_going;
	bool has_failed;
	unsigned int line;
	struct script_task **tasks;
	size_t nr_tasks;
	json_t *error;
};

/**
 * struct statement - a line taken apart
 * @script: the script
 * @argc: number of words, the command's name included
 * @argv: the words
 * @answer: JSON object to which the command adds its answer
 */
struct statement {
	struct script *script;
	int argc;
	char **argv;
	json_t *answer;
};

/**
 * struct script_command - one command of the language
 * @name: the first word
 * @syntax: what is expected, for messages
 * @min_args: fewest words after the name
 * @max_args: most words after the name
 * @run: returns 0, or -1 after script_fail() or script_fail_call()
 */
struct script_command {
	const char *name;
	const char *syntax;
	int min_args;
	int max_args;
	int (*run)(struct statement *statement);
};

/* script_commands.c; the list ends with a NULL name. */
extern const struct script_command script_commands[];

/* script.c: runs one line, prints its answer. Returns 0, or -1 (printed). */
int script_run_line(struct script *script, char *line);
void script_free(struct script *script);

/* script_tasks.c */
struct script_task *script_find(struct script *script, const char *name);
struct script_task *script_add(struct script *script, const char *name);
/* The task that argv[1] names, or NULL after script_fail(). */
struct script_task *script_task_arg(struct statement *statement);

/* script_words.c: words to values. Each returns 0, or -1 after script_fail(). */
int words_time(struct statement *statement, const char *word,
	       int64_t *deadline_ns, uint32_t *flags);
int words_cpus(struct statement *statement, const char *word, cpu_set_t *cpus);
int words_reasons(struct statement *statement, char *word, uint32_t *reasons);
int words_duration(struct statement *statement, const char *word,
		   int64_t *ns);
json_t *state_to_json(uint32_t state);

/* script_events.c */
int script_events(struct statement *statement);

/* script_errors.c: both return -1, so that a command can return them. */
int script_fail(struct script *script, json_t *message);
int script_fail_call(struct statement *statement, int ret,
		     const struct script_task *task);

#endif /* TWQCTL_SCRIPT_H */
