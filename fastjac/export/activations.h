/* Activations: f(x) is returned, f'(x) stored in *d. f(NaN) = f'(NaN) = NaN.
 *
 * Templates of the text that export writes, for one type as in fastjac/kernels/elementary.h; the loops of the
 * engines are in fastjac/kernels/*.pxi. FJ_WIDE names functions of doubles.
 *
 * No comparison holds for NaN, so each conditional ends in the branch that hands x on.
 */

static inline FJ_REAL FJ_NAME(one_or_nan)(FJ_REAL x)
{
    return FJ_LIBM(fabs)(x) >= 0 ? 1 : x;
}

/* c*x, with 0*inf = 0. */
static inline FJ_REAL FJ_NAME(times)(FJ_REAL c, FJ_REAL x)
{
    return c * (FJ_LIBM(fabs)(c) > 0 ? x : FJ_NAME(clamp)(x, 1));
}

/* x, bounded so that its product with a parameter of ordinary size is finite. */
static inline FJ_REAL FJ_NAME(wide)(FJ_REAL x)
{
#if FJ_MANTISSA == 52
    return FJ_NAME(clamp)(x, 1e300);
#else
    return FJ_NAME(clamp)(x, 1e30f);
#endif
}

/* min(x, 0), but not below the bound of exp; without a comparison, see the clamp. */
static inline FJ_REAL FJ_NAME(negative_part)(FJ_REAL x)
{
    const FJ_REAL y = FJ_NAME(clamp)(x, FJ_EXP_BOUND);
    return (y - FJ_LIBM(fabs)(y)) / 2;
}

/* a b + c, |c| being about the rounding of the product, with little more than the last rounding. */
static inline FJ_REAL FJ_NAME(sum_of_product)(FJ_REAL a, FJ_REAL b, FJ_REAL c)
{
    const FJ_REAL product = a * b;
    return product + (FJ_NAME(product_error)(a, b, product) + c);
}

/* exp(-c x^2) = return value * *scale, for c = 1 or 1/2 and |x| <= 40: the square is split. */
static inline FJ_REAL FJ_NAME(gauss)(FJ_REAL x, FJ_REAL c, FJ_REAL *scale)
{
    const FJ_REAL q = x * x;
    return FJ_NAME(exp_sum_scaled)(-c * q, -c * FJ_NAME(product_error)(x, x, q), scale);
}

/* sigmoid(x) = (return value + *s_lo) * *scale = *s * *scale and sigmoid(-x) = *minus, with one division;
 * p and the scales are those of exp_reduced(-|x|). */
static inline FJ_REAL FJ_NAME(logistic)(FJ_REAL x, FJ_REAL p, FJ_REAL scale_1, FJ_REAL scale_2, FJ_REAL *s_lo,
                                        FJ_REAL *s, FJ_REAL *minus, FJ_REAL *scale)
{
    const FJ_REAL e = FJ_NAME(muladd)(scale_1, p, scale_1), t = e * scale_2, w = 1 + t;
    FJ_REAL unused;
    const FJ_REAL s_hi = FJ_NAME(quotient_parts)(x > 0 ? 1 : e, w, (1 - w) + t, &unused, s_lo);
    *s = s_hi + *s_lo;
    *scale = x > 0 ? 1 : scale_2;
    *minus = x > 0 ? t * *s : 1 - *s * scale_2;
    return s_hi;
}

/* The parts of sigmoid(x). */
static inline FJ_REAL FJ_NAME(logistic_at)(FJ_REAL x, FJ_REAL *s_lo, FJ_REAL *s, FJ_REAL *minus, FJ_REAL *scale)
{
    FJ_REAL scale_1, scale_2;
    const FJ_REAL y = FJ_NAME(at_most)(FJ_LIBM(fabs)(x), FJ_EXP_BOUND);
    const FJ_REAL p = FJ_NAME(exp_reduced)(-y, &scale_1, &scale_2);
    return FJ_NAME(logistic)(x, p, scale_1, scale_2, s_lo, s, minus, scale);
}

/* The parts of sigmoid(x + dx); dx corrects the rounding of x. */
static inline FJ_REAL FJ_NAME(logistic_at_sum)(FJ_REAL x, FJ_REAL dx, FJ_REAL *s_lo, FJ_REAL *s, FJ_REAL *minus,
                                               FJ_REAL *scale)
{
    FJ_REAL scale_1, scale_2;
    const FJ_REAL y = FJ_LIBM(fabs)(x), z = FJ_NAME(at_most)(y, FJ_EXP_BOUND);
    const FJ_REAL dz = y > z ? 0 : x > 0 ? -dx : dx;
    const FJ_REAL p = FJ_NAME(exp_corrected)(FJ_NAME(exp_reduced)(-z, &scale_1, &scale_2), dz);
    return FJ_NAME(logistic)(x, p, scale_1, scale_2, s_lo, s, minus, scale);
}

/* f'(0) = 0. */
static inline FJ_REAL FJ_NAME(f_relu)(FJ_REAL x, FJ_REAL *d)
{
    *d = x <= 0 ? 0 : FJ_NAME(one_or_nan)(x);
    return x <= 0 ? 0 : x;
}

