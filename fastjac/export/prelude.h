#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__FAST_MATH__)
#error "NaN and the rounding errors that are put back need IEEE arithmetic: compile without -ffast-math"
#endif

/* Compilers with vectors of their own get the longest that the target has; elsewhere a vector is one number. */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#define FJ_INLINE inline __attribute__((always_inline))
#define FJ_UNROLL _Pragma("clang loop unroll(full)")
#elif defined(__GNUC__)
/* No flag of the floating-point environment is looked at, and a*b + c stays two roundings unless fma is asked for. */
#pragma GCC optimize("fp-contract=off", "no-trapping-math", "no-math-errno")
#define FJ_INLINE inline __attribute__((always_inline))
#define FJ_UNROLL _Pragma("GCC unroll 8")
#else
#define FJ_INLINE inline
#define FJ_UNROLL
#endif

#if defined(__AVX512F__)
#define FJ_VECTOR_BYTES 64
#define FJ_TILE_ROWS 8
#elif defined(__AVX__)
#define FJ_VECTOR_BYTES 32
#define FJ_TILE_ROWS 4
#elif defined(__aarch64__)
#define FJ_VECTOR_BYTES 16
#define FJ_TILE_ROWS 8
#else
#define FJ_VECTOR_BYTES 16
#define FJ_TILE_ROWS 3
#endif

#if defined(__GNUC__)
typedef FJ_REAL FJ_NAME(vector) __attribute__((vector_size(FJ_VECTOR_BYTES), aligned(FJ_SIZE), may_alias));
#define FJ_LANES (FJ_VECTOR_BYTES / FJ_SIZE)
#define FJ_ALIGNED __attribute__((aligned(64)))
#else
typedef FJ_REAL FJ_NAME(vector);
#define FJ_LANES 1
#define FJ_ALIGNED
#endif

#if defined(__FMA__) || defined(__FP_FAST_FMA) || defined(__ARM_FEATURE_FMA)
#define FJ_FAST_FMA 1
#else
#define FJ_FAST_FMA 0
#endif
