#include "common/http.h"

#include <stdlib.h>
#include <string.h>

#include "common/http_cookies.h"
#include "common/memory.h"
#include "common/message.h"
#include "common/moment.h"
#include "common/retry_after.h"
#include "common/transfers.h"
#include "common/unit.h"

enum {
	BUFFER = 64 * 1024, /* the largest piece of a body */
	KEPT = 256, /* connections without a request, at most; libcurl's own limit sinks when requests end */
	KEEPALIVE_IDLE = 30, /* seconds without a byte before an endless answer's connection is probed … */
	KEEPALIVE_PAUSE = 10, /* … and between two probes, of which the kernel sends nine */
	HEADERS_LIMIT = 256 * 1024, /* of all headers of a transfer; libcurl 7.88 has no limit and keeps them */
};

struct http {
	struct ev_loop *loop;
	const struct http_settings *settings;
	struct transfers *multi;
	struct curl_slist *resolve, *connect_to;
	struct http_cookies *cookies; /* or NULL */
	struct http_transfer *transfers;
	int64_t away; /* nanoseconds spent in the callers' functions */
};

struct http_transfer {
	struct http *http;
	struct http_transfer *next, **link; /* link: what points here */
	struct http_request request;
	CURL *easy;
	struct curl_slist *headers;
	struct ev_timer timer; /* the end of the time to connect, then that of the whole */
	int64_t start; /* by our_time */
	size_t header_bytes;
	struct text header_lines; /* of the last answer */
	bool answered; /* response is filled in */
	bool headed; /* … by the headers of a 2xx answer, of which the caller was told */
	struct http_response response;
	struct text error;
	char detail[CURL_ERROR_SIZE];
};

/* Monotonic nanoseconds without those that the callers' functions took. */
static int64_t our_time(const struct http *http)
{
	return moment_now() - http->away;
}

/* ---- the end of a transfer ---- */

static void transfer_free(struct http_transfer *transfer)
{
	struct http *http = transfer->http;

	ev_timer_stop(http->loop, &transfer->timer);
	curl_multi_remove_handle(http->multi->multi, transfer->easy);
	curl_easy_cleanup(transfer->easy);
	curl_slist_free_all(transfer->headers);
	*transfer->link = transfer->next;
	if (transfer->next)
		transfer->next->link = transfer->link;
	text_free(&transfer->error);
	text_free(&transfer->header_lines);
	free(transfer);
}

const char *http_header(const struct http_transfer *transfer, const char *name, size_t index)
{
	struct curl_header *found;
	CURLHcode code = curl_easy_header(transfer->easy, name, index, CURLH_HEADER, -1, &found);

	return code == CURLHE_OK ? found->value : NULL;
}

const char *http_last_url(const struct http_transfer *transfer)
{
	char *url = NULL;

	curl_easy_getinfo(transfer->easy, CURLINFO_EFFECTIVE_URL, &url);
	return url ? url : transfer->request.url;
}

/* All headers of the last answer have come. */
static void read_headers(struct http_transfer *transfer)
{
	struct http_response *response = &transfer->response;
	const char *date = http_header(transfer, "Date", 0);
	time_t seconds = date ? curl_getdate(date, NULL) : -1;
	long status = 0;

	curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
	response->status = (int)status;
	response->date = seconds >= 0 ? seconds * UNIT_S : -1;
	response->retry_after = retry_after(http_header(transfer, "Retry-After", 0), response->date);
	response->type = http_header(transfer, "Content-Type", 0);
	response->etag = http_header(transfer, "ETag", 0);
	response->headers = transfer->header_lines.data;
	curl_easy_getinfo(transfer->easy, CURLINFO_EFFECTIVE_URL, &response->url);
	transfer->answered = true;
}

static void explain(struct http_transfer *transfer, CURLcode code)
{
	struct http_response *response = &transfer->response;
	struct text *error = &transfer->error;
	char limit[UNIT_TEXT_MAX];

	if (response->failure == HTTP_OK && code != CURLE_OK)
		response->failure = http_reason(error, transfer->easy, code, transfer->detail);
	if (response->failure == HTTP_TOO_LARGE) {
		text_clear(error);
		text_addf(error, "the body is over the limit of %s", unit_size_text(limit, transfer->request.max_body));
	}
	response->error = error->length > 0 ? error->data : "";
}

