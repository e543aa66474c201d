# Activations made of the error function, exp(-x**2), x**2 and the functions of the C library.


cdef inline real gauss(real x, real c, real* scale) noexcept nogil:
    """exp(-c x**2) = return value * scale, for c = 1 or 1/2 and |x| <= 40: the square is split."""
    cdef real q = x * x
    return exp_sum_scaled(-c * q, -c * product_error(x, x, q), scale)


cdef void gelu(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    """x P and P + x exp(-x**2/2)/sqrt(2 pi), P the normal distribution.

    max(x, 0) - y Q and, for x <= 0, Q - y exp(-y**2/2)/sqrt(2 pi), else 1 minus that: y = |x|,
    Q = exp(-y**2/2) G/(y + 3/4) the upper tail of the distribution at y, G = normal_tail(y).
    """
    cdef real end = 40 if real is double else 15
    cdef real phi_0 = <real>0.39894228040143267794
    cdef Py_ssize_t i
    cdef real x, y, e, G, G_lo, w, r, r_lo, q, q_lo, unused, m, m_lo, slope, scale, one = 1
    for i in range(n):
        x = h[i]
        y = at_most(fabs(x), end)
        e = gauss(y, <real>0.5, &scale)
        G = normal_tail(y, &G_lo)
        w = y + <real>0.75
        r = quotient_parts(one, w, sum_error(y, <real>0.75, w), &unused, &r_lo)
        q = y * r
        q_lo = product_error(y, r, q) + y * r_lo
        m = G * e
        m_lo = q * (product_error(G, e, m) + G_lo * e) + q_lo * m
        a[i] = (x if x > 0 else 0) - sum_of_product(q, m, m_lo) * scale
        slope = (G * (r + r_lo) - phi_0 * y) * e * scale
        d[i] = one - slope if x > 0 else slope


cdef void gelu_tanh(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    """x s and s (1 + x v' (1 - s)), s = sigmoid(v), v = sqrt(8/pi) (x + 0.044715 x**3).

    The exponential amplifies the rounding of v by |v|, so v is made of two numbers.
    """
    cdef real c1 = <real>1.5957691216057308
    cdef real c1_lo = <real>((1.5957691216057308 - <double>c1) - 9.96930880911092e-17)
    cdef real c3 = <real>0.07135481627260025
    cdef real c3_lo = <real>((0.07135481627260025 - <double>c3) - 6.175149918155315e-19)
    cdef Py_ssize_t i
    cdef real x, y, q, dq, m, dm, u, du, v, dv, s, s_hi, s_lo, minus, scale
    for i in range(n):
        x = h[i]
        y = clamp(x, <real>100)
        q = y * y
        dq = product_error(y, y, q)
        m = c3 * q
        dm = product_error(c3, q, m) + (c3 * dq + c3_lo * q)
        u = c1 + m
        du = sum_error(c1, m, u) + (c1_lo + dm)
        v = y * u
        dv = product_error(y, u, v) + y * du
        s_hi = logistic_at_sum(v, dv, &s_lo, &s, &minus, &scale)
        a[i] = x if x > 100 else times_sum(y, s_hi, s_lo) * scale
        d[i] = times_sum(muladd(y * muladd(<real>3, m + dm, c1), minus, <real>1), s_hi, s_lo) * scale


cdef void erf(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    """erf(x) and 2/sqrt(pi) exp(-x**2)."""
    cdef Py_ssize_t i
    cdef double x, g, scale
    for i in range(n):
        x = h[i]
        g = gauss(clamp(x, 40.), 1., &scale)
        a[i] = <real>libm_erf(x)
        d[i] = <real>(1.12837916709551257390 * g * scale)


cdef void gaussian(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    """exp(-x**2) and -2 x exp(-x**2)."""
    cdef Py_ssize_t i
    cdef real x, g, scale
    for i in range(n):
        x = clamp(h[i], <real>40)
        g = gauss(x, <real>1, &scale)
        a[i] = g * scale
        d[i] = -(x + x) * g * scale


cdef void tanh_shrink(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    """x - tanh(x) and tanh(x)**2.

    For |x| <= 1.5 the eleventh convergent of Lambert's continued fraction
    tanh(x) = x/(1 + q/(3 + q/(5 + ...))), q = x**2, is B/A of two polynomials with positive integer
    coefficients; x - tanh(x) = x q N/A without cancellation, relative error 2**-60. Beyond, the
    difference loses at most one bit. Reference: J. H. Lambert 1761; DLMF 4.39.1.
    """
    cdef Py_ssize_t i
    cdef double x, y, q, N, A, t, slope, scale
    for i in range(n):
        x = h[i]
        t = tanh_scaled(x, &slope, &scale)
        y = clamp(x, 1.5)
        q = y * y
        N = 4583103525. + q * (349188840. + q * (6891885. + q * (42900. + q * 65.)))
        A = 13749310575. + q * (6547290750. + q * (413513100. + q * (7567560. + q * (45045. + q * 66.))))
        a[i] = <real>(x - t if fabs(x) > 1.5 else y * q * N / A)
        d[i] = <real>(t * t)


cdef void softsign(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    """x/(1 + |x|) and 1/(1 + |x|)**2."""
    cdef Py_ssize_t i
    cdef double x, w
    for i in range(n):
        x = h[i]
        x = clamp(x, 1e308)
        w = 1 / (1 + fabs(x))
        a[i] = <real>(x / (1 + fabs(x)))
        d[i] = <real>(w * w)


cdef void arctan(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    """arctan(x) and 1/(1 + x**2), which is 1/x**2 to the last bit above 2**27: no overflow of x**2."""
    cdef Py_ssize_t i
    cdef double x, y, r
    for i in range(n):
        x = h[i]
        y = fabs(x)
        r = 1 / (y if y > 1 else 1)
        y = clamp(x, 134217728.)
        a[i] = <real>libm_atan(x)
        d[i] = <real>(r * r if r < 7.450580596923828125e-9 else 1 / (1 + y * y))


cdef void sin(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    cdef Py_ssize_t i
    cdef double x
    for i in range(n):
        x = h[i]
        a[i] = <real>libm_sin(x)
        d[i] = <real>libm_cos(x)


cdef void cos(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    cdef Py_ssize_t i
    cdef double x
    for i in range(n):
        x = h[i]
        a[i] = <real>libm_cos(x)
        d[i] = <real>-libm_sin(x)
