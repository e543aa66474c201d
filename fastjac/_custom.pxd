from fastjac.kernels.api cimport layer_t

cdef int use_custom(layer_t* layer, custom) except -1
