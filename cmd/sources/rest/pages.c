/*
 * What comes after an answer: another page, or nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/sources/rest/rest.h"
#include "common/http_headers.h"
#include "common/json_text.h"
#include "common/memory.h"
#include "common/message.h"

/* The variables of the expressions, beside $ENV. */
static const char *const names[] = {"count", "page", "headers", NULL};
enum { NAMES = sizeof(names) / sizeof(*names) - 1 };

/* ---- the options ---- */

static struct expression *compile(const char *option, const char *program)
{
	char *mistake;
	struct expression *expression;

	if (!program)
		return NULL;
	expression = expression_new(program, names, &mistake);
	if (!expression)
		die("--%s '%s': %s", option, program, mistake);
	return expression;
}

static unsigned used_in_all(const struct rest *rest)
{
	unsigned used = rest->data ? variables_used(rest->data) : 0;

	for (size_t i = 0; i < rest->poll_count; i++)
		used |= rest->polls[i].url ? variables_used(rest->polls[i].url) : 0;
	for (size_t i = 0; i < rest->headers.count; i++)
		used |= variables_used(rest->headers.items[i]);
	return used;
}

static void choose_kind(struct rest *rest, unsigned used)
{
	if ((rest->next_url != NULL) + (rest->next_token != NULL) + rest->next_link > 1)
		die("--next-url, --next-token and --next-link exclude each other");
	if (rest->next_url)
		rest->pages = PAGES_URL;
	else if (rest->next_token)
		rest->pages = PAGES_TOKEN;
	else if (rest->next_link)
		rest->pages = PAGES_LINK;
	else if (used & (1U << VARIABLE_PAGE | 1U << VARIABLE_OFFSET))
		rest->pages = PAGES_COUNTED;
}

/* What is in a file cannot be known while the program checks itself. */
static bool hidden(const struct rest *rest)
{
	bool hides = rest->settings.headers.count > 0 || rest->data;

	for (size_t i = 0; i < rest->poll_count; i++)
		hides |= !rest->polls[i].url;
	return option_checking() && hides;
}

static void check_pages(const struct rest *rest, unsigned used)
{
	if (rest->pages == PAGES_NONE && (rest->until || rest->max_pages > 0) && !hidden(rest))
		die("--%s needs pages: --next-token, --next-url, --next-link, or {page} or {offset} in the request",
		    rest->until ? "until" : "max-pages");
	if (rest->pages == PAGES_COUNTED && !rest->items && !rest->until)
		die("pages by number end with one that has no elements: --items PATH says where these are, or --until "
		    "EXPR when to end");
	if (used & 1U << VARIABLE_OFFSET && !rest->items && rest->page_size == 0)
		die("{offset} counts elements: --items PATH says where these are, or --page-size how many");
	if (rest->pages == PAGES_TOKEN && !(used & 1U << VARIABLE_TOKEN) && !hidden(rest))
		die("--next-token gives a {token}, which is neither in the URL nor in --header nor in --data");
	if (rest->pages != PAGES_TOKEN && used & 1U << VARIABLE_TOKEN)
		die("{token} needs --next-token ('{{token}' is the word in braces)");
	if (!rest->cursor && used & 1U << VARIABLE_CURSOR)
		die("{cursor} needs --cursor ('{{cursor}' is the word in braces)");
	if (rest->cursor_start && !rest->cursor)
		die("--cursor-start needs --cursor");
	if (rest->overlap && (rest->pages != PAGES_NONE || rest->cursor || rest->conditional))
		die("--overlap does not go with pages, --cursor or --conditional: each answer is needed for the next");
	if (rest->conditional && rest->pages != PAGES_NONE)
		die("--conditional does not go with pages: that one has not changed says nothing of those behind it");
}

static void check_origins(const struct rest *rest)
{
	char *url, *shown;

	for (size_t i = 0; i < rest->next_origins.count; i++) {
		const char *mistake = http_url(rest->next_origins.items[i], &url, &shown);

		if (mistake)
			die("--next-origin '%s': %s", rest->next_origins.items[i], mistake);
		free(url);
		free(shown);
	}
}

