/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The hogs: programs that take as much of /dev/twq as they can get. Each is a
 * process of its own, in a session of its own, and never ends by itself.
 */
#ifndef HOG_H
#define HOG_H

#include <stdbool.h>

/**
 * struct hog - one way to take too much
 * @name: how it is asked for
 * @what: one line for the reader
 * @run: makes the tasks, says so by hog_ready(), goes on for ever
 * @tasks: how many tasks it makes, or each of its threads
 * @all_along: the normal thread is measured from the start of the hog until all
 *	of its tasks are gone, not only from hog_ready() on
 * @limit: of its memory cgroup, or NULL
 */
struct hog {
	const char *name;
	const char *what;
	void (*run)(const struct hog *hog);
	unsigned int tasks;
	bool all_along;
	const char *limit;
};

extern const struct hog hogs[];
extern const int nr_hogs;

/* The file whose ledger is judged at the end; opened before the fork. */
extern int hog_dev;
/* Closed when the hog is at full strength. */
extern int hog_ready_fd;
/* Most tasks that a hog makes, so that slow machines can try less. */
extern unsigned int hog_most;

#endif /* HOG_H */
