// SPDX-License-Identifier: GPL-2.0
/*
 * Batches. To the model each operation is a call of its own, under way during
 * the whole batch together with the others: so what one leads to for another
 * is allowed to both, and what none can lead to is not. Judged is what the
 * operation holds in the end, however it came about.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>

#include "ioctls.h"

#define MAX_OPS		24
#define CHUNK		8	/* a signal ends a batch after so many, or more */

struct batch {
	struct rng rng;
	int nr;
	struct twq_op ops[MAX_OPS];
	struct request requests[MAX_OPS];
	struct run runs[MAX_OPS];
	bool dirty[MAX_OPS];	/* a member that it has not is not zero */
	struct place array;
	struct place room;
	struct twq_submit arg;
	uint64_t created;
};

static const enum op ops_of[] = {
	[TWQ_OP_CREATE] = OP_CREATE, [TWQ_OP_DESTROY] = OP_DESTROY,
	[TWQ_OP_SET_AFFINITY] = OP_AFFINITY, [TWQ_OP_QUEUE] = OP_QUEUE,
	[TWQ_OP_SCHEDULE] = OP_SCHEDULE, [TWQ_OP_CANCEL] = OP_CANCEL,
	[TWQ_OP_WAKEUP] = OP_WAKEUP, [TWQ_OP_REQUEUE] = OP_REQUEUE,
};

/* -- operations ----------------------------------------------------------- */

/* What a call's argument is as an operation. */
static void to_op(const struct request *q, struct twq_op *op)
{
	const union arg *a = &q->arg;

	op->id = a->task_id.id;
	switch (op->opcode) {
	case TWQ_OP_CREATE:
		op->flags = a->create.flags;
		op->value = a->create.interval_ns;
		op->user_data = a->create.user_data;
		op->cpus = a->create.cpus;
		op->cpus_len = a->create.cpus_len;
		break;
	case TWQ_OP_SET_AFFINITY:
		op->cpus = a->affinity.cpus;
		op->cpus_len = a->affinity.cpus_len;
		break;
	case TWQ_OP_QUEUE:
	case TWQ_OP_SCHEDULE:
		op->flags = a->deadline.flags;
		op->value = a->deadline.deadline_ns;
		break;
	case TWQ_OP_WAKEUP:
		op->value = a->wakeup.reasons;
		break;
	default:
		break;
	}
}

/* And back; what is left of @op then is what it should not have. */
static bool from_op(struct twq_op op, struct request *q)
{
	union arg *a = &q->arg;

	memset(a, 0, sizeof(*a));
	a->task_id.id = op.id;
	switch (op.opcode) {
	case TWQ_OP_CREATE:
		a->create.user_data = op.user_data;
		a->create.cpus = op.cpus;
		a->create.cpus_len = op.cpus_len;
		a->create.flags = op.flags;
		a->create.interval_ns = op.value;
		op = (struct twq_op){
			.reserved = { op.reserved[0], op.reserved[1] },
		};
		break;
	case TWQ_OP_SET_AFFINITY:
		a->affinity.cpus = op.cpus;
		a->affinity.cpus_len = op.cpus_len;
		op.cpus = 0;
		op.cpus_len = 0;
		break;
	case TWQ_OP_QUEUE:
	case TWQ_OP_SCHEDULE:
		a->deadline.deadline_ns = op.value;
		a->deadline.flags = op.flags;
		op.value = 0;
		op.flags = 0;
		break;
	case TWQ_OP_WAKEUP:
		a->wakeup.reasons = op.value;
		op.value = op.value >> 32;
		break;
	default:
		break;
	}
	return op.flags || op.value || op.user_data || op.cpus ||
	       op.cpus_len || op.reserved[0] || op.reserved[1];
}

static enum op op_of(uint32_t opcode)
{
	return opcode && opcode < ARRAY_SIZE(ops_of) ? ops_of[opcode] :
						       OP_BAD_COMMAND;
}

