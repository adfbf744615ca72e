// SPDX-License-Identifier: GPL-2.0
/*
 * The model's half that is told what the device shows of itself: events and
 * answers of QUERY. See model.h.
 */
#include <string.h>

#include "model.h"

/* What an event must be like, whatever it tells of. */
static void check_event(struct model *model, const struct twq_event *event,
			int64_t now_ns)
{
	bool has_timer = event->reasons & TWQ_WOKEN_TIMER;
	bool has_deadline = event->deadline_ns != TWQ_ETERNITY;

	if (!event->reasons || event->reasons & ~TWQ_WOKEN_ANY)
		model_fault(model, "event with reasons 0x%x", event->reasons);
	if (has_timer != has_deadline)
		model_fault(model, "event with reasons 0x%x and deadline %lld",
			    event->reasons, (long long)event->deadline_ns);
	if (event->fired_ns > now_ns)
		model_fault(model, "event from the future: fired at %lld, read at %lld",
			    (long long)event->fired_ns, (long long)now_ns);
	/* The first run may have been a wake-up, the second the expiry. */
	if (has_timer && event->deadline_ns > event->fired_ns &&
	    (event->reasons == TWQ_WOKEN_TIMER || !event->overruns ||
	     event->deadline_ns > now_ns))
		model_fault(model, "event fired at %lld, before its deadline %lld",
			    (long long)event->fired_ns,
			    (long long)event->deadline_ns);
	if (model->is_home_only &&
	    (event->cpu >= 64 || !(model->ran_on >> event->cpu & 1)))
		model_fault(model, "event fired on CPU %u, allowed were 0x%llx",
			    event->cpu, (unsigned long long)model->ran_on);
}

static void tell_reasons(struct model *model, uint32_t reasons)
{
	uint32_t bit, index;

	model->owed &= ~reasons;
	for (bit = TWQ_WOKEN_INIT; bit & TWQ_WOKEN_ANY; bit <<= 1) {
		index = reason_index(bit);
		if (bit == TWQ_WOKEN_TIMER || !(reasons & bit))
			continue;
		if (!model->given[index])
			model_fault(model, "event with reason 0x%x, for which it was not woken",
				    bit);
		else
			model->given[index]--;
	}
}

/* One run for each wake-up and each arming, at most. */
static void tell_runs(struct model *model, const struct twq_event *event)
{
	if (event->overruns >= model->runs) {
		model_fault(model, "event of %llu runs more than the first, possible were %llu in all",
			    (unsigned long long)event->overruns,
			    (unsigned long long)model->runs);
		return;
	}
	model->runs -= event->overruns + 1;
}

static bool may_be(const struct arming *arming, int64_t deadline_ns)
{
	return arming->lo_ns <= deadline_ns && deadline_ns <= arming->hi_ns;
}

static void forget_first(struct model *model, unsigned int nr)
{
	model->nr_armings -= nr;
	memmove(&model->armings[0], &model->armings[nr],
		model->nr_armings * sizeof(model->armings[0]));
}

/*
 * Events tell of armings in their order. So what is older than the first that
 * this one may be of has not fired, or was told of before. Where a later one
 * may be meant as well, or was added to the same event, it need not be told
 * of again.
 */
static void tell_deadline(struct model *model, const struct twq_event *event,
			  int64_t now_ns)
{
	struct arming *arming = model->armings;
	unsigned int i, first;

	for (first = 0; first < model->nr_armings; first++, arming++) {
		if (may_be(arming, event->deadline_ns))
			break;
		if (arming->is_due && !model->is_blurred)
			model_fault(model, "event of deadline %lld, none of %lld before it",
				    (long long)event->deadline_ns,
				    (long long)arming->lo_ns);
	}
	if (first == model->nr_armings) {
		if (!model->is_blurred)
			model_fault(model, "event of deadline %lld, which was not to fire",
				    (long long)event->deadline_ns);
		return;
	}
	for (i = first + 1; i < model->nr_armings; i++) {
		arming = &model->armings[i];
		if (may_be(arming, event->deadline_ns) ||
		    (event->overruns && arming->lo_ns <= now_ns))
			arming->is_due = false;
	}
	forget_first(model, first + 1);
}