/* f'(0) = f'(6) = 0. */
static inline FJ_REAL FJ_NAME(f_relu6)(FJ_REAL x, FJ_REAL *d)
{
    *d = x <= 0 ? 0 : x >= 6 ? 0 : FJ_NAME(one_or_nan)(x);
    return x <= 0 ? 0 : x >= 6 ? 6 : x;
}

/* f'(0) = slope. */
static inline FJ_REAL FJ_NAME(f_leaky_relu)(FJ_REAL x, FJ_REAL slope, FJ_REAL *d)
{
    *d = x <= 0 ? slope : FJ_NAME(one_or_nan)(x);
    return x > 0 ? x : FJ_NAME(times)(slope, x);
}

/* f'(0) = slope. */
static inline FJ_REAL FJ_NAME(f_prelu)(FJ_REAL x, FJ_REAL slope, FJ_REAL *d)
{
    return FJ_NAME(f_leaky_relu)(x, slope, d);
}

/* f'(theta) = 0. */
static inline FJ_REAL FJ_NAME(f_thresholded_relu)(FJ_REAL x, FJ_REAL theta, FJ_REAL *d)
{
    *d = x <= theta ? 0 : FJ_NAME(one_or_nan)(x);
    return x <= theta ? 0 : x;
}

/* max(x, 0) + alpha (exp(y) - 1), y = min(x, 0); f'(0) = alpha. */
static inline FJ_REAL FJ_NAME(f_elu)(FJ_REAL x, FJ_REAL alpha, FJ_REAL *d)
{
    FJ_REAL scale_1, scale_2;
    const FJ_REAL q = FJ_NAME(exp_reduced)(FJ_NAME(negative_part)(x), &scale_1, &scale_2);
    const FJ_REAL e = FJ_NAME(muladd)(scale_1, q, scale_1);
    *d = x > 0 ? 1 : alpha * e * scale_2;
    return (x > 0 ? x : 0) + alpha * FJ_NAME(minus_one)(q, scale_1, scale_2);
}

/* c elu(x, alpha); f'(0) = c alpha. Constants of Klambauer et al. 2017. */
static inline FJ_REAL FJ_NAME(f_selu)(FJ_REAL x, FJ_REAL *d)
{
    const FJ_REAL slope = (FJ_REAL)1.0507009873554804934193349852946;
    const FJ_REAL slope_alpha = (FJ_REAL)1.7580993408473768599402;
    FJ_REAL scale_1, scale_2;
    const FJ_REAL q = FJ_NAME(exp_reduced)(FJ_NAME(negative_part)(x), &scale_1, &scale_2);
    const FJ_REAL e = FJ_NAME(muladd)(scale_1, q, scale_1);
    *d = x > 0 ? slope : slope_alpha * e * scale_2;
    return x > 0 ? slope * x : FJ_LIBM(copysign)(slope_alpha * FJ_NAME(minus_one)(q, scale_1, scale_2), x);
}

/* max(x, 0) + alpha (exp(y/alpha) - 1) and exp(y/alpha), y = min(x, 0), alpha > 0. */
static inline FJ_REAL FJ_NAME(f_celu)(FJ_REAL x, FJ_REAL alpha, FJ_REAL *d)
{
    FJ_REAL scale_1, scale_2, w = FJ_NAME(wide)(x);
    const FJ_REAL y = (w - FJ_LIBM(fabs)(w)) / 2, z = y / alpha, product = z * alpha;
    const FJ_REAL dz = ((y - product) - FJ_NAME(product_error)(z, alpha, product)) / alpha;
    const FJ_REAL bounded = FJ_NAME(negative_part)(z);
    const FJ_REAL p = FJ_NAME(exp_reduced)(bounded, &scale_1, &scale_2);
    const FJ_REAL q = FJ_NAME(exp_corrected)(p, z < bounded ? 0 : dz);
    *d = FJ_NAME(muladd)(scale_1, q, scale_1) * scale_2;
    return (x > 0 ? x : 0) + alpha * FJ_NAME(minus_one)(q, scale_1, scale_2);
}

/* f'(low) = f'(high) = 0. */
static inline FJ_REAL FJ_NAME(f_hard_tanh)(FJ_REAL x, FJ_REAL low, FJ_REAL high, FJ_REAL *d)
{
    *d = x <= low ? 0 : x >= high ? 0 : FJ_NAME(one_or_nan)(x);
    return x <= low ? low : x >= high ? high : x;
}

/* min(max(slope x + offset, 0), 1); f' = 0 at both ends. The product is rounded before the offset is added. */
static inline FJ_REAL FJ_NAME(f_hard_sigmoid)(FJ_REAL x, double slope, double offset, FJ_REAL *d)
{
    const double y = FJ_WIDE(clamp)(FJ_WIDE(times)(slope, x), 1e300) + offset;
    *d = (FJ_REAL)(y <= 0 ? 0 : y >= 1 ? 0 : y < 1 ? slope : y);
    return (FJ_REAL)(y <= 0 ? 0 : y >= 1 ? 1 : y);
}

