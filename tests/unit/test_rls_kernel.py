"""The C++ kernel of recursive least squares (tsim_rls.h) against numpy, without generated code."""

from __future__ import annotations

import importlib.util
import platform
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from tension_sim.circuit.blocks import max_pending

HEADER_DIR = Path(importlib.util.find_spec("tension_sim").submodule_search_locations[0]) / "brian" / "templates"
SIZES = [*range(1, 71), 127, 128, 400]
BRIAN2_FLAGS = ["-w", "-O3", "-ffast-math", "-fno-finite-math-only", "-march=native", "-std=c++11"]
BUILDS = {
    "brian2": BRIAN2_FLAGS,
    "no vector extension": ["-O2", "-std=c++11"],
    "plain loops": ["-O2", "-march=native", "-std=c++11", "-DTSIM_RLS_PLAIN"],
    "sanitizer": ["-march=native", "-std=c++11", "-fsanitize=address,undefined", "-fno-sanitize-recover"],
}

# Reads a state and a sequence of r, updates, and writes k and r'k of each update and the state. The arrays
# end where their memory ends (for the sanitizer) and start where they are told to.
PROGRAM = r"""
#include "tsim_rls.h"
#include <cstdio>
#include <cstdlib>
#include <vector>

template <typename T>
struct Array {
    std::vector<char> memory;
    std::size_t size;
    T* data;
    Array(std::size_t n, std::size_t shift)
        : memory(n * sizeof(T) + shift), size(n), data(reinterpret_cast<T*>(memory.data() + shift)) {}
    void read(FILE* f) { if (std::fread(data, sizeof(T), size, f) != size) std::exit(2); }
    void write(FILE* f) { if (std::fwrite(data, sizeof(T), size, f) != size) std::exit(3); }
};

template <typename T>
void work(char** a) {
    const std::ptrdiff_t n = std::atol(a[2]), updates = std::atol(a[3]), stride = n + 3;
    const T forgetting = T(std::atof(a[4]));
    const long flush_every = std::atol(a[5]);
    const std::size_t shift = std::atol(a[6]);
    const int b = tsim::rls::max_pending(n);
    Array<T> P(n * (n + 1) / 2, shift), K(b * stride - 3, 3 * shift), c(b, 0), scale(1, 0);
    Array<T> r(n, 5 * shift), k(n, 7 * shift), q(1, 0);
    Array<std::int32_t> count(1, 0);
    FILE *in = std::fopen(a[8], "rb"), *out = std::fopen(a[9], "wb");
    P.read(in), K.read(in), c.read(in), scale.read(in), count.read(in);
    tsim::rls::Block<T> block = {n, P.data, K.data, stride, c.data, scale.data, count.data, a[7][0] == '1'};
    for (long u = 0; u < updates; u++) {
        r.read(in);
        *q.data = tsim::rls::gain(block, r.data, k.data);
        std::memcpy(tsim::rls::slot(block), k.data, n * sizeof(T));
        tsim::rls::push(block, 1 / (forgetting + *q.data), forgetting);
        k.write(out), q.write(out);
        if (flush_every && (u + 1) % flush_every == 0) tsim::rls::flush(block);
    }
    P.write(out), K.write(out), c.write(out), scale.write(out), count.write(out);
    std::fclose(out);
}

int main(int, char** a) {
    if (a[1][0] == 'p') for (long n = 1; n < 300; n++) std::printf("%d ", tsim::rls::max_pending(n));
    else if (a[1][0] == 'd') work<double>(a);
    else work<float>(a);
}
"""

