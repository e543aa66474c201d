/* The functions of vmath.h for one type, FJ_REAL.
 *
 * Included once per type, with FJ_BITS its bits as an unsigned integer, FJ_MANTISSA the number of bits
 * after the point, FJ_NAME the names made here and FJ_LIBM those of math.h.
 *
 * References
 *   [CW]  W. J. Cody, W. Waite, Software Manual for the Elementary Functions, 1980: the argument is
 *         reduced by a constant in two parts, the first with trailing zeros so that k*hi is exact.
 *   [M]   J.-M. Muller, Elementary Functions, 3rd ed., 2016: rounding by the magic number 1.5 * 2^52
 *         (2.2.1), the scaling by two powers of two (10.4).
 *   [D]   T. J. Dekker, A floating-point technique for extending the available precision,
 *         Numerische Mathematik 18, 1971: exact products and sums as two numbers.
 *   [S]   Sun Microsystems, fdlibm, e_log.c and s_log1p.c, 1993: log through s = f/(2 + f).
 *   [SL]  M. M. Shepherd, J. G. Laframboise, Chebyshev approximation of (1 + 2x) exp(x^2) erfc x in
 *         0 <= x < inf, Math. Comp. 36, 1981.
 * The polynomials interpolate at Chebyshev nodes (mpmath, 50 digits); errors include the rounding
 * of their coefficients.
 */

static inline FJ_BITS FJ_NAME(bits)(FJ_REAL x)
{
    FJ_BITS b;
    memcpy(&b, &x, sizeof b);
    return b;
}

static inline FJ_REAL FJ_NAME(from_bits)(FJ_BITS b)
{
    FJ_REAL x;
    memcpy(&x, &b, sizeof x);
    return x;
}

/* The smaller of x and bound; NaN stays NaN.
 *
 * The choice is made among bits, by a mask. A conditional would let the optimiser compute with both
 * outcomes before it chooses, and raise the overflow that clamping is there to avoid. */
static inline FJ_REAL FJ_NAME(at_most)(FJ_REAL x, FJ_REAL bound)
{
    FJ_BITS mask = 0 - (FJ_BITS)(bound < x);
    return FJ_NAME(from_bits)((FJ_NAME(bits)(x) & ~mask) | (FJ_NAME(bits)(bound) & mask));
}

/* x within [-bound, bound], bound > 0; NaN stays NaN. */
static inline FJ_REAL FJ_NAME(clamp)(FJ_REAL x, FJ_REAL bound)
{
    return FJ_LIBM(copysign)(FJ_NAME(at_most)(FJ_LIBM(fabs)(x), bound), x);
}

/* a*b + c, in one rounding where that is fast. */
static inline FJ_REAL FJ_NAME(muladd)(FJ_REAL a, FJ_REAL b, FJ_REAL c)
{
#if FJ_FAST_FMA
    return FJ_LIBM(fma)(a, b, c);
#else
    return a * b + c;
#endif
}

/* a*b - p, exactly, where p = fl(a*b) is neither huge nor subnormal [D]. The factors are cut into
 * halves by a mask, which unlike Dekker's product by 2^27 + 1 cannot overflow. */
static inline FJ_REAL FJ_NAME(product_error)(FJ_REAL a, FJ_REAL b, FJ_REAL p)
{
#if FJ_FAST_FMA
    return FJ_LIBM(fma)(a, b, -p);
#else
    const FJ_BITS mask = ~(FJ_BITS)0 << (FJ_MANTISSA + 2) / 2;
    FJ_REAL a_hi = FJ_NAME(from_bits)(FJ_NAME(bits)(a) & mask), a_lo = a - a_hi;
    FJ_REAL b_hi = FJ_NAME(from_bits)(FJ_NAME(bits)(b) & mask), b_lo = b - b_hi;
    return ((a_hi * b_hi - p) + a_hi * b_lo + a_lo * b_hi) + a_lo * b_lo;
#endif
}

/* (a + b) - s, exactly, where s = fl(a + b) is finite (Knuth's two-sum) [D]. */
static inline FJ_REAL FJ_NAME(sum_error)(FJ_REAL a, FJ_REAL b, FJ_REAL s)
{
    FJ_REAL b_part = s - a;
    return (a - (s - b_part)) + (b - b_part);
}