/* f'(-3) = 0, f'(3) = 1. */
static inline FJ_REAL FJ_NAME(f_hard_swish)(FJ_REAL x, FJ_REAL *d)
{
    const double y = FJ_WIDE(clamp)(x, 3); /* no overflow of y*y in a branch that is not taken */
    *d = (FJ_REAL)(x <= -3 ? 0 : x >= 3 ? 1 : (2 * y + 3) / 6);
    return (FJ_REAL)(x >= 3 ? x : y * (y + 3) / 6);
}

static inline FJ_REAL FJ_NAME(f_tanh)(FJ_REAL x, FJ_REAL *d)
{
    FJ_REAL slope, scale;
    const FJ_REAL y = FJ_NAME(tanh)(x, &slope, &scale);
    *d = slope * scale;
    return y;
}

/* s and s (1 - s) = t/(1 + t)^2. */
static inline FJ_REAL FJ_NAME(f_sigmoid)(FJ_REAL x, FJ_REAL *d)
{
    FJ_REAL scale_1, scale_2, unused, s_lo;
    const FJ_REAL y = FJ_NAME(at_most)(FJ_LIBM(fabs)(x), FJ_EXP_BOUND);
    const FJ_REAL q = FJ_NAME(exp_reduced)(-y, &scale_1, &scale_2);
    const FJ_REAL e = FJ_NAME(muladd)(scale_1, q, scale_1), t = e * scale_2, w = 1 + t;
    const FJ_REAL s = FJ_NAME(quotient_parts)(x > 0 ? 1 : e, w, (1 - w) + t, &unused, &s_lo);
    *d = e / FJ_NAME(muladd)(t, 1 + w, 1) * scale_2;
    return (s + s_lo) * (x > 0 ? 1 : scale_2);
}

/* min(x, 0) - log1p(t) and sigmoid(-x). */
static inline FJ_REAL FJ_NAME(f_log_sigmoid)(FJ_REAL x, FJ_REAL *d)
{
    FJ_REAL scale;
    const FJ_REAL e = FJ_NAME(exp_scaled)(-FJ_LIBM(fabs)(x), &scale), t = e * scale;
    *d = (x > 0 ? t : 1) / (1 + t);
    return (x < 0 ? x : 0) - FJ_NAME(log1p)(t);
}

/* max(x, 0) + log1p(t)/beta and sigmoid(beta x), with t = exp(-|beta x|). */
static inline FJ_REAL FJ_NAME(f_softplus)(FJ_REAL x, FJ_REAL beta, FJ_REAL *d)
{
    FJ_REAL scale;
    const FJ_REAL y = FJ_NAME(wide)(x), z = beta * y, dz = FJ_NAME(product_error)(beta, y, z);
    const FJ_REAL e = FJ_NAME(exp_sum_scaled)(-FJ_LIBM(fabs)(z), z > 0 ? -dz : dz, &scale);
    const FJ_REAL t = e * scale, w = 1 + t;
    const FJ_REAL s = FJ_NAME(quotient)(z > 0 ? 1 : e, w, (1 - w) + t);
    /* Below -40, log1p(t) is t to the last bit, and what is divided by beta is not subnormal. */
    const FJ_REAL tail = (z < -40 ? e : FJ_NAME(log1p)(t)) / beta * (z < -40 ? scale : 1);
    *d = s * (z > 0 ? 1 : scale);
    return (x > 0 ? x : 0) + tail;
}

/* x/(1 + |x|) and 1/(1 + |x|)^2. */
static inline FJ_REAL FJ_NAME(f_softsign)(FJ_REAL x, FJ_REAL *d)
{
    const double y = FJ_WIDE(clamp)(x, 1e308), w = 1 / (1 + fabs(y));
    *d = (FJ_REAL)(w * w);
    return (FJ_REAL)(y / (1 + fabs(y)));
}

/* x s and s (1 + x (1 - s)), s = sigmoid(x). */
static inline FJ_REAL FJ_NAME(f_silu)(FJ_REAL x, FJ_REAL *d)
{
    FJ_REAL s, s_lo, minus, scale;
    const FJ_REAL y = FJ_NAME(clamp)(x, 1000), s_hi = FJ_NAME(logistic_at)(y, &s_lo, &s, &minus, &scale);
    *d = s * FJ_NAME(muladd)(y, minus, 1) * scale;
    return x > 1000 ? x : FJ_NAME(times_sum)(y, s_hi, s_lo) * scale;
}

/* (beta (1 - s) + s) x and beta (1 - s) + s (1 + (1 - beta) z (1 - s)), z = alpha x, s = sigmoid(z)
 * [Alsing et al. 2020, eq. 8]. */
static inline FJ_REAL FJ_NAME(f_speculator)(FJ_REAL x, FJ_REAL alpha, FJ_REAL beta, FJ_REAL *d)
{
    FJ_REAL s, s_lo, minus, scale;
    const FJ_REAL y = FJ_NAME(wide)(x), z = alpha * y;
    const FJ_REAL s_hi = FJ_NAME(logistic_at_sum)(z, FJ_NAME(product_error)(alpha, y, z), &s_lo, &s, &minus, &scale);
    const FJ_REAL t = FJ_LIBM(fabs)(x) > FJ_LIBM(fabs)(y) ? x * s * scale : FJ_NAME(times_sum)(y, s_hi, s_lo) * scale;
    *d = beta * minus + s * FJ_NAME(muladd)((1 - beta) * FJ_NAME(clamp)(z, 1000), minus, 1) * scale;
    return FJ_NAME(times)(beta * minus, x) + (z < -FJ_EXP_BOUND ? 0 : t);
}

