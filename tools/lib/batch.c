// SPDX-License-Identifier: GPL-2.0
/*
 * libtwq: batches. A batch is an array of operations of which the first nr_made
 * were made. A call takes the others; it may be cut short, and TWQ_ID_CREATED
 * reaches no further back than its own call. So what it means where the next
 * call begins is kept in the batch and put into the operations there.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libtwq.h"

int twq_batch_init(struct twq_batch *batch, struct twq_op *ops, uint32_t max)
{
	memset(batch, 0, sizeof(*batch));
	batch->fd = -1;
	if (!max || max > INT32_MAX)
		return -EINVAL;
	if (!ops) {
		ops = calloc(max, sizeof(*ops));
		if (!ops)
			return -ENOMEM;
		batch->allocated = ops;
	}
	batch->ops = ops;
	batch->max = max;
	return 0;
}

void twq_batch_free(struct twq_batch *batch)
{
	free(batch->allocated);
	memset(batch, 0, sizeof(*batch));
	batch->fd = -1;
}

void twq_batch_reset(struct twq_batch *batch)
{
	batch->nr = 0;
	batch->nr_made = 0;
	batch->nr_creates = 0;
	batch->created = TWQ_ID_CREATED;
}

void twq_batch_set_flush(struct twq_batch *batch, int fd,
			 void (*done)(const struct twq_op *op, void *arg),
			 void *arg)
{
	batch->fd = fd;
	batch->done = done;
	batch->arg = arg;
}

static int add(struct twq_batch *batch, const struct twq_op *op)
{
	int ret;

	if (batch->nr == batch->max) {
		if (batch->fd < 0)
			return -ENOSPC;
		ret = twq_batch_flush(batch);
		if (ret < 0)
			return ret;
	}
	if (op->opcode == TWQ_OP_CREATE)
		batch->nr_creates++;
	batch->ops[batch->nr] = *op;
	return batch->nr++;
}

int twq_batch_add_create(struct twq_batch *batch, const cpu_set_t *cpus,
			 size_t cpus_size, uint32_t flags, int64_t interval_ns,
			 uint64_t user_data)
{
	return add(batch, &(struct twq_op){
		.opcode = TWQ_OP_CREATE,
		.flags = flags,
		.value = interval_ns,
		.user_data = user_data,
		.cpus = (uintptr_t)cpus,
		.cpus_len = cpus ? cpus_size : 0,
	});
}

int twq_batch_add_destroy(struct twq_batch *batch, uint64_t id)
{
	return add(batch, &(struct twq_op){
		.opcode = TWQ_OP_DESTROY,
		.id = id,
	});
}

int twq_batch_add_affinity(struct twq_batch *batch, uint64_t id,
			   const cpu_set_t *cpus, size_t cpus_size)
{
	return add(batch, &(struct twq_op){
		.opcode = TWQ_OP_SET_AFFINITY,
		.id = id,
		.cpus = (uintptr_t)cpus,
		.cpus_len = cpus ? cpus_size : 0,
	});
}

int twq_batch_add_queue(struct twq_batch *batch, uint64_t id,
			int64_t deadline_ns, uint32_t flags)
{
	return add(batch, &(struct twq_op){
		.opcode = TWQ_OP_QUEUE,
		.flags = flags,
		.id = id,
		.value = deadline_ns,
	});
}

int twq_batch_add_schedule(struct twq_batch *batch, uint64_t id,
			   int64_t deadline_ns, uint32_t flags)
{
	return add(batch, &(struct twq_op){
		.opcode = TWQ_OP_SCHEDULE,
		.flags = flags,
		.id = id,
		.value = deadline_ns,
	});
}

int twq_batch_add_cancel(struct twq_batch *batch, uint64_t id)
{
	return add(batch, &(struct twq_op){
		.opcode = TWQ_OP_CANCEL,
		.id = id,
	});
}

int twq_batch_add_wakeup(struct twq_batch *batch, uint64_t id,
			 uint32_t reasons)
{
	return add(batch, &(struct twq_op){
		.opcode = TWQ_OP_WAKEUP,
		.id = id,
		.value = reasons,
	});
}

int twq_batch_add_requeue(struct twq_batch *batch, uint64_t id)
{
	return add(batch, &(struct twq_op){
		.opcode = TWQ_OP_REQUEUE,
		.id = id,
	});
}

/* Names the last task created by an earlier call where it is referred to. */
static void carry_created(struct twq_batch *batch)
{
	uint32_t i;

	if (batch->created == TWQ_ID_CREATED)
		return;
	for (i = batch->nr_made; i < batch->nr; i++) {
		if (batch->ops[i].opcode == TWQ_OP_CREATE)
			return;
		if (batch->ops[i].id == TWQ_ID_CREATED)
			batch->ops[i].id = batch->created;
	}
}