/* a*b + c, |c| being at most about |a*b|, with the last rounding and without FMA one of the size of c. */
static inline FJ_REAL FJ_NAME(sum_of_product)(FJ_REAL a, FJ_REAL b, FJ_REAL c)
{
#if FJ_FAST_FMA
    return FJ_LIBM(fma)(a, b, c);
#else
    FJ_REAL p = a * b;
    return p + (FJ_NAME(product_error)(a, b, p) + c);
#endif
}

/* x (y + y_lo), |y_lo| <= ulp(y), with little more than the last rounding. */
static inline FJ_REAL FJ_NAME(times_sum)(FJ_REAL x, FJ_REAL y, FJ_REAL y_lo)
{
    return FJ_NAME(sum_of_product)(x, y, x * y_lo);
}

/* num/(w + w_lo), |w_lo| <= ulp(w), where nothing underflows: with FMA within 0.5 ulp, else 1.5 ulp. */
static inline FJ_REAL FJ_NAME(quotient)(FJ_REAL num, FJ_REAL w, FJ_REAL w_lo)
{
#if FJ_FAST_FMA
    FJ_REAL r = 1 / w, q = num * r;
    return FJ_LIBM(fma)(FJ_LIBM(fma)(-q, w_lo, FJ_LIBM(fma)(-q, w, num)), r, q);
#else
    (void)w_lo;
    return num / w;
#endif
}

/* num/(w + w_lo) = return value + *lo, accurately; *r = fl(1/w). */
static inline FJ_REAL FJ_NAME(quotient_parts)(FJ_REAL num, FJ_REAL w, FJ_REAL w_lo, FJ_REAL *r, FJ_REAL *lo)
{
    FJ_REAL q;
    *r = 1 / w;
    q = num * *r;
#if FJ_FAST_FMA
    *lo = *r * FJ_LIBM(fma)(-q, w_lo, FJ_LIBM(fma)(-q, w, num));
#else
    FJ_REAL p = q * w;
    *lo = *r * (((num - p) - FJ_NAME(product_error)(q, w, p)) - q * w_lo);
#endif
    return q;
}

/* exp(x) = (1 + return value) * *scale_1 * *scale_2, for |x| <= EXP_BOUND.
 *
 * The scales are powers of two, to be multiplied in one after the other; a caller multiplies by the
 * second last, so that a product such as x*exp(x) is rounded once even where exp(x) alone would be
 * subnormal. A result that is not used costs nothing after inlining.
 *
 * The polynomial is exp(r) - 1 = r + r^2 q(r) on |r| <= ln(2)/2 and rounding; its terms are paired so that
 * few of them wait for one another.
 */
