// SPDX-License-Identifier: GPL-2.0
/*
 * The mapping of slots: what is refused, what fork, munmap, mremap, close and
 * exec make of it, and that it holds the file and the module as long as it is
 * there. What the slots say is the matter of test_slots.
 */
#define _GNU_SOURCE
#include "module.h"
#include "slots.h"

#define WAITER	"--wait"	/* what main() is after an exec */

static long page_bytes;

static uint64_t make_local(int fd)
{
	return make(fd, bit(nth_cpu(0)), 0, 0, 0);
}

static __s64 *word_of(struct twq_slot *all, uint64_t id)
{
	return &all[TWQ_SLOT(id)].deadline_ns;
}

static void need_module_file(void)
{
	if (access(module_file(), R_OK))
		tap_skip("no module file: set TWQ_MODULE");
}

/* Nobody holds the module any more: it goes, and comes again. */
static void expect_unloads(void)
{
	EXPECT_EQ(unload_soon(), 0);
	EXPECT_EQ(load(), 0);
}

static void expect_held(void)
{
	int ret = unload();

	EXPECT_TRUE(ret == -EWOULDBLOCK || ret == -EBUSY);
}

/* The case is about the last user of a file. */
static void close_case_early(void)
{
	EXPECT_EQ(munmap(slots, MAP_BYTES), 0);
	EXPECT_EQ(close(dev), 0);
	dev = -1;
	nr_tracked = 0;
}

/* -- what can be mapped --------------------------------------------------- */

static void map_whole_and_in_part(void)
{
	uint64_t first = make_local(dev), last = first;
	const int per_page = page_bytes / sizeof(struct twq_slot);
	struct twq_slot *part;
	off_t page;
	int i;

	for (i = 0; i < 2 * per_page; i++)
		last = make_local(dev);
	page = TWQ_SLOT(last) / per_page;
	EXPECT_GT(page, TWQ_SLOT(first) / per_page);
	part = try_map(dev, page_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
		       page * page_bytes);
	if (!EXPECT_TRUE(part))
		return;
	EXPECT_TRUE(!store_in(&part[TWQ_SLOT(last) % per_page], TWQ_ETERNITY));
	part[TWQ_SLOT(last) % per_page].deadline_ns = 5;
	EXPECT_EQ(task(last).deadline_ns, 5);
	EXPECT_EQ(deadline_in(last), 5);
	part[TWQ_SLOT(last) % per_page].deadline_ns = TWQ_ETERNITY;
	EXPECT_EQ(munmap(part, page_bytes), 0);
}

static void expect_no_map(int fd, size_t bytes, int prot, int flags,
			  off_t offset, int error)
{
	struct twq_ledger before = ledger(dev), after;
	void *mem;

	errno = 0;
	mem = try_map(fd, bytes, prot, flags, offset);
	EXPECT_TRUE(!mem);
	EXPECT_EQ(errno, error);
	after = ledger(dev);
	EXPECT_EQ(memcmp(&before, &after, sizeof(after)), 0);
}

static void map_private_is_refused(void)
{
	const int both = PROT_READ | PROT_WRITE;

	make_local(dev);
	expect_no_map(dev, page_bytes, both, MAP_PRIVATE, 0, EINVAL);
	expect_no_map(dev, page_bytes, PROT_READ, MAP_PRIVATE, 0, EINVAL);
	expect_no_map(dev, page_bytes, PROT_NONE, MAP_PRIVATE, 0, EINVAL);
}

static void map_beyond_the_last_slot_is_refused(void)
{
	const int both = PROT_READ | PROT_WRITE;
	struct twq_slot *last;

	expect_no_map(dev, MAP_BYTES + page_bytes, both, MAP_SHARED, 0, EINVAL);
	expect_no_map(dev, MAP_BYTES, both, MAP_SHARED, page_bytes, EINVAL);
	expect_no_map(dev, page_bytes, both, MAP_SHARED, MAP_BYTES, EINVAL);
	expect_no_map(dev, 2 * page_bytes, both, MAP_SHARED,
		      MAP_BYTES - page_bytes, EINVAL);
	/* Beyond what a mapping can be of at all, the kernel says. */
	errno = 0;
	EXPECT_TRUE(!try_map(dev, page_bytes, both, MAP_SHARED,
			     INT64_MAX & ~(page_bytes - 1)));
	EXPECT_TRUE(errno == EINVAL || errno == EOVERFLOW);
	last = try_map(dev, page_bytes, both, MAP_SHARED,
		       MAP_BYTES - page_bytes);
	EXPECT_TRUE(last);
	munmap(last, page_bytes);
}

