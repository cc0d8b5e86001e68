/*
 * utf8_block: UTF-8 by halves of blocks (block.h).
 *
 * What is wrong shows in two bytes that follow each other: in the upper four bits of both, and in the lower ones of the first. Each
 * of these says which mistakes it may be part of, and a mistake is one that all three name. Whether a third or fourth byte is due
 * is asked of the bytes two and three places before.
 */
#ifndef PYPE_UTF8_BLOCK_H
#define PYPE_UTF8_BLOCK_H

#include "common/block.h"

#ifdef BLOCK

/* Which bytes of a half are wrong (others than 0), by what is before them; before: the half before. Whether the last character is
 * complete, only the next half shows. */
BLOCK_INLINE block_half utf8_block_wrong(block_half bytes, block_half before)
{
	enum {
		CUT = 1, /* a character begins, and no further byte of it follows */
		STRAY = 2, /* a further byte follows ASCII */
		C0 = 4, /* c0, c1: overlong */
		E0 = 8, /* e0, then below a0: overlong */
		ED = 16, /* ed, then from a0 on: a surrogate */
		F0 = 32, /* f0, then below 90: overlong; or f5 and above */
		F4 = 64, /* f4, then from 90 on: above U+10FFFF; or f5 and above */
		FURTHER = 128, /* two further bytes: wrong unless the second one is due */
		ANY = CUT | STRAY | FURTHER,
		BIG = ANY | F0 | F4,
		FOLLOWS = STRAY | FURTHER | C0,
	};
	const block_half first_upper =
		BLOCK_TABLE(STRAY, STRAY, STRAY, STRAY, STRAY, STRAY, STRAY, STRAY, FURTHER, FURTHER, FURTHER, FURTHER,
	                    CUT | C0, CUT, CUT | E0 | ED, CUT | F0 | F4);
	const block_half first_lower = BLOCK_TABLE(ANY | C0 | E0 | F0, ANY | C0, ANY, ANY, ANY | F4, BIG, BIG, BIG, BIG,
	                                           BIG, BIG, BIG, BIG, BIG | ED, BIG, BIG);
	const block_half second_upper =
		BLOCK_TABLE(CUT, CUT, CUT, CUT, CUT, CUT, CUT, CUT, FOLLOWS | E0 | F0, FOLLOWS | E0 | F4,
	                    FOLLOWS | ED | F4, FOLLOWS | ED | F4, CUT, CUT, CUT, CUT);
	block_half first = block_earlier(bytes, before, 1), lower = block_of(0x0f);
	/* From e0 and f0 on the highest bit is left, which is FURTHER. */
	block_half third = block_minus(block_earlier(bytes, before, 2), 0xe0 - FURTHER),
		   fourth = block_minus(block_earlier(bytes, before, 3), 0xf0 - FURTHER);
	block_half mistakes = block_lookup(first_upper, first >> 4) & block_lookup(first_lower, first & lower) &
	                      block_lookup(second_upper, bytes >> 4);

	return mistakes ^ ((third | fourth) & block_of(FURTHER));
}

#endif

#endif
