// SPDX-License-Identifier: GPL-2.0
/*
 * The operations of the storm. Each draws all that it needs before it looks
 * at anything, makes one call, tells the model and compares the answer with
 * those that are right. Locks: see storm.h.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "storm_target.h"
#include "units.h"

#define BAD_FLAG	0x80

void target_begin(struct target *t)
{
	t->where = actor_where(t->actor);
	t->before_ns = monotonic_ns();
}

void target_end(struct target *t)
{
	t->after_ns = monotonic_ns();
}

static unsigned int answer_bit(int answer)
{
	switch (answer) {
	case -ENOENT:
		return A_ENOENT;
	case -EXDEV:
		return A_EXDEV;
	case -EINVAL:
		return A_EINVAL;
	default:
		return answer >= 0 ? A_OK : 0;
	}
}

bool target_judge(struct target *t, const char *call, int64_t value,
		  int answer, unsigned int right)
{
	if (!t->is_exact)
		pthread_mutex_lock(&t->slot->lock);
	slot_note(t->actor, t->slot, call, value, answer);
	if (!(answer_bit(answer) & right))
		slot_broken(t->actor, t->file, t->slot,
			    "%s answered %d; right were:%s%s%s%s", call, answer,
			    right & A_OK ? " 0" : "",
			    right & A_ENOENT ? " -ENOENT" : "",
			    right & A_EXDEV ? " -EXDEV" : "",
			    right & A_EINVAL ? " -EINVAL" : "");
	if (!t->is_exact)
		pthread_mutex_unlock(&t->slot->lock);
	if (answer == -EXDEV)
		atomic_fetch_add(&t->actor->storm->refused, 1);
	return answer >= 0 && t->is_exact;
}

unsigned int right_anywhere(const struct target *t)
{
	if (t->is_stale)
		return A_ENOENT;
	return t->is_exact ? A_OK : A_OK | A_ENOENT;
}

/* Of a call that without SHARED_WQ is the owner's. */
static unsigned int right_at_home(const struct target *t)
{
	if (t->is_stale)
		return A_ENOENT;
	if (!t->is_exact)
		return A_OK | A_ENOENT | A_EXDEV;
	if (t->slot->model.is_shared)
		return A_OK;
	switch (actor_place(t->actor, &t->where, t->cpus)) {
	case PLACE_HOME:
		return A_OK;
	case PLACE_FOREIGN:
		return A_EXDEV;
	default:
		return A_OK | A_EXDEV;
	}
}

/* Mostly from where it is allowed, sometimes from where it may not be. */
static void go_home(struct target *t, bool goes)
{
	uint64_t cpus = t->cpus;

	if (goes && __builtin_popcountll(cpus) == 1 &&
	    __builtin_ctzll(cpus) != t->actor->cpu)
		actor_bind(t->actor, __builtin_ctzll(cpus));
}

static const cpu_set_t *to_set(uint64_t cpus, cpu_set_t *set)
{
	int cpu;

	CPU_ZERO(set);
	for (cpu = 0; cpu < 64; cpu++)
		if (cpus >> cpu & 1)
			CPU_SET(cpu, set);
	return set;
}

/* -- deadlines ------------------------------------------------------------ */

int64_t add_ns(int64_t a, int64_t b)
{
	int64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? TWQ_ETERNITY : sum;
}

static void set_deadline(struct target *t, bool is_queue)
{
	bool goes = draw_below(t->actor, 4), is_bad = !draw_below(t->actor, 64);
	int64_t value, lo_ns, hi_ns;
	struct tally *tally = &t->file->tally;
	uint32_t flags;
	int ret;

	go_home(t, goes);
	value = draw_deadline(t->actor, &flags);
	target_begin(t);
	ret = (is_queue ? twq_queue : twq_schedule)
		(t->file->fd, t->id, value, is_bad ? flags | BAD_FLAG : flags);
	target_end(t);
	lo_ns = value;
	hi_ns = value;
	if (flags & TWQ_RELATIVE && value != TWQ_ETERNITY) {
		lo_ns = add_ns(t->before_ns, value);
		hi_ns = add_ns(t->after_ns, value);
	}
	if (!ret && lo_ns == TWQ_ETERNITY)
		atomic_fetch_add(&tally->removed, is_queue);
	else if (!ret)
		atomic_fetch_add(is_queue ? &tally->queued : &tally->scheduled,
				 1);
	if (!target_judge(t, is_queue ? "queue" : "schedule", lo_ns, ret,
			  is_bad ? A_EINVAL : right_at_home(t)))
		return;
	if (is_queue)
		model_queued(&t->slot->model, lo_ns, hi_ns, t->after_ns);
	else
		model_scheduled(&t->slot->model, lo_ns, hi_ns, t->after_ns);
}

