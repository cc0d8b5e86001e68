#include "common/netrc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { LIMIT = 1 << 20 };

/* The next word, "in quotes" with backslashes too. False: there is none. */
static bool next_word(const char **at, struct text *word)
{
	const char *s = *at + strspn(*at, " \t\r\n");
	bool quoted;

	text_clear(word);
	while (*s == '#') {
		s += strcspn(s, "\n");
		s += strspn(s, " \t\r\n");
	}
	if (!*s)
		return false;
	quoted = *s == '"';
	s += quoted;
	while (*s && !strchr(quoted ? "\"" : " \t\r\n", *s)) {
		if (quoted && *s == '\\' && s[1])
			s++;
		text_add_char(word, *s++);
	}
	*at = s + (quoted && *s);
	return true;
}

/* A macro goes up to an empty line. */
static void skip_macro(const char **at)
{
	const char *end = strstr(*at, "\n\n");

	*at = end ? end : *at + strlen(*at);
}

bool netrc_find(const char *file, const char *host, struct text *found)
{
	struct text word = {0}, login = {0}, password = {0};
	bool ours = false, seen = false;

	while (next_word(&file, &word)) {
		bool machine = strcmp(word.data, "machine") == 0;

		if (machine || strcmp(word.data, "default") == 0) {
			if (seen)
				break;
			if (machine && !next_word(&file, &word))
				break;
			ours = !machine || strcasecmp(word.data, host) == 0;
			seen = ours;
		} else if (strcmp(word.data, "macdef") == 0) {
			skip_macro(&file);
		} else if (ours && strcmp(word.data, "login") == 0) {
			next_word(&file, &login);
		} else if (ours && strcmp(word.data, "password") == 0) {
			next_word(&file, &password);
		}
	}
	seen = seen && login.length > 0;
	if (seen)
		text_addf(found, "%s:%s", login.data, password.data ? password.data : "");
	text_free(&word);
	text_free(&login);
	text_free(&password);
	return seen;
}

int netrc_lookup(const char *host, struct text *found)
{
	const char *home = getenv("HOME");
	struct text path = {0}, file = {0};
	int fd, result = 0;

	text_addf(&path, "%s/.netrc", home ? home : "");
	fd = open(path.data, O_RDONLY | O_CLOEXEC);
	text_free(&path);
	if (fd < 0)
		return errno == ENOENT ? 0 : -1;
	text_init(&file);
	if (text_add_file(&file, fd, LIMIT) != 0)
		result = -1;
	else
		result = netrc_find(file.data, host, found);
	close(fd);
	text_free(&file);
	return result;
}
