from fastjac.cython_api cimport FJ_ABI_VERSION, fj_n_in, fj_n_out, fj_network_of


def n_in_times_n_out(net, int newer=0):
    """n_in n_out, as asked for by a module that was compiled with an ABI version newer by so much."""
    return fj_n_in(fj_network_of(net, FJ_ABI_VERSION + newer)) * fj_n_out(fj_network_of(net, FJ_ABI_VERSION))
