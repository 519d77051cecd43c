// The Python module: turns arguments into a Run, picks the instruction set, releases the GIL, polls for
// Ctrl-C.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <optional>

#include "request.hpp"

namespace nb = nanobind;
using namespace deltarule;

namespace {

template <class T> using Matrix = nb::ndarray<const T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
template <class T> using Vector = nb::ndarray<const T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
template <class T> using Parameters = nb::ndarray<T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

std::vector<std::string> instruction_sets() {  // best first
    std::vector<std::string> found;
#if defined(DELTARULE_X86)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
        found.push_back("avx512");
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) found.push_back("avx2");
#endif
    found.push_back("baseline");
    return found;
}

// Do the work with the functions that are compiled for an instruction set.
template <class Work> void execute(Work& work, const std::string& instruction_set) {
#if defined(DELTARULE_X86)
    if (instruction_set == "avx512") return avx512::execute(work);
    if (instruction_set == "avx2") return avx2::execute(work);
#endif
    baseline::execute(work);
}

std::vector<double> doubles(const nb::dict& from, const char* key) {
    return nb::cast<std::vector<double>>(from[key]);
}
double number(const nb::dict& from, const char* key) { return nb::cast<double>(from[key]); }
int integer(const nb::dict& from, const char* key) { return nb::cast<int>(from[key]); }

// `spec` is made by engines/native/engine.py from a Job that it has checked; `rates` are those of
// every step, (steps, layers), or one row for all. Returns (epochs done, steps
// taken, threads used, what a signal handler raised or None).
template <class T>
nb::tuple run(const nb::dict& spec, Matrix<T> X, Matrix<T> y, std::optional<Vector<T>> w,
              std::optional<Matrix<T>> offset, Parameters<T> theta, std::vector<Parameters<T>> slots,
              Matrix<double> rates, Vector<std::int64_t> own_order, std::vector<std::int64_t> own_ends) {
    Run<T> run;
    run.net.widths = nb::cast<std::vector<int>>(spec["widths"]);
    for (int activation : nb::cast<std::vector<int>>(spec["activations"]))
        run.net.activations.push_back(Activation(activation));
    run.net.bias = nb::cast<bool>(spec["bias"]);
    const auto l1 = doubles(spec, "l1"), l2 = doubles(spec, "l2");
    run.objective = {Loss(integer(spec, "loss")),
                     nb::cast<bool>(spec["mean"]),
                     {l1.at(0), l1.at(1)},
                     {l2.at(0), l2.at(1)},
                     nb::cast<bool>(spec["averages_penalties"])};
    run.optimizer = {Method(integer(spec, "method")), number(spec, "momentum"), number(spec, "beta_1"),
                     number(spec, "beta_2"),          number(spec, "epsilon"),  number(spec, "weight_decay"),
                     number(spec, "clip_norm")};
    const nb::object dropout = spec["dropout"];
    run.dropout = {nb::cast<std::vector<std::uint32_t>>(dropout[0]),
                   nb::cast<std::vector<double>>(dropout[1]), nb::cast<std::uint64_t>(dropout[2])};
    run.rates = rates.data();
    run.rates_stride = rates.shape(0) == 1 ? 0 : std::ptrdiff_t(rates.shape(1));
    run.rows = {std::ptrdiff_t(X.shape(0)), X.data(), y.data(), w ? w->data() : nullptr,
                offset ? offset->data() : nullptr};
    run.plan = {nb::cast<std::int64_t>(spec["n"]), nb::cast<std::int64_t>(spec["batch_size"]),
                nb::cast<bool>(spec["shuffle"]), integer(spec, "remainder"),
                nb::cast<std::uint64_t>(spec["seed"])};
    run.has_own = nb::cast<bool>(spec["has_own"]);
    run.own_order.assign(own_order.data(), own_order.data() + own_order.size());
    run.own_ends = std::move(own_ends);
    run.state = {
        theta.data(),
        {slots.size() > 0 ? slots[0].data() : nullptr, slots.size() > 1 ? slots[1].data() : nullptr}};
    run.first_epoch = nb::cast<std::uint64_t>(spec["first_epoch"]);
    run.epochs = integer(spec, "epochs");
    run.threads = integer(spec, "threads");
    run.t = number(spec, "t");
    run.record_steps = nb::cast<bool>(spec["record_steps"]);
    nb::object interrupt = nb::none();
    // Python handles signals in its main thread only. No other thread takes the GIL before it has finished:
    // a daemon thread that did so while the interpreter exits would end the process.
    const bool polls = nb::cast<bool>(spec["polls"]);
    run.poll = [&] {
        if (!polls) return false;
        nb::gil_scoped_acquire hold;
        if (PyErr_CheckSignals() != 0) {  // Python raises it again, once it has what was done
            const nb::python_error raised;
            interrupt = nb::borrow(raised.value());
        }
        return !interrupt.is_none();
    };
    const auto instruction_set = nb::cast<std::string>(spec["instruction_set"]);
    {
        nb::gil_scoped_release released;
        execute(run, instruction_set);
    }
    run.poll();  // a signal of the last moment would be raised before Python has what was done
    nb::list done;
    for (const EpochSums& sums : run.done) {
        const nb::object steps = run.record_steps ? nb::cast(sums.step_losses) : nb::none();
        const nb::object penalties = run.measures_penalties() ? nb::cast(sums.step_penalties) : nb::none();
        done.append(nb::make_tuple(sums.loss, sums.weight, sums.penalty, steps, penalties));
    }
    return nb::make_tuple(done, run.steps_taken, run.threads, interrupt);
}