static inline FJ_REAL FJ_NAME(exp_reduced)(FJ_REAL x, FJ_REAL *scale_1, FJ_REAL *scale_2)
{
#if FJ_MANTISSA == 52
    const double log2_e = 0x1.71547652b82fep+0;
    const double ln2_hi = 0x1.62e42fee00000p-1; /* 33 bits: k*ln2_hi is exact for |k| < 2^20 [CW] */
    const double ln2_lo = 0x1.a39ef35793c76p-33;
    const double magic = 0x1.8p52 + 2046.0; /* leaves k + 2046 in the low bits [M] */
#else
    const float log2_e = 0x1.715476p+0f;
    const float ln2_hi = 0x1.62e4p-1f; /* 15 bits */
    const float ln2_lo = 0x1.7f7d1cp-20f;
    const float magic = 0x1.8p23f + 254.0f;
#endif
    FJ_REAL shifted = FJ_NAME(muladd)(x, log2_e, magic);
    FJ_REAL k = shifted - magic;
    FJ_REAL hi = FJ_NAME(muladd)(-k, ln2_hi, x);
    FJ_REAL r = FJ_NAME(muladd)(-k, ln2_lo, hi);
    FJ_REAL r_lo = FJ_NAME(muladd)(-k, ln2_lo, hi - r);

    FJ_REAL r2 = r * r;
#if FJ_MANTISSA == 52 /* relative error 2^-60 */
    double r4 = r2 * r2;
    double q = fj_muladd_f64(r, 0x1.5555555555557p-3, 0.5);
    double q_2 = fj_muladd_f64(r, 0x1.11111111100d3p-7, 0x1.5555555555556p-5);
    double q_4 = fj_muladd_f64(r, 0x1.a01a01abeccc3p-13, 0x1.6c16c16c162cfp-10);
    double q_6 = fj_muladd_f64(r, 0x1.71de02225a2f3p-19, 0x1.a01a01a6db488p-16);
    double q_8 = fj_muladd_f64(r, 0x1.af4e092e1705bp-26, 0x1.27e4db5bb725ap-22);
    q_8 = fj_muladd_f64(r2, 0x1.1f7315649f2d7p-29, q_8);
    q_4 = fj_muladd_f64(r4, q_8, fj_muladd_f64(r2, q_6, q_4));
    q = fj_muladd_f64(r4, q_4, fj_muladd_f64(r2, q_2, q));
#else /* 2^-29 */
    float q = fj_muladd_f32(r, 0x1.555556p-3f, 0.5f);
    float q_2 = fj_muladd_f32(r, 0x1.1110e0p-7f, 0x1.5554e8p-5f);
    float q_4 = fj_muladd_f32(r, 0x1.a12652p-13f, 0x1.6d44b2p-10f);
    q = fj_muladd_f32(r2, fj_muladd_f32(r2, q_4, q_2), q);
#endif

    /* 2^k in two factors with exponents floor(k/2) and ceil(k/2), both normal. */
    FJ_BITS biased = FJ_NAME(bits)(shifted) & 0xFFF;
    *scale_1 = FJ_NAME(from_bits)((biased >> 1) << FJ_MANTISSA);
    *scale_2 = FJ_NAME(from_bits)((biased - (biased >> 1)) << FJ_MANTISSA);
    /* exp(r + r_lo) - 1, r_lo*exp(r) being cut after its first term. */
    return r + FJ_NAME(muladd)(r2, q, r_lo);
}

/* What exp_reduced returns for x + dx, p being what it returns for x; |dx| <= ulp(x). */
static inline FJ_REAL FJ_NAME(exp_corrected)(FJ_REAL p, FJ_REAL dx)
{
    return FJ_NAME(muladd)(dx, 1 + p, p);
}

/* exp(x) - 1 = c (1 + p) - 1, from what exp_reduced returns: c - 1 and c p have one sign, or c is 1. */
static inline FJ_REAL FJ_NAME(minus_one)(FJ_REAL p, FJ_REAL scale_1, FJ_REAL scale_2)
{
    FJ_REAL c = scale_1 * scale_2;
    return FJ_NAME(muladd)(c, p, c - 1);
}

/* exp(x) = return value * *scale; beyond EXP_BOUND, x is taken as that: far enough for exp(x) to be 0
 * or inf. */
static inline FJ_REAL FJ_NAME(exp_scaled)(FJ_REAL x, FJ_REAL *scale)
{
    FJ_REAL scale_1, p = FJ_NAME(exp_reduced)(FJ_NAME(clamp)(x, FJ_EXP_BOUND), &scale_1, scale);
    return FJ_NAME(muladd)(scale_1, p, scale_1);
}

/* The same for x + dx, where dx corrects the rounding of x: |dx| <= ulp(x). */
static inline FJ_REAL FJ_NAME(exp_sum_scaled)(FJ_REAL x, FJ_REAL dx, FJ_REAL *scale)
{
    FJ_REAL scale_1, z = FJ_NAME(clamp)(x, FJ_EXP_BOUND);
    FJ_REAL p = FJ_NAME(exp_reduced)(z, &scale_1, scale);
    p = FJ_NAME(exp_corrected)(p, z == x ? dx : 0);
    return FJ_NAME(muladd)(scale_1, p, scale_1);
}

/* tanh(x); tanh'(x) = *slope * *scale.
 *
 * With t = exp(-2|x|) = c (1 + p), tanh|x| = (1 - t)/(1 + t) and tanh'(x) = 4 t/(1 + t)^2: no two terms
 * cancel. Beyond the bound both have reached their limits. */