/* x T and T + x (1 - T^2) sigmoid(x), T = tanh(softplus(x)).
 *
 * With (k, m) = (t, 1) for x <= 0 and (1, t) for x > 0, which have the ratio exp(x), u = k + 2 m and
 * v = k u + 2 m^2: T = k u/v and f' = k (u/v + 4 x m^2 (k + m)/v^2). */
static inline FJ_REAL FJ_NAME(f_mish)(FJ_REAL x, FJ_REAL *d)
{
    FJ_REAL scale_t, r_lo, unused;
    const FJ_REAL y = FJ_NAME(clamp)(x, 1000);
    const FJ_REAL e_t = FJ_NAME(exp_scaled)(-FJ_LIBM(fabs)(x), &scale_t), t = e_t * scale_t;
    const FJ_REAL e = x > 0 ? 1 : e_t, scale = x > 0 ? 1 : scale_t, k = x > 0 ? 1 : t, m = x > 0 ? t : 1;
    const FJ_REAL two_m = m + m, u = k + two_m, u_lo = FJ_NAME(sum_error)(k, two_m, u), ku = k * u;
    const FJ_REAL m2 = m * m, two_m2 = m2 + m2, v = ku + two_m2;
    const FJ_REAL v_lo = (FJ_NAME(sum_error)(ku, two_m2, v) + FJ_NAME(product_error)(k, u, ku))
                         + (k * u_lo + FJ_NAME(product_error)(m, two_m, two_m2));
    const FJ_REAL r_hi = FJ_NAME(quotient_parts)(1, v, v_lo, &unused, &r_lo);
    const FJ_REAL T = u * r_hi, T_lo = FJ_NAME(product_error)(u, r_hi, T) + (u * r_lo + u_lo * r_hi);
    const FJ_REAL r = r_hi + r_lo, w = y * e;
    *d = e * FJ_NAME(muladd)((y + y) * (two_m2 * (k + m)), r * r, T + T_lo) * scale;
    return x > 1000 ? x : FJ_NAME(sum_of_product)(w, T, w * T_lo + FJ_NAME(product_error)(y, e, w) * T) * scale;
}

/* x P and P + x exp(-x^2/2)/sqrt(2 pi), P the normal distribution.
 *
 * max(x, 0) - y Q and, for x <= 0, Q - y exp(-y^2/2)/sqrt(2 pi), else 1 minus that: y = |x|,
 * Q = exp(-y^2/2) G/(y + 3/4) the upper tail of the distribution at y, G = normal_tail(y). */
static inline FJ_REAL FJ_NAME(f_gelu)(FJ_REAL x, FJ_REAL *d)
{
#if FJ_MANTISSA == 52
    const double end = 40, half = 0.5, three_quarters = 0.75;
#else
    const float end = 15, half = 0.5f, three_quarters = 0.75f;
#endif
    const FJ_REAL phi_0 = (FJ_REAL)0.39894228040143267794;
    FJ_REAL scale, G_lo, r_lo, unused;
    const FJ_REAL y = FJ_NAME(at_most)(FJ_LIBM(fabs)(x), end);
    const FJ_REAL e = FJ_NAME(gauss)(y, half, &scale);
    const FJ_REAL G = FJ_NAME(normal_tail)(y, &G_lo), w = y + three_quarters;
    const FJ_REAL r = FJ_NAME(quotient_parts)(1, w, FJ_NAME(sum_error)(y, three_quarters, w), &unused, &r_lo);
    const FJ_REAL q = y * r, q_lo = FJ_NAME(product_error)(y, r, q) + y * r_lo, m = G * e;
    const FJ_REAL m_lo = q * (FJ_NAME(product_error)(G, e, m) + G_lo * e) + q_lo * m;
    const FJ_REAL slope = (G * (r + r_lo) - phi_0 * y) * e * scale;
    *d = x > 0 ? 1 - slope : slope;
    return (x > 0 ? x : 0) - FJ_NAME(sum_of_product)(q, m, m_lo) * scale;
}

/* x s and s (1 + x v' (1 - s)), s = sigmoid(v), v = sqrt(8/pi) (x + 0.044715 x^3).
 *
 * The exponential amplifies the rounding of v by |v|, so v is made of two numbers. */
