// SPDX-License-Identifier: GPL-2.0
/*
 * The end of the storm: no actor is left, all CPUs are online. What is soon
 * due must fire by itself; then every deadline is taken away or made due, then
 * every task is woken and must run on a CPU of its own; then each ledger must
 * balance, and after the last close the queues must be empty. One thread does
 * all this, so the models of the raced file become exact, too.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "storm.h"
#include "units.h"

#define SOON_NS		(5 * NSEC_PER_SEC)
#define LOOK_NS		(20 * NSEC_PER_MSEC)
#define MAX_READS	8	/* in a look */
#define MAX_SILENT	4	/* of which it is told */

struct rest {
	struct storm *storm;
	struct actor actor;
	int64_t since_ns;	/* of this phase */
};

typedef bool (*rest_fn)(struct rest *rest, struct file *file,
			struct slot *slot);

static void note_answer(struct rest *rest, struct file *file,
			struct slot *slot, const char *call, int64_t value,
			int answer)
{
	slot_note(&rest->actor, slot, call, value, answer);
	if (answer < 0)
		slot_broken(&rest->actor, file, slot, "%s answered %d", call,
			    answer);
	slot_check(&rest->actor, file, slot);
}

/* True for each slot with a task, or the first for which it is not is told. */
static unsigned int each_task(struct rest *rest, rest_fn fn,
			      struct slot **first, struct file **of)
{
	struct storm *storm = rest->storm;
	unsigned int i, j, nr_false = 0;

	for (i = 0; i < storm->nr_files; i++) {
		struct file *file = &storm->files[i];

		for (j = 0; j < file->nr_slots; j++) {
			if (!atomic_load(&file->slots[j].id) ||
			    fn(rest, file, &file->slots[j]))
				continue;
			if (!nr_false++) {
				*first = &file->slots[j];
				*of = file;
			}
		}
	}
	return nr_false;
}

/*
 * A few reads of each file: on a slow machine intervals may fire faster than one
 * thread reads, and the look at the tasks must come nevertheless.
 */
static void read_all(struct rest *rest)
{
	struct storm *storm = rest->storm;
	unsigned int i, nr;

	for (i = 0; i < storm->nr_files; i++)
		for (nr = 0; nr < MAX_READS; nr++)
			if (file_read(&rest->actor, &storm->files[i], 64) <= 0 ||
			    file_wait(&storm->files[i], 0))
				break;
}

static bool is_over(struct storm *storm)
{
	bool is_over;

	pthread_mutex_lock(&storm->lock);
	is_over = json_array_size(storm->broken);
	pthread_mutex_unlock(&storm->lock);
	return is_over;
}

/*
 * Reads and asks until @fn holds for every task. Returns false when something
 * is broken, silence being part of it.
 */
static bool until(struct rest *rest, const char *what, rest_fn fn)
{
	struct timespec pause = { .tv_nsec = LOOK_NS };
	struct slot *slot;
	struct file *file;
	unsigned int nr;

	rest->since_ns = monotonic_ns();
	while (!is_over(rest->storm)) {
		read_all(rest);
		nr = each_task(rest, fn, &slot, &file);
		if (!nr)
			return !is_over(rest->storm);
		if (monotonic_ns() - rest->since_ns > SILENCE_NS) {
			slot_broken(&rest->actor, file, slot,
				    "%u tasks are silent: %s has not happened within %s",
				    nr, what, format_duration(SILENCE_NS).text);
			return false;
		}
		nanosleep(&pause, NULL);
	}
	return false;
}

/* -- what is asked of each task ------------------------------------------- */

static bool ask(struct rest *rest, struct file *file, struct slot *slot,
		struct twq_query *query)
{
	int ret = twq_get_task(file->fd, atomic_load(&slot->id), query);
	bool is_at_rest = false;

	if (!ret)
		is_at_rest = model_asked(&slot->model, query, monotonic_ns());
	note_answer(rest, file, slot, "query", query->deadline_ns, ret);
	return is_at_rest;
}

/* The models of the raced file begin here. */
static bool adopt(struct rest *rest, struct file *file, struct slot *slot)
{
	uint64_t id = atomic_load(&slot->id), cpus = rest->storm->cpus;
	struct twq_query query;
	cpu_set_t set;
	int ret, cpu;

	if (file->kind != KIND_RACED)
		return true;
	ret = twq_get_task(file->fd, id, &query);
	if (!ret && query.state & TWQ_STATE_SHARED_WQ) {
		CPU_ZERO(&set);
		for (cpu = 0; cpu < 64; cpu++)
			if (cpus >> cpu & 1)
				CPU_SET(cpu, &set);
		ret = twq_set_affinity(file->fd, id, &set, sizeof(set));
	} else if (!ret) {
		cpus = 1ULL << query.cpu;
	}
	model_adopted(&slot->model, &query, cpus);
	atomic_store(&slot->cpus, cpus);
	note_answer(rest, file, slot, "adopt", query.deadline_ns, ret);
	return true;
}

/* What is due soon has fired, and each periodic task has since the storm. */
static bool has_fired(struct rest *rest, struct file *file, struct slot *slot)
{
	struct twq_query query;
	bool is_at_rest = ask(rest, file, slot, &query);
	bool is_later = query.deadline_ns == TWQ_ETERNITY ||
			query.deadline_ns > monotonic_ns() + SOON_NS;

	if (slot->model.interval_ns && !is_later)
		return slot->model.fired_ns > rest->since_ns;
	return is_at_rest && is_later;
}

/* CANCEL, or for every other one that is not periodic a deadline in the past */
static bool end_deadline(struct rest *rest, struct file *file,
			 struct slot *slot)
{
	uint64_t id = atomic_load(&slot->id), cpus = slot->model.cpus;
	bool is_queue = !slot->model.interval_ns && id & 1;
	int64_t due_ns = monotonic_ns() - 1;
	int ret;

