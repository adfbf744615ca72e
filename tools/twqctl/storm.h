/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The storm: open files full of tasks, actors that make random calls on them,
 * and a model of each task. What an actor does is drawn from the seed, its
 * number and the number of its operation, and from nothing else.
 *
 * Three kinds of files. An actor's own file is used by nobody else. In the
 * common file the calls on a task exclude each other by the lock of its slot,
 * and readers exclude each other by the lock of the file: there, as in an own
 * file, the model knows each answer. In the raced file nothing excludes
 * anything, and only what holds in any order is checked.
 *
 * Deadlines are also moved by stores to the slots that the file maps. There is
 * one thing that a program must not do: store to the slot of a task that it has
 * destroyed, which may be another's by then. So slot->stores keeps DESTROY away.
 *
 * Locks, in this order: file->use, file->reading, slot->stores, slot->lock,
 * storm->lock. Where the operations of a task exclude each other by slot->lock,
 * slot->stores is not taken.
 */
#ifndef TWQCTL_STORM_H
#define TWQCTL_STORM_H

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "hotplug.h"
#include "libtwq.h"
#include "model.h"

#define SLOT_NOTES	16
#define SLOT_ENDED	8
/* A task that must tell and does not for so long is silent. */
#define SILENCE_NS	(30 * NSEC_PER_SEC)

struct storm_options {
	uint64_t seed;
	int64_t duration_ns;
	uint64_t operations;	/* of each actor; 0: until the time is over */
	unsigned int nr_tasks;
	unsigned int nr_threads;
	bool has_hotplug;
};

enum kind { KIND_OWN, KIND_COMMON, KIND_RACED };

/**
 * struct note - one call on a slot, for the report of a fault
 * @actor: who made it; -1 for the end of the storm
 * @operation: its number among the operations of the actor
 * @call: its name
 * @value: the deadline, the CPUs, the reasons or the event's overruns
 * @answer: what it returned
 * @at_ns: when
 */
struct note {
	int actor;
	uint64_t operation;
	const char *call;
	int64_t value;
	int answer;
	int64_t at_ns;
};

/* A task that is no more, and the turn in which DESTROY had returned. */
struct ended {
	uint64_t id;
	uint64_t turn;
};

/**
 * struct slot - a place for one task, and its model
 * @lock: of the calls on it, or in the raced file of the members below @id
 * @stores: in the raced file held for reading by a store, for writing by DESTROY
 * @id: of the task, 0 when there is none
 * @last_id: the task before it
 * @cpus: allowed CPUs, also for who does not hold the lock
 * @model: the task's, where it is exact
 */
struct slot {
	pthread_mutex_t lock;
	pthread_rwlock_t stores;
	atomic_uint_least64_t id;
	atomic_uint_least64_t last_id;
	atomic_uint_least64_t cpus;
	struct model model;
	unsigned int nr_ended;
	struct ended ended[SLOT_ENDED];
	unsigned int nr_notes;
	struct note notes[SLOT_NOTES];
};

/* What was done with a file since it was opened, as its ledger should say. */
struct tally {
	atomic_uint_least64_t created;
	atomic_uint_least64_t destroyed;
	atomic_uint_least64_t queued;	/* QUEUE with a deadline */
	atomic_uint_least64_t scheduled; /* SCHEDULE with a deadline */
	atomic_uint_least64_t removed;	/* QUEUE without a deadline */
	atomic_uint_least64_t stopped;	/* CANCEL answered 1 */
	atomic_uint_least64_t stored;	/* a deadline, by a store */
	atomic_uint_least64_t disarmed;	/* taken away by a store */
	atomic_uint_least64_t woken;
	atomic_uint_least64_t events;
};

/**
 * struct file - an open file and its slots
 * @use: held for reading by each call, for writing by close and open
 * @reading: one reader at a time, until it has shown the models its events
 * @map: its slots
 */
struct file {
	pthread_rwlock_t use;
	pthread_mutex_t reading;
	enum kind kind;
	int fd;
	struct twq_map map;
	struct tally tally;
	unsigned int nr_slots;
	struct slot *slots;
};

/**
 * struct actor - a thread that makes calls
 * @cpu: where it is bound
 * @operation: the number of the present operation
 * @nr_drawn: random numbers drawn for it
 */
