// SPDX-License-Identifier: GPL-2.0
/*
 * The storm's stores to slots: a deadline moved later, earlier or taken away
 * without a call, or with the one that the position asks for. In the raced file
 * they race with each other, with all calls but DESTROY, and with expiry.
 */
#include <errno.h>
#include <time.h>

#include "storm_target.h"
#include "units.h"

#define AHEAD_NS	(20 * NSEC_PER_MSEC)
#define LOOKS		1000
#define LOOK_NS		NSEC_PER_MSEC

/* None, a little later than what is there, or any. */
static int64_t draw_value(struct target *t, const struct twq_slot *slot)
{
	uint32_t flags;
	int64_t value = draw_deadline(t->actor, &flags);
	int64_t ahead_ns = draw_below(t->actor, AHEAD_NS);
	unsigned int kind = draw_below(t->actor, 8);

	if (!kind)
		return TWQ_ETERNITY;
	if (kind < 4)
		return add_ns(__atomic_load_n(&slot->deadline_ns,
					      __ATOMIC_RELAXED), ahead_ns);
	return flags & TWQ_RELATIVE ? add_ns(monotonic_ns(), value) : value;
}

static int store(const struct twq_map *map, uint64_t id, int64_t value,
		 bool extends)
{
	int ret = -EAGAIN;

	if (value == TWQ_ETERNITY && extends)
		return twq_disarm(map, id);
	if (extends)
		ret = twq_extend(map, id, value);
	return ret == -EAGAIN ? twq_set_deadline(map, id, value) : ret;
}

/* The task is there, and stays so. */
static void store_to_task(struct target *t)
{
	struct tally *tally = &t->file->tally;
	bool extends = draw(t->actor) & 1;
	int64_t value;
	int ret;

	value = draw_value(t, twq_slot(&t->file->map, t->id));
	target_begin(t);
	ret = store(&t->file->map, t->id, value, extends);
	target_end(t);
	atomic_fetch_add(value == TWQ_ETERNITY ? &tally->disarmed :
						 &tally->stored, 1);
	atomic_fetch_add(&t->actor->storm->stores, 1);
	if (target_judge(t, "store", value, ret, A_OK))
		model_queued(&t->slot->model, value, value, t->after_ns);
}

void do_store(struct target *t)
{
	if (t->is_stale) {
		do_requeue(t);
	} else if (t->is_exact) {
		store_to_task(t);
	} else {
		pthread_rwlock_rdlock(&t->slot->stores);
		t->id = atomic_load(&t->slot->id);
		if (t->id)
			store_to_task(t);
		pthread_rwlock_unlock(&t->slot->stores);
	}
}

/* A call that nothing has made necessary. */
void do_requeue(struct target *t)
{
	int ret;

	target_begin(t);
	ret = twq_requeue(t->file->fd, t->id);
	target_end(t);
	target_judge(t, "requeue", 0, ret, right_anywhere(t));
}

/* -- what the slot shows -------------------------------------------------- */

static bool are_equal(const struct twq_slot *slot, const struct twq_query *query)
{
	return __atomic_load_n(&slot->deadline_ns, __ATOMIC_ACQUIRE) ==
	       query->deadline_ns &&
	       __atomic_load_n(&slot->position_ns, __ATOMIC_ACQUIRE) ==
	       query->position_ns;
}

/* Both may change on the way, but not each time. */
void check_words(struct target *t, const struct twq_query *query)
{
	const struct twq_slot *slot = twq_slot(&t->file->map, t->id);
	struct timespec pause = { .tv_nsec = LOOK_NS };
	struct twq_query again = *query;
	int looks;

	for (looks = 0; looks < LOOKS; looks++) {
		if (are_equal(slot, &again))
			return;
		nanosleep(&pause, NULL);
		if (twq_get_task(t->file->fd, t->id, &again))
			break;
	}
	slot_broken(t->actor, t->file, t->slot,
		    "the slot shows deadline %lld and position %lld, QUERY %lld and %lld",
		    (long long)slot->deadline_ns, (long long)slot->position_ns,
		    (long long)again.deadline_ns, (long long)again.position_ns);
}
