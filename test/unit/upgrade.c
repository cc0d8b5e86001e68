/*
 * upgrade, netrc, retry_after: what a handshake is made of.
 */
#include "common/upgrade.h"

#include "common/netrc.h"
#include "common/retry_after.h"
#include "common/unit.h"
#include "test/unit/tap.h"

static void check_place(struct tap *tap, const char *url, const char *host, const char *target, const char *user)
{
	struct upgrade_place place;

	tap_ok(tap, upgrade_place_init(&place, url), "%s", url);
	tap_is(tap, place.host, strlen(place.host), host, strlen(host), "host");
	tap_is(tap, place.target, strlen(place.target), target, strlen(target), "target");
	tap_ok(tap, user ? place.user && strcmp(place.user, user) == 0 : !place.user, "user");
	upgrade_place_clear(&place);
}

static void check_netrc(struct tap *tap, const char *file, const char *host, const char *wanted)
{
	struct text found = {0};
	bool got = netrc_find(file, host, &found);

	tap_ok(tap, wanted ? got && strcmp(found.data, wanted) == 0 : !got, "netrc %s: %s", host, file);
	text_free(&found);
}

static void check_head(struct tap *tap)
{
	static const char head[] = "HTTP/1.1 401 Not you\r\nA: 1\r\na:\t2 \r\nB:\r\nAA: 3\r\n\r\nrest";
	struct text value = {0};

	tap_ok(tap, upgrade_head(head, strlen(head)) == (ssize_t)strlen(head) - 4, "the end of the head");
	for (size_t i = 0; i < strlen(head) - 4; i++)
		if (upgrade_head(head, i) != 0)
			tap_ok(tap, false, "it is not whole after %zu bytes", i);
	tap_ok(tap, upgrade_head("HTTP/2 101", 10) == -1, "another version");
	tap_ok(tap, upgrade_status(head) == 401, "status");
	tap_ok(tap, upgrade_status("HTTP/1.1 1010 x") == 0 && upgrade_status("HTTP/1.1") == 0, "no status");
	text_init(&value);
	tap_ok(tap, upgrade_header(head, "a", &value), "a header");
	tap_is(tap, value.data, value.length, "1, 2", 4, "of which there are two");
	text_clear(&value);
	tap_ok(tap, upgrade_header(head, "b", &value) && value.length == 0, "an empty one");
	tap_ok(tap, !upgrade_header(head, "c", &value), "one that is not there");
	text_free(&value);
}

int main(void)
{
	struct tap tap = {0};
	struct upgrade_place place;

	check_place(&tap, "http://a.example", "a.example", "/", NULL);
	check_place(&tap, "http://a.example:80/x?y=%20#z", "a.example", "/x?y=%20", NULL);
	check_place(&tap, "https://u%3a:p%40@[::1]:8443?q", "[::1]:8443", "/?q", "u::p@");
	check_place(&tap, "http://a.example/\xc3\xbc?\xc3\xbc", "a.example", "/%C3%BC?%C3%BC", NULL);
	tap_ok(&tap, !upgrade_place_init(&place, "http://a b/"), "a malformed URL");
	upgrade_place_clear(&place);
	check_head(&tap);
	check_netrc(&tap, "machine a login n password p", "a", "n:p");
	check_netrc(&tap, "machine a login n password p", "b", NULL);
	check_netrc(&tap, "machine b\nlogin x\npassword y\ndefault login d password e", "A", "d:e");
	check_netrc(&tap, "machine A account q password \"p \\\" \\\\\" login n # no\n", "a", "n:p \" \\");
	check_netrc(&tap, "machine x macdef m\nmachine a login no\n\nmachine a login n", "a", "n:");
	check_netrc(&tap, "machine a", "a", NULL);
	check_netrc(&tap, "machine", "a", NULL);
	check_netrc(&tap, "", "a", NULL);
	tap_ok(&tap, retry_after("7", -1) == 7 * UNIT_S, "seconds");
	tap_ok(&tap, retry_after("Sun, 06 Nov 1994 08:49:37 GMT", 784111767 * UNIT_S) == 10 * UNIT_S, "a date");
	tap_ok(&tap, retry_after("x", -1) == -1 && retry_after(NULL, -1) == -1 && retry_after("1x", -1) == -1, "none");
	return tap_end(&tap);
}
