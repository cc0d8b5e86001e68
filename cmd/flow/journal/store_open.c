/*
 * A pipeline's journal, opened: what it knows, and what becomes of that.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "cmd/flow/manager/inlet.h"
#include "cmd/flow/manager/manager.h"
#include "cmd/flow/journal/store.h"
#include "cmd/flow/journal/store_record.h"
#include "common/memory.h"

/* What the pipeline is made of: another one can do nothing with this journal. */
static char *names_of(const struct manifest_pipeline *pipeline)
{
	struct text text = {0};

	for (size_t i = 0; i < pipeline->count; i++) {
		const struct manifest_stage *stage = &pipeline->stages[i];

		text_addf(&text, "%s", stage->name);
		for (size_t j = 0; j < stage->from_count; j++)
			text_addf(&text, " %s.%s", pipeline->stages[stage->from[j].stage].name,
			          stage->from[j].event ? stage->from[j].event : "");
		text_add_char(&text, '\n');
	}
	return text_detach(&text);
}

/* Reading. */

static bool read_mark(struct page_mark *mark, const char *bytes, size_t length)
{
	if (length < offsetof(struct page_mark, cursor) || length > sizeof(*mark))
		return false;
	memcpy(mark, bytes, length);
	return mark->cursor_length <= PAGE_CURSOR && store_mark_size(mark) == length;
}

static void read_data(struct store *store, const struct journal_record *record)
{
	struct store_stage *stage = &store->stages[record->who];
	struct backlog_head head;
	struct page_mark mark;

	memcpy(&head, record->bytes, sizeof(head));
	if (record->length < sizeof(head) + head.between ||
	    !read_mark(&mark, record->bytes + sizeof(head), (size_t)head.between)) {
		store->gap = true;
		return;
	}
	if (record->kind == STORE_DATA) {
		store->gap |= stage->marked && head.from != stage->stored;
		store_note_held(stage, record->place.segment, mark.out);
	}
	stage->mark = mark;
	stage->marked = true;
	stage->stored = stage->ready = mark.out;
}

static void read_route(struct store *store, const struct journal_record *record)
{
	struct store_stage *stage = &store->stages[record->who];
	struct store_route route;

	memcpy(&route, record->bytes, sizeof(route));
	if (route.link >= MANIFEST_EDGES)
		return;
	route.segment = record->place.segment;
	store_note_route(stage, &route);
	stage->to = route.to_end;
	stage->from[route.link] = route.from_end;
}

static void read_state(struct store *store, const struct journal_record *record)
{
	struct store_stage *stage = &store->stages[record->who];
	struct store_state state;

	memcpy(&state, record->bytes, sizeof(state));
	if (record->length != sizeof(state) + state.mark_size ||
	    (state.marked && !read_mark(&stage->mark, record->bytes + sizeof(state), (size_t)state.mark_size))) {
		store->gap = true;
		return;
	}
	stage->stored = stage->ready = state.stored;
	stage->marked = state.marked;
	stage->done = state.done;
	stage->to = state.to;
	memcpy(stage->from, state.from, sizeof(state.from));
	memcpy(stage->handled, state.handled, sizeof(state.handled));
}

static void on_found(void *context, const struct journal_record *record)
{
	static const size_t least[] = {
		[STORE_DATA] = sizeof(struct backlog_head),
		[STORE_MARK] = sizeof(struct backlog_head),
		[STORE_ROUTE] = sizeof(struct store_route),
		[STORE_DONE] = 0,
		[STORE_NAMES] = 0,
		[STORE_STATE] = sizeof(struct store_state),
	};
	struct store *store = context;

	store->clean = record->kind == STORE_CLEAN;
	if (record->kind == STORE_NAMES) {
		store->other |= record->length != strlen(store->names) ||
		                memcmp(record->bytes, store->names, record->length) != 0;
		return;
	}
	if (store->other || record->kind > STORE_STATE || record->who >= store->count ||
	    record->length < least[record->kind])
		return;
	if (record->kind == STORE_DATA || record->kind == STORE_MARK)
		read_data(store, record);
	else if (record->kind == STORE_ROUTE)
		read_route(store, record);
	else if (record->kind == STORE_STATE)
		read_state(store, record);
	else
		store->stages[record->who].done = true;
}