static inline FJ_REAL FJ_NAME(f_gelu_tanh)(FJ_REAL x, FJ_REAL *d)
{
    const FJ_REAL c1 = (FJ_REAL)1.5957691216057308, c3 = (FJ_REAL)0.07135481627260025;
    const FJ_REAL c1_lo = (FJ_REAL)((1.5957691216057308 - (double)c1) - 9.96930880911092e-17);
    const FJ_REAL c3_lo = (FJ_REAL)((0.07135481627260025 - (double)c3) - 6.175149918155315e-19);
    FJ_REAL s, s_lo, minus, scale;
    const FJ_REAL y = FJ_NAME(clamp)(x, 100), q = y * y, dq = FJ_NAME(product_error)(y, y, q);
    const FJ_REAL m = c3 * q, dm = FJ_NAME(product_error)(c3, q, m) + (c3 * dq + c3_lo * q);
    const FJ_REAL u = c1 + m, du = FJ_NAME(sum_error)(c1, m, u) + (c1_lo + dm);
    const FJ_REAL v = y * u, dv = FJ_NAME(product_error)(y, u, v) + y * du;
    const FJ_REAL s_hi = FJ_NAME(logistic_at_sum)(v, dv, &s_lo, &s, &minus, &scale);
    const FJ_REAL growth = FJ_NAME(muladd)(y * FJ_NAME(muladd)(3, m + dm, c1), minus, 1);
    *d = FJ_NAME(times_sum)(growth, s_hi, s_lo) * scale;
    return x > 100 ? x : FJ_NAME(times_sum)(y, s_hi, s_lo) * scale;
}

/* x - tanh(x) and tanh(x)^2.
 *
 * For |x| <= 1.5 the eleventh convergent of Lambert's continued fraction tanh(x) = x/(1 + q/(3 + q/(5 + ...))),
 * q = x^2, is B/A of two polynomials with positive integer coefficients; x - tanh(x) = x q N/A without
 * cancellation, relative error 2^-60. Beyond, the difference loses at most one bit. */
static inline FJ_REAL FJ_NAME(f_tanh_shrink)(FJ_REAL x, FJ_REAL *d)
{
    double slope, scale;
    const double t = FJ_WIDE(tanh)(x, &slope, &scale), y = FJ_WIDE(clamp)(x, 1.5), q = y * y;
    const double N = 4583103525.0 + q * (349188840.0 + q * (6891885.0 + q * (42900.0 + q * 65.0)));
    const double A = 13749310575.0
                     + q * (6547290750.0 + q * (413513100.0 + q * (7567560.0 + q * (45045.0 + q * 66.0))));
    *d = (FJ_REAL)(t * t);
    return (FJ_REAL)(fabs((double)x) > 1.5 ? x - t : y * q * N / A);
}

/* f'(-t) = f'(t) = 0. */
static inline FJ_REAL FJ_NAME(f_soft_shrink)(FJ_REAL x, FJ_REAL t, FJ_REAL *d)
{
    *d = FJ_LIBM(fabs)(x) <= t ? 0 : FJ_NAME(one_or_nan)(x);
    return FJ_LIBM(fabs)(x) <= t ? 0 : x > 0 ? x - t : x + t;
}

/* f'(-t) = f'(t) = 0. */
static inline FJ_REAL FJ_NAME(f_hard_shrink)(FJ_REAL x, FJ_REAL t, FJ_REAL *d)
{
    *d = FJ_LIBM(fabs)(x) <= t ? 0 : FJ_NAME(one_or_nan)(x);
    return FJ_LIBM(fabs)(x) <= t ? 0 : x;
}

static inline FJ_REAL FJ_NAME(f_exp)(FJ_REAL x, FJ_REAL *d)
{
    FJ_REAL scale;
    const FJ_REAL e = FJ_NAME(exp_scaled)(x, &scale);
    *d = e * scale;
    return e * scale;
}

static inline FJ_REAL FJ_NAME(f_sin)(FJ_REAL x, FJ_REAL *d)
{
    *d = (FJ_REAL)cos((double)x);
    return (FJ_REAL)sin((double)x);
}

static inline FJ_REAL FJ_NAME(f_cos)(FJ_REAL x, FJ_REAL *d)
{
    *d = (FJ_REAL)-sin((double)x);
    return (FJ_REAL)cos((double)x);
}

/* arctan(x) and 1/(1 + x^2), which is 1/x^2 to the last bit above 2^27: no overflow of x^2. */
static inline FJ_REAL FJ_NAME(f_arctan)(FJ_REAL x, FJ_REAL *d)
{
    const double y = fabs((double)x), r = 1 / (y > 1 ? y : 1), z = FJ_WIDE(clamp)(x, 134217728.0);
    *d = (FJ_REAL)(r < 7.450580596923828125e-9 ? r * r : 1 / (1 + z * z));
    return (FJ_REAL)atan((double)x);
}

/* erf(x) and 2/sqrt(pi) exp(-x^2). */
static inline FJ_REAL FJ_NAME(f_erf)(FJ_REAL x, FJ_REAL *d)
{
    double scale;
    const double g = FJ_WIDE(gauss)(FJ_WIDE(clamp)(x, 40), 1, &scale);
    *d = (FJ_REAL)(1.12837916709551257390 * g * scale);
    return (FJ_REAL)erf((double)x);
}

/* exp(-x^2) and -2 x exp(-x^2). */
static inline FJ_REAL FJ_NAME(f_gaussian)(FJ_REAL x, FJ_REAL *d)
{
    FJ_REAL scale;
    const FJ_REAL y = FJ_NAME(clamp)(x, 40), g = FJ_NAME(gauss)(y, 1, &scale);
    *d = -(y + y) * g * scale;
    return g * scale;
}