static inline FJ_REAL FJ_NAME(tanh)(FJ_REAL x, FJ_REAL *slope, FJ_REAL *scale)
{
    FJ_REAL scale_1, y = FJ_NAME(at_most)(FJ_LIBM(fabs)(x), FJ_EXP_BOUND / 2);
    FJ_REAL p = FJ_NAME(exp_reduced)(-2 * y, &scale_1, scale);
    FJ_REAL c = scale_1 * *scale;
    FJ_REAL w = FJ_NAME(muladd)(c, p, 1 + c), w_lo = FJ_NAME(muladd)(c, p, (1 + c) - w);
    FJ_REAL u = FJ_NAME(muladd)(scale_1, p, scale_1), t = u * *scale;
    *slope = 4 * u / FJ_NAME(muladd)(t, 2 + t, 1);
    return FJ_LIBM(copysign)(FJ_NAME(quotient)(FJ_NAME(muladd)(c, p, c - 1), w, w_lo), x);
}

/* log(1 + x) for 0 <= x < inf.
 *
 * 1 + x = u + c with c the rounding error, u = 2^k m, m in [sqrt(1/2), sqrt(2)), f = m - 1,
 * s = f/(2 + f): log(m) = f - f^2/2 + s (f^2/2 + z R(z)), z = s^2 [S], R on 0 <= z <= 0.02945.
 */
static inline FJ_REAL FJ_NAME(log1p)(FJ_REAL x)
{
#if FJ_MANTISSA == 52
    const double ln2_hi = 0x1.62e42fee00000p-1;
    const double ln2_lo = 0x1.a39ef35793c76p-33;
    const uint64_t sqrt_half = UINT64_C(0x3FE6A09E00000000); /* rounded down to 32 bits */
    const uint64_t one = UINT64_C(0x3FF0000000000000);
    const uint64_t two_52 = UINT64_C(0x4330000000000000);
    const double bias = 0x1p52 + 1023.0;
#else
    const float ln2_hi = 0x1.62e4p-1f;
    const float ln2_lo = 0x1.7f7d1cp-20f;
    const uint32_t sqrt_half = UINT32_C(0x3F3504F3);
    const uint32_t one = UINT32_C(0x3F800000);
    const uint32_t two_52 = UINT32_C(0x4B000000);
    const float bias = 0x1p23f + 127.0f;
#endif
    FJ_REAL u = 1 + x;
    FJ_REAL c = FJ_NAME(sum_error)(1, x, u) / u;

    /* Counting exponents from sqrt(1/2) instead of 1/2 puts m where it belongs. */
    FJ_BITS b = FJ_NAME(bits)(u) + (one - sqrt_half);
    FJ_REAL f = FJ_NAME(from_bits)((b & (((FJ_BITS)1 << FJ_MANTISSA) - 1)) + sqrt_half) - 1;
    FJ_REAL k = FJ_NAME(from_bits)(two_52 | (b >> FJ_MANTISSA)) - bias;

    FJ_REAL s = f / (2 + f);
    FJ_REAL z = s * s, z2 = z * z;
#if FJ_MANTISSA == 52 /* relative error 2^-50.9, of which 2^-57.5 is left in the result */
    double even = fj_muladd_f64(z2, 0x1.2b5b5fb2eac92p-3, 0x1.7462b69705382p-3);
    double odd = fj_muladd_f64(z2, 0x1.39fe208c33457p-3, 0x1.c71c62debf86bp-3);
    even = fj_muladd_f64(z2, even, 0x1.2492492df6947p-2);
    odd = fj_muladd_f64(z2, odd, 0x1.99999999952b2p-2);
    even = fj_muladd_f64(z2, even, 0x1.5555555555558p-1);
#else /* 2^-24.8 */
    float even = fj_muladd_f32(z2, 0x1.245c38p-2f, 0x1.555556p-1f);
    float odd = fj_muladd_f32(z2, 0x1.ddd172p-3f, 0x1.9999ecp-2f);
#endif
    FJ_REAL R = z * FJ_NAME(muladd)(z, odd, even);
    FJ_REAL half_f2 = f * f / 2;
    return k * ln2_hi - ((half_f2 - (s * (half_f2 + R) + FJ_NAME(muladd)(k, ln2_lo, c))) - f);
}

/* (y + 3/4) exp(y^2/2) Q(y) for 0 <= y <= 40 (a float: 15), Q being the upper tail of the normal
 * distribution.
 *
 * A polynomial in u = (y - 4)/(y + 4), which makes the half-line an interval [SL]; the factor y + 3/4
 * leaves values between 0.37 and 0.47, so that rounding matters in the last addition only; *lo is what that
 * left out.
 */
