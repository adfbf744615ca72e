// SPDX-License-Identifier: GPL-2.0
/*
 * Where an actor is. It is bound to one CPU; when that goes down, the kernel
 * puts it elsewhere and forgets the binding, and nothing is sure until it has
 * bound itself again.
 */
#include <sched.h>

#include "storm.h"

static int bind_to(int cpu)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	return sched_setaffinity(0, sizeof(cpus), &cpus);
}

/* To CPU 0, which stays online, where that one is not. */
void actor_bind(struct actor *actor, int cpu)
{
	actor->cpu = cpu;
	if (!bind_to(cpu))
		return;
	actor->cpu = __builtin_ctzll(actor->storm->cpus);
	bind_to(actor->cpu);
}

struct whereabouts actor_where(const struct actor *actor)
{
	const struct hotplug *hotplug = actor->storm->hotplug;

	return (struct whereabouts){
		.epoch = hotplug ? hotplug_epoch(hotplug) : 0,
		.cpu = sched_getcpu(),
	};
}

static bool is_still_there(const struct actor *actor,
			   const struct whereabouts *before)
{
	struct whereabouts now = actor_where(actor);

	return now.epoch == before->epoch && !(now.epoch & 1) &&
	       now.cpu == before->cpu && now.cpu == actor->cpu;
}

enum place actor_place(const struct actor *actor,
		       const struct whereabouts *before, uint64_t cpus)
{
	const struct hotplug *hotplug = actor->storm->hotplug;
	/* Read before it is known to have been stable. */
	uint64_t online = hotplug ? hotplug_online(hotplug) : ~0ULL;

	if (!is_still_there(actor, before) || !(online & cpus))
		return PLACE_UNSURE;
	return cpus == 1ULL << actor->cpu ? PLACE_HOME : PLACE_FOREIGN;
}

int actor_online(const struct actor *actor, const struct whereabouts *before,
		 uint64_t cpus)
{
	const struct hotplug *hotplug = actor->storm->hotplug;
	uint64_t online;

	if (!hotplug)
		return cpus != 0;
	online = hotplug_online(hotplug);
	if (hotplug_epoch(hotplug) != before->epoch || before->epoch & 1)
		return cpus ? -1 : 0;
	return (online & cpus) != 0;
}
