// SPDX-License-Identifier: GPL-2.0
/*
 * What a call reached: the kernel's KCOV, of the module alone, as addresses and
 * as edges from one to the next; and, on every kernel, what kinds of call got
 * which answer. KCOV follows the calling thread in the call itself: what runs
 * in interrupts, as the expiry of a deadline does, is not seen by it.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"

/* As in linux/kcov.h; its unsigned long is the kernel's, of 64 bits. */
#define KCOV_INIT	_IOR('c', 1, uint64_t)
#define KCOV_ON		_IO('c', 100)
#define KCOV_PC		0
#define KCOV_WORDS	0x8000

/* Where /proc/modules says that the module is; 0 where it is not told. */
void coverage_init(struct coverage *cov)
{
	FILE *f = fopen("/proc/modules", "r");
	unsigned long long text, size;
	char line[512];

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "twq %llu %*s %*s %*s %llx", &size,
			   &text) != 2)
			continue;
		cov->text = text;
		cov->text_size = size;
	}
	if (f)
		fclose(f);
	if (cov->text_size > MODULE_MAX)
		cov->text_size = MODULE_MAX;
}

/* Called by the thread that is to be traced; it is, from now on. */
void trace_open(struct trace *trace)
{
	size_t size = KCOV_WORDS * sizeof(uint64_t);

	trace->area = NULL;
	trace->fd = open("/sys/kernel/debug/kcov", O_RDWR | O_CLOEXEC);
	if (trace->fd < 0)
		return;
	if (ioctl(trace->fd, KCOV_INIT, KCOV_WORDS))
		return;
	trace->area = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
			   trace->fd, 0);
	if (trace->area == MAP_FAILED || ioctl(trace->fd, KCOV_ON, KCOV_PC))
		trace->area = NULL;
}

void trace_start(struct trace *trace)
{
	if (trace->area)
		__atomic_store_n(trace->area, 0, __ATOMIC_RELAXED);
}

static bool set_bit(atomic_uint_least64_t *map, uint64_t bit)
{
	uint64_t mask = 1ULL << bit % 64;

	if (atomic_load_explicit(&map[bit / 64], memory_order_relaxed) & mask)
		return false;
	return !(atomic_fetch_or(&map[bit / 64], mask) & mask);
}

static uint64_t mix(uint64_t a, uint64_t b)
{
	uint64_t x = (a * 0x9e3779b97f4a7c15ULL) ^ (b + 0x7f4a7c159e3779b9ULL);

	x ^= x >> 29;
	x *= 0xbf58476d1ce4e5b9ULL;
	return (x ^ x >> 32) & (SIGNAL_BITS - 1);
}

bool trace_collect(struct trace *trace, struct coverage *cov)
{
	uint64_t nr, i, pc, last = 0;
	bool news = false;

	if (!trace->area || !cov->text)
		return false;
	nr = __atomic_load_n(trace->area, __ATOMIC_RELAXED);
	for (i = 1; i <= nr && i < KCOV_WORDS; i++) {
		pc = trace->area[i] - cov->text;
		if (pc >= cov->text_size)
			continue;
		if (set_bit(cov->pcs, pc))
			atomic_fetch_add(&cov->nr_pcs, 1);
		if (set_bit(cov->edges, mix(last, pc))) {
			atomic_fetch_add(&cov->nr_edges, 1);
			news = true;
		}
		last = pc + 1;
	}
	return news;
}

/* The kind of a call and of its answer, coarsely: tens of thousands at most. */
bool outcome_collect(struct coverage *cov, const struct call *call, long ret)
{
	uint64_t what = call->op | call->ptr << 8 | call->twist << 16;

	what |= (uint64_t)call->wrong << 24 | (uint64_t)call->kind << 32 |
		(uint64_t)call->mask_ptr << 40;
	if (!set_bit(cov->outcomes, mix(what, ret > 1 ? 1 : ret)))
		return false;
	atomic_fetch_add(&cov->nr_outcomes, 1);
	return true;
}

/* Programs that showed something new; when it is full, no more are added. */
void corpus_add(struct corpus *corpus, const struct program *p)
{
	unsigned int at = atomic_fetch_add(&corpus->nr_reserved, 1);

	if (at >= MAX_CORPUS)
		return;
	corpus->programs[at] = *p;
	/* In order, so that all below nr are complete. */
	while (atomic_load(&corpus->nr) != at)
		usleep(100);
	atomic_store(&corpus->nr, at + 1);
}

struct symbol {
	unsigned long long at;
	char name[64];
};

static int compare_symbols(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	return x->at < y->at ? -1 : x->at > y->at;
}

/* The functions of the module, in order; the last is its end. */
static int read_symbols(const struct coverage *cov, struct symbol *symbols,
			int max)
{
	FILE *f = fopen("/proc/kallsyms", "r");
	char line[512], type, module[32];
	struct symbol s;
	int nr = 0;

	while (f && nr < max - 1 && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%llx %c %63s [%31[^]]", &s.at, &type,
			   s.name, module) != 4 || strcmp(module, "twq") ||
		    (type != 't' && type != 'T') ||
		    s.at - cov->text >= cov->text_size ||
		    !strncmp(s.name, "__pfx_", 6) || s.name[0] == '_')
			continue;
		s.at -= cov->text;
		symbols[nr++] = s;
	}
	if (f)
		fclose(f);
	qsort(symbols, nr, sizeof(*symbols), compare_symbols);
	symbols[nr].at = cov->text_size;
	return nr;
}

static bool entered(const struct coverage *cov, uint64_t from, uint64_t to)
{
	for (; from < to; from++)
		if (atomic_load(&cov->pcs[from / 64]) >> from % 64 & 1)
			return true;
	return false;
}

void coverage_report(FILE *out, const struct coverage *cov)
{
	static struct symbol symbols[1024];
	int nr = read_symbols(cov, symbols, ARRAY_SIZE(symbols));
	int i, reached = 0;

	fprintf(out, "kinds of call and answer: %u\n",
		atomic_load(&cov->nr_outcomes));
	if (!atomic_load(&cov->nr_pcs)) {
		fprintf(out, "no coverage: the kernel or the module is without KCOV\n");
		return;
	}
	fprintf(out, "reached by calls: %u addresses, %u edges\n",
		atomic_load(&cov->nr_pcs), atomic_load(&cov->nr_edges));
	for (i = 0; i < nr; i++)
		reached += entered(cov, symbols[i].at, symbols[i + 1].at);
	fprintf(out, "functions entered: %d of %d; by interrupts alone, or not:\n",
		reached, nr);
	for (i = 0; i < nr; i++)
		if (!entered(cov, symbols[i].at, symbols[i + 1].at))
			fprintf(out, "  %s\n", symbols[i].name);
}
