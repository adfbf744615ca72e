/* SPDX-License-Identifier: GPL-2.0 */
/*
 * libtwq: the calls of /dev/twq as functions, deadlines moved by a store,
 * many operations in one call, and waiting for events.
 *
 * Each function returns 0 or a positive answer, or -errno. Times are
 * nanoseconds of CLOCK_MONOTONIC; TWQ_ETERNITY is no deadline. The library
 * keeps no state of its own: any thread may make any call at any time, except
 * that a struct twq_batch belongs to one thread at a time. libtwq(3) says more.
 */
#ifndef LIBTWQ_H
#define LIBTWQ_H

#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/twq.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What is declared from here on is what the shared library exports. */
#pragma GCC visibility push(default)

/* The calls, one by one. */

/* Opens the device; @path NULL is /dev/twq. Returns the file descriptor. */
int twq_open(const char *path, int open_flags);

int twq_get_info(int fd, struct twq_info *info);

/*
 * Creates a task allowed on @cpus (@cpus_size bytes as for sched_setaffinity;
 * NULL means every CPU). @interval_ns 0 is one shot. The id goes to @id.
 */
int twq_create(int fd, const cpu_set_t *cpus, size_t cpus_size,
	       uint32_t flags, int64_t interval_ns, uint64_t user_data,
	       uint64_t *id);
int twq_destroy(int fd, uint64_t id);
int twq_set_affinity(int fd, uint64_t id, const cpu_set_t *cpus,
		     size_t cpus_size);

/* @flags: TWQ_RELATIVE or 0. */
int twq_queue(int fd, uint64_t id, int64_t deadline_ns, uint32_t flags);
int twq_schedule(int fd, uint64_t id, int64_t deadline_ns, uint32_t flags);

/* Returns 1 when a pending deadline was stopped, 0 when there was none. */
int twq_cancel(int fd, uint64_t id);
int twq_wakeup(int fd, uint64_t id, uint32_t reasons);
int twq_get_task(int fd, uint64_t id, struct twq_query *query);

/* @cpu: a CPU number or TWQ_STATS_ALL_CPUS. */
int twq_get_stats(int fd, uint32_t cpu, struct twq_stats *stats);

/* Returns the number of events read, at most @max. */
int twq_read_events(int fd, struct twq_event *events, size_t max);

/* Brings a task to the position of the deadline in its slot, from any CPU. */
int twq_requeue(int fd, uint64_t id);

/* Makes the call as it is. Returns the number of operations made. */
int twq_submit(int fd, struct twq_submit *submit);

/*
 * Waits for events until @until_ns (from now with TWQ_RELATIVE in @flags).
 * Returns the number of events read, at most @max; 0 when none came in time.
 */
int twq_wait_events(int fd, struct twq_event *events, uint32_t max,
		    int64_t until_ns, uint32_t flags);

/* The present time of CLOCK_MONOTONIC. */
int64_t twq_now_ns(void);

/* Slots: a deadline in memory, moved later by a store. */

/**
 * struct twq_map - the slots of a file, mapped
 * @slots: the slots, found by TWQ_SLOT(id)
 * @nr_slots: how many are mapped
 * @fd: the file, for the call that a store may have to be followed by
 *
 * Made by twq_map(), then only read: threads share it.
 */
struct twq_map {
	struct twq_slot *slots;
	uint32_t nr_slots;
	int fd;
};

/**
 * twq_map() - map the slots of a file
 * @fd: the file; it has to stay open while the map is used
 * @nr_slots: how many, from the first; 0 for all that there can be
 * @map: out
 *
 * Addresses are taken for all (256 MiB), memory only for slots that tasks have.
 *
 * Return: 0; -EINVAL when there can't be so many; -EOPNOTSUPP when the module
 * has no slots of this layout; or -errno of mmap().
 */
int twq_map(int fd, uint32_t nr_slots, struct twq_map *map);

/* Unmaps the slots. No thread may use @map any more. */
int twq_unmap(struct twq_map *map);

#pragma GCC visibility pop

/**
 * twq_slot() - the slot of a task
 * @map: the map of its file
 * @id: the task
 *
 * Return: the slot, or NULL when it lies outside the map.
 */
static inline struct twq_slot *twq_slot(const struct twq_map *map, uint64_t id)
{
	uint64_t nr = TWQ_SLOT(id);

	return nr < map->nr_slots ? &map->slots[nr] : NULL;
}