struct actor {
	struct storm *storm;
	int index;
	int cpu;
	uint64_t operation;
	unsigned int nr_drawn;
	pthread_t thread;
	bool is_started;
};

struct storm {
	struct storm_options options;
	const char *device;
	uint64_t cpus;			/* those that are used */
	int nr_cpus;
	struct file *files;		/* common, raced, then one each */
	unsigned int nr_files;
	struct actor *actors;
	struct hotplug *hotplug;	/* NULL without */
	atomic_bool stop;
	atomic_uint_least64_t turn;	/* orders calls across threads */
	atomic_uint_least64_t refused;	/* -EXDEV answers */
	atomic_uint_least64_t stores;
	atomic_uint_least64_t opens;
	int64_t started_ns;
	int64_t ran_ns;
	bool is_interrupted;
	uint64_t nr_operations;
	struct twq_ledger ledger;	/* of all files that were closed */
	struct twq_cpu_stats before;
	struct twq_cpu_stats after;
	pthread_mutex_t lock;		/* of what follows */
	json_t *broken;			/* messages */
};

/*
 * storm.c: faults, the first of which stops the storm; what follows is a
 * format and its arguments.
 */
void storm_fault(struct storm *storm, json_t *message);
#define storm_broken(storm, ...)					\
	storm_fault(storm, json_sprintf(__VA_ARGS__))
/* With the slot's last calls; the caller holds its lock. */
void slot_fault(struct actor *actor, struct file *file, struct slot *slot,
		json_t *message);
#define slot_broken(actor, file, slot, ...)				\
	slot_fault(actor, file, slot, json_sprintf(__VA_ARGS__))
void slot_note(struct actor *actor, struct slot *slot, const char *call,
	       int64_t value, int answer);
/* Says what the model found, if it did. */
void slot_check(struct actor *actor, struct file *file, struct slot *slot);

/* storm_draw.c: random numbers; the same for the same seed and operation. */
uint64_t draw(struct actor *actor);
uint64_t draw_below(struct actor *actor, uint64_t limit);
uint64_t draw_cpus(struct actor *actor, uint64_t cpus);
int draw_cpu(struct actor *actor, uint64_t cpus);
/* An absolute or relative deadline; @flags gets TWQ_RELATIVE or 0. */
int64_t draw_deadline(struct actor *actor, uint32_t *flags);
int64_t draw_interval(struct actor *actor);
uint32_t draw_reasons(struct actor *actor);

/* storm_calls.c: one operation on a slot, or on its file. */
void actor_operate(struct actor *actor);

/* storm_place.c: where an actor is, and what that means for a call. */
enum place { PLACE_HOME, PLACE_FOREIGN, PLACE_UNSURE };

struct whereabouts {
	unsigned int epoch;
	int cpu;
};

void actor_bind(struct actor *actor, int cpu);
struct whereabouts actor_where(const struct actor *actor);
/* Of the call between @before and now, on a task of the CPUs @cpus. */
enum place actor_place(const struct actor *actor,
		       const struct whereabouts *before, uint64_t cpus);
/* Whether some CPU of @cpus was online during the call: 1, 0, -1 unsure. */
int actor_online(const struct actor *actor, const struct whereabouts *before,
		 uint64_t cpus);

/* storm_file.c: open, close, read, the ledger. */
int file_open(struct storm *storm, struct file *file);
void file_close(struct storm *storm, struct file *file);
/* Reads at most @max events and shows them to the models. Returns how many. */
int file_read(struct actor *actor, struct file *file, unsigned int max);
/* Waits until something can be read. Returns whether it can. */
bool file_wait(struct file *file, int timeout_ms);
void file_judge(struct storm *storm, struct file *file, bool is_at_rest);
void slot_ended(struct storm *storm, struct slot *slot, uint64_t id);

/* storm_rest.c: lets everything fire, and looks at all of it. */
void storm_rest(struct storm *storm);

/* storm_report.c */
void storm_report_text(const struct storm *storm);
void storm_report_json(const struct storm *storm);
/* The command that does the same again. */
void storm_command(const struct storm *storm, char *text, size_t size);

#endif /* TWQCTL_STORM_H */