/* Slots are written: a file that is open for reading alone has none. */
static void map_of_a_file_not_open_for_writing(void)
{
	int fd = open(DEV_PATH, O_RDONLY | O_CLOEXEC);
	int wo = open(DEV_PATH, O_WRONLY | O_CLOEXEC);

	expect_no_map(fd, page_bytes, PROT_READ, MAP_SHARED, 0, EINVAL);
	expect_no_map(fd, page_bytes, PROT_WRITE, MAP_SHARED, 0, EACCES);
	expect_no_map(fd, page_bytes, PROT_READ, MAP_PRIVATE, 0, EINVAL);
	expect_no_map(wo, page_bytes, PROT_READ, MAP_SHARED, 0, EACCES);
	close(fd);
	close(wo);
}

static void map_for_reading_alone(void)
{
	uint64_t id = make_local(dev);
	struct twq_slot *view = try_map(dev, MAP_BYTES, PROT_READ, MAP_SHARED,
					0);

	pin(nth_cpu(0));
	EXPECT_EQ(queue_at(id, TWQ_ETERNITY - 3), 0);
	EXPECT_EQ(load_ns(word_of(view, id)), TWQ_ETERNITY - 3);
	EXPECT_EQ(touch(word_of(view, id), false), 0);
	EXPECT_EQ(touch(word_of(view, id), true), SIGSEGV);
	EXPECT_EQ(task(id).deadline_ns, TWQ_ETERNITY - 3);
	munmap(view, MAP_BYTES);
}

/* -- pages ---------------------------------------------------------------- */

static void page_without_a_task_is_none(void)
{
	uint64_t id;

	EXPECT_EQ(touch(&slots[0].deadline_ns, false), SIGBUS);
	EXPECT_EQ(touch(&slots[NR_SLOTS - 1].deadline_ns, true), SIGBUS);
	id = make_local(dev);
	EXPECT_EQ(touch(word_of(slots, id), true), 0);
	EXPECT_EQ(touch(&slots[NR_SLOTS - 1].deadline_ns, false), SIGBUS);
	/* It stays when the task has gone. */
	EXPECT_EQ(destroy(id), 0);
	while (ledger(dev).destroyed < 1 && !tap_failures)
		pause_ms(1);
	EXPECT_EQ(touch(word_of(slots, id), true), 0);
}

/* As it does for a pointer to nothing, not by a signal. */
static void page_without_a_task_in_a_call(void)
{
	struct twq_task_id *arg = (struct twq_task_id *)&slots[NR_SLOTS - 1];
	int pipes[2];

	EXPECT_EQ(call(dev, TWQ_IOC_REQUEUE, arg), -EFAULT);
	EXPECT_EQ(pipe(pipes), 0);
	EXPECT_EQ(write(pipes[1], arg, sizeof(*arg)), -1);
	EXPECT_EQ(errno, EFAULT);
	close(pipes[0]);
	close(pipes[1]);
}

static void page_keeps_what_it_holds(void)
{
	uint64_t id = make_local(dev);
	void *page = (void *)((uintptr_t)word_of(slots, id) &
			      ~(page_bytes - 1));

	__atomic_store_n(word_of(slots, id), 77, __ATOMIC_RELEASE);
	EXPECT_EQ(madvise(page, page_bytes, MADV_DONTNEED), 0);
	EXPECT_EQ(deadline_in(id), 77);
	EXPECT_EQ(task(id).deadline_ns, 77);
	/* Memory like other memory: calls take their arguments from it. */
	EXPECT_EQ(mlock(page, page_bytes), 0);
	EXPECT_EQ(munlock(page, page_bytes), 0);
	__atomic_store_n(word_of(slots, id), TWQ_ETERNITY, __ATOMIC_RELEASE);
}

