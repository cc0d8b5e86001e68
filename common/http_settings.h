/*
 * http_settings: what counts for all HTTP requests of a program: time limits, headers, TLS, authentication, proxy.
 *
 * HTTP_OPTIONS is the part of a program's option table that sets them, so that the words mean the same everywhere;
 * HTTP_HANDSHAKE_OPTIONS those of them that count where libcurl makes no more than the connection, as for a WebSocket.
 * Mechanism for libcurl (http.h and whoever has a handle of its own); when a request is made and made again is not in here.
 */
#ifndef PYPE_HTTP_SETTINGS_H
#define PYPE_HTTP_SETTINGS_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/option.h"

struct http_settings {
	int64_t timeout; /* nanoseconds for a whole request, redirects and body too; 0: no limit */
	int64_t connect_timeout; /* of that, for name, connection and TLS; 0: no limit of its own */
	int64_t max_redirects; /* 0: redirects are not followed */
	struct option_list headers, resolve, connect_to;
	char *user, *bearer, *proxy, *unix_socket, *user_agent, *cacert, *cert, *key;
	char *pinned_key, *interface, *cookies;
	int tls_min; /* index in the option's choices; -1: the library's */
	bool netrc, insecure, no_compression, digest, keep_cookies;
	bool as_signed; /* no option: the request is signed, so path and host stay as they are, without redirects */
};

/* clang-format off */
#define HTTP_HANDSHAKE_OPTIONS(s) \
	OPTION_LIST_SECRET('H', "header", "HEADER", &(s)->headers, "send \"Name: value\" too (repeatable, @FILE, env:NAME)"), \
	OPTION_DURATION('t', "timeout", "TIME", &(s)->timeout, "limit for a whole request (8s)"), \
	OPTION_DURATION(0, "connect-timeout", "TIME", &(s)->connect_timeout, "limit for name, connection and TLS"), \
	OPTION_NUMBER(0, "max-redirects", "N", &(s)->max_redirects, "follow up to N redirects (10)"), \
	OPTION_FLAG(0, "no-compression", &(s)->no_compression, "do not ask for a compressed answer"), \
	OPTION_STRING_SECRET('u', "user", "NAME:PASSWORD", &(s)->user, "basic authentication (@FILE, env:NAME)"), \
	OPTION_STRING_SECRET(0, "bearer", "TOKEN", &(s)->bearer, "bearer token (@FILE, env:NAME)"), \
	OPTION_FLAG(0, "netrc", &(s)->netrc, "look up name and password in ~/.netrc"), \
	OPTION_STRING_SECRET('x', "proxy", "URL", &(s)->proxy, "go through this proxy (@FILE, env:NAME)"), \
	OPTION_STRING(0, "unix-socket", "PATH", &(s)->unix_socket, "connect to this socket instead of the host"), \
	OPTION_LIST(0, "resolve", "HOST:PORT:ADDRESS", &(s)->resolve, "take this address for the host (repeatable)"), \
	OPTION_LIST(0, "connect-to", "HOST:PORT:HOST:PORT", &(s)->connect_to, "connect to the second for the first (repeatable)"), \
	OPTION_STRING(0, "interface", "NAME", &(s)->interface, "connect from this interface or address"), \
	OPTION_STRING('A', "user-agent", "NAME", &(s)->user_agent, "send this User-Agent"), \
	OPTION_STRING(0, "cacert", "FILE", &(s)->cacert, "trust the certificates in FILE (PEM) only"), \
	OPTION_STRING(0, "cert", "FILE", &(s)->cert, "client certificate (PEM)"), \
	OPTION_STRING(0, "key", "FILE", &(s)->key, "its private key (PEM), if not in the same file"), \
	OPTION_STRING(0, "pinned-key", "KEYS", &(s)->pinned_key, "the server's public key is sha256//BASE64, or in this file"), \
	OPTION_CHOICE(0, "tls-min", "1.2|1.3", &(s)->tls_min, "the oldest TLS to speak"), \
	OPTION_FLAG('k', "insecure", &(s)->insecure, "do not verify the server's certificate")
#define HTTP_OPTIONS(s) \
	HTTP_HANDSHAKE_OPTIONS(s), \
	OPTION_FLAG(0, "digest", &(s)->digest, "digest authentication instead, with --user"), \
	OPTION_FLAG(0, "keep-cookies", &(s)->keep_cookies, "send back the cookies that came, while it runs"), \
	OPTION_STRING(0, "cookies", "FILE", &(s)->cookies, "the same, and keep them in FILE")
/* clang-format on */

/* The defaults, which are those of the texts above. */
void http_settings_init(struct http_settings *settings);

/* Ends the program (2) if something in the settings, as given, cannot be right. Opens nothing. */
void http_settings_check(const struct http_settings *settings);

/*
 * Makes the URL to use of one as people write it ("http://" may be missing), and one to show: without name, password, query
 * and fragment ("?..." where a query was). Both are the caller's. Returns NULL, or what is wrong, and then makes neither.
 */
const char *http_url(const char *given, char **url, char **shown);

/*
 * Sets a handle up: all but the URL, the headers, the time limits (http.h keeps them) and what a request brings itself.
 * resolve is that of http_settings_resolve, or NULL; it must outlive the handle.
 */
void http_settings_apply(const struct http_settings *settings, CURL *easy, struct curl_slist *resolve);

/* The option --resolve for libcurl; the caller's, as the lists below. */
struct curl_slist *http_settings_resolve(const struct http_settings *settings);

/*
 * The headers of the settings, and those of more (ended by NULL) whose names they lack; but a Cookie is sent along with that of the
 * settings, in one header (RFC 6265 5.4). What libcurl would add of its own is not sent: an Expect with a large body, for whose
 * answer it waits a second; without a body, a Content-Type.
 */
struct curl_slist *http_settings_headers(const struct http_settings *settings, const char *const *more, bool body);

/* The option --connect-to, as that. */
struct curl_slist *http_settings_connect_to(const struct http_settings *settings);

/*
 * Files that the settings name and that must be readable are; else the program ends (2). Not while it checks itself.
 */
void http_settings_files(const struct http_settings *settings);

/* curl_easy_setopt, which never fails: libcurl has all that is asked for since 7.88, so a no is a broken installation. */
#define HTTP_SET(easy, option, value) http_set_done(curl_easy_setopt(easy, option, value), #option)
void http_set_done(CURLcode code, const char *option);

#endif
