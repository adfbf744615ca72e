// SPDX-License-Identifier: GPL-2.0
/*
 * The part of timeline.py's load that twqctl run cannot do, since it needs slots.
 * A task of CPU 2 loses its deadline by a store, and its position is dropped when
 * it comes. A task of CPU 1 gets an earlier deadline from CPU 0, to which a run of
 * its owner brings it, and fires. Status 0 when both was so.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <libtwq.h>
#include <string.h>
#include <unistd.h>

#define MSEC		1000000LL
#define LIMIT		(30000 * MSEC)

static void check(int ret, const char *what)
{
	if (ret < 0)
		errx(1, "%s: %s", what, strerror(-ret));
}

/* A task of @cpu, armed there. */
static uint64_t armed_on(int fd, int cpu, int64_t in_ns)
{
	uint64_t id;

	check(twq_thread_bind(cpu), "bind");
	check(twq_create_here(fd, 0, 0, cpu, &id), "create");
	check(twq_queue(fd, id, in_ns, TWQ_RELATIVE), "queue");
	return id;
}

static void disarm_by_a_store(const struct twq_map *map)
{
	const uint64_t id = armed_on(map->fd, 2, 300 * MSEC);
	const int64_t limit_ns = twq_now_ns() + LIMIT;
	int64_t position_ns;

	check(twq_disarm(map, id), "disarm");
	do {
		usleep(10000);
		position_ns = __atomic_load_n(&twq_slot(map, id)->position_ns,
					      __ATOMIC_RELAXED);
	} while (position_ns != TWQ_ETERNITY && twq_now_ns() < limit_ns);
	if (position_ns != TWQ_ETERNITY)
		errx(1, "the position of a disarmed task stays");
}

static void move_from_elsewhere(const struct twq_map *map)
{
	const uint64_t id = armed_on(map->fd, 1, LIMIT);
	struct twq_event event;

	check(twq_thread_bind(0), "bind");
	check(twq_set_deadline(map, id, twq_now_ns() + 200 * MSEC), "move");
	if (twq_wait_events(map->fd, &event, 1, LIMIT, TWQ_RELATIVE) != 1)
		errx(1, "a task that was moved from elsewhere is silent");
}

int main(void)
{
	struct twq_map map;
	int fd = twq_open(NULL, O_RDWR | O_CLOEXEC);

	check(fd, "open");
	check(twq_map(fd, 0, &map), "map");
	disarm_by_a_store(&map);
	move_from_elsewhere(&map);
	check(twq_unmap(&map), "unmap");
	close(fd);
	return 0;
}