# An update of many blocks of all sizes with every option on; writes z, weights and P of each step.
MANY = r"""
#include "tsim_sums.h"
#include "tsim_dense.h"
#include "tsim_rls.h"
#include "tsim_rls_update.h"
#include <cstdio>
#include <random>

template <typename T>
void work(bool divided_by_source) {
    const int N = 150, sources = 300;
    std::mt19937 random(4);
    std::normal_distribution<T> normal;
    std::vector<std::int32_t> partner, pending(N), rows(N), sign(sources), group(sources), block_of(sources);
    std::vector<std::int64_t> start(1), P_start(1), pending_start(1), term_start(1), block_rows(1);
    for (int b = 0; b < N; b++) {
        const int n = 1 + b % 131;
        for (int j = 0; j < n; j++) partner.push_back((b + 2 * j) % sources);
        start.push_back(partner.size());
        P_start.push_back(P_start[b] + n * (n + 1) / 2);
        pending_start.push_back(pending_start[b] + n * tsim::rls::max_pending(n));
        term_start.push_back(term_start[b] + tsim::rls::max_pending(n));
        block_rows.push_back(b + 1);
        rows[b] = N - 1 - b;
    }
    std::vector<std::int64_t> row_start(N + 1);
    for (int i = 0; i < N; i++) row_start[i + 1] = row_start[i] + start[N - i] - start[N - i - 1];
    std::vector<double> alpha(sources), row_sum(sources);
    for (int s = 0; s < sources; s++) {
        sign[s] = s % 3 ? 1 : -1, group[s] = s % 4 - 1, block_of[s] = s < N ? s : -1;
        alpha[s] = 0.5 + 0.01 * s, row_sum[s] = s % 4;
    }
    std::vector<T> x(sources), e(N), z(N), w(partner.size()), factor(partner.size()), P(P_start[N]),
        K(pending_start[N]), c(term_start[N]), scale(N);
    for (T& f : factor) f = 1 + normal(random) / 10;
    const tsim::rls::Problem<T, T, 1> p = {
        N, partner.data(), start.data(), P_start.data(), pending_start.data(), term_start.data(), x.data(), P.data(),
        K.data(), c.data(), scale.data(), pending.data(), T(0.99), T(0), alpha.data(), true,
        true, sign.data(),
        divided_by_source ? block_of.data() : nullptr,
        {{e.data(), rows.data(), block_rows.data(), w.data(), row_start.data(), factor.data()}}, false, false,
        group.data(), row_sum.data()};
    tsim::rls::start(p);
    for (int step = 0; step < 12; step++) {
        for (T& value : x) value = normal(random);
        tsim::rls::sums(p.n_blocks, p.partner, p.block_start, p.x, rows.data(), block_rows.data(), w.data(),
                        row_start.data(), z.data());
        for (int i = 0; i < N; i++) e[i] = z[i] - T(i % 7) + 3;
        if (!tsim::rls::update(p)) std::exit(4);
        for (const std::vector<T>* array : {&z, &w, &P}) std::fwrite(array->data(), sizeof(T), array->size(), stdout);
    }
}

int main() {
    for (bool divided_by_source : {false, true}) {
        work<double>(divided_by_source);
        work<float>(divided_by_source);
    }
}
"""


# The largest |x| of parts of an array with large and small numbers, infinity and NaN, in both types.
LARGEST = r"""
#include "tsim_sums.h"
#include "tsim_dense.h"
#include "tsim_rls.h"
#include "tsim_rls_update.h"
#include <cstdio>
#include <limits>

template <typename T>
void work() {
    std::vector<T> x = {0, T(-0.5), T(0.25), T(1e-30), -3, 2};
    for (int j = 6; j < 40; j++) x.push_back(T(j % 7) - 3);
    for (const T last : {T(-7), std::numeric_limits<T>::max(), -std::numeric_limits<T>::infinity(),
                         std::numeric_limits<T>::quiet_NaN()}) {
        x.push_back(last);
        for (const std::size_t n : {std::size_t(0), std::size_t(1), std::size_t(4), x.size()})
            std::printf("%.17g ", double(tsim::rls::largest(std::int64_t(n), x.data())));
    }
}

int main() { work<double>(), work<float>(); }
"""

# What find() of an update is compiled to.
FIND = r"""
#include "tsim_sums.h"
#include "tsim_dense.h"
#include "tsim_rls.h"
#include "tsim_rls_update.h"
float found(const tsim::rls::Problem<float, float, 1>& p) { return tsim::rls::find(p, 0); }
"""


