#include "common/http_auth.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/aws_sigv4.h"
#include "common/memory.h"
#include "common/message.h"
#include "common/moment.h"
#include "common/shell_output.h"
#include "common/text.h"
#include "common/unit.h"

#define FAR    (10000 * UNIT_DAY) /* no token is kept longer without another look */
#define LEEWAY (30 * UNIT_S) /* at most: how much before its end a token is renewed */

struct http_auth_wait {
	struct http_auth *auth;
	struct http_auth_wait *next, **link;
	const struct http_request *request;
	void (*ready)(void *context, const struct http_credentials *credentials);
	void *context;
};

struct http_auth {
	struct ev_loop *loop;
	const struct http_auth_settings *settings;
	const struct http_settings *http;
	struct ev_timer timer; /* those who wait are told */
	struct http_auth_wait *waiting, **last;

	/* tokens */
	struct shell_output *shell;
	struct oauth2 *oauth2;
	bool asking, refused;
	struct text header, value, error; /* header: "" if there is no token yet */
	uint64_t generation;
	int64_t renew, end; /* when the token is renewed, and when it is of no use; monotonic */
	int64_t retry_after;
	struct message_limit used_on; /* since the token came */

	/* signatures */
	struct aws_sigv4 keys;
	char *names[4]; /* what the keys point to */
};

/* ---- settings ---- */

void http_auth_settings_init(struct http_auth_settings *settings)
{
	*settings = (struct http_auth_settings){.timeout = 10 * UNIT_S};
}

static void only_one(const struct http_auth_settings *settings, const struct http_settings *http)
{
	const char *const given[][2] = {
		{settings->aws ? NULL : http->user, "--user"}, {http->bearer, "--bearer"},
		{settings->bearer_file, "--bearer-file"},      {settings->bearer_command, "--bearer-command"},
		{settings->oauth2.url, "--oauth2-token-url"},  {settings->aws, "--aws-sigv4"},
	};
	const char *first = NULL;

	for (size_t i = 0; i < sizeof(given) / sizeof(*given); i++) {
		if (!given[i][0])
			continue;
		if (first)
			die("%s and %s exclude each other", first, given[i][1]);
		first = given[i][1];
	}
}

/* What is made anew for each request cannot be given for good. */
static void check_headers(const struct http_auth_settings *settings, const struct http_settings *http)
{
	static const char *const names[] = {"Authorization", "X-Amz-Date", "X-Amz-Content-Sha256",
	                                    "X-Amz-Security-Token"};
	struct curl_slist *list = http_settings_headers(http, NULL, false), *item;

	for (item = list; item; item = item->next)
		for (size_t i = 0; i < (settings->aws ? sizeof(names) / sizeof(*names) : 1); i++)
			if (strcspn(item->data, ":;") == strlen(names[i]) &&
			    strncasecmp(item->data, names[i], strlen(names[i])) == 0)
				die("--header %s cannot be given when it is made for each request", names[i]);
	curl_slist_free_all(list);
}

static void check_aws(const struct http_auth_settings *settings, const struct http_settings *http)
{
	const char *slash = strchr(settings->aws, '/'), *service = slash ? slash + 1 : settings->aws;

	if (slash == settings->aws || !*service ||
	    strspn(settings->aws, "abcdefghijklmnopqrstuvwxyz0123456789-/") != strlen(settings->aws) ||
	    strchr(service, '/'))
		die("--aws-sigv4 takes REGION/SERVICE, such as eu-central-1/execute-api, not '%s'", settings->aws);
	if (http->digest)
		die("--digest and --aws-sigv4 exclude each other");
	if (http->user && !option_unread(http->user) && !strchr(http->user, ':'))
		die("--user takes KEY:SECRET with --aws-sigv4, and got something else");
}

