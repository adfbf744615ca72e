// SPDX-License-Identifier: GPL-2.0
/*
 * The model's half that is told of calls: which deadlines a task may have
 * after them, and what an answer rules out. See model.h.
 */
#include <errno.h>
#include <string.h>

#include "model.h"

void model_created(struct model *model, uint64_t cpus, bool is_shared,
		   int64_t interval_ns, bool is_home_only)
{
	*model = (struct model){
		.interval_ns = interval_ns,
		.cpus = cpus,
		.ran_on = cpus,
		.is_shared = is_shared || __builtin_popcountll(cpus) > 1,
		.is_home_only = is_home_only,
		.grid_ns = TWQ_ETERNITY,
	};
}

static void forget_arming(struct model *model, unsigned int i)
{
	model->nr_armings--;
	memmove(&model->armings[i], &model->armings[i + 1],
		(model->nr_armings - i) * sizeof(model->armings[0]));
}

/* Where there is no room, the oldest goes that need not be told of. */
static void add_arming(struct model *model, int64_t lo_ns, int64_t hi_ns,
		       bool is_due)
{
	unsigned int i;

	model->runs++;
	if (model->nr_armings == MODEL_ARMINGS) {
		for (i = 0; i < MODEL_ARMINGS - 1; i++)
			if (!model->armings[i].is_due)
				break;
		forget_arming(model, i);
		model->is_blurred = true;
	}
	model->armings[model->nr_armings++] = (struct arming){
		.lo_ns = lo_ns,
		.hi_ns = hi_ns,
		.is_due = is_due,
		.is_live = true,
	};
}

/*
 * A call has taken the deadline away, unless it had been used up: which it can
 * only have been when it was not in the future yet. Returns false when the
 * arming was forgotten.
 */
static bool end_arming(struct model *model, unsigned int i, int64_t now_ns)
{
	struct arming *arming = &model->armings[i];

	if (arming->lo_ns > now_ns) {
		forget_arming(model, i);
		return false;
	}
	arming->is_live = false;
	arming->is_due = false;
	return true;
}

static void end_live(struct model *model, int64_t now_ns)
{
	unsigned int i = 0;

	while (i < model->nr_armings)
		if (!model->armings[i].is_live ||
		    end_arming(model, i, now_ns))
			i++;
}

void model_queued(struct model *model, int64_t lo_ns, int64_t hi_ns,
		  int64_t now_ns)
{
	end_live(model, now_ns);
	model->is_armed = lo_ns != TWQ_ETERNITY;
	model->grid_ns = TWQ_ETERNITY;
	if (!model->is_armed)
		return;
	model->is_used = true;
	/* Of a task at rest all that comes is of this. */
	if (model->interval_ns && lo_ns == hi_ns && !model->nr_armings &&
	    !model->runs && !model->is_blurred) {
		model->grid_ns = lo_ns;
		model->periods = 0;
	}
	add_arming(model, lo_ns, hi_ns, true);
}

/* Where a periodic task stands after some time: up to a period from now. */
static int64_t latest_ns(const struct model *model,
			 const struct arming *arming, int64_t now_ns)
{
	int64_t latest_ns;

	if (!model->interval_ns || arming->lo_ns > now_ns)
		return arming->hi_ns;
	if (__builtin_add_overflow(now_ns, model->interval_ns, &latest_ns))
		return TWQ_ETERNITY;
	return latest_ns > arming->hi_ns ? latest_ns : arming->hi_ns;
}

/*
 * SCHEDULE beside one live arming. Returns whether the new deadline is armed:
 * 1 as far as this one goes, 0 perhaps, -1 certainly not.
 */
static int schedule_beside(struct model *model, unsigned int *i,
			   int64_t lo_ns, int64_t hi_ns, int64_t now_ns)
{
	struct arming *arming = &model->armings[*i];

	if (arming->lo_ns > hi_ns) {
		/* Moved, where it was not used up. */
		if (!end_arming(model, *i, now_ns))
			--*i;
		return 1;
	}
	if (latest_ns(model, arming, now_ns) <= lo_ns)
		/* Stays where it is there; and it is, while not yet due. */
		return arming->is_due && (arming->lo_ns > now_ns ||
					  model->interval_ns) ? -1 : 0;
	arming->is_due = false;
	return 0;
}