/* Tells the caller, and that is the end of the transfer. */
static void finish(struct http_transfer *transfer, CURLcode code)
{
	struct http *http = transfer->http;
	int64_t before = our_time(http);

	explain(transfer, code);
	if (!transfer->answered)
		read_headers(transfer);
	transfer->response.headers = transfer->header_lines.data;
	ev_timer_stop(http->loop, &transfer->timer);
	if (http->cookies)
		http_cookies_save(http->cookies);
	transfer->request.done(transfer->request.context, &transfer->response);
	http->away += our_time(http) - before;
	transfer_free(transfer);
}

/* transfers_new's done. */
static void over(void *context, CURL *easy, CURLcode code)
{
	struct http_transfer *transfer;

	(void)context;
	curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer);
	finish(transfer, code);
}

/* ---- time limits ---- */

static void arm(struct http_transfer *transfer);

static void timed_out(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct http_transfer *transfer = timer->data;
	const struct http_settings *settings = transfer->http->settings;
	int64_t passed = our_time(transfer->http) - transfer->start;
	curl_off_t connected = 0;
	char limit[UNIT_TEXT_MAX];
	bool late;

	(void)loop;
	(void)events;
	curl_easy_getinfo(transfer->easy, CURLINFO_PRETRANSFER_TIME_T, &connected);
	late = settings->connect_timeout && !connected && passed >= settings->connect_timeout;
	if (!late && (!settings->timeout || passed < settings->timeout)) {
		arm(transfer);
		return;
	}
	transfer->response.failure = HTTP_TIMEOUT;
	unit_duration_text(limit, late ? settings->connect_timeout : settings->timeout);
	text_addf(&transfer->error, "timed out after %s while %s", limit, http_phase(transfer->easy));
	if (transfer->response.received > 0)
		text_addf(&transfer->error, ", %llu bytes of the body so far",
		          (unsigned long long)transfer->response.received);
	finish(transfer, CURLE_OPERATION_TIMEDOUT);
}

/* Sets the timer to the limit that comes next. */
static void arm(struct http_transfer *transfer)
{
	const struct http_settings *settings = transfer->http->settings;
	int64_t passed = our_time(transfer->http) - transfer->start, limit = settings->timeout;

	if (settings->connect_timeout > passed)
		limit = settings->connect_timeout;
	if (!limit)
		return;
	ev_timer_stop(transfer->http->loop, &transfer->timer);
	ev_now_update(transfer->http->loop);
	ev_timer_set(&transfer->timer, limit > passed ? (double)(limit - passed) / UNIT_S : 0, 0);
	ev_timer_start(transfer->http->loop, &transfer->timer);
}

/* ---- what libcurl calls ---- */

/* The caller has had enough. */
static void set_stopped(struct http_transfer *transfer)
{
	transfer->response.failure = HTTP_STOPPED;
	text_add_string(&transfer->error, "stopped");
}

/* All headers of an answer are there. False: the caller has had enough. */
static bool take_head(struct http_transfer *transfer)
{
	struct http_request *request = &transfer->request;
	long status = 0;
	int64_t before;
	bool more;

	curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
	if (transfer->headed || status < 200 || status > 299 || !(request->head || request->endless))
		return true;
	transfer->headed = true;
	read_headers(transfer);
	if (request->endless)
		ev_timer_stop(transfer->http->loop, &transfer->timer);
	if (!request->head)
		return true;
	before = our_time(transfer->http);
	more = request->head(request->context, &transfer->response);
	transfer->http->away += our_time(transfer->http) - before;
	if (!more)
		set_stopped(transfer);
	return more;
}

static size_t take_header(char *bytes, size_t size, size_t count, void *context)
{
	struct http_transfer *transfer = context;

	transfer->header_bytes += size * count;
	if (transfer->header_bytes <= HEADERS_LIMIT) {
		bool last = size * count <= 2 && (*bytes == '\r' || *bytes == '\n');

		if (size * count > 5 && memcmp(bytes, "HTTP/", 5) == 0)
			text_clear(&transfer->header_lines);
		text_add(&transfer->header_lines, bytes, size * count);
		return !last || take_head(transfer) ? size * count : 0;
	}
	transfer->response.failure = HTTP_GARBAGE;
	text_addf(&transfer->error, "more than %dk of headers", HEADERS_LIMIT / 1024);
	return 0;
}

static size_t take_body(char *bytes, size_t size, size_t count, void *context)
{
	struct http_transfer *transfer = context;
	struct http_request *request = &transfer->request;
	size_t length = size * count;
	int64_t before;
	bool more;

	if (!transfer->answered)
		read_headers(transfer);
	transfer->response.received += length;
	if (request->max_body && transfer->response.received > request->max_body) {
		transfer->response.failure = HTTP_TOO_LARGE;
		return CURL_WRITEFUNC_ERROR;
	}
	before = our_time(transfer->http);
	more = request->piece(request->context, &transfer->response, bytes, length);
	transfer->http->away += our_time(transfer->http) - before;
	if (more)
		return length;
	set_stopped(transfer);
	return CURL_WRITEFUNC_ERROR;
}

