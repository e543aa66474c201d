# Activations made of the error function, exp(-x**2), x**2 and the functions of the C library.


cdef inline double gauss(double x, double c, double* scale) noexcept nogil:
    """exp(-c x**2) = return value * scale, for c = 1 or 1/2 and |x| <= 40: the square is split."""
    cdef double unused, q = x * x
    return exp_scaled(-c * q, -c * product_error(x, x, q), scale, &unused)


cdef void gelu(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    """x P and P + x exp(-x**2/2)/sqrt(2 pi), P = erfc(-x/sqrt(2))/2.

    erfc amplifies the rounding of its argument z by 2 z**2, so dz, what rounding took from
    -x/sqrt(2), is put back to first order: erfc(z + dz) = erfc(z) - dz 2/sqrt(pi) exp(-z**2).
    """
    cdef double sqrt_half = 0.7071067811865476, sqrt_half_lo = -4.833646656726457e-17
    cdef Py_ssize_t i
    cdef double x, y, z, dz, g, P, scale
    for i in range(n):
        x = h[i]
        y = clamp(x, 40)
        z = -y * sqrt_half
        dz = -product_error(y, sqrt_half, -z) - y * sqrt_half_lo
        g = gauss(y, 0.5, &scale) * scale
        P = 0.5 * (erfc(z) - dz * 1.12837916709551257390 * g)
        a[i] = <real>((x if x > 0 else y) * P)
        d[i] = <real>(P + y * g * 0.39894228040143267794)


cdef void gelu_tanh(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    """x s and s (1 + x v' (1 - s)), s = sigmoid(v), v = sqrt(8/pi) (x + 0.044715 x**3).

    The exponential amplifies the rounding of v by |v|, so v is made of two doubles.
    """
    cdef double c1 = 1.5957691216057308, c1_lo = -9.96930880911092e-17
    cdef double c3 = 0.07135481627260025, c3_lo = -6.175149918155315e-19
    cdef Py_ssize_t i
    cdef double x, y, q, dq, m, dm, s, ds, v, dv, plus, minus, scale
    for i in range(n):
        x = h[i]
        y = clamp(x, 100)
        q = y * y
        dq = product_error(y, y, q)
        m = c3 * q
        dm = product_error(c3, q, m) + (c3 * dq + c3_lo * q)
        s = c1 + m
        ds = sum_error(c1, m, s) + (c1_lo + dm)
        v = y * s
        dv = product_error(y, s, v) + y * ds
        plus = sigmoid_parts(v, dv, &minus, &scale)
        a[i] = <real>((x if x > 0 else y) * plus * scale)
        d[i] = <real>(plus * (1 + y * (c1 + 3 * m) * minus) * scale)


cdef void erf(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    """erf(x) and 2/sqrt(pi) exp(-x**2)."""
    cdef Py_ssize_t i
    cdef double x, g, scale
    for i in range(n):
        x = h[i]
        g = gauss(clamp(x, 40), 1, &scale)
        a[i] = <real>libm_erf(x)
        d[i] = <real>(1.12837916709551257390 * g * scale)


cdef void gaussian(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    """exp(-x**2) and -2 x exp(-x**2)."""
    cdef Py_ssize_t i
    cdef double x, g, scale
    for i in range(n):
        x = clamp(h[i], 40)
        g = gauss(x, 1, &scale)
        a[i] = <real>(g * scale)
        d[i] = <real>(-2 * x * g * scale)


cdef void tanh_shrink(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    """x - tanh(x) and tanh(x)**2.

    For |x| <= 1.5 the eleventh convergent of Lambert's continued fraction
    tanh(x) = x/(1 + q/(3 + q/(5 + ...))), q = x**2, is B/A of two polynomials with positive integer
    coefficients; x - tanh(x) = x q N/A without cancellation, relative error 2**-60. Beyond, the
    difference loses at most one bit. Reference: J. H. Lambert 1761; DLMF 4.39.1.
    """
    cdef Py_ssize_t i
    cdef double x, y, q, N, A, t, unused
    for i in range(n):
        x = h[i]
        exp_scaled(-2 * fabs(x), 0, &unused, &t)
        t = copysign(t / (2 + t), x)
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
        x = clamp(h[i], 1e308)
        w = 1 / (1 + fabs(x))
        a[i] = <real>(x / (1 + fabs(x)))
        d[i] = <real>(w * w)


cdef void arctan(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    """arctan(x) and 1/(1 + x**2); above 2**27 the 1 is lost in rounding and x**2 might overflow."""
    cdef Py_ssize_t i
    cdef double x, y, w
    for i in range(n):
        x = h[i]
        y = clamp(x, 1e9)
        w = 1 / clamp(x, 1e308)
        a[i] = <real>libm_atan(x)
        d[i] = <real>(w * w if fabs(x) > 134217728. else 1 / (1 + y * y))


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
