#include "cmd/flow/journal/spill.h"

#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/flow/journal/backlog.h"
#include "common/memory.h"

void spill_init(struct spill *spill, char *path, uint64_t quota)
{
	*spill = (struct spill){.path = path, .quota = quota};
}

void spill_free(struct spill *spill, bool over)
{
	if (spill->open)
		journal_close(&spill->journal);
	if (spill->open && over)
		journal_discard(spill->path);
	free(spill->held);
	free(spill->path);
	*spill = (struct spill){0};
}

static void note(struct spill *spill, uint64_t segment, size_t link, uint64_t to)
{
	for (size_t i = spill->count; i-- > 0 && spill->held[i].segment == segment;)
		if (spill->held[i].link == link) {
			spill->held[i].to = to;
			return;
		}
	spill->held = xreallocarray(spill->held, spill->count + 1, sizeof(*spill->held));
	spill->held[spill->count++] = (struct spill_held){segment, to, link};
}

static void on_found(void *context, const struct journal_record *record)
{
	struct backlog_head head;

	if (record->kind != SPILL_DATA || record->length < sizeof(head))
		return;
	memcpy(&head, record->bytes, sizeof(head));
	note(context, record->place.segment, record->who, head.from + record->length - sizeof(head));
}

/* The directory that all spills of a flow are in. */
static bool make_parent(const char *path)
{
	char *copy = xstrdup(path);
	bool made = mkdir(dirname(copy), 0700) == 0 || errno == EEXIST;

	free(copy);
	return made;
}

bool spill_open(struct spill *spill, bool empty)
{
	struct journal_settings settings = {
		.directory = spill->path,
		.policy = JOURNAL_NEVER,
		.quota = spill->quota,
		.found = on_found,
		.context = spill,
	};

	if (spill->open)
		return true;
	if (empty)
		journal_discard(spill->path);
	if (!make_parent(spill->path) || journal_open(&spill->journal, &settings) < 0)
		return false;
	return spill->open = true;
}

bool spill_add(struct spill *spill, size_t link, uint64_t from, const char *lines, size_t length)
{
	struct backlog_head head = {from, 0};
	const struct iovec parts[] = {{&head, sizeof(head)}, {(void *)(uintptr_t)lines, length}};
	struct journal_place place;

	if (journal_append(&spill->journal, SPILL_DATA, (uint16_t)link, parts, 2, &place) < 0)
		return false;
	note(spill, place.segment, link, from + length);
	return true;
}

struct journal_place spill_place(const struct spill *spill, size_t link, uint64_t position)
{
	for (size_t i = 0; i < spill->count; i++)
		if (spill->held[i].link == link && spill->held[i].to > position)
			return (struct journal_place){spill->held[i].segment, 0};
	return journal_end(&spill->journal);
}

void spill_release(struct spill *spill, size_t link, uint64_t position)
{
	size_t kept = 0;

	for (size_t i = 0; i < spill->count; i++)
		if (spill->held[i].link != link || spill->held[i].to > position)
			spill->held[kept++] = spill->held[i];
	if (kept == spill->count)
		return;
	spill->count = kept;
	if (kept > 0)
		journal_release(&spill->journal, spill->held[0].segment);
	else if (journal_turn(&spill->journal) == 0)
		journal_release(&spill->journal, UINT64_MAX);
}