@dataclass(frozen=True)
class State:
    """A block's state: what a run that goes on needs."""

    P: np.ndarray
    K: np.ndarray
    c: np.ndarray
    scale: np.ndarray
    count: np.ndarray

    @classmethod
    def start(cls, n, alpha, dtype):
        b = max_pending(n)
        P = (alpha * np.eye(n))[np.tril_indices(n)].astype(dtype)
        K = np.full(b * (n + 3) - 3, np.nan, dtype)  # what nobody wrote must count for nothing
        return cls(P, K, np.full(b, np.nan, dtype), np.ones(1, dtype), np.zeros(1, np.int32))

    def arrays(self):
        return self.P, self.K, self.c, self.scale, self.count

    def matrix(self):
        """The symmetric matrix with the waiting terms applied, in double precision."""
        n = int(np.sqrt(2 * len(self.P)))
        full = np.zeros((n, n))
        full[np.tril_indices(n)] = self.P
        full += np.tril(full, -1).T
        for m in range(self.count[0]):
            k = self.K[m * (n + 3) :][:n].astype(float)
            full -= float(self.c[m]) * np.outer(k, k)
        return float(self.scale[0]) * full


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    """A function that compiles PROGRAM once for each name in BUILDS."""
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("g++ is not installed")
    folder = tmp_path_factory.mktemp("rls")
    (folder / "rls.cpp").write_text(PROGRAM)
    programs = {}

    def compile_program(name="brian2"):
        if name not in programs:
            program = folder / name.replace(" ", "_")
            files = [f"-I{HEADER_DIR}", str(folder / "rls.cpp"), "-o", str(program)]
            done = subprocess.run([compiler, *BUILDS[name], *files], capture_output=True, text=True, check=False)
            if name == "sanitizer" and "cannot find" in done.stderr:
                pytest.skip("g++ has no address sanitizer here")
            if done.returncode:
                pytest.fail(done.stderr)
            programs[name] = program
        return programs[name]

    return compile_program


