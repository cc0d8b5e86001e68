#include "common/json_leaf.h"

#include "common/block.h"
#include "common/utf8_block.h"

/* The letters of escapes, from 0x40 on, a bit for each: \\ b f n r t. */
static const uint64_t named = 1ULL << ('\\' - 0x40) | 1ULL << ('b' - 0x40) | 1ULL << ('f' - 0x40) |
                              1ULL << ('n' - 0x40) | 1ULL << ('r' - 0x40) | 1ULL << ('t' - 0x40);

/* Behind the escape at s, or NULL: wrong. */
static const char *pass_escape(const char *s, const char *end, unsigned *flags, struct json_leaf_error *error)
{
	unsigned char letter = (unsigned char)s[1];
	int code;

	*flags |= JSON_ESCAPED;
	error->at = s;
	if (end - s < 2) {
		error->text = "unterminated string";
		error->at = end;
		return NULL;
	}
	if (letter != 'u') {
		if (letter == '/')
			*flags |= JSON_RESTRING;
		else if (letter != '"' && (letter < 0x40 || letter > 0x7f || !(named >> (letter - 0x40) & 1)))
			return error->text = "unknown escape in a string", NULL;
		return s + 2;
	}
	*flags |= JSON_RESTRING;
	code = end - s < 6 ? -1 : json_leaf_hex4(s + 2);
	if (code < 0)
		return error->text = "\\u needs four hexadecimal digits", NULL;
	if (code < 0xd800 || code > 0xdbff)
		return s + 6;
	code = end - s < 12 || s[6] != '\\' || s[7] != 'u' ? -1 : json_leaf_hex4(s + 8);
	if (code < 0xdc00 || code > 0xdfff)
		return error->text = "high surrogate without its low one", NULL;
	return s + 12;
}

#ifdef BLOCK

/* What a block must know of \u in the block before. */
struct units {
	uint64_t letters; /* 'u' */
	uint64_t leads; /* 'd' behind it: it may be half of a pair */
	uint64_t firsts; /* the digit behind that, if it is the first half */
};

/* What of a string goes over from block to block. */
struct passage {
	uint64_t escaped; /* as json_leaf_escaped has it */
	struct units units;
	block_half half, wrong; /* the one before; what of UTF-8 is wrong */
	bool ascii; /* the block before was */
	unsigned flags;
};

/* Bits moved up n places (1 to 63), those of the block before moved in. */
static inline uint64_t moved(uint64_t bits, uint64_t before, unsigned n)
{
	return bits << n | before >> (64 - n);
}

/* The letters of escapes but '"'; and NUL, which is wrong in any place. */
BLOCK_INLINE block_half has_name(block_half bytes)
{
	const block_half names = BLOCK_TABLE(0, 0, 'r', 0, 't', 'u', 'f', 0, 0, 0, 0, 0, '\\', 0, 'n', '/');

	return (block_half)(block_lookup(names, bytes) == bytes) | (block_half)(bytes == block_of('b'));
}