/* After a creation that failed there is no task to refer to. */
static void note_made(struct twq_batch *batch, uint32_t nr)
{
	const struct twq_op *op = &batch->ops[batch->nr_made + nr];

	batch->nr_made += nr;
	if (!batch->nr_creates)
		return;
	while (nr--) {
		op--;
		if (op->opcode != TWQ_OP_CREATE)
			continue;
		batch->created = op->result < 0 ? TWQ_ID_CREATED : op->id;
		return;
	}
}

int twq_batch_submit_and_wait(int fd, struct twq_batch *batch,
			      struct twq_event *events, uint32_t max,
			      int64_t until_ns, uint32_t flags,
			      uint32_t *nr_events)
{
	struct twq_submit submit = {
		.ops = (uintptr_t)(batch->ops + batch->nr_made),
		.events = (uintptr_t)events,
		.until_ns = until_ns,
		.nr_ops = batch->nr - batch->nr_made,
		.max_events = max,
		.flags = flags,
	};
	int ret;

	carry_created(batch);
	ret = twq_submit(fd, &submit);
	*nr_events = ret < 0 ? 0 : submit.nr_events;
	if (ret > 0)
		note_made(batch, ret);
	return ret;
}

int twq_batch_submit(int fd, struct twq_batch *batch)
{
	uint32_t nr_events;

	if (batch->nr_made == batch->nr)
		return 0;
	return twq_batch_submit_and_wait(fd, batch, NULL, 0, 0, 0, &nr_events);
}

int twq_batch_submit_all(int fd, struct twq_batch *batch)
{
	int ret;

	while (batch->nr_made < batch->nr) {
		ret = twq_batch_submit(fd, batch);
		if (ret < 0)
			return ret;
	}
	return 0;
}

/* Tells of what was made and keeps the rest. */
static void retire(struct twq_batch *batch)
{
	uint32_t i, nr_left = batch->nr - batch->nr_made;

	for (i = 0; batch->done && i < batch->nr_made; i++)
		batch->done(&batch->ops[i], batch->arg);
	if (nr_left)
		memmove(batch->ops, batch->ops + batch->nr_made,
			nr_left * sizeof(*batch->ops));
	else
		batch->nr_creates = 0;
	batch->nr = nr_left;
	batch->nr_made = 0;
}

int twq_batch_flush(struct twq_batch *batch)
{
	int ret;

	if (batch->fd < 0)
		return -EBADF;
	ret = twq_batch_submit_all(batch->fd, batch);
	retire(batch);
	return ret;
}

int twq_batch_flush_and_wait(struct twq_batch *batch, struct twq_event *events,
			     uint32_t max, int64_t until_ns, uint32_t flags)
{
	uint32_t nr_events;
	int ret;

	if (batch->fd < 0)
		return -EBADF;
	ret = twq_batch_submit_and_wait(batch->fd, batch, events, max, until_ns,
					flags, &nr_events);
	/* Cut by a signal, whose handler may want the caller: no waiting now. */
	while (ret >= 0 && batch->nr_made < batch->nr && !nr_events)
		ret = twq_batch_submit_and_wait(batch->fd, batch, events, max,
						0, 0, &nr_events);
	retire(batch);
	return ret < 0 ? ret : (int)nr_events;
}
