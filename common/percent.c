#include "common/percent.h"

#include <string.h>

void percent_add(struct text *text, const char *bytes, size_t length)
{
	static const char unreserved[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";

	for (size_t i = 0; i < length; i++) {
		if (bytes[i] && strchr(unreserved, bytes[i]))
			text_add_char(text, bytes[i]);
		else
			text_addf(text, "%%%02X", (unsigned char)bytes[i]);
	}
}
