// SPDX-License-Identifier: GPL-2.0
/*
 * The files of the storm: open, close, read, and the judgement on a ledger.
 * Locks: see storm.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fields.h"
#include "storm.h"
#include "units.h"

#define MAX_EVENTS	64

static const char *const kind_names[] = { "own", "common", "raced" };

int file_open(struct storm *storm, struct file *file)
{
	unsigned int i;
	int ret;

	file->fd = twq_open(storm->device, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (file->fd < 0) {
		storm_broken(storm, "cannot open %s: %s", storm->device,
			     strerror(-file->fd));
		return file->fd;
	}
	ret = twq_map(file->fd, 0, &file->map);
	if (ret) {
		storm_broken(storm, "cannot map the slots: %s", strerror(-ret));
		close(file->fd);
		file->fd = -1;
		return ret;
	}
	memset(&file->tally, 0, sizeof(file->tally));
	/* The ids of the new file may be those of the old one. */
	for (i = 0; i < file->nr_slots; i++) {
		file->slots[i].nr_ended = 0;
		atomic_store(&file->slots[i].id, 0);
		atomic_store(&file->slots[i].last_id, 0);
	}
	atomic_fetch_add(&storm->opens, 1);
	return 0;
}

static void add_ledger(struct twq_ledger *sum, const struct twq_ledger *ledger)
{
	const uint64_t *from = (const uint64_t *)ledger;
	uint64_t *to = (uint64_t *)sum;
	size_t i;

	for (i = 0; i < sizeof(*sum) / sizeof(*to); i++)
		to[i] += from[i];
}

/*
 * Nobody else uses the file. Its tasks end with it, wherever they are: by the
 * end of the descriptor or of the mapping, which is last at times.
 */
void file_close(struct storm *storm, struct file *file)
{
	bool is_map_last = file->tally.created & 1;
	struct twq_stats stats;

	if (file->fd < 0)
		return;
	if (!twq_get_stats(file->fd, TWQ_STATS_ALL_CPUS, &stats)) {
		pthread_mutex_lock(&storm->lock);
		add_ledger(&storm->ledger, &stats.ledger);
		pthread_mutex_unlock(&storm->lock);
	}
	if (is_map_last)
		close(file->fd);
	if (twq_unmap(&file->map))
		storm_broken(storm, "cannot unmap the slots");
	if (!is_map_last)
		close(file->fd);
	file->fd = -1;
}

/* -- the ledger ----------------------------------------------------------- */

struct claim {
	bool holds;
	const char *text;
};

static void judge_claims(struct storm *storm, const struct file *file,
			 const struct twq_ledger *ledger,
			 const struct claim *claims)
{
	json_t *figures;
	char *text;

	for (; claims->text; claims++) {
		if (claims->holds)
			continue;
		figures = fields_to_json(ledger, ledger_fields);
		text = json_dumps(figures, JSON_COMPACT);
		storm_broken(storm, "%s file: not so: %s; the ledger is %s",
			     kind_names[file->kind], claims->text, text);
		free(text);
		json_decref(figures);
	}
}

/*
 * At any time when no call is under way: the counters of events are of one
 * moment, and tasks that run do not change those of calls.
 */
static void judge_now(struct storm *storm, const struct file *file,
		      const struct twq_ledger *l)
{
	const struct tally *t = &file->tally;
	const struct claim claims[] = {
		{ l->fired == l->delivered + l->coalesced + l->pending +
			      l->discarded,
		  "fired == delivered + coalesced + pending + discarded" },
		{ l->delivered == t->events, "delivered == events read" },
		{ l->created == t->created, "created == calls of CREATE" },
		{ true, NULL }
	};

	judge_claims(storm, file, l, claims);
}

/* No task is left, all was read: what was stored has been counted, too. */
static void judge_rest(struct storm *storm, const struct file *file,
		       const struct twq_ledger *l)
{
	const struct tally *t = &file->tally;
	const struct claim claims[] = {
		{ !l->pending, "pending == 0" },
		{ l->destroyed == t->destroyed,
		  "destroyed == calls of DESTROY" },
		{ l->armed == l->expired + l->moved + l->cancelled +
			      l->dropped,
		  "armed == expired + moved + cancelled + dropped" },
		{ l->armed >= t->queued, "armed >= calls of QUEUE" },
		{ l->armed <= t->queued + t->scheduled + t->stored +
			      l->expired,
		  "armed <= calls of QUEUE and SCHEDULE + stores + expired" },
		{ l->cancelled >= t->stopped, "cancelled >= CANCEL said 1" },
		{ l->cancelled <= t->stopped + t->removed + t->disarmed,
		  "cancelled <= CANCEL said 1 + QUEUE or store of no deadline" },
		{ l->fired <= t->woken + l->expired,
		  "fired <= calls of WAKEUP + expired" },
		{ true, NULL }
	};

	judge_claims(storm, file, l, claims);
}

