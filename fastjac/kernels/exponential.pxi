# Activations made of exp(x) for negative x: the sigmoid and all that is made of it, elu and its kin.
#
# With t = exp(-|x|), in (0, 1], nothing overflows and no two terms cancel. Where f or f' goes to 0
# as t does, the last power of two in t (`scale`) is multiplied in at the very end, so that a
# result is right although t by itself would be subnormal.


cdef inline double times_sum(double x, double y, double y_lo) noexcept nogil:
    """x (y + y_lo), with little more than the last rounding."""
    cdef double product = x * y
    return product + (product_error(x, y, product) + x * y_lo)


cdef struct logistic:
    # sigmoid(x) = (plus + plus_lo) * scale, sigmoid(-x) = minus; t = exp(-|x|), and exp(x) for x <= 0
    # is e * scale.
    double plus, plus_lo, minus, scale, t, e


cdef inline logistic logistic_parts(double x, double dx) noexcept nogil:
    """The parts of sigmoid(x + dx), made with one division; dx corrects the rounding of x."""
    cdef logistic s
    cdef double unused, w, r, r_lo
    s.e = exp_scaled(-fabs(x), -dx if x > 0 else dx, &s.scale, &unused)
    s.t = s.e * s.scale
    w = 1 + s.t
    r = 1 / w
    r_lo = r * residual(w, (1 - w) + s.t, r)
    s.minus = times_sum(s.t if x > 0 else 1, r, r_lo)
    s.e = 1 if x > 0 else s.e
    s.scale = 1 if x > 0 else s.scale
    s.plus = s.e * r
    s.plus_lo = product_error(s.e, r, s.plus) + s.e * r_lo
    return s


