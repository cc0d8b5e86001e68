#include "cmd/flow/journal/crc32c.h"

#include <endian.h>
#include <string.h>

#include "common/processor.h"

/* The polynomial with its bits reversed: the lowest bit is the first. */
static const uint32_t polynomial = 0x82f63b78;

void crc32c_init(struct crc32c *crc32c)
{
	for (uint32_t byte = 0; byte < 256; byte++) {
		uint32_t crc = byte;

		for (int bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ (crc & 1 ? polynomial : 0);
		crc32c->table[0][byte] = crc;
	}
	/* table[n]: the same byte with n zero bytes behind it. */
	for (int n = 1; n < 8; n++) {
		for (uint32_t byte = 0; byte < 256; byte++) {
			uint32_t crc = crc32c->table[n - 1][byte];

			crc32c->table[n][byte] = (crc >> 8) ^ crc32c->table[0][crc & 0xff];
		}
	}
	crc32c->hardware = processor_has_sse42();
}

static uint32_t by_table(const struct crc32c *crc32c, uint32_t crc, const unsigned char *bytes, size_t length)
{
	const uint32_t(*table)[256] = crc32c->table;
	uint64_t word;

	for (; length >= 8; bytes += 8, length -= 8) {
		memcpy(&word, bytes, 8);
		word = le64toh(word) ^ crc;
		crc = table[7][word & 0xff] ^ table[6][(word >> 8) & 0xff] ^ table[5][(word >> 16) & 0xff] ^
		      table[4][(word >> 24) & 0xff] ^ table[3][(word >> 32) & 0xff] ^ table[2][(word >> 40) & 0xff] ^
		      table[1][(word >> 48) & 0xff] ^ table[0][word >> 56];
	}
	for (; length > 0; bytes++, length--)
		crc = (crc >> 8) ^ table[0][(crc ^ *bytes) & 0xff];
	return crc;
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t crc, const unsigned char *bytes,
                                                                 size_t length)
{
	uint64_t wide = crc, word;

	for (; length >= 8; bytes += 8, length -= 8) {
		memcpy(&word, bytes, 8);
		wide = __builtin_ia32_crc32di(wide, word);
	}
	crc = (uint32_t)wide;
	for (; length > 0; bytes++, length--)
		crc = __builtin_ia32_crc32qi(crc, *bytes);
	return crc;
}
#endif

uint32_t crc32c_add(const struct crc32c *crc32c, uint32_t before, const void *bytes, size_t length)
{
#ifdef __x86_64__
	if (crc32c->hardware)
		return ~by_instruction(~before, bytes, length);
#endif
	return ~by_table(crc32c, ~before, bytes, length);
}