void pages_init(struct rest *rest)
{
	unsigned used = used_in_all(rest);

	choose_kind(rest, used);
	check_pages(rest, used);
	check_origins(rest);
	rest->next_program =
		compile(rest->next_url ? "next-url" : "next-token", rest->next_url ? rest->next_url : rest->next_token);
	rest->until_program = compile("until", rest->until);
	rest->cursor_program = compile("cursor", rest->cursor);
}

void pages_free(struct rest *rest)
{
	expression_free(rest->next_program);
	expression_free(rest->until_program);
	expression_free(rest->cursor_program);
}

/* ---- expressions ---- */

/* The headers as an object; of one that comes twice the last counts. */
static void add_headers(struct text *json, const char *headers)
{
	struct http_header header;
	char before = '{';

	while (http_headers_next(&headers, &header)) {
		char *name = xstrndup(header.name, header.name_length);

		for (char *s = name; *s; s++)
			if (*s >= 'A' && *s <= 'Z')
				*s = (char)(*s + 'a' - 'A');
		text_add_char(json, before);
		json_add_string(json, name, strlen(name));
		text_add_char(json, ':');
		json_add_string(json, header.value, header.value_length);
		before = ',';
		free(name);
	}
	text_add_string(json, before == '{' ? "{}" : "}");
}

static enum expression_result run(struct answer *answer, struct expression *expression, struct text *result)
{
	const struct poll *poll = answer->poll;
	struct text *body = poll->rest->items ? &answer->items.envelope : &answer->body;
	char *count = text_format("%llu", (unsigned long long)answer->items.count);
	char *page = text_format("%lld", (long long)(poll->rest->page_start + poll->place.page));
	struct text headers = {0};
	const char *values[NAMES] = {count, page, NULL};
	enum expression_result kind;

	add_headers(&headers, answer->response->headers);
	values[2] = headers.data;
	json_pad(body);
	kind = expression_run(expression, body->data, body->length, values, result);
	text_free(&headers);
	free(count);
	free(page);
	return kind;
}

/* ---- the next page ---- */

/* The same page again, or in a circle: a mark is compared that moves on ever more seldom (Brent). */
static bool in_circle(struct poll *poll, const char *next)
{
	uint64_t here = place_hash(0, next, strlen(next));

	if (poll->place.page == 0) {
		poll->turtle.mark = here;
		poll->turtle.steps = 0;
		poll->turtle.power = 1;
		return false;
	}
	if (here == poll->turtle.mark || (poll->place.next && strcmp(poll->place.next, next) == 0))
		return true;
	if (++poll->turtle.steps >= poll->turtle.power) {
		poll->turtle.mark = here;
		poll->turtle.power *= 2;
		poll->turtle.steps = 0;
	}
	return false;
}

static enum pages_result step(struct poll *poll, char *next, int64_t count)
{
	struct rest *rest = poll->rest;
	struct place *place = &poll->place;

	if (rest->max_pages > 0 && place->page + 1 >= rest->max_pages) {
		if (message_pass(&poll->cut))
			message_warning("'%s': there are pages after %lld, which are left out (--max-pages)",
			                poll->shown, (long long)rest->max_pages);
		free(next);
		return PAGES_OVER;
	}
	place->page++;
	place->offset += rest->page_size > 0 ? rest->page_size : count;
	free(place->next);
	place->next = next;
	place->elements = 0;
	place->hash = 0;
	return PAGES_MORE;
}

static bool is_end(const struct text *result)
{
	return !expression_true(result) || strcmp(result->data, "\"\"") == 0;
}

const char *pages_mistake(const char *json)
{
	struct text value = {0};
	const char *mistake = NULL;

	if (*json != '"' && *json != '-' && (*json < '0' || *json > '9'))
		return "gave neither a string nor a number";
	text_init(&value);
	if (*json == '"')
		json_add_unescaped(&value, json, strlen(json));
	for (size_t i = 0; i < value.length; i++)
		if ((unsigned char)value.data[i] < ' ' || value.data[i] == 0x7f)
			mistake = "gave a text with a control character";
	text_free(&value);
	return mistake;
}

