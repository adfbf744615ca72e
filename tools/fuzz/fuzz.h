/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A fuzzer of /dev/twq. A program is a sequence of calls, each for one of a few
 * threads, some of them not waited for; it begins and ends without open files.
 * Executor processes run programs, and each checks every answer against a model
 * (model.c); a supervisor (main.c) looks after them, and prints what they were
 * doing when one fails, dies or hangs, or when the kernel complains.
 */
#ifndef TWQ_FUZZ_H
#define TWQ_FUZZ_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include <linux/twq.h>

#define ARRAY_SIZE(a)	((int)(sizeof(a) / sizeof((a)[0])))

#define MAX_PROCS	8
#define NR_THREADS	4	/* of an executor; 0 is the one that gives work */
#define NR_SLOTS	6	/* descriptors that calls name */
#define MAX_CALLS	40
#define MAX_CORPUS	4096
#define NR_RECENT	4	/* programs kept for the report */
#define MESSAGE_SIZE	512

/* -- programs (grammar.c, text.c) ----------------------------------------- */

enum op {
	/* The calls of the device. */
	OP_INFO, OP_CREATE, OP_DESTROY, OP_AFFINITY, OP_QUEUE, OP_SCHEDULE,
	OP_CANCEL, OP_WAKEUP, OP_QUERY, OP_STATS, OP_REQUEUE, OP_BAD_COMMAND,
	OP_MANY, OP_SUBMIT,
	/* The other calls that a file takes, or refuses. */
	OP_OPEN, OP_DUP, OP_CLOSE, OP_PASS, OP_FORK, OP_READ, OP_READV,
	OP_PREADV2, OP_POLL, OP_EPOLL, OP_NONBLOCK, OP_FDINFO, OP_REFUSED,
	/* Slots: mappings, and what is stored there. */
	OP_MAP, OP_UNMAP, OP_REMAP, OP_STORE,
	/* What happens around them. */
	OP_PIN, OP_SLEEP, OP_FLAP,
	NR_OPS
};

/* What the members mean depends on the call: see calls.c and ioctls.c. */
struct call {
	uint8_t op;
	uint8_t thread;
	uint8_t async;		/* the next call does not wait for it */
	uint8_t slot;		/* which descriptor */
	uint8_t task;		/* which task of those made so far */
	uint8_t wrong;		/* how its id is spoilt, 0: not at all */
	uint8_t ptr;		/* enum place_kind of the argument */
	uint8_t ptr_arg;
	uint8_t mask_ptr;	/* the same of a mask */
	uint8_t kind;
	uint8_t twist;		/* which 32-bit word is spoilt, 0: none */
	uint8_t pad;
	uint32_t twist_xor;
	uint32_t n;
	uint32_t pad2;
	uint64_t a;
	uint64_t b;
};

struct program {
	uint32_t nr;
	uint32_t pad;
	struct call calls[MAX_CALLS];
};

struct rng {
	uint64_t state;
};

extern const char *const op_names[NR_OPS];

uint64_t rng_next(struct rng *rng);
uint32_t rng_below(struct rng *rng, uint32_t limit);
bool op_may_block(enum op op);
void program_generate(struct program *p, struct rng *rng);
void program_mutate(struct program *p, const struct program *other,
		    struct rng *rng);
void program_print(FILE *out, const struct program *p);
int programs_read(FILE *in, struct program *programs, int max);

/* -- coverage and corpus (coverage.c) ------------------------------------- */

#define SIGNAL_BITS	0x100000U
#define MODULE_MAX	0x100000U	/* bytes of text of the module */

struct corpus {
	atomic_uint nr_reserved;
	atomic_uint nr;
	struct program programs[MAX_CORPUS];
};

/* The memory of all processes: bits of what was seen. */
struct coverage {
	uint64_t text;			/* where the module is */
	uint64_t text_size;
	atomic_uint nr_pcs;
	atomic_uint nr_edges;
	atomic_uint nr_outcomes;
	atomic_uint_least64_t pcs[MODULE_MAX / 64];
	atomic_uint_least64_t edges[SIGNAL_BITS / 64];
	atomic_uint_least64_t outcomes[SIGNAL_BITS / 64];
};