void model_scheduled(struct model *model, int64_t lo_ns, int64_t hi_ns,
		     int64_t now_ns)
{
	bool is_certain = true;
	unsigned int i;
	int beside;

	model->is_used = true;
	if (lo_ns == TWQ_ETERNITY)
		return;
	model->is_armed = true;
	model->grid_ns = TWQ_ETERNITY;
	for (i = 0; i < model->nr_armings; i++) {
		if (!model->armings[i].is_live)
			continue;
		beside = schedule_beside(model, &i, lo_ns, hi_ns, now_ns);
		if (beside < 0)
			return;
		if (!beside)
			is_certain = false;
	}
	add_arming(model, lo_ns, hi_ns, is_certain);
}

static void cancel_stopped(struct model *model, int64_t now_ns)
{
	unsigned int i, nr_live = 0, last = 0;

	for (i = 0; i < model->nr_armings; i++) {
		if (model->armings[i].is_live) {
			last = i;
			nr_live++;
		}
	}
	if (!nr_live && !model->is_blurred)
		model_fault(model, "CANCEL has stopped a deadline, none was armed");
	/* It was this one, so it has not fired: no event may tell of it. */
	if (nr_live == 1 && !model->interval_ns && !model->is_blurred)
		forget_arming(model, last);
	else
		end_live(model, now_ns);
}

/* None was there: what was armed for certain must have fired. */
static void cancel_missed(struct model *model, int64_t now_ns)
{
	struct arming *arming;
	unsigned int i = 0;

	if (model->interval_ns && model->is_armed && !model->is_blurred)
		model_fault(model, "CANCEL found no deadline of a periodic task");
	while (i < model->nr_armings) {
		arming = &model->armings[i];
		if (arming->is_live && arming->lo_ns > now_ns) {
			if (arming->is_due)
				model_fault(model, "CANCEL found no deadline, %lld is in the future",
					    (long long)arming->lo_ns);
			forget_arming(model, i);
			continue;
		}
		arming->is_live = false;
		i++;
	}
}

void model_cancelled(struct model *model, bool has_stopped, int64_t now_ns)
{
	if (has_stopped)
		cancel_stopped(model, now_ns);
	else
		cancel_missed(model, now_ns);
	model->is_armed = false;
	model->grid_ns = TWQ_ETERNITY;
}

void model_woken(struct model *model, uint32_t reasons)
{
	uint32_t bit;

	model->is_used = true;
	model->owed |= reasons;
	model->runs++;
	model->grid_ns = TWQ_ETERNITY;
	for (bit = TWQ_WOKEN_INIT; bit & TWQ_WOKEN_ANY; bit <<= 1)
		if (reasons & bit)
			model->given[reason_index(bit)]++;
}

int model_expects_move(const struct model *model, uint64_t cpus)
{
	bool is_elsewhere = cpus != model->cpus;

	return !model->is_shared && model->is_used && is_elsewhere ? -EXDEV : 0;
}

void model_moved(struct model *model, uint64_t cpus)
{
	model->cpus = cpus;
	model->ran_on |= cpus;
	if (__builtin_popcountll(cpus) > 1)
		model->is_shared = true;
}

void model_adopted(struct model *model, const struct twq_query *query,
		   uint64_t cpus)
{
	unsigned int i;

	model_created(model, cpus, query->state & TWQ_STATE_SHARED_WQ,
		      query->interval_ns, false);
	model->ran_on = ~0ULL;
	model->is_used = true;
	model->is_blurred = true;
	model->runs = UINT64_MAX / 2;
	for (i = 0; i < MODEL_REASONS; i++)
		model->given[i] = UINT32_MAX / 2;
	if (query->deadline_ns == TWQ_ETERNITY)
		return;
	model->is_armed = true;
	add_arming(model, query->deadline_ns, query->deadline_ns, false);
}
