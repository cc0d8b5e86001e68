#include "common/http_reason.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "common/http_settings.h"

/*
 * What libcurl's codes mean here; the first row counts whose code it is and whose words are in libcurl's detail (NULL: any).
 * begin is how the detail begins where that says nothing new; NULL: all of it is left out.
 */
static const struct cause {
	CURLcode code;
	const char *words;
	enum http_failure failure;
	const char *text, *begin;
} causes[] = {
	{CURLE_COULDNT_RESOLVE_HOST, NULL, HTTP_NAME, "cannot find the host ", "Could not resolve host: "},
	{CURLE_COULDNT_RESOLVE_PROXY, NULL, HTTP_NAME, "cannot find the proxy ", "Could not resolve proxy: "},
	{CURLE_COULDNT_CONNECT, NULL, HTTP_CONNECT, "cannot connect to ", "Failed to connect to "},
	{CURLE_UNSUPPORTED_PROTOCOL, "Protocol ", HTTP_OTHER, "redirected to something other than HTTP", NULL},
	{CURLE_UNSUPPORTED_PROTOCOL, NULL, HTTP_GARBAGE, "the answer is not HTTP", NULL},
	{CURLE_WEIRD_SERVER_REPLY, NULL, HTTP_GARBAGE, "the answer is not HTTP: ", ""},
	{CURLE_URL_MALFORMAT, NULL, HTTP_OTHER, "redirected to a malformed URL", NULL},
	{CURLE_HTTP2, NULL, HTTP_GARBAGE, "the answer is not HTTP/2: ", ""},
	{CURLE_HTTP2_STREAM, NULL, HTTP_CLOSED, "the HTTP/2 stream broke: ", ""},
	{CURLE_BAD_CONTENT_ENCODING, NULL, HTTP_GARBAGE,
         "cannot uncompress the body: ", "Error while processing content unencoding: "},
	{CURLE_OPERATION_TIMEDOUT, NULL, HTTP_TIMEOUT, "timed out: ", ""},
	{CURLE_TOO_MANY_REDIRECTS, NULL, HTTP_REDIRECTS, "too many redirects", NULL},
	{CURLE_FILESIZE_EXCEEDED, NULL, HTTP_TOO_LARGE, "the body is over the limit", NULL},
	{CURLE_PARTIAL_FILE, NULL, HTTP_CLOSED, "the connection was closed in the middle of the body", NULL},
	{CURLE_GOT_NOTHING, NULL, HTTP_CLOSED, "the connection was closed without an answer", NULL},
	{CURLE_RECV_ERROR, "SSL routines:", HTTP_TLS, "TLS connection refused: ", ""},
	{CURLE_RECV_ERROR, "CONNECT tunnel failed", HTTP_PROXY, "the proxy refuses: ", "CONNECT tunnel failed, "},
	{CURLE_RECV_ERROR, "chunked-encoding", HTTP_GARBAGE, "the answer is not HTTP: ", ""},
	{CURLE_RECV_ERROR, NULL, HTTP_CLOSED, "the connection broke: ", "Recv failure: "},
	{CURLE_SEND_ERROR, "SSL routines:", HTTP_TLS, "TLS connection refused: ", ""},
	{CURLE_SEND_ERROR, NULL, HTTP_CLOSED, "the connection broke: ", "Send failure: "},
	{CURLE_PROXY, NULL, HTTP_PROXY, "the proxy refuses: ", ""},
	{CURLE_SSL_CONNECT_ERROR, NULL, HTTP_TLS, "no TLS connection: ", ""},
	{CURLE_SSL_CIPHER, NULL, HTTP_TLS, "no TLS connection: ", ""},
	{CURLE_PEER_FAILED_VERIFICATION, "issuer", HTTP_UNTRUSTED,
         "certificate not accepted: ", "SSL certificate problem: "},
	{CURLE_PEER_FAILED_VERIFICATION, "self-signed", HTTP_UNTRUSTED,
         "certificate not accepted: ", "SSL certificate problem: "},
	{CURLE_PEER_FAILED_VERIFICATION, "SSL certificate problem: ", HTTP_TLS,
         "certificate not accepted: ", "SSL certificate problem: "},
	{CURLE_PEER_FAILED_VERIFICATION, NULL, HTTP_TLS, "certificate not accepted: ", "SSL: "},
	{CURLE_SSL_PINNEDPUBKEYNOTMATCH, NULL, HTTP_TLS, "the server's key is not the one that is pinned", NULL},
	{CURLE_INTERFACE_FAILED, NULL, HTTP_CONNECT, "cannot connect from this interface: ", ""},
	{CURLE_SSL_CERTPROBLEM, NULL, HTTP_SETUP, "cannot use the client certificate: ", ""},
	{CURLE_SSL_CACERT_BADFILE, NULL, HTTP_SETUP, "cannot use the certificates to trust: ", ""},
};

