// SPDX-License-Identifier: GPL-2.0
/*
 * A plugin of QEMU's translator: how often each instruction ran between the
 * marks of the benchmarks, see ../kernel/mark.h. Writes lines of an address and a
 * count to the file of its argument, out=FILE.
 *
 * A block is counted as it begins. One that an exception leaves has counted too
 * much, and a block in which a mark stands has too little or too much.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qemu.h"

#define EXPORT	__attribute__((visibility("default")))

EXPORT int qemu_plugin_version = 1;

struct block {
	struct block *next;
	uint64_t runs;
	size_t nr;
	uint64_t address[];
};

static struct block *blocks;
static bool counting;
static const char *path;

static void block_runs(unsigned int cpu, void *data)
{
	struct block *block = data;

	(void)cpu;
	block->runs += counting;
}

static void mark_runs(unsigned int cpu, void *data)
{
	(void)cpu;
	counting = data;
}

static void look_for_mark(struct qemu_plugin_insn *insn)
{
	static const unsigned char begin[] = { 0x66, 0x87, 0xdb };
	static const unsigned char end[] = { 0x66, 0x87, 0xc9 };
	const void *data = qemu_plugin_insn_data(insn);

	if (qemu_plugin_insn_size(insn) != sizeof(begin))
		return;
	if (!memcmp(data, begin, sizeof(begin)))
		qemu_plugin_register_vcpu_insn_exec_cb(insn, mark_runs, 0,
						       &counting);
	else if (!memcmp(data, end, sizeof(end)))
		qemu_plugin_register_vcpu_insn_exec_cb(insn, mark_runs, 0, NULL);
}

/* Blocks are kept when QEMU forgets them, since they have counted. */
static void translated(uint64_t id, struct qemu_plugin_tb *tb)
{
	size_t i, nr = qemu_plugin_tb_n_insns(tb);
	struct block *block = malloc(sizeof(*block) + nr * sizeof(uint64_t));

	(void)id;
	if (!block)
		abort();
	*block = (struct block){ .next = blocks, .nr = nr };
	blocks = block;
	for (i = 0; i < nr; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

		block->address[i] = qemu_plugin_insn_vaddr(insn);
		look_for_mark(insn);
	}
	qemu_plugin_register_vcpu_tb_exec_cb(tb, block_runs, 0, block);
}

static void ended(uint64_t id, void *data)
{
	FILE *out = fopen(path, "w");
	struct block *block;
	size_t i;

	(void)id;
	(void)data;
	if (!out)
		abort();
	for (block = blocks; block; block = block->next)
		for (i = 0; block->runs && i < block->nr; i++)
			fprintf(out, "%lx %lu\n", block->address[i],
				block->runs);
	fclose(out);
}

EXPORT int qemu_plugin_install(uint64_t id, const void *info, int argc,
			       char **argv)
{
	(void)info;
	if (argc != 1 || strncmp(argv[0], "out=", 4))
		return -1;
	path = strdup(argv[0] + 4);
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, ended, NULL);
	return 0;
}
