#include "common/http_status.h"

#include <ctype.h>
#include <string.h>

#include "common/message.h"

enum { LEAST = 100, MOST = 599 };

static bool has(const struct http_status_set *set, int status)
{
	return status >= LEAST && status <= MOST && (set->bits[status / 64] >> status % 64 & 1);
}

/* "404", or "4xx" as the range it stands for. */
static bool read_status(const char **s, int *least, int *most)
{
	const char *digits = *s;

	if (digits[0] < '1' || digits[0] > '5' || !digits[1] || !digits[2])
		return false;
	*least = *most = (digits[0] - '0') * 100;
	if (digits[1] == 'x' && digits[2] == 'x')
		*most += 99;
	else if (isdigit((unsigned char)digits[1]) && isdigit((unsigned char)digits[2]))
		*least = *most += (digits[1] - '0') * 10 + digits[2] - '0';
	else
		return false;
	*s += 3;
	return true;
}

bool http_status_list(const char *list, struct http_status_set *set)
{
	*set = (struct http_status_set){{0}};
	for (const char *s = list;; s++) {
		int least, most, other;

		if (!read_status(&s, &least, &most))
			return false;
		if (*s == '-') {
			s++;
			if (!read_status(&s, &other, &most) || most < least)
				return false;
		}
		for (int status = least; status <= most; status++)
			set->bits[status / 64] |= 1ULL << status % 64;
		if (*s == '\0')
			return true;
		if (*s != ',')
			return false;
	}
}

static void read_list(const char *word, const char *list, struct http_status_set *set)
{
	if (list && !http_status_list(list, set))
		die("--%s takes statuses such as 200-299,404,5xx, not '%s'", word, list);
}

static void must_differ(const struct http_status_set *one, const struct http_status_set *other, const char *words)
{
	for (int status = LEAST; status <= MOST; status++)
		if (has(one, status) && has(other, status))
			die("status %d is in %s", status, words);
}

void http_statuses_check(struct http_statuses *statuses)
{
	http_status_list("200-299", &statuses->good);
	read_list("success", statuses->success, &statuses->good);
	read_list("retry-status", statuses->retry, &statuses->again);
	read_list("fatal-status", statuses->fatal, &statuses->over);
	must_differ(&statuses->again, &statuses->over, "--retry-status and --fatal-status");
	must_differ(&statuses->good, &statuses->over, "--fatal-status and --success");
	must_differ(&statuses->good, &statuses->again, "--retry-status and --success");
}

enum http_verdict http_status_verdict(const struct http_statuses *statuses, int status)
{
	if (has(&statuses->good, status))
		return HTTP_STATUS_GOOD;
	if (has(&statuses->over, status) || (statuses->retry && !has(&statuses->again, status)))
		return HTTP_STATUS_FATAL;
	return HTTP_STATUS_RETRY;
}

bool http_status_is_fatal(const struct http_statuses *statuses, int status)
{
	return has(&statuses->over, status);
}