/* The checkpoint of a new segment. */

static int append_state(struct store *store, size_t number)
{
	const struct store_stage *stage = &store->stages[number];
	const struct inlet *inlet = manager_inlet(store->manager, number);
	struct store_state state = {
		.stored = stage->stored,
		.marked = stage->marked,
		.done = stage->done,
		.to = inlet && store->settled ? inlet->note.to : stage->to,
		.mark_size = stage->marked ? store_mark_size(&stage->mark) : 0,
	};
	const struct iovec parts[] = {{&state, sizeof(state)},
	                              {(void *)(uintptr_t)&stage->mark, (size_t)state.mark_size}};

	memcpy(state.from, inlet && store->settled ? inlet->note.from : stage->from, sizeof(state.from));
	memcpy(state.handled, stage->handled, sizeof(state.handled));
	return journal_append(&store->journal, STORE_STATE, (uint16_t)number, parts, 2, NULL);
}

static int on_begun(void *context)
{
	struct store *store = context;
	const struct iovec names = {store->names, strlen(store->names)};

	if (store->other)
		return 0;
	if (journal_append(&store->journal, STORE_NAMES, 0, &names, 1, NULL) < 0)
		return -1;
	for (size_t i = 0; i < store->count; i++)
		if (append_state(store, i) < 0)
			return -1;
	return 0;
}

/* Settling. */

/* Nothing in it is of use. What was read of it is forgotten. */
static void begin_anew(struct store *store, const char *path)
{
	for (size_t i = 0; i < store->count; i++) {
		free(store->stages[i].held);
		free(store->stages[i].routes);
		store->stages[i] = (struct store_stage){0};
	}
	store->other = store->gap = false;
	if (journal_turn(&store->journal) < 0 || journal_release(&store->journal, UINT64_MAX) < 0)
		fail("cannot begin the journal '%s' anew:", path);
}

static char *path_of(const struct manager *manager)
{
	struct text path = {0};

	text_addf(&path, "%s/journal", manager->setup->state);
	if (mkdir(path.data, 0700) < 0 && errno != EEXIST)
		fail("cannot make the directory '%s':", path.data);
	text_addf(&path, "/%s", manager->setup->pipeline->name);
	return text_detach(&path);
}

/* Something in the journal has not been handled by all that are to read it. */
static bool has_unhandled(const struct store *store)
{
	for (size_t i = 0; i < store->count; i++)
		if (store->stages[i].held_count > 0 || store->stages[i].route_count > 0)
			return true;
	return false;
}

/* Small ones where there is little room, so that what is handled can go piece by piece. */
static uint64_t segment_size(const char *path, uint64_t quota)
{
	enum { PIECES = 16, LEAST = 64 << 10 };
	struct statvfs status;
	uint64_t room = quota;

	if (statvfs(path, &status) == 0 && (uint64_t)status.f_bavail * status.f_frsize < room)
		room = (uint64_t)status.f_bavail * status.f_frsize;
	room /= PIECES;
	return room < LEAST ? LEAST : room > JOURNAL_SEGMENT ? JOURNAL_SEGMENT : room;
}

/* The stages' memory is new: it is to be as the journal says. */
static void fill_memory(struct store *store, size_t number)
{
	struct store_stage *stage = &store->stages[number];
	struct port *port = &store->manager->ports[number];
	struct inlet *inlet = manager_inlet(store->manager, number);

	if (stage->marked) {
		page_store(&port->page->marks, &stage->mark);
		page_store(&port->page->taken, &stage->mark);
		ring_publish(&port->out, stage->stored);
		for (unsigned i = 0; i < port->plan->slots; i++)
			ring_release(&port->out, i, stage->stored);
	}
	if (stage->done)
		atomic_store(&port->page->state, PAGE_DONE);
	if (!inlet)
		return;
	ring_publish(inlet->port->in, stage->mark.in);
	ring_release(inlet->port->in, 0, stage->mark.in);
	inlet_go_on(inlet, stage);
}

