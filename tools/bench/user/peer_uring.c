// SPDX-License-Identifier: GPL-2.0
/*
 * io_uring: timeouts of one ring, told apart by their user data. A timeout is
 * armed by a request of its own, moved by an update and taken back by a
 * removal. One call submits one of them, or BATCH.
 */
#include <errno.h>
#include <liburing.h>
#include <string.h>

#include "user.h"

#define COMPLETIONS	65536
#define MOVES_AMONG	10000
#define NOT_A_TIMEOUT	((uint64_t)-1)

static struct io_uring ring;
static struct __kernel_timespec times[BATCH];
static uint32_t batch;
static bool *armed;

/* Expiries that were found while the ring was cleaned after a submission. */
static uint32_t *found;
static uint32_t nr_found;

static uint32_t uring_open(const struct peer *self, uint32_t nr)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_CQSIZE | IORING_SETUP_COOP_TASKRUN |
			 IORING_SETUP_TASKRUN_FLAG,
		.cq_entries = COMPLETIONS,
	};

	batch = self->flags;
	armed = make_array(nr, sizeof(*armed));
	found = make_array(nr, sizeof(*found));
	must("io_uring_queue_init",
	     io_uring_queue_init_params(BATCH, &ring, &params));
	return nr;
}

static void uring_found(const struct io_uring_cqe *cqe)
{
	if (cqe->user_data == NOT_A_TIMEOUT) {
		must("timeout update or removal", cqe->res);
		return;
	}
	if (cqe->res == -ECANCELED)
		return;
	if (cqe->res != -ETIME)
		must("timeout", cqe->res);
	armed[cqe->user_data] = false;
	found[nr_found++] = cqe->user_data;
}

static void uring_clean(void)
{
	struct io_uring_cqe *cqe;
	unsigned int head, nr = 0;

	io_uring_for_each_cqe(&ring, head, cqe) {
		uring_found(cqe);
		nr++;
	}
	io_uring_cq_advance(&ring, nr);
}

/* Submits what there is once it is a batch, or at the end. */
static void uring_push(uint32_t i, uint32_t nr)
{
	if ((i + 1) % batch && i + 1 < nr)
		return;
	must("io_uring_submit", io_uring_submit(&ring));
	uring_clean();
}

static void uring_set(const struct job *job)
{
	struct __kernel_timespec *ts;
	struct io_uring_sqe *sqe;
	uint32_t i, which;

	for (i = 0; i < job->nr; i++) {
		which = job->which[i];
		sqe = io_uring_get_sqe(&ring);
		ts = &times[i % batch];
		ts->tv_sec = job->when[i] / NSEC_PER_SEC;
		ts->tv_nsec = job->when[i] % NSEC_PER_SEC;
		if (armed[which]) {
			io_uring_prep_timeout_update(sqe, ts, which,
						     IORING_TIMEOUT_ABS);
			sqe->user_data = NOT_A_TIMEOUT;
			sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
		} else {
			io_uring_prep_timeout(sqe, ts, 0, IORING_TIMEOUT_ABS);
			sqe->user_data = which;
			armed[which] = true;
		}
		uring_push(i, job->nr);
	}
}

static void uring_cancel(const struct job *job)
{
	struct io_uring_sqe *sqe;
	uint32_t i;

	for (i = 0; i < job->nr; i++) {
		sqe = io_uring_get_sqe(&ring);
		io_uring_prep_timeout_remove(sqe, job->which[i], 0);
		sqe->user_data = NOT_A_TIMEOUT;
		sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
		armed[job->which[i]] = false;
		uring_push(i, job->nr);
	}
}

static uint32_t uring_take(uint32_t *taken, bool wait)
{
	struct io_uring_cqe *cqe;
	uint32_t nr;

	do {
		if (!io_uring_peek_cqe(&ring, &cqe) ||
		    (!nr_found && wait &&
		     !must("io_uring_wait_cqe",
			   io_uring_wait_cqe(&ring, &cqe))))
			uring_clean();
	} while (wait && !nr_found);
	nr = nr_found < TAKE_MOST ? nr_found : TAKE_MOST;
	nr_found -= nr;
	memcpy(taken, found + nr_found, nr * sizeof(*taken));
	return nr;
}

const struct peer peer_uring = {
	.name = "uring",
	.what = "io_uring timeouts, one a call",
	.flags = 1,
	.moves_among = MOVES_AMONG,
	.open = uring_open,
	.set = uring_set,
	.cancel = uring_cancel,
	.take = uring_take,
};

const struct peer peer_uring_batch = {
	.name = "uring-batch",
	.what = "io_uring timeouts, 64 a call",
	.flags = BATCH,
	.moves_among = MOVES_AMONG,
	.open = uring_open,
	.set = uring_set,
	.cancel = uring_cancel,
	.take = uring_take,
};