static inline FJ_REAL FJ_NAME(f_square)(FJ_REAL x, FJ_REAL *d)
{
    *d = x + x;
    return x * x;
}

/* f'(0) = 0. */
static inline FJ_REAL FJ_NAME(f_abs)(FJ_REAL x, FJ_REAL *d)
{
    *d = x > 0 ? 1 : x < 0 ? -1 : x;
    return FJ_LIBM(fabs)(x);
}

/* Index of the largest of s. */
static int FJ_NAME(largest)(int n, const FJ_REAL *s)
{
    int m = 0;
    for (int i = 1; i < n; i++) {
        if (s[i] > s[m]) {
            m = i;
        }
    }
    return m;
}

/* Index of the largest magnitude of h. */
static int FJ_NAME(largest_magnitude)(int n, const FJ_REAL *h)
{
    int m = 0;
    for (int i = 1; i < n; i++) {
        if (FJ_LIBM(fabs)(h[i]) > FJ_LIBM(fabs)(h[m])) {
            m = i;
        }
    }
    return m;
}

/* d = exp(h - h[m]), h[m] being the largest; the sum of d without d[m].
 *
 * The rounding of each difference is put back, and the sum is compensated (Neumaier 1974). NaN where no limit
 * exists: at two infinities that tie. */
static double FJ_NAME(exponentials)(int n, const FJ_REAL *h, int m, FJ_REAL *d)
{
    const double top = h[m];
    double total = 0, lost = 0;
    for (int i = 0; i < n; i++) {
        const double x = h[i];
        const int is_top = x >= top && x <= top;
        const double delta = is_top ? 0 : x - top, delta_lo = is_top ? 0 : FJ_WIDE(sum_error)(x, -top, delta);
        double scale;
        const double e = FJ_WIDE(exp_sum_scaled)(delta, delta_lo, &scale);
        d[i] = (FJ_REAL)(e * scale);
    }
    for (int i = 0; i < n; i++) {
        if (i != m) {
            const int tie = h[i] >= h[m] && fabs(top) > 1.7976931348623157e308;
            const double x = tie ? top - top : d[i], partial = total + x;
            lost += FJ_WIDE(sum_error)(total, x, partial);
            total = partial;
        }
    }
    return total + lost;
}

/* a = softmax(a) = s. */
static void FJ_NAME(softmax)(int n, FJ_REAL *a, FJ_REAL *s)
{
    const double total = 1 + FJ_NAME(exponentials)(n, a, FJ_NAME(largest)(n, a), s);
    for (int i = 0; i < n; i++) {
        s[i] = (FJ_REAL)(s[i] / total);
        a[i] = s[i];
    }
}

/* a = log(softmax(a)) = (a - a[m]) - log1p(sum of the others), two terms of one sign; s = softmax(a). */
static void FJ_NAME(log_softmax)(int n, FJ_REAL *a, FJ_REAL *s)
{
    const int m = FJ_NAME(largest)(n, a);
    const double top = a[m], rest = FJ_NAME(exponentials)(n, a, m, s), log_total = FJ_WIDE(log1p)(rest);
    for (int i = 0; i < n; i++) {
        const double x = a[i];
        s[i] = (FJ_REAL)(s[i] / (1 + rest));
        a[i] = (FJ_REAL)((x >= top && x <= top ? 0 : x - top) - log_total);
    }
}

/* sqrt(mean(h^2) + epsilon) / scale; the sum is compensated. */
static double FJ_NAME(root_mean_square)(int n, const FJ_REAL *h, double epsilon, double scale)
{
    double total = 0, lost = 0;
    for (int i = 0; i < n; i++) {
        const double x = h[i] / scale, term = x * x, partial = total + term;
        lost += FJ_WIDE(sum_error)(total, term, partial) + FJ_WIDE(product_error)(x, x, term);
        total = partial;
    }
    return sqrt((total + lost) / n + epsilon / scale / scale);
}

/* A power of two that brings squares of h and epsilon into range; m is the index of the largest |h|. */
static double FJ_NAME(rms_scale)(const FJ_REAL *h, double epsilon, int m)
{
    const double top = fabs((double)h[m]), floor = sqrt(epsilon);
    int exponent;
    frexp(top < floor ? floor : top, &exponent);
    return ldexp(1, exponent - 1);
}

/* a = d / sqrt(mean(d^2) + epsilon). */
static void FJ_NAME(normalise)(int n, double epsilon, const FJ_REAL *d, FJ_REAL *a)
{
    const double scale = FJ_NAME(rms_scale)(d, epsilon, FJ_NAME(largest_magnitude)(n, d));
    const double root = FJ_NAME(root_mean_square)(n, d, epsilon, scale);
    for (int i = 0; i < n; i++) {
        a[i] = (FJ_REAL)(d[i] / scale / root);
    }
}

/* a = a / sqrt(mean(a^2) + epsilon); d keeps what a was. */
static void FJ_NAME(rms_norm)(int n, double epsilon, FJ_REAL *a, FJ_REAL *d)
{
    memcpy(d, a, (size_t)n * sizeof *d);
    FJ_NAME(normalise)(n, epsilon, d, a);
}

