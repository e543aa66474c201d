# Activations made of exp(x) for negative x: the sigmoid and all that is made of it, elu and its kin.
#
# With t = exp(-|x|), in (0, 1], nothing overflows and no two terms cancel. Where f or f' goes to 0
# as t does, the last power of two in t (`scale`) is multiplied in at the very end, so that a
# result is right although t by itself would be subnormal.
#
# A literal beside a float would make the operation one of doubles, therefore `one`.


cdef inline real wide(real x) noexcept nogil:
    """x, bounded so that its product with a parameter of ordinary size is finite."""
    return clamp(x, <real>1e300 if real is double else <real>1e30)


cdef inline real logistic(real x, real p, real scale_1, real scale_2, bint rounded,
                          real* s_lo, real* s, real* minus, real* scale) noexcept nogil:
    """sigmoid(x) = (return value + s_lo) * scale = s * scale and sigmoid(-x) = minus, with one division.

    p and the scales are those of exp_reduced(-|x|). Where p was rounded once more and there is no FMA, the
    rounding of e would be one too many: it is kept.
    """
    cdef real t, w, w_lo, e, e_lo = 0, s_hi, r, one = 1
    e = muladd(scale_1, p, scale_1)
    t = e * scale_2
    w = one + t
    w_lo = (one - w) + t
    if rounded and not FAST_FMA:
        e_lo = scale_1 * p + (scale_1 - e)
        w_lo += e_lo * scale_2
    s_hi = quotient_parts(one if x > 0 else e, w, w_lo, &r, s_lo)
    if rounded and not FAST_FMA:
        s_lo[0] += 0 if x > 0 else e_lo * r
    s[0] = s_hi + s_lo[0]
    scale[0] = 1 if x > 0 else scale_2
    minus[0] = t * s[0] if x > 0 else one - s[0] * scale_2
    return s_hi


cdef inline real logistic_at(real x, real* s_lo, real* s, real* minus, real* scale) noexcept nogil:
    """The parts of sigmoid(x)."""
    cdef real scale_1, scale_2, p = exp_reduced(-at_most(fabs(x), exp_bound(x)), &scale_1, &scale_2)
    return logistic(x, p, scale_1, scale_2, False, s_lo, s, minus, scale)


cdef inline real logistic_at_sum(real x, real dx, real* s_lo, real* s, real* minus, real* scale) noexcept nogil:
    """The parts of sigmoid(x + dx); dx corrects the rounding of x."""
    cdef real scale_1, scale_2, y = fabs(x), z = at_most(y, exp_bound(x))
    cdef real p = exp_reduced(-z, &scale_1, &scale_2)
    dx = 0 if y > z else dx
    p = exp_corrected(p, -dx if x > 0 else dx)
    return logistic(x, p, scale_1, scale_2, True, s_lo, s, minus, scale)


