// SPDX-License-Identifier: GPL-2.0
/* Durations and CPU lists, from text and to text. */
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "units.h"

static const struct unit {
	const char *name;
	int64_t ns;
} units[] = {
	{ "ns", 1 },
	{ "us", 1000 },
	{ "ms", NSEC_PER_MSEC },
	{ "s", NSEC_PER_SEC },
	{ NULL, 0 }
};

int parse_duration(const char *text, int64_t *ns)
{
	bool signed_text = *text == '-' || *text == '+';
	const struct unit *unit;
	long long number;
	char *end;

	if (!isdigit((unsigned char)text[signed_text]))
		return -EINVAL;
	errno = 0;
	number = strtoll(text, &end, 10);
	if (errno)
		return -ERANGE;
	*ns = 0;
	if (!number && !*end)
		return 0;	/* a bare 0 needs no unit */
	for (unit = units; unit->name; unit++)
		if (!strcmp(end, unit->name))
			break;
	if (!unit->name)
		return -EINVAL;
	return __builtin_mul_overflow(number, unit->ns, ns) ? -ERANGE : 0;
}

int parse_period(const char *text, int64_t *ns)
{
	const int64_t day_s = 86400;
	uint64_t seconds;
	int ret;

	ret = parse_number(text, 1, day_s, &seconds);
	if (!ret)
		*ns = seconds * NSEC_PER_SEC;
	else
		ret = parse_duration(text, ns);
	if (ret)
		return ret;
	return *ns > 0 && *ns <= day_s * NSEC_PER_SEC ? 0 : -ERANGE;
}

static int parse_cpu(const char **text, unsigned long *cpu)
{
	char *end;

	if (!isdigit((unsigned char)**text))
		return -EINVAL;
	errno = 0;
	*cpu = strtoul(*text, &end, 10);
	if (errno || *cpu >= CPU_SETSIZE)
		return -ERANGE;
	*text = end;
	return 0;
}

int parse_cpus(const char *text, cpu_set_t *cpus)
{
	unsigned long first, last;
	int ret;

	CPU_ZERO(cpus);
	for (;;) {
		ret = parse_cpu(&text, &first);
		if (ret)
			return ret;
		last = first;
		if (*text == '-') {
			text++;
			ret = parse_cpu(&text, &last);
			if (ret)
				return ret;
			if (last < first)
				return -EINVAL;
		}
		for (; first <= last; first++)
			CPU_SET(first, cpus);
		if (!*text)
			return 0;
		if (*text++ != ',')
			return -EINVAL;
	}
}

int parse_number(const char *text, uint64_t min, uint64_t max,
		 uint64_t *number)
{
	unsigned long long value;
	char *end;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (*end)
		return -EINVAL;
	if (errno || value < min || value > max)
		return -ERANGE;
	*number = value;
	return 0;
}

struct duration_text format_duration(int64_t ns)
{
	uint64_t size = ns < 0 ? -(uint64_t)ns : (uint64_t)ns;
	const struct unit *unit = units;
	struct duration_text out;

	while (unit[1].name && size >= (uint64_t)unit[1].ns)
		unit++;
	if (unit != units)
		snprintf(out.text, sizeof(out.text), "%.3f %s",
			 (double)ns / unit->ns, unit->name);
	else
		snprintf(out.text, sizeof(out.text), "%lld ns", (long long)ns);
	return out;
}

int64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
}
