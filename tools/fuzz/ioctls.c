// SPDX-License-Identifier: GPL-2.0
/*
 * The calls of the device: their arguments, and a look at whether one that
 * failed has changed anything.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ioctls.h"

static const struct {
	unsigned long command;
	size_t size;
} commands[] = {
	[OP_INFO] = { TWQ_IOC_INFO, sizeof(struct twq_info) },
	[OP_CREATE] = { TWQ_IOC_CREATE, sizeof(struct twq_create) },
	[OP_DESTROY] = { TWQ_IOC_DESTROY, sizeof(struct twq_task_id) },
	[OP_AFFINITY] = { TWQ_IOC_SET_AFFINITY, sizeof(struct twq_affinity) },
	[OP_QUEUE] = { TWQ_IOC_QUEUE, sizeof(struct twq_deadline) },
	[OP_SCHEDULE] = { TWQ_IOC_SCHEDULE, sizeof(struct twq_deadline) },
	[OP_CANCEL] = { TWQ_IOC_CANCEL, sizeof(struct twq_task_id) },
	[OP_WAKEUP] = { TWQ_IOC_WAKEUP, sizeof(struct twq_wakeup) },
	[OP_QUERY] = { TWQ_IOC_QUERY, sizeof(struct twq_query) },
	[OP_STATS] = { TWQ_IOC_STATS, sizeof(struct twq_stats) },
	[OP_REQUEUE] = { TWQ_IOC_REQUEUE, sizeof(struct twq_task_id) },
	[OP_BAD_COMMAND] = { 0, sizeof(struct twq_create) },
};

static long device_call(int num, unsigned long command, uint64_t arg)
{
	return ioctl(num, command, (void *)(uintptr_t)arg) < 0 ? -errno : 0;
}

/* -- arguments ------------------------------------------------------------ */

static uint64_t choose_id(const struct run *r, const struct call *c)
{
	const struct model *m = &r->ex->model;
	uint64_t id = 0;

	pthread_mutex_lock(&r->ex->model.lock);
	if (m->nr_tasks)
		id = m->tasks[c->task % m->nr_tasks].id;
	pthread_mutex_unlock(&r->ex->model.lock);
	switch (c->wrong) {
	case 0:
		return id;
	case 1:				/* the next generation */
		return id + (1 << 24);
	case 2:				/* another slot */
		return id + 1;
	case 3:
		return 0;
	case 4:
		return ~0ULL;
	case 5:
		return c->b;
	default:
		return id ^ 1ULL << 63;
	}
}

static void fill_mask(const struct run *r, const struct call *c,
		      struct request *q, __u64 *cpus, __u32 *cpus_len)
{
	static const uint32_t lens[] = {
		8, 8, 8, 8, 8, 8, 16, 4096, 0xfffffff8, 0, 4, 12, 0xffffffff,
	};
	unsigned int form = c->n % (ARRAY_SIZE(lens) + 3);

	q->mask_bits = c->a;
	memory_place(2 * r->thread + 1, c->mask_ptr, c->ptr_arg, sizeof(c->a),
		     &q->mask);
	memcpy(q->mask.mem, &c->a, sizeof(c->a));
	if (form >= ARRAY_SIZE(lens))
		return;			/* every CPU */
	*cpus = q->mask.user;
	*cpus_len = lens[form];
}

static void fill_deadline(const struct call *c, struct twq_deadline *d)
{
	static const int64_t absolute[] = {
		TWQ_ETERNITY, TWQ_ETERNITY - 1, INT64_MIN, INT64_MIN + 1, -1,
		0, 1,
	};

	switch (c->kind % 16) {
	case 0 ... 6:
		d->deadline_ns = absolute[c->kind % 16];
		break;
	case 7:
		d->deadline_ns = now_ns() - (int64_t)(c->b >> 2);
		break;
	case 8:
		d->deadline_ns = c->b;
		break;
	case 9:
		d->deadline_ns = now_ns() + 3600000000000LL;
		break;
	case 10:
		d->flags = TWQ_RELATIVE;
		d->deadline_ns = absolute[c->n % ARRAY_SIZE(absolute)];
		break;
	case 11 ... 13:
		d->flags = TWQ_RELATIVE;
		d->deadline_ns = c->b;
		break;
	default:
		d->deadline_ns = now_ns() + (int64_t)(c->b >> 2);
	}
}

void fill(const struct run *r, const struct call *c, struct request *q)
{
	union arg *arg = &q->arg;

	memset(q, 0, sizeof(*q));
	q->size = commands[c->op].size;
	switch (c->op) {
	case OP_CREATE:
		arg->create.user_data = c->b ^ (uint64_t)c->n << 32;
		arg->create.interval_ns = c->b;
		arg->create.flags = c->kind & TWQ_CREATE_SHARED;
		fill_mask(r, c, q, &arg->create.cpus,
			  &arg->create.cpus_len);
		break;
	case OP_AFFINITY:
		arg->affinity.id = choose_id(r, c);
		fill_mask(r, c, q, &arg->affinity.cpus,
			  &arg->affinity.cpus_len);
		break;
	case OP_QUEUE:
	case OP_SCHEDULE:
		arg->deadline.id = choose_id(r, c);
		fill_deadline(c, &arg->deadline);
		break;
	case OP_WAKEUP:
		arg->wakeup.id = choose_id(r, c);
		arg->wakeup.reasons = c->a;
		break;
	case OP_STATS:
		arg->stats.cpu = c->a;
		break;
	case OP_INFO:
	case OP_BAD_COMMAND:
		break;
	default:			/* the id is the first member */
		arg->task_id.id = choose_id(r, c);
	}
	if (c->twist)
		arg->words[(c->twist - 1) % (q->size / 4)] ^= c->twist_xor;
}