/* -- munmap, mremap ------------------------------------------------------- */

static void unmapped_in_part(void)
{
	const int per_page = page_bytes / sizeof(struct twq_slot);
	uint64_t first = make_local(dev), last = first;
	void *hole;

	while (TWQ_SLOT(last) < TWQ_SLOT(first) + 2 * per_page)
		last = make_local(dev);
	hole = &slots[(TWQ_SLOT(first) / per_page + 1) * per_page];
	EXPECT_EQ(munmap(hole, page_bytes), 0);
	EXPECT_EQ(touch(hole, false), SIGSEGV);
	pin(nth_cpu(0));
	EXPECT_EQ(queue_at(first, TWQ_ETERNITY - 1), 0);
	EXPECT_EQ(queue_at(last, TWQ_ETERNITY - 2), 0);
	EXPECT_EQ(deadline_in(first), TWQ_ETERNITY - 1);
	EXPECT_EQ(deadline_in(last), TWQ_ETERNITY - 2);
}

static void moved_by_mremap(void)
{
	uint64_t id = make_local(dev);
	struct twq_slot *old = slots;
	void *to = mmap(NULL, MAP_BYTES, PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	pin(nth_cpu(0));
	EXPECT_EQ(queue_at(id, TWQ_ETERNITY - 4), 0);
	slots = mremap(slots, MAP_BYTES, MAP_BYTES,
		       MREMAP_MAYMOVE | MREMAP_FIXED, to);
	if (!EXPECT_TRUE(slots == to))
		return;
	EXPECT_EQ(deadline_in(id), TWQ_ETERNITY - 4);
	EXPECT_TRUE(!store(id, TWQ_ETERNITY));
	EXPECT_EQ(task(id).deadline_ns, TWQ_ETERNITY);
	EXPECT_EQ(touch(word_of(old, id), false), SIGSEGV);
}

static void made_larger_by_mremap_is_refused(void)
{
	uint64_t id = make_local(dev);
	void *one = try_map(dev, page_bytes, PROT_READ | PROT_WRITE,
			    MAP_SHARED, 0);

	EXPECT_TRUE(mremap(slots, MAP_BYTES, MAP_BYTES + page_bytes,
			   MREMAP_MAYMOVE) == MAP_FAILED);
	EXPECT_TRUE(mremap(one, page_bytes, 2 * page_bytes, MREMAP_MAYMOVE) ==
		    MAP_FAILED);
	/* Nor as a second one of another size. */
	EXPECT_TRUE(mremap(one, 0, 2 * page_bytes, MREMAP_MAYMOVE) ==
		    MAP_FAILED);
	EXPECT_EQ(deadline_in(id), TWQ_ETERNITY);
	EXPECT_EQ(munmap(one, page_bytes), 0);
}

static void made_smaller_by_mremap(void)
{
	uint64_t id = make_local(dev);

	EXPECT_TRUE(mremap(slots, MAP_BYTES, MAP_BYTES / 2, 0) == slots);
	EXPECT_EQ(touch(&slots[NR_SLOTS / 2].deadline_ns, false), SIGSEGV);
	EXPECT_EQ(deadline_in(id), TWQ_ETERNITY);
}

/* -- files and processes -------------------------------------------------- */

static void mapping_is_of_its_file(void)
{
	int other = open_dev(O_NONBLOCK), twin = dup(dev);
	struct twq_slot *theirs = map_all(other), *ours = map_all(twin);
	uint64_t id = make_local(dev), stranger = make_local(other);

	EXPECT_EQ(TWQ_SLOT(id), TWQ_SLOT(stranger));
	__atomic_store_n(word_of(slots, id), 99, __ATOMIC_RELEASE);
	EXPECT_EQ(load_ns(word_of(theirs, stranger)), TWQ_ETERNITY);
	EXPECT_EQ(load_ns(word_of(ours, id)), 99);
	close(twin);
	__atomic_store_n(word_of(ours, id), TWQ_ETERNITY, __ATOMIC_RELEASE);
	EXPECT_EQ(deadline_in(id), TWQ_ETERNITY);
	munmap(ours, MAP_BYTES);
	close(other);
	/* Closed, but mapped: its task is there. */
	EXPECT_EQ(load_ns(word_of(theirs, stranger)), TWQ_ETERNITY);
	munmap(theirs, MAP_BYTES);
}

/* Without a descriptor nobody reads the event, but the deadline fires. */
static void closed_with_the_mapping_alive(void)
{
	uint64_t id, late;

	need_module_file();
	pin(nth_cpu(0));
	id = make_local(dev);
	late = make(dev, 0, 0, 0, 0);
	EXPECT_EQ(queue_in(id, 50 * NSEC_PER_MSEC), 0);
	EXPECT_EQ(queue_in(late, 50 * NSEC_PER_MSEC), 0);
	EXPECT_EQ(close(dev), 0);
	dev = -1;
	/* A slow machine: it has fired, and nobody can make the call. */
	if (store(late, now_ns() + 100 * NSEC_PER_MSEC))
		store(late, TWQ_ETERNITY);
	deadline_becomes(id, TWQ_ETERNITY);
	deadline_becomes(late, TWQ_ETERNITY);
	position_becomes(id, TWQ_ETERNITY);
	expect_held();
	/* All but one page of it is not the end. */
	EXPECT_EQ(munmap(slots + page_bytes / sizeof(*slots),
			 MAP_BYTES - page_bytes), 0);
	expect_held();
	EXPECT_EQ(munmap(slots, page_bytes), 0);
	expect_unloads();
}

static void unmapped_with_the_file_open(void)
{
	struct twq_event event;
	uint64_t id;

	pin(nth_cpu(0));
	id = make_local(dev);
	EXPECT_EQ(queue_in(id, 20 * NSEC_PER_MSEC), 0);
	EXPECT_EQ(munmap(slots, MAP_BYTES), 0);
	if (next_event(dev, &event))
		EXPECT_EQ(event.id, id);
	slots = map_all(dev);
	EXPECT_EQ(deadline_in(id), TWQ_ETERNITY);
}

static int wait_for(pid_t pid)
{
	int status = -1;

	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	return status;
}

static void forked_child_shares(void)
{
	uint64_t id = make(dev, 0, 0, 0, 0);
	int64_t deadline = now_ns() + 20 * NSEC_PER_MSEC;
	struct twq_event event;
	pid_t pid;

	EXPECT_EQ(queue_in(id, HOUR_NS), 0);
	fflush(stdout);
	pid = fork();
	if (!pid)
		_exit(!store(id, deadline) || requeue(id));
	EXPECT_EQ(wait_for(pid), 0);
	if (next_event(dev, &event))
		EXPECT_EQ(event.deadline_ns, deadline);
	EXPECT_EQ(deadline_in(id), TWQ_ETERNITY);
}

/* What is left to the last process, when those before it have ended. */
static void heir(uint64_t id, int parent_gone, int tell)
{
	int64_t deadline = now_ns() + 20 * NSEC_PER_MSEC;
	struct twq_event event;
	char byte;

	if (read(parent_gone, &byte, 1))
		_exit(1);
	move_to(id, deadline);
	if (next_event(dev, &event))
		EXPECT_EQ(event.deadline_ns, deadline);
	EXPECT_EQ(close(dev), 0);
	move_to(id, TWQ_ETERNITY);
	byte = tap_failures ? 'n' : 'y';
	if (write(tell, &byte, 1) != 1)
		_exit(1);
	/* Until it is killed the mapping holds the file. */
	pause();
}

static void forked_child_outlives_its_parent(void)
{
	uint64_t id = make(dev, 0, 0, 0, 0);
	int gone[2], told[2];
	pid_t parent, child = 0;
	char answer = 0;

	need_module_file();
	EXPECT_EQ(pipe(gone), 0);
	EXPECT_EQ(pipe(told), 0);
	EXPECT_EQ(queue_in(id, HOUR_NS), 0);
	fflush(stdout);
	parent = fork();
	if (!parent) {
		child = fork();
		if (!child) {
			close(gone[1]);
			heir(id, gone[0], told[1]);
		}
		_exit(write(told[1], &child, sizeof(child)) != sizeof(child));
	}
	EXPECT_EQ(read(told[0], &child, sizeof(child)), sizeof(child));
	EXPECT_EQ(wait_for(parent), 0);
	close_case_early();
	close(gone[1]);
	EXPECT_EQ(read(told[0], &answer, 1), 1);
	EXPECT_EQ(answer, 'y');
	expect_held();
	EXPECT_EQ(kill(child, SIGKILL), 0);
	expect_unloads();
}

/* A descriptor that exec closes, and a mapping that it takes away. */
static void exec_ends_the_file(void)
{
	int begun[2], done[2];
	char byte;
	pid_t pid;

	need_module_file();
	EXPECT_EQ(pipe(begun), 0);
	EXPECT_EQ(pipe(done), 0);
	EXPECT_EQ(queue_in(make(dev, 0, 0, 0, 0), HOUR_NS), 0);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		dup2(begun[1], STDOUT_FILENO);
		dup2(done[0], STDIN_FILENO);
		close(begun[1]);
		close(done[1]);
		execl("/proc/self/exe", "test_slots_map", WAITER, NULL);
		_exit(1);
	}
	close(begun[1]);
	close_case_early();
	EXPECT_EQ(read(begun[0], &byte, 1), 1);
	expect_unloads();
	close(done[1]);
	EXPECT_EQ(wait_for(pid), 0);
}

