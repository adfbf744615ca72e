/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A model of one task, beside the device: told of every call and of every
 * event, it says what was impossible. It makes no call, reads no clock and
 * takes no lock: whoever uses it makes the calls of a task one after the
 * other, and shows the events of a file in the order of reading.
 *
 * What the device does by itself, it does at a time that nobody knows; so the
 * model holds the set of what may be. A deadline that was given is an arming.
 * It is live as long as the task may still have it, and due, i.e. must be told
 * of by an event, unless a later call may have taken it away in time. QUERY of
 * a task at rest, with no event unread, leaves one possibility: all that was
 * due must have been told.
 */
#ifndef TWQCTL_MODEL_H
#define TWQCTL_MODEL_H

#include <linux/twq.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define MODEL_ARMINGS	16
#define MODEL_FAULT	200	/* bytes of a message */
#define MODEL_REASONS	7	/* bits of TWQ_WOKEN_ANY */

/**
 * struct arming - a deadline that a task was given
 * @lo_ns: the earliest that it may be, and
 * @hi_ns: the latest: they differ where it was relative to the time of the call
 * @is_due: an event must tell of it
 * @is_live: the task may still have it
 */
struct arming {
	int64_t lo_ns;
	int64_t hi_ns;
	bool is_due;
	bool is_live;
};

/**
 * struct model - what is known of a task
 * @interval_ns: as given to CREATE
 * @cpus: the allowed CPUs, bit n for CPU n
 * @ran_on: the CPUs on which an event yet to be read may have fired
 * @is_shared: has SHARED_WQ
 * @is_used: was queued or woken, so that init is over
 * @is_armed: has a deadline for certain, as of the last call, if periodic
 * @is_home_only: events on a CPU outside @ran_on are wrong
 * @is_blurred: armings were forgotten: any deadline may be told
 * @owed: reasons that must be told of
 * @given: how many wake-ups may still be told of, for each reason
 * @runs: how many runs may still be told of; not of a periodic task
 * @nr_armings: in use of
 * @armings: the oldest first
 * @grid_ns: the first deadline of a periodic task, TWQ_ETERNITY where it is
 *	not known or something else has happened since
 * @periods: expiries that were told of since @grid_ns
 * @fired_ns: when the event that was read last had fired
 * @fault: what was impossible, the first time, or empty, and
 * @later: the last time
 */
struct model {
	int64_t interval_ns;
	uint64_t cpus;
	uint64_t ran_on;
	bool is_shared;
	bool is_used;
	bool is_armed;
	bool is_home_only;
	bool is_blurred;
	uint32_t owed;
	uint32_t given[MODEL_REASONS];
	uint64_t runs;
	unsigned int nr_armings;
	struct arming armings[MODEL_ARMINGS];
	int64_t grid_ns;
	uint64_t periods;
	int64_t fired_ns;
	char fault[MODEL_FAULT];
	char later[MODEL_FAULT];
};

/* Notes the first fault; what follows is a format and its arguments. */
#define model_fault(model, ...)						\
	snprintf(model_fault_room(model), MODEL_FAULT, __VA_ARGS__)

static inline char *model_fault_room(struct model *model)
{
	return model->fault[0] ? model->later : model->fault;
}

/* model.c: calls that succeeded; @now_ns is the time after the call. */
void model_created(struct model *model, uint64_t cpus, bool is_shared,
		   int64_t interval_ns, bool is_home_only);
void model_queued(struct model *model, int64_t lo_ns, int64_t hi_ns,
		  int64_t now_ns);
void model_scheduled(struct model *model, int64_t lo_ns, int64_t hi_ns,
		     int64_t now_ns);
void model_cancelled(struct model *model, bool has_stopped, int64_t now_ns);
void model_woken(struct model *model, uint32_t reasons);
void model_moved(struct model *model, uint64_t cpus);

/* Takes over a task of which nothing but the answer to QUERY is known. */
void model_adopted(struct model *model, const struct twq_query *query,
		   uint64_t cpus);

/* What SET_AFFINITY answers where some CPU of @cpus is online. */
int model_expects_move(const struct model *model, uint64_t cpus);

/* model_told.c: an event that read() returned at @now_ns. */
void model_told(struct model *model, const struct twq_event *event,
		int64_t now_ns);

/*
 * An answer of QUERY, after which it was @now_ns; all events that were read
 * before have been shown. Returns whether the task is at rest: nothing of it
 * is under way or unread.
 */
bool model_asked(struct model *model, const struct twq_query *query,
		 int64_t now_ns);

/* Whether an event will come by itself. */
bool model_is_owed(const struct model *model);

/* The distance of two times, which may be more than an int64_t holds. */
static inline uint64_t ns_between(int64_t early_ns, int64_t late_ns)
{
	return (uint64_t)late_ns - (uint64_t)early_ns;
}

static inline unsigned int reason_index(uint32_t reason)
{
	return __builtin_ctz(reason) - __builtin_ctz(TWQ_WOKEN_INIT);
}

#endif /* TWQCTL_MODEL_H */
