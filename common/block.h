/*
 * block: sixty-four bytes at a time, as bits, for the scanners of text.
 *
 * What a question about each byte gives is a uint64_t whose bit 0 belongs to the first byte. Only functions that are declared BLOCK
 * may ask, and only where block_can says that the machine is one for it (x86 with AVX2); a scanner has another way for those that
 * are not (vector.h). Where BLOCK is not defined, no machine is.
 */
#ifndef PYPE_BLOCK_H
#define PYPE_BLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "common/processor.h"

#if defined(__x86_64__) && !defined(VECTOR_PLAIN)
#include <immintrin.h>

#define BLOCK        __attribute__((target("avx2,bmi")))
#define BLOCK_INLINE static inline __attribute__((target("avx2,bmi"), always_inline))

/* Half a block. As with a vector, == and <= give 0xff for each byte for which that is true, else 0. */
typedef uint8_t block_half __attribute__((vector_size(32)));

struct block {
	block_half left, right;
};

static inline bool block_can(void)
{
	return processor_has_avx2() && processor_has_bmi();
}

/* Sixty-four bytes must be readable. */
BLOCK_INLINE struct block block_load(const void *at)
{
	struct block block;

	memcpy(&block.left, at, sizeof(block.left));
	memcpy(&block.right, (const char *)at + sizeof(block.left), sizeof(block.right));
	return block;
}

/* … and writable. */
BLOCK_INLINE void block_store(void *at, struct block block)
{
	memcpy(at, &block.left, sizeof(block.left));
	memcpy((char *)at + sizeof(block.left), &block.right, sizeof(block.right));
}

/* The highest bits. */
BLOCK_INLINE uint64_t block_bits(block_half left, block_half right)
{
	return (uint32_t)_mm256_movemask_epi8((__m256i)left) | (uint64_t)(uint32_t)_mm256_movemask_epi8((__m256i)right)
	                                                               << 32;
}

/* A bit of each byte; bit 0 is the lowest one. */
BLOCK_INLINE uint64_t block_bit(struct block block, int bit)
{
	return block_bits((block_half)_mm256_slli_epi16((__m256i)block.left, 7 - bit),
	                  (block_half)_mm256_slli_epi16((__m256i)block.right, 7 - bit));
}

BLOCK_INLINE block_half block_of(uint8_t byte)
{
	return (block_half){0} + byte;
}

/* Each byte less by so much, but not below 0. */
BLOCK_INLINE block_half block_minus(block_half half, uint8_t byte)
{
	return (block_half)_mm256_subs_epu8((__m256i)half, (__m256i)block_of(byte));
}

BLOCK_INLINE uint64_t block_equal(struct block block, uint8_t byte)
{
	return block_bits((block_half)(block.left == block_of(byte)), (block_half)(block.right == block_of(byte)));
}

/* Whether all bytes are 0. */
BLOCK_INLINE bool block_none(block_half half)
{
	return _mm256_testz_si256((__m256i)half, (__m256i)half);
}

/* Whether none of the bytes is above 0x7f. */
BLOCK_INLINE bool block_ascii(struct block block)
{
	return _mm256_movemask_epi8((__m256i)(block.left | block.right)) == 0;
}

/* For each byte of a half, the one of a BLOCK_TABLE at its lower four bits; 0 for those from 0x80 on. */
BLOCK_INLINE block_half block_lookup(block_half table, block_half half)
{
	return (block_half)_mm256_shuffle_epi8((__m256i)table, (__m256i)half);
}

/* Of sixteen bytes. */
#define BLOCK_TABLE(...) ((block_half){__VA_ARGS__, __VA_ARGS__})

/* A half as it is n places (1 to 15) earlier; before are the bytes before it. */
#define block_earlier(half, before, n)   \
	((block_half)_mm256_alignr_epi8( \
		(__m256i)(half), _mm256_permute2x128_si256((__m256i)(before), (__m256i)(half), 0x21), 16 - (n)))
#else
static inline bool block_can(void)
{
	return false;
}
#endif

#endif