/* -- a failed call changes nothing ---------------------------------------- */

struct snapshot {
	struct twq_stats stats;
	struct twq_query query;
	bool known;
};

static void snapshot(const struct run *r, uint64_t id, struct snapshot *s)
{
	memset(s, 0, sizeof(*s));
	s->stats.cpu = TWQ_STATS_ALL_CPUS;
	if (device_call(r->num, TWQ_IOC_STATS, (uintptr_t)&s->stats))
		return;
	s->query.id = id;
	s->known = !device_call(r->num, TWQ_IOC_QUERY, (uintptr_t)&s->query);
}

/* The ledgers in the order of time enclose the queries. */
static bool same(const struct snapshot *a, const struct snapshot *b)
{
	const uint32_t mask = TWQ_STATE_SHARED_WQ;

	return a->known == b->known &&
	       a->query.user_data == b->query.user_data &&
	       a->query.deadline_ns == b->query.deadline_ns &&
	       a->query.interval_ns == b->query.interval_ns &&
	       a->query.overruns == b->query.overruns &&
	       a->query.pending == b->query.pending &&
	       a->query.cpu == b->query.cpu &&
	       a->query.nr_cpus == b->query.nr_cpus &&
	       (a->query.state & mask) == (b->query.state & mask) &&
	       !memcmp(&a->stats.ledger, &b->stats.ledger,
		       sizeof(a->stats.ledger));
}

/* Deadlines came, wake-ups or tasks ended, begun by the calls before. */
static bool moved_on(const struct twq_ledger *a, const struct twq_ledger *b)
{
	return a->expired != b->expired || a->fired != b->fired ||
	       a->destroyed != b->destroyed;
}

/* A difference counts when nothing has happened that explains it. */
static void compare(struct run *r, uint64_t id, const struct snapshot *before)
{
	struct snapshot after, later;
	int i;

	snapshot(r, id, &after);
	atomic_fetch_add(&r->ex->proc->nr_checks, 1);
	if (same(before, &after))
		return;
	for (i = 0; i < 20; i++) {
		usleep(50000);
		atomic_fetch_add(&r->ex->proc->beat, 1);
		snapshot(r, id, &later);
		if (moved_on(&before->stats.ledger, &later.stats.ledger))
			return;
	}
	executor_fail(r->ex, r->call - r->ex->program->calls,
		      "%s failed (%s) and changed something: deadline %lld to %lld, armed %llu to %llu, created %llu to %llu, cpu %u to %u",
		      op_names[r->call->op], strerror(-r->ret),
		      (long long)before->query.deadline_ns,
		      (long long)after.query.deadline_ns,
		      (unsigned long long)before->stats.ledger.armed,
		      (unsigned long long)after.stats.ledger.armed,
		      (unsigned long long)before->stats.ledger.created,
		      (unsigned long long)after.stats.ledger.created,
		      before->query.cpu, after.query.cpu);
}

void run_ioctl(struct run *r, struct worker *w)
{
	const struct call *c = r->call;
	unsigned long command = commands[c->op].command;
	struct snapshot before;
	struct request q;
	uint64_t id;
	bool look;

	fill(r, c, &q);
	memory_place(2 * r->thread, c->ptr, c->ptr_arg, q.size, &q.place);
	memcpy(q.place.mem, &q.arg, q.size);
	if (c->op == OP_BAD_COMMAND)
		command = (uint32_t)c->a;
	id = c->op == OP_CREATE ? 0 : q.arg.task_id.id;
	look = r->alone && r->file != NONE && c->ptr_arg % 8 == 0;
	if (look)
		snapshot(r, id, &before);
	mark_begin(r, &q);
	r->ret = ioctl(r->num, command, (void *)(uintptr_t)q.place.user);
	model_end(r, r->ret < 0 ? -errno : r->ret);
	judge_ioctl(r, &q, w);
	mark_end(r);
	model_judge(r, c->op == OP_CANCEL);
	if (look && r->ret < 0)
		compare(r, id, &before);
}

/* Many tasks at once, due together: more than one pass may take. */
void run_many(struct run *r, struct worker *w)
{
	struct twq_create create = {
		.cpus = (uintptr_t)&w->pinned,
		.cpus_len = sizeof(w->pinned),
		.flags = r->call->kind & TWQ_CREATE_SHARED,
	};
	struct mtask t = { .mask = w->pinned };
	struct twq_deadline deadline = { .flags = TWQ_RELATIVE };
	/* Rarely more than a pass takes, since that takes time. */
	unsigned int i, nr = r->call->n % (r->call->kind % 4 ? 24 : 250);

	for (i = 0; i < nr; i++) {
		create.user_data = i;
		model_begin(r);
		if (r->file == NONE || r->ex->model.nr_tasks > MAX_TASKS - 64)
			return;
		t.file = r->file;
		mark_begin(r, &(struct request){});
		r->ret = device_call(r->num, TWQ_IOC_CREATE,
				     (uintptr_t)&create);
		model_end(r, r->ret);
		model_fd(r);
		model_may(r, EDQUOT);
		t.id = create.id;
		t.user_data = i;
		t.shared = create.flags || t.mask & (t.mask - 1);
		if (!r->ret)
			model_add_task(r, &t);
		mark_end(r);
		model_judge(r, 0);
		if (r->ret)
			return;
		deadline.id = create.id;
		deadline.deadline_ns = r->call->b % 4000000;
		atomic_fetch_add(&r->ex->shared->calls, 2);
		device_call(r->num, TWQ_IOC_QUEUE, (uintptr_t)&deadline);
		atomic_fetch_add(&r->ex->proc->beat, 1);
	}
}
