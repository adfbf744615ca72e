/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the operations of the storm share: what they work on, and the comparison
 * of an answer with those that are right.
 */
#ifndef TWQCTL_STORM_TARGET_H
#define TWQCTL_STORM_TARGET_H

#include "storm.h"

/* Answers, for sets of those that are right. */
#define A_OK		0x01	/* 0 or more */
#define A_ENOENT	0x02
#define A_EXDEV		0x04
#define A_EINVAL	0x08

/**
 * struct target - what an operation works on
 * @is_exact: the slot is locked, and its model knows the answers
 * @id: the task, or one that is no more
 * @is_stale: the latter
 * @cpus: the task's CPUs before the call
 * @where: the actor before the call
 * @before_ns: before the call, and
 * @after_ns: after it
 */
struct target {
	struct actor *actor;
	struct file *file;
	struct slot *slot;
	bool is_exact;
	uint64_t id;
	bool is_stale;
	uint64_t cpus;
	struct whereabouts where;
	int64_t before_ns;
	int64_t after_ns;
};

/* storm_calls.c: around a call. */
void target_begin(struct target *t);
void target_end(struct target *t);
/* Notes the answer and says whether the call was one that the model is told. */
bool target_judge(struct target *t, const char *call, int64_t value, int answer,
		  unsigned int right);
/* What is right for a call that any CPU may make. */
unsigned int right_anywhere(const struct target *t);
/* The sum, or TWQ_ETERNITY where it is beyond all times. */
int64_t add_ns(int64_t a, int64_t b);

/* storm_stores.c: operations by the slots that are mapped. */
void do_store(struct target *t);
void do_requeue(struct target *t);
/* Compares the slot with an answer of QUERY, which has just come. */
void check_words(struct target *t, const struct twq_query *query);

#endif /* TWQCTL_STORM_TARGET_H */
