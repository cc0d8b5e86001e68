/*
 * crc32c: the checksum of the journal (Castagnoli's polynomial, as in iSCSI and ext4), by the processor's own
 * instruction where it has one (SSE 4.2), else by tables, eight bytes at a time.
 */
#ifndef PYPE_FLOW_CRC32C_H
#define PYPE_FLOW_CRC32C_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct crc32c {
	bool hardware; /* tests clear it */
	uint32_t table[8][256];
};

void crc32c_init(struct crc32c *crc32c);
/* The checksum of some bytes behind others that have the checksum `before` (0: there are none). */
uint32_t crc32c_add(const struct crc32c *crc32c, uint32_t before, const void *bytes, size_t length);

#endif