/* Whether a time is on the grid that begins at the arming. */
static bool is_on_grid(const struct model *model, const struct arming *arming,
		       int64_t time_ns)
{
	uint64_t width_ns = ns_between(arming->lo_ns, arming->hi_ns);
	uint64_t after_ns = ns_between(arming->lo_ns, time_ns);

	return time_ns >= arming->lo_ns &&
	       after_ns % model->interval_ns <= width_ns;
}

static void tell_period(struct model *model, const struct twq_event *event,
			int64_t now_ns)
{
	bool is_on_some = model->is_blurred;
	uint64_t points = 0, most = 0;
	unsigned int i;

	model->periods += event->overruns + 1;
	for (i = 0; i < model->nr_armings; i++) {
		struct arming *arming = &model->armings[i];

		if (is_on_grid(model, arming, event->deadline_ns)) {
			is_on_some = true;
			arming->is_due = arming->is_live && arming->is_due;
		}
		if (arming->lo_ns > now_ns)
			continue;
		points = ns_between(arming->lo_ns, now_ns) /
			 model->interval_ns + 1;
		if (__builtin_add_overflow(most, points, &most))
			most = UINT64_MAX;
	}
	if (!is_on_some)
		model_fault(model, "event of deadline %lld, which is on no grid",
			    (long long)event->deadline_ns);
	if (__builtin_add_overflow(most, model->runs, &most))
		most = UINT64_MAX;
	if (event->overruns > most && !model->is_blurred)
		model_fault(model, "event of %llu overruns, possible were %llu",
			    (unsigned long long)event->overruns,
			    (unsigned long long)most);
}

void model_told(struct model *model, const struct twq_event *event,
		int64_t now_ns)
{
	check_event(model, event, now_ns);
	model->fired_ns = event->fired_ns;
	tell_reasons(model, event->reasons);
	if (!model->interval_ns)
		tell_runs(model, event);
	if (!(event->reasons & TWQ_WOKEN_TIMER))
		return;
	if (model->interval_ns)
		tell_period(model, event, now_ns);
	else
		tell_deadline(model, event, now_ns);
}

bool model_is_owed(const struct model *model)
{
	unsigned int i;

	for (i = 0; i < model->nr_armings; i++)
		if (!model->armings[i].is_live && model->armings[i].is_due)
			return true;
	return model->owed;
}

static void check_query(struct model *model, const struct twq_query *query)
{
	uint32_t reason, reasons = query->state & TWQ_WOKEN_ANY;
	bool is_shared = query->state & TWQ_STATE_SHARED_WQ;

	if (query->interval_ns != model->interval_ns)
		model_fault(model, "QUERY: interval %lld, not %lld",
			    (long long)query->interval_ns,
			    (long long)model->interval_ns);
	if (query->nr_cpus != (uint32_t)__builtin_popcountll(model->cpus) ||
	    query->cpu != (uint32_t)__builtin_ctzll(model->cpus))
		model_fault(model, "QUERY: %u CPUs from %u on, not 0x%llx",
			    query->nr_cpus, query->cpu,
			    (unsigned long long)model->cpus);
	if (is_shared != model->is_shared)
		model_fault(model, "QUERY: SHARED_WQ is %d", is_shared);
	for (; reasons; reasons &= reasons - 1) {
		reason = reasons & -reasons;
		if (reason != TWQ_WOKEN_TIMER &&
		    !model->given[reason_index(reason)])
			model_fault(model, "QUERY: reason 0x%x, for which it was not woken",
				    reason);
	}
	if (query->deadline_ns != TWQ_ETERNITY && !model->interval_ns &&
	    query->position_ns != TWQ_ETERNITY &&
	    !(query->state & (TWQ_STATE_RUNNING | TWQ_STATE_QUEUED)) &&
	    query->position_ns > query->deadline_ns)
		model_fault(model, "QUERY: position %lld is later than deadline %lld",
			    (long long)query->position_ns,
			    (long long)query->deadline_ns);
}

