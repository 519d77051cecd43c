// On which core each thread of a team runs. A system may wake a thread on the core of the one that wakes it
// while another core is idle, and leave both there; who notices steps aside. Nobody is bound to a core: the
// system may move everyone again at once.
#pragma once

#include <atomic>
#include <memory>

#if defined(__linux__)
#include <sched.h>
#endif

namespace deltarule {

class Cores {
  public:
    explicit Cores(int threads) : threads(threads), seen(new Core[threads]) {}

    // To be called by `thread` itself, now and then: it costs next to nothing.
    void note(int thread) { seen[thread].at.store(current(), std::memory_order_relaxed); }

    // Where another thread was last seen on the core of this one: go to a core where none was, if there is
    // one.
    void step_aside(int thread) {
#if defined(__linux__)
        cpu_set_t allowed, free;
        if (!shared(thread) || sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
        free = allowed;
        for (int other = 0; other < threads; ++other)
            if (const int at = seen[other].at.load(std::memory_order_relaxed); at >= 0) CPU_CLR(at, &free);
        if (CPU_COUNT(&free) == 0 || sched_setaffinity(0, sizeof free, &free) != 0) return;
        sched_setaffinity(0, sizeof allowed, &allowed);
        note(thread);
#else
        (void)thread;
#endif
    }

  private:
    struct alignas(64) Core {
        std::atomic<int> at{-1};  // -1: not seen yet
    };

    static int current() {
#if defined(__linux__)
        return sched_getcpu();
#else
        return -1;
#endif
    }
    bool shared(int thread) {
        note(thread);
        const int here = seen[thread].at.load(std::memory_order_relaxed);
        for (int other = 0; other < threads; ++other)
            if (other != thread && here >= 0 && seen[other].at.load(std::memory_order_relaxed) == here)
                return true;
        return false;
    }

    const int threads;
    const std::unique_ptr<Core[]> seen;
};

}  // namespace deltarule
