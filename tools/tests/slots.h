/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Slots as a program uses them, without the library: the mapping, the protocol
 * of struct twq_slot, and touching memory that may not be there.
 */
#ifndef SLOTS_H
#define SLOTS_H

#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include "device.h"

#define NR_SLOTS	((size_t)TWQ_SLOT(~0ULL) + 1)
#define MAP_BYTES	(NR_SLOTS * sizeof(struct twq_slot))

/* All slots of the case's file. */
static struct twq_slot *slots;

/* NULL with errno. */
static inline struct twq_slot *try_map(int fd, size_t bytes, int prot,
				       int flags, off_t offset)
{
	void *mem = mmap(NULL, bytes, prot, flags, fd, offset);

	return mem == MAP_FAILED ? NULL : mem;
}

static inline struct twq_slot *map_all(int fd)
{
	struct twq_slot *all = try_map(fd, MAP_BYTES, PROT_READ | PROT_WRITE,
				       MAP_SHARED, 0);

	if (!EXPECT_TRUE(all))
		exit(1);
	return all;
}

static inline int64_t load_ns(const __s64 *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static inline int64_t deadline_in(uint64_t id)
{
	return load_ns(&slots[TWQ_SLOT(id)].deadline_ns);
}

static inline int64_t position_in(uint64_t id)
{
	return load_ns(&slots[TWQ_SLOT(id)].position_ns);
}

static inline int requeue(uint64_t id)
{
	return id_call(dev, TWQ_IOC_REQUEUE, id);
}

/* Stores a deadline. True when REQUEUE has to follow. */
static inline bool store_in(struct twq_slot *slot, int64_t deadline_ns)
{
	__atomic_store_n(&slot->deadline_ns, deadline_ns, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return __atomic_load_n(&slot->position_ns, __ATOMIC_RELAXED) >
	       deadline_ns;
}

static inline bool store(uint64_t id, int64_t deadline_ns)
{
	return store_in(&slots[TWQ_SLOT(id)], deadline_ns);
}

/* The whole protocol. */
static inline void move_to(uint64_t id, int64_t deadline_ns)
{
	if (store(id, deadline_ns))
		EXPECT_EQ(requeue(id), 0);
}

/* Waits until a word of a slot is @want_ns. */
static inline bool becomes(const __s64 *word, int64_t want_ns)
{
	int64_t limit = now_ns() + GUARD_MS * NSEC_PER_MSEC;

	while (load_ns(word) != want_ns && now_ns() < limit)
		pause_ms(1);
	return EXPECT_EQ(load_ns(word), want_ns);
}

static inline bool position_becomes(uint64_t id, int64_t want_ns)
{
	return becomes(&slots[TWQ_SLOT(id)].position_ns, want_ns);
}

static inline bool deadline_becomes(uint64_t id, int64_t want_ns)
{
	return becomes(&slots[TWQ_SLOT(id)].deadline_ns, want_ns);
}

/* -- memory that may not be there ----------------------------------------- */

static sigjmp_buf touch_failed;

static inline void touch_signal(int sig)
{
	siglongjmp(touch_failed, sig);
}

/* Reads a word, or writes it, too. Returns the signal that it led to, or 0. */
static inline int touch(__s64 *word, bool write)
{
	struct sigaction action = { .sa_handler = touch_signal };
	int sig;

	sigaction(SIGBUS, &action, NULL);
	sigaction(SIGSEGV, &action, NULL);
	sig = sigsetjmp(touch_failed, 1);
	if (!sig) {
		int64_t value = load_ns(word);

		if (write)
			__atomic_store_n(word, value, __ATOMIC_RELEASE);
	}
	signal(SIGBUS, SIG_DFL);
	signal(SIGSEGV, SIG_DFL);
	return sig;
}

static inline void open_slots(void)
{
	open_case();
	slots = map_all(dev);
}

/*
 * What was armed and disarmed by stores is counted when the tasks end: then
 * the books balance.
 */
static inline void close_slots(void)
{
	unsigned int i;

	for (i = 0; i < nr_tracked && i < MAX_TRACKED; i++)
		destroy(tracked[i]);
	close_case();
}

#endif /* SLOTS_H */
