    tsim::team_after_step();
    if (_step + 1 >= _stop)
        Network::_globally_stopped = true;
    if (tsim::stop_wanted())
    {
        std::printf("stopped\n");
        Network::_globally_stopped = true;
    }
    if (_step % 64 == 0)
    {
        static std::chrono::steady_clock::time_point _reported = std::chrono::steady_clock::now();
        const std::chrono::steady_clock::time_point _clock = std::chrono::steady_clock::now();
        if (_clock - _reported > std::chrono::milliseconds(200))
        {
            _reported = _clock;
            std::printf("step %lld\n", (long long)_step);
            std::fflush(stdout);
        }
    }