/* Hexadecimal digits, of bytes with the bit 0x20 set (which makes digits of some control bytes, but those are wrong in any place). */
BLOCK_INLINE block_half hex(block_half lower)
{
	const block_half digits = BLOCK_TABLE('0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 0, 0, 0, 0, 0, 0);
	const block_half names = BLOCK_TABLE(0, 'a', 'b', 'c', 'd', 'e', 'f', 0, 0, 0, 0, 0, 0, 0, 0, 0);

	return (block_half)(block_lookup(digits, lower) == lower) | (block_half)(block_lookup(names, lower) == lower);
}

/* Whether each \u is followed by four digits, and each first half of a pair by the second one; letters: of the \u in this block. */
BLOCK_INLINE bool pass_units(struct units *units, struct block block, uint64_t letters)
{
	struct block lower = {block.left | 0x20, block.right | 0x20};
	struct units before = *units;
	uint64_t digits = block_bits(hex(lower.left), hex(lower.right));
	uint64_t from_8 = ~block_bits((block_half)(lower.left <= '7'), (block_half)(lower.right <= '7'));
	uint64_t from_c = ~block_bits((block_half)(lower.left <= 'b'), (block_half)(lower.right <= 'b'));
	uint64_t due = moved(letters, before.letters, 1) | moved(letters, before.letters, 2) |
	               moved(letters, before.letters, 3) | moved(letters, before.letters, 4);
	uint64_t second;

	units->letters = letters;
	units->leads = moved(letters, before.letters, 1) & block_equal(lower, 'd');
	second = moved(units->leads, before.leads, 1);
	units->firsts = second & from_8 & ~from_c;
	return !((due & ~digits) | (moved(units->firsts, before.firsts, 6) & ~(second & from_c)));
}

/* letters: those characters of the string that backslashes make part of escapes; quotes: all of the block. */
BLOCK_INLINE bool pass_letters(struct passage *passage, struct block block, uint64_t letters, uint64_t quotes)
{
	/* Of the letters, these have the lowest bit: 'u' and '/', which is without bit 6. */
	uint64_t others = letters & block_bit(block, 0);

	if (letters & ~(quotes | block_bits(has_name(block.left), has_name(block.right))))
		return false;
	passage->flags |= (letters ? JSON_ESCAPED : 0) | (others ? JSON_RESTRING : 0);
	return !(others | passage->units.letters) || pass_units(&passage->units, block, others & block_bit(block, 6));
}

BLOCK_INLINE void pass_utf8(struct passage *passage, struct block block)
{
	bool ascii = block_ascii(block);

	if (!ascii || !passage->ascii)
		passage->wrong |=
			utf8_block_wrong(block.left, passage->half) | utf8_block_wrong(block.right, block.left);
	passage->ascii = ascii;
	passage->half = block.right;
}

BLOCK_INLINE block_half special(block_half bytes)
{
	return (block_half)(bytes <= 0x1f) | (block_half)(bytes == 0x7f);
}

/* Control bytes are wrong, DEL is not. */
BLOCK_INLINE bool pass_special(struct passage *passage, struct block block, uint64_t inside, bool facts)
{
	if (block_bits((block_half)(block.left <= 0x1f), (block_half)(block.right <= 0x1f)) & inside)
		return false;
	passage->flags |= facts ? JSON_RESTRING : 0;
	return true;
}

/*
 * What is left of a string that is valid, from s on, which begins no less than a character or an escape; returns what is behind it.
 * NULL: it is not valid, or seems so for what is behind it.
 */
BLOCK static const char *pass_string(const char *s, const char *end, bool facts, unsigned *flags)
{
	struct passage passage = {.ascii = true};

	for (; s < end; s += sizeof(struct block)) {
		struct block block = block_load(s);
		uint64_t quotes = block_equal(block, '"'), letters, stops, inside;

		letters = json_leaf_escaped(block_equal(block, '\\'), &passage.escaped);
		stops = quotes & ~letters;
		inside = (stops - 1) & ~stops; /* before the first of them */
		letters &= inside;
		if ((block_bits(special(block.left), special(block.right)) & inside) &&
		    !pass_special(&passage, block, inside, facts))
			return NULL;
		if ((letters | passage.units.letters) && !pass_letters(&passage, block, letters, quotes))
			return NULL;
		pass_utf8(&passage, block);
		if (!stops)
			continue;
		s += __builtin_ctzll(stops);
		/* The second half of a pair may be missing. */
		if (s >= end || passage.units.firsts >> 58 || !block_none(passage.wrong))
			return NULL;
		*flags |= passage.flags;
		return s + 1;
	}
	return NULL;
}

#endif

const char *json_leaf_string_rest(const char *first, const char *s, unsigned high, const char *end, bool facts,
                                  unsigned *flags, struct json_leaf_error *error)
{
	size_t length, valid;

#ifdef BLOCK
	if (block_can()) {
		const char *behind = pass_string(high ? first : s, end, facts, flags);

		if (behind)
			return behind;
	}
#endif
	for (;;) {
		vector bytes, more;
		uint32_t special, tops;

		/* Escapes come in rows. */
		while (s < end && *s == '\\') {
			s = pass_escape(s, end, flags, error);
			if (!s)
				return NULL;
		}
		/* Two at once: where there are escapes, there mostly is one of them in so many bytes. */
		bytes = vector_load(s);
		more = vector_load(s + sizeof(bytes));
		special = json_leaf_special(bytes, facts) | json_leaf_special(more, facts) << 16;
		tops = vector_bits(bytes) | vector_bits(more) << 16;
		if (!special) {
			high |= tops;
			s += 2 * sizeof(bytes);
			if (s >= end)
				goto unterminated;
			continue;
		}
		high |= tops & (special - 1) & ~special;
		s += __builtin_ctz(special);
		if (s >= end)
			goto unterminated;
		if (*s == '"')
			break;
		if (*s == 0x7f) {
			*flags |= JSON_RESTRING;
			s++;
		} else if (*s != '\\') {
			error->text = "control character in a string";
			error->at = s;
			return NULL;
		}
	}
	length = (size_t)(s - first);
	valid = high ? utf8_length(first, length) : length;
	if (valid == length)
		return s + 1;
	error->text = "invalid UTF-8 in a string";
	error->at = first + valid;
	return NULL;
unterminated:
	error->text = "unterminated string";
	error->at = end;
	return NULL;
}
