"""Cases 53 to 63: threads, processes and signals."""

import ctypes
import multiprocessing
import os
import platform
import signal
import subprocess
import sys
import threading
import weakref
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from support import OPERANDS, assert_close, assert_same, make_mixed, make_network, parts, random_array, run_python

from fastjac import _packed, _workers


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_case_55_other_processes(method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"{method} is not to be had on {platform.system()}")
    net = make_mixed()
    x = random_array((7, net.n_in))
    net.jacobian(x, workers=2)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context(method)) as pool:
        futures = [pool.submit(operand, net, random_array((7, operand.width(net)))) for operand in OPERANDS]
        futures.append(pool.submit(net.jacobian, x, workers=2))
        results = [future.result() for future in futures]
    for operand, result in zip(OPERANDS, results):
        assert_same(result, operand(net, random_array((7, operand.width(net)))))
    assert_same(results[-1], net.jacobian(x, workers=2))


BLAS_THREADS = """
import ctypes, os, re
import numpy as np
import scipy.linalg.cython_blas

libraries = {line.split()[-1] for line in open("/proc/self/maps") if "openblas" in line}
getters, setters = [], []
for library in libraries:
    for prefix in ("scipy_", ""):
        for suffix in ("64_", ""):
            try:
                getters.append(getattr(ctypes.CDLL(library), f"{prefix}openblas_get_num_threads{suffix}"))
                setters.append(getattr(ctypes.CDLL(library), f"{prefix}openblas_set_num_threads{suffix}"))
            except AttributeError:
                pass

def use():
    for engine in ("packed", "blas"):
        net = fj.Network([fj.Layer(np.ones((300, 400)), None, "tanh"), fj.Layer(np.ones((400, 300)))], engine=engine)
        net.value_and_jacobian(np.ones((20, 300)))
        net.value_and_jacobian(np.ones((20, 300)), workers=2)

environment = dict(os.environ)
default = [get() for get in getters]
import fastjac as fj
use()
assert [get() for get in getters] == default
for n in (2, 1, 3):
    for set_threads in setters:
        set_threads(n)
    chosen = [get() for get in getters]
    use()
    assert [get() for get in getters] == chosen
assert dict(os.environ) == environment
print(len(getters))
"""


@pytest.mark.skipif(platform.system() != "Linux", reason="finds the BLAS as Linux shows it")
def test_case_57_blas_threads_stay_as_set():
    if run_python(BLAS_THREADS) == "0\n":
        pytest.skip("SciPy's BLAS is none that tells its number of threads")



def test_case_58_permuted_batches(operand, dtype, build):
    net = make_network((6, 19, 3, 20, 5), ["tanh", "relu"], dtype)
    a = random_array((33, operand.width(net)), dtype)
    baseline = parts(operand(net, a))
    for n_points in range(1, 34):
        order = np.random.default_rng(n_points).permutation(33)[:n_points]
        expected = tuple(part[order] for part in baseline)
        # BLAS may sum in another order where a product has another shape; that is not promised of it.
        (assert_close if build == "blas" else assert_same)(parts(operand(net, a[order])), expected)


LONG_BATCH = """
import numpy as np
import fastjac as fj

rng = np.random.default_rng(0)
widths = [200] * 8 + [2]
layers = [fj.Layer(rng.standard_normal((n, m)) / 20, None, "tanh") for n, m in zip(widths, widths[1:])]
# The forward sweep carries 200 directions to two outputs: much work, small results.
net = fj.Network(layers, order="forward", engine="ENGINE")
x = rng.standard_normal((10_000, 200))
expected = net.jacobian(x[:3]).tobytes()
print("ready", flush=True)
try:
    net.METHOD(x, workers=WORKERS)
except KeyboardInterrupt:
    pass
else:
    raise AssertionError
assert net.jacobian(x[:3]).tobytes() == expected
assert net.jacobian(x[:40], workers=2).shape == (40, 2, 200)
print("usable", flush=True)
"""


@pytest.mark.skipif(os.name != "posix", reason="sends a signal as POSIX does")
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("method", ["jacobian", "value_and_jacobian"])
@pytest.mark.parametrize("engine", ["packed", "blas"])
def test_case_59_interrupted(engine, method, workers):
    # The batch takes half a minute of one core, and the signal comes at its beginning.
    code = LONG_BATCH.replace("METHOD", method).replace("WORKERS", str(workers)).replace("ENGINE", engine)
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )
    try:
        assert process.stdout.readline() == "ready\n"
        threading.Event().wait(0.3)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, output) == (0, "usable\n"), errors


