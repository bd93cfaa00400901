// An LSTM with 8-bit weights, as com.microsoft's DynamicQuantizeLSTM: X, and the state in every step, are rounded to 8
// bits with one scale for all of it, multiplied exactly, and scaled back. A step reads all of R: it is packed once a
// run, and what of it does not fit the cache is what a step takes.
#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/device/cpu/parallel.h"
#include "runtime/library/onednn/engine.h"
#include "runtime/library/onednn/integer.h"
#include "runtime/library/onednn/operations.h"
#include "runtime/library/onednn/recurrent_cells.h"

namespace plimsoll::runtime::onednn {
namespace {

class QuantizedRecurrentOp : public PreparedOp {
 public:
  QuantizedRecurrentOp(const plan::Recurrent& op, int threads)
      : op_(op),
        threads_(threads > 0 ? threads : cpu::HardwareThreads()),
        directions_(op.direction() == "bidirectional" ? 2 : 1) {
    Recipe recipe;  // for its workspace alone
    const int64_t t = op.sequence(), n = op.batch(), h = op.hidden_size();
    x_ = recipe.Reserve(t * n * 4 * Quads(op.input_size()));
    input_gates_ = recipe.Reserve(directions_ * t * n * 4 * h * 4);
    tiles_ = recipe.Reserve(threads_ * TileBytes());
    recurrence_ = recipe.Reserve(directions_ * RecurrenceBytes());
    recurrence_sums_ = recipe.Reserve(directions_ * Blocks() * kTileColumns * 4);
    state_ = recipe.Reserve(directions_ * n * 4 * Quads(h));
    state_gates_ = recipe.Reserve(directions_ * n * 4 * h * 4);
    start_ = recipe.Reserve(directions_ * n * h * 4);
    workspace_bytes_ = recipe.workspace_bytes;
    int operand = 3;
    if (op.has_bias()) bias_ = operand++;
    if (op.has_initial_h()) h0_ = operand++;
    if (op.has_initial_c()) c0_ = operand++;
    quantization_ = operand++;
    y_ = operand++;
    yh_ = operand++;
    yc_ = operand++;
    operands_ = operand;
  }

  absl::Status Run(absl::Span<void* const> operands, StreamHandle) override {
    if (static_cast<int>(operands.size()) < operand_count()) {
      return absl::InvalidArgumentError("a library call got too few operands");
    }
    ThreadCount scope(threads_);
    if (op_.quantized() == plan::I8)
      RunTyped<int8_t>(operands);
    else
      RunTyped<uint8_t>(operands);
    return absl::OkStatus();
  }

  int64_t workspace_bytes() const override { return workspace_bytes_; }
  int operand_count() const override { return operands_ + (workspace_bytes_ > 0 ? 1 : 0); }

 private:
  int64_t Blocks() const { return (4 * op_.hidden_size() + kTileColumns - 1) / kTileColumns; }
  int64_t TileBytes() const { return Quads(op_.input_size()) * kQuadBytes; }
  int64_t RecurrenceBytes() const { return Blocks() * Quads(op_.hidden_size()) * kQuadBytes; }

  template <typename W>
  void RunTyped(absl::Span<void* const> operands) {
    const int64_t rows = op_.sequence() * op_.batch(), in = op_.input_size(), width = 4 * op_.hidden_size();
    char* workspace = static_cast<char*>(operands.back());
    auto* x = reinterpret_cast<int8_t*>(workspace + x_);
    const Quantized quantized = QuantizeRows(static_cast<const float*>(operands[0]), rows, in, x);
    const int64_t tasks = directions_ * Blocks(), used = std::min<int64_t>(threads_, tasks);
    const bool small = static_cast<double>(rows) * static_cast<double>(in * width) < 1e6;
    cpu::ParallelFor(used, small ? used : 1, [&](int64_t begin, int64_t end) {
      for (int64_t slot = begin; slot < end; ++slot) {
        auto* tile = reinterpret_cast<uint8_t*>(workspace + tiles_ + slot * TileBytes());
        for (int64_t task = slot; task < tasks; task += used) {
          const int64_t d = task / Blocks(), first = task % Blocks() * kTileColumns,
                        count = std::min(kTileColumns, width - first);
          const auto* weights = static_cast<const W*>(operands[1]) + d * in * width + first;
          alignas(64) int32_t sums[kTileColumns];
          PackColumns(weights, width, in, count, Side<W>::kRightFlip, tile);
          SumColumns(tile, Quads(in), sums);
          auto* gates = reinterpret_cast<float*>(workspace + input_gates_) + d * rows * width + first;
          Multiply<W>(x, rows, in, quantized,
                      {tile, sums, count, Quantization(operands, 0, d) + first, Quantization(operands, 1, d) + first},
                      gates);
        }
      }
    });
    // Directions side by side: nothing is shared, and a step is too short to be divided.
    cpu::ParallelFor(directions_, 1, [&](int64_t begin, int64_t end) {
      for (int64_t d = begin; d < end; ++d) Steps<W>(operands, d, d == 1 || op_.direction() == "reverse");
    });
  }

  // One packed tile of weights.
  struct Columns {
    const uint8_t* fours;
    const int32_t* sums;  // of each column
    int64_t count;
    const float* scales;
    const float* zeros;
  };

