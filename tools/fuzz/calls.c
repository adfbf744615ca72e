// SPDX-License-Identifier: GPL-2.0
/*
 * Descriptors that come and go, by all ways that there are, and reading.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz.h"

#define DEVICE		"/dev/twq"
#define EVENT_SIZE	sizeof(struct twq_event)

long answer(long ret)
{
	return ret < 0 ? -errno : ret;
}

/* -- descriptors ---------------------------------------------------------- */

/* Returns whether there is room for one more. */
static bool room(struct model *m)
{
	return m->nr_fds < MAX_FDS - NR_THREADS &&
	       m->nr_files < MAX_FILES - NR_THREADS;
}

/* Under the lock. */
static void put_in_slot(struct model *m, int fd, unsigned int slot)
{
	int i;

	for (i = 0; i < NR_SLOTS; i++)
		if (m->slots[(slot + i) % NR_SLOTS] == NONE)
			break;
	m->slots[(slot + i) % NR_SLOTS] = fd;
}

static void run_open(struct run *r)
{
	static const struct {
		int flags;
		int err;
	} ways[] = {
		{ O_RDWR | O_NONBLOCK, 0 }, { O_RDWR, 0 }, { O_RDONLY, 0 },
		{ O_WRONLY | O_NONBLOCK, 0 }, { O_RDONLY | O_NONBLOCK, 0 },
		{ O_RDWR | O_TRUNC | O_APPEND | O_NONBLOCK, 0 }, { O_PATH, 0 },
		{ O_RDWR | O_DIRECTORY, ENOTDIR },
		{ O_RDWR | O_CREAT | O_EXCL, EEXIST },
		{ O_RDWR | O_DIRECT, EINVAL },
		{ O_RDWR | O_SYNC | O_NOATIME | O_NONBLOCK, 0 },
		{ O_RDWR | O_ASYNC, 0 }, { O_RDWR | O_NONBLOCK, 0 },
	};
	struct model *m = &r->ex->model;
	int way = r->call->kind % ARRAY_SIZE(ways);
	int flags = ways[way].flags, file = NONE;

	if (!room(m))
		return;
	r->ret = answer(open(DEVICE, flags | O_CLOEXEC, 0600));
	model_end(r, r->ret);
	if (ways[way].err)
		model_must(r, ways[way].err);
	if (r->ret >= 0) {
		if (!(flags & O_PATH)) {
			file = m->nr_files++;
			m->files[file] = (struct mfile){
				.access = flags & O_ACCMODE,
				.may_nonblock = flags & O_NONBLOCK,
			};
		}
		put_in_slot(m, model_add_fd(m, r->ret, file), r->call->slot);
	}
	model_judge(r, INT32_MAX);
}

/* A further descriptor of the same file, however it was made. */
static void judge_new_fd(struct run *r)
{
	struct model *m = &r->ex->model;

	model_end(r, r->ret);
	if (r->fd == NONE || m->fds[r->fd].close_begun)
		model_may(r, EBADF);
	if (r->ret >= 0)
		put_in_slot(m, model_add_fd(m, r->ret, r->file), r->call->n);
	model_judge(r, INT32_MAX);
}

static void run_dup(struct run *r)
{
	if (!room(&r->ex->model))
		return;
	/* One that is closed meanwhile would be the placeholder's. */
	if (!r->alone)
		return;
	r->ret = answer(fcntl(r->num, F_DUPFD_CLOEXEC, 0));
	judge_new_fd(r);
}

static int receive_fd(int from)
{
	char control[CMSG_SPACE(sizeof(int))], byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg;
	int fd = -EBADF;

	if (recvmsg(from, &msg, MSG_DONTWAIT) == 1) {
		cmsg = CMSG_FIRSTHDR(&msg);
		if (cmsg)
			memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
	}
	return fd;
}

/* Through a socket: while it is there, nobody but the kernel holds it. */
static void run_pass(struct run *r)
{
	char control[CMSG_SPACE(sizeof(int))] = {}, byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
	int pair[2];

	if (!r->alone || r->file == NONE || !room(&r->ex->model) ||
	    socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair))
		return;			/* a kernel without sockets */
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &r->num, sizeof(int));
	r->ret = answer(sendmsg(pair[0], &msg, 0));
	if (r->ret == 1 && r->call->kind % 4) {
		r->ret = receive_fd(pair[1]);
		judge_new_fd(r);
	}
	close(pair[0]);			/* with the file in it, at times */
	close(pair[1]);
}

