// SPDX-License-Identifier: GPL-2.0
/* The report on a storm, for people and as JSON, from the same figures. */
#include <stdio.h>

#include "fields.h"
#include "storm.h"
#include "units.h"

/* For a fault that comes a little later, since it depends on time. */
#define MORE_OPERATIONS	1000

/* Where something is broken, beyond that, however long it takes. */
static uint64_t operations_of(const struct storm *storm)
{
	uint64_t most = 0;
	unsigned int i;

	if (storm->options.operations || !json_array_size(storm->broken))
		return storm->options.operations;
	for (i = 0; i < storm->options.nr_threads; i++)
		if (most < storm->actors[i].operation)
			most = storm->actors[i].operation;
	return most + MORE_OPERATIONS;
}

void storm_command(const struct storm *storm, char *text, size_t size)
{
	const struct storm_options *options = &storm->options;
	uint64_t operations = operations_of(storm);
	char until[40];

	if (operations)
		snprintf(until, sizeof(until), "--operations=%llu",
			 (unsigned long long)operations);
	else
		snprintf(until, sizeof(until), "--duration=%lldms",
			 (long long)(options->duration_ns / NSEC_PER_MSEC));
	snprintf(text, size,
		 "twqctl storm --seed=%llu --tasks=%u --threads=%u %s%s",
		 (unsigned long long)options->seed, options->nr_tasks,
		 options->nr_threads, until,
		 options->has_hotplug ? " --hotplug" : "");
}

static struct hotplug_counts changes(const struct storm *storm)
{
	if (storm->hotplug)
		return hotplug_counts(storm->hotplug);
	return (struct hotplug_counts){ 0 };
}

void storm_report_text(const struct storm *storm)
{
	const struct storm_options *options = &storm->options;
	const struct twq_ledger *l = &storm->ledger;
	struct hotplug_counts counts = changes(storm);

	printf("seed %llu: %u actors, %u tasks in %u files, ran for %s%s\n",
	       (unsigned long long)options->seed, options->nr_threads,
	       options->nr_tasks, storm->nr_files,
	       format_duration(storm->ran_ns).text,
	       storm->is_interrupted ? " (interrupted)" : "");
	printf("%-12s %llu, of which %llu stores, and %llu refused with -EXDEV; %llu files opened\n",
	       "operations", (unsigned long long)storm->nr_operations,
	       (unsigned long long)storm->stores,
	       (unsigned long long)storm->refused,
	       (unsigned long long)storm->opens);
	printf("%-12s %llu created, %llu destroyed\n", "tasks", l->created,
	       l->destroyed);
	printf("%-12s %llu armed, %llu expired, %llu moved, %llu cancelled, %llu dropped\n",
	       "deadlines", l->armed, l->expired, l->moved, l->cancelled,
	       l->dropped);
	printf("%-12s %llu fired, %llu delivered, %llu coalesced, %llu discarded\n",
	       "events", l->fired, l->delivered, l->coalesced, l->discarded);
	if (storm->hotplug)
		printf("%-12s %llu went down, %llu came up, %llu refused to; %llu tasks moved\n",
		       "CPUs", (unsigned long long)counts.downs,
		       (unsigned long long)counts.ups,
		       (unsigned long long)counts.refusals,
		       storm->after.rehomed - storm->before.rehomed);
	if (json_array_size(storm->broken))
		printf("FAILED: invariants broken: %zu\n",
		       json_array_size(storm->broken));
	else
		printf("every invariant held\n");
}

static json_t *settings_json(const struct storm *storm)
{
	const struct storm_options *options = &storm->options;

	return json_pack("{s:I, s:i, s:i, s:I, s:I, s:b}",
			 "seed", (json_int_t)options->seed,
			 "tasks", options->nr_tasks,
			 "threads", options->nr_threads,
			 "duration_ns", (json_int_t)options->duration_ns,
			 "operations", (json_int_t)options->operations,
			 "hotplug", options->has_hotplug);
}

void storm_report_json(const struct storm *storm)
{
	struct hotplug_counts counts = changes(storm);
	json_t *report = json_object();
	char command[200];

	storm_command(storm, command, sizeof(command));
	json_object_set_new(report, "ok",
			    json_boolean(!json_array_size(storm->broken)));
	json_object_set(report, "broken", storm->broken);
	json_object_set_new(report, "command", json_string(command));
	json_object_set_new(report, "interrupted",
			    json_boolean(storm->is_interrupted));
	json_object_set_new(report, "settings", settings_json(storm));
	json_object_set_new(report, "ran_ns", json_integer(storm->ran_ns));
	json_object_set_new(report, "operations",
			    json_integer(storm->nr_operations));
	json_object_set_new(report, "stores", json_integer(storm->stores));
	json_object_set_new(report, "refused", json_integer(storm->refused));
	json_object_set_new(report, "opens", json_integer(storm->opens));
	json_object_set_new(report, "cpus_down", json_integer(counts.downs));
	json_object_set_new(report, "cpus_up", json_integer(counts.ups));
	json_object_set_new(report, "rehomed",
			    json_integer(storm->after.rehomed -
					 storm->before.rehomed));
	json_object_set_new(report, "ledger",
			    fields_to_json(&storm->ledger, ledger_fields));
	print_json(report);
	json_decref(report);
}
