// SPDX-License-Identifier: GPL-2.0
/*
 * What a call of the device may answer. It follows from the structure that it
 * was given in the end, however it came about: so a word spoilt at random is
 * judged by the same rules as the rest.
 */
#include <errno.h>
#include <string.h>

#include "ioctls.h"

/* Whether the kernel gets to see the argument at all. */
static bool judge_copy_in(struct run *r, const struct request *q)
{
	if (q->place.flaky)
		model_may(r, EFAULT);
	if (q->place.readable >= q->size)
		return true;
	model_must(r, EFAULT);
	return false;
}

static void judge_copy_out(struct run *r, const struct request *q, size_t size)
{
	if (q->place.flaky)
		model_may(r, EFAULT);
	else if (q->place.writable < size)
		model_must(r, EFAULT);
}

static void judge_zero(struct run *r, const void *mem, size_t size)
{
	const char *p = mem;

	while (size--)
		if (*p++)
			model_must(r, EINVAL);
}

/* Returns false when the mask is not known. */
static bool judge_mask(struct run *r, const struct request *q, uint64_t cpus,
		       uint32_t cpus_len, uint64_t *mask)
{
	const uint64_t possible = r->ex->model.possible;

	*mask = possible;
	if (!cpus && !cpus_len)
		return true;
	if (!cpus || !cpus_len || cpus_len % 8) {
		model_must(r, EINVAL);
		return false;
	}
	if (cpus != q->mask.user) {
		model_may(r, EFAULT);
		model_may(r, EINVAL);
		return false;
	}
	if (q->mask.flaky)
		model_may(r, EFAULT);
	else if (q->mask.readable < sizeof(*mask))
		model_must(r, EFAULT);
	*mask = q->mask_bits & possible;
	if (!*mask)
		model_must(r, EINVAL);
	return true;
}

static void judge_create(struct run *r, const struct request *q)
{
	const struct twq_create *c = &q->arg.create;
	struct model *m = &r->ex->model;
	struct mfile *file = &m->files[r->file];
	struct mtask t = {
		.user_data = c->user_data,
		.interval_ns = c->interval_ns,
		.file = r->file,
	};

	if (!judge_copy_in(r, q))
		return;
	judge_zero(r, c->reserved, sizeof(c->reserved));
	if (c->flags & ~TWQ_CREATE_FLAGS || c->interval_ns < 0 ||
	    (c->interval_ns && c->interval_ns < m->min_interval_ns))
		model_must(r, EINVAL);
	t.vague = !judge_mask(r, q, c->cpus, c->cpus_len, &t.mask);
	judge_copy_out(r, q, sizeof(c->id));
	if (r->file == NONE)
		return;
	if (file->created - file->destroyed + file->creating >= m->max_tasks)
		model_may(r, EDQUOT);
	if (r->ret)
		return;
	t.shared = c->flags & TWQ_CREATE_SHARED || t.mask & (t.mask - 1);
	memcpy(&t.id, q->place.mem, sizeof(t.id));
	model_add_task(r, &t);
}

static void judge_owner(struct run *r, const struct worker *w, uint64_t id)
{
	const struct mtask *t = model_task(&r->ex->model, r->file, id);

	if (!t || t->vague || t->remaskers || t->remasked > r->start ||
	    w->pinned & (w->pinned - 1))
		model_may(r, EXDEV);
	else if (!t->shared && t->mask != w->pinned)
		model_must(r, EXDEV);
}

static void judge_task_id(struct run *r, const struct request *q,
			  const struct worker *w)
{
	const struct twq_task_id *a = &q->arg.task_id;

	if (!judge_copy_in(r, q))
		return;
	judge_zero(r, &a->reserved, sizeof(a->reserved));
	model_id(r, a->id, r->op == OP_DESTROY);
	if (r->op == OP_CANCEL)
		judge_owner(r, w, a->id);
}

static void judge_affinity(struct run *r, const struct request *q)
{
	const struct twq_affinity *a = &q->arg.affinity;
	struct mtask *t = model_task(&r->ex->model, r->file, a->id);
	uint64_t mask;
	bool known;

	if (!judge_copy_in(r, q))
		return;
	judge_zero(r, &a->flags, sizeof(a->flags) + sizeof(a->reserved));
	model_id(r, a->id, false);
	known = judge_mask(r, q, a->cpus, a->cpus_len, &mask);
	if (!t || !t->shared || t->vague || t->remasked > r->start)
		model_may(r, EXDEV);
	if (!t || r->ret)
		return;
	/* Another change at the same time: who was last is not known. */
	if (!known || t->remaskers > 1 || t->remasked > r->start)
		t->vague = true;
	t->mask = mask;
	if (mask & (mask - 1))
		t->shared = true;
	t->remasked = r->ex->model.clock;
}

static void judge_deadline(struct run *r, const struct request *q,
			   const struct worker *w)
{
	const struct twq_deadline *a = &q->arg.deadline;

	if (!judge_copy_in(r, q))
		return;
	if (a->flags & ~TWQ_DEADLINE_FLAGS)
		model_must(r, EINVAL);
	judge_zero(r, &a->pad, sizeof(a->pad) + sizeof(a->reserved));
	model_id(r, a->id, false);
	judge_owner(r, w, a->id);
}

static void judge_wakeup(struct run *r, const struct request *q)
{
	const struct twq_wakeup *a = &q->arg.wakeup;

	if (!judge_copy_in(r, q))
		return;
	if (!a->reasons || a->reasons & ~(TWQ_WOKEN_ANY & ~TWQ_WOKEN_TIMER))
		model_must(r, EINVAL);
	judge_zero(r, &a->pad, sizeof(a->pad) + sizeof(a->reserved));
	model_id(r, a->id, false);
}

