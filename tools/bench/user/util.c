// SPDX-License-Identifier: GPL-2.0
/*
 * What all measurements share: the clock, draws that are the same in each run,
 * limits of the process, numbers of the kernel, and the line of a figure.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "user.h"

static uint64_t seed = 0x9e3779b97f4a7c15;

int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

void spin_until(int64_t when)
{
	while (now_ns() < when)
		;
}

long must(const char *what, long ret)
{
	if (ret >= 0)
		return ret;
	fprintf(stderr, "twq-ubench: %s: %s\n", what,
		strerror(ret == -1 ? errno : -ret));
	exit(1);
}

static uint64_t draw_bits(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

uint32_t draw(uint32_t below)
{
	return draw_bits() % below;
}

int64_t draw_ns(int64_t from, int64_t to)
{
	return from + draw_bits() % (to - from);
}

/* Puts a sample of a deck's cards on top, none of them twice. */
void draw_some(uint32_t *deck, uint32_t size, uint32_t nr)
{
	uint32_t i, other, card;

	for (i = 0; i < nr; i++) {
		other = i + draw(size - i);
		card = deck[other];
		deck[other] = deck[i];
		deck[i] = card;
	}
}

/* Touched, so that no operation pays for the page. */
void *make_array(uint32_t nr, uint32_t size)
{
	void *array = malloc((size_t)nr * size);

	if (!array)
		must("memory", -ENOMEM);
	memset(array, 0, (size_t)nr * size);
	return array;
}

int64_t *make_times(uint32_t nr)
{
	return make_array(nr, sizeof(int64_t));
}

uint32_t *make_deck(uint32_t nr)
{
	uint32_t *deck = make_array(nr, sizeof(*deck));
	uint32_t i;

	for (i = 0; i < nr; i++)
		deck[i] = i;
	return deck;
}

void report(const struct peer *peer, const struct plan *plan, const char *op,
	    const char *unit, double value)
{
	printf("bench: where=user op=%s who=%s pending=%u unit=%s value=%.1f\n",
	       op, peer->name, plan->pending, unit, value);
}

/* Opens a peer for all pending deadlines, or says how many there can be. */
bool open_all(const struct peer *peer, const struct plan *plan)
{
	uint32_t most = peer->open(peer, plan->pending);

	if (most >= plan->pending)
		return true;
	printf("bench: none where=user who=%s pending=%u why='a process can have %u'\n",
	       peer->name, plan->pending, most);
	return false;
}

/* As far as the caller may. */
void raise_limit(int resource, uint64_t wanted)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit) || limit.rlim_cur >= wanted)
		return;
	limit.rlim_cur = wanted;
	if (limit.rlim_max < wanted)
		limit.rlim_max = wanted;
	if (!setrlimit(resource, &limit))
		return;
	if (getrlimit(resource, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(resource, &limit);
}

/* The sum of the numbers after @key where it begins a line of @path. */
uint64_t read_numbers(const char *path, const char *key)
{
	FILE *f = fopen(path, "r");
	size_t len = strlen(key);
	char line[256], *begin;
	uint64_t sum = 0;

	while (f && fgets(line, sizeof(line), f)) {
		begin = line + strspn(line, " ");
		if (!strncmp(begin, key, len))
			sum += strtoull(begin + len, NULL, 10);
	}
	if (f)
		fclose(f);
	return sum;
}

bool write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool written;

	if (fd < 0)
		return false;
	written = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	close(fd);
	return written;
}