/* Stores go on from a process that has nothing else of the file. */
static void closed_while_stores_go_on(void)
{
	uint64_t id = make_local(dev);
	pid_t pid;

	need_module_file();
	pin(nth_cpu(0));
	EXPECT_EQ(queue_in(id, 0), 0);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		pin(nth_cpu(1));
		close(dev);
		for (;;)
			store(id, now_ns() + NSEC_PER_MSEC / 10);
	}
	pause_ms(50);
	close_case_early();
	pause_ms(50);
	expect_held();
	EXPECT_EQ(kill(pid, SIGKILL), 0);
	wait_for(pid);
	expect_unloads();
}

static const struct tap_case cases[] = {
	TAP_CASE(map_whole_and_in_part),
	TAP_CASE(map_private_is_refused),
	TAP_CASE(map_beyond_the_last_slot_is_refused),
	TAP_CASE(map_of_a_file_not_open_for_writing),
	TAP_CASE(map_for_reading_alone),
	TAP_CASE(page_without_a_task_is_none),
	TAP_CASE(page_without_a_task_in_a_call),
	TAP_CASE(page_keeps_what_it_holds),
	TAP_CASE(unmapped_in_part),
	TAP_CASE(moved_by_mremap),
	TAP_CASE(made_larger_by_mremap_is_refused),
	TAP_CASE(made_smaller_by_mremap),
	TAP_CASE(mapping_is_of_its_file),
	TAP_CASE(closed_with_the_mapping_alive),
	TAP_CASE(unmapped_with_the_file_open),
	TAP_CASE(forked_child_shares),
	TAP_CASE(forked_child_outlives_its_parent),
	TAP_CASE(exec_ends_the_file),
	TAP_CASE(closed_while_stores_go_on),
};

/* Where another case has left no module, each of them says so. */
static void open_map_case(void)
{
	page_bytes = sysconf(_SC_PAGESIZE);
	open_slots();
}

int main(int argc, char **argv)
{
	static const struct tap_suite suite = {
		.cases = cases,
		.nr_cases = TAP_COUNT(cases),
		.before = open_map_case,
		.after = close_slots,
	};
	char byte = 0;
	int ret;

	if (argc == 2 && !strcmp(argv[1], WAITER))
		return write(STDOUT_FILENO, &byte, 1) != 1 ||
		       read(STDIN_FILENO, &byte, 1) != 0;
	ret = tap_main(argc, argv, &suite);
	if (access(DEV_PATH, F_OK) && !access(module_file(), R_OK))
		load();
	return ret;
}
