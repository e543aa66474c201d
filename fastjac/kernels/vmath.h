/* Elementary functions of a double without branches, so that a compiler turns a loop of calls into
 * vector code by itself: no table, no intrinsic, no call into libm.
 *
 * Rounding to nearest is assumed. The library is compiled without contraction (a*b + c stays two
 * roundings) so that the vector body of a loop and its tail give the same bits; fj_muladd asks for
 * a fused operation where the hardware has one.
 *
 * References
 *   [CW]  W. J. Cody, W. Waite, Software Manual for the Elementary Functions, 1980: the argument is
 *         reduced by a constant in two parts, the first with trailing zeros so that k*hi is exact.
 *   [M]   J.-M. Muller, Elementary Functions, 3rd ed., 2016: rounding by the magic number 1.5 * 2^52
 *         (2.2.1), the scaling by two powers of two (10.4).
 *   [D]   T. J. Dekker, A floating-point technique for extending the available precision,
 *         Numerische Mathematik 18, 1971: exact products and sums as two doubles.
 *   [S]   Sun Microsystems, fdlibm, e_log.c and s_log1p.c, 1993: log through s = f/(2 + f).
 *   [SL]  M. M. Shepherd, J. G. Laframboise, Chebyshev approximation of (1 + 2x) exp(x^2) erfc x in
 *         0 <= x < inf, Math. Comp. 36, 1981.
 * The polynomials interpolate at Chebyshev nodes (mpmath, 50 digits); errors include the rounding
 * of their coefficients.
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

static inline uint64_t fj_bits(double x)
{
    uint64_t b;
    memcpy(&b, &x, sizeof b);
    return b;
}

static inline double fj_from_bits(uint64_t b)
{
    double x;
    memcpy(&x, &b, sizeof x);
    return x;
}

/* The smaller of x and bound; NaN stays NaN.
 *
 * The choice is made among bits, by a mask. A conditional would let the optimiser compute with both
 * outcomes before it chooses, and raise the overflow that clamping is there to avoid. */
static inline double fj_at_most(double x, double bound)
{
    uint64_t mask = 0 - (uint64_t)(bound < x);
    return fj_from_bits((fj_bits(x) & ~mask) | (fj_bits(bound) & mask));
}

/* x within [-bound, bound], bound > 0; NaN stays NaN. */
static inline double fj_clamp(double x, double bound)
{
    return copysign(fj_at_most(fabs(x), bound), x);
}

/* a*b + c, in one rounding where that is fast. */
static inline double fj_muladd(double a, double b, double c)
{
#if FJ_FAST_FMA
    return fma(a, b, c);
#else
    return a * b + c;
#endif
}

/* a*b - p, exactly, where p = fl(a*b) is neither huge nor subnormal [D]. The factors are cut into
 * halves of 26 and 27 bits by a mask, which unlike Dekker's product by 2^27 + 1 cannot overflow. */
static inline double fj_product_error(double a, double b, double p)
{
#if FJ_FAST_FMA
    return fma(a, b, -p);
#else
    const uint64_t mask = UINT64_C(0xFFFFFFFFF8000000);
    double a_hi = fj_from_bits(fj_bits(a) & mask), a_lo = a - a_hi;
    double b_hi = fj_from_bits(fj_bits(b) & mask), b_lo = b - b_hi;
    return ((a_hi * b_hi - p) + a_hi * b_lo + a_lo * b_hi) + a_lo * b_lo;
#endif
}

/* (a + b) - s, exactly, where s = fl(a + b) is finite (Knuth's two-sum) [D]. */
static inline double fj_sum_error(double a, double b, double s)
{
    double b_part = s - a;
    return (a - (s - b_part)) + (b - b_part);
}

/* num/(w + w_lo), |w_lo| <= ulp(w), where nothing underflows: with FMA within 0.5 ulp, else 1.5 ulp. */
static inline double fj_quotient(double num, double w, double w_lo)
{
#if FJ_FAST_FMA
    double r = 1.0 / w, q = num * r;
    return fma(fma(-q, w_lo, fma(-q, w, num)), r, q);
#else
    (void)w_lo;
    return num / w;
#endif
}

/* exp(x) = (1 + return value) * *scale_1 * *scale_2, for |x| <= 1400.
 *
 * The scales are powers of two, to be multiplied in one after the other; a caller multiplies by the
 * second last, so that a product such as x*exp(x) is rounded once even where exp(x) alone would be
 * subnormal. A result that is not used costs nothing after inlining.
 *
 * The polynomial is exp(r) - 1 = r + r^2 q(r) on |r| <= 0.3467 (ln(2)/2 and rounding), relative error
 * 2^-60; its terms are paired so that few of them wait for one another.
 */
