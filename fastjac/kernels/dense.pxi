# The derivatives that are dense matrices, applied as rank-one updates.
#
#   softmax:      D = diag(s) − s sᵀ          (symmetric), d = s
#   log_softmax:  D = I − 1 sᵀ                d = s
#   rms_norm:     D = r (I − z zᵀ/n)          (symmetric), d = h, z = r h, r = 1/√(mean(h²) + ε)
#
# The first two send a vector of equal entries to zero, so a constant may be subtracted from a vector
# before they are applied. Subtracting the entry at the largest s (index m) removes the cancellation
# of 1 − s_m where s_m is close to one: what remains is a sum over the other, small, s. So it is with
# 1 − z_m²/n, the sum of the other z_i²/n and r² ε.
#
# `p` are the activation's parameters. Units behind the n that have the activation keep their values.

from fastjac.kernels.api cimport LOG_SOFTMAX, RMS_NORM, SOFTMAX, derivative_kind


cdef inline Py_ssize_t largest(const real* s, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i, m = 0
    for i in range(1, n):
        if s[i] > s[m]:
            m = i
    return m


cdef inline Py_ssize_t largest_magnitude(const real* h, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i, m = 0
    for i in range(1, n):
        if fabs(h[i]) > fabs(h[m]):
            m = i
    return m


cdef inline double rms_scale(real top, double epsilon) noexcept nogil:
    """A power of two, so that no square of h or √ε divided by it overflows, or underflows to any harm."""
    cdef int exponent
    frexp(max(fabs(<double>top), sqrt(epsilon)), &exponent)
    return ldexp(1, exponent - 1)


cdef inline double root_mean_square(const real* h, Py_ssize_t n, double epsilon, double scale) noexcept nogil:
    """√(mean(h²) + ε) / scale; the sum is compensated, so that its error does not grow with n."""
    cdef Py_ssize_t i
    cdef double x, term, partial, total = 0, lost = 0
    for i in range(n):
        x = h[i] / scale
        term = x * x
        partial = total + term
        lost += sum_error(total, term, partial) + product_error(x, x, term)
        total = partial
    return sqrt((total + lost) / n + epsilon / scale / scale)


cdef inline real centred_mean(const real* s, const real* r, Py_ssize_t n, Py_ssize_t m) noexcept nogil:
    """Σ s_i (r_i − r_m) over i ≠ m; NaN if s is, even where there is no other i."""
    cdef Py_ssize_t i
    cdef real c = 0 * s[m]
    for i in range(n):
        if i != m:
            c += s[i] * (r[i] - r[m])
    return c


# ---------------------------------------------------------------- R ← R D, or R ← R Dᵀ in a forward sweep


cdef inline void apply_softmax(const real* s, Py_ssize_t n_rows, Py_ssize_t n, Py_ssize_t ld, real* R) noexcept nogil:
    cdef Py_ssize_t i, j, m = largest(s, n)
    cdef real c, pivot
    cdef real* r
    for i in range(n_rows):
        r = R + i * ld
        c = centred_mean(s, r, n, m)
        pivot = r[m]
        for j in range(n):
            r[j] = s[j] * ((r[j] - pivot) - c)


cdef inline void apply_log_softmax_forward(const real* s, Py_ssize_t n_rows, Py_ssize_t n, Py_ssize_t ld,
                                           real* T) noexcept nogil:
    cdef Py_ssize_t i, j, m = largest(s, n)
    cdef real c, pivot
    cdef real* t
    for i in range(n_rows):
        t = T + i * ld
        c = centred_mean(s, t, n, m)
        pivot = t[m]
        for j in range(n):
            t[j] = (t[j] - pivot) - c


cdef inline void apply_log_softmax_reverse(const real* s, Py_ssize_t n_rows, Py_ssize_t n, Py_ssize_t ld,
                                           real* R) noexcept nogil:
    cdef Py_ssize_t i, j, m = largest(s, n)
    cdef real others = 0, rest, at_m
    cdef real* r
    for j in range(n):
        if j != m:
            others += s[j]
    for i in range(n_rows):
        r = R + i * ld
        rest = 0
        for j in range(n):
            if j != m:
                rest += r[j]
        at_m = r[m] * others - s[m] * rest
        rest += r[m]
        for j in range(n):
            r[j] = r[j] - rest * s[j]
        r[m] = at_m


# What D of rms_norm is made of.
ctypedef struct rms_t:
    Py_ssize_t m    # the unit with the largest |z|
    double r
    double rest     # 1 − z_m²/n


cdef inline rms_t rms_of(const real* h, double epsilon, Py_ssize_t n) noexcept nogil:
    cdef rms_t rms
    cdef Py_ssize_t i
    cdef double z, scale, total = 0
    rms.m = largest_magnitude(h, n)
    scale = rms_scale(h[rms.m], epsilon)
    rms.r = 1 / (scale * root_mean_square(h, n, epsilon, scale))
    for i in range(n):
        if i != rms.m:
            z = rms.r * h[i]
            total += z * z
    z = rms.r * sqrt(epsilon)
    rms.rest = total / n + z * z
    return rms


cdef inline void apply_rms_norm(const real* h, double epsilon, Py_ssize_t n_rows, Py_ssize_t n, Py_ssize_t ld,
                                real* R) noexcept nogil:
    cdef rms_t rms = rms_of(h, epsilon, n)
    cdef Py_ssize_t i, j, m = rms.m
    cdef double r = rms.r, z_m = r * h[m]
    cdef real others, mean, at_m
    cdef real* row
    for i in range(n_rows):
        row = R + i * ld
        others = 0
        for j in range(n):
            if j != m:
                others += row[j] * <real>(r * h[j])
        at_m = <real>(r * (rms.rest * row[m] - z_m * others / n))
        mean = <real>((others + z_m * row[m]) / n)
        for j in range(n):
            row[j] = <real>r * (row[j] - <real>(r * h[j]) * mean)
        row[m] = at_m


cdef void apply_dense(derivative_kind kind, bint forward, const real* d, const real* p, Py_ssize_t n_rows,
                      Py_ssize_t n, Py_ssize_t ld, real* R) noexcept nogil:
    """Each of `n_rows` rows r of R, of length ld, becomes r·D, or r·Dᵀ if `forward`."""
    if kind == SOFTMAX:
        apply_softmax(d, n_rows, n, ld, R)
    elif kind == RMS_NORM:
        apply_rms_norm(d, p[0], n_rows, n, ld, R)
    elif forward:
        apply_log_softmax_forward(d, n_rows, n, ld, R)
    else:
        apply_log_softmax_reverse(d, n_rows, n, ld, R)


# ---------------------------------------------------------------- out = D Wᵀ


cdef inline void centre_columns(const real* Wt, Py_ssize_t ldw, const real* s, Py_ssize_t n,
                                Py_ssize_t n_cols, Py_ssize_t m, real* c) noexcept nogil:
    """c = Σ s_i (Wt[i] − Wt[m]) over the rows i ≠ m."""
    cdef Py_ssize_t i, j
    cdef const real* pivot = Wt + m * ldw
    for j in range(n_cols):
        c[j] = 0 * s[m]
    for i in range(n):
        if i != m:
            for j in range(n_cols):
                c[j] += s[i] * (Wt[i * ldw + j] - pivot[j])


cdef inline void form_softmax(bint logarithmic, const real* Wt, Py_ssize_t ldw, const real* s, Py_ssize_t n,
                              Py_ssize_t n_cols, real* out, Py_ssize_t ld) noexcept nogil:
    cdef Py_ssize_t i, j, m = largest(s, n)
    cdef real* c = out + m * ld
    cdef const real* pivot = Wt + m * ldw
    cdef real s_i
    centre_columns(Wt, ldw, s, n, n_cols, m, c)
    for i in range(n):
        if i != m:
            s_i = 1 if logarithmic else s[i]
            for j in range(n_cols):
                out[i * ld + j] = s_i * ((Wt[i * ldw + j] - pivot[j]) - c[j])
    s_i = 1 if logarithmic else s[m]
    for j in range(n_cols):
        c[j] = -s_i * c[j]


cdef inline void form_rms_norm(const real* Wt, Py_ssize_t ldw, const real* h, double epsilon, Py_ssize_t n,
                               Py_ssize_t n_cols, real* out, Py_ssize_t ld) noexcept nogil:
    cdef rms_t rms = rms_of(h, epsilon, n)
    cdef Py_ssize_t i, j, m = rms.m
    cdef real r = <real>rms.r, z, z_m = <real>(rms.r * h[m])
    cdef real* others = out + m * ld
    cdef const real* pivot = Wt + m * ldw
    for j in range(n_cols):
        others[j] = 0
    for i in range(n):
        if i != m:
            z = <real>(rms.r * h[i]) / n
            for j in range(n_cols):
                others[j] += z * Wt[i * ldw + j]
    for i in range(n):
        if i != m:
            z = <real>(rms.r * h[i])
            for j in range(n_cols):
                out[i * ld + j] = r * (Wt[i * ldw + j] - z * (others[j] + z_m / n * pivot[j]))
    for j in range(n_cols):
        others[j] = r * (<real>rms.rest * pivot[j] - z_m * others[j])


cdef void form_dense(derivative_kind kind, const real* Wt, Py_ssize_t ldw, const real* d, const real* p,
                     Py_ssize_t n_rows, Py_ssize_t n, Py_ssize_t n_cols, real* out, Py_ssize_t ld) noexcept nogil:
    """out = D Wt for the first n of `n_rows` rows, of lengths ldw and ld.  `out` may not alias `Wt`."""
    cdef Py_ssize_t i, j
    if kind == RMS_NORM:
        form_rms_norm(Wt, ldw, d, p[0], n, n_cols, out, ld)
    else:
        form_softmax(kind == LOG_SOFTMAX, Wt, ldw, d, n, n_cols, out, ld)
    for i in range(n, n_rows):
        for j in range(n_cols):
            out[i * ld + j] = Wt[i * ldw + j]