void store_open(struct store *store, struct manager *manager)
{
	static const enum journal_policy policies[] = {
		[FSYNC_INTERVAL] = JOURNAL_INTERVAL, [FSYNC_ALWAYS] = JOURNAL_ALWAYS, [FSYNC_NEVER] = JOURNAL_NEVER};
	const struct manifest_pipeline *pipeline = manager->setup->pipeline;
	const struct manifest_settings *settings = store_settings(pipeline);
	char *path = path_of(manager);
	struct journal_settings wanted = {
		.directory = path,
		.policy = policies[settings->fsync],
		.quota = settings->quota,
		.segment_size = segment_size(manager->setup->state, settings->quota),
		.gaps = true,
		.found = on_found,
		.begun = on_begun,
		.context = store,
	};
	bool fresh = !manager->ports[0].page->kept;

	*store = (struct store){
		.manager = manager, .path = path, .segment = wanted.segment_size, .count = pipeline->count};
	store->quota = settings->quota;
	store->always = settings->fsync == FSYNC_ALWAYS;
	store->stages = xcalloc(store->count, sizeof(*store->stages));
	store->names = names_of(pipeline);
	store_timer(store);
	if (journal_open(&store->journal, &wanted) < 0)
		fail("cannot open the journal '%s':", path);
	if (store->other && store->clean)
		begin_anew(store, path);
	if (store->other)
		die("the journal '%s' is of a pipeline with other stages or edges: let the flow run to its end with "
		    "the "
		    "manifest as it was, or remove the directory",
		    path);
	if (store->journal.damage.count > 0 || store->gap)
		message_error("%s: its journal is damaged: %llu bytes were passed over, and events may be missing",
		              pipeline->name, (unsigned long long)store->journal.damage.bytes);
	for (size_t i = 0; i < store->count; i++)
		store_note_handled(store, i);
	if (fresh && has_unhandled(store))
		message_info("%s: goes on with %llu bytes in its journal", pipeline->name,
		             (unsigned long long)journal_size(&store->journal));
	for (size_t i = 0; i < store->count; i++) {
		struct inlet *inlet = manager_inlet(manager, i);

		if (fresh)
			fill_memory(store, i);
		else if (inlet)
			inlet_go_on(inlet, &store->stages[i]);
	}
	manager->ports[0].page->kept = 1;
	store->settled = true;
}

uint64_t store_size(const char *state, const char *pipeline)
{
	static const char ending[] = ".journal";
	struct text path = {0};
	struct dirent *entry;
	struct stat status;
	uint64_t size = 0;
	DIR *directory;

	text_addf(&path, "%s/journal/%s", state, pipeline);
	directory = opendir(path.data);
	while (directory && (entry = readdir(directory))) {
		size_t length = strlen(entry->d_name);

		if (length > sizeof(ending) && strcmp(entry->d_name + length + 1 - sizeof(ending), ending) == 0 &&
		    fstatat(dirfd(directory), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0)
			size += (uint64_t)status.st_size;
	}
	if (directory)
		closedir(directory);
	text_free(&path);
	return size;
}

void store_close(struct store *store, bool over)
{
	ev_timer_stop(EV_DEFAULT_ & store->again);
	if (!over && !has_unhandled(store))
		journal_append(&store->journal, STORE_CLEAN, 0, NULL, 0, NULL);
	journal_close(&store->journal);
	if (over)
		journal_discard(store->path);
	for (size_t i = 0; i < store->count; i++) {
		free(store->stages[i].held);
		free(store->stages[i].routes);
	}
	free(store->stages);
	free(store->names);
	free(store->path);
}