void http_auth_settings_check(const struct http_auth_settings *settings, struct http_settings *http)
{
	only_one(settings, http);
	oauth2_check(&settings->oauth2);
	if (settings->lifetime && !settings->bearer_file && !settings->bearer_command)
		die("--bearer-lifetime needs --bearer-file or --bearer-command");
	if (settings->timeout == 0)
		die("--bearer-timeout must be longer than 0");
	if (settings->bearer_command && !*settings->bearer_command)
		die("--bearer-command is empty");
	if (settings->aws_token && !(settings->aws && http->user))
		die("--aws-token needs --aws-sigv4 and --user");
	if (settings->aws)
		check_aws(settings, http);
	if (settings->aws || settings->bearer_file || settings->bearer_command || settings->oauth2.url)
		check_headers(settings, http);
	http->as_signed = settings->aws;
}

/* ---- signatures ---- */

static const char *in_environment(const char *name, const char *other)
{
	const char *value = getenv(name);

	return value && *value ? value : other ? in_environment(other, NULL) : NULL;
}

static void read_keys(struct http_auth *auth)
{
	const struct http_auth_settings *settings = auth->settings;
	const char *slash = strchr(settings->aws, '/'), *user = auth->http->user, *token = settings->aws_token;
	const char *region = slash ? settings->aws : in_environment("AWS_REGION", "AWS_DEFAULT_REGION");
	const char *key = in_environment("AWS_ACCESS_KEY_ID", NULL),
		   *secret = in_environment("AWS_SECRET_ACCESS_KEY", NULL);

	if (!region)
		die("--aws-sigv4 '%s': no region: REGION/SERVICE or $AWS_REGION says it", settings->aws);
	if (user && !strchr(user, ':'))
		die("--user takes KEY:SECRET with --aws-sigv4, and got something else");
	if (!user && (!key || !secret))
		die("--aws-sigv4 has no keys: --user KEY:SECRET or $AWS_ACCESS_KEY_ID and $AWS_SECRET_ACCESS_KEY are "
		    "they");
	if (!user)
		token = in_environment("AWS_SESSION_TOKEN", NULL);
	auth->names[0] = slash ? xstrndup(region, (size_t)(slash - region)) : xstrdup(region);
	auth->names[1] = user ? xstrndup(user, strcspn(user, ":")) : xstrdup(key);
	auth->names[2] = xstrdup(user ? strchr(user, ':') + 1 : secret);
	auth->names[3] = token ? xstrdup(token) : NULL;
	auth->keys = (struct aws_sigv4){.key = auth->names[1], .secret = auth->names[2], .token = auth->names[3]};
	aws_sigv4_service(&auth->keys, auth->names[0], slash ? slash + 1 : settings->aws);
}

/* What is signed of the headers: what says what the body and the request are. What stands between may change others. */
static bool is_signed(const char *header)
{
	size_t length = strcspn(header, ":;");
	static const char *const names[] = {"Host", "Content-Type", "Content-MD5"};

	if (header[length] == ':' && !header[length + 1 + strspn(header + length + 1, " \t")])
		return false;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strlen(names[i]) == length && strncasecmp(header, names[i], length) == 0)
			return true;
	return strncasecmp(header, "X-Amz-", 6) == 0;
}

static void give_signature(struct http_auth_wait *wait)
{
	struct http_auth *auth = wait->auth;
	const struct http_request *request = wait->request;
	struct curl_slist *list = http_settings_headers(auth->http, request->headers, request->body), *item;
	const char **headers, *given[5] = {NULL};
	char *url = aws_url(request->url);
	struct aws_signature signature;
	size_t count = 0;

	for (item = list; item; item = item->next)
		count++;
	headers = xcalloc(count + 1, sizeof(*headers));
	count = 0;
	for (item = list; item; item = item->next)
		if (is_signed(item->data))
			headers[count++] = item->data;
	aws_sigv4_sign(&auth->keys,
	               &(struct aws_request){.method = request->method ? request->method
	                                               : request->body ? "POST"
	                                                               : "GET",
	                                     .url = url,
	                                     .headers = headers,
	                                     .body = request->body,
	                                     .length = request->body ? request->length : 0},
	               moment_unix() / UNIT_S, &signature);
	count = 0;
	given[count++] = signature.authorization;
	given[count++] = signature.date;
	if (signature.token)
		given[count++] = signature.token;
	if (signature.hash)
		given[count++] = signature.hash;
	wait->ready(wait->context, &(struct http_credentials){.retry_after = -1, .headers = given, .url = url});
	aws_signature_free(&signature);
	curl_slist_free_all(list);
	free(headers);
	free(url);
}