/* A thread's view of what it ran, NULL where the kernel has no KCOV. */
struct trace {
	uint64_t *area;
	int fd;
};

void coverage_init(struct coverage *cov);
void trace_open(struct trace *trace);
void trace_start(struct trace *trace);
/* Each returns whether there was something new. */
bool trace_collect(struct trace *trace, struct coverage *cov);
bool outcome_collect(struct coverage *cov, const struct call *call, long ret);
void corpus_add(struct corpus *corpus, const struct program *p);
void coverage_report(FILE *out, const struct coverage *cov);

/* -- user memory of all kinds (memory.c) ---------------------------------- */

enum place_kind {
	PLACE_GOOD,
	PLACE_END,		/* good to the last byte before a bad page */
	PLACE_CROSS,		/* into a bad page */
	PLACE_RO,		/* may only be read */
	PLACE_RO_CROSS,		/* from a good page into one for reading only */
	PLACE_FLAKY,		/* comes and goes: see memory_flap() */
	PLACE_NONE, PLACE_NULL, PLACE_KERNEL, PLACE_NOT_CANONICAL,
	PLACE_UNMAPPED,
	NR_PLACES
};

#define NR_CELLS	(3 * NR_THREADS)	/* an argument, a mask, events */
#define PLACE_SIZE	8192	/* a good place, but for an offset of 64 */

/* @readable, @writable: bytes from the start that the kernel can use */
struct place {
	uint64_t user;
	void *mem;		/* the same memory, always accessible */
	size_t readable;
	size_t writable;
	bool flaky;
};

void memory_init(void);
void memory_place(int cell, uint8_t kind, uint8_t arg, size_t size,
		  struct place *place);
void memory_flap(int cell, int mode);
void memory_restore(void);

/* -- what may be answered (model.c) --------------------------------------- */

#define MAX_FDS		64	/* descriptors in the life of a program */
#define MAX_FILES	32
#define MAX_TASKS	1600
#define MAX_MAPS	8
#define NONE		(-1)

/* Times are those of the model: they count beginnings and ends of calls. */
struct mfd {
	int num;
	int file;		/* NONE: not one of ours, or O_PATH */
	uint64_t close_begun;
	uint64_t closed;
};

#define MAX_EARLY	512	/* more than the ids of a program */

struct mfile {
	int access;		/* O_RDONLY... */
	bool may_nonblock;
	bool unknown_reads;	/* by a child: the model lost count */
	bool spoilt;		/* positions were written: they mean nothing */
	int creating;		/* calls under way */
	uint64_t last_create;	/* when one began or ended */
	uint64_t created, destroyed, read;
};

struct mtask {
	uint64_t id, user_data;
	int64_t interval_ns;
	uint64_t mask;		/* possible CPUs */
	int file;
	bool shared;
	bool vague;		/* the mask is not known after all */
	int remaskers;		/* calls under way that change the mask */
	int destroyers;		/* calls that did or may have destroyed it */
	uint64_t born, remasked, destroyed;
};

/*
 * An id that a call named before the model knew of its task: another file's, and
 * then a CREATE that was under way was given it.
 */
struct mearly {
	uint64_t id;
	int file;
	int remaskers;		/* as in struct mtask */
	int destroyers;
	bool remasked, destroyed;
};

/* A mapping of slots; its addresses are taken until the program ends. */
struct mmapping {
	char *addr;
	size_t size;
	uint64_t first;		/* byte of the array of slots */
	int file;
	bool damaged;		/* it may be touched no more, or not all of it */
};

struct model {
	pthread_mutex_t lock;
	uint64_t clock;
	uint64_t possible;	/* CPUs */
	uint64_t max_tasks;
	int64_t min_interval_ns;
	int slots[NR_SLOTS];	/* index of struct mfd or NONE */
	int nr_fds, nr_files, nr_tasks, nr_maps;
	struct mfd fds[MAX_FDS];
	struct mfile files[MAX_FILES];
	struct mtask tasks[MAX_TASKS];
	struct mmapping maps[MAX_MAPS];
	int nr_early;
	struct mearly early[MAX_EARLY];
};

