"""Products and learning of dense weights in C++ (tsim_dense.h), and a large P in parts, against numpy; threads."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import tension_sim

TEMPLATES = Path(tension_sim.__file__).parent / "brian" / "templates"
FLAGS = ["-w", "-O3", "-ffast-math", "-fno-finite-math-only", "-march=native", "-std=c++11", f"-I{TEMPLATES}"]

# Reads W (rows, n), x, e (rows), k; writes W x row by row as tsim_sums.h sums, W x by threads, the weights after they
# have learned, and what they give then. Then updates of one block of n: reads r of each, writes k and q, at last P.
PROGRAM = r"""
#include "tsim_sums.h"
#include "tsim_dense.h"
#include "tsim_rls.h"
#include "tsim_rls_update.h"
#include <cstdio>
#include <cstdlib>

template <typename T>
std::vector<T> read(std::size_t n) {
    std::vector<T> found(n);
    if (std::fread(found.data(), sizeof(T), n, stdin) != n) std::exit(2);
    return found;
}
template <typename T>
void write(const std::vector<T>& v) { std::fwrite(v.data(), sizeof(T), v.size(), stdout); }

template <typename T>
void work(long rows, long n, long updates) {
    using namespace tsim::rls;
    std::vector<T> w = read<T>(rows * n), x = read<T>(n), e = read<T>(rows), k = read<T>(n), y(rows), z(rows);
    for (long i = 0; i < rows; i++) z[i] = tsim::dot<T>(n, w.data() + i * n, x.data());
    tsim::multiply_dense(rows, n, w.data(), x.data(), y.data());
    write(z), write(y);
    for (long i = 0; i < rows; i++) z[i] = tsim::moved_dot(n, w.data() + i * n, e[i], k.data(), x.data());
    tsim::multiply_dense(rows, n, w.data(), x.data(), y.data());
    write(w), write(z), write(y);
    std::vector<T> P(n * (n + 1) / 2), K(8 * n), c(8);
    for (long i = 0; i < n; i++) P[i * (i + 1) / 2 + i] = 1;
    T scale = 1;
    std::int32_t count = 0;
    const Block<T> block(n, P.data(), K.data(), n, c.data(), &scale, &count, false);
    for (long u = 0; u < updates; u++) {
        const std::vector<T> r = read<T>(n);
        const std::vector<T> q(1, shared_gain(block, r.data(), k.data()));
        write(k), write(q);
        std::copy(k.begin(), k.end(), slot(block));
        push(block, 1 / (T(0.99) + q[0]), T(0.99));
    }
    flush(block);
    write(P);
}

int main(int, char** a) {
    const long rows = std::atol(a[2]), n = std::atol(a[3]), updates = std::atol(a[4]);
    a[1][0] == 'd' ? work<double>(rows, n, updates) : work<float>(rows, n, updates);
}
"""


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    """Without and with OpenMP."""
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("g++ is not installed")
    folder = tmp_path_factory.mktemp("dense")
    (folder / "dense.cpp").write_text(PROGRAM)
    for name, more in (("plain", []), ("openmp", ["-fopenmp"])):
        subprocess.run([compiler, *FLAGS, *more, folder / "dense.cpp", "-o", folder / name], check=True)
    return folder


def outputs(programs, data: bytes, dtype, rows: int, n: int, updates: int) -> list[bytes]:
    """Return what the program writes without OpenMP, and with 1, 2, 3 and 13 threads, more than a block's parts."""
    arguments = [np.dtype(dtype).char, str(rows), str(n), str(updates)]
    found = []
    for name, threads in (("plain", "1"), *(("openmp", threads) for threads in ("1", "2", "3", "13"))):
        environment = {"OMP_NUM_THREADS": threads, "OMP_DYNAMIC": "false", "OMP_WAIT_POLICY": "passive"}
        command = [programs / name, *arguments]
        found.append(subprocess.run(command, input=data, capture_output=True, check=True, env=environment).stdout)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("rows", "n"), [(1, 16), (3, 37), (130, 515), (64, 1030)])
def test_products_updates_and_a_shared_P(programs, rows, n, dtype):
    updates, rng = 19, np.random.default_rng(n)
    W, x, e, k, r = (rng.standard_normal(s).astype(dtype) for s in ((rows, n), n, rows, n, (updates, n)))
    e /= 100
    data = b"".join(each.tobytes() for each in (W, x, e, k, r))
    plain, *threaded = outputs(programs, data, dtype, rows, n, updates)
    assert all(each == plain for each in threaded)
    numbers = np.frombuffer(plain, dtype)
    ends = np.cumsum([rows, rows, rows * n, rows, rows, updates * (n + 1)])
    one_row, all_rows, learned, kept, again, gains, packed = np.split(numbers, ends)
    near = {"rtol": 0, "atol": 3e-4 if dtype is np.float32 else 1e-11}
    np.testing.assert_allclose(all_rows, W.astype(float) @ x, **near)
    np.testing.assert_allclose(learned.reshape(rows, n), W - np.outer(e, k), **near)
    # the same bits: one row by itself, four at a time, and while they learn
    np.testing.assert_array_equal(one_row, all_rows)
    np.testing.assert_array_equal(kept, again)
    P = np.eye(n)
    for found, x in zip(gains.reshape(updates, n + 1), r.astype(float), strict=True):
        gain = P @ x
        np.testing.assert_allclose(found[:-1], gain, rtol=0, atol=1e-3 * np.abs(gain).max())
        np.testing.assert_allclose(found[-1], x @ gain, rtol=1e-3)
        P = (P - np.outer(gain, gain) / (0.99 + x @ gain)) / 0.99
    np.testing.assert_allclose(packed, P[np.tril_indices(n)], rtol=0, atol=1e-3 if dtype is np.float32 else 1e-11)