/* ---- tokens ---- */

static void tell_soon(struct http_auth *auth)
{
	ev_timer_stop(auth->loop, &auth->timer);
	ev_timer_set(&auth->timer, 0, 0);
	ev_timer_start(auth->loop, &auth->timer);
}

/* As oauth2.h has it, for tokens from elsewhere too. */
static void got(void *context, const struct http_token *token)
{
	struct http_auth *auth = context;
	int64_t now = moment_now(), leeway;

	auth->asking = false;
	tell_soon(auth);
	text_clear(&auth->error);
	if (!token->value) {
		/* The token before is as good as it was, if it is not over or refused. */
		if (auth->header.length > 0 && !auth->refused && now < auth->end) {
			if (message_pass(&auth->used_on))
				message_warning("%s; the token before is used on", token->error);
			return;
		}
		text_clear(&auth->header);
		text_add_string(&auth->error, token->error);
		auth->retry_after = token->retry_after;
		return;
	}
	text_clear(&auth->header);
	text_addf(&auth->header, "Authorization: Bearer %s", token->value);
	auth->generation++;
	auth->refused = false;
	auth->used_on.count = 0;
	auth->renew = auth->end = INT64_MAX;
	if (token->lifetime >= 0) {
		leeway = token->lifetime / 10 < LEEWAY ? token->lifetime / 10 : LEEWAY;
		auth->end = now + (token->lifetime < FAR ? token->lifetime : FAR);
		auth->renew = auth->end - leeway;
	}
}

/* A token that is in these bytes, if there is no error yet. */
static void got_bytes(struct http_auth *auth, const char *bytes, size_t length, struct text *error, const char *from)
{
	struct http_token token = {.lifetime = auth->settings->lifetime ? auth->settings->lifetime : -1,
	                           .retry_after = -1};
	const char *mistake = error->length > 0 ? NULL : http_token_read(bytes, length, &auth->value);

	if (mistake)
		text_addf(error, "no token from %s: %s", from, mistake);
	if (error->length == 0)
		token.value = auth->value.data;
	token.error = error->data;
	got(auth, &token);
}

static void read_file(struct http_auth *auth)
{
	const char *path = auth->settings->bearer_file;
	int fd = open(path, O_RDONLY | O_CLOEXEC), result = fd < 0 ? -1 : 0;
	struct text content = {0}, error = {0};

	text_init(&content);
	if (fd >= 0)
		result = text_add_file(&content, fd, HTTP_TOKEN_MAX);
	if (result < 0)
		text_addf(&error, "no token from --bearer-file '%s': %s", path, strerror(errno));
	else if (result > 0)
		text_addf(&error, "no token from --bearer-file '%s': it is over 64k", path);
	if (fd >= 0)
		close(fd);
	got_bytes(auth, content.data, content.length, &error, "--bearer-file");
	text_free(&content);
	text_free(&error);
}

static void command_ended(void *context, const struct shell_result *result)
{
	struct http_auth *auth = context;
	struct text error = {0};

	auth->shell = NULL;
	if (result->error)
		text_addf(&error, "no token from --bearer-command: %s", result->error);
	else if (*result->said)
		message_info("--bearer-command: %s", result->said);
	got_bytes(auth, result->output, result->length, &error, "--bearer-command");
	text_free(&error);
}

