#include "common/http_token.h"

#include <stdbool.h>

static bool is_blank(char byte)
{
	return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

const char *http_token_read(const char *bytes, size_t length, struct text *value)
{
	while (length > 0 && is_blank(bytes[length - 1]))
		length--;
	while (length > 0 && is_blank(*bytes)) {
		bytes++;
		length--;
	}
	if (length == 0)
		return "it is empty";
	if (length > HTTP_TOKEN_MAX)
		return "it is over 64k";
	for (size_t i = 0; i < length; i++)
		if (bytes[i] <= ' ' || bytes[i] > '~')
			return "it is no token: one word of letters, digits and signs";
	text_clear(value);
	text_add(value, bytes, length);
	return NULL;
}
