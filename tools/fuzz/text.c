// SPDX-License-Identifier: GPL-2.0
/*
 * Programs as text, for reports and for --replay: "program", then a line for
 * each call. Other lines are skipped, so that a whole log can be replayed.
 */
#include <string.h>

#include "fuzz.h"

const char *const op_names[NR_OPS] = {
	[OP_INFO] = "info", [OP_CREATE] = "create", [OP_DESTROY] = "destroy",
	[OP_AFFINITY] = "affinity", [OP_QUEUE] = "queue",
	[OP_SCHEDULE] = "schedule", [OP_CANCEL] = "cancel",
	[OP_WAKEUP] = "wakeup", [OP_QUERY] = "query", [OP_STATS] = "stats",
	[OP_REQUEUE] = "requeue", [OP_BAD_COMMAND] = "bad_command",
	[OP_MANY] = "many", [OP_SUBMIT] = "submit",
	[OP_OPEN] = "open", [OP_DUP] = "dup", [OP_CLOSE] = "close",
	[OP_PASS] = "pass", [OP_FORK] = "fork", [OP_READ] = "read",
	[OP_READV] = "readv", [OP_PREADV2] = "preadv2", [OP_POLL] = "poll",
	[OP_EPOLL] = "epoll", [OP_NONBLOCK] = "nonblock",
	[OP_FDINFO] = "fdinfo", [OP_REFUSED] = "refused",
	[OP_MAP] = "map", [OP_UNMAP] = "unmap", [OP_REMAP] = "remap",
	[OP_STORE] = "store", [OP_PIN] = "pin",
	[OP_SLEEP] = "sleep", [OP_FLAP] = "flap",
};

/* A line of a call, for printing and for reading. */
#define CALL_FORMAT	("call %s thread=%hhu async=%hhu slot=%hhu " \
			 "task=%hhu.%hhu ptr=%hhu.%hhu mask=%hhu kind=%hhu " \
			 "n=%x a=%llx b=%llx twist=%hhu.%x\n")

void program_print(FILE *out, const struct program *p)
{
	const struct call *c;

	fprintf(out, "program\n");
	for (c = p->calls; c < p->calls + p->nr; c++)
		fprintf(out, CALL_FORMAT, op_names[c->op], c->thread,
			c->async, c->slot, c->task, c->wrong, c->ptr,
			c->ptr_arg, c->mask_ptr, c->kind, c->n,
			(unsigned long long)c->a, (unsigned long long)c->b,
			c->twist, c->twist_xor);
}

/* @line is no longer than @name. */
static bool parse_call(const char *line, struct call *c, char *name)
{
	unsigned long long a, b;

	memset(c, 0, sizeof(*c));
	if (sscanf(line, CALL_FORMAT, name, &c->thread, &c->async, &c->slot,
		   &c->task, &c->wrong, &c->ptr, &c->ptr_arg, &c->mask_ptr,
		   &c->kind, &c->n, &a, &b, &c->twist, &c->twist_xor) != 15)
		return false;
	c->a = a;
	c->b = b;
	c->thread %= NR_THREADS;
	for (; c->op < NR_OPS; c->op++)
		if (!strcmp(name, op_names[c->op]))
			return true;
	return false;
}

/* Returns their number, or -1 for a call that is none. */
int programs_read(FILE *in, struct program *programs, int max)
{
	struct program *p = NULL;
	char line[512], name[512];
	int nr = 0;

	while (fgets(line, sizeof(line), in)) {
		if (!strcmp(line, "program\n")) {
			if (nr == max)
				break;
			p = &programs[nr++];
			p->nr = 0;
		}
		if (strncmp(line, "call ", 5))
			continue;
		if (!p || p->nr == MAX_CALLS ||
		    !parse_call(line, &p->calls[p->nr++], name))
			return -1;
	}
	return nr;
}