def run(program, state, r, forgetting=1.0, flush_every=0, shift=0, far=False):
    """Update `state` with each row of `r`; returns k [updates, n], r'k [updates] and the new state."""
    updates, n = r.shape
    dtype = state.P.dtype
    source, result = program.with_suffix(".in"), program.with_suffix(".out")
    source.write_bytes(b"".join(x.tobytes() for x in (*state.arrays(), r.astype(dtype))))
    options = [dtype.char, n, updates, forgetting, flush_every, shift, int(far), source, result]
    done = subprocess.run([program, *map(str, options)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(f"n = {n}: {done.stderr}")
    data, at = result.read_bytes(), updates * (n + 1) * dtype.itemsize
    kq = np.frombuffer(data[:at], dtype).reshape(updates, n + 1)
    arrays = []
    for old in state.arrays():
        arrays.append(np.frombuffer(data[at : at + old.nbytes], old.dtype))
        at += old.nbytes
    assert at == len(data)
    return kq[:, :n], kq[:, n], State(*arrays)


def reference(n, alpha, r, forgetting):
    """The textbook update on the full matrix: k [updates, n], r'k [updates], P [n, n]."""
    P, k_all, q_all = alpha * np.eye(n), [], []
    for row in r:
        k = P @ row
        q = row @ k
        P = (P - np.outer(k, k) / (forgetting + q)) / forgetting
        k_all.append(k)
        q_all.append(q)
    return np.array(k_all), np.array(q_all), P


def inputs(n, updates, seed=1):
    return np.random.default_rng(seed).standard_normal((updates, n)) / np.sqrt(n)


def assert_close(actual, expected, tolerance):
    assert np.abs(actual - expected).max() <= tolerance * np.abs(expected).max()


def assert_same_bits(left, right):
    for a, b in zip(left, right, strict=True):
        assert a.tobytes() == b.tobytes()


@pytest.mark.parametrize("far", [False, True], ids=["near", "far"])
@pytest.mark.parametrize("forgetting", [1.0, 0.99])
@pytest.mark.parametrize("n", SIZES)
def test_float64_is_the_textbook_update(build, n, forgetting, far):
    r = inputs(n, 29)
    k, q, state = run(build(), State.start(n, 0.7, np.float64), r, forgetting, far=far)
    k_expected, q_expected, P = reference(n, 0.7, r, forgetting)
    assert_close(k, k_expected, 1e-12)
    assert_close(q, q_expected, 1e-12)
    assert_close(state.matrix(), P, 1e-12)


@pytest.mark.parametrize("forgetting", [1.0, 0.99])
@pytest.mark.parametrize("n", [1, 7, 8, 9, 31, 90, 128, 400])
def test_float32_is_the_textbook_update(build, n, forgetting):
    r = inputs(n, 29).astype(np.float32).astype(float)
    k, q, state = run(build(), State.start(n, 0.5, np.float32), r, forgetting)
    k_expected, q_expected, P = reference(n, 0.5, r, float(np.float32(forgetting)))
    assert_close(k, k_expected, 2e-5)
    assert_close(q, q_expected, 2e-5)
    assert_close(state.matrix(), P, 2e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["no vector extension", "plain loops", "sanitizer"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_other_compilers_and_processors(build, name, dtype):
    program, tolerance = build(name), {np.float64: 1e-12, np.float32: 2e-5}[dtype]
    for n in [*range(1, 36), 127, 130]:
        for far in (False, True):
            r = inputs(n, 21).astype(dtype).astype(float)
            k, _, state = run(program, State.start(n, 0.5, dtype), r, 0.95, flush_every=13, far=far, shift=8)
            k_expected, _, P = reference(n, 0.5, r, float(dtype(0.95)))
            assert_close(k, k_expected, tolerance)
            assert_close(state.matrix(), P, tolerance)


@pytest.mark.parametrize("forgetting", [1.0, 0.99])
@pytest.mark.parametrize("n", [1, 13, 70, 400])
def test_inverse_is_the_weighted_correlation(build, n, forgetting):
    updates = 2 * n + 5
    r = inputs(n, updates)
    _, _, state = run(build(), State.start(n, 2.0, np.float64), r, forgetting)
    weights = forgetting ** np.arange(updates - 1, -1, -1.0)
    expected = forgetting**updates * np.eye(n) / 2.0 + (r * weights[:, None]).T @ r
    assert_close(np.linalg.inv(state.matrix()), expected, 1e-10)


@pytest.mark.parametrize("forgetting", [1.0, 0.99])
@pytest.mark.parametrize("n", [5, 90, 130])
@pytest.mark.parametrize("every", [1, 2, 3, 5, 7])
def test_terms_may_be_applied_at_any_time(build, n, forgetting, every):
    r = inputs(n, 3 * every)
    k, _, state = run(build(), State.start(n, 1.0, np.float64), r, forgetting, flush_every=every)
    k_expected, _, P = reference(n, 1.0, r, forgetting)
    assert state.count[0] == 0
    assert state.scale[0] == 1.0
    assert_close(k, k_expected, 1e-12)
    assert_close(state.matrix(), P, 1e-12)


def test_python_allocates_what_the_kernel_fills(build):
    done = subprocess.run([build(), "pending"], capture_output=True, text=True, check=True)
    assert [int(word) for word in done.stdout.split()] == [max_pending(n) for n in range(1, 300)]


def test_terms_do_wait(build):
    """Else the tests of a run that is cut would compare runs that keep no terms."""
    for n in (30, 90, 200):
        start = State.start(n, 1.0, np.float64)
        for updates in (1, max_pending(n), max_pending(n) + 1):
            _, _, state = run(build(), start, inputs(n, updates))
            assert state.count[0] == (updates - 1) % max_pending(n) + 1
        _, _, full = run(build(), start, inputs(n, max_pending(n)))
        np.testing.assert_array_equal(full.P, start.P)


@pytest.mark.parametrize("far", [False, True], ids=["near", "far"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n", [1, 6, 37, 90, 131])
def test_a_run_cut_in_two_has_the_same_bits(build, n, dtype, far):
    r, start = inputs(n, 19), State.start(n, 1.0, dtype)
    k, q, state = run(build(), start, r, 0.98, far=far)
    for cut in range(1, 19):
        k_1, q_1, middle = run(build(), start, r[:cut], 0.98, far=far)
        k_2, q_2, end = run(build(), middle, r[cut:], 0.98, far=far)
        assert_same_bits(end.arrays(), state.arrays())
        assert_same_bits([np.vstack([k_1, k_2]), np.hstack([q_1, q_2])], [k, q])


@pytest.mark.parametrize("far", [False, True], ids=["near", "far"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n", [1, 8, 37, 90, 131])
def test_addresses_do_not_change_a_bit(build, n, dtype, far):
    r, start = inputs(n, 19), State.start(n, 1.0, dtype)
    k, q, state = run(build(), start, r, 0.98, far=far)
    for shift in range(1, 17):
        k_2, q_2, state_2 = run(build(), start, r, 0.98, shift=shift * np.dtype(dtype).itemsize, far=far)
        assert_same_bits([k_2, q_2, *state_2.arrays()], [k, q, *state.arrays()])


@pytest.mark.slow
@pytest.mark.parametrize(("n", "far"), [(37, False), (131, False), (131, True)])
def test_a_program_that_knows_its_sizes_has_the_same_bits(build, n, far):
    """It holds the code for them alone."""
    numbers = n * (n + 1) // 2 if not far else 2 << 20
    name = f"n {n} of {numbers}"
    BUILDS[name] = [*BUILDS["brian2"], f"-DTSIM_RLS_N={n}", f"-DTSIM_RLS_NUMBERS={numbers}"]
    r, start = inputs(n, 40), State.start(n, 1.0, np.float64)
    known, any_size = (run(build(program), start, r, 0.98, far=far) for program in (name, "brian2"))
    assert_same_bits([*known[:2], *known[2].arrays()], [*any_size[:2], *any_size[2].arrays()])
    assert build(name).stat().st_size < build().stat().st_size


def test_a_diverged_block_stays_diverged(build):
    """-ffast-math must not hide a NaN: a run looks for it."""
    r, start = inputs(20, 10), State.start(20, 1.0, np.float64)
    broken = replace(start, P=np.where(np.arange(len(start.P)) == 100, np.nan, start.P))
    _, q, _ = run(build(), broken, r)
    assert np.isnan(q).all()


@pytest.fixture
def compiled(tmp_path):
    """A function that compiles a source with Brian2's options and more."""
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("g++ is not installed")

    def compile_source(source, *options):
        (tmp_path / "source.cpp").write_text(source)
        files = [f"-I{HEADER_DIR}", tmp_path / "source.cpp", "-o", tmp_path / "result"]
        subprocess.run([compiler, *BRIAN2_FLAGS, *options, *files], check=True)
        return tmp_path / "result"

    return compile_source


def test_the_largest_of_numbers_shows_what_is_not_finite(compiled):
    words = subprocess.run([compiled(LARGEST)], capture_output=True, text=True, check=True).stdout.split()
    for dtype, values in zip((np.float64, np.float32), np.reshape(words, (2, 4, 4)).astype(float), strict=True):
        assert np.all(values[:, :3] == [0, 0, 0.5])
        np.testing.assert_array_equal(values[:, 3], [7, np.finfo(dtype).max, np.inf, np.nan])


@pytest.mark.skipif(platform.machine() != "x86_64", reason="reads the assembly of x86-64")
def test_the_next_block_is_fetched_ahead(compiled):
    """Partners, waiting terms, their c and weights: gcc drops calls of functions that do nothing else."""
    small = ["-DTSIM_RLS_N=9", "-DTSIM_RLS_NUMBERS=9", "-DTSIM_RLS_IN_PARTS=0"]
    lines = compiled(FIND, "-S", *small).read_text().splitlines()
    begin = next(i for i, line in enumerate(lines) if line.startswith("_ZN4tsim3rls") and "find" in line)
    size = next(i for i, line in enumerate(lines[begin:]) if ".cfi_endproc" in line)
    assert sum("prefetch" in line for line in lines[begin : begin + size]) >= 4


def test_the_number_of_threads_changes_no_bit(tmp_path):
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("g++ is not installed")
    (tmp_path / "many.cpp").write_text(MANY)
    program = tmp_path / "many"
    command = [compiler, *BRIAN2_FLAGS, "-fopenmp", f"-I{HEADER_DIR}", str(tmp_path / "many.cpp"), "-o", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "fopenmp" in done.stderr or "gomp" in done.stderr:
        pytest.skip("g++ has no OpenMP here")
    assert done.returncode == 0, done.stderr
    outputs = []
    for threads in ("1", "2", "3"):
        environment = {"OMP_NUM_THREADS": threads, "OMP_DYNAMIC": "false"}
        outputs.append(subprocess.run([program], capture_output=True, check=True, env=environment).stdout)
    numbers = np.frombuffer(outputs[0][: 8 * 100_000], float)
    assert np.all(np.isfinite(numbers)) and np.abs(numbers).max() > 0.1
    assert outputs[0] == outputs[1] == outputs[2]