/* a = (a - mean(a)) / sqrt(var(a) + epsilon); d keeps a - mean(a). */
static void FJ_NAME(layer_norm)(int n, double epsilon, FJ_REAL *a, FJ_REAL *d)
{
    double total = 0, lost = 0;
    for (int i = 0; i < n; i++) {
        const double x = a[i], partial = total + x;
        lost += FJ_WIDE(sum_error)(total, x, partial);
        total = partial;
    }
    for (int i = 0; i < n; i++) {
        d[i] = (FJ_REAL)(a[i] - (total + lost) / n);
    }
    FJ_NAME(normalise)(n, epsilon, d, a);
}

/* The sum of s_i (r_i - r_m) over i != m; NaN if s is, even where there is no other i.
 *
 * The derivatives of both send a row of equal entries to zero, so a constant may be subtracted before they are
 * applied: that at the largest s removes the cancellation of 1 - s_m where s_m is close to one. */
static FJ_REAL FJ_NAME(centred_mean)(int n, const FJ_REAL *s, int m, const FJ_REAL *r)
{
    FJ_REAL c = 0 * s[m];
    for (int i = 0; i < n; i++) {
        if (i != m) {
            c += s[i] * (r[i] - r[m]);
        }
    }
    return c;
}

/* R = R (diag(s) - s s^T), row by row; for both sweeps, as the matrix is symmetric. */
static void FJ_NAME(apply_softmax)(int n_rows, int n, int ld, const FJ_REAL *s, FJ_REAL *R)
{
    const int m = FJ_NAME(largest)(n, s);
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        FJ_REAL *const r = R + i * ld;
        const FJ_REAL c = FJ_NAME(centred_mean)(n, s, m, r), pivot = r[m];
        for (int j = 0; j < n; j++) {
            r[j] = s[j] * ((r[j] - pivot) - c);
        }
    }
}

/* T = T (I - s 1^T), the rows of T being directions of the input. */
static void FJ_NAME(apply_log_softmax_forward)(int n_rows, int n, int ld, const FJ_REAL *s, FJ_REAL *T)
{
    const int m = FJ_NAME(largest)(n, s);
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        FJ_REAL *const t = T + i * ld;
        const FJ_REAL c = FJ_NAME(centred_mean)(n, s, m, t), pivot = t[m];
        for (int j = 0; j < n; j++) {
            t[j] = (t[j] - pivot) - c;
        }
    }
}

/* R = R (I - 1 s^T), the rows of R being outputs. */
static void FJ_NAME(apply_log_softmax_reverse)(int n_rows, int n, int ld, const FJ_REAL *s, FJ_REAL *R)
{
    const int m = FJ_NAME(largest)(n, s);
    FJ_REAL others = 0;
    for (int j = 0; j < n; j++) {
        others += j != m ? s[j] : 0;
    }
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        FJ_REAL *const r = R + i * ld;
        FJ_REAL rest = 0, at_m;
        for (int j = 0; j < n; j++) {
            rest += j != m ? r[j] : 0;
        }
        at_m = r[m] * others - s[m] * rest;
        rest += r[m];
        for (int j = 0; j < n; j++) {
            r[j] -= rest * s[j];
        }
        r[m] = at_m;
    }
}

/* c = the sum of s_i (Wt_i - Wt_m) over the rows i != m. */
static void FJ_NAME(centre_columns)(int n_rows, int ld, const FJ_REAL *Wt, const FJ_REAL *s, int m, FJ_REAL *c)
{
    for (ptrdiff_t j = 0; j < ld; j++) {
        c[j] = 0 * s[m];
    }
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        if (i != m) {
            for (ptrdiff_t j = 0; j < ld; j++) {
                c[j] += s[i] * (Wt[i * ld + j] - Wt[m * ld + j]);
            }
        }
    }
}

/* out = (diag(s) - s s^T) Wt. */
static void FJ_NAME(form_softmax)(int n_rows, int ld, const FJ_REAL *restrict Wt, const FJ_REAL *s,
                                  FJ_REAL *restrict out)
{
    const int m = FJ_NAME(largest)(n_rows, s);
    FJ_REAL *const c = out + (ptrdiff_t)m * ld;
    FJ_NAME(centre_columns)(n_rows, ld, Wt, s, m, c);
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        if (i != m) {
            for (ptrdiff_t j = 0; j < ld; j++) {
                out[i * ld + j] = s[i] * ((Wt[i * ld + j] - Wt[m * ld + j]) - c[j]);
            }
        }
    }
    for (ptrdiff_t j = 0; j < ld; j++) {
        c[j] = -s[m] * c[j];
    }
}

