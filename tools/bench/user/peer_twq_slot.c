// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/twq by stores to mapped slots, each followed by a call only when the
 * deadline moves before the task's position. Tasks are created and destroyed
 * 64 a call. A cancellation is a store that is not told what it stopped.
 */
#include "libtwq.h"
#include "peer_twq.h"
#include "user.h"

static struct twq_map map;
static struct twq_slot **slots;

static uint32_t slot_open(const struct peer *self, uint32_t nr)
{
	uint32_t most = twq_batch_open(self, nr);

	if (most < nr)
		return most;
	must("twq_map", twq_map(twq_peer.fd, 0, &map));
	slots = make_array(nr, sizeof(*slots));
	return nr;
}

static void slot_make(const struct job *job)
{
	uint32_t i, which;

	twq_batch_make(job);
	for (i = 0; i < job->nr; i++) {
		which = job->which[i];
		slots[which] = twq_slot(&map, twq_peer.ids[which]);
	}
}

static void slot_set(const struct job *job)
{
	struct twq_slot ** const at = slots;
	const uint64_t * const ids = twq_peer.ids;
	const uint32_t *which = job->which;
	const int64_t *when = job->when;
	size_t i, nr = job->nr;
	int err;

	for (i = 0; i < nr; i++) {
		err = twq_set_slot(&map, at[which[i]], ids[which[i]], when[i]);
		if (__builtin_expect(err, 0))
			must("REQUEUE", err);
	}
}

static void slot_stop(const struct job *job)
{
	uint32_t i;

	for (i = 0; i < job->nr; i++)
		must("twq_disarm",
		     twq_disarm(&map, twq_peer.ids[job->which[i]]));
}

const struct peer peer_twq_slot = {
	.name = "twq-slot",
	.what = "/dev/twq, stores to slots, tasks of one CPU",
	.open = slot_open,
	.create = slot_make,
	.set = slot_set,
	.cancel = slot_stop,
	.destroy = twq_batch_end,
	.take = twq_peer_take,
	.moved = twq_peer_moved,
};

const struct peer peer_twq_slot_shared = {
	.name = "twq-slot-shared",
	.what = "/dev/twq, stores to slots, tasks of every CPU",
	.flags = TWQ_PEER_SHARED,
	.open = slot_open,
	.create = slot_make,
	.set = slot_set,
	.cancel = slot_stop,
	.destroy = twq_batch_end,
	.take = twq_peer_take,
	.moved = twq_peer_moved,
};
