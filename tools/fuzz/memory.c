// SPDX-License-Identifier: GPL-2.0
/*
 * Places in user memory that are good, bad, or become bad while the kernel
 * uses them. Each thread has a cell for arguments, for masks and for events. All
 * pages come from one memfd that is also mapped as a whole, for the fuzzer to
 * fill and read them whatever the view that the kernel is given.
 *
 * View of a cell:  0   1   2      3    4   5    6          7      8
 * Pages:           P0  P1  none   P2   P3  P4   unmapped   P5     none
 *                  rw  rw         r    rw  r               flaky
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"

#define PAGE		4096
#define OFFSET		64
#define CELL_PAGES	6
#define VIEW_PAGES	9

static int memory_fd;
static char *all;			/* every page, readable and writable */
static char *views[NR_CELLS];
static atomic_bool flapped[NR_CELLS];

static const struct {
	int view;
	int page;			/* of the cell */
	int prot;
} mapped[] = {
	{ 0, 0, PROT_READ | PROT_WRITE },
	{ 1, 1, PROT_READ | PROT_WRITE },
	{ 3, 2, PROT_READ },
	{ 4, 3, PROT_READ | PROT_WRITE },
	{ 5, 4, PROT_READ },
	{ 7, 5, PROT_READ | PROT_WRITE },
};

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static void map_page(int cell, int i)
{
	off_t offset = (off_t)(cell * CELL_PAGES + mapped[i].page) * PAGE;
	void *addr = views[cell] + mapped[i].view * PAGE;

	if (mmap(addr, PAGE, mapped[i].prot, MAP_SHARED | MAP_FIXED, memory_fd,
		 offset) == MAP_FAILED)
		die("mmap of a page");
}

void memory_init(void)
{
	size_t size = NR_CELLS * CELL_PAGES * PAGE;
	int cell, i;

	memory_fd = memfd_create("twq-fuzz", MFD_CLOEXEC);
	if (memory_fd < 0 || ftruncate(memory_fd, size))
		die("memfd");
	all = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, memory_fd,
		   0);
	if (all == MAP_FAILED)
		die("mmap");
	for (cell = 0; cell < NR_CELLS; cell++) {
		views[cell] = mmap(NULL, VIEW_PAGES * PAGE, PROT_NONE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (views[cell] == MAP_FAILED)
			die("mmap of a view");
		for (i = 0; i < ARRAY_SIZE(mapped); i++)
			map_page(cell, i);
		/* Nothing is mapped later that could take its place. */
		munmap(views[cell] + 6 * PAGE, PAGE);
	}
}

static char *page_mem(int cell, int page)
{
	return all + (cell * CELL_PAGES + page) * PAGE;
}

static uint64_t page_user(int cell, int view)
{
	return (uintptr_t)(views[cell] + view * PAGE);
}

static void place_at(struct place *p, int cell, int view, int page, size_t at)
{
	p->user = page_user(cell, view) + at;
	p->mem = page_mem(cell, page) + at;
}

static void place_nowhere(struct place *p, int cell, uint8_t kind)
{
	p->mem = page_mem(cell, 0) + OFFSET;
	switch (kind) {
	case PLACE_NONE:
		p->user = page_user(cell, 2) + OFFSET;
		break;
	case PLACE_UNMAPPED:
		p->user = page_user(cell, 6) + OFFSET;
		break;
	case PLACE_NOT_CANONICAL:
		p->user = (uintptr_t)(1ULL << 60);
		break;
	case PLACE_KERNEL:
		p->user = (uintptr_t)-PAGE * 2;
		break;
	default:
		p->user = 0;
	}
}

/* Somewhere within @size bytes. */
static size_t part_of(size_t size, uint8_t arg)
{
	if (size > PLACE_SIZE / 2)
		size = PLACE_SIZE / 2;
	return size > 1 ? 1 + arg % (size - 1) : 0;
}

void memory_place(int cell, uint8_t kind, uint8_t arg, size_t size,
		  struct place *p)
{
	size_t part = part_of(size, arg);

	memset(p, 0, sizeof(*p));
	switch (kind) {
	case PLACE_GOOD:
		place_at(p, cell, 0, 0, OFFSET);
		p->readable = PLACE_SIZE - OFFSET;
		break;
	case PLACE_END:
		part = size < PLACE_SIZE ? size : PLACE_SIZE;
		place_at(p, cell, 0, 0, PLACE_SIZE - part);
		p->readable = part;
		break;
	case PLACE_CROSS:
		place_at(p, cell, 0, 0, PLACE_SIZE - part);
		p->readable = part;
		break;
	case PLACE_RO:
		place_at(p, cell, 3, 2, OFFSET);
		p->readable = PAGE - OFFSET;
		return;
	case PLACE_RO_CROSS:
		place_at(p, cell, 4, 3, PAGE - part);
		p->readable = part + PAGE;
		p->writable = part;
		return;
	case PLACE_FLAKY:
		place_at(p, cell, 7, 5, OFFSET);
		p->flaky = true;
		p->readable = PAGE - OFFSET;
		break;
	default:
		place_nowhere(p, cell, kind);
	}
	p->writable = p->readable;
}

/* Makes the flaky page of a cell something else, perhaps many times over. */
void memory_flap(int cell, int mode)
{
	static const int prots[] = {
		PROT_READ | PROT_WRITE, PROT_READ, PROT_NONE,
	};
	char *page = views[cell] + 7 * PAGE;
	int i;

	atomic_store(&flapped[cell], true);
	switch (mode) {
	case 0 ... 2:
		mprotect(page, PAGE, prots[mode]);
		break;
	case 3:
		mmap(page, PAGE, PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		break;
	case 4:
		map_page(cell, ARRAY_SIZE(mapped) - 1);
		break;
	case 5:
		madvise(page, PAGE, MADV_DONTNEED);
		break;
	default:
		for (i = 0; i < 12; i++)
			mprotect(page, PAGE, prots[i % 3]);
	}
}

/* All flaky pages are good again. */
void memory_restore(void)
{
	int cell;

	for (cell = 0; cell < NR_CELLS; cell++)
		if (atomic_exchange(&flapped[cell], false))
			map_page(cell, ARRAY_SIZE(mapped) - 1);
}
