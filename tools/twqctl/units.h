/* SPDX-License-Identifier: GPL-2.0 */
/* Durations and CPU lists, from text and to text. */
#ifndef TWQCTL_UNITS_H
#define TWQCTL_UNITS_H

#include <sched.h>
#include <stddef.h>
#include <stdint.h>

#define NSEC_PER_SEC	1000000000LL
#define NSEC_PER_MSEC	1000000LL

/* What parse_duration() takes, for error messages. */
#define DURATION_SYNTAX	"a whole number with ns, us, ms or s, as in 100ms"
/* What parse_period() takes, for error messages. */
#define PERIOD_SYNTAX	"seconds, or a whole number with ns, us, ms or s, above 0 and up to a day"
/* What parse_cpus() takes, for error messages. */
#define CPUS_SYNTAX	"a list of CPU numbers, as in 0-3,5"

/*
 * Takes an optional sign, digits and a unit. Returns 0, -EINVAL, or -ERANGE
 * when the time does not fit into 64 bits of nanoseconds.
 */
int parse_duration(const char *text, int64_t *ns);

/*
 * Takes the same, or digits alone, which are seconds. Returns 0, -EINVAL, or
 * -ERANGE when it is not above 0 and up to a day.
 */
int parse_period(const char *text, int64_t *ns);

/* Takes numbers and ranges with commas. Returns 0, -EINVAL or -ERANGE. */
int parse_cpus(const char *text, cpu_set_t *cpus);

/* Takes a decimal number from @min to @max. Returns 0, -EINVAL or -ERANGE. */
int parse_number(const char *text, uint64_t min, uint64_t max,
		 uint64_t *number);

struct duration_text {
	char text[40];
};

/* The duration in the unit that suits its size, as in "1.234 ms". */
struct duration_text format_duration(int64_t ns);

/* CLOCK_MONOTONIC in nanoseconds. */
int64_t monotonic_ns(void);

#endif /* TWQCTL_UNITS_H */