static inline double fj_exp_reduced(double x, double *scale_1, double *scale_2)
{
    const double log2_e = 0x1.71547652b82fep+0;
    const double ln2_hi = 0x1.62e42fee00000p-1; /* 33 bits: k*ln2_hi is exact for |k| < 2^20 [CW] */
    const double ln2_lo = 0x1.a39ef35793c76p-33;
    const double magic = 0x1.8p52 + 2046.0; /* leaves k + 2046 in the low bits [M] */
    double shifted = fj_muladd(x, log2_e, magic);
    double k = shifted - magic;
    double hi = fj_muladd(-k, ln2_hi, x);
    double r = fj_muladd(-k, ln2_lo, hi);
    double r_lo = fj_muladd(-k, ln2_lo, hi - r);

    double r2 = r * r, r4 = r2 * r2;
    double q_0 = fj_muladd(r, 0x1.5555555555557p-3, 0.5);
    double q_2 = fj_muladd(r, 0x1.11111111100d3p-7, 0x1.5555555555556p-5);
    double q_4 = fj_muladd(r, 0x1.a01a01abeccc3p-13, 0x1.6c16c16c162cfp-10);
    double q_6 = fj_muladd(r, 0x1.71de02225a2f3p-19, 0x1.a01a01a6db488p-16);
    double q_8 = fj_muladd(r, 0x1.af4e092e1705bp-26, 0x1.27e4db5bb725ap-22);
    q_8 = fj_muladd(r2, 0x1.1f7315649f2d7p-29, q_8);
    q_4 = fj_muladd(r4, q_8, fj_muladd(r2, q_6, q_4));
    q_0 = fj_muladd(r4, q_4, fj_muladd(r2, q_2, q_0));

    /* 2^k in two factors with exponents floor(k/2) and ceil(k/2), both normal for |k| <= 2020. */
    uint64_t biased = fj_bits(shifted) & 0xFFF;
    *scale_1 = fj_from_bits((biased >> 1) << 52);
    *scale_2 = fj_from_bits((biased - (biased >> 1)) << 52);
    /* exp(r + r_lo) - 1, r_lo*exp(r) being cut after its first term. */
    return r + fj_muladd(r2, q_0, r_lo);
}

/* exp(x + dx) = return value * *scale; beyond +-1400, x is taken as +-1400: far enough for exp(x) to be
 * 0 or inf. *minus_one = exp(x + dx) - 1 holds for x <= 700. */
static inline double fj_exp_scaled(double x, double dx, double *scale, double *minus_one)
{
    double scale_1, z = fj_clamp(x, 1400.0);
    double p = fj_exp_reduced(z, &scale_1, scale);
    p = fj_muladd(z == x ? dx : 0.0, 1.0 + p, p);
    double power = scale_1 * *scale;
    *minus_one = copysign(fj_muladd(power, p, power - 1.0), x);
    return fj_muladd(scale_1, p, scale_1);
}

/* tanh(x); tanh'(x) = *slope * *scale.
 *
 * With t = exp(-2|x|) = c (1 + p), tanh|x| = (1 - t)/(1 + t) and tanh'(x) = 4 t/(1 + t)^2: no two terms
 * cancel, as 1 - c and c p have one sign or c is 1. Beyond 400 both have reached their limits. */
static inline double fj_tanh(double x, double *slope, double *scale)
{
    double scale_1, y = fj_at_most(fabs(x), 400.0);
    double p = fj_exp_reduced(-2.0 * y, &scale_1, scale);
    double c = scale_1 * *scale;
    double w = fj_muladd(c, p, 1.0 + c), w_lo = fj_muladd(c, p, (1.0 + c) - w);
    double u = fj_muladd(scale_1, p, scale_1), t = u * *scale;
    *slope = 4.0 * u / fj_muladd(t, 2.0 + t, 1.0);
    return copysign(fj_quotient(fj_muladd(c, p, c - 1.0), w, w_lo), x);
}

/* exp(x), within 0.7 ulp. */
static inline double fj_exp(double x)
{
    double scale, minus_one;
    double e = fj_exp_scaled(x, 0.0, &scale, &minus_one);
    return e * scale;
}

/* log(1 + x) for 0 <= x < inf.
 *
 * 1 + x = u + c with c the rounding error, u = 2^k m, m in [sqrt(1/2), sqrt(2)), f = m - 1,
 * s = f/(2 + f): log(m) = f - f^2/2 + s (f^2/2 + z R(z)), z = s^2 [S].
 * R on 0 <= z <= 0.02945, relative error 2^-50.9, of which 2^-57.5 is left in the result.
 */