void file_judge(struct storm *storm, struct file *file, bool is_at_rest)
{
	struct twq_stats stats;
	int ret = twq_get_stats(file->fd, TWQ_STATS_ALL_CPUS, &stats);

	if (ret < 0) {
		storm_broken(storm, "STATS: %s", strerror(-ret));
		return;
	}
	judge_now(storm, file, &stats.ledger);
	if (is_at_rest)
		judge_rest(storm, file, &stats.ledger);
}

/* -- reading -------------------------------------------------------------- */

/* The caller holds the slot's lock, or is the only one who may end the task. */
void slot_ended(struct storm *storm, struct slot *slot, uint64_t id)
{
	struct ended *ended = &slot->ended[slot->nr_ended++ % SLOT_ENDED];

	ended->id = id;
	ended->turn = atomic_fetch_add(&storm->turn, 1);
}

/*
 * An event of a task that is not in its slot: it was destroyed, after the read
 * had begun. What was destroyed longer ago than the slot remembers was so
 * before its oldest memory.
 */
static void check_ended(struct actor *actor, struct file *file,
			struct slot *slot, uint64_t id, uint64_t turn)
{
	const struct ended *oldest = &slot->ended[0];
	unsigned int i, nr = slot->nr_ended;

	if (nr > SLOT_ENDED) {
		oldest = &slot->ended[nr % SLOT_ENDED];
		nr = SLOT_ENDED;
	}
	for (i = 0; i < nr; i++) {
		if (slot->ended[i].id != id)
			continue;
		if (slot->ended[i].turn < turn)
			slot_broken(actor, file, slot,
				    "event of task 0x%llx was read after DESTROY had returned",
				    (unsigned long long)id);
		return;
	}
	if (slot->nr_ended <= SLOT_ENDED || oldest->turn < turn)
		slot_broken(actor, file, slot,
			    "event of task 0x%llx, which is not there",
			    (unsigned long long)id);
}

/* What holds for an event whatever races with it. */
static void check_raced(struct actor *actor, struct file *file,
			struct slot *slot, const struct twq_event *event,
			int64_t now_ns)
{
	bool has_timer = event->reasons & TWQ_WOKEN_TIMER;
	bool has_deadline = event->deadline_ns != TWQ_ETERNITY;

	if (event->reasons && !(event->reasons & ~TWQ_WOKEN_ANY) &&
	    has_timer == has_deadline && event->fired_ns <= now_ns &&
	    (!has_deadline || event->deadline_ns <= now_ns))
		return;
	slot_broken(actor, file, slot,
		    "event with reasons 0x%x, deadline %lld, fired at %lld, read at %lld",
		    event->reasons, (long long)event->deadline_ns,
		    (long long)event->fired_ns, (long long)now_ns);
}

static void show_event(struct actor *actor, struct file *file,
		       const struct twq_event *event, uint64_t turn,
		       int64_t now_ns)
{
	struct slot *slot;

	if (event->user_data >= file->nr_slots) {
		storm_broken(actor->storm, "event of user_data %llu, id 0x%llx",
			     (unsigned long long)event->user_data,
			     (unsigned long long)event->id);
		return;
	}
	slot = &file->slots[event->user_data];
	pthread_mutex_lock(&slot->lock);
	if (event->id != atomic_load(&slot->id)) {
		check_ended(actor, file, slot, event->id, turn);
	} else if (file->kind == KIND_RACED && actor->index >= 0) {
		check_raced(actor, file, slot, event, now_ns);
	} else {
		slot_note(actor, slot, "event", event->deadline_ns,
			  event->reasons);
		model_told(&slot->model, event, now_ns);
		slot_check(actor, file, slot);
	}
	pthread_mutex_unlock(&slot->lock);
}

int file_read(struct actor *actor, struct file *file, unsigned int max)
{
	struct twq_event events[MAX_EVENTS];
	struct storm *storm = actor->storm;
	int64_t now_ns;
	uint64_t turn;
	int i, nr;

	if (max > MAX_EVENTS)
		max = MAX_EVENTS;
	if (file->kind != KIND_RACED)
		pthread_mutex_lock(&file->reading);
	turn = atomic_fetch_add(&storm->turn, 1);
	nr = twq_read_events(file->fd, events, max);
	now_ns = monotonic_ns();
	if (nr > (int)max || !nr || (nr < 0 && nr != (max ? -EAGAIN : -EINVAL)))
		storm_broken(storm, "read of %u events answered %d", max, nr);
	for (i = 0; i < nr; i++)
		show_event(actor, file, &events[i], turn, now_ns);
	if (nr > 0)
		atomic_fetch_add(&file->tally.events, nr);
	if (file->kind != KIND_RACED)
		pthread_mutex_unlock(&file->reading);
	return nr;
}

bool file_wait(struct file *file, int timeout_ms)
{
	struct pollfd pollfd = { .fd = file->fd, .events = POLLIN };

	return poll(&pollfd, 1, timeout_ms) > 0 && pollfd.revents & POLLIN;
}
