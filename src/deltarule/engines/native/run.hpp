// A run: epochs one after another, without returning to Python; what each has summed, and where it was
// stopped.
#pragma once

#include <chrono>

#include "narrow.hpp"
#include "request.hpp"
#include "wide.hpp"

namespace deltarule::DELTARULE_ISA {

#if defined(__SSE2__)
inline unsigned current_mode() { return __builtin_ia32_stmxcsr(); }
inline unsigned flush_denormals() {
    const unsigned before = current_mode();
    __builtin_ia32_ldmxcsr(before | 0x8040);
    return before;
}
inline void restore_denormals(unsigned before) { __builtin_ia32_ldmxcsr(before); }
#else
inline unsigned current_mode() { return 0; }
inline unsigned flush_denormals() { return 0; }
inline void restore_denormals(unsigned) {}
#endif

// The calling thread flushes denormals for as long as this lives.
class DenormalsFlushed {
  public:
    DenormalsFlushed() : before(flush_denormals()) {}
    ~DenormalsFlushed() { restore_denormals(before); }
    DenormalsFlushed(const DenormalsFlushed&) = delete;
    DenormalsFlushed& operator=(const DenormalsFlushed&) = delete;

  private:
    const unsigned before;
};

// Poll about every 20 milliseconds; once stopped it stays so. The clock itself is looked at no more often
// than every so many rows.
class Watch {
  public:
    Watch(const Poll& poll, std::ptrdiff_t rows_between_looks)
        : poll(poll), between(rows_between_looks), before(current_mode()), next(Clock::now() + interval) {}
    bool stopped(std::ptrdiff_t rows) {
        if (has_stopped || (unseen += rows) < between) return has_stopped;
        unseen = 0;
        if (Clock::now() < next) return false;
        const unsigned mode = flush_denormals();
        restore_denormals(before);  // a signal handler is Python code
        has_stopped = poll();
        restore_denormals(mode);
        next = Clock::now() + interval;
        return has_stopped;
    }

  private:
    using Clock = std::chrono::steady_clock;
    static constexpr auto interval = std::chrono::milliseconds(20);
    const Poll& poll;
    const std::ptrdiff_t between;
    const unsigned before;
    std::ptrdiff_t unseen = 0;
    bool has_stopped = false;
    Clock::time_point next;
};

inline void add(EpochSums& sums, const Step& step, double loss, bool record) {
    sums.loss += loss, sums.weight += step.weight;
    if (record)
        sums.step_losses.push_back(step.weight > 0 ? loss / step.weight
                                                   : std::numeric_limits<double>::quiet_NaN());
}

// The epochs of a run, one after another, in memory that is used again.
template <class T> class Epochs {
  public:
    explicit Epochs(Run<T>& run) : run(run), ends(run.ends()), permuted(!run.has_own && !run.keeps_order()) {
        if (run.has_own) epoch.order = run.own_order;
    }
    const Epoch& next() {
        if (permuted) permutation(run.plan.n, run.plan.seed, number, epoch.order);
        epoch.number = number++;
        divide<T>(epoch, ends, run.rows.w, run.t, rates, run.rates_stride);
        rates += std::ptrdiff_t(ends.size()) * run.rates_stride;
        return epoch;
    }

  private:
    Run<T>& run;
    const std::vector<std::int64_t> ends;
    const bool permuted;
    std::uint64_t number = run.first_epoch;
    const double* rates = run.rates;
    Permutation permutation;
    Epoch epoch;
};

// All threads execute this program together; thread 0 does what is done once.
template <class T, class Net> void run_with(Run<T>& run, Net& net, Team& team) {
    run.threads = team.size();
    net.load_state(run.state);
    const std::ptrdiff_t parameters = places(run.net).back().b + run.net.outputs();
    Watch watch(run.poll, (1 << 18) / parameters);
    Epochs<T> epochs(run);
    const Epoch* epoch = nullptr;
    bool stopped = false;
    team.run([&](int thread) {
        const DenormalsFlushed flushed;
        const auto look = [&](std::ptrdiff_t rows) { return stopped = watch.stopped(rows); };
        for (int e = 0; e < run.epochs && !stopped; ++e) {
            EpochSums sums{};
            if (thread == 0) epoch = &epochs.next(), sums.penalty = net.penalty_now();
            team.wait(thread);
            std::size_t taken = 0;
            while (taken < epoch->steps.size() && !stopped) {
                const Step& step = epoch->steps[taken];
                if (thread == 0 && run.measures_penalties()) sums.step_penalties.push_back(net.penalty_now());
                const auto loss = net.step(*epoch, step, thread, look);
                if (!loss) break;
                if (thread == 0) add(sums, step, *loss, run.record_steps), run.steps_taken += step.t > 0;
                ++taken;
            }
            if (thread == 0 && taken == epoch->steps.size()) run.done.push_back(std::move(sums));
            team.wait(thread);
        }
    });
    net.save_state(run.state);
}

template <class T, int G> void run_narrow(Run<T>& run) {
    const std::ptrdiff_t portion = Narrow<T, G>::portion,
                         portions = (run.largest_step() + portion - 1) / portion;
    Team team(int(std::min<std::ptrdiff_t>(run.threads, portions)));
    Narrow<T, G> net(run.net, run.objective, run.optimizer, run.dropout, run.rows, run.largest_step(), team,
                     run.keeps_order() && run.epochs > 1);
    run_with(run, net, team);
}

template <class T> void run_wide(Run<T>& run) {
    Team team(run.threads);
    Wide<T> net(run.net, run.objective, run.optimizer, run.dropout, run.rows, run.largest_step(), team,
                !run.measures_penalties());
    run_with(run, net, team);
}

template <class T> void run_epochs(Run<T>& run) {
    const std::ptrdiff_t vectors = run.largest_step() / lanes<T>;
    if (!is_narrow(run.net)) run_wide<T>(run);
    else if (vectors < 4) run_narrow<T, 1>(run);
    else if (vectors < 32) run_narrow<T, 4>(run);
    else run_narrow<T, 8>(run);
}

}  // namespace deltarule::DELTARULE_ISA