/*
 * The number is not free until the program ends: it becomes a descriptor for
 * which every call fails, so that no other file is met under it.
 */
static void run_close(struct run *r)
{
	struct model *m = &r->ex->model;
	int i;

	if (r->fd == NONE)
		return;
	pthread_mutex_lock(&m->lock);
	m->fds[r->fd].close_begun = ++m->clock;
	for (i = 0; i < NR_SLOTS; i++)
		if (m->slots[i] == r->fd)
			m->slots[i] = NONE;
	pthread_mutex_unlock(&m->lock);
	r->ret = answer(dup3(r->ex->placeholder, r->num, O_CLOEXEC));
	model_end(r, r->ret);
	if (!m->fds[r->fd].closed)
		m->fds[r->fd].closed = m->clock;
	model_judge(r, INT32_MAX);
}

/* The child of a process with threads: nothing but system calls. */
static void child_main(const struct run *r)
{
	struct twq_create create = {};
	struct twq_task_id task = {};
	struct twq_event events[4];
	struct twq_info info;
	int made = 0;

	ioctl(r->num, TWQ_IOC_INFO, &info);
	if (r->call->kind % 3 == 1 &&
	    !ioctl(r->num, TWQ_IOC_CREATE, &create)) {
		task.id = create.id;
		made = ioctl(r->num, TWQ_IOC_DESTROY, &task) ? 1 : 2;
	}
	if (r->call->kind % 3 == 2)
		syscall(SYS_read, r->num, events, sizeof(events));
	_exit(made);
}

/* One that reads may wait for ever: it is killed. */
static void wait_for_child(const struct run *r, pid_t pid, int *status)
{
	if (r->call->kind % 3 == 2) {
		usleep(1000 + r->call->n % 4000);
		kill(pid, SIGKILL);
	}
	while (waitpid(pid, status, 0) < 0 && errno == EINTR)
		;
}

static void run_fork(struct run *r)
{
	struct model *m = &r->ex->model;
	struct mfile *file;
	int status = 0;
	pid_t pid;

	if (r->file == NONE || !r->alone)
		return;
	file = &m->files[r->file];
	file->unknown_reads |= r->call->kind % 3 == 2;
	pid = fork();
	if (!pid)
		child_main(r);
	if (pid > 0)
		wait_for_child(r, pid, &status);
	model_end(r, 0);
	if (WIFEXITED(status)) {
		file->created += WEXITSTATUS(status) > 0;
		file->destroyed += WEXITSTATUS(status) == 2;
	}
	model_judge(r, 0);
}

/* -- reading -------------------------------------------------------------- */

static void check_event(struct run *r, const struct twq_event *e)
{
	const struct mtask *t = model_task(&r->ex->model, r->file, e->id);
	bool timer = e->reasons & TWQ_WOKEN_TIMER;
	int64_t now = now_ns();
	const char *what = NULL;

	if (!e->reasons || e->reasons & ~TWQ_WOKEN_ANY)
		what = "its reasons";
	else if (timer != (e->deadline_ns != TWQ_ETERNITY))
		what = "a reason that does not match its deadline";
	else if (timer && e->deadline_ns > e->fired_ns && !e->overruns)
		what = "a deadline after it fired";
	else if (e->fired_ns > now || e->fired_ns <= 0)
		what = "its time";
	else if (!(r->ex->model.possible >> e->cpu & 1))
		what = "its CPU";
	else if (t && t->user_data != e->user_data)
		what = "another task's user_data";
	else if (t && t->destroyed && t->destroyed < r->start)
		what = "a task that was destroyed before";
	else if (!t && !r->ex->model.files[r->file].creating &&
		 r->ex->model.files[r->file].last_create < r->start)
		what = "no task";
	if (what)
		executor_fail(r->ex, r->call - r->ex->program->calls,
			      "an event of task %#llx has %s",
			      (unsigned long long)e->id, what);
}

void check_events(struct run *r, const struct place *p, size_t size)
{
	struct twq_event event;
	size_t i;

	if (!r->ret || r->ret % EVENT_SIZE || (size_t)r->ret > size ||
	    (size_t)r->ret > p->writable) {
		executor_fail(r->ex, r->call - r->ex->program->calls,
			      "%zu bytes asked for, %ld read", size, r->ret);
		return;
	}
	for (i = 0; i < r->ret / EVENT_SIZE; i++) {
		memcpy(&event, p->mem + i * EVENT_SIZE, EVENT_SIZE);
		check_event(r, &event);
	}
	r->ex->model.files[r->file].read += r->ret / EVENT_SIZE;
}