static inline double fj_log1p(double x)
{
    const double ln2_hi = 0x1.62e42fee00000p-1;
    const double ln2_lo = 0x1.a39ef35793c76p-33;
    const uint64_t sqrt_half = UINT64_C(0x3FE6A09E00000000); /* rounded down to 32 bits */
    const uint64_t one = UINT64_C(0x3FF0000000000000);
    const uint64_t two_52 = UINT64_C(0x4330000000000000);
    double u = 1.0 + x;
    double c = fj_sum_error(1.0, x, u) / u;

    /* Counting exponents from sqrt(1/2) instead of 1/2 puts m where it belongs. */
    uint64_t b = fj_bits(u) + (one - sqrt_half);
    double f = fj_from_bits((b & UINT64_C(0x000FFFFFFFFFFFFF)) + sqrt_half) - 1.0;
    double k = fj_from_bits(two_52 | (b >> 52)) - (0x1p52 + 1023.0);

    double s = f / (2.0 + f);
    double z = s * s, z2 = z * z;
    double even = fj_muladd(z2, 0x1.2b5b5fb2eac92p-3, 0x1.7462b69705382p-3);
    double odd = fj_muladd(z2, 0x1.39fe208c33457p-3, 0x1.c71c62debf86bp-3);
    even = fj_muladd(z2, even, 0x1.2492492df6947p-2);
    odd = fj_muladd(z2, odd, 0x1.99999999952b2p-2);
    even = fj_muladd(z2, even, 0x1.5555555555558p-1);
    double R = z * fj_muladd(z, odd, even);
    double half_f2 = 0.5 * f * f;
    return k * ln2_hi - ((half_f2 - (s * (half_f2 + R) + fj_muladd(k, ln2_lo, c))) - f);
}

/* (y + 3/4) exp(y^2/2) Q(y) for 0 <= y <= 40, Q being the upper tail of the normal distribution.
 *
 * A polynomial in u = (y - 4)/(y + 4), which makes the half-line an interval [SL]; the factor y + 3/4
 * leaves values between 0.37 and 0.47, so that rounding matters in the last addition only. Relative
 * error 2^-56.4.
 */
static inline double fj_normal_tail(double y)
{
    double u = (y - 4.0) / (y + 4.0);
    double u2 = u * u;
    double even = fj_muladd(u2, -0x1.37c44d1e1b0a4p-32, -0x1.7f36387b63450p-31);
    double odd = fj_muladd(u2, -0x1.835a110f575cdp-30, 0x1.343c7fbab57b9p-27);
    even = fj_muladd(u2, even, 0x1.221c654e38033p-26);
    odd = fj_muladd(u2, odd, -0x1.c9e93fe7b9164p-26);
    even = fj_muladd(u2, even, -0x1.e6f8b95bbdf9dp-24);
    odd = fj_muladd(u2, odd, 0x1.3b072a97f3b2ep-26);
    even = fj_muladd(u2, even, 0x1.354e424a5da1dp-21);
    odd = fj_muladd(u2, odd, 0x1.7896dc30df110p-22);
    even = fj_muladd(u2, even, -0x1.74f7092e6c3f2p-19);
    odd = fj_muladd(u2, odd, -0x1.b0b5762548d6cp-19);
    even = fj_muladd(u2, even, 0x1.ed59c93b4af41p-17);
    odd = fj_muladd(u2, odd, 0x1.51161d9136f79p-16);
    even = fj_muladd(u2, even, -0x1.8e85f031a4e2bp-14);
    odd = fj_muladd(u2, odd, -0x1.5c4d1e471afaap-14);
    even = fj_muladd(u2, even, 0x1.84dc5fb112aa5p-11);
    odd = fj_muladd(u2, odd, -0x1.d2f5708f6634cp-12);
    even = fj_muladd(u2, even, -0x1.5026db1540302p-8);
    odd = fj_muladd(u2, odd, 0x1.48a60d8bf4f65p-6);
    even = fj_muladd(u2, even, -0x1.46f9ce3a0b654p-5);
    odd = fj_muladd(u2, odd, 0x1.7d26a4d39bff7p-5);
    even = fj_muladd(u2, even, -0x1.181660ccb276bp-6);
    odd = fj_muladd(u2, odd, -0x1.bb386905f3e66p-5);
    return 0x1.cb369eb6f0c64p-2 + (fj_muladd(u, fj_muladd(u, even, odd), 0x1.8767df1a7288fp-56));
}

/* 1 - r (w + w_lo), accurately, where r = fl(1/w): what division and the rounding of w left out. */
static inline double fj_residual(double w, double w_lo, double r)
{
#if FJ_FAST_FMA
    return fma(-w_lo, r, fma(-w, r, 1.0));
#else
    double p = w * r;
    return ((1.0 - p) - fj_product_error(w, r, p)) - w_lo * r;
#endif
}

#endif
