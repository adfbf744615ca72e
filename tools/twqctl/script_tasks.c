// SPDX-License-Identifier: GPL-2.0
/*
 * The tasks of a script by name. Names are looked up from the last to the
 * first, since a destroyed task's name may be used again; scripts are written
 * by hand, so a list does.
 */
#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "script.h"
#include "twqctl.h"

struct script_task *script_find(struct script *script, const char *name)
{
	size_t i;

	for (i = script->nr_tasks; i-- > 0;)
		if (!script->tasks[i]->is_destroyed &&
		    !strcmp(script->tasks[i]->name, name))
			return script->tasks[i];
	return NULL;
}

struct script_task *script_add(struct script *script, const char *name)
{
	struct script_task *task = calloc(1, sizeof(*task));
	struct script_task **tasks;

	tasks = reallocarray(script->tasks, script->nr_tasks + 1,
			     sizeof(*tasks));
	if (!task || !tasks)
		err(TWQCTL_TROUBLE, "task '%s'", name);
	script->tasks = tasks;
	task->name = strdup(name);
	if (!task->name)
		err(TWQCTL_TROUBLE, "task '%s'", name);
	tasks[script->nr_tasks++] = task;
	return task;
}

struct script_task *script_task_arg(struct statement *statement)
{
	const char *name = statement->argv[1];
	struct script_task *task = script_find(statement->script, name);

	if (!task)
		script_fail(statement->script,
			    json_sprintf("expected the name of a task that was created, not '%s'",
					 name));
	return task;
}