static void do_queue(struct target *t)
{
	set_deadline(t, true);
}

static void do_schedule(struct target *t)
{
	set_deadline(t, false);
}

static void do_cancel(struct target *t)
{
	bool goes = draw_below(t->actor, 4);
	int ret;

	go_home(t, goes);
	target_begin(t);
	ret = twq_cancel(t->file->fd, t->id);
	target_end(t);
	if (ret > 0)
		atomic_fetch_add(&t->file->tally.stopped, 1);
	if (target_judge(t, "cancel", 0, ret, right_at_home(t)))
		model_cancelled(&t->slot->model, ret, t->after_ns);
}

/* -- other calls on a task ------------------------------------------------ */

static void do_wakeup(struct target *t)
{
	static const uint32_t bad[] = { 0, TWQ_WOKEN_TIMER, 0x8000, 1 };
	uint32_t reasons = draw_reasons(t->actor);
	bool is_bad = !draw_below(t->actor, 32);
	uint32_t wrong = bad[draw_below(t->actor, 4)];
	int ret;

	/* Before the call: the event may be read before the call is back. */
	if (!is_bad && !t->is_stale)
		atomic_fetch_add(&t->file->tally.woken, 1);
	target_begin(t);
	ret = twq_wakeup(t->file->fd, t->id, is_bad ? wrong : reasons);
	target_end(t);
	if (target_judge(t, "wakeup", is_bad ? wrong : reasons, ret,
			 is_bad ? A_EINVAL : right_anywhere(t)))
		model_woken(&t->slot->model, reasons);
}

static unsigned int right_move(const struct target *t, uint64_t cpus)
{
	int online = actor_online(t->actor, &t->where, cpus);
	unsigned int right;

	if (t->is_stale)
		return A_ENOENT;
	if (!t->is_exact)
		right = A_OK | A_ENOENT | A_EXDEV;
	else
		right = model_expects_move(&t->slot->model, cpus) ? A_EXDEV :
			A_OK;
	if (!online)
		return A_EINVAL | (t->is_exact ? 0 : A_ENOENT);
	return online < 0 ? right | A_EINVAL : right;
}

static void do_affinity(struct target *t)
{
	uint64_t cpus = draw_cpus(t->actor, t->actor->storm->cpus);
	uint64_t one = 1ULL << draw_cpu(t->actor, cpus);
	cpu_set_t set;
	int ret;

	switch (draw_below(t->actor, 16)) {
	case 0:
		cpus = 0;
		break;
	case 1 ... 8:
		cpus = one;
	}
	target_begin(t);
	ret = twq_set_affinity(t->file->fd, t->id, to_set(cpus, &set),
			       sizeof(set));
	target_end(t);
	if (target_judge(t, "affinity", cpus, ret, right_move(t, cpus)))
		model_moved(&t->slot->model, cpus);
	if (!ret)
		atomic_store(&t->slot->cpus, cpus);
}

static void do_query(struct target *t)
{
	struct twq_query query;
	int ret;

	target_begin(t);
	ret = twq_get_task(t->file->fd, t->id, &query);
	target_end(t);
	if (!target_judge(t, "query", ret ? 0 : query.deadline_ns, ret,
			  right_anywhere(t)))
		return;
	model_asked(&t->slot->model, &query, t->after_ns);
	check_words(t, &query);
}

static void destroy(struct target *t)
{
	uint64_t id = t->id;
	int ret;

	target_begin(t);
	ret = twq_destroy(t->file->fd, id);
	target_end(t);
	target_judge(t, "destroy", 0, ret, right_anywhere(t));
	if (ret)
		return;
	atomic_fetch_add(&t->file->tally.destroyed, 1);
	if (!t->is_exact)
		pthread_mutex_lock(&t->slot->lock);
	slot_ended(t->actor->storm, t->slot, id);
	if (!t->is_exact)
		pthread_mutex_unlock(&t->slot->lock);
	atomic_store(&t->slot->last_id, id);
	atomic_compare_exchange_strong(&t->slot->id, &id, 0);
}

static void do_destroy(struct target *t)
{
	if (t->is_exact) {
		destroy(t);
		return;
	}
	/* A store that came after it would be to the slot of another task. */
	pthread_rwlock_wrlock(&t->slot->stores);
	destroy(t);
	pthread_rwlock_unlock(&t->slot->stores);
}

/* -- create --------------------------------------------------------------- */

struct creation {
	uint64_t cpus;
	uint32_t flags;
	int64_t interval_ns;
	bool is_bad;
};