/* One after the pattern of the call, which says where its mask is. */
static void make_op(struct run *r, struct batch *b, int i)
{
	struct call c = *r->call;
	struct twq_op *op = &b->ops[i];
	uint32_t word;

	op->opcode = 1 + rng_below(&b->rng, TWQ_OP_REQUEUE);
	c.op = op_of(op->opcode);
	c.twist = 0;
	c.n = rng_next(&b->rng);
	c.kind = rng_next(&b->rng);
	c.task = rng_below(&b->rng, 8);
	c.wrong = rng_below(&b->rng, 24);
	c.b = rng_below(&b->rng, 3000000);
	if (c.wrong > 6)
		c.wrong = 0;
	if (op->opcode == TWQ_OP_CREATE)
		c.b = rng_below(&b->rng, 8) ? 0 : 100000 + c.b;
	fill(r, &c, &b->requests[i]);
	if (op->opcode == TWQ_OP_WAKEUP && rng_below(&b->rng, 4))
		b->requests[i].arg.wakeup.reasons = TWQ_WOKEN_MSG;
	to_op(&b->requests[i], op);
	if (!rng_below(&b->rng, 3))
		op->id = TWQ_ID_CREATED;
	word = rng_below(&b->rng, 16);
	if (!rng_below(&b->rng, 12))
		((uint32_t *)op)[word] ^= 1U << rng_below(&b->rng, 32);
	b->dirty[i] = from_op(*op, &b->requests[i]);
	b->runs[i] = *r;
	b->runs[i].op = op_of(op->opcode);
	mark_begin(&b->runs[i], &b->requests[i]);
}

static int64_t choose_until(struct batch *b, const struct call *c)
{
	switch (rng_below(&b->rng, 8)) {
	case 0:
		b->arg.flags = TWQ_RELATIVE;
		return c->b % 3000000;
	case 1:
		return now_ns() + c->b % 3000000;
	case 2:
		return TWQ_ETERNITY;
	case 3:
		return c->b;
	default:
		return 0;
	}
}

static void make_batch(struct run *r, struct batch *b)
{
	const struct call *c = r->call;
	uint8_t ptr = c->ptr == PLACE_FLAKY ? PLACE_GOOD : c->ptr;
	int i;

	memset(b, 0, sizeof(*b));
	b->rng.state = c->b ^ c->n;
	b->nr = rng_below(&b->rng, 3) ? rng_below(&b->rng, CHUNK + 1) :
					rng_below(&b->rng, MAX_OPS + 1);
	for (i = 0; i < b->nr; i++)
		make_op(r, b, i);
	memory_place(2 * r->thread, ptr, c->ptr_arg, b->nr * sizeof(b->ops[0]),
		     &b->array);
	memcpy(b->array.mem, b->ops, b->nr * sizeof(b->ops[0]));
	b->arg.ops = b->array.user;
	b->arg.nr_ops = b->nr;
	b->arg.max_events = rng_below(&b->rng, 3) ? rng_below(&b->rng, 40) : 0;
	memory_place(2 * NR_THREADS + r->thread,
		     rng_below(&b->rng, 4) ? PLACE_GOOD : c->mask_ptr,
		     c->kind, b->arg.max_events * sizeof(struct twq_event),
		     &b->room);
	b->arg.events = b->room.user;
	b->arg.until_ns = choose_until(b, c);
	if (c->twist)			/* flags, reserved */
		((uint32_t *)&b->arg)[9 + c->twist % 7] ^= c->twist_xor;
}

/* -- judgement ------------------------------------------------------------ */

/* How many the kernel can read, and write the results of. */
static int usable(const struct batch *b)
{
	const size_t size = sizeof(b->ops[0]);
	const size_t result = offsetof(struct twq_op, result) + 4;
	int i;

	for (i = 0; i < b->nr; i++)
		if (b->array.readable < (i + 1) * size ||
		    b->array.writable < i * size + result)
			break;
	return i;
}