static enum pages_result by_token(struct answer *answer, struct text *reason)
{
	struct poll *poll = answer->poll;
	struct text *result = &answer->scratch;
	const char *mistake;

	switch (run(answer, poll->rest->next_program, result)) {
	case EXPRESSION_NOTHING:
		return PAGES_OVER;
	case EXPRESSION_ERROR:
		text_addf(reason, "--next-token: %s", result->data);
		return PAGES_FAILED;
	case EXPRESSION_VALUE:
		break;
	}
	if (is_end(result))
		return PAGES_OVER;
	mistake = pages_mistake(result->data);
	if (!mistake && in_circle(poll, result->data))
		mistake = "gave a token for the second time, the pages go in a circle";
	if (mistake) {
		text_addf(reason, "--next-token %s", mistake);
		return PAGES_FAILED;
	}
	return step(poll, xstrdup(result->data), (int64_t)answer->items.count);
}

/* given: as the server says it. */
static enum pages_result to_url(struct answer *answer, const char *given, struct text *reason)
{
	struct poll *poll = answer->poll;
	char *first = request_sample(poll->url), *url;
	struct text json = {0};

	url = next_url(poll->rest, answer->response->url ? answer->response->url : answer->request.url, first, given,
	               reason);
	free(first);
	if (!url)
		return PAGES_FAILED;
	json_add_string(&json, url, strlen(url));
	free(url);
	if (in_circle(poll, json.data)) {
		text_add_string(reason, "the next page is one that was there before, the pages go in a circle");
		text_free(&json);
		return PAGES_FAILED;
	}
	return step(poll, text_detach(&json), (int64_t)answer->items.count);
}

static enum pages_result by_url(struct answer *answer, struct text *reason)
{
	struct text *result = &answer->scratch, given = {0};
	enum expression_result kind = run(answer, answer->poll->rest->next_program, result);
	enum pages_result next = PAGES_OVER;

	if (kind == EXPRESSION_ERROR) {
		text_addf(reason, "--next-url: %s", result->data);
		next = PAGES_FAILED;
	} else if (kind == EXPRESSION_VALUE && !is_end(result)) {
		next = PAGES_FAILED;
		if (*result->data != '"') {
			text_add_string(reason, "--next-url gave no string");
		} else {
			json_add_unescaped(&given, result->data, result->length);
			next = to_url(answer, given.data, reason);
			text_free(&given);
		}
	}
	return next;
}

static enum pages_result by_link(struct answer *answer, struct text *reason)
{
	char *given = next_link(answer->response->headers);
	enum pages_result next = given ? to_url(answer, given, reason) : PAGES_OVER;

	free(given);
	return next;
}

static enum pages_result by_count(struct answer *answer)
{
	if (answer->poll->rest->items && answer->items.count == 0)
		return PAGES_OVER;
	return step(answer->poll, NULL, (int64_t)answer->items.count);
}

enum pages_result pages_next(struct answer *answer, struct text *reason)
{
	struct rest *rest = answer->poll->rest;
	struct text *result = &answer->scratch;
	int status = answer->response->status;

	if (rest->pages == PAGES_NONE || status == 204 || status == 205)
		return PAGES_OVER;
	if (rest->items && (rest->next_program || rest->until_program) && answer->items.envelope.length == 0) {
		text_add_string(reason, "what is around the array is longer than --max-line");
		return PAGES_FAILED;
	}
	if (rest->until_program) {
		enum expression_result kind = run(answer, rest->until_program, result);

		if (kind == EXPRESSION_ERROR) {
			text_addf(reason, "--until: %s", result->data);
			return PAGES_FAILED;
		}
		if (kind == EXPRESSION_VALUE && expression_true(result))
			return PAGES_OVER;
	}
	switch (rest->pages) {
	case PAGES_TOKEN:
		return by_token(answer, reason);
	case PAGES_URL:
		return by_url(answer, reason);
	case PAGES_LINK:
		return by_link(answer, reason);
	default:
		return by_count(answer);
	}
}