/* 7 of 16 local, 3 of one CPU with SHARED_WQ, 6 of some CPUs; 1 of 4 periodic */
static void draw_creation(struct actor *actor, struct creation *c)
{
	uint64_t cpus = draw_cpus(actor, actor->storm->cpus);
	uint64_t one = 1ULL << draw_cpu(actor, actor->storm->cpus);
	unsigned int class = draw_below(actor, 16);
	int64_t interval_ns = draw_interval(actor);

	*c = (struct creation){
		.cpus = class < 10 ? one : cpus,
		.flags = class >= 7 && class < 11 ? TWQ_CREATE_SHARED : 0,
		.interval_ns = draw_below(actor, 4) ? 0 : interval_ns,
	};
	switch (draw_below(actor, 64)) {
	case 0:
		c->flags |= BAD_FLAG;
		c->is_bad = true;
		break;
	case 1:
		c->interval_ns = draw(actor) & 1 ? 1 : INT64_MIN;
		c->is_bad = true;
		break;
	case 2:
		c->cpus = 0;
		c->is_bad = true;
	}
}

/* Somebody else was faster: there is room for one. */
static void discard(struct target *t, uint64_t id)
{
	int ret = twq_destroy(t->file->fd, id);

	if (ret)
		storm_broken(t->actor->storm,
			     "DESTROY of a task that nobody else knows answered %d",
			     ret);
	else
		atomic_fetch_add(&t->file->tally.destroyed, 1);
}

static void do_create(struct target *t)
{
	struct storm *storm = t->actor->storm;
	struct slot *slot = t->slot;
	uint64_t id = 0, none = 0;
	struct creation c;
	cpu_set_t set;
	int ret, online;

	draw_creation(t->actor, &c);
	target_begin(t);
	ret = twq_create(t->file->fd, to_set(c.cpus, &set), sizeof(set),
			 c.flags, c.interval_ns, slot - t->file->slots, &id);
	target_end(t);
	online = actor_online(t->actor, &t->where, c.cpus);
	target_judge(t, "create", c.cpus, ret,
		     c.is_bad || !online ? A_EINVAL :
		     online < 0 ? A_OK | A_EINVAL : A_OK);
	if (ret)
		return;
	atomic_fetch_add(&t->file->tally.created, 1);
	if (t->is_exact)
		model_created(&slot->model, c.cpus, c.flags & TWQ_CREATE_SHARED,
			      c.interval_ns, !storm->hotplug);
	atomic_store(&slot->cpus, c.cpus);
	if (!atomic_compare_exchange_strong(&slot->id, &none, id))
		discard(t, id);
}

/* -- operations on a file ------------------------------------------------- */

static void do_read(struct target *t)
{
	unsigned int max = draw_below(t->actor, 32) ?
			   draw_below(t->actor, 64) + 1 : 0;

	file_read(t->actor, t->file, max);
}

/* In an own file what is owed must come, and what is there must be read. */
static void do_poll(struct target *t)
{
	bool is_owed, is_own = t->file->kind == KIND_OWN;

	is_owed = is_own && atomic_load(&t->slot->id) &&
		  model_is_owed(&t->slot->model);
	if (!file_wait(t->file, is_owed ? SILENCE_NS / NSEC_PER_MSEC : 0)) {
		if (!is_owed)
			return;
		pthread_mutex_lock(&t->slot->lock);
		slot_broken(t->actor, t->file, t->slot,
			    "an event is due, and none came for %s",
			    format_duration(SILENCE_NS).text);
		pthread_mutex_unlock(&t->slot->lock);
	} else if (file_read(t->actor, t->file, 64) <= 0 && is_own) {
		storm_broken(t->actor->storm, "poll says there is something to read, read says there is not");
	}
}

static void do_stats(struct target *t)
{
	int cpu = draw_below(t->actor, t->actor->storm->nr_cpus + 2) - 1;
	struct twq_stats stats;
	struct twq_info info;
	const struct twq_ledger *l = &stats.ledger;
	int ret = twq_get_stats(t->file->fd, cpu, &stats);

	if (ret != (cpu == t->actor->storm->nr_cpus ? -EINVAL : 0))
		storm_broken(t->actor->storm, "STATS of CPU %d answered %d",
			     cpu, ret);
	else if (!ret && l->fired != l->delivered + l->coalesced + l->pending +
		 l->discarded)
		storm_broken(t->actor->storm, "STATS: %llu fired, but %llu delivered, %llu coalesced, %llu pending, %llu discarded",
			     l->fired, l->delivered, l->coalesced, l->pending,
			     l->discarded);
	ret = twq_get_info(t->file->fd, &info);
	if (ret || info.now_ns > monotonic_ns())
		storm_broken(t->actor->storm, "INFO answered %d, now is %lld",
			     ret, (long long)info.now_ns);
}

