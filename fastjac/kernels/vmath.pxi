# The functions of vmath.h, fused over `real`.

cdef extern from "math.h" nogil:
    double fabs_f64 "fabs"(double x)
    float fabs_f32 "fabsf"(float x)
    double copysign_f64 "copysign"(double x, double y)
    float copysign_f32 "copysignf"(float x, float y)

cdef extern from "vmath.h" nogil:
    bint FAST_FMA "FJ_FAST_FMA"
    double EXP_BOUND_F64 "FJ_EXP_BOUND_F64"
    float EXP_BOUND_F32 "FJ_EXP_BOUND_F32"
    double at_most_f64 "fj_at_most_f64"(double x, double bound)
    float at_most_f32 "fj_at_most_f32"(float x, float bound)
    double clamp_f64 "fj_clamp_f64"(double x, double bound)
    float clamp_f32 "fj_clamp_f32"(float x, float bound)
    double muladd_f64 "fj_muladd_f64"(double a, double b, double c)
    float muladd_f32 "fj_muladd_f32"(float a, float b, float c)
    double product_error_f64 "fj_product_error_f64"(double a, double b, double p)
    float product_error_f32 "fj_product_error_f32"(float a, float b, float p)
    double sum_error_f64 "fj_sum_error_f64"(double a, double b, double s)
    float sum_error_f32 "fj_sum_error_f32"(float a, float b, float s)
    double sum_of_product_f64 "fj_sum_of_product_f64"(double a, double b, double c)
    float sum_of_product_f32 "fj_sum_of_product_f32"(float a, float b, float c)
    double times_sum_f64 "fj_times_sum_f64"(double x, double y, double y_lo)
    float times_sum_f32 "fj_times_sum_f32"(float x, float y, float y_lo)
    double quotient_f64 "fj_quotient_f64"(double num, double w, double w_lo)
    float quotient_f32 "fj_quotient_f32"(float num, float w, float w_lo)
    double quotient_parts_f64 "fj_quotient_parts_f64"(double num, double w, double w_lo, double* r, double* lo)
    float quotient_parts_f32 "fj_quotient_parts_f32"(float num, float w, float w_lo, float* r, float* lo)
    double exp_reduced_f64 "fj_exp_reduced_f64"(double x, double* scale_1, double* scale_2)
    float exp_reduced_f32 "fj_exp_reduced_f32"(float x, float* scale_1, float* scale_2)
    double exp_corrected_f64 "fj_exp_corrected_f64"(double p, double dx)
    float exp_corrected_f32 "fj_exp_corrected_f32"(float p, float dx)
    double minus_one_f64 "fj_minus_one_f64"(double p, double scale_1, double scale_2)
    float minus_one_f32 "fj_minus_one_f32"(float p, float scale_1, float scale_2)
    double exp_scaled_f64 "fj_exp_scaled_f64"(double x, double* scale)
    float exp_scaled_f32 "fj_exp_scaled_f32"(float x, float* scale)
    double exp_sum_scaled_f64 "fj_exp_sum_scaled_f64"(double x, double dx, double* scale)
    float exp_sum_scaled_f32 "fj_exp_sum_scaled_f32"(float x, float dx, float* scale)
    double tanh_scaled_f64 "fj_tanh_f64"(double x, double* slope, double* scale)
    float tanh_scaled_f32 "fj_tanh_f32"(float x, float* slope, float* scale)
    double log1p_f64 "fj_log1p_f64"(double x)
    float log1p_f32 "fj_log1p_f32"(float x)
    double normal_tail_f64 "fj_normal_tail_f64"(double y, double* lo)
    float normal_tail_f32 "fj_normal_tail_f32"(float y, float* lo)


cdef inline real at_most(real x, real bound) noexcept nogil:
    if real is double:
        return at_most_f64(x, bound)
    else:
        return at_most_f32(x, bound)


cdef inline real clamp(real x, real bound) noexcept nogil:
    if real is double:
        return clamp_f64(x, bound)
    else:
        return clamp_f32(x, bound)


cdef inline real muladd(real a, real b, real c) noexcept nogil:
    if real is double:
        return muladd_f64(a, b, c)
    else:
        return muladd_f32(a, b, c)


cdef inline real product_error(real a, real b, real p) noexcept nogil:
    if real is double:
        return product_error_f64(a, b, p)
    else:
        return product_error_f32(a, b, p)


cdef inline real sum_error(real a, real b, real s) noexcept nogil:
    if real is double:
        return sum_error_f64(a, b, s)
    else:
        return sum_error_f32(a, b, s)


cdef inline real times_sum(real x, real y, real y_lo) noexcept nogil:
    if real is double:
        return times_sum_f64(x, y, y_lo)
    else:
        return times_sum_f32(x, y, y_lo)


cdef inline real sum_of_product(real a, real b, real c) noexcept nogil:
    if real is double:
        return sum_of_product_f64(a, b, c)
    else:
        return sum_of_product_f32(a, b, c)


cdef inline real quotient(real num, real w, real w_lo) noexcept nogil:
    if real is double:
        return quotient_f64(num, w, w_lo)
    else:
        return quotient_f32(num, w, w_lo)


cdef inline real quotient_parts(real num, real w, real w_lo, real* r, real* lo) noexcept nogil:
    if real is double:
        return quotient_parts_f64(num, w, w_lo, r, lo)
    else:
        return quotient_parts_f32(num, w, w_lo, r, lo)


cdef inline real exp_reduced(real x, real* scale_1, real* scale_2) noexcept nogil:
    if real is double:
        return exp_reduced_f64(x, scale_1, scale_2)
    else:
        return exp_reduced_f32(x, scale_1, scale_2)


cdef inline real exp_corrected(real p, real dx) noexcept nogil:
    if real is double:
        return exp_corrected_f64(p, dx)
    else:
        return exp_corrected_f32(p, dx)


cdef inline real minus_one(real p, real scale_1, real scale_2) noexcept nogil:
    if real is double:
        return minus_one_f64(p, scale_1, scale_2)
    else:
        return minus_one_f32(p, scale_1, scale_2)


cdef inline real exp_scaled(real x, real* scale) noexcept nogil:
    if real is double:
        return exp_scaled_f64(x, scale)
    else:
        return exp_scaled_f32(x, scale)


cdef inline real exp_sum_scaled(real x, real dx, real* scale) noexcept nogil:
    if real is double:
        return exp_sum_scaled_f64(x, dx, scale)
    else:
        return exp_sum_scaled_f32(x, dx, scale)


cdef inline real tanh_scaled(real x, real* slope, real* scale) noexcept nogil:
    if real is double:
        return tanh_scaled_f64(x, slope, scale)
    else:
        return tanh_scaled_f32(x, slope, scale)


cdef inline real log1p(real x) noexcept nogil:
    if real is double:
        return log1p_f64(x)
    else:
        return log1p_f32(x)


cdef inline real normal_tail(real y, real* lo) noexcept nogil:
    if real is double:
        return normal_tail_f64(y, lo)
    else:
        return normal_tail_f32(y, lo)


cdef inline real fabs(real x) noexcept nogil:
    if real is double:
        return fabs_f64(x)
    else:
        return fabs_f32(x)


cdef inline real copysign(real x, real y) noexcept nogil:
    if real is double:
        return copysign_f64(x, y)
    else:
        return copysign_f32(x, y)


cdef inline real exp_bound(real of_type) noexcept nogil:
    """The largest argument that exp_reduced takes."""
    if real is double:
        return EXP_BOUND_F64
    else:
        return EXP_BOUND_F32