static void renew(struct http_auth *auth)
{
	const struct http_auth_settings *settings = auth->settings;

	if (auth->asking)
		return;
	auth->asking = true;
	if (settings->bearer_file)
		read_file(auth);
	else if (settings->bearer_command)
		auth->shell = shell_output_start(auth->loop, settings->bearer_command, settings->timeout, command_ended,
		                                 auth);
	else
		oauth2_ask(auth->oauth2);
}

static void give_token(struct http_auth_wait *wait)
{
	struct http_auth *auth = wait->auth;
	const char *const headers[] = {auth->header.data, NULL};

	wait->ready(wait->context, &(struct http_credentials){
					   .error = auth->error.length > 0 ? auth->error.data : NULL,
					   .retry_after = auth->retry_after,
					   .headers = headers,
					   .url = wait->request->url,
					   .generation = auth->generation,
				   });
}

/* ---- those who wait ---- */

static void unlink_wait(struct http_auth_wait *wait)
{
	*wait->link = wait->next;
	if (wait->next)
		wait->next->link = wait->link;
	else
		wait->auth->last = wait->link;
}

/* Who asks while the others are told waits for the next time; and all do if the token has been refused meanwhile. */
static void tell(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct http_auth *auth = timer->data;
	struct http_auth_wait mark = {.auth = auth, .link = auth->last}, *wait;

	(void)loop;
	(void)events;
	if (auth->asking)
		return;
	*auth->last = &mark;
	auth->last = &mark.next;
	while ((wait = auth->waiting) != &mark) {
		unlink_wait(wait);
		if (auth->settings->aws)
			give_signature(wait);
		else
			give_token(wait);
		free(wait);
	}
	unlink_wait(&mark);
}

struct http_auth_wait *http_auth_ask(struct http_auth *auth, const struct http_request *request,
                                     void (*ready)(void *context, const struct http_credentials *credentials),
                                     void *context)
{
	struct http_auth_wait *wait = xcalloc(1, sizeof(*wait));

	*wait = (struct http_auth_wait){
		.auth = auth, .link = auth->last, .request = request, .ready = ready, .context = context};
	*auth->last = wait;
	auth->last = &wait->next;
	if (auth->settings->aws ||
	    (!auth->asking && auth->header.length > 0 && !auth->refused && moment_now() < auth->renew))
		tell_soon(auth);
	else
		renew(auth);
	return wait;
}

void http_auth_cancel(struct http_auth_wait *wait)
{
	unlink_wait(wait);
	free(wait);
}

bool http_auth_renews(const struct http_auth *auth)
{
	return !auth->settings->aws;
}

bool http_auth_refused(struct http_auth *auth, uint64_t generation)
{
	if (!http_auth_renews(auth))
		return false;
	/* Another may be there already. */
	if (generation == auth->generation)
		auth->refused = true;
	return true;
}

struct http_auth *http_auth_new(struct ev_loop *loop, const struct http_auth_settings *settings,
                                const struct http_settings *http)
{
	struct http_auth *auth;

	if (!settings->bearer_file && !settings->bearer_command && !settings->oauth2.url && !settings->aws)
		return NULL;
	auth = xcalloc(1, sizeof(*auth));
	*auth = (struct http_auth){.loop = loop, .settings = settings, .http = http, .retry_after = -1};
	auth->last = &auth->waiting;
	ev_init(&auth->timer, tell);
	auth->timer.data = auth;
	if (settings->aws)
		read_keys(auth);
	if (settings->oauth2.url)
		auth->oauth2 = oauth2_new(loop, &settings->oauth2, http, got, auth);
	return auth;
}

void http_auth_free(struct http_auth *auth)
{
	while (auth->waiting)
		http_auth_cancel(auth->waiting);
	ev_timer_stop(auth->loop, &auth->timer);
	if (auth->shell)
		shell_output_abort(auth->shell);
	if (auth->oauth2)
		oauth2_free(auth->oauth2);
	for (size_t i = 0; i < sizeof(auth->names) / sizeof(*auth->names); i++)
		free(auth->names[i]);
	text_free(&auth->header);
	text_free(&auth->value);
	text_free(&auth->error);
	free(auth);
}