cdef void tanh(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    cdef Py_ssize_t i
    cdef double slope, scale
    for i in range(n):
        a[i] = <real>tanh_parts(h[i], &slope, &scale)
        d[i] = <real>(slope * scale)


cdef void sigmoid(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    """s and s (1 - s)."""
    cdef Py_ssize_t i
    cdef logistic s
    for i in range(n):
        s = logistic_parts(h[i], 0)
        a[i] = <real>((s.plus + s.plus_lo) * s.scale)
        d[i] = <real>((s.plus + s.plus_lo) * s.minus * s.scale)


cdef void log_sigmoid(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    """min(x, 0) - log1p(t) and sigmoid(-x)."""
    cdef Py_ssize_t i
    cdef double x
    cdef logistic s
    for i in range(n):
        x = h[i]
        s = logistic_parts(x, 0)
        a[i] = <real>((x if x < 0 else 0) - log1p(s.t))
        d[i] = <real>s.minus


cdef void softplus(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    """p = beta; max(x, 0) + log1p(t)/beta and sigmoid(beta x), with t = exp(-|beta x|)."""
    cdef Py_ssize_t i
    cdef double x, y, z, beta, tail
    cdef logistic s
    for i in range(n):
        x = h[i]
        beta = p[i]
        y = clamp(x, 1e300)
        z = beta * y
        s = logistic_parts(z, product_error(beta, y, z))
        # Below -40, log1p(t) is t to the last bit, and what is divided by beta is not subnormal.
        tail = (s.e if z < -40 else log1p(s.t)) / beta * (s.scale if z < -40 else 1)
        a[i] = <real>((x if x > 0 else 0) + tail)
        d[i] = <real>((s.plus + s.plus_lo) * s.scale)


cdef void silu(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    """x s and s (1 + x (1 - s)), s = sigmoid(x)."""
    cdef Py_ssize_t i
    cdef double x, y
    cdef logistic s
    for i in range(n):
        x = h[i]
        y = clamp(x, 1000)
        s = logistic_parts(y, 0)
        a[i] = <real>(x if x > 1000 else times_sum(y, s.plus, s.plus_lo) * s.scale)
        d[i] = <real>(s.plus * (1 + y * s.minus) * s.scale)


cdef void speculator(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    """p = alpha, beta; (beta (1 - s) + s) x and beta (1 - s) + s (1 + (1 - beta) z (1 - s)),
    z = alpha x, s = sigmoid(z) [Alsing et al. 2020, eq. 8]."""
    cdef Py_ssize_t i
    cdef double x, y, z, alpha, beta
    cdef logistic s
    for i in range(n):
        x = h[i]
        alpha = p[i]
        beta = p[n + i]
        y = clamp(x, 1e300)
        z = alpha * y
        s = logistic_parts(z, product_error(alpha, y, z))
        y = x if z >= 0 else (0 if z < -1400 else y)  # 1e300 * exp(-1400) would not be 0
        a[i] = <real>(times(beta * s.minus, x) + y * s.plus * s.scale)
        d[i] = <real>(beta * s.minus + s.plus * (1 + (1 - beta) * clamp(z, 1000) * s.minus) * s.scale)


cdef void mish(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    """x T and T + x (1 - T**2) sigmoid(x), T = tanh(softplus(x)).

    With (k, m) = (t, 1) for x <= 0 and (1, t) for x > 0, which have the ratio exp(x), u = k + 2 m and
    v = k u + 2 m**2: T = k u/v and f' = k (u v + 4 x m**2 (k + m))/v**2.
    """
    cdef Py_ssize_t i
    cdef double x, y, e, t, k, m, u, u_lo, ku, m2, v, v_lo, r, r_lo, T, T_lo, scale, unused
    for i in range(n):
        x = h[i]
        y = clamp(x, 1000)
        e = exp_scaled(-fabs(x), 0, &scale, &unused)
        t = e * scale
        k = 1 if x > 0 else t
        m = t if x > 0 else 1
        u = k + 2 * m
        u_lo = sum_error(k, 2 * m, u)
        ku = k * u
        m2 = m * m
        v = ku + 2 * m2
        v_lo = (sum_error(ku, 2 * m2, v) + product_error(k, u, ku)) + (k * u_lo + 2 * product_error(m, m, m2))
        r = 1 / v
        r_lo = r * residual(v, v_lo, r)
        T = u * r
        T_lo = product_error(u, r, T) + (u * r_lo + u_lo * r)
        e = 1 if x > 0 else e
        scale = 1 if x > 0 else scale
        a[i] = <real>(x if x > 1000 else times_sum(y * e, T, T_lo) * scale)
        d[i] = <real>(e * (u * v + 4 * y * m2 * (k + m)) * (r * r) * scale)


cdef inline double negative_part(double x) noexcept nogil:
    """min(x, 0), NaN for NaN, without a comparison: see fj_clamp."""
    x = clamp(x, 1e300)
    return 0.5 * (x - fabs(x))


cdef void elu(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    """p = alpha; max(x, 0) + alpha (exp(y) - 1), y = min(x, 0); f'(0) = alpha."""
    cdef Py_ssize_t i
    cdef double x, alpha, e, scale, minus_one
    for i in range(n):
        x = h[i]
        alpha = p[i]
        e = exp_scaled(negative_part(x), 0, &scale, &minus_one)
        a[i] = <real>((x if x > 0 else 0) + alpha * minus_one)
        d[i] = <real>(1 if x > 0 else alpha * e * scale)


cdef void selu(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    """lambda elu(x, alpha); f'(0) = lambda alpha. Constants of Klambauer et al. 2017."""
    cdef double slope = 1.0507009873554804934193349852946
    cdef double slope_alpha = 1.7580993408473768599402
    cdef Py_ssize_t i
    cdef double x, e, scale, minus_one
    for i in range(n):
        x = h[i]
        e = exp_scaled(negative_part(x), 0, &scale, &minus_one)
        a[i] = <real>(slope * x if x > 0 else slope_alpha * minus_one)
        d[i] = <real>(slope if x > 0 else slope_alpha * e * scale)


cdef void celu(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    """p = alpha > 0; max(x, 0) + alpha (exp(y/alpha) - 1) and exp(y/alpha), y = min(x, 0)."""
    cdef Py_ssize_t i
    cdef double x, y, alpha, z, product, dz, e, scale, minus_one
    for i in range(n):
        x = h[i]
        alpha = p[i]
        y = negative_part(x)
        z = y / alpha
        product = z * alpha
        dz = ((y - product) - product_error(z, alpha, product)) / alpha
        e = exp_scaled(z, dz, &scale, &minus_one)
        a[i] = <real>((x if x > 0 else 0) + alpha * minus_one)
        d[i] = <real>(e * scale)


cdef void exp(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    cdef Py_ssize_t i
    cdef double e
    for i in range(n):
        e = vexp(h[i])
        a[i] = <real>e
        d[i] = <real>e