	if (!slot->model.is_shared)
		actor_bind(&rest->actor, __builtin_ctzll(cpus));
	if (is_queue) {
		ret = twq_queue(file->fd, id, due_ns, 0);
		if (!ret) {
			model_queued(&slot->model, due_ns, due_ns,
				     monotonic_ns());
			atomic_fetch_add(&file->tally.queued, 1);
		}
	} else {
		ret = twq_cancel(file->fd, id);
		if (ret >= 0)
			model_cancelled(&slot->model, ret, monotonic_ns());
		if (ret > 0)
			atomic_fetch_add(&file->tally.stopped, 1);
	}
	note_answer(rest, file, slot, is_queue ? "queue" : "cancel",
		    is_queue ? due_ns : 0, ret);
	return true;
}

static bool is_idle(struct rest *rest, struct file *file, struct slot *slot)
{
	struct twq_query query;

	return ask(rest, file, slot, &query) &&
	       query.deadline_ns == TWQ_ETERNITY;
}

static bool wake(struct rest *rest, struct file *file, struct slot *slot)
{
	int ret = twq_wakeup(file->fd, atomic_load(&slot->id), TWQ_WOKEN_MSG);

	slot->model.is_home_only = true;
	if (!ret) {
		model_woken(&slot->model, TWQ_WOKEN_MSG);
		atomic_fetch_add(&file->tally.woken, 1);
	}
	note_answer(rest, file, slot, "wakeup", TWQ_WOKEN_MSG, ret);
	return true;
}

static bool destroy(struct rest *rest, struct file *file, struct slot *slot)
{
	uint64_t id = atomic_load(&slot->id);
	int ret;

	ret = twq_destroy(file->fd, id);
	note_answer(rest, file, slot, "destroy", 0, ret);
	if (ret)
		return true;
	slot_ended(rest->storm, slot, id);
	atomic_store(&slot->id, 0);
	atomic_fetch_add(&file->tally.destroyed, 1);
	ret = twq_destroy(file->fd, id);
	if (ret != -ENOENT)
		slot_broken(&rest->actor, file, slot,
			    "DESTROY of what was destroyed answered %d", ret);
	return true;
}

/* -- the system ----------------------------------------------------------- */

/* The release of what was destroyed is counted when it happens. */
static void wait_for_releases(struct file *file)
{
	struct timespec pause = { .tv_nsec = LOOK_NS };
	int64_t end_ns = monotonic_ns() + SILENCE_NS;
	struct twq_stats stats;

	while (!twq_get_stats(file->fd, TWQ_STATS_ALL_CPUS, &stats) &&
	       stats.ledger.destroyed != file->tally.destroyed &&
	       monotonic_ns() < end_ns)
		nanosleep(&pause, NULL);
}

static void judge_homes(struct storm *storm, int fd)
{
	struct twq_stats stats;
	int cpu;

	for (cpu = 0; cpu < storm->nr_cpus && cpu < 64; cpu++) {
		if (!(storm->cpus >> cpu & 1))
			continue;
		if (twq_get_stats(fd, cpu, &stats) ||
		    stats.serving_cpu != (uint32_t)cpu)
			storm_broken(storm, "CPU %d is online, and CPU %u serves it",
				     cpu, stats.serving_cpu);
	}
}

static void judge_system(struct storm *storm)
{
	const struct twq_cpu_stats *was = &storm->before, *is = &storm->after;
	uint64_t refused;
	struct twq_stats stats;
	int fd = twq_open(storm->device, O_RDWR);

	if (fd < 0 || twq_get_stats(fd, TWQ_STATS_ALL_CPUS, &stats)) {
		storm_broken(storm, "cannot read STATS at the end");
		return;
	}
	storm->after = stats.cpu_stats;
	judge_homes(storm, fd);
	close(fd);
	refused = is->refused - was->refused;
	if (is->local_depth + is->shared_depth !=
	    was->local_depth + was->shared_depth)
		storm_broken(storm, "all files are closed, and %llu tasks are in local queues, %llu in the shared one",
			     is->local_depth, is->shared_depth);
	if (storm->hotplug ? refused < storm->refused :
	    refused != storm->refused)
		storm_broken(storm, "%llu calls were refused with -EXDEV, the device counted %llu",
			     (unsigned long long)storm->refused,
			     (unsigned long long)refused);
	if (is->runs - was->runs < storm->ledger.fired)
		storm_broken(storm, "%llu runs, but %llu that had something to tell",
			     is->runs - was->runs, storm->ledger.fired);
	if (!storm->hotplug && is->rehomed != was->rehomed)
		storm_broken(storm, "%llu tasks were moved, and no CPU went down",
			     is->rehomed - was->rehomed);
}

void storm_rest(struct storm *storm)
{
	struct rest rest = {
		.storm = storm,
		.actor = { .storm = storm, .index = -1 },
	};
	struct slot *slot;
	struct file *file;
	unsigned int i;

	each_task(&rest, adopt, &slot, &file);
	if (!until(&rest, "a deadline to come", has_fired))
		return;
	each_task(&rest, end_deadline, &slot, &file);
	if (!until(&rest, "the last event", is_idle))
		return;
	each_task(&rest, wake, &slot, &file);
	if (!until(&rest, "the run of a wake-up", is_idle))
		return;
	each_task(&rest, destroy, &slot, &file);
	for (i = 0; i < storm->nr_files; i++) {
		wait_for_releases(&storm->files[i]);
		file_judge(storm, &storm->files[i], true);
		file_close(storm, &storm->files[i]);
	}
	judge_system(storm);
}
