// SPDX-License-Identifier: GPL-2.0
/*
 * libtwq: the mapping of a file's slots. What a program does with them is in
 * the header, since it is a store.
 */
#include <errno.h>
#include <sys/mman.h>

#include "libtwq.h"

#define MAX_SLOTS	((uint32_t)TWQ_SLOT(~0ULL) + 1)

static size_t map_bytes(uint32_t nr_slots)
{
	return nr_slots * sizeof(struct twq_slot);
}

int twq_map(int fd, uint32_t nr_slots, struct twq_map *map)
{
	struct twq_info info;
	void *slots;
	int ret;

	ret = twq_get_info(fd, &info);
	if (ret < 0)
		return ret;
	if (info.slot_size != sizeof(struct twq_slot))
		return -EOPNOTSUPP;
	/* The slots of tasks are spread over all of them, however few. */
	if (!nr_slots)
		nr_slots = MAX_SLOTS;
	if (nr_slots > MAX_SLOTS)
		return -EINVAL;
	slots = mmap(NULL, map_bytes(nr_slots), PROT_READ | PROT_WRITE,
		     MAP_SHARED, fd, 0);
	if (slots == MAP_FAILED)
		return -errno;
	map->slots = slots;
	map->nr_slots = nr_slots;
	map->fd = fd;
	return 0;
}

int twq_unmap(struct twq_map *map)
{
	if (munmap(map->slots, map_bytes(map->nr_slots)))
		return -errno;
	map->slots = NULL;
	map->nr_slots = 0;	/* no slot is inside it any more */
	map->fd = -1;
	return 0;
}
