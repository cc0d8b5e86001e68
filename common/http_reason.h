/*
 * http_reason: why a request failed: a kind for programs, a line for people.
 */
#ifndef PYPE_HTTP_REASON_H
#define PYPE_HTTP_REASON_H

#include <curl/curl.h>

#include "common/text.h"

enum http_failure {
	HTTP_OK, /* an answer came, whole; whatever its status */
	HTTP_SETUP, /* cannot be tried at all: a file of certificates cannot be used */
	HTTP_NAME, /* no address for the host or the proxy */
	HTTP_CONNECT, /* refused, unreachable */
	HTTP_TLS, /* no TLS connection, or a certificate that is no good */
	HTTP_UNTRUSTED, /* a certificate whose issuer is not trusted */
	HTTP_PROXY, /* the proxy refuses */
	HTTP_TIMEOUT,
	HTTP_REDIRECTS, /* too many */
	HTTP_TOO_LARGE, /* the body is over the limit */
	HTTP_GARBAGE, /* something other than HTTP came */
	HTTP_CLOSED, /* the connection ended early */
	HTTP_AUTH, /* there is nothing to log in with: no token could be had */
	HTTP_STOPPED, /* the caller has had enough */
	HTTP_OTHER,
};

/*
 * Appends why a transfer ended with code (not CURLE_OK); detail is its CURLOPT_ERRORBUFFER. Texts are lower case, in one
 * line, and hold no secret. The handle must still be as the transfer left it.
 */
enum http_failure http_reason(struct text *text, CURL *easy, CURLcode code, const char *detail);

/* What a transfer that is under way is doing: "connecting", "waiting for the answer". */
const char *http_phase(CURL *easy);

#endif