static inline FJ_REAL FJ_NAME(normal_tail)(FJ_REAL y, FJ_REAL *lo)
{
    FJ_REAL u = FJ_NAME(muladd)(2, y / (y + 4), -1), u2 = u * u; /* rounded once where u is near -1 */
#if FJ_MANTISSA == 52 /* relative error 2^-56.4 */
    double even = fj_muladd_f64(u2, -0x1.37c44d1e1b0a4p-32, -0x1.7f36387b63450p-31);
    double odd = fj_muladd_f64(u2, -0x1.835a110f575cdp-30, 0x1.343c7fbab57b9p-27);
    even = fj_muladd_f64(u2, even, 0x1.221c654e38033p-26);
    odd = fj_muladd_f64(u2, odd, -0x1.c9e93fe7b9164p-26);
    even = fj_muladd_f64(u2, even, -0x1.e6f8b95bbdf9dp-24);
    odd = fj_muladd_f64(u2, odd, 0x1.3b072a97f3b2ep-26);
    even = fj_muladd_f64(u2, even, 0x1.354e424a5da1dp-21);
    odd = fj_muladd_f64(u2, odd, 0x1.7896dc30df110p-22);
    even = fj_muladd_f64(u2, even, -0x1.74f7092e6c3f2p-19);
    odd = fj_muladd_f64(u2, odd, -0x1.b0b5762548d6cp-19);
    even = fj_muladd_f64(u2, even, 0x1.ed59c93b4af41p-17);
    odd = fj_muladd_f64(u2, odd, 0x1.51161d9136f79p-16);
    even = fj_muladd_f64(u2, even, -0x1.8e85f031a4e2bp-14);
    odd = fj_muladd_f64(u2, odd, -0x1.5c4d1e471afaap-14);
    even = fj_muladd_f64(u2, even, 0x1.84dc5fb112aa5p-11);
    odd = fj_muladd_f64(u2, odd, -0x1.d2f5708f6634cp-12);
    even = fj_muladd_f64(u2, even, -0x1.5026db1540302p-8);
    odd = fj_muladd_f64(u2, odd, 0x1.48a60d8bf4f65p-6);
    even = fj_muladd_f64(u2, even, -0x1.46f9ce3a0b654p-5);
    odd = fj_muladd_f64(u2, odd, 0x1.7d26a4d39bff7p-5);
    even = fj_muladd_f64(u2, even, -0x1.181660ccb276bp-6);
    odd = fj_muladd_f64(u2, odd, -0x1.bb386905f3e66p-5);
    const double middle = 0x1.cb369eb6f0c64p-2;
    double rest = 0x1.8767df1a7288fp-56;
#else /* 2^-28.3 */
    float even = fj_muladd_f32(u2, -0x1.b7130ap-14f, 0x1.8ce8f4p-11f);
    float odd = fj_muladd_f32(u2, -0x1.b21ebep-17f, -0x1.ef0aap-15f);
    even = fj_muladd_f32(u2, even, -0x1.50837ap-8f);
    odd = fj_muladd_f32(u2, odd, -0x1.d91708p-12f);
    even = fj_muladd_f32(u2, even, -0x1.46f83p-5f);
    odd = fj_muladd_f32(u2, odd, 0x1.48a80ap-6f);
    even = fj_muladd_f32(u2, even, -0x1.18168ap-6f);
    odd = fj_muladd_f32(u2, odd, 0x1.7d26a4p-5f);
    odd = fj_muladd_f32(u2, odd, -0x1.bb386ap-5f);
    const float middle = 0x1.cb369ep-2f;
    float rest = 0x1.7851cep-27f;
#endif
#if !FJ_FAST_FMA
    /* What the rounding of u leaves out, times a line near the slope where y is small: it counts there. */
    rest += ((u + 1) - 2 * (y / (y + 4))) * (u * (FJ_REAL)0.4);
#endif
    rest = FJ_NAME(sum_of_product)(u, FJ_NAME(muladd)(u, even, odd), rest);
    FJ_REAL sum = middle + rest;
    *lo = (middle - sum) + rest;
    return sum;
}
