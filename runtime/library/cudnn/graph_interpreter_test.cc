// Graphs on the emulated cuDNN against plain loops in double precision: its arithmetic must be right by itself, for the
// runtime's tests rest on it.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/library/cudnn/testing/graph_test.h"

namespace plimsoll::runtime::cudnn {
namespace {

using backend::Descriptor;
using backend::PointwiseMode;
using GraphInterpreterTest = GraphTest;

// x [2, 4, 7, 6] in two groups, w [6, 2, 3, 2]: pads of 1 and 2 above and below, none and 1 at the sides; strides 2 and
// 1, dilations 1 and 2.
class Convolutions : public GraphTest {
 protected:
  const ConvolutionSpec spec_ = {{1, 0}, {2, 1}, {2, 1}, {1, 2}};
  const Dims x_ = {2, 4, 7, 6}, w_ = {6, 2, 3, 2}, y_ = {2, 6, 4, 5};

  // Of y[n, k, i, j], what x at [n, c of k's group, i, j under the tap] is multiplied by w[k, c, tap] is added.
  template <typename Visit>
  static void ForEachProduct(Visit visit) {
    for (int64_t n = 0; n < 2; ++n) {
      for (int64_t k = 0; k < 6; ++k) {
        for (int64_t i = 0; i < 4; ++i) {
          for (int64_t j = 0; j < 5; ++j) {
            for (int64_t c = 0; c < 2; ++c) {
              for (int64_t r = 0; r < 3; ++r) {
                for (int64_t s = 0; s < 2; ++s) {
                  const int64_t row = 2 * i - 1 + r, column = j + 2 * s;
                  if (row < 0 || row >= 7 || column >= 6) continue;
                  visit(Dims{n, k / 3 * 2 + c, row, column}, Dims{k, c, r, s}, Dims{n, k, i, j});
                }
              }
            }
          }
        }
      }
    }
  }
};

TEST_F(Convolutions, ForwardWithAnAddendABiasAndAFunction) {
  for (plan::DataType type : {plan::F32, plan::F16, plan::BF16}) {
    const Dims last = ChannelsLast(y_);
    const Descriptor x = Memory(1, type, x_, ChannelsLast(x_)), w = Memory(2, type, w_, ChannelsLast(w_)),
                     z = Memory(3, type, y_, last), bias = Memory(4, type, {1, 6, 1, 1}, ChannelsLast({1, 6, 1, 1})),
                     y = Memory(5, type, y_, last);
    const Descriptor products = Virtual(10, y_, last), sum = Virtual(11, y_, last), biased = Virtual(12, y_, last);
    const Descriptor first = calls_->Forward(spec_, x, w, products);
    Run({calls_->Pointwise(PointwiseMode::kSwishForward, biased, nullptr, y),  // the order says nothing
         calls_->Pointwise(PointwiseMode::kAdd, sum, bias, biased),
         calls_->Pointwise(PointwiseMode::kAdd, products, z, sum), first});
    std::map<Dims, double> sums;
    ForEachProduct(
        [&](const Dims& in, const Dims& tap, const Dims& out) { sums[out] += Of(1).At(in) * Of(2).At(tap); });
    ExpectNear(
        5,
        [&](const Dims& at) {
          const double value = sums[at] + Of(3).At(at) + Of(4).At({0, at[1], 0, 0});
          return value / (1 + std::exp(-value));
        },
        type == plan::F32   ? 1e-6
        : type == plan::F16 ? 1e-3
                            : 8e-3);
    EXPECT_EQ(emulated_.last_graph, "forward, pointwise 0, pointwise 0, pointwise 106");
  }
  EXPECT_EQ(emulated_.convolutions, 3);
}

TEST_F(Convolutions, Gradients) {
  const Descriptor x = Memory(1, plan::F32, x_), w = Memory(2, plan::F32, w_), dy = Memory(3, plan::F32, y_),
                   dx = Memory(4, plan::F32, x_), dw = Memory(5, plan::F32, w_);
  emulated_.engines[0].behavior_notes.clear();  // one compiled with the library takes channels first
  std::map<Dims, double> by_x, by_w;
  ForEachProduct([&](const Dims& in, const Dims& tap, const Dims& out) {
    by_x[in] += Of(3).At(out) * Of(2).At(tap);
    by_w[tap] += Of(3).At(out) * Of(1).At(in);
  });
  auto hold = [&](int64_t id) { return std::pair(id, std::move(memory_.extract(id).mapped())); };
  auto kept_x = hold(1), kept_dw = hold(5);
  Run({calls_->BackwardData(spec_, w, dy, dx)});
  ExpectNear(4, [&](const Dims& at) { return by_x[at]; }, 1e-6);
  auto kept_w = hold(2), kept_dx = hold(4);
  memory_.insert(std::move(kept_x));
  memory_.insert(std::move(kept_dw));
  Run({calls_->BackwardFilter(spec_, x, dy, dw)});
  ExpectNear(5, [&](const Dims& at) { return by_w[at]; }, 1e-6);
}

TEST_F(GraphInterpreterTest, OneAndThreeSpatialDims) {
  for (int spatial : {1, 3}) {
    memory_.clear();
    Dims x{2, 3}, w{4, 3}, y{2, 4}, zeros, ones;
    for (int i = 0; i < spatial; ++i) {
      x.push_back(5 - i);
      w.push_back(2);
      y.push_back(4 - i);
      zeros.push_back(0);
      ones.push_back(1);
    }
    emulated_.engines[0].behavior_notes.clear();
    const Descriptor in = Memory(1, plan::F32, x), weights = Memory(2, plan::F32, w), out = Memory(3, plan::F32, y);
    Run({calls_->Forward({zeros, zeros, ones, ones}, in, weights, out)});
    ExpectNear(
        3,
        [&](const Dims& at) {
          double sum = 0;
          Dims tap(w.size() - 1, 0);
          const Dims taps(w.begin() + 1, w.end());
          do {
            Dims under = at, weight{at[1]};
            under[1] = tap[0];
            for (size_t i = 1; i < tap.size(); ++i) under[i + 1] += tap[i];
            weight.insert(weight.end(), tap.begin(), tap.end());
            sum += Of(1).At(under) * Of(2).At(weight);
          } while (Next(tap, taps));
          return sum;
        },
        1e-6);
  }
}

TEST_F(GraphInterpreterTest, EnginesOnTensorCoresRoundToTf32) {
  const Descriptor x = Memory(1, plan::F32, {1, 1, 1, 8}), w = Memory(2, plan::F32, {1, 1, 1, 1}),
                   y = Memory(3, plan::F32, {1, 1, 1, 8});
  for (int i = 0; i < 8; ++i)
    static_cast<float*>(Of(1).data())[i] = 1 + std::ldexp(1.0f, -11) + i * std::ldexp(1.0f, -12);
  *static_cast<float*>(Of(2).data()) = 1;
  for (bool rounds : {false, true}) {
    emulated_.engines[0].rounding = rounds ? EmulatedEngine::Rounding::kTf32 : EmulatedEngine::Rounding::kNone;
    Run({calls_->Forward({{0, 0}, {0, 0}, {1, 1}, {1, 1}}, x, w, y)});
    ExpectNear(
        3,
        [&](const Dims& at) {
          const double value = Of(1).At(at);
          return rounds ? std::nearbyint(value * 1024) / 1024 : value;
        },
        0);
  }
}

TEST_F(GraphInterpreterTest, PointwiseFunctions) {
  const Dims dims = {2, 3, 4, 5};
  const std::pair<PointwiseMode, double (*)(double, double)> functions[] = {
      {PointwiseMode::kAdd, [](double x, double b) { return x + b; }},
      {PointwiseMode::kSub, [](double x, double b) { return x - b; }},
      {PointwiseMode::kMul, [](double x, double b) { return x * b; }},
      {PointwiseMode::kDiv, [](double x, double b) { return x / b; }},
      {PointwiseMode::kMin, [](double x, double b) { return x < b ? x : b; }},
      {PointwiseMode::kMax, [](double x, double b) { return x < b ? b : x; }},
      {PointwiseMode::kSqrt, [](double x, double) { return std::pow(x, 0.5); }},
      {PointwiseMode::kAbs, [](double x, double) { return x < 0 ? -x : x; }},
      {PointwiseMode::kExp, [](double x, double) { return std::pow(M_E, x); }},
      {PointwiseMode::kLog, [](double x, double) { return std::log2(x) * M_LN2; }},
      {PointwiseMode::kIdentity, [](double x, double) { return x; }},
      {PointwiseMode::kReluForward, [](double x, double) { return x < 0 ? 0 : x; }},
      {PointwiseMode::kTanhForward, [](double x, double) { return 1 - 2 / (std::exp(2 * x) + 1); }},
      {PointwiseMode::kSigmoidForward, [](double x, double) { return 0.5 + 0.5 * std::tanh(x / 2); }},
      {PointwiseMode::kEluForward, [](double x, double) { return x < 0 ? std::exp(x) - 1 : x; }},
      {PointwiseMode::kGeluForward, [](double x, double) { return x * 0.5 * std::erfc(-x * M_SQRT1_2); }},
      {PointwiseMode::kGeluTanhForward,
       [](double x, double) { return x / (1 + std::exp(-2 * std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x))); }},
      {PointwiseMode::kSoftplusForward, [](double x, double) { return std::log(1 + std::exp(x)); }},
      {PointwiseMode::kSwishForward, [](double x, double) { return x * (0.5 + 0.5 * std::tanh(x / 2)); }},
  };
  for (const auto& [mode, function] : functions) {
    memory_.clear();
    const bool is_binary = mode == PointwiseMode::kAdd || mode == PointwiseMode::kSub || mode == PointwiseMode::kMul ||
                           mode == PointwiseMode::kDiv || mode == PointwiseMode::kMin || mode == PointwiseMode::kMax;
    const Descriptor x = Memory(1, plan::F32, dims, ChannelsLast(dims)), y = Memory(3, plan::F32, dims);
    const Descriptor b = is_binary ? Memory(2, plan::F32, {1, 3, 1, 5}) : nullptr;
    float* elements = static_cast<float*>(Of(is_binary ? 2 : 1).data());
    const int64_t count = is_binary ? 15 : 120;
    const bool is_positive = mode == PointwiseMode::kSqrt || mode == PointwiseMode::kLog || mode == PointwiseMode::kDiv;
    for (int64_t i = 0; is_positive && i < count; ++i) elements[i] = std::abs(elements[i]) + 0.25f;
    Run({calls_->Pointwise(mode, x, b, y)});
    ExpectNear(
        3, [&](const Dims& at) { return function(Of(1).At(at), is_binary ? Of(2).At({0, at[1], 0, at[3]}) : 0); },
        1e-6);
  }
}

TEST_F(GraphInterpreterTest, ElementsAreSelectedByComparedIndices) {
  // Of the scores, those of keys behind the query become the smallest number.
  const Dims dims = {1, 2, 6, 6};
  const Descriptor x = Memory(1, plan::F32, dims), y = Memory(2, plan::F32, dims);
  const Descriptor row = Virtual(10, dims), column = Virtual(11, dims), sees = Virtual(12, dims, {}, /*type=*/11);
  const Descriptor least = Scalar(13, -1e30f);
  Run({calls_->Pointwise(PointwiseMode::kGenIndex, x, nullptr, row, nullptr, 2),
       calls_->Pointwise(PointwiseMode::kGenIndex, x, nullptr, column, nullptr, 3),
       calls_->Pointwise(PointwiseMode::kCompareGreaterEqual, row, column, sees),
       calls_->Pointwise(PointwiseMode::kSelect, x, least, y, sees)});
  ExpectNear(2, [&](const Dims& at) { return at[2] >= at[3] ? Of(1).At(at) : -1e30; }, 1e-6);
}

TEST_F(GraphInterpreterTest, ReshapesAreViewsByStrides) {
  // Rows with gaps turned, and a dense tensor in other dims.
  const Descriptor x = Memory(1, plan::F32, {2, 3, 4, 5}, {120, 40, 8, 1}), y = Memory(2, plan::F32, {2, 3, 5, 4}),
                   turned = Virtual(10, {2, 3, 5, 4}, {120, 40, 1, 8});
  Run({calls_->Reshape(x, turned), calls_->Pointwise(PointwiseMode::kIdentity, turned, nullptr, y)});
  ExpectNear(2, [&](const Dims& at) { return Of(1).At({at[0], at[1], at[3], at[2]}); }, 0);
  memory_.clear();
  const Descriptor dense = Memory(1, plan::F32, {2, 3, 4}), flat = Memory(2, plan::F32, {6, 4}),
                   rows = Virtual(10, {6, 4});
  Run({calls_->Reshape(dense, rows), calls_->Pointwise(PointwiseMode::kIdentity, rows, nullptr, flat)});
  ExpectNear(2, [&](const Dims& at) { return Of(1).At({at[0] / 3, at[0] % 3, at[1]}); }, 0);
}

TEST_F(GraphInterpreterTest, VirtualTensorsAreRoundedToTheirType) {
  const Dims dims = {1, 1, 4, 4};
  const Descriptor x = Memory(1, plan::F32, dims), half = Virtual(10, dims, {}, kHalf), y = Memory(2, plan::F32, dims);
  for (int i = 0; i < 16; ++i) static_cast<float*>(Of(1).data())[i] = 1 + std::ldexp(static_cast<float>(i), -12);
  Run({calls_->Pointwise(PointwiseMode::kIdentity, x, nullptr, half),
       calls_->Pointwise(PointwiseMode::kIdentity, half, nullptr, y)});
  ExpectNear(2, [&](const Dims& at) { return std::nearbyint(Of(1).At(at) * 1024) / 1024; }, 0);
}

}  // namespace
}  // namespace plimsoll::runtime::cudnn