template <class T> using Filled = nb::ndarray<T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

// An architecture that answers questions about whatever theta it is given.
struct Forward {
    Network net;
    std::string instruction_set;

    template <class T> Rows<T> rows(const Matrix<T>& X, const std::optional<Matrix<T>>& offset) const {
        return {std::ptrdiff_t(X.shape(0)), X.data(), nullptr, nullptr, offset ? offset->data() : nullptr};
    }
    template <class T> void answer(Question<T>& question) const {
        if (question.rows.n <= few_rows) return execute(question, instruction_set);
        nb::gil_scoped_release released;
        execute(question, instruction_set);
    }

    template <class T>
    void predict(Vector<T> theta, Matrix<T> X, std::optional<Matrix<T>> offset, int threads,
                 Filled<T> y_hat) const {
        Question<T> question{net, rows<T>(X, offset), theta.data(), y_hat.data(), Loss{}, threads};
        answer(question);
    }
    // False where an input is not finite: then nothing is computed.
    template <class T> bool predict_finite(Vector<T> theta, Matrix<T> X, Filled<T> y_hat) const {
        const T *x = X.data(), *end = x + X.size();
        T zeros = 0;  // times zero: NaN from whatever is not finite
        for (; x < end; ++x) zeros += *x * T(0);
        if (zeros != T(0)) return false;
        predict<T>(theta, X, {}, 1, y_hat);
        return true;
    }
    template <class T>
    double losses(Vector<T> theta, Matrix<T> X, Matrix<T> y, std::optional<Vector<T>> w,
                  std::optional<Matrix<T>> offset, int loss, int threads) const {
        Question<T> question{net, rows<T>(X, offset), theta.data(), nullptr, Loss(loss), threads};
        question.rows.y = y.data(), question.rows.w = w ? w->data() : nullptr;
        answer(question);
        return question.sum_of_losses;
    }
};

template <class T> void define(nb::class_<Forward>& forward) {
    forward.def("predict", &Forward::predict<T>, nb::arg("theta").noconvert(), nb::arg("X").noconvert(),
                nb::arg("offset").noconvert().none(), nb::arg("threads"), nb::arg("y_hat").noconvert());
    forward.def("predict_finite", &Forward::predict_finite<T>, nb::arg("theta").noconvert(),
                nb::arg("X").noconvert(), nb::arg("y_hat").noconvert());
    forward.def("losses", &Forward::losses<T>, nb::arg("theta").noconvert(), nb::arg("X").noconvert(),
                nb::arg("y").noconvert(), nb::arg("w").noconvert().none(),
                nb::arg("offset").noconvert().none(), nb::arg("loss"), nb::arg("threads"));
}

}  // namespace

#if defined(_WIN32)
#define DELTARULE_EXPORTED __declspec(dllexport)
#else
#define DELTARULE_EXPORTED __attribute__((visibility("default")))
#endif

// By this symbol threadpoolctl knows the library (threads.py); its name alone says little.
extern "C" DELTARULE_EXPORTED int deltarule_native_engine() { return 1; }

NB_MODULE(_native, module) {
    module.doc() = "Whole epochs of training, compiled.";
    nb::set_leak_warnings(false);  // at exit, of what a daemon thread of the user still holds
    module.def("instruction_sets", &instruction_sets,
               "The instruction sets of this machine that the engine is compiled for, best first.");
    module.attr("FEW_ROWS") = few_rows;
    module.def(
        "permutation",
        [](std::int64_t n, std::uint64_t seed, std::uint64_t epoch) {
            std::vector<std::int64_t> order;
            Permutation()(n, seed, epoch, order);
            return order;
        },
        nb::arg("n"), nb::arg("seed"), nb::arg("epoch"), "The row order of an epoch.");
    nb::class_<Forward> forward(module, "Forward", "An architecture: predictions and losses for any theta.");
    forward.def(
        "__init__",
        [](Forward* self, std::vector<int> widths, const std::vector<int>& activations, bool bias,
           std::string instruction_set) {
            new (self) Forward{{std::move(widths), {}, bias}, std::move(instruction_set)};
            for (const int activation : activations) self->net.activations.push_back(Activation(activation));
        },
        nb::arg("widths"), nb::arg("activations"), nb::arg("bias"), nb::arg("instruction_set"));
    define<float>(forward);
    define<double>(forward);
    module.def("run", &run<float>, nb::arg("spec"), nb::arg("X").noconvert(), nb::arg("y").noconvert(),
               nb::arg("w").noconvert().none(), nb::arg("offset").noconvert().none(),
               nb::arg("theta").noconvert(), nb::arg("slots"), nb::arg("rates").noconvert(),
               nb::arg("own_order"), nb::arg("own_ends"));
    module.def("run", &run<double>, nb::arg("spec"), nb::arg("X").noconvert(), nb::arg("y").noconvert(),
               nb::arg("w").noconvert().none(), nb::arg("offset").noconvert().none(),
               nb::arg("theta").noconvert(), nb::arg("slots"), nb::arg("rates").noconvert(),
               nb::arg("own_order"), nb::arg("own_ends"));
}
