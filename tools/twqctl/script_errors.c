// SPDX-License-Identifier: GPL-2.0
/* What a script's user is told when a line fails, with a hint by errno. */
#include <errno.h>
#include <string.h>

#include "script.h"
#include "units.h"

int script_fail(struct script *script, json_t *message)
{
	json_decref(script->error);
	script->error = json_pack("{s:o, s:n}", "message", message, "error");
	return -1;
}

static json_t *hint_foreign(struct statement *statement,
			    const struct script_task *task)
{
	struct twq_query query;

	if (!task || twq_get_task(statement->script->fd, task->id, &query) < 0)
		return json_string("task is not SHARED_WQ");
	if (!strcmp(statement->argv[0], "affinity"))
		return json_sprintf("task is not SHARED_WQ and was queued or woken; only CPU %u can be named, or create it with 'shared'",
				    query.cpu);
	return json_sprintf("task is not SHARED_WQ; call from CPU %u or create it with 'shared'",
			    query.cpu);
}

static json_t *hint_invalid(struct statement *statement)
{
	long long min_ns = statement->script->info.min_interval_ns;

	if (!strcmp(statement->argv[0], "create"))
		return json_sprintf("no CPU of the list is online, or the interval is below %lld ns",
				    min_ns);
	if (!strcmp(statement->argv[0], "affinity"))
		return json_string("no CPU of the list is online");
	if (!strcmp(statement->argv[0], "wakeup"))
		return json_string("the reason 'timer' is set by expiry alone");
	return json_string("the device refused the values");
}

static json_t *hint(struct statement *statement, int error,
		    const struct script_task *task)
{
	unsigned long long max_tasks = statement->script->info.max_tasks;

	switch (error) {
	case EXDEV:
		return hint_foreign(statement, task);
	case EINVAL:
		return hint_invalid(statement);
	case EDQUOT:
		return json_sprintf("the file holds as many tasks as it may (max_tasks is %llu)",
				    max_tasks);
	case ENOENT:
		return json_string("the file has no such task");
	case ENOMEM:
		return json_string("no memory is left, or the cgroup's limit is reached");
	default:
		return json_string(strerrordesc_np(error) ?: "unknown error");
	}
}

int script_fail_call(struct statement *statement, int ret,
		     const struct script_task *task)
{
	struct script *script = statement->script;
	const char *name = strerrorname_np(-ret);

	script_fail(script, hint(statement, -ret, task));
	json_object_set_new(script->error, "error",
			    name ? json_string(name) : json_integer(-ret));
	return -1;
}
