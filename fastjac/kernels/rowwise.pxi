# softmax, log_softmax, rms_norm and layer_norm, in which every unit depends on the whole row. The first two
# leave s = softmax(h) in d, the third h, the fourth h − mean(h); dense.pxi applies the derivative.


cdef inline double exponentials(const real* h, Py_ssize_t n, Py_ssize_t m, real* d) noexcept nogil:
    """d = exp(h - h[m]), h[m] being the largest; the sum of d without d[m].

    The rounding of each difference is put back, and the sum is compensated (Neumaier 1974), so that
    its error does not grow with n. NaN where no limit exists: at two infinities that tie.
    """
    cdef Py_ssize_t i
    cdef double x, top = h[m], delta, e, scale, total = 0, partial, lost = 0
    for i in range(n):
        x = h[i]
        delta = 0 if x == top else x - top
        e = exp_sum_scaled(delta, 0. if x == top else sum_error(x, -top, delta), &scale)
        d[i] = <real>(e * scale)
    for i in range(n):
        if i == m:
            continue
        x = d[i]
        if h[i] == top and fabs(top) > 1.7976931348623157e308:
            x = top - top
        partial = total + x
        lost += sum_error(total, x, partial)
        total = partial
    return total + lost


cdef void softmax(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    cdef Py_ssize_t i
    cdef double total = 1 + exponentials(h, n, largest(h, n), d)
    for i in range(n):
        d[i] = <real>(d[i] / total)
        a[i] = d[i]


cdef void log_softmax(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    """(h - h[m]) - log1p(sum of the others): two terms of one sign."""
    cdef Py_ssize_t i, m = largest(h, n)
    cdef double x, top = h[m], rest = exponentials(h, n, m, d), log_total = log1p(rest)
    for i in range(n):
        d[i] = <real>(d[i] / (1 + rest))
        x = h[i]
        a[i] = <real>((0 if x == top else x - top) - log_total)


cdef void rms_norm(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    """h / √(mean(h²) + ε)."""
    cdef Py_ssize_t i
    for i in range(n):
        d[i] = h[i]
    normalise(d, p[0], n, a)


cdef void layer_norm(const real* h, const real* p, Py_ssize_t n, real* a, real* d) noexcept nogil:
    """(h − mean(h)) / √(var(h) + ε)."""
    cdef Py_ssize_t i
    cdef double mean = careful_sum(False, h, 1, n) / n
    for i in range(n):
        d[i] = <real>(h[i] - mean)
    normalise(d, p[0], n, a)


cdef inline void normalise(const real* d, double epsilon, Py_ssize_t n, real* a) noexcept nogil:
    cdef Py_ssize_t i
    cdef double factor = rms_factor(d[largest_magnitude(d, n)], epsilon)
    cdef double root = root_mean_square(d, n, epsilon, factor)
    for i in range(n):
        a[i] = <real>(d[i] * factor / root)
