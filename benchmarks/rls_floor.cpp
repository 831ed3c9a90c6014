// One RLS update (gain, and its share of applying the terms that waited) beside its floor: a plain loop that
// reads and writes the same packed triangles once.
//
//     rls_floor d|f SECONDS BLOCKSxN ...         one line of JSON a case
//
// Floor and update take turns, in bursts that first bring P to where it stays meanwhile, so that a busy
// neighbour slows both. Ratios are medians over the turns.
#include "tsim_rls.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <vector>

static double now() {
#ifdef RLS_FLOOR_CPU_TIME  // which neighbours hardly change
    return double(std::clock()) / CLOCKS_PER_SEC;
#endif
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

static double median(std::vector<double> x) {
    std::nth_element(x.begin(), x.begin() + x.size() / 2, x.end());
    return x[x.size() / 2];
}

// a = 1 and b = 0 leave P as it is, which the compiler cannot know.
template <typename T>
__attribute__((noinline)) static void read_and_write(T* P, std::ptrdiff_t size, T a, T b) {
    for (std::ptrdiff_t i = 0; i < size; i++) P[i] = P[i] * a + b;
}

template <typename T>
struct Blocks {
    std::ptrdiff_t blocks, n, triangle;
    int waiting;
    std::vector<T> memory, K, c, scale, r, k;
    std::vector<std::int32_t> count;
    T* P;
    std::size_t updates;

    Blocks(std::ptrdiff_t blocks, std::ptrdiff_t n)
        : blocks(blocks), n(n), triangle(n * (n + 1) / 2), waiting(tsim::rls::max_pending(n)),
          memory(blocks * triangle + 64), K(blocks * waiting * n), c(blocks * waiting), scale(blocks, T(1)),
          r(64 * n), k(n), count(blocks), updates(0) {
        // The floor is at its best on a cache line's boundary; the kernel does not care.
        P = reinterpret_cast<T*>((reinterpret_cast<std::uintptr_t>(memory.data()) + 63) / 64 * 64);
        for (std::ptrdiff_t b = 0; b < blocks; b++)
            for (std::ptrdiff_t i = 0; i < n; i++) P[b * triangle + i * (i + 1) / 2 + i] = T(1);
        for (T& x : r) x = T(std::rand()) / RAND_MAX - T(0.5);
    }
    void floor(T a, T b) { read_and_write(P, blocks * triangle, a, b); }
    void update() {
        const T* r_now = &r[updates++ % 64 * n];
        const bool far = tsim::rls::is_far(blocks * triangle * sizeof(T));
        for (std::ptrdiff_t b = 0; b < blocks; b++) {
            const tsim::rls::Block<T> block(n, P + b * triangle, &K[b * waiting * n], n, &c[b * waiting],
                                            &scale[b], &count[b], far);
            const T q = tsim::rls::gain(block, r_now, k.data());
            std::copy(k.begin(), k.end(), tsim::rls::slot(block));
            tsim::rls::push(block, 1 / (1 + q), T(1));
        }
    }
};

template <typename T>
static void measure(std::ptrdiff_t n_blocks, std::ptrdiff_t n, double seconds) {
    Blocks<T> p(n_blocks, n);
    volatile T one = 1, zero = 0;
    // A burst holds whole rounds of waiting terms and takes about a millisecond or more.
    const long repeat = p.waiting * std::max(1L, long(8e5 / p.waiting / (double(p.blocks) * p.triangle)));
    std::vector<double> floor, update, ratio;
    for (const double end = now() + seconds; now() < end || ratio.size() < 5;) {
        p.floor(one, zero);
        const double t0 = now();
        for (long i = 0; i < repeat; i++) p.floor(one, zero);
        const double t1 = now();
        for (int i = 0; i < p.waiting; i++) p.update();
        const double t2 = now();
        for (long i = 0; i < repeat; i++) p.update();
        const double t3 = now();
        floor.push_back((t1 - t0) / repeat * 1e3);
        update.push_back((t3 - t2) / repeat * 1e3);
        ratio.push_back(update.back() / floor.back());
    }
    const double best_floor = *std::min_element(floor.begin(), floor.end());
    const double best_update = *std::min_element(update.begin(), update.end());
    std::printf("{\"dtype\": \"%s\", \"blocks\": %ld, \"n\": %ld, \"floor_ms\": %.6g, \"update_ms\": %.6g, "
                "\"best_floor_ms\": %.6g, \"best_update_ms\": %.6g, \"ratio\": %.4g, \"turns\": %zu}\n",
                sizeof(T) == 8 ? "float64" : "float32", long(n_blocks), long(n), median(floor),
                median(update), best_floor, best_update, median(ratio), ratio.size());
    std::fflush(stdout);
}

int main(int argc, char** argv) {
    for (int i = 3; i < argc; i++) {
        char* rest;
        const long blocks = std::strtol(argv[i], &rest, 10), n = std::strtol(rest + 1, 0, 10);
        if (argv[1][0] == 'd') measure<double>(blocks, n, std::atof(argv[2]));
        else measure<float>(blocks, n, std::atof(argv[2]));
    }
}