def test_case_59_pieces_are_short(monkeypatch, engine):
    # Between the pieces of a batch signals are looked at: the calling thread is back in Python.
    pieces = []
    run = _workers.run

    def watch(task, n_points, piece, n_workers):
        pieces.append((n_points, piece))
        run(task, n_points, piece, n_workers)

    monkeypatch.setattr(_workers, "run", watch)
    net = make_network((64, 256, 256, 64), ["tanh"])
    x = random_array((500, 64))
    for workers in (1, 2):
        net.jacobian(x, workers=workers)
    assert len(pieces) == 2
    for n_points, piece in pieces:
        assert n_points == 500
        # At a slow 1e9 multiply-adds a second a piece of 5e7 takes 50 ms.
        assert piece * net.plan(500).multiply_adds < 5e7 or piece == 1


def test_case_60_network_deleted_during_a_call(dtype, engine):
    x = random_array((2000, 20), dtype)
    expected = make_network((20, 60, 60, 20), ["tanh"], dtype).jacobian(x)
    for workers in (1, 2):
        holder = [make_network((20, 60, 60, 20), ["tanh"], dtype)]
        gone = weakref.ref(holder[0])
        started, results = threading.Event(), []

        def work(holder=holder, started=started, results=results, workers=workers):
            started.set()
            results.append(holder.pop().jacobian(x, workers=workers))

        thread = threading.Thread(target=work)
        thread.start()
        started.wait()
        # What would take the place of the network's memory if it were freed.
        while thread.is_alive():
            [np.full((60, 60), np.nan, dtype) for _ in range(20)]
        thread.join()
        assert_close(results[0], expected)
        assert gone() is None


def test_case_61_other_threads_progress(engine):
    net = make_network([200] * 9, ["tanh"])
    x = random_array((30, 200))
    J = net.jacobian(x)
    counter, stop = [0], threading.Event()

    def count():
        while not stop.is_set():
            counter[0] += 1
            stop.wait(1e-4)

    thread = threading.Thread(target=count)
    thread.start()
    seen = []
    # With the GIL held for the whole of a call the counter could only move between two calls.
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1000)
    try:
        for argument in (x, x[:, ::-1][:, ::-1], x.tolist(), x[0]):
            before = counter[0]
            for _ in range(1 if np.ndim(argument) == 2 else 20):
                net.jacobian(argument)
            seen.append(counter[0] - before)
    finally:
        sys.setswitchinterval(interval)
        stop.set()
        thread.join()
    assert all(n > 0 for n in seen), seen
    assert_same(net.jacobian(x), J)


