/* Elementary functions of a double and of a float without branches, so that a compiler turns a loop of
 * calls into vector code by itself: no table, no intrinsic, no call into libm.
 *
 * Rounding to nearest is assumed. The library is compiled without contraction (a*b + c stays two
 * roundings) so that the vector body of a loop and its tail give the same bits; fj_muladd_* ask for
 * a fused operation where the hardware has one.
 */
#ifndef FJ_VMATH_H
#define FJ_VMATH_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(_MSC_VER)
#pragma fp_contract(off)
#endif

#if defined(__FMA__) || defined(__FP_FAST_FMA) || defined(__ARM_FEATURE_FMA)
#define FJ_FAST_FMA 1
#else
#define FJ_FAST_FMA 0
#endif

/* The largest argument of exp_reduced: half of the exponent that it makes is that of a normal number. */
#define FJ_EXP_BOUND_F64 1400.0
#define FJ_EXP_BOUND_F32 170.0f

#define FJ_REAL double
#define FJ_BITS uint64_t
#define FJ_MANTISSA 52
#define FJ_NAME(name) fj_##name##_f64
#define FJ_LIBM(name) name
#define FJ_EXP_BOUND FJ_EXP_BOUND_F64
#include "elementary.h"
#undef FJ_REAL
#undef FJ_BITS
#undef FJ_MANTISSA
#undef FJ_NAME
#undef FJ_LIBM
#undef FJ_EXP_BOUND

#define FJ_REAL float
#define FJ_BITS uint32_t
#define FJ_MANTISSA 23
#define FJ_NAME(name) fj_##name##_f32
#define FJ_LIBM(name) name##f
#define FJ_EXP_BOUND FJ_EXP_BOUND_F32
#include "elementary.h"
#undef FJ_REAL
#undef FJ_BITS
#undef FJ_MANTISSA
#undef FJ_NAME
#undef FJ_LIBM
#undef FJ_EXP_BOUND

#endif
