// Sums in C++ that are equal to the last bit. Fast maths lets the compiler order each sum as it likes. So these
// functions are compiled once, by themselves: neither the code around them, with or without threads, nor the place of
// arrays in memory changes a bit.
#ifndef TSIM_SUMS_H
#define TSIM_SUMS_H

#include <cstdint>

#if defined(__clang__)
#define TSIM_BY_ITSELF __attribute__((noinline))
#elif defined(__GNUC__)
#define TSIM_BY_ITSELF __attribute__((noipa))
#else
#define TSIM_BY_ITSELF __declspec(noinline)
#endif

namespace tsim {
namespace {

// Sum of w[j]*x[j], in fixed lanes.
template <typename Y, typename W, typename X>
TSIM_BY_ITSELF Y dot(std::int64_t n, const W* w, const X* x) {
    Y lane[16] = {0};
    std::int64_t j = 0;
    for (; j + 16 <= n; j += 16)
        for (int l = 0; l < 16; l++) lane[l] += w[j + l] * x[j + l];
    Y sum = 0;
    for (int l = 0; l < 16; l++) sum += lane[l];
    for (; j < n; j++) sum += w[j] * x[j];
    return sum;
}

// y = W x with few sources: a call per row would cost more than its sum.
template <typename Y, typename W, typename X>
TSIM_BY_ITSELF void multiply_few(std::int64_t rows, std::int64_t n, const W* w, const X* x, Y* y) {
    if (n == 1) {
        const X first = x[0];
        for (std::int64_t i = 0; i < rows; i++) y[i] = w[i] * first;
        return;
    }
    for (std::int64_t i = 0; i < rows; i++) {
        Y sum = 0;
        for (std::int64_t j = 0; j < n; j++) sum += w[i * n + j] * x[j];
        y[i] = sum;
    }
}

// Sum of w[j]*x[partner[j]], in fixed lanes.
template <typename Y, typename W, typename X>
TSIM_BY_ITSELF Y dot_of_partners(std::int64_t n, const W* w, const X* x, const std::int32_t* partner) {
    Y lane[16] = {0};
    std::int64_t j = 0;
    for (; j + 16 <= n; j += 16)
        for (int l = 0; l < 16; l++) lane[l] += w[j + l] * x[partner[j + l]];
    Y sum = 0;
    for (int l = 0; l < 16; l++) sum += lane[l];
    for (; j < n; j++) sum += w[j] * x[partner[j]];
    return sum;
}

// y[post[j]] += scale*w[j], one after the other.
template <typename Y, typename W>
TSIM_BY_ITSELF void scatter(std::int64_t n, const std::int32_t* post, const W* w, Y scale, Y* y) {
    for (std::int64_t j = 0; j < n; j++) y[post[j]] += scale * w[j];
}

// The same with weights that lie in slots.
template <typename Y, typename W>
TSIM_BY_ITSELF void scatter(std::int64_t n, const std::int32_t* post, const std::int32_t* slot, const W* w, Y scale,
                            Y* y) {
    for (std::int64_t j = 0; j < n; j++) y[post[j]] += scale * w[slot[j]];
}

// ring[row][post[j]] += scale*w[j], where row is the step at which the weight arrives, on a ring of `length` steps.
template <typename Y, typename W, typename D>
TSIM_BY_ITSELF void scatter_later(std::int64_t n, const std::int32_t* post, const W* w, Y scale, const D* delay,
                                  std::int64_t now, std::int64_t length, std::int64_t targets, Y* ring) {
    for (std::int64_t j = 0; j < n; j++) ring[(now + delay[j]) % length * targets + post[j]] += scale * w[j];
}

template <typename Y, typename W, typename D>
TSIM_BY_ITSELF void scatter_later(std::int64_t n, const std::int32_t* post, const std::int32_t* slot, const W* w,
                                  Y scale, const D* delay, std::int64_t now, std::int64_t length, std::int64_t targets,
                                  Y* ring) {
    for (std::int64_t j = 0; j < n; j++) ring[(now + delay[j]) % length * targets + post[j]] += scale * w[slot[j]];
}

// What arrives in this step is added, and its row of the ring is free again.
template <typename Y>
TSIM_BY_ITSELF void arrive(std::int64_t n, Y* row, Y* y) {
    for (std::int64_t i = 0; i < n; i++) {
        y[i] += row[i];
        row[i] = 0;
    }
}

template <typename Y, typename A>
TSIM_BY_ITSELF void arrive_where(const A* allowed, std::int64_t n, Y* row, Y* y) {
    for (std::int64_t i = 0; i < n; i++) {
        if (allowed[i]) y[i] += row[i];
        row[i] = 0;
    }
}

// Both of the first, where the target may be written to.
template <typename Y, typename W, typename A>
TSIM_BY_ITSELF void scatter_where(const A* allowed, std::int64_t n, const std::int32_t* post, const W* w, Y scale,
                                  Y* y) {
    for (std::int64_t j = 0; j < n; j++)
        if (allowed[post[j]]) y[post[j]] += scale * w[j];
}

template <typename Y, typename W, typename A>
TSIM_BY_ITSELF void scatter_where(const A* allowed, std::int64_t n, const std::int32_t* post, const std::int32_t* slot,
                                  const W* w, Y scale, Y* y) {
    for (std::int64_t j = 0; j < n; j++)
        if (allowed[post[j]]) y[post[j]] += scale * w[slot[j]];
}
}  // namespace
}  // namespace tsim
#endif
