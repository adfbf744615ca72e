// SPDX-License-Identifier: GPL-2.0
/*
 * What the actors draw. A number depends on the seed, the actor, its operation
 * and how many were drawn for that one before; so an operation draws the same
 * whatever became of those before it.
 */
#include "storm.h"
#include "units.h"

/* splitmix64 */
static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

uint64_t draw(struct actor *actor)
{
	uint64_t x = mix(actor->storm->options.seed);

	x = mix(x ^ (uint64_t)(actor->index + 1));
	x = mix(x ^ actor->operation);
	return mix(x ^ actor->nr_drawn++);
}

uint64_t draw_below(struct actor *actor, uint64_t limit)
{
	return draw(actor) % limit;
}

int draw_cpu(struct actor *actor, uint64_t cpus)
{
	uint64_t skip = draw_below(actor, __builtin_popcountll(cpus));

	while (skip--)
		cpus &= cpus - 1;
	return __builtin_ctzll(cpus);
}

/* Some of them, one at least. */
uint64_t draw_cpus(struct actor *actor, uint64_t cpus)
{
	return (draw(actor) & cpus) | 1ULL << draw_cpu(actor, cpus);
}

/* Nanoseconds up to a power of two times @unit_ns, as many small as large. */
static int64_t draw_span(struct actor *actor, int64_t unit_ns,
			 unsigned int powers)
{
	unsigned int power = draw_below(actor, powers);

	return draw_below(actor, (uint64_t)unit_ns << power);
}

static int64_t draw_extreme(struct actor *actor)
{
	int64_t near = draw_below(actor, 1000);

	switch (draw_below(actor, 8)) {
	case 0:
		return INT64_MIN;
	case 1:
		return 0;
	case 2:
		return -1;
	case 3:
	case 4:
		return TWQ_ETERNITY - 1 - near;
	default:
		return INT64_MIN + near;
	}
}

/* Out of 16: 5 near, 3 soon, 2 past, 2 far, 1 each of the others. */
int64_t draw_deadline(struct actor *actor, uint32_t *flags)
{
	bool is_relative = draw(actor) & 1;
	int64_t now_ns = is_relative ? 0 : monotonic_ns();

	*flags = is_relative ? TWQ_RELATIVE : 0;
	switch (draw_below(actor, 16)) {
	case 0:
	case 1:
		return now_ns - draw_span(actor, NSEC_PER_MSEC, 12);
	case 2:
		return now_ns;
	case 3:
	case 4:
	case 5:
		return now_ns + draw_span(actor, 20 * NSEC_PER_MSEC, 4);
	case 6:
	case 7:
		return now_ns + (10 + draw_below(actor, 990)) * NSEC_PER_SEC;
	case 8:
		return TWQ_ETERNITY;
	case 9:
		return -draw_span(actor, 1, 63);
	case 10:
		return draw_extreme(actor);
	default:
		return now_ns + draw_span(actor, NSEC_PER_MSEC / 4, 6);
	}
}

/* From 100 us, but few are short: they cost a CPU its time. */
int64_t draw_interval(struct actor *actor)
{
	if (!draw_below(actor, 32))
		return NSEC_PER_MSEC / 10 + draw_span(actor, 1000, 10);
	return 20 * NSEC_PER_MSEC + draw_span(actor, 4 * NSEC_PER_MSEC, 8);
}

uint32_t draw_reasons(struct actor *actor)
{
	uint32_t reasons = draw(actor) & draw(actor) & TWQ_WOKEN_ANY;

	reasons &= ~TWQ_WOKEN_TIMER;
	return reasons ? reasons : TWQ_WOKEN_OTHER;
}
