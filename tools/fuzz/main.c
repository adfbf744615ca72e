// SPDX-License-Identifier: GPL-2.0
/*
 * twq-fuzz: the options, and the supervisor, which starts the executors, ends
 * the run when there were enough calls, when one failed or when one hangs, and
 * tells what happened.
 */
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"

#define POLL_US		50000
#define PROGRESS_S	60

static const char help[] =
"twq-fuzz [OPTION]...: calls /dev/twq in all right and wrong ways and checks\n"
"every answer. The status is 0 if nothing was found.\n"
"  --calls=N      stop after N calls (100000)\n"
"  --seed=N       of the programs (1)\n"
"  --procs=N      executors side by side (2); each has 4 threads\n"
"  --seconds=N    stop after N seconds, too\n"
"  --hang=N       a call that takes longer than N seconds hangs (60)\n"
"  --plain        programs by the grammar alone, whatever they reached: the\n"
"                 same seed and one executor make the same programs\n"
"  --trace        print each program before it runs\n"
"  --replay=FILE  run the programs in FILE, a report or a trace\n"
"  --repeat=N     that many times (1000)\n";

static const struct option long_options[] = {
	{ "calls", required_argument, NULL, 'c' },
	{ "seed", required_argument, NULL, 's' },
	{ "procs", required_argument, NULL, 'p' },
	{ "seconds", required_argument, NULL, 't' },
	{ "hang", required_argument, NULL, 'h' },
	{ "replay", required_argument, NULL, 'r' },
	{ "repeat", required_argument, NULL, 'n' },
	{ "plain", no_argument, NULL, 'P' },
	{ "trace", no_argument, NULL, 'T' },
	{ "help", no_argument, NULL, 'H' },
	{}
};

static uint64_t parse_number(const char *text, uint64_t min, uint64_t max)
{
	uint64_t value;
	char *end;

	value = strtoull(text, &end, 0);
	if (*end || end == text || value < min || value > max) {
		fprintf(stderr, "twq-fuzz: bad number: %s\n", text);
		exit(2);
	}
	return value;
}

static void parse(int argc, char **argv, struct options *o)
{
	int opt;

	*o = (struct options){
		.seed = 1, .calls = 100000, .procs = 2, .hang_s = 60,
		.seconds = UINT32_MAX, .repeat = 1000,
	};
	while ((opt = getopt_long(argc, argv, "", long_options, NULL)) >= 0) {
		switch (opt) {
		case 'c':
			o->calls = parse_number(optarg, 1, UINT64_MAX);
			break;
		case 's':
			o->seed = parse_number(optarg, 0, UINT64_MAX);
			break;
		case 'p':
			o->procs = parse_number(optarg, 1, MAX_PROCS);
			break;
		case 't':
			o->seconds = parse_number(optarg, 1, UINT32_MAX);
			break;
		case 'h':
			o->hang_s = parse_number(optarg, 1, UINT32_MAX);
			break;
		case 'r':
			o->replay = optarg;
			break;
		case 'n':
			o->repeat = parse_number(optarg, 1, UINT32_MAX);
			break;
		case 'P':
			o->plain = true;
			break;
		case 'T':
			o->trace = true;
			break;
		default:
			fputs(help, opt == 'H' ? stdout : stderr);
			exit(opt == 'H' ? 0 : 2);
		}
	}
}

/* -- what is told of a failure -------------------------------------------- */

static void print_file(const char *format, pid_t pid, int tid)
{
	char name[64], line[256];
	FILE *f;

	snprintf(name, sizeof(name), format, pid, tid);
	f = fopen(name, "r");
	while (f && fgets(line, sizeof(line), f))
		printf("  %s%s", line, strchr(line, '\n') ? "" : "\n");
	if (f)
		fclose(f);
}

/* Where each thread of an executor is, in its program and in the kernel. */
static void print_threads(struct proc *proc)
{
	int i, call;

	for (i = 0; i < NR_THREADS; i++) {
		call = atomic_load(&proc->running[i]);
		if (call == NONE) {
			printf("thread %d is between calls\n", i);
			continue;
		}
		printf("thread %d is in call %d\n", i, call);
		print_file("/proc/%d/task/%d/wchan", proc->pid,
			   atomic_load(&proc->tids[i]));
		print_file("/proc/%d/task/%d/stack", proc->pid,
			   atomic_load(&proc->tids[i]));
	}
}

/* The last programs, the present one at the end. */
static void print_programs(struct proc *proc)
{
	unsigned int last = atomic_load(&proc->nr_programs), serial;
	struct recent *r;

	for (serial = last < NR_RECENT ? 1 : last - NR_RECENT + 1;
	     serial <= last; serial++) {
		r = &proc->recent[serial % NR_RECENT];
		if (serial == last)
			printf("# the program that failed:\n");
		if (atomic_load(&r->serial) == serial)
			program_print(stdout, &r->program);
	}
}

