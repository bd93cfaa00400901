// Generated kernels of recurrent layers, on the emulator, against loops in double precision written here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "compiler/codegen/cuda/library_testing.h"

namespace plimsoll::codegen {
namespace {

using testing::ElementsAre;

double Sigmoid(double v) { return 1 / (1 + std::exp(-v)); }

struct LayerOperands {
  Operand x, w, r, b, h0, c0, quantization, y, last_h, last_c;
  std::vector<Operand*> all;
  std::vector<size_t> written;
};
int GatesOf(plan::Recurrent::Cell cell) {
  return cell == plan::Recurrent::LSTM                                                      ? 4
         : cell == plan::Recurrent::GRU || cell == plan::Recurrent::LINEAR_BEFORE_RESET_GRU ? 3
                                                                                            : 1;
}
LayerOperands OperandsOf(const plan::Recurrent& layer) {
  std::mt19937 random(5);
  const int64_t T = layer.sequence(), N = layer.batch(), I = layer.input_size(), H = layer.hidden_size(),
                G = GatesOf(layer.cell()), D = layer.direction() == "bidirectional" ? 2 : 1;
  const plan::DataType weights = layer.quantized() != plan::DATA_TYPE_UNDEFINED ? layer.quantized() : plan::F32;
  auto make = [&](int64_t count, plan::DataType type = plan::F32) { return RandomOperand(type, count, random); };
  LayerOperands o{make(T * N * I),
                  make(D * G * H * I, weights),
                  make(D * G * H * H, weights),
                  make(D * 2 * G * H),
                  make(D * N * H),
                  make(D * N * H),
                  make(4 * D * G * H),
                  make(T * D * N * H),
                  make(D * N * H),
                  make(D * N * H),
                  {},
                  {}};
  return o;
}
void Arrange(const plan::Recurrent& layer, LayerOperands& o) {
  o.all = {&o.x, &o.w, &o.r};
  if (layer.has_bias()) o.all.push_back(&o.b);
  if (layer.has_initial_h()) o.all.push_back(&o.h0);
  if (layer.has_initial_c()) o.all.push_back(&o.c0);
  if (layer.quantized() != plan::DATA_TYPE_UNDEFINED) o.all.push_back(&o.quantization);
  o.all.insert(o.all.end(), {&o.y, &o.last_h});
  if (layer.cell() == plan::Recurrent::LSTM) o.all.push_back(&o.last_c);
  for (size_t i = o.all.size() - (layer.cell() == plan::Recurrent::LSTM ? 3 : 2); i < o.all.size(); ++i)
    o.written.push_back(i);
}

// One step after another with ONNX's formulas.
void CheckRecurrent(const plan::Recurrent& layer) {
  const std::string what = layer.ShortDebugString();
  LayerOperands o = OperandsOf(layer);
  Arrange(layer, o);
  plan::LibraryOp op;
  *op.mutable_recurrent() = layer;
  LibraryKernelRun run(op);
  ASSERT_TRUE(run.status().ok()) << run.status() << what;
  EXPECT_THAT(run.kernel().skeletons, ElementsAre("recurrent"));
  const absl::Status status = run.Run(o.all, o.written);
  ASSERT_TRUE(status.ok()) << status << what;
  const int64_t T = layer.sequence(), N = layer.batch(), I = layer.input_size(), H = layer.hidden_size(),
                G = GatesOf(layer.cell()), D = layer.direction() == "bidirectional" ? 2 : 1;
  for (int64_t d = 0; d < D; ++d)
    for (int64_t n = 0; n < N; ++n) {
      std::vector<double> h(H, 0), c(H, 0);
      for (int64_t j = 0; j < H; ++j) {
        if (layer.has_initial_h()) h[j] = o.h0.at((d * N + n) * H + j);
        if (layer.has_initial_c()) c[j] = o.c0.at((d * N + n) * H + j);
      }
      for (int64_t step = 0; step < T; ++step) {
        const int64_t t = d == 1 || layer.direction() == "reverse" ? T - 1 - step : step;
        auto from_x = [&](int64_t g, int64_t j) {
          double sum = layer.has_bias() ? o.b.at(d * 2 * G * H + g * H + j) : 0;
          for (int64_t i = 0; i < I; ++i) sum += o.x.at((t * N + n) * I + i) * o.w.at(((d * G + g) * H + j) * I + i);
          return sum;
        };
        auto from_h = [&](const std::vector<double>& state, int64_t g, int64_t j) {
          double sum = layer.has_bias() ? o.b.at(d * 2 * G * H + (G + g) * H + j) : 0;
          for (int64_t i = 0; i < H; ++i) sum += state[i] * o.r.at(((d * G + g) * H + j) * H + i);
          return sum;
        };
        std::vector<double> next(H), scaled(H), reset(H, 0);
        for (int64_t j = 0; j < H && G == 3; ++j) {
          reset[j] = Sigmoid(from_x(1, j) + from_h(h, 1, j));
          scaled[j] = reset[j] * h[j];
        }
        for (int64_t j = 0; j < H; ++j) {
          if (G == 4) {
            c[j] = Sigmoid(from_x(2, j) + from_h(h, 2, j)) * c[j] +
                   Sigmoid(from_x(0, j) + from_h(h, 0, j)) * std::tanh(from_x(3, j) + from_h(h, 3, j));
            next[j] = Sigmoid(from_x(1, j) + from_h(h, 1, j)) * std::tanh(c[j]);
          } else if (G == 3) {
            const double z = Sigmoid(from_x(0, j) + from_h(h, 0, j));
            const double candidate = layer.cell() == plan::Recurrent::GRU
                                         ? std::tanh(from_x(2, j) + from_h(scaled, 2, j))
                                         : std::tanh(from_x(2, j) + reset[j] * from_h(h, 2, j));
            next[j] = (1 - z) * candidate + z * h[j];
          } else {
            const double sum = from_x(0, j) + from_h(h, 0, j);
            next[j] = layer.cell() == plan::Recurrent::VANILLA_RELU ? std::max(sum, 0.0) : std::tanh(sum);
          }
        }
        h = next;
        for (int64_t j = 0; j < H; ++j)
          ASSERT_NEAR(o.y.at(((t * D + d) * N + n) * H + j), h[j], 2e-5 * (1 + std::abs(h[j])))
              << what << " step " << step;
      }
      for (int64_t j = 0; j < H; ++j) {
        ASSERT_NEAR(o.last_h.at((d * N + n) * H + j), h[j], 2e-5 * (1 + std::abs(h[j]))) << what;
        if (G == 4) ASSERT_NEAR(o.last_c.at((d * N + n) * H + j), c[j], 2e-5 * (1 + std::abs(c[j]))) << what;
      }
    }
}

plan::Recurrent Layer(plan::Recurrent::Cell cell, const std::string& direction, int64_t sequence, int64_t batch,
                      int64_t inputs, int64_t hidden, bool given) {
  plan::Recurrent layer;
  layer.set_cell(cell);
  layer.set_direction(direction);
  layer.set_sequence(sequence);
  layer.set_batch(batch);
  layer.set_input_size(inputs);
  layer.set_hidden_size(hidden);
  layer.set_has_bias(given);
  layer.set_has_initial_h(given);
  layer.set_has_initial_c(given && cell == plan::Recurrent::LSTM);
  return layer;
}

TEST(Recurrent, CellsDirectionsAndOptionalOperands) {
  for (plan::Recurrent::Cell cell :
       {plan::Recurrent::LSTM, plan::Recurrent::GRU, plan::Recurrent::LINEAR_BEFORE_RESET_GRU,
        plan::Recurrent::VANILLA_TANH, plan::Recurrent::VANILLA_RELU})
    for (const char* direction : {"forward", "reverse", "bidirectional"})
      for (bool given : {false, true}) CheckRecurrent(Layer(cell, direction, 3, 3, 5, 6, given));
}

TEST(Recurrent, WiderThanAWarpAndABlock) {
  CheckRecurrent(Layer(plan::Recurrent::LSTM, "bidirectional", 2, 2, 136, 36, true));
  CheckRecurrent(Layer(plan::Recurrent::GRU, "forward", 2, 1, 33, 70, true));
  CheckRecurrent(Layer(plan::Recurrent::VANILLA_TANH, "forward", 2, 300, 4, 4, true));  // blocks of four rows
  CheckRecurrent(Layer(plan::Recurrent::LSTM, "forward", 0, 2, 4, 4, true));
}

// x less its zero point, rounded as ONNX's DynamicQuantizeLinear rounds it; the scale is returned.
float RoundToBytes(const std::vector<float>& x, std::vector<double>& to) {
  float low = 0, high = 0;
  for (float v : x) low = std::min(low, v), high = std::max(high, v);
  const float scale = high == low ? 1 : (high - low) / 255,
              zero = std::nearbyint(std::clamp(-low / scale, 0.0f, 255.0f));
  to.clear();
  for (float v : x) to.push_back(std::clamp(std::nearbyint(v / scale) + zero, 0.0f, 255.0f) - zero);
  return scale;
}

TEST(Recurrent, QuantizedLstm) {
  for (plan::DataType type : {plan::I8, plan::U8})
    for (const char* direction : {"forward", "reverse", "bidirectional"})
      for (bool given : {false, true}) {
        plan::Recurrent layer = Layer(plan::Recurrent::LSTM, direction, 4, 2, 7, 9, given);
        layer.set_quantized(type);
        LayerOperands o = OperandsOf(layer);
        const int64_t T = 4, N = 2, I = 7, H = 9, G = 4 * H, D = layer.direction() == "bidirectional" ? 2 : 1;
        for (int64_t i = 0; i < 4 * D * G; ++i)
          o.quantization.set(i, i / (D * G) % 2 == 1 ? (type == plan::I8 ? i % 5 - 2 : 120 + i % 9)
                                                     : 0.001 + 0.0001 * static_cast<double>(i % 17));
        Arrange(layer, o);
        plan::LibraryOp op;
        *op.mutable_recurrent() = layer;
        LibraryKernelRun run(op);
        ASSERT_TRUE(run.status().ok()) << run.status();
        const absl::Status status = run.Run(o.all, o.written);
        ASSERT_TRUE(status.ok()) << status;
        auto floats = [](const Operand& operand, int64_t first, int64_t count) {
          std::vector<float> values;
          for (int64_t i = 0; i < count; ++i) values.push_back(static_cast<float>(operand.at(first + i)));
          return values;
        };
        std::vector<double> x, h_rounded;
        const double x_scale = RoundToBytes(floats(o.x, 0, T * N * I), x);
        for (int64_t d = 0; d < D; ++d) {
          std::vector<float> h(N * H, 0);
          std::vector<double> c(N * H, 0);
          if (given) h = floats(o.h0, d * N * H, N * H);
          for (int64_t i = 0; i < N * H && given; ++i) c[i] = o.c0.at(d * N * H + i);
          for (int64_t step = 0; step < T; ++step) {
            const int64_t t = d == 1 || layer.direction() == "reverse" ? T - 1 - step : step;
            const double h_scale = RoundToBytes(h, h_rounded);
            for (int64_t n = 0; n < N; ++n) {
              std::vector<double> gates(G);
              for (int64_t j = 0; j < G; ++j) {
                auto number = [&](int64_t which) { return o.quantization.at((which * D + d) * G + j); };
                double from_x = 0, from_h = 0;
                for (int64_t i = 0; i < I; ++i)
                  from_x += x[(t * N + n) * I + i] * (o.w.at((d * I + i) * G + j) - number(1));
                for (int64_t i = 0; i < H; ++i)
                  from_h += h_rounded[n * H + i] * (o.r.at((d * H + i) * G + j) - number(3));
                gates[j] = from_x * x_scale * number(0) + from_h * h_scale * number(2);
                if (given) gates[j] += o.b.at(d * 2 * G + j) + o.b.at(d * 2 * G + G + j);
              }
              for (int64_t j = 0; j < H; ++j) {
                c[n * H + j] =
                    Sigmoid(gates[2 * H + j]) * c[n * H + j] + Sigmoid(gates[j]) * std::tanh(gates[3 * H + j]);
                const double want = Sigmoid(gates[H + j]) * std::tanh(c[n * H + j]),
                             got = o.y.at(((t * D + d) * N + n) * H + j);
                // A state next to a tie may round to the next integer: one step of the scale.
                ASSERT_NEAR(got, want, 2e-3) << direction << " step " << step;
                h[n * H + j] = static_cast<float>(got);
              }
            }
          }
          for (int64_t i = 0; i < N * H; ++i) {
            EXPECT_EQ(o.last_h.at(d * N * H + i), h[i]);
            EXPECT_NEAR(o.last_c.at(d * N * H + i), c[i], 5e-3);
          }
        }
      }
}

TEST(Recurrent, EveryBarrierIsNeeded) {
  plan::Recurrent quantized = Layer(plan::Recurrent::LSTM, "forward", 3, 2, 9, 40, true);
  quantized.set_quantized(plan::I8);
  int barriers = 0;
  for (const plan::Recurrent& layer : {Layer(plan::Recurrent::GRU, "forward", 3, 1, 5, 40, true),
                                       Layer(plan::Recurrent::LSTM, "forward", 3, 1, 5, 40, true), quantized}) {
    plan::LibraryOp op;
    *op.mutable_recurrent() = layer;
    LayerOperands o = OperandsOf(layer);
    for (int64_t i = 0; i < o.quantization.size(); ++i) o.quantization.set(i, i / 160 % 2 ? 3 : 0.01);
    Arrange(layer, o);
    LibraryKernelRun run(op);
    ASSERT_TRUE(run.status().ok()) << run.status();
    for (int number = 0;; ++number) {
      bool there = false;
      const bool noticed = run.NoticesMissingBarrier(o.all, o.written, number, &there);
      if (!there) break;
      ++barriers;
      EXPECT_TRUE(noticed) << "barrier " << number << " of " << layer.ShortDebugString();
    }
  }
  EXPECT_EQ(barriers, 2 + 1 + 4);
}

TEST(Recurrent, WhatThereIsNoKernelFor) {
  auto code = [](const plan::Recurrent& layer) {
    plan::LibraryOp op;
    *op.mutable_recurrent() = layer;
    return LibraryKernelRun(op).status().code();
  };
  plan::Recurrent packed = Layer(plan::Recurrent::LSTM, "forward", 2, 2, 4, 4, true);
  packed.set_packed(true);
  EXPECT_EQ(code(packed), absl::StatusCode::kUnimplemented);
  plan::Recurrent gru = Layer(plan::Recurrent::GRU, "forward", 2, 2, 4, 4, true);
  gru.set_quantized(plan::I8);
  EXPECT_EQ(code(gru), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(code(Layer(plan::Recurrent::GRU, "sideways", 2, 2, 4, 4, true)), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace plimsoll::codegen