static void judge_read(struct run *r, const struct place *p, uint64_t size)
{
	const struct mfile *file = &r->ex->model.files[r->file];

	model_fd(r);
	if (r->file == NONE)
		return;
	if (file->access != O_RDWR && file->access != O_RDONLY)
		model_must(r, EBADF);
	/* To the kernel, the sizes of a 32-bit program are positive. */
	if (size < EVENT_SIZE || size > INT64_MAX)
		model_must(r, EINVAL);
	if (p->writable < EVENT_SIZE && !p->flaky)
		model_must(r, EFAULT);
	else if (p->flaky)
		model_may(r, EFAULT);
	/* The whole range must be user space's, before anything is read. */
	if (size >= 1U << 30)
		model_may(r, EFAULT);
	if (file->may_nonblock)
		model_may(r, EAGAIN);
	model_may(r, EINTR);
	if (r->ret >= 0)
		check_events(r, p, size);
}

static void run_read(struct run *r)
{
	size_t size = r->call->b;
	struct place p;

	memory_place(2 * r->thread, r->call->ptr, r->call->ptr_arg, size, &p);
	r->ret = syscall(SYS_read, r->num, (uintptr_t)p.user, size);
	model_end(r, answer(r->ret));
	judge_read(r, &p, size);
	model_judge(r, INT32_MAX);
}

/* The place in 1 to 5 pieces. Returns their number. */
static int cut(const struct call *c, const struct place *p, size_t size,
	       struct iovec *iov)
{
	size_t at = 0, part;
	int nr = 0;

	while (nr < 4 && at < size) {
		part = (c->n >> 4 * nr) % 64;
		if (part > size - at)
			part = size - at;
		iov[nr].iov_base = (void *)(uintptr_t)(p->user + at);
		iov[nr++].iov_len = part;
		at += part;
	}
	iov[nr].iov_base = (void *)(uintptr_t)(p->user + at);
	iov[nr++].iov_len = size - at;
	return nr;
}

static void run_readv(struct run *r)
{
	size_t size = 1 + r->call->b % (1 << 20);
	struct iovec iov[5];
	struct place p;
	int nr;

	memory_place(2 * r->thread, r->call->ptr, r->call->ptr_arg, size, &p);
	nr = cut(r->call, &p, size, iov);
	r->ret = syscall(SYS_readv, r->num, iov, nr);
	model_end(r, answer(r->ret));
	judge_read(r, &p, size);
	model_judge(r, INT32_MAX);
}

static void run_preadv2(struct run *r)
{
	static const int all_flags[] = { 0, 8, 8, 8, 1, 2, 0x10, 0x80, 1 << 20 };
	int flags = all_flags[r->call->kind % ARRAY_SIZE(all_flags)];
	long pos = r->call->kind & 64 ? 0 : -1;
	size_t size = 1 + r->call->b % (1 << 20);
	struct iovec iov[5];
	struct place p;
	int nr;

	memory_place(2 * r->thread, r->call->ptr, r->call->ptr_arg, size, &p);
	nr = cut(r->call, &p, size, iov);
	r->ret = syscall(SYS_preadv2, r->num, iov, nr, pos, pos, flags);
	model_end(r, answer(r->ret));
	judge_read(r, &p, size);
	if (flags == 8)
		model_may(r, EAGAIN);
	else if (flags)
		model_may(r, EOPNOTSUPP);
	if (flags)
		model_may(r, EINVAL);
	if (pos != -1)
		model_must(r, ESPIPE);
	model_judge(r, INT32_MAX);
}

void run_other(struct run *r, struct worker *w)
{
	switch (r->call->op) {
	case OP_OPEN:
		run_open(r);
		break;
	case OP_DUP:
		run_dup(r);
		break;
	case OP_CLOSE:
		run_close(r);
		break;
	case OP_PASS:
		run_pass(r);
		break;
	case OP_FORK:
		run_fork(r);
		break;
	case OP_READ:
		run_read(r);
		break;
	case OP_READV:
		run_readv(r);
		break;
	case OP_PREADV2:
		run_preadv2(r);
		break;
	default:
		run_around(r, w);
	}
}
