#include "cmd/sources/listen/signature.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>
#include <strings.h>

#include "common/json_text.h"
#include "common/text.h"
#include "common/unit.h"

/* What is signed before the body, and what has to come out. */
struct claim {
	struct text before;
	const char *value; /* of the header, signatures in it */
	const char *seconds; /* NULL: without a time */
};

const char *signature_check(struct signature *signature)
{
	static const char *const headers[] = {NULL, "Stripe-Signature", "X-Slack-Signature", "Webhook-Signature"};
	static const char *const hub[] = {"X-Hub-Signature-256", "X-Hub-Signature", "X-Hub-Signature-512"};
	static const char *const prefixes[] = {"sha256=", "sha1=", "sha512="};

	if (signature->style != SIGNATURE_PLAIN && (signature->header || signature->prefix))
		return "--hmac-header and --hmac-prefix are for --hmac-style plain";
	if (signature->style != SIGNATURE_PLAIN && (signature->algorithm || signature->encoding))
		return "--hmac-algorithm and --hmac-encoding are for --hmac-style plain";
	signature->before = signature->prefix   ? signature->prefix
	                    : signature->header ? ""
	                                        : prefixes[signature->algorithm];
	signature->where = signature->header ? signature->header : headers[signature->style];
	if (!signature->where)
		signature->where = hub[signature->algorithm];
	if (signature->style == SIGNATURE_STANDARD)
		signature->encoding = SIGNATURE_BASE64;
	return NULL;
}

/* A secret of Standard Webhooks is base64. */
static void add_secret(const struct signature *signature, struct text *key, const char *secret)
{
	struct text quoted = {0};

	if (signature->style != SIGNATURE_STANDARD) {
		text_add_string(key, secret);
		return;
	}
	text_addf(&quoted, "\"%s\"", strncmp(secret, "whsec_", 6) == 0 ? secret + 6 : secret);
	if (!json_add_unbase64(key, quoted.data, quoted.length))
		text_add_string(key, secret);
	text_free(&quoted);
}

static void add_encoded(const struct signature *signature, struct text *text, const unsigned char *digest,
                        size_t length)
{
	if (signature->encoding == SIGNATURE_BASE64) {
		json_add_base64(text, digest, length);
		return;
	}
	for (size_t i = 0; i < length; i++)
		text_addf(text, "%02x", digest[i]);
}

/* The signature as it has to be. */
static void make(const struct signature *signature, const char *secret, const struct text *signed_text,
                 struct text *made)
{
	const EVP_MD *algorithm = signature->algorithm == SIGNATURE_SHA1     ? EVP_sha1()
	                          : signature->algorithm == SIGNATURE_SHA512 ? EVP_sha512()
	                                                                     : EVP_sha256();
	unsigned char digest[EVP_MAX_MD_SIZE];
	struct text key = {0};
	unsigned length = 0;

	text_init(&key);
	add_secret(signature, &key, secret);
	HMAC(algorithm, key.data, (int)key.length, (const unsigned char *)signed_text->data, signed_text->length,
	     digest, &length);
	text_free(&key);
	add_encoded(signature, made, digest, length);
}

/* In a time that does not depend on where the first difference is. Hex digits may be capitals. */
static bool same(const struct signature *signature, const char *given, size_t length, const struct text *made)
{
	char lower[2 * EVP_MAX_MD_SIZE + 1];

	if (length != made->length || length >= sizeof(lower))
		return false;
	memcpy(lower, given, length);
	for (size_t i = 0; i < length && signature->encoding == SIGNATURE_HEX; i++)
		if (lower[i] >= 'A' && lower[i] <= 'F')
			lower[i] = (char)(lower[i] - 'A' + 'a');
	return CRYPTO_memcmp(lower, made->data, length) == 0;
}

/* Goes through the signatures in the header: those with the version in front of them. */
static bool any_same(const struct signature *signature, const char *value, const struct text *made)
{
	static const char *const versions[] = {NULL, "v1=", "v0=", "v1,"};
	const char *version = versions[signature->style] ? versions[signature->style] : signature->before;
	const char *between = signature->style == SIGNATURE_STANDARD ? " "
	                      : signature->style == SIGNATURE_STRIPE ? ", "
	                                                             : "";
	bool found = false;

	while (*value) {
		size_t length = *between ? strcspn(value, between) : strlen(value);

		if (length >= strlen(version) && strncasecmp(value, version, strlen(version)) == 0)
			found |= same(signature, value + strlen(version), length - strlen(version), made);
		value += length;
		value += *between ? strspn(value, between) : 0;
	}
	return found;
}

/* "t=SECONDS" among what a comma parts. */
static void add_stripe_time(struct text *text, const char *value)
{
	while (*value) {
		size_t length = strcspn(value, ",");

		if (length > 2 && strncmp(value, "t=", 2) == 0 && text->length == 0)
			text_add(text, value + 2, length - 2);
		value += length;
		value += strspn(value, ", ");
	}
}

/* Puts together what stands before the body in what is signed; time is the text of the time. False: a header is missing. */
static bool add_before(const struct signature *signature, signature_lookup *lookup, void *context, const char *value,
                       struct text *before, struct text *time)
{
	const char *id, *seconds;

	switch (signature->style) {
	case SIGNATURE_STRIPE:
		add_stripe_time(time, value);
		text_addf(before, "%s.", time->data);
		return time->length > 0;
	case SIGNATURE_SLACK:
		seconds = lookup(context, "X-Slack-Request-Timestamp");
		if (!seconds)
			return false;
		text_add_string(time, seconds);
		text_addf(before, "v0:%s:", seconds);
		return true;
	case SIGNATURE_STANDARD:
		seconds = lookup(context, "Webhook-Timestamp");
		id = lookup(context, "Webhook-Id");
		if (!seconds || !id)
			return false;
		text_add_string(time, seconds);
		text_addf(before, "%s.%s.", id, seconds);
		return true;
	default:
		return true;
	}
}

static bool is_recent(const struct signature *signature, const struct text *time, int64_t now)
{
	int64_t seconds, limit = signature->age / UNIT_S;

	if (signature->style == SIGNATURE_PLAIN || limit == 0)
		return true;
	return unit_number(time->data, &seconds) && seconds >= now / UNIT_S - limit && seconds <= now / UNIT_S + limit;
}

const char *signature_verify(const struct signature *signature, signature_lookup *lookup, void *context,
                             const char *body, size_t length, int64_t now)
{
	const char *value, *reason = NULL;
	struct text text = {0}, time = {0}, made = {0};
	bool good = false;

	if (signature->secrets.count == 0)
		return NULL;
	value = lookup(context, signature->where);
	if (!value)
		return "the request is not signed";
	text_init(&text);
	text_init(&time);
	if (!add_before(signature, lookup, context, value, &text, &time))
		reason = "the signature has no time";
	text_add(&text, body, length);
	for (size_t i = 0; i < signature->secrets.count && !reason; i++) {
		text_clear(&made);
		make(signature, signature->secrets.items[i], &text, &made);
		good |= any_same(signature, value, &made);
	}
	if (!reason && !good)
		reason = "the signature is not good";
	if (!reason && !is_recent(signature, &time, now))
		reason = "the signature is too old, or a clock is wrong";
	text_free(&text);
	text_free(&time);
	text_free(&made);
	return reason;
}
