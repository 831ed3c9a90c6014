// How many threads share the work of a run: all that it was given, or one alone while others use the cores.
//
// A thread that waits at the end of a region spins, which costs a microsecond instead of the 300 of one that sleeps,
// but it waits for a thread that does not run when another process has its core. So the run measures itself: some time
// steps with all threads, some with one, and it goes on with what is faster. It looks again where steps become slower,
// and now and then. Whatever it chooses changes no bit, for no sum depends on the number of threads.
#ifndef TSIM_TEAM_H
#define TSIM_TEAM_H

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>
#if defined(_OPENMP)
#include <omp.h>
#endif

namespace tsim {

// Decides between all threads and one by what time steps cost; told of each step, with the time in seconds.
class Choice {
public:
    // Steps repeat after a period: updates fall on some of them.
    explicit Choice(std::int64_t period = 1) : period(std::max<std::int64_t>(period, 1)) {}

    bool together() const { return is_together; }

    // Returns whether the choice has changed.
    bool step_done(double now) {
        if (settling > 0) {  // threads wake up, caches change owner
            if (--settling == 0) begin = now, steps = 0;
            return false;
        }
        ++steps;
        const double passed = now - begin;
        const bool hopeless = is_together && alone > 0 && passed > window + 3 * alone * std::max(steps, period);
        if (!hopeless && (passed < window || steps < 8 || steps % period)) return false;
        const double cost = passed / steps;
        window = std::min(2 * window, 0.03);
        begin = now, steps = 0, ++windows;
        return is_together ? ended_together(cost) : ended_alone(cost);
    }

private:
    enum { SETTLE = 4, LOOK_AGAIN = 40 };
    std::int64_t period, steps = 0;
    int settling = SETTLE, windows = 0;
    bool is_together = true, comparing = false, fresh = false;  // fresh: alone was measured just before
    double begin = 0, window = 0.002, alone = 0, all = 0;       // seconds; of a step alone and with all, 0: unknown
    double again = 0, hold = 0.05;                              // alone: when it tries all again, and how long it waits

    bool change(bool to) {
        const bool changed = to != is_together;
        is_together = to, settling = SETTLE, windows = 0;
        return changed;
    }
    bool ended_together(double cost) {
        if (fresh) return decide(cost <= alone);
        if (alone > 0 && cost <= 1.2 * alone && windows < LOOK_AGAIN) return false;
        all = cost, comparing = true;
        return change(false);
    }
    bool ended_alone(double cost) {
        alone = cost;
        if (comparing) return decide(all <= alone);
        if (begin < again) return false;
        fresh = true;
        return change(true);
    }
    bool decide(bool better) {
        fresh = comparing = false;
        if (better) {
            hold = 0.05;
            return is_together ? false : change(true);
        }
        again = begin + hold;
        hold = std::min(2 * hold, 1.0);
        return change(false);
    }
};

#if defined(_OPENMP)
struct Team {
    int threads = 1;
    Choice choice;
};

inline Team& team() {
    static Team of_this_run;
    return of_this_run;
}

// Called at the end of each time step.
inline void team_after_step() {
    Team& t = team();
    if (t.threads < 2) return;
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    if (t.choice.step_done(std::chrono::duration<double>(now).count()))
        omp_set_num_threads(t.choice.together() ? t.threads : 1);
}

inline void begin_team(int threads, std::int64_t period) {
    team().threads = threads = std::max(threads, 1);
    team().choice = Choice(period);
    omp_set_dynamic(0);
    omp_set_num_threads(threads);
}
#else
inline void team_after_step() {}
inline void begin_team(int, std::int64_t) {}
#endif

}  // namespace tsim
#endif
