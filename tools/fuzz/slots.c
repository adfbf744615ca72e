// SPDX-License-Identifier: GPL-2.0
/*
 * Slots: mappings that come, go, move and are cut, and stores to them, by the
 * rules and against them. Any value is legal, in any word, at any time; a
 * program that writes positions misleads itself, so the model keeps in mind that
 * it has. Memory that is not there ends a store by a signal, which is a fault of
 * the module's where a task has its slot.
 *
 * What was mapped is never given back before the program ends: in its place
 * comes memory that cannot be touched, so that no store hits anything else.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "ioctls.h"

#define PAGE		4096UL
#define ALL_BYTES	(sizeof(struct twq_slot) << TWQ_SLOT_BITS)
#define PATIENCE_NS	20000000000LL
#define SETTLED_TASKS	4	/* of which a stored deadline has to come */

static __thread sigjmp_buf touched;
static __thread atomic_bool is_touching;

static void on_fault(int number)
{
	if (atomic_load(&is_touching))
		siglongjmp(touched, number);
	signal(number, SIG_DFL);	/* the fuzzer's own fault */
}

void slots_init(void)
{
	struct sigaction action = { .sa_handler = on_fault };

	sigaction(SIGBUS, &action, NULL);
	sigaction(SIGSEGV, &action, NULL);
}

/* -- mappings ------------------------------------------------------------- */

static void judge_map(struct run *r, int flags, uint64_t first, size_t size)
{
	const struct mfile *file;

	model_fd(r);
	model_may(r, ENOMEM);
	if (r->file == NONE)
		return;
	file = &r->ex->model.files[r->file];
	if (file->access != O_RDWR) {
		model_must(r, EACCES);
		model_must(r, EINVAL);
	}
	if (!(flags & MAP_SHARED) || first + size > ALL_BYTES)
		model_must(r, EINVAL);
}

static void run_map(struct run *r)
{
	const struct call *c = r->call;
	struct model *m = &r->ex->model;
	int flags = c->kind % 16 == 15 ? MAP_PRIVATE : MAP_SHARED;
	uint64_t first = 0;
	size_t size = ALL_BYTES;
	void *addr;

	if (m->nr_maps >= MAX_MAPS - NR_THREADS)
		return;
	if (c->kind % 16 > 10)		/* a part, or beyond the end */
		size = PAGE * (1 + c->n % 64);
	if (c->kind % 16 > 12)
		first = PAGE * ((c->n >> 8) % (ALL_BYTES / PAGE + 32));
	addr = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, r->num, first);
	model_end(r, addr == MAP_FAILED ? -errno : 0);
	judge_map(r, flags, first, size);
	if (!r->ret)
		m->maps[m->nr_maps++] = (struct mmapping){
			.addr = addr,
			.size = size,
			.first = first,
			.file = r->file,
		};
	model_judge(r, 0);
}

/* Under the lock. */
static struct mmapping *choose_map(struct run *r)
{
	struct model *m = &r->ex->model;

	return m->nr_maps ? &m->maps[r->call->slot % m->nr_maps] : NULL;
}

static void run_unmap(struct run *r)
{
	const struct call *c = r->call;
	struct model *m = &r->ex->model;
	struct mmapping *map, is;
	size_t from = 0, size;

	pthread_mutex_lock(&m->lock);
	map = choose_map(r);
	if (map) {
		map->damaged = true;
		is = *map;
	}
	pthread_mutex_unlock(&m->lock);
	if (!map)
		return;
	size = is.size;
	if (c->kind & 1) {
		from = (c->n % (is.size / PAGE)) * PAGE;
		size = c->kind & 2 ? PAGE : is.size - from;
	}
	switch (c->kind >> 2 & 7) {
	case 0:
		r->ret = mprotect(is.addr + from, size, PROT_READ);
		break;
	case 1:
		r->ret = mprotect(is.addr + from, size, PROT_NONE);
		break;
	case 2:
		r->ret = madvise(is.addr + from, size, MADV_DONTNEED);
		break;
	default:
		r->ret = mmap(is.addr + from, size, PROT_NONE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE |
			      MAP_FIXED, -1, 0) == MAP_FAILED ? -1 : 0;
	}
	model_end(r, answer(r->ret));
	model_may(r, ENOMEM);	/* too many mappings, or none there any more */
	model_judge(r, 0);
}

