// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/twq by 64 operations a call.
 */
#include "libtwq.h"
#include "peer_twq.h"
#include "user.h"

static struct twq_op ops[BATCH];
static struct twq_batch batch;

static void batch_done(const struct twq_op *op, void *arg)
{
	(void)arg;
	if (__builtin_expect(op->result < 0, 0))
		must("an operation", op->result);
	if (op->opcode == TWQ_OP_CREATE)
		twq_peer.ids[op->user_data] = op->id;
}

uint32_t twq_batch_open(const struct peer *self, uint32_t nr)
{
	uint32_t most = twq_peer_open(self, nr);

	if (most < nr)
		return most;
	must("twq_batch_init", twq_batch_init(&batch, ops, BATCH));
	twq_batch_set_flush(&batch, twq_peer.fd, batch_done, NULL);
	return nr;
}

void twq_batch_make(const struct job *job)
{
	const cpu_set_t *cpus = twq_peer.shared ? NULL : &twq_peer.cpus;
	uint32_t i;

	for (i = 0; i < job->nr; i++)
		must("twq_batch_add_create",
		     twq_batch_add_create(&batch, cpus, sizeof(*cpus),
					  twq_peer.shared ? TWQ_CREATE_SHARED :
							    0,
					  0, job->which[i]));
	must("twq_batch_flush", twq_batch_flush(&batch));
}

static void batch_set(const struct job *job)
{
	const uint64_t * const ids = twq_peer.ids;
	const uint32_t *which = job->which;
	const int64_t *when = job->when;
	size_t i, nr = job->nr;
	int ret;

	for (i = 0; i < nr; i++) {
		ret = twq_batch_add_queue(&batch, ids[which[i]], when[i], 0);
		if (__builtin_expect(ret < 0, 0))
			must("twq_batch_add_queue", ret);
	}
	must("twq_batch_flush", twq_batch_flush(&batch));
}

static void batch_stop(const struct job *job)
{
	uint32_t i;

	for (i = 0; i < job->nr; i++)
		must("twq_batch_add_cancel",
		     twq_batch_add_cancel(&batch, twq_peer.ids[job->which[i]]));
	must("twq_batch_flush", twq_batch_flush(&batch));
}

void twq_batch_end(const struct job *job)
{
	uint32_t i;

	for (i = 0; i < job->nr; i++)
		must("twq_batch_add_destroy",
		     twq_batch_add_destroy(&batch,
					   twq_peer.ids[job->which[i]]));
	must("twq_batch_flush", twq_batch_flush(&batch));
}

const struct peer peer_twq_batch = {
	.name = "twq-batch",
	.what = "/dev/twq, 64 a call, tasks of one CPU",
	.open = twq_batch_open,
	.create = twq_batch_make,
	.set = batch_set,
	.cancel = batch_stop,
	.destroy = twq_batch_end,
	.take = twq_peer_take,
	.moved = twq_peer_moved,
};

const struct peer peer_twq_batch_shared = {
	.name = "twq-batch-shared",
	.what = "/dev/twq, 64 a call, tasks of every CPU",
	.flags = TWQ_PEER_SHARED,
	.open = twq_batch_open,
	.create = twq_batch_make,
	.set = batch_set,
	.cancel = batch_stop,
	.destroy = twq_batch_end,
	.take = twq_peer_take,
	.moved = twq_peer_moved,
};
