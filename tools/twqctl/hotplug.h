/* SPDX-License-Identifier: GPL-2.0 */
/*
 * CPUs that go down and come up at random while something else runs. Those
 * that were online at the start are so at the end, however the program ends,
 * SIGKILL excepted.
 */
#ifndef TWQCTL_HOTPLUG_H
#define TWQCTL_HOTPLUG_H

#include <stdbool.h>
#include <stdint.h>

struct hotplug;

/* What was done: how often, and whether a CPU refused. */
struct hotplug_counts {
	uint64_t downs;
	uint64_t ups;
	uint64_t refusals;
};

/**
 * hotplug_start() - begins to turn CPUs off and on
 * @seed: of the choices
 * @is_up: called with @arg, from the thread of this, after a CPU has come up;
 *	may be NULL
 *
 * CPU 0 stays. Returns NULL after it has said what is wrong: no other CPU can
 * be turned off, or the file that does it may not be written.
 */
struct hotplug *hotplug_start(uint64_t seed, void (*is_up)(int cpu, void *arg),
			      void *arg);

/* Stops, and turns all CPUs on. Returns 0, or -errno (said). */
int hotplug_stop(struct hotplug *hotplug);
void hotplug_free(struct hotplug *hotplug);

/*
 * A number that is odd while a CPU goes down or comes up, and another one
 * afterwards: what is the same before and after a call and even, was so during
 * the call.
 */
unsigned int hotplug_epoch(const struct hotplug *hotplug);
/* The CPUs that are online, bit n for CPU n; between two equal even epochs. */
uint64_t hotplug_online(const struct hotplug *hotplug);
struct hotplug_counts hotplug_counts(const struct hotplug *hotplug);

#endif /* TWQCTL_HOTPLUG_H */
