/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the variants of /dev/twq share: an open file and the ids of its tasks.
 */
#ifndef PEER_TWQ_H
#define PEER_TWQ_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#define TWQ_PEER_SHARED	0x1	/* tasks may run on every CPU */

struct job;
struct peer;

struct twq_peer {
	int fd;
	bool shared;
	bool waits;
	uint64_t *ids;
	cpu_set_t cpus;
};

extern struct twq_peer twq_peer;

uint32_t twq_peer_open(const struct peer *self, uint32_t nr);
uint32_t twq_peer_take(uint32_t *taken, bool wait);
uint64_t twq_peer_moved(void);

uint32_t twq_batch_open(const struct peer *self, uint32_t nr);
void twq_batch_make(const struct job *job);
void twq_batch_end(const struct job *job);

#endif /* PEER_TWQ_H */
