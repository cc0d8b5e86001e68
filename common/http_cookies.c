#include "common/http_cookies.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/http_settings.h"
#include "common/memory.h"
#include "common/message.h"
#include "common/state_file.h"

struct http_cookies {
	const char *path;
	CURLSH *share;
	CURL *keeper; /* by which the cookies are read and written */
	struct state_file file;
	struct text written;
	struct message_limit limit;
};

/* An empty name starts libcurl's cookie engine without reading a file. */
void http_cookies_apply(struct http_cookies *cookies, CURL *easy)
{
	HTTP_SET(easy, CURLOPT_SHARE, cookies->share);
	HTTP_SET(easy, CURLOPT_COOKIEFILE, "");
}

static void load(struct http_cookies *cookies)
{
	struct text content = {0};
	char *rest, *line;

	if (state_file_open(&cookies->file, cookies->path, &content) < 0) {
		if (errno == EWOULDBLOCK)
			fail("--cookies '%s': another process has it", cookies->path);
		fail("--cookies '%s':", cookies->path);
	}
	rest = content.data;
	while ((line = strsep(&rest, "\n"))) {
		size_t length = strlen(line);

		if (length > 0 && line[length - 1] == '\r')
			line[length - 1] = '\0';
		if (strchr(line, '\t'))
			HTTP_SET(cookies->keeper, CURLOPT_COOKIELIST, line);
	}
	text_free(&content);
}

struct http_cookies *http_cookies_open(const char *path)
{
	struct http_cookies *cookies = xcalloc(1, sizeof(*cookies));

	cookies->path = path;
	cookies->share = curl_share_init();
	cookies->keeper = curl_easy_init();
	if (!cookies->share || !cookies->keeper ||
	    curl_share_setopt(cookies->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_COOKIE) != CURLSHE_OK)
		fail("out of memory");
	http_cookies_apply(cookies, cookies->keeper);
	if (path)
		load(cookies);
	return cookies;
}

static int by_string(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The content of the file, in an order that does not depend on libcurl's. */
static void format(struct http_cookies *cookies, struct text *text)
{
	struct curl_slist *list = NULL, *item;
	char **lines;
	size_t count = 0;

	curl_easy_getinfo(cookies->keeper, CURLINFO_COOKIELIST, &list);
	for (item = list; item; item = item->next)
		count++;
	lines = xcalloc(count + 1, sizeof(*lines));
	count = 0;
	for (item = list; item; item = item->next)
		lines[count++] = item->data;
	qsort(lines, count, sizeof(*lines), by_string);
	text_add_string(text, "# Netscape HTTP Cookie File\n");
	for (size_t i = 0; i < count; i++)
		text_addf(text, "%s\n", lines[i]);
	free(lines);
	curl_slist_free_all(list);
}

void http_cookies_save(struct http_cookies *cookies)
{
	struct text text = {0};

	if (!cookies->path)
		return;
	format(cookies, &text);
	if (text.length == cookies->written.length && memcmp(text.data, cookies->written.data, text.length) == 0) {
		text_free(&text);
		return;
	}
	if (state_file_replace(&cookies->file, text.data, text.length) < 0) {
		if (message_pass(&cookies->limit))
			message_warning("cannot write --cookies '%s':", cookies->path);
		text_free(&text);
		return;
	}
	text_free(&cookies->written);
	cookies->written = text;
}

void http_cookies_close(struct http_cookies *cookies)
{
	curl_easy_cleanup(cookies->keeper);
	curl_share_cleanup(cookies->share);
	if (cookies->path)
		state_file_close(&cookies->file);
	text_free(&cookies->written);
	free(cookies);
}
