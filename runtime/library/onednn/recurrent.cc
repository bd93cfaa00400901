// Recurrent layers with ONNX's semantics: oneDNN multiplies, the gates are computed here. (oneDNN's own recurrent
// primitives order gates otherwise and lay states out otherwise; the products are where the time goes.)
#include <algorithm>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "runtime/device/cpu/parallel.h"
#include "runtime/library/onednn/engine.h"
#include "runtime/library/onednn/operations.h"
#include "runtime/library/onednn/recurrent_cells.h"

namespace plimsoll::runtime::onednn {
namespace {

int GateCount(plan::Recurrent::Cell cell) {
  switch (cell) {
    case plan::Recurrent::LSTM: return 4;
    case plan::Recurrent::GRU:
    case plan::Recurrent::LINEAR_BEFORE_RESET_GRU: return 3;
    default: return 1;
  }
}

// dst [m, n] (rows `dst_stride` apart) = a [m, k] times the transpose of b [n, k].
class Product {
 public:
  void Plan(Recipe& recipe, int64_t m, int64_t k, int64_t n, int64_t dst_stride, int threads) {
    using dnnl::memory;
    if (m == 0 || k == 0 || n == 0) return;
    const double work = static_cast<double>(m) * static_cast<double>(k) * static_cast<double>(n);
    threads_ = ThreadsWorth(2 * work, 4 * (static_cast<double>(m + n) * static_cast<double>(k)), threads);
    ThreadCount scope(threads_);
    a_ = memory::desc({m, k}, memory::data_type::f32, memory::dims{k, 1});
    b_ = memory::desc({k, n}, memory::data_type::f32, memory::dims{1, k});
    dst_ = memory::desc({m, n}, memory::data_type::f32, memory::dims{dst_stride, 1});
    pd_ = dnnl::matmul::primitive_desc(Engine(), a_, b_, dst_, Attributes());
    scratchpad_ = recipe.Reserve(static_cast<int64_t>(pd_.scratchpad_desc().get_size()));
    planned_ = true;
  }

  void Make() {
    if (!planned_) return;
    ThreadCount scope(threads_);
    primitive_ = dnnl::matmul(pd_);
    a_memory_ = dnnl::memory(a_, Engine(), nullptr);
    b_memory_ = dnnl::memory(b_, Engine(), nullptr);
    dst_memory_ = dnnl::memory(dst_, Engine(), nullptr);
    scratchpad_memory_ = dnnl::memory(pd_.scratchpad_desc(), Engine(), nullptr);
  }

  absl::Status Run(dnnl::stream& stream, const float* a, const float* b, float* dst, char* workspace) {
    if (!planned_) return absl::OkStatus();
    ThreadCount scope(threads_);
    a_memory_.set_data_handle(const_cast<float*>(a));
    b_memory_.set_data_handle(const_cast<float*>(b));
    dst_memory_.set_data_handle(dst);
    scratchpad_memory_.set_data_handle(workspace + scratchpad_);
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_SRC, a_memory_.get()},
                                         {DNNL_ARG_WEIGHTS, b_memory_.get()},
                                         {DNNL_ARG_DST, dst_memory_.get()},
                                         {DNNL_ARG_SCRATCHPAD, scratchpad_memory_.get()}};
    return FromDnnl("a recurrent layer's product",
                    dnnl_primitive_execute(primitive_.get(), stream.get(), 4, arguments));
  }

 private:
  bool planned_ = false;
  int threads_ = 1;
  dnnl::memory::desc a_, b_, dst_;
  dnnl::matmul::primitive_desc pd_;
  int64_t scratchpad_ = 0;
  dnnl::matmul primitive_;
  dnnl::memory a_memory_, b_memory_, dst_memory_, scratchpad_memory_;
};

