#include "cmd/sources/socketio/cookies.h"

#include <string.h>
#include <strings.h>

#include "common/message.h"

static size_t find(const struct cookies *cookies, const char *pair, size_t name)
{
	size_t i = 0;

	while (i < cookies->count && strncmp(cookies->pairs[i].data, pair, name + 1) != 0)
		i++;
	return i;
}

/* Whether the attributes say that it is over already: that is how a server takes a cookie back. */
static bool is_over(const char *attributes)
{
	const char *age = strcasestr(attributes, "max-age="), *expires = strcasestr(attributes, "expires=");
	time_t end = expires ? curl_getdate(expires + 8, NULL) : -1;

	if (age)
		return age[8] == '-' || age[8] == '0';
	return end >= 0 && end <= time(NULL);
}

static void take(struct cookies *cookies, const char *line)
{
	size_t name = strcspn(line, "=;"), length = strcspn(line, ";"), i;

	if (name == 0 || line[name] != '=' || length > COOKIE_MAX)
		return;
	i = find(cookies, line, name);
	if (is_over(line + length)) {
		if (i < cookies->count) {
			struct text gone = cookies->pairs[i];

			cookies->pairs[i] = cookies->pairs[--cookies->count];
			cookies->pairs[cookies->count] = gone;
		}
		return;
	}
	if (i == COOKIES) {
		message_debug("more than %d cookies, '%.*s' is not kept", COOKIES, (int)name, line);
		return;
	}
	if (i == cookies->count)
		cookies->count++;
	text_clear(&cookies->pairs[i]);
	text_add(&cookies->pairs[i], line, length);
}

void cookies_take(struct cookies *cookies, const struct http_transfer *transfer)
{
	const char *line;

	for (size_t i = 0; (line = http_header(transfer, "Set-Cookie", i)); i++)
		take(cookies, line);
}

void cookies_take_lines(struct cookies *cookies, const char *lines)
{
	static const char name[] = "Set-Cookie:";
	struct text line = {0};

	for (size_t length; *lines; lines += length + strspn(lines + length, "\r\n")) {
		length = strcspn(lines, "\r\n");
		if (strncasecmp(lines, name, sizeof(name) - 1) != 0)
			continue;
		text_clear(&line);
		text_add(&line, lines, length);
		take(cookies, line.data + sizeof(name) - 1 + strspn(line.data + sizeof(name) - 1, " \t"));
	}
	text_free(&line);
}

void cookies_clear(struct cookies *cookies)
{
	cookies->count = 0;
}

const char *cookies_header(struct cookies *cookies)
{
	text_clear(&cookies->header);
	for (size_t i = 0; i < cookies->count; i++)
		text_addf(&cookies->header, "%s%s", i == 0 ? "Cookie: " : "; ", cookies->pairs[i].data);
	return cookies->count > 0 ? cookies->header.data : NULL;
}

void cookies_free(struct cookies *cookies)
{
	for (size_t i = 0; i < COOKIES; i++)
		text_free(&cookies->pairs[i]);
	text_free(&cookies->header);
}