@pytest.mark.parametrize("workers", [1, 2])
def test_first_jacobian_in_many_threads_at_once(monkeypatch, workers):
    # Every thread is held up while it makes the plan, so that all of them come to make one.
    n_threads = 6
    barrier = threading.Barrier(n_threads)
    make_plan = _packed.make_plan

    def slow_make_plan(*arguments, **keywords):
        if keywords["batch"]:
            barrier.wait(timeout=30)
        return make_plan(*arguments, **keywords)

    net = make_mixed()
    x = random_array((300, net.n_in))
    expected = make_mixed().jacobian(x)
    monkeypatch.setattr(_packed, "make_plan", slow_make_plan)
    results, plans = [None] * n_threads, [None] * n_threads

    def work(i):
        results[i] = net.jacobian(x, workers=workers)
        plans[i] = net.plan(300)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(n_threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        assert_close(result, expected)
    assert all(plan is plans[0] for plan in plans)


def test_busy_pool_keeps_nothing_of_a_call(monkeypatch):
    # A helper that gets no thread in time is cancelled, and stays in the queue of the pool until it has one.
    monkeypatch.setattr(_workers, "_pool", None)
    monkeypatch.setattr(_workers, "_pool_size", 0)
    net, free = make_mixed(), threading.Event()
    gone, x = weakref.ref(net), random_array((3000, net.n_in))
    busy = _workers._threads(1).submit(free.wait)
    try:
        net.jacobian(x, workers=2)
        del net
        assert gone() is None
    finally:
        free.set()
        busy.result()
        _workers._pool.shutdown()


def test_error_in_a_worker_reaches_the_caller():
    done = []

    def task(first, stop):
        if first == 20:
            raise ZeroDivisionError("in a worker")
        done.append((first, stop))

    for n_workers in (1, 2, 3):
        done.clear()
        with pytest.raises(ZeroDivisionError, match="in a worker"):
            _workers.run(task, 1000, 10, n_workers)
        # All the workers stop; none takes what is left.
        assert len(done) < 99


@pytest.mark.parametrize("n_points", [0, 1, 2, 9, 10, 11, 100])
@pytest.mark.parametrize("n_workers", [1, 2, 5])
def test_workers_do_every_point_once(n_points, n_workers):
    done = []
    _workers.run(lambda first, stop: done.extend(range(first, stop)), n_points, 3, n_workers)
    assert sorted(done) == list(range(n_points))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_case_54_workers_in_the_child_of_a_fork():
    code = """
import os, warnings
import numpy as np
import fastjac as fj
net = fj.Network([fj.Layer(np.ones((3, 5)), None, "tanh"), fj.Layer(np.ones((5, 2)))])
x = np.ones((100, 3))
J = net.jacobian(x, workers=2)
warnings.simplefilter("ignore", DeprecationWarning)
child = os.fork()
if child == 0:
    os._exit(0 if (net.jacobian(x, workers=2) == J).all() else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""
    assert run_python(code) == ""


def test_exception_from_outside_ends_a_batch():
    # An exception that is set from outside ends a batch between two pieces, as Ctrl-C does.
    net = make_network([200] * 9, ["tanh"])
    x = random_array((200, 200))
    started, seen = threading.Event(), []

    def work():
        started.set()
        try:
            while True:
                net.jacobian(x)
        except InterruptedError as error:
            seen.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    started.wait()
    threading.Event().wait(0.1)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(InterruptedError))
    thread.join(timeout=60)
    assert not thread.is_alive()
    assert len(seen) == 1


# ---------------------------------------------------------------- calls in odd places


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no interval timers here")
@pytest.mark.parametrize("engine", ["packed", "blas"])
def test_case_53_call_from_a_signal_handler(engine):
    net = make_network((50, 200, 200, 50), ["tanh"], engine=engine)
    x = random_array((3000, 50))
    expected, inner = net.jacobian(x), []

    def handle(signum, frame):
        inner.append(net.value_and_jacobian(x[:4]))

    previous = signal.signal(signal.SIGALRM, handle)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.005, 0.005)
        while len(inner) < 5:
            result = net.jacobian(x)
            assert_same(result, expected)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    for y, J in inner:
        assert_close((y, J), (net(x[:4]), expected[:4]))


def test_case_53_call_from_del():
    net = make_network((3, 5, 2), ["tanh"])
    x, seen = np.ones((7, 3)), []

    class Point(list):
        """Its numbers, and a call when it is dropped, which is in the middle of another call."""

        def __del__(self):
            seen.append(net.jacobian(x))

    expected = net.jacobian(x)
    result = net.jacobian([Point(row) for row in x.tolist()])
    assert_same(result, expected)
    assert len(seen) == 7
    for J in seen:
        assert_same(J, expected)


def resident_nbytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize("workers", [1, 2])
def test_case_56_ten_thousand_short_threads(workers):
    net = make_network((20, 100, 20), ["tanh"])
    x = random_array((30, 20))
    expected, wrong = net.jacobian(x), []

    def work():
        if not np.array_equal(net.jacobian(x, workers=workers), expected):
            wrong.append(1)

    def run(n_threads):
        for _ in range(n_threads // 10):
            threads = [threading.Thread(target=work) for _ in range(10)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

    run(500)
    before = resident_nbytes()
    run(10_000)
    # A workspace is 200 KB: one in a hundred threads that kept it would be 20 MB.
    assert resident_nbytes() - before < 10_000_000
    assert not wrong


@pytest.mark.parametrize("call", ["net.jacobian(x)", "net.jacobian(x, workers=2)", "net.jacobian(x, wrt=[0])"])
def test_case_62_shutdown_with_a_running_daemon_thread(call):
    code = f"""
import threading, time
import numpy as np
import fastjac as fj
net = fj.Network([fj.Layer(np.ones((50, 300)), None, "tanh"), fj.Layer(np.ones((300, 50)))])
x = np.ones((500, 50))
started = threading.Event()

def work():
    while True:
        {call}
        started.set()

threading.Thread(target=work, daemon=True).start()
started.wait()
time.sleep(0.05)
print("done")
"""
    for _ in range(3):
        assert run_python(code) == "done\n"


def test_case_63_subinterpreter():
    code = """
import importlib.util
import fastjac
name = next(name for name in ("_interpreters", "_xxsubinterpreters") if importlib.util.find_spec(name))
interpreters = importlib.import_module(name)
inside = interpreters.create()
text = '''
import warnings
warnings.simplefilter("ignore")
try:
    import fastjac
except ImportError as error:
    print("ImportError", flush=True)
'''
failure = interpreters.run_string(inside, text)
assert failure is None, failure
interpreters.destroy(inside)
net = fastjac.Network([([[2.0]], None)])
print(net.jacobian([1.0]))
"""
    assert run_python(code) == "ImportError\n[[2.]]\n"
