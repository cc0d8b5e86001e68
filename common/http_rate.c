#include "common/http_rate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/memory.h"
#include "common/message.h"
#include "common/text.h"
#include "common/token_bucket.h"
#include "common/unit.h"

enum { HOSTS_MAX = 1000 }; /* more share what the last one has */

#define FAR (10000 * UNIT_DAY) /* no reset is later */

struct host {
	struct host *next;
	char *name;
	struct token_bucket bucket;
	int64_t until; /* no request before */
};

struct http_rate {
	const struct http_rate_settings *settings;
	struct token_bucket bucket; /* of all hosts, and what each one's is like at first */
	struct host *hosts;
	size_t count;
};

void http_rate_settings_init(struct http_rate_settings *settings)
{
	*settings = (struct http_rate_settings){.burst = 1, .most = UNIT_HOUR};
}

void http_rate_settings_check(const struct http_rate_settings *settings)
{
	const char *mistake;
	int64_t interval;

	if (settings->rate && !token_bucket_rate(settings->rate, &interval, &mistake))
		die("--rate '%s': %s", settings->rate, mistake);
	if (settings->burst == 0)
		die("--rate-burst must be 1 or more");
	if (settings->burst != 1 && !settings->rate)
		die("--rate-burst needs --rate");
	if (settings->per != 0 && !settings->rate)
		die("--rate-per needs --rate");
}

struct http_rate *http_rate_new(const struct http_rate_settings *settings)
{
	struct http_rate *rate = xcalloc(1, sizeof(*rate));
	const char *mistake;

	*rate = (struct http_rate){.settings = settings, .bucket.burst = settings->burst};
	if (settings->rate)
		token_bucket_rate(settings->rate, &rate->bucket.interval, &mistake);
	return rate;
}

void http_rate_free(struct http_rate *rate)
{
	struct host *host;

	while ((host = rate->hosts)) {
		rate->hosts = host->next;
		free(host->name);
		free(host);
	}
	free(rate);
}

/* Host and port of a URL, without name and password. */
static const char *authority(const char *url, size_t *length)
{
	const char *from = strstr(url, "://"), *at;

	from = from ? from + 3 : url;
	*length = strcspn(from, "/?#");
	at = memrchr(from, '@', *length);
	if (at) {
		*length -= (size_t)(at + 1 - from);
		from = at + 1;
	}
	return from;
}

static struct host *find(struct http_rate *rate, const char *url)
{
	size_t length;
	const char *name = authority(url, &length);
	struct host *host;

	for (host = rate->hosts; host; host = host->next)
		if (strlen(host->name) == length && strncasecmp(host->name, name, length) == 0)
			return host;
	if (rate->count == HOSTS_MAX)
		return rate->hosts;
	host = xcalloc(1, sizeof(*host));
	*host = (struct host){
		.next = rate->hosts, .name = xstrndup(name, length), .bucket = rate->bucket, .until = INT64_MIN};
	rate->hosts = host;
	rate->count++;
	return host;
}

int64_t http_rate_turn(struct http_rate *rate, const char *url, int64_t now)
{
	if (!rate->settings->rate)
		return 0;
	return token_bucket_reserve(rate->settings->per == 1 ? &rate->bucket : &find(rate, url)->bucket, now);
}

int64_t http_rate_hold(struct http_rate *rate, const char *url, int64_t now)
{
	int64_t until = find(rate, url)->until;

	return until > now ? until - now : 0;
}

void http_rate_held(struct http_rate *rate, const char *url, int64_t until)
{
	struct host *host = find(rate, url);

	if (host->until < until)
		host->until = until;
}

/* ---- what servers say ---- */

/* A number that begins here; false: there is none. */
static bool number_at(const char *s, double *number)
{
	char *end;

	if (!s || !strchr("0123456789.", s[strspn(s, " ")]))
		return false;
	*number = strtod(s, &end);
	return end > s && isfinite(*number) && *number >= 0;
}

static bool is_none_left(const char *remaining)
{
	double number;

	return number_at(remaining, &number) && number < 1;
}

/* The value of a reset, in nanoseconds from date on; -1: it is not understood. */
static int64_t until_reset(const char *reset, int64_t date)
{
	const double unix_seconds = 1e9, unix_milliseconds = 1e12;
	double seconds;
	int64_t duration;

	if (!number_at(reset, &seconds))
		return -1;
	if (reset[strspn(reset, " 0123456789.")] && unit_duration(reset, &duration))
		return duration < FAR ? duration : FAR;
	if (seconds >= unix_milliseconds)
		seconds = seconds / 1000 - (double)date / UNIT_S;
	else if (seconds >= unix_seconds)
		seconds -= (double)date / UNIT_S;
	if (seconds < 0)
		return 0;
	return seconds * UNIT_S < FAR ? (int64_t)(seconds * UNIT_S) : FAR;
}

/* Behind "name=" in a list of such, or NULL. */
static const char *parameter(const char *list, const char *name)
{
	size_t length = strlen(name);

	for (const char *s = list; (s = strcasestr(s, name)); s += length)
		if (s[length] == '=' && (s == list || strchr(" ,;\t", s[-1])))
			return s + length + 1;
	return NULL;
}

/* "limit=10, remaining=0, reset=30" as it was, and "\"minute\";r=0;t=30, \"day\";r=5;t=7000" as it is since draft 8. */
static int64_t policies(const char *value, int64_t date)
{
	char *copy, *rest, *item;
	int64_t longest = -1;

	if (parameter(value, "remaining"))
		return is_none_left(parameter(value, "remaining")) ? until_reset(parameter(value, "reset"), date) : -1;
	copy = rest = xstrdup(value);
	while ((item = strsep(&rest, ","))) {
		int64_t reset = is_none_left(parameter(item, "r")) ? until_reset(parameter(item, "t"), date) : -1;

		if (reset > longest)
			longest = reset;
	}
	free(copy);
	return longest;
}

int64_t http_rate_reset(const char *(*header)(void *context, const char *name, size_t number), void *context,
                        int64_t date)
{
	static const char *const families[] = {"RateLimit", "X-RateLimit", "X-Rate-Limit"};
	int64_t longest = -1;
	const char *value;

	for (size_t i = 0; (value = header(context, "RateLimit", i)); i++) {
		int64_t reset = policies(value, date);

		longest = reset > longest ? reset : longest;
	}
	for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++) {
		char *remaining = text_format("%s-Remaining", families[i]),
		     *name = text_format("%s-Reset", families[i]);

		if (is_none_left(header(context, remaining, 0))) {
			int64_t reset = until_reset(header(context, name, 0), date);

			longest = reset > longest ? reset : longest;
		}
		free(remaining);
		free(name);
	}
	return longest;
}