/* Stores, and makes the call if the position is later: see twq_set_deadline. */
static inline int __twq_slot_move(const struct twq_map *map,
				  struct twq_slot *slot, uint64_t id,
				  int64_t deadline_ns)
{
	/*
	 * Store the deadline, full fence, load the position. The module, when
	 * it moves the task: store the position, full barrier, load the
	 * deadline. It cannot be that both load what was there before the
	 * other's store. So either the module finds this deadline and takes a
	 * position that is early enough; or the position found below is the new
	 * one, and if it is later than the deadline, the call makes up for it.
	 *
	 * The store: release, so that who learns of this deadline finds what
	 * was written before it. The fence keeps it in front of the load.
	 */
	__atomic_store_n(&slot->deadline_ns, deadline_ns, __ATOMIC_RELEASE);
	/* Full: a store that is still buffered would let the load overtake. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	/*
	 * Relaxed: the fence has ordered it, and nothing that follows relies
	 * on more than the value. One from before the module's move will do,
	 * too: then the module finds the deadline.
	 */
	if (__atomic_load_n(&slot->position_ns, __ATOMIC_RELAXED) > deadline_ns)
		return twq_requeue(map->fd, id);
	return 0;
}

/**
 * twq_set_deadline() - replace a deadline: by a store, and a call if needed
 * @map: the map of the task's file
 * @id: a task that exists. When it was destroyed, its slot may be another's;
 *	an id that never was may be answered by SIGBUS
 * @deadline_ns: the deadline, TWQ_ETERNITY for none; the past is due now
 *
 * Context: any thread on any CPU, whatever CPUs the task is allowed on. Of two
 * threads that store at the same time one comes last.
 * Return: 0; -ERANGE when the slot lies outside the map; or -errno of
 * twq_requeue(), the deadline being stored then.
 */
static inline int twq_set_deadline(const struct twq_map *map, uint64_t id,
				   int64_t deadline_ns)
{
	struct twq_slot *slot = twq_slot(map, id);

	if (!slot)
		return -ERANGE;
	return __twq_slot_move(map, slot, id, deadline_ns);
}

/**
 * twq_set_slot() - as twq_set_deadline(), for who keeps the slot at hand
 * @map: the map of the task's file
 * @slot: what twq_slot() says of @map and @id, not NULL
 * @id: a task that exists
 * @deadline_ns: the deadline, TWQ_ETERNITY for none; the past is due now
 *
 * Context: as twq_set_deadline().
 * Return: 0, or -errno of twq_requeue(), the deadline being stored then.
 */
static inline int twq_set_slot(const struct twq_map *map,
			       struct twq_slot *slot, uint64_t id,
			       int64_t deadline_ns)
{
	return __twq_slot_move(map, slot, id, deadline_ns);
}

/**
 * twq_extend() - move a deadline to where a store is enough
 * @map: the map of the task's file
 * @id: a task that exists
 * @deadline_ns: the deadline, TWQ_ETERNITY for none
 *
 * No call is made unless the position of the task moves later at the same time.
 *
 * Context: as twq_set_deadline().
 * Return: 0; -EAGAIN with nothing stored when the deadline is earlier than the
 * task's position, which is so for a task in no tree, too: twq_set_deadline()
 * or twq_queue() is for that; or as twq_set_deadline().
 */
static inline int twq_extend(const struct twq_map *map, uint64_t id,
			     int64_t deadline_ns)
{
	struct twq_slot *slot = twq_slot(map, id);

	if (!slot)
		return -ERANGE;
	/*
	 * Relaxed: a hint that saves a store and a call. Whether the store was
	 * enough is decided by the load after the fence, not by this one.
	 */
	if (__atomic_load_n(&slot->position_ns, __ATOMIC_RELAXED) > deadline_ns)
		return -EAGAIN;
	return __twq_slot_move(map, slot, id, deadline_ns);
}

/**
 * twq_disarm() - take a deadline away by a store
 * @map: the map of the task's file
 * @id: a task that exists
 *
 * Unlike twq_cancel() it does not tell whether the deadline was still pending:
 * an expiry that has begun is not stopped, and its event will be read.
 *
 * Context: as twq_set_deadline().
 * Return: 0, or -ERANGE when the slot lies outside the map.
 */
static inline int twq_disarm(const struct twq_map *map, uint64_t id)
{
	struct twq_slot *slot = twq_slot(map, id);

	if (!slot)
		return -ERANGE;
	/*
	 * No fence: no position is later than TWQ_ETERNITY, so that there is
	 * nothing to load. Release as in twq_set_deadline().
	 */
	__atomic_store_n(&slot->deadline_ns, TWQ_ETERNITY, __ATOMIC_RELEASE);
	return 0;
}

/* Batches: many operations in one call. */

/**
 * struct twq_batch - operations that are made in one call
 * @ops: the operations
 * @nr: how many were added
 * @max: how many there is room for
 * @nr_made: how many of them were made: the results of ops[0 .. nr_made - 1]
 *	stand
 * @nr_creates: how many of them are creations
 * @fd: where a full batch is flushed to, or -1
 * @refers: whether one of them may refer to TWQ_ID_CREATED
 * @created: what TWQ_ID_CREATED means at ops[nr_made]
 * @allocated: what twq_batch_free() frees, NULL when @ops is the caller's
 * @done: told of each operation that a flush has made, or NULL
 * @arg: the second argument of @done
 *
 * Used by one thread at a time. Programs read @nr and @nr_made.
 */
