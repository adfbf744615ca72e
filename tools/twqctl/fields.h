/* SPDX-License-Identifier: GPL-2.0 */
/* The counters of the device by name, for tables and for JSON. */
#ifndef TWQCTL_FIELDS_H
#define TWQCTL_FIELDS_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* One __u64 member of a structure; a list ends with a NULL name. */
struct field {
	const char *name;
	size_t offset;
};

extern const struct field ledger_fields[];
extern const struct field cpu_stats_fields[];

static inline uint64_t field_value(const void *base, const struct field *field)
{
	return *(const uint64_t *)((const char *)base + field->offset);
}

/* A new JSON object with a member for each field. */
json_t *fields_to_json(const void *base, const struct field *fields);

/* Prints @object on stdout, on one line. */
void print_json(const json_t *object);

#endif /* TWQCTL_FIELDS_H */
