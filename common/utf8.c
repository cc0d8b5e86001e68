#include "common/utf8.h"

#include <stdint.h>
#include <string.h>

size_t utf8_length(const char *bytes, size_t length)
{
	const unsigned char *first = (const unsigned char *)bytes, *s = first, *end = s + length;

	while (s < end) {
		uint64_t eight;
		unsigned low = 0x80, high = 0xbf;
		int more;

		if (end - s >= 8) {
			memcpy(&eight, s, 8);
			if (!(eight & 0x8080808080808080ULL)) {
				s += 8;
				continue;
			}
		}
		if (*s < 0x80) {
			s++;
			continue;
		}
		/* RFC 3629: the second byte's range is what excludes overlong forms, surrogates and the rest above U+10FFFF. */
		if (*s < 0xc2 || *s > 0xf4)
			break;
		more = *s < 0xe0 ? 1 : *s < 0xf0 ? 2 : 3;
		if (*s == 0xe0)
			low = 0xa0;
		else if (*s == 0xed)
			high = 0x9f;
		else if (*s == 0xf0)
			low = 0x90;
		else if (*s == 0xf4)
			high = 0x8f;
		if (end - s <= more || s[1] < low || s[1] > high)
			break;
		for (int i = 2; i <= more; i++)
			if ((s[i] & 0xc0) != 0x80)
				return (size_t)(s - first);
		s += more + 1;
	}
	return (size_t)(s - first);
}

size_t utf8_count(const char *string)
{
	size_t count = 0;

	for (; *string; string++)
		count += ((unsigned char)*string & 0xc0) != 0x80;
	return count;
}

bool utf8_valid(const char *bytes, size_t length)
{
	return utf8_length(bytes, length) == length;
}
