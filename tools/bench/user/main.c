// SPDX-License-Identifier: GPL-2.0
/*
 * twq-ubench: the command line. Every measurement of every peer is a process
 * of its own, bound to the first CPU, so that none inherits what another has
 * left in its tables. Prints a line for each figure.
 */
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user.h"

#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))

static const struct peer * const peers[] = {
	&peer_timerfd, &peer_posix, &peer_uring, &peer_uring_batch,
	&peer_libevent, &peer_libevent_mt, &peer_twq, &peer_twq_shared,
	&peer_twq_epoll,
	&peer_twq_batch, &peer_twq_batch_shared,
	&peer_twq_slot, &peer_twq_slot_shared,
};

static const struct {
	const char *name;
	void (*run)(const struct peer *peer, const struct plan *plan);
	bool once;	/* whatever the peers, and only if asked for */
} whats[] = {
	{ "ops", measure_ops, false },
	{ "mix", measure_mix, false },
	{ "lateness", measure_lateness, false },
	{ "memory", measure_memory, false },
	{ "stores", measure_stores, true },
};

static const char *wanted_peers = "";
static const char *wanted_whats = "ops,mix,lateness,memory";
static const char *wanted_pending = "100,10000,100000";

/* Is @name one of the words of @list? An empty list has every word. */
static bool has_word(const char *list, const char *name)
{
	size_t len = strlen(name);
	const char *at = list;

	if (!*list)
		return true;
	while ((at = strstr(at, name))) {
		if ((at == list || at[-1] == ',') &&
		    (!at[len] || at[len] == ','))
			return true;
		at += len;
	}
	return false;
}

static void bind_to_first_cpu(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	must("sched_setaffinity", sched_setaffinity(0, sizeof(set), &set));
}

/* Pages of the stack that events are taken to: no expiry pays for them. */
static void touch_stack(void)
{
	char room[128 * 1024];

	memset(room, 0, sizeof(room));
	/* Keeps it. */
	asm volatile("" : : "r" (room) : "memory");
}

static int run_apart(unsigned int what, const struct peer *peer,
		     const struct plan *plan)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = must("fork", fork());
	if (!pid) {
		bind_to_first_cpu();
		touch_stack();
		whats[what].run(peer, plan);
		fflush(stdout);
		_exit(0);
	}
	must("waitpid", waitpid(pid, &status, 0));
	if (!status)
		return 0;
	fprintf(stderr, "twq-ubench: %s of %s with %u pending failed (%x)\n",
		whats[what].name, peer->name, plan->pending, status);
	return 1;
}

/* The peers next to each other, so that they meet the same machine. */
static int run_all(struct plan *plan)
{
	unsigned int what, i;
	const char *at;
	int failed = 0;
	char *end;

	for (what = 0; what < COUNT(whats); what++) {
		if (!has_word(wanted_whats, whats[what].name))
			continue;
		if (whats[what].once) {
			plan->pending = 0;
			failed += run_apart(what, peers[0], plan);
			continue;
		}
		for (at = wanted_pending; *at; at = *end ? end + 1 : end) {
			plan->pending = strtoul(at, &end, 10);
			for (i = 0; i < COUNT(peers); i++)
				if (has_word(wanted_peers, peers[i]->name))
					failed += run_apart(what, peers[i],
							    plan);
		}
	}
	return failed;
}

static void print_help(void)
{
	unsigned int i;

	printf("usage: twq-ubench [-u ns|insn] [-p PENDING,...] [-n OPS] [-r ROUNDS]\n"
	       "                  [-m ops,mix,lateness,memory,stores] [-w WHO,...]\n"
	       "                  [-P OP]\n"
	       "-u names the unit that the machine's clock counts; -P marks OP\n"
	       "for a profile.\n");
	for (i = 0; i < COUNT(peers); i++)
		printf("  %-16s %s\n", peers[i]->name, peers[i]->what);
}

int main(int argc, char **argv)
{
	struct plan plan = { .unit = "ns", .ops = 2000, .rounds = 5 };
	int opt;

	while ((opt = getopt(argc, argv, "u:p:n:r:m:w:P:h")) != -1) {
		switch (opt) {
		case 'u':
			plan.unit = optarg;
			break;
		case 'p':
			wanted_pending = optarg;
			break;
		case 'n':
			plan.ops = strtoul(optarg, NULL, 10);
			break;
		case 'r':
			plan.rounds = strtoul(optarg, NULL, 10);
			break;
		case 'm':
			wanted_whats = optarg;
			break;
		case 'P':
			plan.profile = optarg;
			break;
		case 'w':
			wanted_peers = optarg;
			break;
		default:
			print_help();
			return opt == 'h' ? 0 : 2;
		}
	}
	return run_all(&plan) ? 1 : 0;
}
