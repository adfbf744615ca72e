// SPDX-License-Identifier: GPL-2.0
/* The counters of the device by name, for tables and for JSON. */
#include <linux/twq.h>
#include <stdio.h>

#include "fields.h"

#define LEDGER(member) { #member, offsetof(struct twq_ledger, member) }
#define CPU_STATS(member) { #member, offsetof(struct twq_cpu_stats, member) }

const struct field ledger_fields[] = {
	LEDGER(created),
	LEDGER(destroyed),
	LEDGER(armed),
	LEDGER(expired),
	LEDGER(moved),
	LEDGER(cancelled),
	LEDGER(dropped),
	LEDGER(fired),
	LEDGER(delivered),
	LEDGER(coalesced),
	LEDGER(pending),
	LEDGER(discarded),
	{ NULL, 0 }
};

const struct field cpu_stats_fields[] = {
	CPU_STATS(queued),
	CPU_STATS(kept),
	CPU_STATS(expired),
	CPU_STATS(stale),
	CPU_STATS(runs),
	CPU_STATS(passed_on),
	CPU_STATS(passes),
	CPU_STATS(cut),
	CPU_STATS(kicks),
	CPU_STATS(refused),
	CPU_STATS(rehomed),
	CPU_STATS(local_depth),
	CPU_STATS(shared_depth),
	{ NULL, 0 }
};

json_t *fields_to_json(const void *base, const struct field *fields)
{
	json_t *object = json_object();

	for (; fields->name; fields++)
		json_object_set_new(object, fields->name,
				    json_integer(field_value(base, fields)));
	return object;
}

void print_json(const json_t *object)
{
	json_dumpf(object, stdout, JSON_COMPACT);
	putchar('\n');
	fflush(stdout);
}
