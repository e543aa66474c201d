# Activations made of exp(x) for negative x: the sigmoid and all that is made of it, elu and its kin.
#
# With t = exp(-|x|), in (0, 1], nothing overflows and no two terms cancel. Where f or f' goes to 0
# as t does, the last power of two in t (`scale`) is multiplied in at the very end, so that a
# result is right although t by itself would be subnormal.


cdef inline double sigmoid_parts(double x, double dx, double* minus, double* scale) noexcept nogil:
    """sigmoid(x + dx) = return value * scale, and minus = sigmoid(-x - dx)."""
    cdef double unused, t, w, e
    e = exp_scaled(-fabs(x), -dx if x > 0 else dx, scale, &unused)
    t = e * scale[0]
    w = 1 + t
    minus[0] = (t if x > 0 else 1) / w
    scale[0] = 1 if x > 0 else scale[0]
    return (1 if x > 0 else e) / w


cdef void tanh(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    """-e/(2 + e) and 4 t/(1 + t)**2 with t = exp(-2|x|), e = t - 1."""
    cdef Py_ssize_t i
    cdef double x, t, e, w, scale
    for i in range(n):
        x = h[i]
        t = exp_scaled(-2 * fabs(x), 0, &scale, &e)
        w = 1 + t * scale
        a[i] = <real>copysign(e / (2 + e), x)
        d[i] = <real>(4 * t / (w * w) * scale)


cdef void sigmoid(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    """1/(1 + t) or t/(1 + t), and t/(1 + t)**2."""
    cdef Py_ssize_t i
    cdef double x, t, w
    for i in range(n):
        x = h[i]
        t = vexp(-fabs(x))
        w = 1 + t
        a[i] = <real>((1 if x > 0 else t) / w)
        d[i] = <real>(t / (w * w))


cdef void log_sigmoid(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    """min(x, 0) - log1p(t) and sigmoid(-x)."""
    cdef Py_ssize_t i
    cdef double x, t
    for i in range(n):
        x = h[i]
        t = vexp(-fabs(x))
        a[i] = <real>((x if x < 0 else 0) - log1p(t))
        d[i] = <real>((1 if x < 0 else t) / (1 + t))


cdef void softplus(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    """p = beta; max(x, 0) + log1p(t)/beta and sigmoid(beta x), with t = exp(-|beta x|)."""
    cdef Py_ssize_t i
    cdef double x, z, dz, e, t, tail, scale, unused
    for i in range(n):
        x = h[i]
        z = p[i] * clamp(x, 1e300)
        dz = product_error(p[i], clamp(x, 1e300), z)
        e = exp_scaled(-fabs(z), -dz if z > 0 else dz, &scale, &unused)
        t = e * scale
        # log1p(t) = t to the last bit below 2**-54; what is left to divide by beta is not subnormal.
        tail = e / p[i] * scale if t < 1e-17 else log1p(t) / p[i]
        a[i] = <real>((x if x > 0 else 0) + tail)
        d[i] = <real>((1 if z > 0 else t) / (1 + t))


cdef void silu(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    """x s and s (1 + x (1 - s)), s = sigmoid(x)."""
    cdef Py_ssize_t i
    cdef double x, y, plus, minus, scale
    for i in range(n):
        x = h[i]
        y = clamp(x, 1000)
        plus = sigmoid_parts(x, 0, &minus, &scale)
        a[i] = <real>((x if x > 0 else y) * plus * scale)
        d[i] = <real>(plus * (1 + y * minus) * scale)


cdef void speculator(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    """p = alpha, beta; (beta (1 - s) + s) x and beta (1 - s) + s (1 + (1 - beta) z (1 - s)),
    z = alpha x, s = sigmoid(z) [Alsing et al. 2020, eq. 8]."""
    cdef Py_ssize_t i
    cdef double x, y, z, beta, plus, minus, scale
    for i in range(n):
        x = h[i]
        y = clamp(x, 1e300)
        beta = p[n + i]
        z = p[i] * y
        plus = sigmoid_parts(z, product_error(p[i], y, z), &minus, &scale)
        a[i] = <real>(times(beta * minus, x) + (x if scale == 1 else y) * plus * scale)
        d[i] = <real>(beta * minus + plus * (1 + (1 - beta) * clamp(z, 1000) * minus) * scale)


cdef void mish(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    """x T and T + x (1 - T**2) sigmoid(x), T = tanh(softplus(x)).

    x <= 0: T = t u/v and f' = t (u v + 4 x (1 + t))/v**2, u = 2 + t, v = t u + 2;
    x > 0: T = u/v and f' = (u v + 4 x t**2 (1 + t))/v**2, u = 1 + 2 t, v = u + 2 t**2.
    """
    cdef Py_ssize_t i
    cdef double x, y, e, t, u, v, slope, scale, unused
    for i in range(n):
        x = h[i]
        y = clamp(x, 1000)
        e = exp_scaled(-fabs(x), 0, &scale, &unused)
        t = e * scale
        u = 1 + 2 * t if x > 0 else 2 + t
        v = u + 2 * t * t if x > 0 else t * u + 2
        slope = u * v + 4 * y * (1 + t) * (t * t if x > 0 else 1)
        e = 1 if x > 0 else e
        scale = 1 if x > 0 else scale
        a[i] = <real>((x if x > 0 else y) * e * u / v * scale)
        d[i] = <real>(e * slope / (v * v) * scale)


cdef void elu(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    """p = alpha; f'(0) = alpha."""
    cdef Py_ssize_t i
    cdef double x, e, scale, minus_one
    for i in range(n):
        x = h[i]
        e = exp_scaled(x, 0, &scale, &minus_one)
        a[i] = <real>(x if x > 0 else p[i] * minus_one)
        d[i] = <real>(1 if x > 0 else p[i] * e * scale)


cdef void selu(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    """lambda elu(x, alpha); f'(0) = lambda alpha. Constants of Klambauer et al. 2017."""
    cdef double slope = 1.0507009873554804934193349852946
    cdef double slope_alpha = 1.7580993408473768599402
    cdef Py_ssize_t i
    cdef double x, e, scale, minus_one
    for i in range(n):
        x = h[i]
        e = exp_scaled(x, 0, &scale, &minus_one)
        a[i] = <real>(slope * x if x > 0 else slope_alpha * minus_one)
        d[i] = <real>(slope if x > 0 else slope_alpha * e * scale)


cdef void celu(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    """p = alpha > 0; alpha (exp(x/alpha) - 1) and exp(x/alpha) for x <= 0; f'(0) = 1."""
    cdef Py_ssize_t i
    cdef double x, z, product, dz, e, scale, minus_one
    for i in range(n):
        x = h[i]
        z = x / p[i]
        product = z * p[i]
        dz = ((x - product) - product_error(z, p[i], product)) / p[i]
        e = exp_scaled(z, dz, &scale, &minus_one)
        a[i] = <real>(x if x > 0 else p[i] * minus_one)
        d[i] = <real>(1 if x > 0 else e * scale)


cdef void exp(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    cdef Py_ssize_t i
    cdef double e
    for i in range(n):
        e = vexp(h[i])
        a[i] = <real>e
        d[i] = <real>e
