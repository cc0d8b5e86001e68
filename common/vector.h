/*
 * vector: sixteen bytes at a time, for the scanners of text.
 *
 * A vector is gcc's own type, with its operators: == and < (of unsigned bytes) give 0xff for each byte for which that is
 * true, else 0. Only what gathers these into bits has no operator; with VECTOR_PLAIN, or on a machine that is none of those
 * named here, it is plain C.
 */
#ifndef PYPE_VECTOR_H
#define PYPE_VECTOR_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

#if defined(__SSE2__) && !defined(VECTOR_PLAIN)
#include <emmintrin.h>
#elif defined(__aarch64__) && !defined(VECTOR_PLAIN)
#include <arm_neon.h>
#endif

typedef uint8_t vector __attribute__((vector_size(16)));

/* Sixteen bytes must be readable, or writable. */
static inline vector vector_load(const void *at)
{
	vector bytes;

	memcpy(&bytes, at, sizeof(bytes));
	return bytes;
}

static inline void vector_store(void *at, vector bytes)
{
	memcpy(at, &bytes, sizeof(bytes));
}

static inline vector vector_of(uint8_t byte)
{
	return (vector){0} + byte;
}

static inline vector vector_equal(vector bytes, uint8_t byte)
{
	return (vector)(bytes == vector_of(byte));
}

static inline vector vector_below(vector bytes, uint8_t byte)
{
	return (vector)(bytes < vector_of(byte));
}

/* The highest bit of each byte: of the first one as bit 0, of the last one as bit 15. */
static inline unsigned vector_bits(vector bytes)
{
#if defined(__SSE2__) && !defined(VECTOR_PLAIN)
	return (unsigned)_mm_movemask_epi8((__m128i)bytes);
#elif defined(__aarch64__) && !defined(VECTOR_PLAIN)
	static const uint8_t bits[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
	uint8x16_t set = vandq_u8(vcltzq_s8(vreinterpretq_s8_u8((uint8x16_t)bytes)), vld1q_u8(bits));

	return (unsigned)vaddv_u8(vget_low_u8(set)) | (unsigned)vaddv_u8(vget_high_u8(set)) << 8;
#else
	uint64_t half[2];

	memcpy(half, &bytes, sizeof(half));
	for (int i = 0; i < 2; i++)
		half[i] = (le64toh(half[i]) >> 7 & 0x0101010101010101U) * 0x0102040810204080U >> 56;
	return (unsigned)(half[0] | half[1] << 8);
#endif
}

#endif