/* A call under way. */
struct run {
	struct executor *ex;
	const struct call *call;
	enum op op;		/* that of the call, or one of a batch */
	int thread;
	bool alone;		/* no other call is under way */
	uint64_t start;
	int fd;			/* index of struct mfd or NONE */
	int num;
	int file;		/* index or NONE */
	struct mtask *marked;	/* that the call is under way for */
	uint64_t early;		/* or its id, if there was none, or 0 */
	long ret;		/* or -errno */
	uint64_t must;		/* it has to fail by one of these, */
	uint64_t may;		/* or one of these; or it may fail by these */
};

void model_reset(struct model *m);
void model_begin(struct run *r);
/* Ends a call: on return the lock is held, until model_judge(). */
void model_end(struct run *r, long ret);
void model_check(struct run *r, long max);
void model_judge(struct run *r, long max);
struct mearly *model_early(struct model *m, int file, uint64_t id);
void model_may(struct run *r, int err);
void model_must(struct run *r, int err);
void model_fd(struct run *r);
void model_id(struct run *r, uint64_t id, bool destroys);
struct mtask *model_task(struct model *m, int file, uint64_t id);
int model_add_fd(struct model *m, int num, int file);
void model_add_task(struct run *r, const struct mtask *t);

/* -- running (executor.c, ioctls.c, calls.c, around.c, slots.c) ----------- */

struct worker {
	struct executor *ex;
	pthread_t thread;
	int number;
	atomic_int state;	/* a futex: enum worker_state */
	int call;		/* index */
	bool alone;		/* no other call is under way */
	atomic_int tid;
	uint64_t pinned;	/* CPUs */
	struct trace trace;
};

struct recent {
	atomic_uint serial;
	struct program program;
};

/* What the supervisor sees of an executor. */
struct proc {
	pid_t pid;
	bool over;
	atomic_uint_least64_t beat;	/* counts calls begun and ended */
	atomic_uint_least64_t nr_programs;
	atomic_uint_least64_t nr_checks;	/* comparisons of state */
	atomic_int tids[NR_THREADS];
	atomic_int running[NR_THREADS];	/* index of the call, or NONE */
	struct recent recent[NR_RECENT];
};

struct options {
	uint64_t seed, calls;
	unsigned int procs, hang_s, seconds, repeat;
	const char *replay;
	bool trace, plain;
};

struct shared {
	struct options options;
	atomic_uint_least64_t calls;
	atomic_uint_least64_t per_op[NR_OPS];
	atomic_bool stop;
	atomic_int failed;		/* 1 + number of the executor */
	atomic_int failed_call;
	char message[MESSAGE_SIZE];
	struct proc procs[MAX_PROCS];
	struct coverage coverage;
	struct corpus corpus;
};

struct executor {
	struct shared *shared;
	struct proc *proc;
	int number;
	struct rng rng;
	struct model model;
	const struct program *program;
	struct worker workers[NR_THREADS];
	int pipe_out;			/* of the calls that are refused */
	int placeholder;		/* an O_PATH descriptor */
	int epoll;
	int taint;			/* /proc/sys/kernel/tainted */
	atomic_bool news;		/* the program showed something new */
	unsigned int nr_cpus;
};

/* What was wrong, by printf's rules. */
#define executor_fail(ex, call, ...)					\
	do {								\
		char fail_text[MESSAGE_SIZE];				\
									\
		snprintf(fail_text, sizeof(fail_text), __VA_ARGS__);	\
		executor_failed(ex, call, fail_text);			\
	} while (0)

void executor_main(struct shared *shared, int number);
void executor_failed(struct executor *ex, int call, const char *what);
void run_call(struct executor *ex, struct worker *w, int index, bool alone);
void run_ioctl(struct run *r, struct worker *w);
void run_many(struct run *r, struct worker *w);
void run_submit(struct run *r, struct worker *w);
void run_other(struct run *r, struct worker *w);
void run_around(struct run *r, struct worker *w);
void run_slots(struct run *r, struct worker *w);
void slots_init(void);
/* At rest: a deadline that is stored to a task's slot comes. */
void slots_settle(struct executor *ex, const struct mfd *fd);
/* Gives all addresses back. */
void slots_forget(struct model *m);
void check_events(struct run *r, const struct place *p, size_t size);
long answer(long ret);
int64_t now_ns(void);

#endif /* TWQ_FUZZ_H */