static void do_pause(struct target *t)
{
	struct timespec pause = {
		.tv_nsec = draw_below(t->actor, 4 * NSEC_PER_MSEC),
	};

	nanosleep(&pause, NULL);
}

static void do_bind(struct target *t)
{
	actor_bind(t->actor, draw_cpu(t->actor, t->actor->storm->cpus));
}

/* Seldom, and more seldom where others work on the file, too. */
static void reopen(struct target *t)
{
	if (draw_below(t->actor, t->file->kind == KIND_OWN ? 64 : 128))
		return;
	pthread_rwlock_wrlock(&t->file->use);
	file_judge(t->actor->storm, t->file, false);
	file_close(t->actor->storm, t->file);
	file_open(t->actor->storm, t->file);
	pthread_rwlock_unlock(&t->file->use);
}

/* -- the choice ----------------------------------------------------------- */

enum scope { SCOPE_TASK, SCOPE_QUERY, SCOPE_FILE };

static const struct operation {
	unsigned int weight;
	enum scope scope;
	void (*make)(struct target *t);
} operations[] = {
	{ 26, SCOPE_TASK, do_queue },
	{ 16, SCOPE_TASK, do_schedule },
	{ 10, SCOPE_TASK, do_cancel },
	{ 14, SCOPE_TASK, do_wakeup },
	{ 8, SCOPE_TASK, do_affinity },
	{ 6, SCOPE_TASK, do_destroy },
	{ 24, SCOPE_TASK, do_store },
	{ 2, SCOPE_TASK, do_requeue },
	{ 16, SCOPE_QUERY, do_query },
	{ 12, SCOPE_FILE, do_read },
	{ 4, SCOPE_FILE, do_poll },
	{ 2, SCOPE_FILE, do_stats },
	{ 6, SCOPE_FILE, do_pause },
	{ 6, SCOPE_FILE, do_bind },
};

static const struct operation *draw_operation(struct actor *actor)
{
	const struct operation *op;
	unsigned int sum = 0, pick;

	for (op = operations; op < operations + 14; op++)
		sum += op->weight;
	pick = draw_below(actor, sum);
	for (op = operations; pick >= op->weight; op++)
		pick -= op->weight;
	return op;
}

static struct file *draw_file(struct actor *actor)
{
	struct storm *storm = actor->storm;

	switch (draw_below(actor, 4)) {
	case 0:
		return &storm->files[0];
	case 1:
		return &storm->files[1];
	default:
		return &storm->files[2 + actor->index];
	}
}

/* In an empty slot a task is made, or the one before it is called on. */
static void operate_on_task(struct target *t, const struct operation *op,
			    bool wants_stale)
{
	struct slot *slot = t->slot;

	t->id = atomic_load(&slot->id);
	t->is_stale = !t->id;
	t->cpus = atomic_load(&slot->cpus);
	if (t->is_stale && !wants_stale) {
		do_create(t);
	} else {
		if (t->is_stale)
			t->id = atomic_load(&slot->last_id);
		if (!t->id)
			t->id = UINT64_MAX;	/* never given */
		op->make(t);
	}
	if (t->is_exact)
		slot_check(t->actor, t->file, slot);
}

static void operate(struct target *t, const struct operation *op,
		    bool wants_stale)
{
	t->is_exact = t->file->kind != KIND_RACED;
	if (op->scope == SCOPE_FILE) {
		op->make(t);
		return;
	}
	if (t->is_exact) {
		if (op->scope == SCOPE_QUERY)
			pthread_mutex_lock(&t->file->reading);
		pthread_mutex_lock(&t->slot->lock);
	}
	operate_on_task(t, op, wants_stale);
	if (t->is_exact) {
		pthread_mutex_unlock(&t->slot->lock);
		if (op->scope == SCOPE_QUERY)
			pthread_mutex_unlock(&t->file->reading);
	}
}

void actor_operate(struct actor *actor)
{
	struct target t = { .actor = actor };
	const struct operation *op;
	bool wants_stale;

	actor->nr_drawn = 0;
	t.file = draw_file(actor);
	t.slot = &t.file->slots[draw_below(actor, t.file->nr_slots)];
	op = draw_operation(actor);
	wants_stale = !draw_below(actor, 4);
	if (sched_getcpu() != actor->cpu)
		actor_bind(actor, actor->cpu);
	pthread_rwlock_rdlock(&t.file->use);
	if (t.file->fd >= 0)
		operate(&t, op, wants_stale);
	pthread_rwlock_unlock(&t.file->use);
	if (op->make == do_bind)
		reopen(&t);
}
