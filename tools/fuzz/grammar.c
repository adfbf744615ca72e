// SPDX-License-Identifier: GPL-2.0
/*
 * Makes programs: valid calls, calls that are wrong in one thing, hostile ones;
 * and changes programs that have shown something new.
 */
#include <limits.h>
#include <string.h>

#include "fuzz.h"

/* splitmix64: every seed is good, and no state is. */
uint64_t rng_next(struct rng *rng)
{
	uint64_t x = rng->state += 0x9e3779b97f4a7c15ULL;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

uint32_t rng_below(struct rng *rng, uint32_t limit)
{
	return (rng_next(rng) >> 32) * limit >> 32;
}

static bool one_in(struct rng *rng, uint32_t n)
{
	return !rng_below(rng, n);
}

/* How often each is chosen. */
static const uint8_t weights[NR_OPS] = {
	[OP_INFO] = 2, [OP_CREATE] = 22, [OP_DESTROY] = 14, [OP_AFFINITY] = 12,
	[OP_QUEUE] = 24, [OP_SCHEDULE] = 16, [OP_CANCEL] = 12,
	[OP_WAKEUP] = 16, [OP_QUERY] = 10, [OP_STATS] = 5,
	[OP_REQUEUE] = 6, [OP_BAD_COMMAND] = 5, [OP_MANY] = 1,
	[OP_SUBMIT] = 24, [OP_OPEN] = 5, [OP_DUP] = 2,
	[OP_CLOSE] = 4, [OP_PASS] = 1, [OP_FORK] = 1, [OP_READ] = 16,
	[OP_READV] = 4, [OP_PREADV2] = 3, [OP_POLL] = 4, [OP_EPOLL] = 4,
	[OP_NONBLOCK] = 3, [OP_FDINFO] = 1, [OP_REFUSED] = 4,
	[OP_MAP] = 5, [OP_UNMAP] = 2, [OP_REMAP] = 2, [OP_STORE] = 24, [OP_PIN] = 8,
	[OP_SLEEP] = 4, [OP_FLAP] = 4,
};

static enum op choose_op(struct rng *rng)
{
	uint32_t sum = 0, at;
	int op;

	for (op = 0; op < NR_OPS; op++)
		sum += weights[op];
	at = rng_below(rng, sum);
	for (op = 0; at >= weights[op]; op++)
		at -= weights[op];
	return op;
}

static uint8_t choose_place(struct rng *rng)
{
	if (!one_in(rng, 6))
		return one_in(rng, 4) ? PLACE_END : PLACE_GOOD;
	return rng_below(rng, NR_PLACES);
}

/* Numbers at which something may tip over. */
static uint64_t choose_number(struct rng *rng)
{
	uint64_t edge = 1ULL << rng_below(rng, 64);

	switch (rng_below(rng, 6)) {
	case 0:
		return edge + rng_below(rng, 3) - 1;
	case 1:
		return -(edge + rng_below(rng, 3) - 1);
	case 2:
		return rng_below(rng, 300);
	case 3:
		return INT64_MAX - rng_below(rng, 3);
	case 4:
		return INT64_MIN + rng_below(rng, 3);
	default:
		return rng_next(rng);
	}
}

static uint64_t choose_mask(struct rng *rng)
{
	switch (rng_below(rng, 16)) {
	case 0:
		return 0;
	case 1:
		return 1ULL << rng_below(rng, 64);
	case 2:
		return rng_next(rng);
	case 3 ... 5:
		return 0xf;
	case 6 ... 8:
		return 1 + rng_below(rng, 15);
	default:
		return 1ULL << rng_below(rng, 4);
	}
}

static int64_t choose_interval(struct rng *rng)
{
	static const int64_t some[] = {
		100000, 100001, 99999, 1, -1, 1000000, 300000, INT64_MAX,
		INT64_MIN, 1LL << 62,
	};

	switch (rng_below(rng, 8)) {
	case 0:
		return some[rng_below(rng, ARRAY_SIZE(some))];
	case 1:
		return 100000 + rng_below(rng, 2000000);
	case 2:
		return one_in(rng, 4) ? choose_number(rng) : 0;
	default:
		return 0;
	}
}

/* Sizes of what is read: about whole events, and the edges of all sizes. */
static uint64_t choose_size(struct rng *rng)
{
	const uint32_t event = sizeof(struct twq_event);

	switch (rng_below(rng, 8)) {
	case 0:
		return event * rng_below(rng, 4) + rng_below(rng, 3) - 1;
	case 1:
		return choose_number(rng);
	case 2:
		return rng_below(rng, 9000);
	default:
		return event * (1 + rng_below(rng, 40));
	}
}

/* A command that the device does not have, near to those that it has. */
static uint32_t choose_command(struct rng *rng)
{
	static const uint32_t good[] = {
		TWQ_IOC_INFO, TWQ_IOC_CREATE, TWQ_IOC_DESTROY,
		TWQ_IOC_SET_AFFINITY, TWQ_IOC_QUEUE, TWQ_IOC_SCHEDULE,
		TWQ_IOC_CANCEL, TWQ_IOC_WAKEUP, TWQ_IOC_QUERY, TWQ_IOC_STATS,
		TWQ_IOC_REQUEUE, TWQ_IOC_SUBMIT,
	};
	uint32_t command = good[rng_below(rng, ARRAY_SIZE(good))];

	switch (rng_below(rng, 4)) {
	case 0:			/* another number */
		return (command & ~0xffU) | (12 + rng_below(rng, 244));
	case 1:			/* another size */
		return command ^ (1 + rng_below(rng, 0x3fff)) << 16;
	case 2:			/* another direction */
		return command ^ (1 + rng_below(rng, 3)) << 30;
	default:		/* another device's */
		return command ^ (1 + rng_below(rng, 3)) << 8;
	}
}

static void choose_values(struct call *c, struct rng *rng)
{
	c->n = rng_next(rng);
	c->kind = rng_next(rng);
	c->a = rng_next(rng);
	c->b = choose_number(rng);
	switch (c->op) {
	case OP_CREATE:
	case OP_MANY:
		c->b = choose_interval(rng);
		c->a = choose_mask(rng);
		break;
	case OP_AFFINITY:
	case OP_SUBMIT:
	case OP_PIN:
		c->a = choose_mask(rng);
		break;
	case OP_QUEUE:
	case OP_SCHEDULE:
	case OP_STORE:
		if (!one_in(rng, 4))
			c->b = rng_below(rng, 3000000);
		break;
	case OP_WAKEUP:
		c->a = one_in(rng, 4) ? choose_number(rng) :
		       (1 + rng_below(rng, 0x7f)) << 8 & ~TWQ_WOKEN_TIMER;
		break;
	case OP_STATS:
		c->a = one_in(rng, 2) ? TWQ_STATS_ALL_CPUS :
		       one_in(rng, 4) ? choose_number(rng) : rng_below(rng, 5);
		break;
	case OP_BAD_COMMAND:
		c->a = choose_command(rng);
		break;
	case OP_READ:
	case OP_READV:
	case OP_PREADV2:
		c->b = choose_size(rng);
		break;
	default:
		break;
	}
}

static void choose_call(struct call *c, struct rng *rng)
{
	memset(c, 0, sizeof(*c));
	c->op = choose_op(rng);
	c->thread = one_in(rng, 2) ? 0 : rng_below(rng, NR_THREADS);
	c->async = one_in(rng, 4);
	c->slot = one_in(rng, 4) ? rng_below(rng, NR_SLOTS) : 0;
	/* Few, so that calls meet at the same task. */
	c->task = one_in(rng, 4) ? rng_below(rng, 256) : rng_below(rng, 5);
	c->wrong = one_in(rng, 16) ? rng_below(rng, 7) : 0;
	c->ptr = choose_place(rng);
	c->ptr_arg = rng_next(rng);
	c->mask_ptr = choose_place(rng);
	if (one_in(rng, 10)) {
		c->twist = 1 + rng_below(rng, 60);
		c->twist_xor = one_in(rng, 4) ? rng_next(rng) :
			       1U << rng_below(rng, 32);
	}
	choose_values(c, rng);
}

void program_generate(struct program *p, struct rng *rng)
{
	uint32_t i;

	p->nr = 6 + rng_below(rng, MAX_CALLS - 6);
	for (i = 0; i < p->nr; i++)
		choose_call(&p->calls[i], rng);
	/* Without a file and a task the rest shows little. */
	p->calls[0].op = OP_OPEN;
	p->calls[0].kind = 0;
	p->calls[0].async = 0;
	p->calls[1].op = OP_CREATE;
	p->calls[1].ptr = PLACE_GOOD;
	p->calls[1].mask_ptr = PLACE_GOOD;
	choose_values(&p->calls[1], rng);
	if (one_in(rng, 2)) {
		p->calls[2].op = OP_MAP;
		p->calls[2].kind = 0;
		p->calls[2].async = 0;
	}
}

static void insert_call(struct program *p, uint32_t at, const struct call *c)
{
	if (p->nr == MAX_CALLS)
		p->nr--;
	if (at > p->nr)
		at = p->nr;
	memmove(&p->calls[at + 1], &p->calls[at],
		(p->nr - at) * sizeof(*c));
	p->calls[at] = *c;
	p->nr++;
}

static void remove_call(struct program *p, uint32_t at)
{
	if (p->nr < 2)
		return;
	p->nr--;
	memmove(&p->calls[at], &p->calls[at + 1],
		(p->nr - at) * sizeof(p->calls[0]));
}

/* One member of a call becomes what another random call has. */
static void change_call(struct call *c, struct rng *rng)
{
	struct call other;

	choose_call(&other, rng);
	switch (rng_below(rng, 9)) {
	case 0:
		c->thread = rng_below(rng, NR_THREADS);
		break;
	case 1:
		c->async = !c->async;
		break;
	case 2:
		c->slot = other.slot;
		break;
	case 3:
		c->task = other.task;
		c->wrong = other.wrong;
		break;
	case 4:
		c->ptr = other.ptr;
		c->ptr_arg = other.ptr_arg;
		break;
	case 5:
		c->mask_ptr = other.mask_ptr;
		break;
	case 6:
		c->twist = 1 + rng_below(rng, 60);
		c->twist_xor = 1U << rng_below(rng, 32);
		break;
	case 7:
		c->twist = 0;
		break;
	default:
		choose_values(c, rng);
	}
}

/* Continues a program by the end of another. */
static void splice(struct program *p, const struct program *other,
		   struct rng *rng)
{
	uint32_t from = rng_below(rng, other->nr);

	while (from < other->nr && p->nr < MAX_CALLS)
		p->calls[p->nr++] = other->calls[from++];
}

void program_mutate(struct program *p, const struct program *other,
		    struct rng *rng)
{
	uint32_t changes = 1 + rng_below(rng, 5), at;
	struct call c;

	while (changes--) {
		at = rng_below(rng, p->nr);
		switch (rng_below(rng, 8)) {
		case 0 ... 1:
			choose_call(&c, rng);
			insert_call(p, 1 + at, &c);
			break;
		case 2:
			c = p->calls[at];
			insert_call(p, rng_below(rng, p->nr + 1), &c);
			break;
		case 3:
			remove_call(p, at);
			break;
		case 4:
			splice(p, other, rng);
			break;
		default:
			change_call(&p->calls[at], rng);
		}
	}
}
