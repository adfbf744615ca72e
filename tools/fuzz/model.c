// SPDX-License-Identifier: GPL-2.0
/*
 * What the contract lets each call answer, from what is known of files and
 * tasks. Calls overlap; so their beginnings and ends are counted by one clock,
 * and an answer that another call may have caused meanwhile is allowed, one
 * that nothing can have caused is not. One lock, not held during calls.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "fuzz.h"

static const struct {
	int err;
	const char *name;
} errors[] = {
	{ EPERM, "EPERM" }, { ENOENT, "ENOENT" }, { EINTR, "EINTR" },
	{ EBADF, "EBADF" }, { EAGAIN, "EAGAIN" }, { ENOMEM, "ENOMEM" },
	{ EACCES, "EACCES" }, { EFAULT, "EFAULT" }, { EEXIST, "EEXIST" },
	{ EXDEV, "EXDEV" }, { ENODEV, "ENODEV" }, { ENOTDIR, "ENOTDIR" },
	{ EINVAL, "EINVAL" }, { ENOTTY, "ENOTTY" }, { ESPIPE, "ESPIPE" },
	{ EDQUOT, "EDQUOT" }, { EOPNOTSUPP, "EOPNOTSUPP" },
};

static uint64_t error_bit(int err)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(errors); i++)
		if (errors[i].err == err)
			return 1ULL << i;
	return 0;
}

void model_may(struct run *r, int err)
{
	r->may |= error_bit(err);
}

void model_must(struct run *r, int err)
{
	r->must |= error_bit(err);
}

void model_reset(struct model *m)
{
	int i;

	m->clock = 0;
	m->nr_fds = 0;
	m->nr_files = 0;
	m->nr_tasks = 0;
	m->nr_early = 0;
	m->nr_maps = 0;
	for (i = 0; i < NR_SLOTS; i++)
		m->slots[i] = NONE;
}

/* The call's slot, or else the first that has a descriptor. */
static int find_fd(const struct model *m, int slot)
{
	int i;

	if (m->slots[slot % NR_SLOTS] != NONE)
		return m->slots[slot % NR_SLOTS];
	for (i = 0; i < NR_SLOTS; i++)
		if (m->slots[i] != NONE)
			return m->slots[i];
	return NONE;
}

void model_begin(struct run *r)
{
	struct model *m = &r->ex->model;

	pthread_mutex_lock(&m->lock);
	r->must = 0;
	r->may = 0;
	r->num = NONE;
	r->file = NONE;
	r->fd = find_fd(m, r->call->slot);
	if (r->fd != NONE) {
		r->num = m->fds[r->fd].num;
		r->file = m->fds[r->fd].file;
	}
	r->start = ++m->clock;
	pthread_mutex_unlock(&m->lock);
}

void model_end(struct run *r, long ret)
{
	pthread_mutex_lock(&r->ex->model.lock);
	r->ex->model.clock++;
	r->ret = ret;
}

static void print_errors(char *text, size_t size, uint64_t set)
{
	size_t at = 0;
	int i;

	text[0] = 0;
	for (i = 0; i < ARRAY_SIZE(errors); i++)
		if (set >> i & 1 && at < size)
			at += snprintf(text + at, size - at, " %s",
				       errors[i].name);
}

static bool allowed(const struct run *r, long max)
{
	if (r->ret >= 0)
		return !r->must && r->ret <= max;
	return error_bit(-r->ret) & (r->must | r->may);
}

static void not_allowed(struct run *r, long max)
{
	int call = r->call - r->ex->program->calls;
	char must[128], may[128];

	print_errors(must, sizeof(must), r->must);
	print_errors(may, sizeof(may), r->may);
	executor_fail(r->ex, call,
		      "%s returned %ld (%s), at most %ld, must fail by:%s; may by:%s",
		      op_names[r->op], r->ret,
		      r->ret < 0 ? strerror(-r->ret) : "success", max,
		      *must ? must : " none", *may ? may : " none");
}

/* Checks the answer, which is at most @max. */
void model_check(struct run *r, long max)
{
	if (!allowed(r, max))
		not_allowed(r, max);
}

/* The same, and gives the lock back. */
void model_judge(struct run *r, long max)
{
	bool ok = allowed(r, max);

	pthread_mutex_unlock(&r->ex->model.lock);
	if (!ok)
		not_allowed(r, max);
}

/* What a descriptor that is or may be closed leads to. */
void model_fd(struct run *r)
{
	const struct mfd *fd;

	if (r->file == NONE) {
		model_must(r, EBADF);
		return;
	}
	fd = &r->ex->model.fds[r->fd];
	if (fd->closed && fd->closed < r->start)
		model_must(r, EBADF);
	else if (fd->close_begun)
		model_may(r, EBADF);
}

struct mtask *model_task(struct model *m, int file, uint64_t id)
{
	int i;

	for (i = 0; i < m->nr_tasks; i++)
		if (m->tasks[i].id == id && m->tasks[i].file == file)
			return &m->tasks[i];
	return NULL;
}

/* What an id leads to that is not, or may not be, a task's. */
void model_id(struct run *r, uint64_t id, bool destroys)
{
	struct model *m = &r->ex->model;
	const struct mfile *file;
	const struct mtask *t;

	if (r->file == NONE)
		return;
	file = &m->files[r->file];
	t = model_task(m, r->file, id);
	if (!t) {
		if (file->creating || file->last_create > r->start)
			model_may(r, ENOENT);
		else
			model_must(r, ENOENT);
		return;
	}
	if (t->destroyed && t->destroyed < r->start)
		model_must(r, ENOENT);
	else if (t->destroyers - destroys > 0 || t->born > r->start)
		model_may(r, ENOENT);
}

int model_add_fd(struct model *m, int num, int file)
{
	m->fds[m->nr_fds] = (struct mfd){ .num = num, .file = file };
	return m->nr_fds++;
}

/* NULL when no call has named it too early. */
struct mearly *model_early(struct model *m, int file, uint64_t id)
{
	int i;

	for (i = 0; i < m->nr_early; i++)
		if (m->early[i].id == id && m->early[i].file == file)
			return &m->early[i];
	return NULL;
}

/* What was done to it, or is being done, before it was known. */
static void take_early(struct model *m, struct mtask *t)
{
	const struct mearly *early = model_early(m, t->file, t->id);

	if (!early)
		return;
	t->remaskers = early->remaskers;
	t->destroyers = early->destroyers;
	if (early->remasked) {
		t->vague = true;
		t->remasked = m->clock;
	}
	if (early->destroyed)
		t->destroyed = m->clock;
}

void model_add_task(struct run *r, const struct mtask *t)
{
	struct model *m = &r->ex->model;
	struct mfile *file = &m->files[t->file];

	if (model_task(m, t->file, t->id))
		executor_fail(r->ex, r->call - r->ex->program->calls,
			      "id %#llx was given twice",
			      (unsigned long long)t->id);
	m->tasks[m->nr_tasks] = *t;
	m->tasks[m->nr_tasks].born = m->clock;
	take_early(m, &m->tasks[m->nr_tasks]);
	m->nr_tasks++;
	file->created++;
}
