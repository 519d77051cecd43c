// Threads of one run: they execute the same program; a barrier keeps them in step, a counter deals out the
// work. A waiting thread spins briefly, then sleeps and gives its core back.
#pragma once

#include <atomic>
#include <functional>
#include <thread>
#include <vector>

namespace deltarule {

class Barrier {
  public:
    explicit Barrier(int threads) : threads(threads) {}

    void wait() {
        if (threads == 1) return;
        const unsigned now = phase.load(std::memory_order_acquire);
        if (arrived.fetch_add(1, std::memory_order_acq_rel) + 1 == threads) {
            arrived.store(0, std::memory_order_relaxed);
            phase.store(now + 1, std::memory_order_release);
            phase.notify_all();
            return;
        }
        for (int spin = 0; spin < spins; ++spin) {
            if (phase.load(std::memory_order_acquire) != now) return;
            pause();
        }
        while (phase.load(std::memory_order_acquire) == now) phase.wait(now, std::memory_order_acquire);
    }

  private:
    static constexpr int spins = 400;
    static void pause() {
#if defined(__x86_64__)
        __builtin_ia32_pause();
#elif defined(__aarch64__)
        asm volatile("yield");
#endif
    }
    const int threads;
    alignas(64) std::atomic<int> arrived{0};
    alignas(64) std::atomic<unsigned> phase{0};
};

// Deals out 0 ... n - 1 to whoever asks; which thread gets which number never changes a result.
class Dealer {
  public:
    void reset() { next.store(0, std::memory_order_relaxed); }
    int take() { return next.fetch_add(1, std::memory_order_relaxed); }

  private:
    alignas(64) std::atomic<int> next{0};
};

// Run the program on `threads` threads, the caller being number 0.
inline void run_together(int threads, const std::function<void(int)>& program) {
    std::vector<std::thread> others;
    for (int thread = 1; thread < threads; ++thread) others.emplace_back(program, thread);
    program(0);
    for (std::thread& other : others) other.join();
}

}  // namespace deltarule
