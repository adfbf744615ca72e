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
	batch->refers = 0;
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

static inline int put(struct twq_batch *batch, uint32_t opcode, uint32_t flags,
		      uint64_t id, int64_t value)
{
	if (id == TWQ_ID_CREATED)
		batch->refers = 1;
	batch->ops[batch->nr] = (struct twq_op){
		.opcode = opcode,
		.flags = flags,
		.id = id,
		.value = value,
	};
	return batch->nr++;
}

static int flush_and_put(struct twq_batch *batch, uint32_t opcode,
			 uint32_t flags, uint64_t id, int64_t value)
{
	int ret;

	if (batch->fd < 0)
		return -ENOSPC;
	ret = twq_batch_flush(batch);
	return ret < 0 ? ret : put(batch, opcode, flags, id, value);
}

/*
 * Inline, and the operation is written where it stays, since programs do this
 * as often as anything. A full batch is left to a function that ends this one,
 * so that nothing has to be kept for the time after it.
 */
static inline int add(struct twq_batch *batch, uint32_t opcode, uint32_t flags,
		      uint64_t id, int64_t value)
{
	if (batch->nr == batch->max)
		return flush_and_put(batch, opcode, flags, id, value);
	return put(batch, opcode, flags, id, value);
}

static void set_cpus(struct twq_op *op, const cpu_set_t *cpus, size_t cpus_size)
{
	op->cpus = (uintptr_t)cpus;
	op->cpus_len = cpus ? cpus_size : 0;
}

int twq_batch_add_create(struct twq_batch *batch, const cpu_set_t *cpus,
			 size_t cpus_size, uint32_t flags, int64_t interval_ns,
			 uint64_t user_data)
{
	int index = add(batch, TWQ_OP_CREATE, flags, TWQ_ID_CREATED,
			interval_ns);

	if (index < 0)
		return index;
	set_cpus(&batch->ops[index], cpus, cpus_size);
	batch->ops[index].user_data = user_data;
	batch->nr_creates++;
	return index;
}

int twq_batch_add_affinity(struct twq_batch *batch, uint64_t id,
			   const cpu_set_t *cpus, size_t cpus_size)
{
	int index = add(batch, TWQ_OP_SET_AFFINITY, 0, id, 0);

	if (index >= 0)
		set_cpus(&batch->ops[index], cpus, cpus_size);
	return index;
}

int twq_batch_add_destroy(struct twq_batch *batch, uint64_t id)
{
	return add(batch, TWQ_OP_DESTROY, 0, id, 0);
}

int twq_batch_add_queue(struct twq_batch *batch, uint64_t id,
			int64_t deadline_ns, uint32_t flags)
{
	return add(batch, TWQ_OP_QUEUE, flags, id, deadline_ns);
}

int twq_batch_add_schedule(struct twq_batch *batch, uint64_t id,
			   int64_t deadline_ns, uint32_t flags)
{
	return add(batch, TWQ_OP_SCHEDULE, flags, id, deadline_ns);
}

int twq_batch_add_cancel(struct twq_batch *batch, uint64_t id)
{
	return add(batch, TWQ_OP_CANCEL, 0, id, 0);
}

int twq_batch_add_wakeup(struct twq_batch *batch, uint64_t id,
			 uint32_t reasons)
{
	return add(batch, TWQ_OP_WAKEUP, 0, id, reasons);
}

int twq_batch_add_requeue(struct twq_batch *batch, uint64_t id)
{
	return add(batch, TWQ_OP_REQUEUE, 0, id, 0);
}

/* Names the last task created by an earlier call where it is referred to. */
static void carry_created(struct twq_batch *batch)
{
	uint32_t i;

	if (batch->created == TWQ_ID_CREATED || !batch->refers)
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

static void tell(const struct twq_batch *batch)
{
	void (*done)(const struct twq_op *op, void *arg) = batch->done;
	const struct twq_op *op = batch->ops, *end = op + batch->nr_made;

	for (; op < end; op++)
		done(op, batch->arg);
}

/* Tells of what was made and keeps the rest. */
static void retire(struct twq_batch *batch)
{
	uint32_t nr_left = batch->nr - batch->nr_made;

	if (batch->done)
		tell(batch);
	if (nr_left) {
		memmove(batch->ops, batch->ops + batch->nr_made,
			nr_left * sizeof(*batch->ops));
	} else {
		batch->nr_creates = 0;
		batch->refers = 0;
	}
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
