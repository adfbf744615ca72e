// SPDX-License-Identifier: GPL-2.0
/*
 * The verdict on a load: every promise is looked at, and each that was broken
 * gets a message that says by how much and where. All threads are gone.
 */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "units.h"
#include "verdict.h"

/* Notes a broken promise; what follows is a format and its arguments. */
#define broken(verdict, ...)						\
	json_array_append_new((verdict)->broken, json_sprintf(__VA_ARGS__))

static void judge_calls(struct load *load, struct verdict *verdict)
{
	const struct failed_call *first = &load->first_failure;
	unsigned long long failures = atomic_load(&load->failures);

	if (failures)
		broken(verdict,
		       "%llu calls failed; the first was %s of check %u: -%s",
		       failures, first->name, first->check,
		       strerrorname_np(first->error));
}

static void judge_silence(struct load *load, struct verdict *verdict)
{
	const struct silence *silence = &load->silence;
	const struct check *check = &load->checks[silence->check];
	unsigned long long over_limit = silence->over_limit;

	if (!over_limit)
		return;
	broken(verdict,
	       "check %u was silent for %s, allowed are %s (last armed from CPU %d); %llu silences were too long",
	       silence->check, format_duration(silence->longest_ns).text,
	       format_duration(load->options.silence_ns).text,
	       check->armed_cpu, over_limit);
}

/* Says what the device knows of the first check that did not come back. */
static void judge_lost(struct load *load, struct verdict *verdict,
		       uint32_t first)
{
	const struct check *check = &load->checks[first];
	int64_t now_ns = monotonic_ns();
	struct twq_query query = { 0 };
	char deadline[64] = "no deadline";

	twq_get_task(load->fd, check->id, &query);
	if (query.deadline_ns != TWQ_ETERNITY)
		snprintf(deadline, sizeof(deadline), "a deadline %s from now",
			 format_duration(query.deadline_ns - now_ns).text);
	broken(verdict,
	       "%llu checks are lost; check %u had no event for %s (last armed from CPU %d; %s, state 0x%04x, %s event unread)",
	       verdict->lost, first,
	       format_duration(now_ns - check->last_ns).text,
	       check->armed_cpu, deadline, query.state,
	       query.pending ? "an" : "no");
}

static void judge_checks(struct load *load, struct verdict *verdict)
{
	struct twq_query query;
	uint32_t i, first = 0;

	for (i = 0; i < load->options.nr_checks; i++) {
		if (!twq_get_task(load->fd, load->checks[i].id, &query) &&
		    query.deadline_ns != TWQ_ETERNITY)
			verdict->still_armed++;
		if (atomic_load(&load->checks[i].is_at_rest))
			continue;
		if (!verdict->lost++)
			first = i;
	}
	if (verdict->lost)
		judge_lost(load, verdict, first);
}

static void judge_ledger(struct verdict *verdict)
{
	const struct twq_ledger *l = &verdict->ledger;
	unsigned long long told = l->delivered + l->coalesced + l->pending +
				  l->discarded;
	unsigned long long ended = l->expired + l->moved + l->cancelled +
				   l->dropped;

	if (l->fired != told)
		broken(verdict,
		       "the ledger does not balance: %llu fired, but %llu delivered, coalesced, pending and discarded",
		       l->fired, told);
	if (l->armed != ended + verdict->still_armed)
		broken(verdict,
		       "the ledger does not balance: %llu armed, but %llu expired, moved, cancelled and dropped, and %llu still armed",
		       l->armed, ended, verdict->still_armed);
	if (l->delivered != verdict->totals.events)
		broken(verdict,
		       "the ledger has %llu events delivered, the readers took %llu",
		       l->delivered, verdict->totals.events);
}

static void judge_events(struct load *load, struct verdict *verdict)
{
	unsigned long long early = atomic_load(&load->early);
	unsigned long long strange = atomic_load(&load->strange);
	unsigned int created = load->options.nr_checks + load->residents.nr;

	if (early)
		broken(verdict, "%llu events fired before their deadline",
		       early);
	if (strange)
		broken(verdict,
		       "%llu events were of no check, of no CPU or from the future",
		       strange);
	if (verdict->ledger.created != created)
		broken(verdict, "the ledger has %llu tasks created, not %u",
		       verdict->ledger.created, created);
}

/* No period is missing, and all are where they belong. */
static void judge_residents(struct verdict *verdict)
{
	const struct residents_summary *sum = &verdict->residents;
	const struct resident *first = sum->first;

	if (!first)
		return;
	broken(verdict,
	       "%llu periods of residents were not told of once, %u residents are not home; one of CPU %d %s SHARED_WQ: %llu of %llu periods told, %s",
	       (unsigned long long)sum->missing, sum->not_home, first->home,
	       first->is_shared ? "with" : "without",
	       (unsigned long long)first->told,
	       (unsigned long long)first->periods,
	       first->is_astray ? "fires elsewhere" :
	       first->is_home ? "fires at home" : "does not fire");
}

/* Each CPU serves its own queues. */
static void judge_homes(struct load *load, struct verdict *verdict)
{
	struct twq_stats stats;
	unsigned int i;
	uint32_t cpu;

	for (i = 0; i < load->nr_workers; i++) {
		cpu = load->workers[i].cpu;
		if (!twq_get_stats(load->fd, cpu, &stats) &&
		    stats.serving_cpu != cpu)
			broken(verdict, "the queues of CPU %u are served by CPU %u",
			       cpu, stats.serving_cpu);
	}
}

int verdict_reach(struct load *load, struct verdict *verdict)
{
	struct twq_stats stats;
	int ret;

	*verdict = (struct verdict){ .broken = json_array() };
	verdict->totals = load_totals(load);
	verdict->fire_late = samples_summarise(&load->fire_late);
	verdict->read_late = samples_summarise(&load->read_late);
	judge_calls(load, verdict);
	judge_silence(load, verdict);
	judge_checks(load, verdict);
	ret = twq_get_stats(load->fd, TWQ_STATS_ALL_CPUS, &stats);
	if (ret < 0) {
		warnx("stats: %s", strerror(-ret));
		return ret;
	}
	verdict->ledger = stats.ledger;
	verdict->rehomed = stats.cpu_stats.rehomed - load->rehomed_before;
	verdict->residents = residents_sum(&load->residents);
	judge_residents(verdict);
	judge_homes(load, verdict);
	judge_ledger(verdict);
	judge_events(load, verdict);
	return 0;
}
