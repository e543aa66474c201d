from fastjac.kernels.api cimport kernels_t

cdef const kernels_t* current_kernels() noexcept
