/*
 * processor: what the machine can do beyond what every x86-64 can. On other machines: nothing of it.
 *
 * The C library is asked, which knows. gcc's __builtin_cpu_supports asks the processor, at the start of each program that has
 * it, and in a virtual machine each question goes to the host: that made starting up a tenth slower.
 */
#ifndef PYPE_PROCESSOR_H
#define PYPE_PROCESSOR_H

#include <stdbool.h>

#if defined(__x86_64__) && __has_include(<sys/platform/x86.h>)
#include <sys/platform/x86.h>
#endif

#ifdef CPU_FEATURE_ACTIVE
#define PROCESSOR_CAN(library, compiler) CPU_FEATURE_ACTIVE(library)
#elif defined(__x86_64__)
#define PROCESSOR_CAN(library, compiler) __builtin_cpu_supports(compiler) /* glibc before 2.34 */
#else
#define PROCESSOR_CAN(library, compiler) false
#endif

static inline bool processor_has_avx2(void)
{
	return PROCESSOR_CAN(AVX2, "avx2");
}

static inline bool processor_has_bmi(void)
{
	return PROCESSOR_CAN(BMI1, "bmi");
}

static inline bool processor_has_sse42(void)
{
	return PROCESSOR_CAN(SSE4_2, "sse4.2");
}

#endif
