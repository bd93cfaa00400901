// Recurrent layers against the formulas written here.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/library/library.h"
#include "runtime/library/testing/operation.h"

namespace plimsoll::runtime {
namespace {

// One step after another with ONNX's formulas, in doubles.
void NaiveRecurrent(const plan::Recurrent& op, const std::vector<float>& x, const std::vector<float>& w,
                    const std::vector<float>& r, const std::vector<float>& b, const std::vector<float>& h0,
                    const std::vector<float>& c0, std::vector<float>& y, std::vector<float>& yh,
                    std::vector<float>& yc) {
  const int64_t T = op.sequence(), N = op.batch(), I = op.input_size(), H = op.hidden_size();
  const int64_t D = op.direction() == "bidirectional" ? 2 : 1;
  const int64_t G = static_cast<int64_t>(w.size()) / (D * H * I);
  auto sigmoid = [](double v) { return 1 / (1 + std::exp(-v)); };
  for (int64_t d = 0; d < D; ++d) {
    for (int64_t n = 0; n < N; ++n) {
      std::vector<double> h(h0.begin() + (d * N + n) * H, h0.begin() + (d * N + n + 1) * H), c(H);
      if (!c0.empty()) std::copy_n(c0.begin() + (d * N + n) * H, H, c.begin());
      for (int64_t step = 0; step < T; ++step) {
        const int64_t t = d == 1 || op.direction() == "reverse" ? T - 1 - step : step;
        auto from_x = [&](int64_t g, int64_t j) {
          double sum = b[d * 2 * G * H + g * H + j];
          for (int64_t i = 0; i < I; ++i) sum += x[(t * N + n) * I + i] * w[((d * G + g) * H + j) * I + i];
          return sum;
        };
        auto from_h = [&](const std::vector<double>& state, int64_t g, int64_t j) {
          double sum = b[d * 2 * G * H + (G + g) * H + j];
          for (int64_t i = 0; i < H; ++i) sum += state[i] * r[((d * G + g) * H + j) * H + i];
          return sum;
        };
        std::vector<double> next(H), reset(H);
        if (G == 3) {
          for (int64_t j = 0; j < H; ++j) reset[j] = sigmoid(from_x(1, j) + from_h(h, 1, j));
        }
        std::vector<double> scaled(H);
        for (int64_t j = 0; j < H; ++j) scaled[j] = reset[j] * h[j];
        for (int64_t j = 0; j < H; ++j) {
          if (G == 4) {
            c[j] = sigmoid(from_x(2, j) + from_h(h, 2, j)) * c[j] +
                   sigmoid(from_x(0, j) + from_h(h, 0, j)) * std::tanh(from_x(3, j) + from_h(h, 3, j));
            next[j] = sigmoid(from_x(1, j) + from_h(h, 1, j)) * std::tanh(c[j]);
          } else if (G == 3) {
            const double z = sigmoid(from_x(0, j) + from_h(h, 0, j));
            const double candidate = op.cell() == plan::Recurrent::GRU
                                         ? std::tanh(from_x(2, j) + from_h(scaled, 2, j))
                                         : std::tanh(from_x(2, j) + reset[j] * from_h(h, 2, j));
            next[j] = (1 - z) * candidate + z * h[j];
          } else {
            const double sum = from_x(0, j) + from_h(h, 0, j);
            next[j] = op.cell() == plan::Recurrent::VANILLA_RELU ? std::max(sum, 0.0) : std::tanh(sum);
          }
        }
        h = next;
        for (int64_t j = 0; j < H; ++j) y[((t * D + d) * N + n) * H + j] = static_cast<float>(h[j]);
      }
      for (int64_t j = 0; j < H; ++j) yh[(d * N + n) * H + j] = static_cast<float>(h[j]);
      for (int64_t j = 0; j < H; ++j) yc[(d * N + n) * H + j] = static_cast<float>(c[j]);
    }
  }
}

TEST(RecurrentTest, AgreesWithTheFormulas) {
  const int64_t T = 4, N = 3, I = 5, H = 6;
  const std::pair<plan::Recurrent::Cell, int64_t> cells[] = {{plan::Recurrent::LSTM, 4},
                                                             {plan::Recurrent::GRU, 3},
                                                             {plan::Recurrent::LINEAR_BEFORE_RESET_GRU, 3},
                                                             {plan::Recurrent::VANILLA_TANH, 1},
                                                             {plan::Recurrent::VANILLA_RELU, 1}};
  for (const auto& [cell, G] : cells) {
    for (const char* direction : {"forward", "reverse", "bidirectional"}) {
      for (bool given : {false, true}) {  // bias and initial states
        const int64_t D = direction == std::string("bidirectional") ? 2 : 1;
        plan::LibraryOp op;
        plan::Recurrent& layer = *op.mutable_recurrent();
        layer.set_cell(cell);
        layer.set_direction(direction);
        layer.set_sequence(T);
        layer.set_batch(N);
        layer.set_input_size(I);
        layer.set_hidden_size(H);
        layer.set_has_bias(given);
        layer.set_has_initial_h(given);
        layer.set_has_initial_c(given && G == 4);
        auto x = Random<float>(T * N * I, 1), w = Random<float>(D * G * H * I, 2), r = Random<float>(D * G * H * H, 3);
        auto b = Random<float>(D * 2 * G * H, 4), h0 = Random<float>(D * N * H, 5), c0 = Random<float>(D * N * H, 6);
        if (!given) {
          for (auto* zero : {&b, &h0, &c0}) std::fill(zero->begin(), zero->end(), 0.0f);
        }
        std::vector<float> y(T * D * N * H), yh(D * N * H), yc(D * N * H), want = y, want_h = yh, want_c = yc;
        NaiveRecurrent(layer, x, w, r, b, h0, c0, want, want_h, want_c);
        std::vector<void*> operands{x.data(), w.data(), r.data()};
        if (given) operands.insert(operands.end(), {b.data(), h0.data()});
        if (given && G == 4) operands.push_back(c0.data());
        operands.insert(operands.end(), {y.data(), yh.data()});
        if (G == 4) operands.push_back(yc.data());
        EXPECT_OK(Execute(op, operands));
        ExpectNear(y, want);
        ExpectNear(yh, want_h);
        if (G == 4) ExpectNear(yc, want_c);
      }
    }
  }
}

// x less its zero point, rounded as ONNX's DynamicQuantizeLinear rounds it; the scale is returned.
float RoundToBytes(const float* x, int64_t count, std::vector<double>& to) {
  const float low = std::min(0.0f, *std::min_element(x, x + count)),
              high = std::max(0.0f, *std::max_element(x, x + count));
  const float scale = high == low ? 1 : (high - low) / 255,
              zero = std::nearbyint(std::clamp(-low / scale, 0.0f, 255.0f));
  to.resize(count);
  for (int64_t i = 0; i < count; ++i) to[i] = std::clamp(std::nearbyint(x[i] / scale) + zero, 0.0f, 255.0f) - zero;
  return scale;
}

// One step of a quantized LSTM at a time, for one element of the batch.
template <typename W>
void CheckQuantizedLstm(plan::DataType dtype, const char* direction, int64_t H) {
  const int64_t T = 5, I = 7, G = 4 * H, D = direction == std::string("bidirectional") ? 2 : 1;
  const double least = std::is_signed_v<W> ? -128 : 0, most = std::is_signed_v<W> ? 127 : 255;
  const auto x = Random<float>(T * I, 1), b = Random<float>(D * 2 * G, 4), h0 = Random<float>(D * H, 5),
             c0 = Random<float>(D * H, 6);
  const auto w = Random<W>(D * I * G, 2, least, most), r = Random<W>(D * H * G, 3, least, most);
  auto quantization = Random<float>(4 * D * G, 7, 0.001, 0.01);
  for (int64_t i = 0; i < 4 * D * G; ++i) {
    if (i / (D * G) % 2 == 1) quantization[i] = static_cast<float>(std::is_signed_v<W> ? i % 5 - 2 : 120 + i % 9);
  }
  plan::LibraryOp op;
  plan::Recurrent& layer = *op.mutable_recurrent();
  layer.set_cell(plan::Recurrent::LSTM);
  layer.set_direction(direction);
  layer.set_sequence(T);
  layer.set_batch(1);
  layer.set_input_size(I);
  layer.set_hidden_size(H);
  layer.set_has_bias(true);
  layer.set_has_initial_h(true);
  layer.set_has_initial_c(true);
  layer.set_quantized(dtype);
  std::vector<float> y(T * D * H), yh(D * H), yc(D * H);
  EXPECT_OK(Execute(op, {(void*)x.data(), (void*)w.data(), (void*)r.data(), (void*)b.data(), (void*)h0.data(),
                         (void*)c0.data(), quantization.data(), y.data(), yh.data(), yc.data()}));
  auto sigmoid = [](double v) { return 1 / (1 + std::exp(-v)); };
  std::vector<double> rounded_x, rounded_h;
  const double x_scale = RoundToBytes(x.data(), T * I, rounded_x);
  for (int64_t d = 0; d < D; ++d) {
    std::vector<float> h(h0.begin() + d * H, h0.begin() + (d + 1) * H);
    std::vector<double> c(c0.begin() + d * H, c0.begin() + (d + 1) * H), gates(G);
    auto number = [&](int64_t which, int64_t column) {
      return static_cast<double>(quantization[(which * D + d) * G + column]);
    };
    for (int64_t step = 0; step < T; ++step) {
      const int64_t t = d == 1 || direction == std::string("reverse") ? T - 1 - step : step;
      const double h_scale = RoundToBytes(h.data(), H, rounded_h);
      for (int64_t j = 0; j < G; ++j) {
        double from_x = 0, from_h = 0;
        for (int64_t i = 0; i < I; ++i) from_x += rounded_x[t * I + i] * (w[(d * I + i) * G + j] - number(1, j));
        for (int64_t i = 0; i < H; ++i) from_h += rounded_h[i] * (r[(d * H + i) * G + j] - number(3, j));
        gates[j] =
            from_x * x_scale * number(0, j) + from_h * h_scale * number(2, j) + b[d * 2 * G + j] + b[d * 2 * G + G + j];
      }
      for (int64_t j = 0; j < H; ++j) {
        c[j] = sigmoid(gates[2 * H + j]) * c[j] + sigmoid(gates[j]) * std::tanh(gates[3 * H + j]);
        h[j] = static_cast<float>(sigmoid(gates[H + j]) * std::tanh(c[j]));
        // A state next to a tie may round to the next integer: one step of the scale.
        EXPECT_NEAR(y[(t * D + d) * H + j], h[j], 0.01) << dtype << direction << H << " step " << step << " unit " << j;
        h[j] = y[(t * D + d) * H + j];
      }
    }
    for (int64_t j = 0; j < H; ++j) EXPECT_EQ(yh[d * H + j], h[j]);
    for (int64_t j = 0; j < H; ++j) EXPECT_NEAR(yc[d * H + j], c[j], 0.02);
  }
}

TEST(RecurrentTest, QuantizedRoundsInputAndState) {
  for (const char* direction : {"forward", "reverse", "bidirectional"}) {
    for (int64_t hidden : {5, 32}) {  // the plain row and the vectorized one
      CheckQuantizedLstm<int8_t>(plan::I8, direction, hidden);
      CheckQuantizedLstm<uint8_t>(plan::U8, direction, hidden);
    }
  }
}

}  // namespace
}  // namespace plimsoll::runtime