/* No deadline: all that were live have been used up. */
static void ask_none(struct model *model, int64_t now_ns)
{
	struct arming *arming;
	unsigned int i;

	if (model->interval_ns && model->is_armed && !model->is_blurred)
		model_fault(model, "QUERY: a periodic task has no deadline");
	model->is_armed = false;
	for (i = 0; i < model->nr_armings; i++) {
		arming = &model->armings[i];
		if (arming->is_live && arming->is_due && arming->lo_ns > now_ns)
			model_fault(model, "QUERY: no deadline, %lld is in the future",
				    (long long)arming->lo_ns);
		arming->is_live = false;
	}
}

/* One deadline: it is the last live arming that it may be. */
static void ask_one(struct model *model, int64_t deadline_ns)
{
	struct arming *arming, *found = NULL;
	unsigned int i, nr_found = 0;

	for (i = 0; i < model->nr_armings; i++) {
		arming = &model->armings[i];
		if (!arming->is_live)
			continue;
		if (model->interval_ns ?
		    is_on_grid(model, arming, deadline_ns) :
		    may_be(arming, deadline_ns)) {
			found = arming;
			nr_found++;
		}
	}
	if (!found && !model->is_blurred)
		model_fault(model, "QUERY: deadline %lld, which it was not given",
			    (long long)deadline_ns);
	if (nr_found != 1)
		return;
	for (i = 0; i < model->nr_armings; i++)
		if (&model->armings[i] != found)
			model->armings[i].is_live = false;
	model->is_armed = true;
	found->is_due = true;
	if (!model->interval_ns) {
		found->lo_ns = deadline_ns;
		found->hi_ns = deadline_ns;
	}
}

/* Each period since the first deadline was told of, none twice. */
static void check_grid(struct model *model, int64_t deadline_ns)
{
	uint64_t told_ns = model->periods * (uint64_t)model->interval_ns;

	if (model->grid_ns == TWQ_ETERNITY)
		return;
	if (ns_between(model->grid_ns, deadline_ns) != told_ns)
		model_fault(model, "%llu periods of %lld ns were told of, but deadline %lld has become %lld",
			    (unsigned long long)model->periods,
			    (long long)model->interval_ns,
			    (long long)model->grid_ns, (long long)deadline_ns);
}

/* Nothing is under way, nothing unread: what is owed has been lost. */
static void come_to_rest(struct model *model, int64_t deadline_ns)
{
	unsigned int i, kept = 0;

	if (model->owed)
		model_fault(model, "woken with 0x%x, and no event has told of it",
			    model->owed);
	for (i = 0; i < model->nr_armings; i++) {
		struct arming *arming = &model->armings[i];

		if (arming->is_live)
			model->armings[kept++] = *arming;
		else if (arming->is_due)
			model_fault(model, "deadline %lld was used up, and no event has told of it",
				    (long long)arming->lo_ns);
	}
	if (model->interval_ns)
		check_grid(model, deadline_ns);
	model->nr_armings = kept;
	model->runs = kept;
	memset(model->given, 0, sizeof(model->given));
	model->ran_on = model->cpus;
	if (deadline_ns == TWQ_ETERNITY || kept)
		model->is_blurred = false;
}

bool model_asked(struct model *model, const struct twq_query *query,
		 int64_t now_ns)
{
	const uint32_t busy = TWQ_STATE_RUNNING | TWQ_STATE_QUEUED |
			      TWQ_WOKEN_ANY;

	check_query(model, query);
	if (query->deadline_ns == TWQ_ETERNITY)
		ask_none(model, now_ns);
	else
		ask_one(model, query->deadline_ns);
	if (query->pending && !model->runs && !model->nr_armings)
		model_fault(model, "QUERY: an event is unread, of what?");
	if (query->pending || query->state & busy)
		return false;
	come_to_rest(model, query->deadline_ns);
	return true;
}