static void print_failure(struct shared *shared)
{
	int number = atomic_load(&shared->failed) - 1;
	struct proc *proc = &shared->procs[number];

	usleep(100000);
	printf("FAILED: %s\n", shared->message);
	printf("executor %d, program %llu, call %d, seed %llu\n",
	       number, (unsigned long long)atomic_load(&proc->nr_programs),
	       atomic_load(&shared->failed_call),
	       (unsigned long long)shared->options.seed);
	print_threads(proc);
	print_programs(proc);
}

static void fail(struct shared *shared, int number, const char *what)
{
	int none = 0;

	if (!atomic_compare_exchange_strong(&shared->failed, &none, number + 1))
		return;
	snprintf(shared->message, sizeof(shared->message), "%s", what);
	atomic_store(&shared->failed_call, NONE);
	atomic_store(&shared->stop, true);
}

/* -- supervision ---------------------------------------------------------- */

struct watched {
	uint64_t beat;
	int64_t since_ns;
};

static void watch(struct shared *shared, int number, struct watched *w)
{
	struct proc *proc = &shared->procs[number];
	uint64_t beat = atomic_load(&proc->beat);
	int status;

	if (proc->over)
		return;
	if (waitpid(proc->pid, &status, WNOHANG) == proc->pid) {
		proc->over = true;
		if (status)
			fail(shared, number, WIFSIGNALED(status) ?
			     strsignal(WTERMSIG(status)) :
			     "an executor could not start");
	} else if (beat != w->beat) {
		w->beat = beat;
		w->since_ns = now_ns();
	} else if (now_ns() - w->since_ns >
		   shared->options.hang_s * 1000000000LL) {
		fail(shared, number, "a call hangs");
	}
}

static void print_progress(struct shared *shared, double seconds)
{
	unsigned long long calls = atomic_load(&shared->calls);

	printf("%llu calls in %.0f s, %.0f/s, %u edges, %u kinds, %u programs kept\n",
	       calls, seconds, calls / seconds,
	       atomic_load(&shared->coverage.nr_edges),
	       atomic_load(&shared->coverage.nr_outcomes),
	       atomic_load(&shared->corpus.nr));
	fflush(stdout);
}

static void supervise(struct shared *shared)
{
	struct watched watched[MAX_PROCS] = {};
	int64_t start = now_ns(), told = start, now;
	unsigned int i, left;

	for (i = 0; i < shared->options.procs; i++)
		watched[i].since_ns = start;
	do {
		usleep(POLL_US);
		now = now_ns();
		left = 0;
		for (i = 0; i < shared->options.procs; i++) {
			watch(shared, i, &watched[i]);
			left += !shared->procs[i].over;
		}
		if (now - start > shared->options.seconds * 1000000000LL)
			atomic_store(&shared->stop, true);
		if (now - told > PROGRESS_S * 1000000000LL) {
			print_progress(shared, (now - start) / 1e9);
			told = now;
		}
	} while (left && !atomic_load(&shared->failed));
	print_progress(shared, (now_ns() - start) / 1e9);
}

static void start_all(struct shared *shared)
{
	unsigned int i;
	pid_t pid;

	fflush(NULL);
	for (i = 0; i < shared->options.procs; i++) {
		pid = fork();
		if (!pid)
			executor_main(shared, i);
		shared->procs[i].pid = pid;
		if (pid < 0) {
			perror("fork");
			exit(2);
		}
	}
}

static void end_all(struct shared *shared)
{
	unsigned int i;

	for (i = 0; i < shared->options.procs; i++)
		if (!shared->procs[i].over)
			kill(shared->procs[i].pid, SIGKILL);
}

static void report(struct shared *shared)
{
	unsigned long long programs = 0, checks = 0;
	unsigned int i;

	for (i = 0; i < shared->options.procs; i++) {
		programs += atomic_load(&shared->procs[i].nr_programs);
		checks += atomic_load(&shared->procs[i].nr_checks);
	}
	printf("%llu programs, %llu comparisons of state and ledger\n",
	       programs, checks);
	for (i = 0; i < NR_OPS; i++)
		printf("%s %llu%s", op_names[i],
		       (unsigned long long)atomic_load(&shared->per_op[i]),
		       i < NR_OPS - 1 ? ", " : "\n");
	coverage_report(stdout, &shared->coverage);
}

int main(int argc, char **argv)
{
	struct shared *shared = mmap(NULL, sizeof(*shared),
				     PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (shared == MAP_FAILED) {
		perror("mmap");
		return 2;
	}
	parse(argc, argv, &shared->options);
	coverage_init(&shared->coverage);
	start_all(shared);
	supervise(shared);
	if (atomic_load(&shared->failed))
		print_failure(shared);
	end_all(shared);
	report(shared);
	return atomic_load(&shared->failed) ? 1 : 0;
}
