// SPDX-License-Identifier: GPL-2.0
/* The report on a load, for people and as JSON, from the same figures. */
#include <stdio.h>

#include "fields.h"
#include "units.h"
#include "verdict.h"

static uint64_t events_on_cpu(const struct load *load, uint32_t cpu)
{
	uint64_t events = 0;
	unsigned int i;

	for (i = 0; i < load->nr_workers; i++)
		events += load->workers[i].events_on[cpu];
	return events;
}

static const struct worker *worker_on(const struct load *load, uint32_t cpu)
{
	unsigned int i;

	for (i = 0; i < load->nr_workers; i++)
		if (load->workers[i].cpu == (int)cpu)
			return &load->workers[i];
	return NULL;
}

static void print_settings(const struct load *load)
{
	const struct load_options *options = &load->options;

	printf("%u checks, each due every %s; ", options->nr_checks,
	       format_duration(options->inter_ns).text);
	printf("%u observers want %llu a second due in %s\n",
	       load->nr_workers, (unsigned long long)options->rate,
	       format_duration(options->fastinter_ns).text);
	printf("ran for %s%s\n\n", format_duration(load->observed_ns).text,
	       load->interrupted ? " (interrupted)" : "");
}

static void print_cpu(const char *name, unsigned long long events,
		      unsigned long long requeues, unsigned long long foreign)
{
	printf("%-20s %12llu %12llu %12llu\n", name, events, requeues,
	       foreign);
}

static void print_cpus(const struct load *load,
		       const struct load_totals *totals)
{
	const struct worker *worker;
	uint64_t events;
	char name[32];
	uint32_t cpu;

	printf("%-20s %12s %12s %12s\n", "", "events", "requeues", "foreign");
	for (cpu = 0; cpu < load->nr_cpus; cpu++) {
		worker = worker_on(load, cpu);
		events = events_on_cpu(load, cpu);
		if (!worker && !events)
			continue;
		snprintf(name, sizeof(name), "CPU %u", cpu);
		print_cpu(name, events, worker ? worker->requeues : 0,
			  worker ? worker->foreign : 0);
	}
	print_cpu("all CPUs", totals->events, totals->requeues,
		  totals->foreign);
	printf("%-20s %12s %12llu\n\n", "asked for", "", totals->wanted);
}

static void print_lateness(const char *name,
			   const struct samples_summary *summary)
{
	printf("%-20s %12s", name, format_duration(summary->median_ns).text);
	printf(" %12s", format_duration(summary->p99_ns).text);
	printf(" %12s\n", format_duration(summary->max_ns).text);
}

static void print_ledger(const struct verdict *verdict)
{
	const struct twq_ledger *l = &verdict->ledger;

	printf("%-20s %llu fired = %llu delivered + %llu coalesced",
	       "events", l->fired, l->delivered, l->coalesced);
	printf(" + %llu pending + %llu discarded\n", l->pending,
	       l->discarded);
	printf("%-20s %llu armed = %llu expired + %llu moved", "deadlines",
	       l->armed, l->expired, l->moved);
	printf(" + %llu cancelled + %llu dropped + %llu still armed\n",
	       l->cancelled, l->dropped, verdict->still_armed);
	printf("%-20s %llu\n\n", "lost checks", verdict->lost);
}

static void print_hotplug(const struct load *load,
			  const struct verdict *verdict)
{
	const struct residents_summary *sum = &verdict->residents;
	struct hotplug_counts counts;

	if (!load->hotplug)
		return;
	counts = hotplug_counts(load->hotplug);
	printf("%-20s %llu went down, %llu came up, %llu refused to\n",
	       "CPUs", (unsigned long long)counts.downs,
	       (unsigned long long)counts.ups,
	       (unsigned long long)counts.refusals);
	printf("%-20s %llu\n", "tasks moved",
	       (unsigned long long)verdict->rehomed);
	printf("%-20s %u: %llu periods, %llu missing; %llu events on a stand-in; %u not home at the end\n\n",
	       "residents", load->residents.nr,
	       (unsigned long long)sum->periods,
	       (unsigned long long)sum->missing,
	       (unsigned long long)sum->away, sum->not_home);
}

void report_text(const struct load *load, const struct verdict *verdict)
{
	size_t nr_broken = json_array_size(verdict->broken);

	print_settings(load);
	print_cpus(load, &verdict->totals);
	printf("%-20s %12s %12s %12s\n", "lateness", "median", "p99", "max");
	print_lateness("deadline to fired", &verdict->fire_late);
	print_lateness("fired to read", &verdict->read_late);
	printf("%-20s %12s %12s", "longest silence", "", "");
	printf(" %12s (check %u;",
	       format_duration(load->silence.longest_ns).text,
	       load->silence.check);
	printf(" allowed %s)\n\n",
	       format_duration(load->options.silence_ns).text);
	print_ledger(verdict);
	print_hotplug(load, verdict);
	if (nr_broken)
		printf("FAILED: promises broken: %zu\n", nr_broken);
	else
		printf("every promise held\n");
}