/* out = (I - 1 s^T) Wt. */
static void FJ_NAME(form_log_softmax)(int n_rows, int ld, const FJ_REAL *restrict Wt, const FJ_REAL *s,
                                      FJ_REAL *restrict out)
{
    const int m = FJ_NAME(largest)(n_rows, s);
    FJ_REAL *const c = out + (ptrdiff_t)m * ld;
    FJ_NAME(centre_columns)(n_rows, ld, Wt, s, m, c);
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        if (i != m) {
            for (ptrdiff_t j = 0; j < ld; j++) {
                out[i * ld + j] = (Wt[i * ld + j] - Wt[m * ld + j]) - c[j];
            }
        }
    }
    for (ptrdiff_t j = 0; j < ld; j++) {
        c[j] = -c[j];
    }
}

/* r = 1 / sqrt(mean(h^2) + epsilon); *rest = 1 - z_m^2 / n with z = r h, as a sum of positive terms. */
static double FJ_NAME(rms_factor)(int n, const FJ_REAL *h, double epsilon, int m, double *rest)
{
    const double scale = FJ_NAME(rms_scale)(h, epsilon, m);
    const double r = 1 / (scale * FJ_NAME(root_mean_square)(n, h, epsilon, scale)), z = r * sqrt(epsilon);
    double total = 0;
    for (int i = 0; i < n; i++) {
        total += i != m ? r * h[i] * (r * h[i]) : 0;
    }
    *rest = total / n + z * z;
    return r;
}

/* R = R (r I - r z z^T / n), row by row; for both sweeps, as the matrix is symmetric. */
static void FJ_NAME(apply_rms_norm)(int n_rows, int n, int ld, const FJ_REAL *h, double epsilon, FJ_REAL *R)
{
    const int m = FJ_NAME(largest_magnitude)(n, h);
    double rest;
    const double r = FJ_NAME(rms_factor)(n, h, epsilon, m, &rest), z_m = r * h[m];
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        FJ_REAL *const row = R + i * ld;
        FJ_REAL others = 0, at_m, mean;
        for (int j = 0; j < n; j++) {
            others += j != m ? row[j] * (FJ_REAL)(r * h[j]) : 0;
        }
        at_m = (FJ_REAL)(r * (rest * row[m] - z_m * others / n));
        mean = (FJ_REAL)((others + z_m * row[m]) / n);
        for (int j = 0; j < n; j++) {
            row[j] = (FJ_REAL)r * (row[j] - (FJ_REAL)(r * h[j]) * mean);
        }
        row[m] = at_m;
    }
}

/* out = (r I - r z z^T / n) Wt. */
static void FJ_NAME(form_rms_norm)(int n_rows, int ld, const FJ_REAL *restrict Wt, const FJ_REAL *h, double epsilon,
                                   FJ_REAL *restrict out)
{
    const int m = FJ_NAME(largest_magnitude)(n_rows, h);
    double rest;
    const double factor = FJ_NAME(rms_factor)(n_rows, h, epsilon, m, &rest);
    const FJ_REAL r = (FJ_REAL)factor, z_m = (FJ_REAL)(factor * h[m]);
    FJ_REAL *const others = out + (ptrdiff_t)m * ld;
    memset(others, 0, (size_t)ld * sizeof *others);
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        const FJ_REAL z = (FJ_REAL)(factor * h[i]) / (FJ_REAL)n_rows;
        if (i != m) {
            for (ptrdiff_t j = 0; j < ld; j++) {
                others[j] += z * Wt[i * ld + j];
            }
        }
    }
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        const FJ_REAL z = (FJ_REAL)(factor * h[i]);
        if (i != m) {
            for (ptrdiff_t j = 0; j < ld; j++) {
                out[i * ld + j] = r * (Wt[i * ld + j] - z * (others[j] + z_m / (FJ_REAL)n_rows * Wt[m * ld + j]));
            }
        }
    }
    for (ptrdiff_t j = 0; j < ld; j++) {
        others[j] = r * ((FJ_REAL)rest * Wt[m * ld + j] - z_m * others[j]);
    }
}

/* R = R (r I - r 1 1^T / n - r z z^T / n), row by row; for both sweeps, as the matrix is symmetric. */
static void FJ_NAME(apply_layer_norm)(int n_rows, int n, int ld, const FJ_REAL *d, double epsilon, FJ_REAL *R)
{
    FJ_NAME(apply_rms_norm)(n_rows, n, ld, d, epsilon, R);
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        FJ_REAL *const row = R + i * ld;
        FJ_REAL total = 0;
        for (int j = 0; j < n; j++) {
            total += row[j];
        }
        for (int j = 0; j < n; j++) {
            row[j] -= total / (FJ_REAL)n;
        }
    }
}

/* out = (r I - r 1 1^T / n - r z z^T / n) Wt. */
static void FJ_NAME(form_layer_norm)(int n_rows, int ld, const FJ_REAL *restrict Wt, const FJ_REAL *d, double epsilon,
                                     FJ_REAL *restrict out)
{
    FJ_NAME(form_rms_norm)(n_rows, ld, Wt, d, epsilon, out);
    for (ptrdiff_t j = 0; j < ld; j++) {
        FJ_REAL total = 0;
        for (ptrdiff_t i = 0; i < n_rows; i++) {
            total += out[i * ld + j];
        }
        for (ptrdiff_t i = 0; i < n_rows; i++) {
            out[i * ld + j] -= total / (FJ_REAL)n_rows;
        }
    }
}
