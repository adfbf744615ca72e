// SPDX-License-Identifier: GPL-2.0
/* The words of a script line as values: times, CPUs, reasons. */
#include <errno.h>
#include <string.h>

#include "script.h"
#include "units.h"

static const struct bit {
	const char *name;
	uint32_t bit;
} bits[] = {
	{ "running", TWQ_STATE_RUNNING },
	{ "queued", TWQ_STATE_QUEUED },
	{ "shared_wq", TWQ_STATE_SHARED_WQ },
	/* what follows is a reason */
	{ "init", TWQ_WOKEN_INIT },
	{ "timer", TWQ_WOKEN_TIMER },
	{ "io", TWQ_WOKEN_IO },
	{ "signal", TWQ_WOKEN_SIGNAL },
	{ "msg", TWQ_WOKEN_MSG },
	{ "res", TWQ_WOKEN_RES },
	{ "other", TWQ_WOKEN_OTHER },
	{ NULL, 0 }
};

static int fail_time(struct statement *statement, const char *word, int ret)
{
	const char *what = ret == -ERANGE ?
		"a time that fits into 64 bits of nanoseconds" :
		"a time such as +50ms, -5ms, 1500000ns, now or never";

	return script_fail(statement->script,
			   json_sprintf("expected %s, not '%s'", what, word));
}

/*
 * A sign makes a time relative to now, in the future or in the past; without
 * one it is a time of CLOCK_MONOTONIC.
 */
int words_time(struct statement *statement, const char *word,
	       int64_t *deadline_ns, uint32_t *flags)
{
	int ret;

	*flags = 0;
	if (!strcmp(word, "never")) {
		*deadline_ns = TWQ_ETERNITY;
		return 0;
	}
	if (*word == '+' || *word == '-' || !strcmp(word, "now"))
		*flags = TWQ_RELATIVE;
	ret = parse_duration(strcmp(word, "now") ? word : "0", deadline_ns);
	return ret ? fail_time(statement, word, ret) : 0;
}

int words_duration(struct statement *statement, const char *word,
		   int64_t *ns)
{
	int ret = parse_duration(word, ns);

	if (ret == -ERANGE)
		return fail_time(statement, word, ret);
	if (ret || *ns < 0)
		return script_fail(statement->script,
				   json_sprintf("expected " DURATION_SYNTAX
						", not '%s'", word));
	return 0;
}

int words_cpus(struct statement *statement, const char *word, cpu_set_t *cpus)
{
	int ret = parse_cpus(word, cpus);

	if (ret == -ERANGE)
		return script_fail(statement->script,
				   json_sprintf("expected CPU numbers below %d, not '%s'",
						CPU_SETSIZE, word));
	if (ret)
		return script_fail(statement->script,
				   json_sprintf("expected " CPUS_SYNTAX
						", not '%s'", word));
	return 0;
}

static uint32_t find_reason(const char *word)
{
	const struct bit *bit;

	for (bit = bits; bit->name; bit++)
		if (bit->bit & TWQ_WOKEN_ANY && !strcmp(bit->name, word))
			return bit->bit;
	return 0;
}

int words_reasons(struct statement *statement, char *word, uint32_t *reasons)
{
	uint32_t reason;
	char *name;

	*reasons = 0;
	while ((name = strsep(&word, ",")) != NULL) {
		reason = find_reason(name);
		if (!reason)
			return script_fail(statement->script,
					   json_sprintf("expected init, io, signal, msg, res or other, not '%s'",
							name));
		*reasons |= reason;
	}
	return 0;
}

json_t *state_to_json(uint32_t state)
{
	json_t *names = json_array();
	const struct bit *bit;

	for (bit = bits; bit->name; bit++)
		if (state & bit->bit)
			json_array_append_new(names, json_string(bit->name));
	return names;
}
