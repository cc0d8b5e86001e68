#include "cmd/flow/journal/backlog.h"

#include <errno.h>
#include <string.h>

#include "common/json_text.h"

void backlog_init(struct backlog *backlog, struct journal *journal, uint16_t kind, uint16_t who,
                  struct journal_place place)
{
	*backlog = (struct backlog){.kind = kind, .who = who};
	journal_reader_init(&backlog->reader, journal, place);
}

void backlog_free(struct backlog *backlog)
{
	journal_reader_free(&backlog->reader);
	text_free(&backlog->bytes);
}

static bool take(struct backlog *backlog, const struct journal_record *record)
{
	struct backlog_head head;
	size_t before;

	if (record->kind != backlog->kind || record->who != backlog->who || record->length < sizeof(head))
		return false;
	memcpy(&head, record->bytes, sizeof(head));
	before = sizeof(head) + (size_t)head.between;
	if (before > record->length)
		return false;
	text_clear(&backlog->bytes);
	text_add(&backlog->bytes, record->bytes + before, record->length - before);
	json_pad(&backlog->bytes);
	backlog->from = head.from;
	return true;
}

int backlog_look(struct backlog *backlog, uint64_t position, const char **bytes, size_t *length)
{
	struct journal_record record;

	while (position >= backlog->from + backlog->bytes.length) {
		int result;

		do {
			result = journal_reader_next(&backlog->reader, &record);
			if (result <= 0)
				return result;
		} while (!take(backlog, &record));
	}
	if (position < backlog->from) {
		errno = EBADMSG;
		return -1;
	}
	*bytes = backlog->bytes.data + (position - backlog->from);
	*length = backlog->bytes.length - (size_t)(position - backlog->from);
	return 1;
}
