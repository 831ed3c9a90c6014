// Ends a program with the process that started it, or after its time step if it is asked to.
#ifndef TSIM_PROCESS_H
#define TSIM_PROCESS_H

#include <csignal>
#include <cstdlib>
#include <string>
#include <vector>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#include "tsim_files.h"
#include "tsim_team.h"

namespace tsim {

// Set by Ctrl-C and its like; the conductor then ends the run after its time step.
inline volatile std::sig_atomic_t& stop_wanted()
{
    static volatile std::sig_atomic_t wanted = 0;
    return wanted;
}

// Called first. On systems other than Linux, a program whose parent is gone ends at its next progress report.
inline void begin(std::vector<std::string>& args)
{
    const std::string parent = take(args, "parent=");
    spare_folder() = take(args, "spare_folder=");
    for (const int number : {SIGINT, SIGTERM, SIGHUP})
        std::signal(number, [](int) { stop_wanted() = 1; });
    std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error of its write
#ifdef __linux__
    if (!parent.empty()) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != (pid_t)std::strtol(parent.c_str(), nullptr, 10))  // it was faster
            std::_Exit(1);
    }
#endif
}

}

#endif