  // Rows [rows, k] times a tile, scaled back, to rows of 4 H floats.
  template <typename W>
  void Multiply(const int8_t* left, int64_t rows, int64_t k, const Quantized& quantized, const Columns& columns,
                float* to) const {
    alignas(64) int32_t tile[kTileRows * kTileColumns], zeros[kTileColumns] = {};
    for (int64_t c = 0; c < columns.count; ++c) zeros[c] = Side<W>::RightZero(ZeroOf(columns.zeros[c]));
    const int64_t row_bytes = 4 * Quads(k);
    for (int64_t row = 0; row < rows; row += kTileRows) {
      const int64_t some = std::min(kTileRows, rows - row);
      MultiplyTile(left + row * row_bytes, row_bytes, some, columns.fours, Quads(k), columns.count, tile);
      for (int64_t r = 0; r < some; ++r) {
        int32_t* products = tile + r * kTileColumns;
        TakeOutZeros(LeftRowOf(left + (row + r) * row_bytes, k, quantized.zero), zeros, columns.sums, products);
        ScaleSums(products, columns.count, quantized.scale, columns.scales, to + (row + r) * 4 * op_.hidden_size());
      }
    }
  }

  template <typename W>
  void Steps(absl::Span<void* const> operands, int64_t d, bool reverse) const {
    const int64_t t = op_.sequence(), n = op_.batch(), h = op_.hidden_size(), width = 4 * h, size = n * h;
    auto floats = [&](int operand, int64_t offset) { return static_cast<float*>(operands[operand]) + offset; };
    char* workspace = static_cast<char*>(operands.back());
    const auto* input_gates = reinterpret_cast<const float*>(workspace + input_gates_) + d * t * n * width;
    auto* state = reinterpret_cast<int8_t*>(workspace + state_) + d * n * 4 * Quads(h);
    auto* state_gates = reinterpret_cast<float*>(workspace + state_gates_) + d * n * width;
    auto* start = reinterpret_cast<float*>(workspace + start_) + d * size;
    auto* recurrence = reinterpret_cast<uint8_t*>(workspace + recurrence_) + d * RecurrenceBytes();
    auto* sums = reinterpret_cast<int32_t*>(workspace + recurrence_sums_) + d * Blocks() * kTileColumns;
    const int64_t block_bytes = Quads(h) * kQuadBytes;
    for (int64_t block = 0; block < Blocks(); ++block) {
      const int64_t first = block * kTileColumns;
      uint8_t* packed = recurrence + block * block_bytes;
      PackColumns(static_cast<const W*>(operands[2]) + d * h * width + first, width, h,
                  std::min(kTileColumns, width - first), Side<W>::kRightFlip, packed);
      SumColumns(packed, Quads(h), sums + first);
    }
    const float* bias = bias_ < 0 ? nullptr : floats(bias_, d * 2 * width);
    float* cell = floats(yc_, d * size);
    const size_t bytes = static_cast<size_t>(size) * 4;
    if (h0_ >= 0)
      std::memcpy(start, floats(h0_, d * size), bytes);
    else
      std::memset(start, 0, bytes);
    if (c0_ >= 0)
      std::memcpy(cell, floats(c0_, d * size), bytes);
    else
      std::memset(cell, 0, bytes);
    const float* former = start;
    for (int64_t step = 0; step < t; ++step) {
      const int64_t at = reverse ? t - 1 - step : step;
      float* hidden = floats(y_, (at * directions_ + d) * size);
      const Quantized quantized = QuantizeRows(former, n, h, state);
      for (int64_t block = 0; block < Blocks(); ++block) {
        const int64_t first = block * kTileColumns;
        Multiply<W>(state, n, h, quantized,
                    {recurrence + block * block_bytes, sums + first, std::min(kTileColumns, width - first),
                     Quantization(operands, 2, d) + first, Quantization(operands, 3, d) + first},
                    state_gates + first);
      }
      for (int64_t row = 0; row < n; ++row) {
        LstmCell(input_gates + (at * n + row) * width, state_gates + row * width, bias, h, cell + row * h,
                 hidden + row * h);
      }
      former = hidden;
    }
    std::memcpy(floats(yh_, d * size), former, bytes);
  }

  // [4, D, 4H]: scales and zero points of W, of R.
  const float* Quantization(absl::Span<void* const> operands, int64_t which, int64_t d) const {
    return static_cast<const float*>(operands[quantization_]) + (which * directions_ + d) * 4 * op_.hidden_size();
  }

  plan::Recurrent op_;
  int threads_;
  int directions_;
  int64_t workspace_bytes_ = 0;
  int64_t x_ = 0, input_gates_ = 0, tiles_ = 0, recurrence_ = 0, recurrence_sums_ = 0, state_ = 0, state_gates_ = 0,
          start_ = 0;  // offsets in the workspace
  int bias_ = -1, h0_ = -1, c0_ = -1, quantization_ = -1, y_ = -1, yh_ = -1, yc_ = -1, operands_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<PreparedOp>> PrepareQuantizedRecurrent(const plan::Recurrent& op, int threads) {
  if (op.cell() != plan::Recurrent::LSTM)
    return absl::UnimplementedError("a quantized recurrent layer other than LSTM");
  if (op.quantized() != plan::I8 && op.quantized() != plan::U8) {
    return absl::UnimplementedError(
        absl::StrCat("recurrent weights quantized to ", plan::DataType_Name(op.quantized()), ", not to i8 or u8"));
  }
  return std::make_unique<QuantizedRecurrentOp>(op, threads);
}

}  // namespace plimsoll::runtime::onednn
