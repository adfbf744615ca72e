/* SPDX-License-Identifier: GPL-2.0 */
/*
 * twq-ubench: what a deadline costs a program, by /dev/twq and by what else it
 * could use. Each peer is a file with one struct peer; what is measured is in
 * measure.c, mix.c, lateness.c, memory.c and stores.c and knows no peer.
 */
#ifndef USER_H
#define USER_H

#include <stdbool.h>
#include <stdint.h>

#define NSEC_PER_SEC	1000000000LL
#define HOUR_NS		(3600 * NSEC_PER_SEC)
#define TAKE_MOST	512	/* expiries that one call may take */
#define BATCH		64	/* operations that one call may submit */

/**
 * struct job - one operation on many deadlines
 * @which: the deadlines, each once
 * @when: the time for each of them, CLOCK_MONOTONIC; of 'set' alone
 * @nr: how many
 */
struct job {
	const uint32_t *which;
	const int64_t *when;
	uint32_t nr;
};

/**
 * struct peer - one way to hold deadlines
 * @name: how it is asked for and reported
 * @what: one line for the reader
 * @flags: for the peer's own use
 * @moves_among: so many pending at most when something is moved or taken back,
 *	which looks through a list of all; 0 for any number
 * @open: makes room for deadlines 0 to nr - 1; returns how many there can be
 * @create: makes deadlines that are not armed; NULL where arming makes them
 * @set: arms, or moves what is armed
 * @cancel: disarms what is armed
 * @destroy: undoes @create, whether armed or not; NULL like it
 * @take: takes at most TAKE_MOST expiries, waits for the first if it is told
 *	to; stores which deadlines they were and returns how many
 * @moved: so many positions were found to be stale and moved, by all programs,
 *	so far; NULL where none are left behind
 *
 * Each process opens one peer and ends with it. Calls that fail end it, too.
 * Loops are within the peers, so that no figure contains an indirect call.
 */
struct peer {
	const char *name;
	const char *what;
	unsigned int flags;
	uint32_t moves_among;
	uint32_t (*open)(const struct peer *self, uint32_t nr);
	void (*create)(const struct job *job);
	void (*set)(const struct job *job);
	void (*cancel)(const struct job *job);
	void (*destroy)(const struct job *job);
	uint32_t (*take)(uint32_t *taken, bool wait);
	uint64_t (*moved)(void);
};

extern const struct peer peer_timerfd;
extern const struct peer peer_posix;
extern const struct peer peer_uring;
extern const struct peer peer_uring_batch;
extern const struct peer peer_libevent;
extern const struct peer peer_libevent_mt;
extern const struct peer peer_twq;
extern const struct peer peer_twq_shared;
extern const struct peer peer_twq_epoll;
extern const struct peer peer_twq_batch;
extern const struct peer peer_twq_batch_shared;
extern const struct peer peer_twq_slot;
extern const struct peer peer_twq_slot_shared;

/**
 * struct plan - what the command line asks for
 * @unit: of the figures: ns, or insn where the clock counts instructions
 * @pending: how many deadlines
 * @ops: how often a round makes each operation, at most
 * @rounds: how often each figure is taken
 * @profile: the operation to mark for a profile, or NULL
 */
struct plan {
	const char *unit;
	uint32_t pending;
	uint32_t ops;
	uint32_t rounds;
	const char *profile;
};

/* What can be measured; each runs in a process of its own. */
void measure_ops(const struct peer *peer, const struct plan *plan);
void measure_mix(const struct peer *peer, const struct plan *plan);
void measure_lateness(const struct peer *peer, const struct plan *plan);
void measure_memory(const struct peer *peer, const struct plan *plan);
void measure_stores(const struct peer *peer, const struct plan *plan);

/* util.c */
int64_t now_ns(void);
void spin_until(int64_t when);
uint32_t draw(uint32_t below);
int64_t draw_ns(int64_t from, int64_t to);
void draw_some(uint32_t *deck, uint32_t size, uint32_t nr);
void *make_array(uint32_t nr, uint32_t size);
int64_t *make_times(uint32_t nr);
uint32_t *make_deck(uint32_t nr);
void report(const struct peer *peer, const struct plan *plan, const char *op,
	    const char *unit, double value);
bool open_all(const struct peer *peer, const struct plan *plan);
void raise_limit(int resource, uint64_t wanted);
uint64_t read_numbers(const char *path, const char *key);
bool write_text(const char *path, const char *text);

/* Ends the process unless @ret is 0 or more; -1 stands for errno. */
long must(const char *what, long ret);

#endif /* USER_H */
