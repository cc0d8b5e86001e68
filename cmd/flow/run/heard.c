#include "cmd/flow/run/heard.h"

#include "common/json.h"
#include "common/json_text.h"

void heard_init(struct heard *heard)
{
	/* Each path gets the next slot. */
	static const char *const paths[HEARD_FIELDS] = {".event", ".source", ".data.message", ".data.pid",
	                                                ".data.restart_in"};
	const char *mistake;

	*heard = (struct heard){0};
	for (size_t i = 0; i < HEARD_FIELDS; i++)
		json_want_path(&heard->want, paths[i], &mistake);
}

void heard_free(struct heard *heard)
{
	text_free(&heard->event);
	text_free(&heard->source);
	text_free(&heard->message);
	text_free(&heard->copy);
	json_want_free(&heard->want);
}

static bool take(struct text *text, const struct json_span *span)
{
	text_clear(text);
	if (span->kind != JSON_STRING)
		return false;
	json_add_unescaped(text, span->at, span->length);
	return true;
}

static double number(const struct json_span *span)
{
	return span->kind == JSON_NUMBER ? json_number(span) : -1;
}

bool heard_read(struct heard *heard, const char *event, size_t length)
{
	struct json_span spans[HEARD_FIELDS];
	struct json_result result;

	text_clear(&heard->copy);
	text_add(&heard->copy, event, length);
	json_pad(&heard->copy);
	if (!json_scan(heard->copy.data, length, &heard->want, spans, 0, &result))
		return false;
	heard->pid = number(&spans[3]);
	heard->restart_in = number(&spans[4]);
	return take(&heard->event, &spans[0]) && take(&heard->source, &spans[1]) && take(&heard->message, &spans[2]);
}
