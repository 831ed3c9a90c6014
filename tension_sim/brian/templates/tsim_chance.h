// When a rule updates.
#ifndef TSIM_CHANCE_H
#define TSIM_CHANCE_H
#include <cstdint>

namespace tsim {
// The number in [0, 1) of a seed and a time step (SplitMix64); declare/noise.py has its twin in Python.
static inline double chance(std::int64_t seed, std::int64_t step) {
    std::uint64_t z = (std::uint64_t)seed * 0xD1342543DE82EF95ULL + (std::uint64_t)(step + 1) * 0x9E3779B97F4A7C15ULL;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

static inline bool due(std::int64_t step, bool learning, std::int64_t start, std::int64_t stop, std::int64_t every,
                       double probability, std::int64_t seed) {
    return learning && step >= start && step < stop && step % every == 0
        && (probability >= 1 || chance(seed, step) < probability);
}
}  // namespace tsim
#endif