cdef void tanh(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    cdef Py_ssize_t i
    cdef real slope, scale
    for i in range(n):
        a[i] = tanh_scaled(h[i], &slope, &scale)
        d[i] = slope * scale


cdef void sigmoid(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    """s and s (1 - s) = t/(1 + t)**2."""
    cdef Py_ssize_t i
    cdef real x, e, t, w, s, s_lo, scale_1, scale_2, q, unused, one = 1
    for i in range(n):
        x = h[i]
        q = exp_reduced(-at_most(fabs(x), exp_bound(x)), &scale_1, &scale_2)
        e = muladd(scale_1, q, scale_1)
        t = e * scale_2
        w = one + t
        s = quotient_parts(one if x > 0 else e, w, (one - w) + t, &unused, &s_lo)
        a[i] = (s + s_lo) * (one if x > 0 else scale_2)
        d[i] = e / muladd(t, one + w, one) * scale_2


cdef void log_sigmoid(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    """min(x, 0) - log1p(t) and sigmoid(-x)."""
    cdef Py_ssize_t i
    cdef real x, t, scale, one = 1
    for i in range(n):
        x = h[i]
        t = exp_scaled(-fabs(x), &scale)
        t = t * scale
        a[i] = (x if x < 0 else 0) - log1p(t)
        d[i] = (t if x > 0 else one) / (one + t)


cdef void softplus(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    """p = beta; max(x, 0) + log1p(t)/beta and sigmoid(beta x), with t = exp(-|beta x|)."""
    cdef Py_ssize_t i
    cdef real x, y, z, beta, tail, e, t, w, s, scale, one = 1
    for i in range(n):
        x = h[i]
        beta = p[i]
        y = wide(x)
        z = beta * y
        e = product_error(beta, y, z)
        e = exp_sum_scaled(-fabs(z), -e if z > 0 else e, &scale)
        t = e * scale
        w = one + t
        s = quotient(one if z > 0 else e, w, (one - w) + t)
        # Below -40, log1p(t) is t to the last bit, and what is divided by beta is not subnormal.
        tail = (e if z < -40 else log1p(t)) / beta * (scale if z < -40 else 1)
        a[i] = (x if x > 0 else 0) + tail
        d[i] = s * (1 if z > 0 else scale)


cdef void silu(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    """x s and s (1 + x (1 - s)), s = sigmoid(x)."""
    cdef Py_ssize_t i
    cdef real x, y, s, s_hi, s_lo, minus, scale
    for i in range(n):
        x = h[i]
        y = clamp(x, <real>1000)
        s_hi = logistic_at(y, &s_lo, &s, &minus, &scale)
        a[i] = x if x > 1000 else times_sum(y, s_hi, s_lo) * scale
        d[i] = s * muladd(y, minus, <real>1) * scale


cdef void speculator(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    """p = alpha, beta; (beta (1 - s) + s) x and beta (1 - s) + s (1 + (1 - beta) z (1 - s)),
    z = alpha x, s = sigmoid(z) [Alsing et al. 2020, eq. 8]."""
    cdef Py_ssize_t i
    cdef real x, y, z, alpha, beta, c, t, s, s_hi, s_lo, minus, scale, one = 1
    for i in range(n):
        x = h[i]
        alpha = p[i]
        beta = p[n + i]
        y = wide(x)
        z = alpha * y
        s_hi = logistic_at_sum(z, product_error(alpha, y, z), &s_lo, &s, &minus, &scale)
        t = times_sum(y, s_hi, s_lo) * scale if x == y else x * s * scale
        t = 0 if z < -exp_bound(z) else t  # 1e300 * exp(-1400) would not be 0
        c = beta * minus
        a[i] = muladd(c, clamp(x, one) if c == 0 else x, t)  # 0*inf = 0
        d[i] = c + s * muladd((one - beta) * clamp(z, <real>1000), minus, one) * scale


cdef void mish(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    """x T and T + x (1 - T**2) sigmoid(x), T = tanh(softplus(x)).

    With (k, m) = (t, 1) for x <= 0 and (1, t) for x > 0, which have the ratio exp(x), u = k + 2 m and
    v = k u + 2 m**2: T = k u/v and f' = k (u/v + 4 x m**2 (k + m)/v**2).
    """
    cdef Py_ssize_t i
    cdef real x, y, e, t, k, m, w, two_m, u, u_lo, ku, m2, two_m2, v, v_lo, r, r_lo, T, T_lo, scale, unused, one = 1
    for i in range(n):
        x = h[i]
        y = clamp(x, <real>1000)
        e = exp_scaled(-fabs(x), &scale)
        t = e * scale
        k = 1 if x > 0 else t
        m = t if x > 0 else 1
        two_m = m + m
        u = k + two_m
        u_lo = sum_error(k, two_m, u)
        ku = k * u
        m2 = m * m
        two_m2 = m2 + m2
        v = ku + two_m2
        v_lo = (sum_error(ku, two_m2, v) + product_error(k, u, ku)) + (k * u_lo + product_error(m, two_m, two_m2))
        r = quotient_parts(one, v, v_lo, &unused, &r_lo)
        T = u * r
        T_lo = product_error(u, r, T) + (u * r_lo + u_lo * r)
        r = r + r_lo
        e = 1 if x > 0 else e
        scale = 1 if x > 0 else scale
        w = y * e
        a[i] = x if x > 1000 else sum_of_product(w, T, w * T_lo + product_error(y, e, w) * T) * scale
        d[i] = e * muladd((y + y) * (two_m2 * (k + m)), r * r, T + T_lo) * scale


cdef inline real negative_part(real x) noexcept nogil:
    """min(x, 0), but not below the bound of exp; NaN for NaN. Without a comparison: see fj_at_most."""
    x = clamp(x, exp_bound(x))
    return (x - fabs(x)) * <real>0.5


cdef void elu(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    """p = alpha; max(x, 0) + alpha (exp(y) - 1), y = min(x, 0); f'(0) = alpha."""
    cdef Py_ssize_t i
    cdef real x, alpha, q, e, scale_1, scale_2
    for i in range(n):
        x = h[i]
        alpha = p[i]
        q = exp_reduced(negative_part(x), &scale_1, &scale_2)
        e = muladd(scale_1, q, scale_1)
        a[i] = (x if x > 0 else 0) + alpha * minus_one(q, scale_1, scale_2)
        d[i] = 1 if x > 0 else alpha * e * scale_2


cdef void selu(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    """lambda elu(x, alpha); f'(0) = lambda alpha. Constants of Klambauer et al. 2017."""
    cdef real slope = <real>1.0507009873554804934193349852946
    cdef real slope_alpha = <real>1.7580993408473768599402
    cdef Py_ssize_t i
    cdef real x, q, e, scale_1, scale_2
    for i in range(n):
        x = h[i]
        q = exp_reduced(negative_part(x), &scale_1, &scale_2)
        e = muladd(scale_1, q, scale_1)
        a[i] = slope * x if x > 0 else copysign(slope_alpha * minus_one(q, scale_1, scale_2), x)
        d[i] = slope if x > 0 else slope_alpha * e * scale_2


cdef void celu(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    """p = alpha > 0; max(x, 0) + alpha (exp(y/alpha) - 1) and exp(y/alpha), y = min(x, 0)."""
    cdef Py_ssize_t i
    cdef real x, y, alpha, z, bounded, product, dz, q, e, scale_1, scale_2
    for i in range(n):
        x = h[i]
        alpha = p[i]
        y = wide(x)
        y = (y - fabs(y)) * <real>0.5
        z = y / alpha
        product = z * alpha
        dz = ((y - product) - product_error(z, alpha, product)) / alpha
        bounded = negative_part(z)
        q = exp_reduced(bounded, &scale_1, &scale_2)
        q = exp_corrected(q, dz if z == bounded else 0)
        e = muladd(scale_1, q, scale_1)
        a[i] = (x if x > 0 else 0) + alpha * minus_one(q, scale_1, scale_2)
        d[i] = e * scale_2


cdef void exp(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    cdef Py_ssize_t i
    cdef real e, scale
    for i in range(n):
        e = exp_scaled(h[i], &scale)
        e = e * scale
        a[i] = e
        d[i] = e