static bool begins(const char *string, const char *with)
{
	return strncmp(string, with, strlen(with)) == 0;
}

/* Appends with a small first letter, unless it begins a word like "TLS". */
static void add_lower(struct text *text, const char *string, size_t length)
{
	size_t at = text->length;

	text_add(text, string, length);
	if (length > 1 && !isupper((unsigned char)string[1]))
		text->data[at] = (char)tolower((unsigned char)string[0]);
}

/* What libcurl says of OpenSSL, "error:0A00010B:SSL routines::wrong version number, errno 0": the last part of it. */
static void add_openssl(struct text *text, const char *detail)
{
	const char *last = strstr(detail, "SSL routines:");

	last += strlen("SSL routines:");
	if (strchr(last, ':'))
		last = strchr(last, ':') + 1;
	add_lower(text, last, strcspn(last, ","));
}

/* "127.0.0.1 port 9 after 0 ms: Couldn't connect to server", of which the system knows the reason better. */
static void add_connect(struct text *text, CURL *easy, const char *detail)
{
	const char *after = strstr(detail, " after ");
	long number = 0;

	curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &number);
	if (!after || number == 0) {
		text_add_string(text, detail);
	} else {
		const char *reason = strerror((int)number);

		text_add(text, detail, (size_t)(after - detail));
		text_add_string(text, ": ");
		add_lower(text, reason, strlen(reason));
	}
}

static void add_detail(struct text *text, CURL *easy, const struct cause *cause, const char *detail)
{
	if (!cause->begin)
		return;
	if (begins(detail, cause->begin))
		detail += strlen(cause->begin);
	if (cause->code == CURLE_COULDNT_CONNECT)
		add_connect(text, easy, detail);
	else if (strstr(detail, "SSL routines:"))
		add_openssl(text, detail);
	else
		add_lower(text, detail, strlen(detail));
}

static const struct cause *find_cause(CURLcode code, const char *detail)
{
	for (size_t i = 0; i < sizeof(causes) / sizeof(*causes); i++)
		if (causes[i].code == code && (!causes[i].words || strstr(detail, causes[i].words)))
			return &causes[i];
	return NULL;
}

static void add_redirect(struct text *text, CURL *easy)
{
	char *effective = NULL, *url, *shown;
	long redirects = 0;

	curl_easy_getinfo(easy, CURLINFO_REDIRECT_COUNT, &redirects);
	curl_easy_getinfo(easy, CURLINFO_EFFECTIVE_URL, &effective);
	if (redirects == 0 || !effective || http_url(effective, &url, &shown))
		return;
	text_addf(text, " (redirected to '%s')", shown);
	free(url);
	free(shown);
}

enum http_failure http_reason(struct text *text, CURL *easy, CURLcode code, const char *detail)
{
	const struct cause *cause = find_cause(code, detail);
	size_t start = text->length;

	if (cause) {
		text_add_string(text, cause->text);
		add_detail(text, easy, cause, detail);
		/* No detail: its separator goes. */
		while (text->length > start && strchr(": ", text->data[text->length - 1]))
			text->data[--text->length] = '\0';
	} else {
		const char *reason = *detail ? detail : curl_easy_strerror(code);

		add_lower(text, reason, strlen(reason));
	}
	add_redirect(text, easy);
	return cause ? cause->failure : HTTP_OTHER;
}

static bool passed(CURL *easy, CURLINFO time)
{
	curl_off_t microseconds = 0;

	curl_easy_getinfo(easy, time, &microseconds);
	return microseconds > 0;
}

const char *http_phase(CURL *easy)
{
	char *address = NULL;

	if (passed(easy, CURLINFO_STARTTRANSFER_TIME_T))
		return "receiving the answer";
	if (passed(easy, CURLINFO_PRETRANSFER_TIME_T))
		return "waiting for the answer";
	/* CURLINFO_CONNECT_TIME is set only when TLS is there too; the address, as soon as there is a connection. */
	if (curl_easy_getinfo(easy, CURLINFO_PRIMARY_IP, &address) == CURLE_OK && address && *address)
		return "starting TLS";
	return passed(easy, CURLINFO_NAMELOOKUP_TIME_T) ? "connecting" : "looking up the name";
}
