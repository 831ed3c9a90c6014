// Random numbers of a seed, a time step and a neuron; declare/noise.py has their twin in Python.
#ifndef TSIM_RANDOM_H
#define TSIM_RANDOM_H
#include <cmath>
#include <cstdint>

namespace tsim {
// The mixing of SplitMix64
static inline std::uint64_t mixed(std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
}

// The 64 bits of a seed and a time step.
static inline std::uint64_t noise_key(std::int64_t seed, std::int64_t step) {
    return mixed((std::uint64_t)seed * 0xD1342543DE82EF95ULL + (std::uint64_t)(step + 1) * 0x9E3779B97F4A7C15ULL);
}

// The number in [0, 1) of 64 bits.
static inline double fraction(std::uint64_t bits) { return (double)(bits >> 11) / 9007199254740992.0; }

// The number in [0, 1) of an index, for the key of a seed and a time step.
static inline double uniform_of(std::uint64_t key, std::uint64_t index) {
    return fraction(mixed(key + (index + 1) * 0x9E3779B97F4A7C15ULL));
}

// Say whether a rule updates in a time step.
static inline bool due(std::int64_t step, bool learning, std::int64_t start, std::int64_t stop, std::int64_t every,
                       double probability, std::int64_t seed) {
    return learning && step >= start && step < stop && step % every == 0
        && (probability >= 1 || fraction(noise_key(seed, step)) < probability);
}
}  // namespace tsim

// What equations call. For float32, brian2cuda turns numbers with a decimal point into floats: so 2 pi has none.
static inline double standard_uniform(long long seed, long long step, long long i) {
    return tsim::uniform_of(tsim::noise_key(seed, step), i);
}

static inline double standard_normal(long long seed, long long step, long long i) {
    const std::uint64_t key = tsim::noise_key(seed, step);
    const double u = tsim::uniform_of(key, 2 * i), v = tsim::uniform_of(key, 2 * i + 1);
    const double two_pi = 8 * std::atan((double)1);
    return std::sqrt(-2 * std::log1p(-u)) * std::cos(two_pi * v);
}
#endif