static json_t *settings_json(const struct load *load)
{
	const struct load_options *options = &load->options;

	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}",
			 "checks", (json_int_t)options->nr_checks,
			 "inter_ns", (json_int_t)options->inter_ns,
			 "fastinter_ns", (json_int_t)options->fastinter_ns,
			 "rate", (json_int_t)options->rate,
			 "duration_ns", (json_int_t)options->duration_ns,
			 "silence_ns", (json_int_t)options->silence_ns);
}

static json_t *cpus_json(const struct load *load)
{
	json_t *cpus = json_array(), *cpu;
	const struct worker *worker;
	uint64_t events;
	uint32_t i;

	for (i = 0; i < load->nr_cpus; i++) {
		worker = worker_on(load, i);
		events = events_on_cpu(load, i);
		if (!worker && !events)
			continue;
		cpu = json_pack("{s:I, s:I}", "cpu", (json_int_t)i,
				"events", (json_int_t)events);
		json_object_set_new(cpu, "requeues",
				    json_integer(worker ?
						 worker->requeues : 0));
		json_object_set_new(cpu, "foreign",
				    json_integer(worker ?
						 worker->foreign : 0));
		json_array_append_new(cpus, cpu);
	}
	return cpus;
}

static json_t *requeues_json(const struct load_totals *totals)
{
	return json_pack("{s:I, s:I, s:I}",
			 "wanted", (json_int_t)totals->wanted,
			 "made", (json_int_t)totals->requeues,
			 "foreign", (json_int_t)totals->foreign);
}

static json_t *lateness_json(const struct samples_summary *summary)
{
	return json_pack("{s:I, s:I, s:I, s:I}",
			 "samples", (json_int_t)summary->count,
			 "median_ns", (json_int_t)summary->median_ns,
			 "p99_ns", (json_int_t)summary->p99_ns,
			 "max_ns", (json_int_t)summary->max_ns);
}

static json_t *silence_json(const struct load *load)
{
	const struct silence *silence = &load->silence;

	return json_pack("{s:I, s:I, s:I, s:I}",
			 "longest_ns", (json_int_t)silence->longest_ns,
			 "check", (json_int_t)silence->check,
			 "allowed_ns", (json_int_t)load->options.silence_ns,
			 "over_limit", (json_int_t)silence->over_limit);
}

static json_t *ledger_json(const struct verdict *verdict)
{
	json_t *ledger = fields_to_json(&verdict->ledger, ledger_fields);

	json_object_set_new(ledger, "still_armed",
			    json_integer(verdict->still_armed));
	return ledger;
}

static json_t *hotplug_json(const struct load *load,
			    const struct verdict *verdict)
{
	const struct residents_summary *sum = &verdict->residents;
	struct hotplug_counts counts;

	if (!load->hotplug)
		return json_null();
	counts = hotplug_counts(load->hotplug);
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:i, s:I, s:I, s:I, s:i}",
			 "seed", (json_int_t)load->options.seed,
			 "cpus_down", (json_int_t)counts.downs,
			 "cpus_up", (json_int_t)counts.ups,
			 "refused", (json_int_t)counts.refusals,
			 "rehomed", (json_int_t)verdict->rehomed,
			 "residents", load->residents.nr,
			 "periods", (json_int_t)sum->periods,
			 "missing", (json_int_t)sum->missing,
			 "on_stand_in", (json_int_t)sum->away,
			 "not_home", sum->not_home);
}

void report_json(const struct load *load, const struct verdict *verdict)
{
	json_t *report = json_object();

	json_object_set_new(report, "ok",
			    json_boolean(!json_array_size(verdict->broken)));
	json_object_set(report, "broken", verdict->broken);
	json_object_set_new(report, "interrupted",
			    json_boolean(load->interrupted));
	json_object_set_new(report, "settings", settings_json(load));
	json_object_set_new(report, "ran_ns",
			    json_integer(load->observed_ns));
	json_object_set_new(report, "fired",
			    json_integer(verdict->ledger.fired));
	json_object_set_new(report, "events",
			    json_integer(verdict->totals.events));
	json_object_set_new(report, "requeues",
			    requeues_json(&verdict->totals));
	json_object_set_new(report, "cpus", cpus_json(load));
	json_object_set_new(report, "lateness",
			    json_pack("{s:o, s:o}", "deadline_to_fired",
				      lateness_json(&verdict->fire_late),
				      "fired_to_read",
				      lateness_json(&verdict->read_late)));
	json_object_set_new(report, "silence", silence_json(load));
	json_object_set_new(report, "lost", json_integer(verdict->lost));
	json_object_set_new(report, "ledger", ledger_json(verdict));
	json_object_set_new(report, "hotplug", hotplug_json(load, verdict));
	print_json(report);
	json_decref(report);
}
