// SPDX-License-Identifier: GPL-2.0
/*
 * Whatever can fail on the way of a batch does, one after the other: an
 * operation that fails for it has changed nothing, the others are made, and no
 * task is left that the array does not name. Needs a kernel with fault
 * injection.
 */
#define _GNU_SOURCE
#include "submit.h"
#include "trial.h"

/* A life in operations; two of them, one after the other. */
enum { CREATE, QUEUE, AFFINITY, SCHEDULE, CANCEL, DESTROY, NR_STEPS };
enum { LIVES = 2, NR_OPS = LIVES * NR_STEPS };

static struct twq_op ops[NR_OPS];
static uint64_t created, destroyed;
static int refused_ops;

static void fill_life(struct twq_op *life)
{
	int step;

	life[CREATE] = op_create(7);
	life[QUEUE] = op(TWQ_OP_QUEUE, TWQ_ID_CREATED, TWQ_ETERNITY - 1);
	life[AFFINITY] = op(TWQ_OP_SET_AFFINITY, TWQ_ID_CREATED, 0);
	life[SCHEDULE] = op(TWQ_OP_SCHEDULE, TWQ_ID_CREATED, TWQ_ETERNITY - 2);
	life[CANCEL] = op(TWQ_OP_CANCEL, TWQ_ID_CREATED, 0);
	life[DESTROY] = op(TWQ_OP_DESTROY, TWQ_ID_CREATED, 0);
	for (step = CREATE; step <= AFFINITY; step += AFFINITY) {
		life[step].cpus = (uintptr_t)&now.mask;
		life[step].cpus_len = sizeof(now.mask);
	}
}

static void prepare_batch(void)
{
	int i;

	now.mask = some_cpus();
	for (i = 0; i < LIVES; i++)
		fill_life(ops + i * NR_STEPS);
	memset(&now.arg, 0, sizeof(now.arg));
	now.arg.submit.ops = (uintptr_t)ops;
	now.arg.submit.nr_ops = NR_OPS;
	created = ledger(dev).created;
	destroyed = ledger(dev).destroyed;
}

static bool out_of_luck(int result)
{
	return result == -ENOMEM || result == -EFAULT;
}

/* What an operation must answer, given whether there is a task. */
static void check_life(const struct twq_op *life)
{
	static const int good_results[] = {
		[CANCEL] = 1, [DESTROY] = 0,
	};
	bool made = life[CREATE].result == 0;
	int step;

	for (step = CREATE; step < NR_STEPS; step++) {
		int want = made || step == CREATE ? good_results[step] :
						    -ENOENT;

		/* What needs no memory can't run out of it. */
		if ((step == CREATE || step == AFFINITY) &&
		    out_of_luck(life[step].result))
			refused_ops++;
		else
			EXPECT_EQ(life[step].result, want);
	}
	EXPECT_EQ(life[CREATE].id != 0xcccccccccccccccc, made);
	created += made;
	destroyed += made;
}

static void check_batch(int ret)
{
	int i;

	EXPECT_EQ(ret, NR_OPS);
	for (i = 0; i < LIVES; i++)
		check_life(ops + i * NR_STEPS);
	EXPECT_EQ(ledger(dev).created, created);
	EXPECT_EQ(ledger(dev).destroyed, destroyed);
}

static const struct subject batch = {
	.prepare = prepare_batch,
	.call = call_device,
	.check = check_batch,
};

/* The call by its argument, and operations by what they need. */
static void batch_refused(void)
{
	now.nr = TWQ_IOC_SUBMIT;
	EXPECT_GE(try_all(&batch), 5);
	/* Each CREATE and SET_AFFINITY, of both lives, at least once. */
	EXPECT_GE(refused_ops, 2 * LIVES);
	printf("# %d operations refused\n", refused_ops);
}

static const struct tap_case cases[] = {
	TAP_CASE(batch_refused),
	TAP_CASE(nothing_is_left),
};

int main(int argc, char **argv)
{
	static const struct tap_suite suite = {
		.cases = cases,
		.nr_cases = TAP_COUNT(cases),
		.before = open_trials,
		.after = close_case,
	};

	return inject_main(argc, argv, &suite);
}
