# The derivatives that are dense matrices, applied as rank-one updates.
#
#   softmax:      D = diag(s) − s sᵀ          (symmetric), d = s
#   log_softmax:  D = I − 1 sᵀ                d = s
#   rms_norm:     D = r (I − z zᵀ/n)          (symmetric), d = h, z = r d, r = 1/√(mean(d²) + ε)
#   layer_norm:   D = (I − 1 1ᵀ/n) of that    (symmetric), d = h − mean(h)
#
# The first two send a vector of equal entries to zero, so a constant may be subtracted from a vector
# before they are applied. Subtracting the entry at the largest s (index m) removes the cancellation
# of 1 − s_m where s_m is close to one: what remains is a sum over the other, small, s. So it is with
# 1 − z_m²/n, the sum of the other z_i²/n and r² ε.
#
# `p` are the activation's parameters. Units behind the n that have the activation keep their values.

from fastjac.kernels.api cimport LAYER_NORM, LOG_SOFTMAX, RMS_NORM, SOFTMAX, derivative_kind


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


# Sums along a row go to several places at once: one after the other, each term would wait for the one before.

cdef enum:
    N_SUMS = 16


cdef inline double careful_sum(bint squared, const real* h, double factor, Py_ssize_t n) noexcept nogil:
    """Σ factor h_i, or Σ (factor h_i)², compensated (Neumaier 1974): its error does not grow with n."""
    cdef double totals[N_SUMS]
    cdef double lost[N_SUMS]
    cdef double x, term, partial, total = 0, rest = 0
    cdef Py_ssize_t i = 0
    cdef int l, n_here
    for l in range(N_SUMS):
        totals[l] = lost[l] = 0
    while i < n:
        n_here = <int>min(<Py_ssize_t>N_SUMS, n - i)
        if n_here == N_SUMS:
            for l in range(N_SUMS):
                x = factor * h[i + l]
                term = x * x if squared else x
                partial = totals[l] + term
                lost[l] += sum_error(totals[l], term, partial) + (product_error(x, x, term) if squared else 0.)
                totals[l] = partial
        else:
            for l in range(n_here):
                x = factor * h[i + l]
                term = x * x if squared else x
                partial = totals[l] + term
                lost[l] += sum_error(totals[l], term, partial) + (product_error(x, x, term) if squared else 0.)
                totals[l] = partial
        i += N_SUMS
    for l in range(N_SUMS):
        partial = total + totals[l]
        rest += sum_error(total, totals[l], partial) + lost[l]
        total = partial
    return total + rest


cdef inline double rms_factor(real top, double epsilon) noexcept nogil:
    """A power of two, so that no square of h or √ε times it overflows, or underflows to any harm."""
    cdef int exponent
    frexp(max(fabs(<double>top), sqrt(epsilon)), &exponent)
    return ldexp(1, min(1 - exponent, 1000))


cdef inline double root_mean_square(const real* h, Py_ssize_t n, double epsilon, double factor) noexcept nogil:
    """√(mean(h²) + ε) times `factor`."""
    return sqrt(careful_sum(True, h, factor, n) / n + epsilon * factor * factor)


cdef inline real total_of(real* sums) noexcept nogil:
    cdef int l
    for l in range(8):
        sums[l] += sums[l + 8]
    for l in range(4):
        sums[l] += sums[l + 4]
    return (sums[0] + sums[2]) + (sums[1] + sums[3])


cdef inline real weighted_sum(const real* w, real factor, const real* r, real pivot, Py_ssize_t n) noexcept nogil:
    """Σ (factor w_i) (r_i − pivot); NaN if w is."""
    cdef real sums[N_SUMS]
    cdef Py_ssize_t i = 0, n_whole = n - n % N_SUMS
    cdef int l
    for l in range(N_SUMS):
        sums[l] = 0
    while i < n_whole:
        for l in range(N_SUMS):
            sums[l] += factor * w[i + l] * (r[i + l] - pivot)
        i += N_SUMS
    for i in range(n_whole, n):
        sums[i - n_whole] += factor * w[i] * (r[i] - pivot)
    return total_of(sums)


cdef inline real sum_of(const real* row, Py_ssize_t n) noexcept nogil:
    cdef real sums[N_SUMS]
    cdef Py_ssize_t i = 0, n_whole = n - n % N_SUMS
    cdef int l
    for l in range(N_SUMS):
        sums[l] = 0
    while i < n_whole:
        for l in range(N_SUMS):
            sums[l] += row[i + l]
        i += N_SUMS
    for i in range(n_whole, n):
        sums[i - n_whole] += row[i]
    return total_of(sums)


# ---------------------------------------------------------------- R ← R D, or R ← R Dᵀ in a forward sweep


cdef inline void apply_softmax(const real* s, Py_ssize_t n_rows, Py_ssize_t n, Py_ssize_t ld, real* R) noexcept nogil:
    cdef Py_ssize_t i, j, m = largest(s, n)
    cdef real c, pivot
    cdef real* r
    for i in range(n_rows):
        r = R + i * ld
        pivot = r[m]
        c = weighted_sum(s, 1, r, pivot, n)
        for j in range(n):
            r[j] = s[j] * ((r[j] - pivot) - c)


