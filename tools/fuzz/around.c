// SPDX-License-Identifier: GPL-2.0
/*
 * Polling, flags, what the device refuses; and what happens around the calls:
 * the CPUs that threads are bound to, time that passes, pages that go away.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"

static void run_poll(struct run *r)
{
	struct pollfd p = { .fd = r->num, .events = r->call->kind };

	r->ret = answer(poll(&p, 1, r->call->n % 4));
	model_end(r, r->ret);
	model_may(r, EINTR);
	if (p.revents & ~(POLLIN | POLLRDNORM | POLLNVAL) ||
	    (p.revents & POLLNVAL && r->fd != NONE && r->file != NONE &&
	     !r->ex->model.fds[r->fd].close_begun))
		executor_fail(r->ex, r->call - r->ex->program->calls,
			      "poll returned events %#x", p.revents);
	model_judge(r, 1);
}

/* One set for the whole program; a closed file leaves it by itself. */
static void run_epoll(struct run *r)
{
	static const int errors[] = { EEXIST, ENOENT, EBADF, EINVAL, EPERM };
	struct epoll_event event = {
		.events = EPOLLIN | (r->call->n & (EPOLLET | EPOLLONESHOT |
						   EPOLLEXCLUSIVE)),
	};
	struct epoll_event got[4];
	unsigned int i;
	int op = r->call->kind % 4;

	if (op)
		r->ret = epoll_ctl(r->ex->epoll, op, r->num, &event);
	else
		r->ret = epoll_wait(r->ex->epoll, got, 4, r->call->n % 4);
	model_end(r, answer(r->ret));
	if (op) {
		for (i = 0; i < ARRAY_SIZE(errors); i++)
			model_may(r, errors[i]);
	} else {
		model_may(r, EINTR);
	}
	model_judge(r, op ? 0 : 4);
}

static void run_nonblock(struct run *r)
{
	static const int all_flags[] = {
		0, O_NONBLOCK, O_NONBLOCK | O_ASYNC, O_DIRECT | O_NONBLOCK,
		O_NOATIME, O_NONBLOCK | O_APPEND,
	};
	int flags = all_flags[r->call->kind % ARRAY_SIZE(all_flags)];
	struct model *m = &r->ex->model;

	if (flags & O_NONBLOCK && r->file != NONE) {
		pthread_mutex_lock(&m->lock);
		m->files[r->file].may_nonblock = true;
		pthread_mutex_unlock(&m->lock);
	}
	r->ret = answer(fcntl(r->num, F_SETFL, flags));
	model_end(r, r->ret);
	model_fd(r);
	if (flags & O_DIRECT)
		model_may(r, EINVAL);
	model_judge(r, 0);
}

static void run_fdinfo(struct run *r)
{
	char name[64], text[1024];
	int fd;

	snprintf(name, sizeof(name), "/proc/self/fdinfo/%d", r->num);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	r->ret = 0;
	if (fd >= 0) {
		r->ret = answer(read(fd, text, sizeof(text) - 1));
		close(fd);
	}
	model_end(r, r->ret);
	model_may(r, ENOENT);
	model_judge(r, sizeof(text));
}

static long map_device(const struct run *r)
{
	int prot = r->call->n & (PROT_READ | PROT_WRITE | PROT_EXEC);
	bool shared = r->call->n & 8;
	/* Slots may be shared: behind the last of them, none is. */
	void *p = mmap(NULL, r->call->n & 16 ? 4096 : r->call->b & 0xffffff,
		       prot, shared ? MAP_SHARED : MAP_PRIVATE, r->num,
		       shared ? 1 << 30 : 0);

	return p == MAP_FAILED ? -errno : 0;
}

/* Each fails, whatever the file. */
static long call_refused(struct run *r)
{
	const struct call *c = r->call;
	char buf[64] = {};

	switch (c->kind % 9) {
	case 0:
		return answer(pread(r->num, buf, sizeof(buf), c->b >> 1));
	case 1:
		return answer(pwrite(r->num, buf, sizeof(buf), c->b >> 1));
	case 2:
		return answer(write(r->num, buf, c->n % sizeof(buf)));
	case 3:
		return answer(lseek(r->num, c->b, c->n % 6));
	case 4:
		return map_device(r);
	case 5:
		return answer(ftruncate(r->num, c->b >> 1));
	case 6:
		return answer(fsync(r->num));
	case 7:
		return answer(fallocate(r->num, c->n % 4, 0, 4096));
	default:
		return answer(splice(r->num, NULL, r->ex->pipe_out, NULL, 4096,
				     SPLICE_F_NONBLOCK));
	}
}

static void run_refused(struct run *r)
{
	static const int errors[] = {
		EBADF, ESPIPE, EINVAL, ENODEV, EACCES, EOPNOTSUPP,
	};
	int i;

	model_end(r, call_refused(r));
	for (i = 0; i < ARRAY_SIZE(errors); i++)
		model_must(r, errors[i]);
	/* Memory that may be executed is not for every process. */
	model_may(r, EPERM);
	model_judge(r, 0);
}

static void run_pin(struct run *r, struct worker *w)
{
	uint64_t possible = r->ex->model.possible;
	uint64_t cpus = r->call->a & possible;
	cpu_set_t set;
	int cpu;

	if (!cpus)
		cpus = possible;
	CPU_ZERO(&set);
	for (cpu = 0; cpu < 64; cpu++)
		if (cpus >> cpu & 1)
			CPU_SET(cpu, &set);
	if (!sched_setaffinity(0, sizeof(set), &set))
		w->pinned = cpus;
}

void run_around(struct run *r, struct worker *w)
{
	switch (r->call->op) {
	case OP_POLL:
		run_poll(r);
		break;
	case OP_EPOLL:
		run_epoll(r);
		break;
	case OP_NONBLOCK:
		run_nonblock(r);
		break;
	case OP_FDINFO:
		run_fdinfo(r);
		break;
	case OP_REFUSED:
		run_refused(r);
		break;
	case OP_MAP ... OP_STORE:
		run_slots(r, w);
		break;
	case OP_PIN:
		run_pin(r, w);
		break;
	case OP_SLEEP:
		usleep(r->call->n % 2000);
		break;
	default:
		memory_flap(r->call->a % NR_CELLS, r->call->kind % 8);
	}
}