class RecurrentOp : public PreparedOp {
 public:
  RecurrentOp(const plan::Recurrent& op, int threads)
      : op_(op), threads_(threads), gates_(GateCount(op.cell())), stream_(Engine()) {
    const int64_t t = op.sequence(), n = op.batch(), h = op.hidden_size(), width = gates_ * h;
    const bool plain_gru = op.cell() == plan::Recurrent::GRU;
    input_gates_ = recipe_.Reserve(t * n * width * 4);
    state_gates_ = recipe_.Reserve(n * width * 4);
    start_ = recipe_.Reserve(n * h * 4);
    reset_ = plain_gru ? recipe_.Reserve(n * h * 4) : 0;
    from_input_.Plan(recipe_, t * n, op.input_size(), width, width, threads);
    // A plain GRU multiplies its third gate's weights with the reset state, when that is known.
    from_state_.Plan(recipe_, n, h, plain_gru ? 2 * h : width, width, threads);
    if (plain_gru) from_reset_.Plan(recipe_, n, h, h, width, threads);
    for (Product* product : {&from_input_, &from_state_, &from_reset_}) product->Make();
    int operand = 3;
    if (op.has_bias()) bias_ = operand++;
    if (op.has_initial_h()) h0_ = operand++;
    if (op.has_initial_c()) c0_ = operand++;
    y_ = operand++;
    yh_ = operand++;
    if (op.cell() == plan::Recurrent::LSTM) yc_ = operand++;
    operands_ = operand;
  }

  absl::Status Run(absl::Span<void* const> operands, StreamHandle) override {
    if (static_cast<int>(operands.size()) < operand_count()) {
      return absl::InvalidArgumentError("a library call got too few operands");
    }
    ThreadCount scope(threads_);
    return Guard("a recurrent layer", [&] {
      const int directions = op_.direction() == "bidirectional" ? 2 : 1;
      for (int d = 0; d < directions; ++d) {
        absl::Status status = RunDirection(operands, d, directions, d == 1 || op_.direction() == "reverse");
        if (!status.ok()) return status;
      }
      return absl::OkStatus();
    });
  }

  int64_t workspace_bytes() const override { return recipe_.workspace_bytes; }
  int operand_count() const override { return operands_ + (recipe_.workspace_bytes > 0 ? 1 : 0); }

 private:
  absl::Status RunDirection(absl::Span<void* const> operands, int d, int directions, bool reverse) {
    const int64_t t = op_.sequence(), n = op_.batch(), in = op_.input_size(), h = op_.hidden_size();
    const int64_t width = gates_ * h, state = n * h;
    auto floats = [&](int operand, int64_t offset) { return static_cast<float*>(operands[operand]) + offset; };
    char* workspace = static_cast<char*>(operands.back());
    auto* input_gates = reinterpret_cast<float*>(workspace + input_gates_);
    auto* state_gates = reinterpret_cast<float*>(workspace + state_gates_);
    const float* weights = floats(1, d * width * in);
    const float* recurrence = floats(2, d * width * h);
    const float* bias = bias_ < 0 ? nullptr : floats(bias_, d * 2 * width);
    float* cell = yc_ < 0 ? nullptr : floats(yc_, d * state);
    const size_t state_bytes = static_cast<size_t>(state) * 4;

    float* start = reinterpret_cast<float*>(workspace + start_);
    if (h0_ >= 0) std::memcpy(start, floats(h0_, d * state), state_bytes);
    else std::memset(start, 0, state_bytes);
    if (cell != nullptr && c0_ >= 0) std::memcpy(cell, floats(c0_, d * state), state_bytes);
    else if (cell != nullptr) std::memset(cell, 0, state_bytes);

    if (in == 0) std::memset(input_gates, 0, static_cast<size_t>(t * n * width) * 4);
    absl::Status status = from_input_.Run(stream_, static_cast<const float*>(operands[0]), weights, input_gates, workspace);
    if (!status.ok()) return status;
    const float* former = start;
    for (int64_t step = 0; step < t; ++step) {
      const int64_t at = reverse ? t - 1 - step : step;
      float* hidden = floats(y_, (at * directions + d) * state);
      status = from_state_.Run(stream_, former, recurrence, state_gates, workspace);
      if (!status.ok()) return status;
      const float* x = input_gates + at * n * width;
      if (op_.cell() == plan::Recurrent::GRU) {
        auto* reset = reinterpret_cast<float*>(workspace + reset_);
        ForEachRow([&](int64_t row) {
          GruReset(x + row * width, state_gates + row * width, bias, h, former + row * h, reset + row * h);
        });
        status = from_reset_.Run(stream_, reset, recurrence + 2 * h * h, state_gates + 2 * h, workspace);
        if (!status.ok()) return status;
      }
      ForEachRow([&](int64_t row) {
        const float *from_input = x + row * width, *from_state = state_gates + row * width;
        const int64_t at = row * h;
        if (op_.cell() == plan::Recurrent::LSTM) {
          LstmCell(from_input, from_state, bias, h, cell + at, hidden + at);
        } else if (gates_ == 3) {
          const bool linear = op_.cell() == plan::Recurrent::LINEAR_BEFORE_RESET_GRU;
          GruCell(from_input, from_state, bias, h, linear, former + at, hidden + at);
        } else {
          VanillaCell(from_input, from_state, bias, h, op_.cell() == plan::Recurrent::VANILLA_RELU, hidden + at);
        }
      });
      former = hidden;
    }
    std::memcpy(floats(yh_, d * state), former, state_bytes);
    return absl::OkStatus();
  }

