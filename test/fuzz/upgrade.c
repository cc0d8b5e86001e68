// with: common/upgrade.c common/deflate.c common/netrc.c common/http_settings.c common/option.c common/unit.c common/utf8.c common/json_text.c common/json_want.c common/json_keys.c common/json.c common/json_leaf.c common/text.c common/memory.c common/message.c -lcurl -lcrypto -lz
/*
 * upgrade: any bytes as the answer to a handshake. Its parts are found within it, and what is agreed on is what was offered.
 */
#include "common/upgrade.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/netrc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool right)
{
	if (!right)
		abort();
}

static void check_head(const char *head, bool compression, const char *protocols)
{
	struct upgrade upgrade = {
		.compression = compression, .protocols = protocols, .key = "dGhlIHNhbXBsZSBub25jZQ=="};
	struct upgrade_agreed agreed;
	struct text text = {0};
	int status = upgrade_status(head);

	check(status >= 0 && status <= 999);
	text_init(&text);
	upgrade_add_status(&text, head);
	text_clear(&text);
	upgrade_header(head, "Location", &text);
	check(!strchr(text.data, '\n'));
	if (!upgrade_check(&upgrade, head, &agreed)) {
		check(!agreed.protocol || (protocols && strstr(protocols, agreed.protocol)));
		check(!agreed.compressed || compression);
		check(!agreed.compressed || (agreed.terms.bits >= 8 && agreed.terms.bits <= 15));
		free(agreed.protocol);
	}
	text_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char begin[] = "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
				    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
	struct deflate_terms terms;
	struct text whole = {0}, found = {0};
	ssize_t length;

	text_init(&whole);
	/* Half of them get as far as the extensions. */
	if (size > 0 && data[0] & 1)
		text_add_string(&whole, begin);
	if (size > 0)
		text_add(&whole, data + 1, size - 1);
	length = upgrade_head(whole.data, whole.length);
	check(length >= -1 && length <= (ssize_t)whole.length);
	netrc_find(whole.data, "127.0.0.1", &found);
	deflate_agreed(whole.data, &terms);
	if (length > 0) {
		whole.data[length] = '\0';
		check_head(whole.data, size & 1, size & 2 ? "a, b" : NULL);
	}
	text_free(&whole);
	text_free(&found);
	return 0;
}