/* TWQ_ID_CREATED becomes the id that it meant, which nobody knew before. */
static void resolve(struct batch *b, struct run *r, struct request *q)
{
	if (r->op == OP_CREATE || q->arg.task_id.id != TWQ_ID_CREATED)
		return;
	q->arg.task_id.id = b->created;
	if (!b->created)
		model_must(r, ENOENT);
	r->marked = model_task(&r->ex->model, r->file, q->arg.task_id.id);
	if (r->marked && r->op == OP_DESTROY)
		r->marked->destroyers++;
	if (r->marked && r->op == OP_AFFINITY)
		r->marked->remaskers++;
}

static void judge_op(struct batch *b, int i, const struct worker *w)
{
	const struct twq_op *out = (const struct twq_op *)b->array.mem + i;
	struct request *q = &b->requests[i];
	struct run *r = &b->runs[i];
	struct twq_op op;

	memcpy(&op, out, sizeof(op));
	r->ret = op.result;
	r->must = 0;
	r->may = 0;
	resolve(b, r, q);
	q->place = (struct place){
		.mem = &op.id,
		.readable = sizeof(q->arg),
		.writable = sizeof(q->arg),
	};
	if (r->op == OP_BAD_COMMAND || b->dirty[i])
		model_must(r, EINVAL);
	if (r->op != OP_BAD_COMMAND)
		judge_ioctl(r, q, w);
	model_check(r, r->op == OP_CANCEL);
	if (r->op == OP_CREATE)
		b->created = r->ret ? 0 : op.id;
	mark_end(r);
}

static void judge_ops(struct run *r, struct batch *b, const struct worker *w)
{
	int i, made = r->ret > 0 ? r->ret : 0;

	for (i = 0; i < b->nr; i++) {
		if (i < made) {
			judge_op(b, i, w);
			continue;
		}
		b->runs[i].ret = -ECANCELED;
		mark_end(&b->runs[i]);
	}
}

static void judge_made(struct run *r, const struct batch *b)
{
	int full = usable(b);
	bool early = r->ret && r->ret % CHUNK == 0;

	if (r->ret < 0 || r->ret == full || (r->ret < full && early))
		return;
	executor_fail(r->ex, r->call - r->ex->program->calls,
		      "%ld operations were made of %d, of which %d are usable",
		      r->ret, b->nr, full);
}

static void judge_events(struct run *r, const struct batch *b)
{
	long made = r->ret;

	if (!b->arg.nr_events)
		return;
	if (made < b->nr || !b->arg.max_events) {
		executor_fail(r->ex, r->call - r->ex->program->calls,
			      "%u events after %ld of %d operations",
			      b->arg.nr_events, made, b->nr);
		return;
	}
	r->ret = (long)(b->arg.nr_events * sizeof(struct twq_event));
	check_events(r, &b->room,
		     b->arg.max_events * sizeof(struct twq_event));
	r->ret = made;
}

static void judge_submit(struct run *r, const struct batch *b)
{
	const __u64 *reserved = b->arg.reserved;

	model_fd(r);
	if (b->arg.flags & ~TWQ_RELATIVE || reserved[0] || reserved[1] ||
	    reserved[2])
		model_must(r, EINVAL);
	if (b->nr && !usable(b))
		model_must(r, EFAULT);
	if (b->arg.max_events) {
		if (r->file != NONE &&
		    r->ex->model.files[r->file].access == O_WRONLY)
			model_must(r, EBADF);
		if (b->room.flaky ||
		    b->room.writable < sizeof(struct twq_event))
			model_may(r, EFAULT);
		if (!b->nr)
			model_may(r, EINTR);
	}
	judge_made(r, b);
	judge_events(r, b);
}

void run_submit(struct run *r, struct worker *w)
{
	struct batch b;

	if (r->ex->model.nr_tasks > MAX_TASKS / 2)
		return;
	make_batch(r, &b);
	r->ret = answer(ioctl(r->num, TWQ_IOC_SUBMIT, &b.arg));
	model_end(r, r->ret);
	judge_ops(r, &b, w);
	judge_submit(r, &b);
	model_judge(r, b.nr);
}