  template <typename F>
  void ForEachRow(F&& body) {
    const int64_t per_task = std::max<int64_t>(1, 2048 / std::max<int64_t>(1, op_.hidden_size() * gates_));
    cpu::ParallelFor(op_.batch(), per_task, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) body(row);
    });
  }

  plan::Recurrent op_;
  int threads_;
  int gates_;
  dnnl::stream stream_;
  Recipe recipe_;
  int64_t input_gates_ = 0, state_gates_ = 0, start_ = 0, reset_ = 0;  // offsets in the workspace
  Product from_input_, from_state_, from_reset_;
  int bias_ = -1, h0_ = -1, c0_ = -1, y_ = -1, yh_ = -1, yc_ = -1, operands_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<PreparedOp>> PrepareRecurrent(const plan::Recurrent& op, int threads) {
  if (op.packed()) return absl::UnimplementedError("a recurrent layer with packed weights");
  if (!plan::Recurrent::Cell_IsValid(op.cell())) return absl::UnimplementedError("a recurrent cell of unknown kind");
  if (op.direction() != "forward" && op.direction() != "reverse" && op.direction() != "bidirectional") {
    return absl::InvalidArgumentError(absl::StrCat("a recurrent layer of direction '", op.direction(), "'"));
  }
  constexpr int64_t kMost = int64_t{1} << 40;
  const int64_t sizes[] = {op.sequence(), op.batch(), op.input_size(), op.hidden_size()};
  for (int64_t size : sizes) {
    if (size < 0 || size > (int64_t{1} << 31)) return absl::InvalidArgumentError("a recurrent layer's size");
  }
  const double rows = static_cast<double>(op.sequence()) * static_cast<double>(op.batch());
  if (rows * static_cast<double>(op.hidden_size()) * 4 > static_cast<double>(kMost) ||
      rows * static_cast<double>(op.input_size()) * 4 > static_cast<double>(kMost) || op.hidden_size() == 0) {
    return absl::InvalidArgumentError("a recurrent layer without units, or of more than 2^40 elements");
  }
  if (op.has_initial_c() && op.cell() != plan::Recurrent::LSTM) {
    return absl::InvalidArgumentError("only an LSTM has an initial cell state");
  }
  if (op.quantized() != plan::DATA_TYPE_UNDEFINED) return PrepareQuantizedRecurrent(op, threads);
  return std::make_unique<RecurrentOp>(op, threads);
}

}  // namespace plimsoll::runtime::onednn