/* ---- the beginning of a transfer ---- */

static void set_method(CURL *easy, const struct http_request *request)
{
	const char *method = request->method ? request->method : request->body ? "POST" : "GET";
	bool sends = request->body || strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0;

	if (strcmp(method, "HEAD") == 0)
		HTTP_SET(easy, CURLOPT_NOBODY, 1L);
	if (sends) {
		HTTP_SET(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->length);
		HTTP_SET(easy, CURLOPT_POSTFIELDS, request->body ? request->body : "");
	}
	if (strcmp(method, sends ? "POST" : "GET") != 0)
		HTTP_SET(easy, CURLOPT_CUSTOMREQUEST, method);
}

struct http_transfer *http_start(struct http *http, const struct http_request *request)
{
	struct http_transfer *transfer = xcalloc(1, sizeof(*transfer));
	CURL *easy = curl_easy_init();

	if (!easy)
		fail("out of memory");
	*transfer = (struct http_transfer){.http = http,
	                                   .request = *request,
	                                   .easy = easy,
	                                   .next = http->transfers,
	                                   .link = &http->transfers,
	                                   .start = our_time(http)};
	if (transfer->next)
		transfer->next->link = &transfer->next;
	http->transfers = transfer;
	transfer->response.date = transfer->response.retry_after = -1;
	http_settings_apply(http->settings, easy, http->resolve);
	if (http->connect_to)
		HTTP_SET(easy, CURLOPT_CONNECT_TO, http->connect_to);
	if (http->cookies)
		http_cookies_apply(http->cookies, easy);
	HTTP_SET(easy, CURLOPT_URL, request->url);
	HTTP_SET(easy, CURLOPT_PRIVATE, transfer);
	HTTP_SET(easy, CURLOPT_ERRORBUFFER, transfer->detail);
	HTTP_SET(easy, CURLOPT_BUFFERSIZE, (long)BUFFER);
	HTTP_SET(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)request->max_body);
	HTTP_SET(easy, CURLOPT_HEADERFUNCTION, take_header);
	HTTP_SET(easy, CURLOPT_HEADERDATA, transfer);
	HTTP_SET(easy, CURLOPT_WRITEFUNCTION, take_body);
	HTTP_SET(easy, CURLOPT_WRITEDATA, transfer);
	if (request->endless) {
		HTTP_SET(easy, CURLOPT_TCP_KEEPALIVE, 1L);
		HTTP_SET(easy, CURLOPT_TCP_KEEPIDLE, (long)KEEPALIVE_IDLE);
		HTTP_SET(easy, CURLOPT_TCP_KEEPINTVL, (long)KEEPALIVE_PAUSE);
	}
	set_method(easy, request);
	transfer->headers = http_settings_headers(http->settings, request->headers, request->body);
	HTTP_SET(easy, CURLOPT_HTTPHEADER, transfer->headers);
	ev_init(&transfer->timer, timed_out);
	transfer->timer.data = transfer;
	arm(transfer);
	if (curl_multi_add_handle(http->multi->multi, easy) != CURLM_OK)
		fail("out of memory");
	return transfer;
}

void http_abort(struct http_transfer *transfer)
{
	transfer_free(transfer);
}

struct http *http_new(struct ev_loop *loop, const struct http_settings *settings)
{
	struct http *http = xcalloc(1, sizeof(*http));

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		fail("libcurl does not start");
	*http = (struct http){.loop = loop, .settings = settings, .multi = transfers_new(loop, over, http)};
	http->resolve = http_settings_resolve(settings);
	http->connect_to = http_settings_connect_to(settings);
	if (settings->cookies || settings->keep_cookies)
		http->cookies = http_cookies_open(settings->cookies);
	curl_multi_setopt(http->multi->multi, CURLMOPT_MAXCONNECTS, (long)KEPT);
	return http;
}

void http_free(struct http *http)
{
	while (http->transfers)
		transfer_free(http->transfers);
	transfers_free(http->multi);
	curl_slist_free_all(http->resolve);
	curl_slist_free_all(http->connect_to);
	if (http->cookies)
		http_cookies_close(http->cookies);
	free(http);
	curl_global_cleanup();
}