cdef inline void apply_log_softmax_forward(const real* s, Py_ssize_t n_rows, Py_ssize_t n, Py_ssize_t ld,
                                           real* T) noexcept nogil:
    cdef Py_ssize_t i, j, m = largest(s, n)
    cdef real c, pivot
    cdef real* t
    for i in range(n_rows):
        t = T + i * ld
        pivot = t[m]
        c = weighted_sum(s, 1, t, pivot, n)
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
    cdef Py_ssize_t m = largest_magnitude(h, n)
    cdef double factor = rms_factor(h[m], epsilon), others, z
    rms.m = m
    rms.r = factor / root_mean_square(h, n, epsilon, factor)
    z = rms.r * sqrt(epsilon)
    others = careful_sum(True, h, rms.r, m) + careful_sum(True, h + m + 1, rms.r, n - m - 1)
    rms.rest = others / n + z * z
    return rms


cdef inline void apply_norm(bint centred, const real* d, double epsilon, Py_ssize_t n_rows, Py_ssize_t n,
                            Py_ssize_t ld, real* R) noexcept nogil:
    cdef rms_t rms = rms_of(d, epsilon, n)
    cdef Py_ssize_t i, j, m = rms.m
    cdef real r = <real>rms.r, z_m = r * d[m], rest = <real>rms.rest, share = <real>1 / n
    cdef real others, at_m, row_m, along, mean
    cdef real* row
    if centred:
        rest = rest - share if n > 1 else 0
    for i in range(n_rows):
        row = R + i * ld
        row_m = row[m]
        row[m] = 0
        others = weighted_sum(d, r, row, 0, n) * share
        mean = sum_of(row, n) * share if centred else 0
        along = others + z_m * row_m * share
        at_m = r * ((rest * row_m - z_m * others) - mean)
        if centred:
            mean += row_m * share
        for j in range(n):
            row[j] = r * ((row[j] - mean) - r * d[j] * along)
        row[m] = at_m


cdef void apply_dense(derivative_kind kind, bint forward, const real* d, const real* p, Py_ssize_t n_rows,
                      Py_ssize_t n, Py_ssize_t ld, real* R) noexcept nogil:
    """Each of `n_rows` rows r of R, of length ld, becomes r·D, or r·Dᵀ if `forward`."""
    if kind == SOFTMAX:
        apply_softmax(d, n_rows, n, ld, R)
    elif kind == RMS_NORM or kind == LAYER_NORM:
        apply_norm(kind == LAYER_NORM, d, p[0], n_rows, n, ld, R)
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


cdef inline void form_norm(bint centred, const real* Wt, Py_ssize_t ldw, const real* d, double epsilon, Py_ssize_t n,
                           Py_ssize_t n_cols, real* out, Py_ssize_t ld) noexcept nogil:
    cdef rms_t rms = rms_of(d, epsilon, n)
    cdef Py_ssize_t i, j, m = rms.m
    cdef real r = <real>rms.r, z, z_m = r * d[m], rest = <real>rms.rest
    cdef real* others = out + m * ld
    cdef const real* pivot = Wt + m * ldw
    for j in range(n_cols):
        others[j] = 0
    for i in range(n):
        if i != m:
            z = r * d[i] / n
            for j in range(n_cols):
                others[j] += z * Wt[i * ldw + j]
    for i in range(n):
        if i != m:
            z = r * d[i]
            for j in range(n_cols):
                out[i * ld + j] = r * (Wt[i * ldw + j] - z * (others[j] + z_m / n * pivot[j]))
    for j in range(n_cols):
        others[j] = r * (rest * pivot[j] - z_m * others[j])
    if centred:
        centre_rows(n, n_cols, out, ld)


cdef inline void centre_rows(Py_ssize_t n, Py_ssize_t n_cols, real* out, Py_ssize_t ld) noexcept nogil:
    """Take the mean of the n rows off each of them."""
    cdef real means[N_SUMS]
    cdef Py_ssize_t i, j, n_here, first = 0
    while first < n_cols:
        n_here = min(N_SUMS, n_cols - first)
        for j in range(n_here):
            means[j] = 0
        for i in range(n):
            for j in range(n_here):
                means[j] += out[i * ld + first + j]
        for j in range(n_here):
            means[j] = means[j] / n
        for i in range(n):
            for j in range(n_here):
                out[i * ld + first + j] -= means[j]
        first += N_SUMS


cdef void form_dense(derivative_kind kind, const real* Wt, Py_ssize_t ldw, const real* d, const real* p,
                     Py_ssize_t n_rows, Py_ssize_t n, Py_ssize_t n_cols, real* out, Py_ssize_t ld) noexcept nogil:
    """out = D Wt for the first n of `n_rows` rows, of lengths ldw and ld.  `out` may not alias `Wt`."""
    cdef Py_ssize_t i, j
    if kind == RMS_NORM or kind == LAYER_NORM:
        form_norm(kind == LAYER_NORM, Wt, ldw, d, p[0], n, n_cols, out, ld)
    else:
        form_softmax(kind == LOG_SOFTMAX, Wt, ldw, d, n, n_cols, out, ld)
    for i in range(n, n_rows):
        for j in range(n_cols):
            out[i * ld + j] = Wt[i * ldw + j]