struct twq_batch {
	struct twq_op *ops;
	uint32_t nr;
	uint32_t max;
	uint32_t nr_made;
	uint32_t nr_creates;
	int fd;
	uint32_t refers;
	uint64_t created;
	struct twq_op *allocated;
	void (*done)(const struct twq_op *op, void *arg);
	void *arg;
};

#pragma GCC visibility push(default)

/*
 * Makes an empty batch of the @max operations at @ops, which stay the caller's,
 * or are allocated when @ops is NULL. twq_batch_free() gives back what was
 * allocated; twq_batch_reset() forgets all operations, made or not.
 */
int twq_batch_init(struct twq_batch *batch, struct twq_op *ops, uint32_t max);
void twq_batch_free(struct twq_batch *batch);
void twq_batch_reset(struct twq_batch *batch);

/*
 * Makes @batch flush itself to @fd when an operation is added to a full one;
 * -1 ends that. @done (or NULL) is told of each operation after a flush, with
 * its result; it must not touch the batch.
 */
void twq_batch_set_flush(struct twq_batch *batch, int fd,
			 void (*done)(const struct twq_op *op, void *arg),
			 void *arg);

/*
 * Each adds an operation like the call of its name and returns its index, or
 * -ENOSPC when the batch is full, or -errno of the flush. @id TWQ_ID_CREATED
 * is the task of the last creation in the batch. What @cpus points to is read
 * when the batch is submitted.
 */
int twq_batch_add_create(struct twq_batch *batch, const cpu_set_t *cpus,
			 size_t cpus_size, uint32_t flags, int64_t interval_ns,
			 uint64_t user_data);
int twq_batch_add_destroy(struct twq_batch *batch, uint64_t id);
int twq_batch_add_affinity(struct twq_batch *batch, uint64_t id,
			   const cpu_set_t *cpus, size_t cpus_size);
int twq_batch_add_queue(struct twq_batch *batch, uint64_t id,
			int64_t deadline_ns, uint32_t flags);
int twq_batch_add_schedule(struct twq_batch *batch, uint64_t id,
			   int64_t deadline_ns, uint32_t flags);
int twq_batch_add_cancel(struct twq_batch *batch, uint64_t id);
int twq_batch_add_wakeup(struct twq_batch *batch, uint64_t id,
			 uint32_t reasons);
int twq_batch_add_requeue(struct twq_batch *batch, uint64_t id);

/*
 * Makes the operations from @nr_made on, in one call. Returns how many were
 * made, which is fewer than all after a signal, or where memory could not be
 * read or written; -errno when it was none.
 */
int twq_batch_submit(int fd, struct twq_batch *batch);

/*
 * The same, goes on until all are made, whatever signals come. Returns 0 or
 * -errno; @nr_made tells how far it came.
 */
int twq_batch_submit_all(int fd, struct twq_batch *batch);

/*
 * The same as twq_batch_submit(), and when all are made waits for events as
 * twq_wait_events() does, in the same call. Returns how many operations were
 * made; the number of events goes to @nr_events, 0 on failure, too.
 */
int twq_batch_submit_and_wait(int fd, struct twq_batch *batch,
			      struct twq_event *events, uint32_t max,
			      int64_t until_ns, uint32_t flags,
			      uint32_t *nr_events);

/*
 * Submits all to the file of twq_batch_set_flush(), tells @done of each and
 * empties the batch. Returns 0 or -errno; what was not made stays in it.
 */
int twq_batch_flush(struct twq_batch *batch);

/*
 * The same, then waits as twq_wait_events() and returns what that returns; 0,
 * too, when a signal came after an operation had been made.
 */
int twq_batch_flush_and_wait(struct twq_batch *batch, struct twq_event *events,
			     uint32_t max, int64_t until_ns, uint32_t flags);

/* Threads: one CPU each, with tasks of that CPU. */

/* Binds the calling thread to @cpu. */
int twq_thread_bind(int cpu);

/* The CPU that the calling thread is bound to; -EXDEV when it is not one. */
int twq_thread_cpu(void);

/*
 * Creates a task of the CPU that the calling thread is bound to, without
 * SHARED_WQ; -EXDEV when the thread is not bound to exactly one.
 */
int twq_create_here(int fd, uint32_t flags, int64_t interval_ns,
		    uint64_t user_data, uint64_t *id);

#pragma GCC visibility pop

/* The result of operation @index; -EINPROGRESS when it was not made yet. */
static inline int twq_batch_result(const struct twq_batch *batch,
				   uint32_t index)
{
	if (index >= batch->nr)
		return -EINVAL;
	return index < batch->nr_made ? batch->ops[index].result : -EINPROGRESS;
}

/* The task of operation @index, of a creation that was made the new one. */
static inline uint64_t twq_batch_id(const struct twq_batch *batch,
				    uint32_t index)
{
	return index < batch->nr ? batch->ops[index].id : TWQ_ID_CREATED;
}

#ifdef __cplusplus
}
#endif

#endif /* LIBTWQ_H */