static void judge_query(struct run *r, const struct request *q)
{
	const struct twq_query *a = &q->arg.query;
	const struct mtask *t = model_task(&r->ex->model, r->file, a->id);
	struct twq_query now;

	if (!judge_copy_in(r, q))
		return;
	judge_zero(r, a->reserved, sizeof(a->reserved));
	model_id(r, a->id, false);
	judge_copy_out(r, q, q->size);
	if (r->ret || !t)
		return;
	memcpy(&now, q->place.mem, sizeof(now));
	if (now.id != t->id || now.user_data != t->user_data ||
	    now.interval_ns != t->interval_ns || now.pending > 1 ||
	    (now.overruns && !now.pending) || now.reserved[0] ||
	    now.reserved[1] || !now.nr_cpus ||
	    !(r->ex->model.possible >> now.cpu & 1) ||
	    (t->shared && !t->vague && t->born < r->start &&
	     t->remasked < r->start && !(now.state & TWQ_STATE_SHARED_WQ)))
		executor_fail(r->ex, r->call - r->ex->program->calls,
			      "query of task %#llx shows another task",
			      (unsigned long long)t->id);
}

static void judge_stats(struct run *r, const struct request *q)
{
	const struct twq_stats *a = &q->arg.stats;

	if (!judge_copy_in(r, q))
		return;
	judge_zero(r, a->reserved, sizeof(a->reserved));
	if (a->cpu != TWQ_STATS_ALL_CPUS &&
	    (a->cpu >= 64 || !(r->ex->model.possible >> a->cpu & 1)))
		model_must(r, EINVAL);
	judge_copy_out(r, q, q->size);
}

void judge_ioctl(struct run *r, const struct request *q,
		 const struct worker *w)
{
	model_fd(r);
	switch (r->op) {
	case OP_INFO:
		judge_copy_out(r, q, q->size);
		break;
	case OP_CREATE:
		judge_create(r, q);
		break;
	case OP_DESTROY:
	case OP_CANCEL:
	case OP_REQUEUE:
		judge_task_id(r, q, w);
		break;
	case OP_AFFINITY:
		judge_affinity(r, q);
		break;
	case OP_QUEUE:
	case OP_SCHEDULE:
		judge_deadline(r, q, w);
		break;
	case OP_WAKEUP:
		judge_wakeup(r, q);
		break;
	case OP_QUERY:
		judge_query(r, q);
		break;
	case OP_STATS:
		judge_stats(r, q);
		break;
	default:
		model_must(r, ENOTTY);
	}
}

/* -- what others may see of a call while it is under way ------------------ */

static bool creates(const struct run *r)
{
	return r->op == OP_CREATE || r->op == OP_MANY;
}

/* One that no task has, as yet, and that the call may make an end of. */
static void mark_early(struct run *r, uint64_t id)
{
	struct model *m = &r->ex->model;
	struct mearly *early = model_early(m, r->file, id);

	if (id == TWQ_ID_CREATED || (!early && m->nr_early == MAX_EARLY))
		return;
	if (!early) {
		early = &m->early[m->nr_early++];
		*early = (struct mearly){ .id = id, .file = r->file };
	}
	r->early = id;
	early->destroyers += r->op == OP_DESTROY;
	early->remaskers += r->op == OP_AFFINITY;
}

static void end_early(struct run *r, struct mearly *early)
{
	if (r->op == OP_AFFINITY) {
		early->remaskers--;
		early->remasked |= !r->ret;
	} else if (r->ret) {
		early->destroyers--;
	} else {
		early->destroyed = true;
	}
}

void mark_begin(struct run *r, const struct request *q)
{
	struct model *m = &r->ex->model;
	struct mtask *t;

	if (r->file == NONE)
		return;
	pthread_mutex_lock(&m->lock);
	t = model_task(m, r->file, q->arg.task_id.id);
	if (creates(r)) {
		m->files[r->file].creating++;
		m->files[r->file].last_create = ++m->clock;
	} else if (r->op == OP_DESTROY && t) {
		t->destroyers++;
	} else if (r->op == OP_AFFINITY && t) {
		t->remaskers++;
	}
	r->marked = t;
	r->early = 0;
	if (!t && (r->op == OP_DESTROY || r->op == OP_AFFINITY))
		mark_early(r, q->arg.task_id.id);
	pthread_mutex_unlock(&m->lock);
}

/* The lock is held. */
void mark_end(struct run *r)
{
	struct model *m = &r->ex->model;
	struct mtask *t = r->marked;

	if (r->file == NONE)
		return;
	if (r->early) {
		/* Known by now, the task has taken over what was under way. */
		t = model_task(m, r->file, r->early);
		end_early(r, model_early(m, r->file, r->early));
	}
	if (creates(r)) {
		m->files[r->file].creating--;
		m->files[r->file].last_create = ++m->clock;
	} else if (r->op == OP_AFFINITY && t) {
		t->remaskers--;
	} else if (r->op == OP_DESTROY && t && r->ret) {
		t->destroyers--;
	} else if (r->op == OP_DESTROY && !r->ret) {
		m->files[r->file].destroyed++;
		if (t && t->destroyed)
			executor_fail(r->ex, r->call - r->ex->program->calls,
				      "task %#llx was destroyed twice",
				      (unsigned long long)t->id);
		if (t)
			t->destroyed = m->clock;
	}
}
