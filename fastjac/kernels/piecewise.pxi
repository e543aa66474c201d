# Activations made of straight lines and parabolas.
#
# No comparison holds for NaN, so each conditional ends in the branch that hands x on. A product with
# a parameter that may be 0 goes through `times`: f is constant there, and so is its limit at infinity.


cdef inline real one_or_nan(real x) noexcept nogil:
    return 1 if x == x else x


cdef inline real times(real c, real x) noexcept nogil:
    """c*x, with 0*inf = 0."""
    return c * (clamp(x, <real>1) if c == 0 else x)


cdef void identity(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        d[i] = one_or_nan(h[i])
        a[i] = h[i]


cdef void relu(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    """f'(0) = 0."""
    cdef Py_ssize_t i
    cdef real x
    for i in range(n):
        x = h[i]
        a[i] = 0 if x <= 0 else x
        d[i] = 0 if x <= 0 else one_or_nan(x)


cdef void relu6(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    """f'(0) = f'(6) = 0."""
    cdef Py_ssize_t i
    cdef real x
    for i in range(n):
        x = h[i]
        a[i] = 0 if x <= 0 else (6 if x >= 6 else x)
        d[i] = 0 if x <= 0 else (0 if x >= 6 else one_or_nan(x))


cdef void leaky_relu(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    """p = slope; f'(0) = slope. Serves leaky_relu and prelu."""
    cdef Py_ssize_t i
    cdef real x, slope
    for i in range(n):
        x = h[i]
        slope = p[i]
        a[i] = x if x > 0 else times(slope, x)
        d[i] = slope if x <= 0 else one_or_nan(x)


cdef void thresholded_relu(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    """p = theta; f'(theta) = 0."""
    cdef Py_ssize_t i
    cdef real x, theta
    for i in range(n):
        x = h[i]
        theta = p[i]
        a[i] = 0 if x <= theta else x
        d[i] = 0 if x <= theta else one_or_nan(x)


cdef void hard_tanh(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    """p = min, max; f'(min) = f'(max) = 0."""
    cdef Py_ssize_t i
    cdef real x, low, high
    for i in range(n):
        x = h[i]
        low = p[i]
        high = p[n + i]
        d[i] = 0 if x <= low else (0 if x >= high else one_or_nan(x))
        x = low if x <= low else x
        a[i] = high if x >= high else x


cdef void hard_sigmoid(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    """p = slope, offset; the derivative is 0 at both ends.

    The product is rounded before the offset is added: with the default slope, the double next to
    1/6, the ends then lie at -3 and 3 exactly, where a fused operation would miss the first.
    """
    cdef Py_ssize_t i
    cdef double x, y, slope, offset
    for i in range(n):
        x = h[i]
        slope = p[i]
        offset = p[n + i]
        y = clamp(times(slope, x), 1e300) + offset  # the clamp keeps compilers from fusing
        a[i] = <real>(0 if y <= 0 else (1 if y >= 1 else y))
        d[i] = <real>(0 if y <= 0 else (0 if y >= 1 else (slope if y == y else y)))


cdef void hard_swish(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    """f'(-3) = 0, f'(3) = 1."""
    cdef Py_ssize_t i
    cdef double x, y
    for i in range(n):
        x = h[i]
        y = clamp(x, 3.)  # no overflow of y*y in a branch that is not taken
        a[i] = <real>(x if x >= 3 else y * (y + 3) / 6)
        d[i] = <real>(0 if x <= -3 else (1 if x >= 3 else (2 * y + 3) / 6))


cdef void soft_shrink(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    """p = threshold; f'(-threshold) = f'(threshold) = 0."""
    cdef Py_ssize_t i
    cdef real x, t
    for i in range(n):
        x = h[i]
        t = p[i]
        a[i] = 0 if fabs(x) <= t else (x - t if x > 0 else x + t)
        d[i] = 0 if fabs(x) <= t else one_or_nan(x)


cdef void hard_shrink(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    """p = threshold; f'(-threshold) = f'(threshold) = 0."""
    cdef Py_ssize_t i
    cdef real x, t
    for i in range(n):
        x = h[i]
        t = p[i]
        a[i] = 0 if fabs(x) <= t else x
        d[i] = 0 if fabs(x) <= t else one_or_nan(x)


cdef void square(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    cdef Py_ssize_t i
    cdef real x
    for i in range(n):
        x = h[i]
        a[i] = x * x
        d[i] = x + x


cdef void absolute(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    """f'(0) = 0."""
    cdef Py_ssize_t i
    cdef real x
    for i in range(n):
        x = h[i]
        a[i] = fabs(x)
        d[i] = 1 if x > 0 else (-1 if x < 0 else x)