static long move_map(struct mmapping *map)
{
	void *addr = mmap(NULL, map->size, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (addr == MAP_FAILED)
		return -ENOMEM;
	if (mremap(map->addr, map->size, map->size,
		   MREMAP_MAYMOVE | MREMAP_FIXED, addr) == MAP_FAILED) {
		munmap(addr, map->size);
		return -errno;
	}
	map->addr = addr;
	return 0;
}

static long shrink_map(struct mmapping *map)
{
	size_t size = map->size / PAGE / 2 * PAGE;

	if (!size)
		return 0;
	if (mremap(map->addr, map->size, size, 0) == MAP_FAILED)
		return -errno;
	map->size = size;
	return 0;
}

/* While nothing else is under way: what is left behind may be others'. */
static void run_remap(struct run *r)
{
	struct mmapping *map = choose_map(r);
	bool grows = r->call->kind % 3 == 2;
	long ret;

	if (!map || map->damaged || !r->alone)
		return;
	if (!grows)
		ret = r->call->kind % 3 ? shrink_map(map) : move_map(map);
	else
		ret = mremap(map->addr, map->size, map->size + PAGE,
			     MREMAP_MAYMOVE) == MAP_FAILED ? -errno : 0;
	model_end(r, ret);
	if (grows)
		model_must(r, EFAULT);
	model_may(r, ENOMEM);
	model_judge(r, 0);
}

void slots_forget(struct model *m)
{
	struct mmapping *map;

	for (map = m->maps; map < m->maps + m->nr_maps; map++)
		munmap(map->addr, map->size);
	m->nr_maps = 0;
}

/* -- stores --------------------------------------------------------------- */

/*
 * How a store breaks the rules: not at all, it is not followed by the call, it
 * is half a word, it is of the position, of both.
 */
enum manner { BY_THE_RULES = 3, NOT_CALLED, HALF, POSITION, BOTH };

/* Returns whether the call has to follow. */
static bool store(struct twq_slot *slot, int64_t value, enum manner manner)
{
	if (manner == HALF)
		__atomic_store_n((uint32_t *)&slot->deadline_ns + (value & 1),
				 (uint32_t)value, __ATOMIC_RELAXED);
	else if (manner != POSITION)
		__atomic_store_n(&slot->deadline_ns, value, __ATOMIC_RELEASE);
	if (manner >= POSITION)
		__atomic_store_n(&slot->position_ns, value, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return manner <= BY_THE_RULES &&
	       __atomic_load_n(&slot->position_ns, __ATOMIC_RELAXED) > value;
}

/* The same, or minus the signal that it ended by. */
static int touch(struct twq_slot *slot, int64_t value, enum manner manner)
{
	int number = sigsetjmp(touched, 1);
	bool needs_call;

	if (number) {
		atomic_store(&is_touching, false);
		return -number;
	}
	atomic_store(&is_touching, true);
	needs_call = store(slot, value, manner);
	atomic_store(&is_touching, false);
	return needs_call;
}

/* Where a store goes. */
struct aim {
	struct mmapping map;
	uint64_t id;		/* 0: some slot, of whatever task */
	uint64_t at;		/* byte in the mapping */
	int64_t value;
	enum manner manner;
};

static bool take_aim(struct run *r, struct aim *aim)
{
	struct model *m = &r->ex->model;
	struct call as_queue = *r->call;
	struct request q;
	const struct mmapping *map;
	const struct mtask *t;

	as_queue.op = OP_QUEUE;
	as_queue.twist = 0;
	fill(r, &as_queue, &q);
	aim->value = q.arg.deadline.deadline_ns;
	if (q.arg.deadline.flags)
		__builtin_add_overflow(aim->value, now_ns(), &aim->value);
	aim->manner = r->call->n % 8;
	pthread_mutex_lock(&m->lock);
	map = choose_map(r);
	if (map) {
		aim->map = *map;
		t = model_task(m, map->file, q.arg.deadline.id);
		aim->id = t ? t->id : 0;
		aim->at = (t ? TWQ_SLOT(t->id) : q.arg.deadline.id) *
			  sizeof(struct twq_slot) % ALL_BYTES - map->first;
		if (aim->manner >= POSITION)
			m->files[map->file].spoilt = true;
	}
	pthread_mutex_unlock(&m->lock);
	return map && aim->at < aim->map.size;
}

/* The memory of a slot that a task has, or had, is there. */
static void judge_touch(struct run *r, const struct aim *aim, int number)
{
	struct model *m = &r->ex->model;
	const struct mmapping *map;
	const struct mtask *t;
	bool there;

	pthread_mutex_lock(&m->lock);
	map = choose_map(r);
	t = model_task(m, aim->map.file, aim->id);
	there = t && t->born < r->start && map->addr == aim->map.addr &&
		!map->damaged;
	pthread_mutex_unlock(&m->lock);
	if (there)
		executor_fail(r->ex, r->call - r->ex->program->calls,
			      "a store to the slot of task %#llx ends by %s",
			      (unsigned long long)aim->id, strsignal(number));
}

static void follow(struct run *r, struct worker *w, uint64_t id)
{
	struct request q = {
		.arg.task_id.id = id,
		.place.mem = &q.arg,
		.place.readable = sizeof(q.arg),
		.place.writable = sizeof(q.arg),
		.size = sizeof(q.arg.task_id),
	};

	r->op = OP_REQUEUE;
	r->ret = answer(ioctl(r->num, TWQ_IOC_REQUEUE, &q.arg.task_id));
	model_end(r, r->ret);
	judge_ioctl(r, &q, w);
	model_judge(r, 0);
}

static void run_store(struct run *r, struct worker *w)
{
	struct aim aim = {};
	int ret;

	if (!take_aim(r, &aim))
		return;
	ret = touch((struct twq_slot *)(aim.map.addr + aim.at), aim.value,
		    aim.manner);
	r->ret = ret < 0 ? -EFAULT : 0;
	if (ret < 0)
		judge_touch(r, &aim, -ret);
	else if (ret && aim.id && aim.map.file == r->file)
		follow(r, w, aim.id);
}

void run_slots(struct run *r, struct worker *w)
{
	switch (r->call->op) {
	case OP_MAP:
		run_map(r);
		break;
	case OP_UNMAP:
		run_unmap(r);
		break;
	case OP_REMAP:
		run_remap(r);
		break;
	default:
		run_store(r, w);
	}
}

/* -- at rest -------------------------------------------------------------- */

static bool has_come(struct executor *ex, const struct twq_slot *slot,
		     int64_t due_ns)
{
	int64_t end = now_ns() + PATIENCE_NS;

	while (__atomic_load_n(&slot->deadline_ns, __ATOMIC_ACQUIRE) == due_ns) {
		if (now_ns() > end)
			return false;
		atomic_fetch_add(&ex->proc->beat, 1);
		sched_yield();
	}
	return true;
}

static void settle_task(struct executor *ex, const struct mfd *fd,
			struct twq_slot *slot, uint64_t id)
{
	struct twq_task_id task = { .id = id };
	int64_t due_ns = now_ns() - 1;
	int ret = touch(slot, due_ns, BY_THE_RULES);

	if (ret > 0 || (!ret && ex->model.files[fd->file].spoilt))
		ret = answer(ioctl(fd->num, TWQ_IOC_REQUEUE, &task));
	if (ret)
		executor_fail(ex, NONE,
			      "at rest, a store to the slot of task %#llx, or REQUEUE, ends by %d",
			      (unsigned long long)id, ret);
	else if (!has_come(ex, slot, due_ns))
		executor_fail(ex, NONE,
			      "at rest, deadline %lld of task %#llx, stored to its slot, does not come",
			      (long long)due_ns, (unsigned long long)id);
}

void slots_settle(struct executor *ex, const struct mfd *fd)
{
	const struct model *m = &ex->model;
	struct twq_slot *slots;
	int i, left = SETTLED_TASKS;

	if (m->files[fd->file].access != O_RDWR)
		return;
	slots = mmap(NULL, ALL_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
		     fd->num, 0);
	if (slots == MAP_FAILED) {
		executor_fail(ex, NONE, "the slots cannot be mapped at rest: %s",
			      strerror(errno));
		return;
	}
	for (i = 0; i < m->nr_tasks && left; i++) {
		if (m->tasks[i].file != fd->file || m->tasks[i].destroyed)
			continue;
		left--;
		settle_task(ex, fd, &slots[TWQ_SLOT(m->tasks[i].id)],
			    m->tasks[i].id);
	}
	munmap(slots, ALL_BYTES);
}
