/*
 * What becomes of an event: a line of its own for the answer, or the event with the answer in it; and the same for a failure.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/processors/fetch/fetch.h"
#include "common/http_meta.h"
#include "common/json.h"
#include "common/json_text.h"
#include "common/message.h"
#include "common/moment.h"
#include "common/unit.h"

/* ---- where the answer goes ---- */

static void compile_target(struct fetch *fetch, struct json_put *target, const char *path, const char *word)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
	struct text quoted = {0};
	const char *s = path + (*path == '.'), *mistake;

	for (size_t count = 0;; s++, count++) {
		size_t length = strspn(s, good);

		if (length == 0 || (s[length] && s[length] != '.'))
			die("--%s '%s': it is names of letters, digits, '_' and '-', with dots between them", word,
			    path);
		if (count == STEPS_MOST)
			die("--%s '%s': more than %d names", word, path, STEPS_MOST);
		text_addf(&quoted, ".\"%.*s\"", (int)length, s);
		s += length;
		if (!*s)
			break;
	}
	if (!json_put_init(target, &fetch->stage.want, quoted.data, &mistake))
		die("--%s '%s': %s", word, path, mistake);
	text_free(&quoted);
}

static bool find_gap(const struct fetch *fetch, const struct json_put *target, struct json_gap *gap,
                     struct text *reason)
{
	const struct event *event = &fetch->stage.event;

	if (json_put_find(target, event->spans, event->line + event->json.start, event->json.end - event->json.start,
	                  gap))
		return true;
	text_addf(reason, "nothing can be put into '%s', which is no object", target->names[gap->level - 1].data);
	return false;
}

void results_init(struct fetch *fetch)
{
	if (fetch->into_text)
		compile_target(fetch, &fetch->into, fetch->into_text, "into");
	if (fetch->into_text && fetch->emit_errors)
		compile_target(fetch, &fetch->error, "error", "emit-errors");
	if (fetch->bare || fetch->into_text)
		return;
	text_addf(&fetch->head, "{\"event\":\"%s\",\"time\":", fetch->name);
	if (getenv("PYPE_NAME")) {
		text_add_string(&fetch->tail, ",\"source\":");
		json_add_string(&fetch->tail, message_name(), strlen(message_name()));
	}
	text_add_string(&fetch->tail, ",\"data\":");
}

void results_free(struct fetch *fetch)
{
	json_put_free(&fetch->into);
	json_put_free(&fetch->error);
	text_free(&fetch->head);
	text_free(&fetch->tail);
	text_free(&fetch->line);
	text_free(&fetch->scratch);
}

bool result_prepare(struct fetch *fetch, struct item *item)
{
	bool good = true;

	if (fetch->error.count > 0)
		good = find_gap(fetch, &fetch->error, &item->error, &item->reason);
	if (fetch->into.count > 0)
		good &= find_gap(fetch, &fetch->into, &item->into, &item->reason);
	return good;
}

/* ---- the line ---- */

static void make_event(struct fetch *fetch, const char *name, int64_t time, const struct text *value)
{
	struct text *line = &fetch->line;
	char seconds[UNIT_TEXT_MAX];
	size_t length = unit_time_text(seconds, time);

	if (fetch->bare) {
		text_add(line, value->data, value->length);
		return;
	}
	if (name)
		text_addf(line, "{\"event\":\"%s\",\"time\":", name);
	else
		text_add(line, fetch->head.data, fetch->head.length);
	text_add(line, seconds, length);
	text_add(line, fetch->tail.data, fetch->tail.length);
	text_add(line, value->data, value->length);
	text_add_char(line, '}');
}

/* What --emit-errors says, into fetch->scratch. */
static void make_error(struct fetch *fetch, const struct item *item)
{
	const struct call *call = item->call;
	struct text *out = &fetch->scratch;
	char seconds[UNIT_TEXT_MAX];

	text_clear(out);
	text_add_char(out, '{');
	if (call)
		http_meta_url(out, call->request.url);
	if (call && call->status > 0)
		text_addf(out, "\"status\":%d,", call->status);
	http_meta_member(out, "error", item->reason.data, item->reason.length);
	if (call) {
		unit_time_text(seconds, call->duration - call->duration % UNIT_US);
		text_addf(out, "\"attempt\":%lld,\"duration\":%s,", (long long)call->tries, seconds);
	}
	if (fetch->into.count == 0) {
		text_add_string(out, "\"event\":");
		text_add(out, item->line.data + item->start, item->end - item->start);
		text_add_char(out, ',');
	}
	out->data[out->length - 1] = '}';
}

static void make(struct fetch *fetch, const struct item *item)
{
	const struct call *call = item->call;
	bool good = call && call->state == CALL_GOOD && item->reason.length == 0;
	int64_t now = moment_unix();

	text_clear(&fetch->line);
	if (!good)
		make_error(fetch, item);
	if (fetch->into.count > 0)
		json_put_add(good ? &fetch->into : &fetch->error, good ? &item->into : &item->error,
		             item->line.data + item->start, item->end - item->start,
		             good ? &call->value : &fetch->scratch, &fetch->line);
	else
		make_event(fetch, good ? NULL : "error", good ? call->time : now - now % UNIT_US,
		           good ? &call->value : &fetch->scratch);
}

/* Why the call of an item has no answer, with its URL. */
static void explain(struct item *item)
{
	char *shown;

	if (item->reason.length > 0)
		return;
	shown = call_shown(item->call);
	text_addf(&item->reason, "'%s': %s", shown, item->call->reason.data);
	free(shown);
}

/* Whether fetch->line may go out; if not, says why. */
static bool check_line(const struct fetch *fetch, struct text *reason)
{
	struct json_result result;
	char limit[UNIT_TEXT_MAX];

	if (fetch->line.length > stage_max_line(&fetch->stage)) {
		text_addf(reason, "with its answer it is longer than %s (--max-line)",
		          unit_size_text(limit, stage_max_line(&fetch->stage)));
		return false;
	}
	if (json_scan(fetch->line.data, fetch->line.length, NULL, NULL, 0, &result))
		return true;
	text_addf(reason, "the answer cannot be part of an event: %s", result.error);
	return false;
}

bool result_make(struct fetch *fetch, struct item *item)
{
	bool failed = item->reason.length > 0 || item->call->state != CALL_GOOD;

	if (!failed) {
		make(fetch, item);
		json_pad(&fetch->line);
		if (check_line(fetch, &item->reason))
			return true;
	}
	explain(item);
	if (!fetch->emit_errors)
		return false;
	make(fetch, item);
	json_pad(&fetch->line);
	return check_line(fetch, &item->reason);
}
