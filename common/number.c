#include "common/number.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * How jq prints a number: the shortest digits that stand for the double, plain or with an exponent, by the rules of
 * jvp_dtoa_fmt, which are the same since jq 1.5.
 */

/* Digits of a positive integer below 2^63. */
static size_t add_integer(char *text, unsigned long long number)
{
	char digits[20];
	size_t count = 0;

	do
		digits[count++] = (char)('0' + number % 10);
	while (number /= 10);
	for (size_t i = 0; i < count; i++)
		text[i] = digits[count - 1 - i];
	return count;
}

/* number = digits * 10^-places with at most fifteen digits, if it is such a one: quick, and most are. */
static bool short_decimal(double number, unsigned long long *digits, int *places)
{
	static const double powers[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10};

	for (int i = 1; i <= 10; i++) {
		double scaled = number * powers[i], whole = nearbyint(scaled);

		if (whole >= 1e15)
			return false;
		if (whole / powers[i] == number) {
			*digits = (unsigned long long)whole;
			*places = i;
			return true;
		}
	}
	return false;
}

/* Fewer than sixteen digits print alike, whatever wrote them; above that the nearest of the shortest. */
static int shortest(char *digits, double number, int *point)
{
	char text[32];
	int count = 0;

	for (int precision = 14; precision <= 16; precision++) {
		snprintf(text, sizeof(text), "%.*e", precision, number);
		if (strtod(text, NULL) == number)
			break;
	}
	for (const char *p = text; *p && *p != 'e'; p++)
		if (*p != '.')
			digits[count++] = *p;
	*point = atoi(strchr(text, 'e') + 1) + 1;
	while (count > 1 && digits[count - 1] == '0')
		count--;
	return count;
}

/* The digits d1 d2 … stand for 0.d1d2… * 10^point. */
static size_t lay_out(char *text, const char *digits, int count, int point)
{
	char *p = text;

	if (point <= -4 || point > count + 15) {
		*p++ = digits[0];
		if (count > 1) {
			*p++ = '.';
			memcpy(p, digits + 1, (size_t)count - 1);
			p += count - 1;
		}
		return (size_t)(p - text) + (size_t)sprintf(p, "e%+03d", point - 1);
	}
	if (point <= 0) {
		*p++ = '0';
		*p++ = '.';
		for (; point < 0; point++)
			*p++ = '0';
		memcpy(p, digits, (size_t)count);
		return (size_t)(p + count - text);
	}
	for (int i = 0; i < count || i < point; i++) {
		if (i == point)
			*p++ = '.';
		*p++ = i < count ? digits[i] : '0';
	}
	return (size_t)(p - text);
}

size_t number_text(char text[NUMBER_TEXT], double number)
{
	char digits[32], *p = text;
	unsigned long long whole;
	int count, point;

	if (signbit(number)) {
		*p++ = '-';
		number = -number;
	}
	if (number < 1e15 && number == (double)(unsigned long long)number)
		return (size_t)(p - text) + add_integer(p, (unsigned long long)number);
	if (number >= 1e-3 && number < 1e15 && short_decimal(number, &whole, &point)) {
		count = (int)add_integer(digits, whole);
		while (digits[count - 1] == '0') {
			count--;
			point--;
		}
		/* whole had as many digits as before: the point is `point` from their end. */
		return (size_t)(p - text) + lay_out(p, digits, count, count - point);
	}
	count = shortest(digits, number, &point);
	return (size_t)(p - text) + lay_out(p, digits, count, point);
}
