// Attention and its gradient as graphs on the emulated cuDNN, against the formula in double precision.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/library/cudnn/testing/graph_test.h"

namespace plimsoll::runtime::cudnn {
namespace {

using backend::Descriptor;
using backend::PointwiseMode;
using backend::ReductionOperator;

// q [2, 4, 5, 8], k [2, 2, 7, 8] and v [2, 2, 7, 16], each head of k and v for two of q.
class Attention : public GraphTest {
 protected:
  static constexpr int64_t kHeads = 4, kGroups = 2, kQueries = 5, kKeys = 7, kSize = 8, kValues = 16;
  static constexpr double kScale = 0.4375;
  const Dims q_ = {2, kHeads, kQueries, kSize}, k_ = {2, kGroups, kKeys, kSize}, v_ = {2, kGroups, kKeys, kValues},
             o_ = {2, kHeads, kQueries, kValues}, scores_ = {2, kHeads, kQueries, kKeys},
             rows_ = {2, kHeads, kQueries, 1};

  double Score(int64_t n, int64_t h, int64_t i, int64_t j) const {
    double sum = 0;
    for (int64_t d = 0; d < kSize; ++d) sum += Of(1).At({n, h, i, d}) * Of(2).At({n, h / 2, d, j});
    return kScale * sum + Of(4).At({0, 0, i, j});
  }
  double LogSum(int64_t n, int64_t h, int64_t i) const {
    double sum = 0;
    for (int64_t j = 0; j < kKeys; ++j) sum += std::exp(Score(n, h, i, j));
    return std::log(sum);
  }
  double Probability(int64_t n, int64_t h, int64_t i, int64_t j) const {
    return std::exp(Score(n, h, i, j) - LogSum(n, h, i));
  }
  double Result(int64_t n, int64_t h, int64_t i, int64_t e) const {
    double sum = 0;
    for (int64_t j = 0; j < kKeys; ++j) sum += Probability(n, h, i, j) * Of(3).At({n, h / 2, j, e});
    return sum;
  }
};

TEST_F(Attention, ForwardWithStatistics) {
  const Descriptor q = Memory(1, plan::F32, q_),
                   k = Memory(2, plan::F32, {2, kGroups, kSize, kKeys},
                              {kGroups * kKeys * kSize, kKeys * kSize, 1, kSize}),  // transposed
      v = Memory(3, plan::F32, v_), mask = Memory(4, plan::F32, {1, 1, kQueries, kKeys}),
                   o = Memory(5, plan::F32, o_, {kHeads * kQueries * kValues, kValues, kHeads * kValues, 1}),
                   stats = Memory(6, plan::F32, rows_);
  const Descriptor products = Virtual(10, scores_), scaled = Virtual(11, scores_), scores = Virtual(12, scores_),
                   largest = Virtual(13, rows_), less = Virtual(14, scores_), powers = Virtual(15, scores_),
                   sum = Virtual(16, rows_), log = Virtual(17, rows_), probabilities = Virtual(18, scores_);
  const Descriptor scale = Scalar(19, static_cast<float>(kScale));
  Run({calls_->Matmul(q, k, products), calls_->Pointwise(PointwiseMode::kMul, products, scale, scaled),
       calls_->Pointwise(PointwiseMode::kAdd, scaled, mask, scores),
       calls_->Reduce(ReductionOperator::kMax, scores, largest),
       calls_->Pointwise(PointwiseMode::kSub, scores, largest, less),
       calls_->Pointwise(PointwiseMode::kExp, less, nullptr, powers),
       calls_->Reduce(ReductionOperator::kAdd, powers, sum), calls_->Pointwise(PointwiseMode::kLog, sum, nullptr, log),
       calls_->Pointwise(PointwiseMode::kAdd, largest, log, stats),
       calls_->Pointwise(PointwiseMode::kDiv, powers, sum, probabilities), calls_->Matmul(probabilities, v, o)});
  ExpectNear(5, [&](const Dims& at) { return Result(at[0], at[1], at[2], at[3]); }, 1e-6);
  ExpectNear(6, [&](const Dims& at) { return LogSum(at[0], at[1], at[2]); }, 1e-6);
}

TEST_F(Attention, Backward) {
  const Dims turned = {2, kHeads, kKeys, kQueries}, turned_strides = {kHeads * 35, 35, 1, kKeys};
  const Descriptor q = Memory(1, plan::F16, q_),
                   k = Memory(2, plan::F16, {2, kGroups, kSize, kKeys},
                              {kGroups * kKeys * kSize, kKeys * kSize, 1, kSize}),
                   v = Memory(3, plan::F16, {2, kGroups, kValues, kKeys},
                              {kGroups * kKeys * kValues, kKeys * kValues, 1, kValues}),
                   mask = Memory(4, plan::F32, {1, 1, kQueries, kKeys}), o = Memory(5, plan::F32, o_),
                   stats = Memory(6, plan::F32, rows_), d_o = Memory(7, plan::F16, o_), dq = Memory(20, plan::F32, q_),
                   dk = Memory(21, plan::F32, k_), dv = Memory(22, plan::F32, v_);
  const auto value = [&](int64_t n, int64_t h, int64_t j, int64_t e) { return Of(3).At({n, h / 2, e, j}); };
  Dims row(4, 0);
  do {
    static_cast<float*>(Of(6).data())[At(Of(6).strides(), row)] = static_cast<float>(LogSum(row[0], row[1], row[2]));
    for (int64_t e = 0; e < kValues; ++e) {
      double sum = 0;
      for (int64_t j = 0; j < kKeys; ++j) sum += Probability(row[0], row[1], row[2], j) * value(row[0], row[1], j, e);
      static_cast<float*>(Of(5).data())[At(Of(5).strides(), {row[0], row[1], row[2], e})] = static_cast<float>(sum);
    }
  } while (Next(row, rows_));
  int64_t next = 30;
  auto new_scores = [&] { return Virtual(next++, scores_); };
  const Descriptor products = new_scores(), scaled = new_scores(), scores = new_scores(), less = new_scores(),
                   p = new_scores(), dp = new_scores(), centered = new_scores(), ds = new_scores(),
                   ds_scaled = new_scores();
  const Descriptor k_rows = Virtual(56, k_), weighted = Virtual(50, o_), delta = Virtual(51, rows_),
                   p_turned = Virtual(52, turned, turned_strides, kHalf),
                   ds_turned = Virtual(53, turned, turned_strides, kHalf),
                   dk_heads = Virtual(54, {2, kHeads, kKeys, kSize}),
                   dv_heads = Virtual(55, {2, kHeads, kKeys, kValues});
  const Descriptor scale = Scalar(19, static_cast<float>(kScale));
  Run({calls_->Matmul(q, k, products), calls_->Pointwise(PointwiseMode::kMul, products, scale, scaled),
       calls_->Pointwise(PointwiseMode::kAdd, scaled, mask, scores),
       calls_->Pointwise(PointwiseMode::kSub, scores, stats, less),
       calls_->Pointwise(PointwiseMode::kExp, less, nullptr, p), calls_->Reshape(p, p_turned),
       calls_->Matmul(p_turned, d_o, dv_heads), calls_->Reduce(ReductionOperator::kAdd, dv_heads, dv),
       calls_->Pointwise(PointwiseMode::kMul, d_o, o, weighted),
       calls_->Reduce(ReductionOperator::kAdd, weighted, delta), calls_->Matmul(d_o, v, dp),
       calls_->Pointwise(PointwiseMode::kSub, dp, delta, centered),
       calls_->Pointwise(PointwiseMode::kMul, centered, p, ds),
       calls_->Pointwise(PointwiseMode::kMul, ds, scale, ds_scaled), calls_->Reshape(k, k_rows),
       calls_->Matmul(ds_scaled, k_rows, dq), calls_->Reshape(ds_scaled, ds_turned),
       calls_->Matmul(ds_turned, q, dk_heads), calls_->Reduce(ReductionOperator::kAdd, dk_heads, dk)});
  constexpr double kHalfOnce = 2e-3;  // dk and dv are sums of what was rounded to halves
  // By the chain rule through softmax: of the score (i, j), P_ij (dP_ij - sum over l of P_il dP_il).
  auto d_probability = [&](int64_t n, int64_t h, int64_t i, int64_t j) {
    double sum = 0;
    for (int64_t e = 0; e < kValues; ++e) sum += Of(7).At({n, h, i, e}) * value(n, h, j, e);
    return sum;
  };
  auto d_score = [&](int64_t n, int64_t h, int64_t i, int64_t j) {
    double mean = 0;
    for (int64_t l = 0; l < kKeys; ++l) mean += Probability(n, h, i, l) * d_probability(n, h, i, l);
    return Probability(n, h, i, j) * (d_probability(n, h, i, j) - mean);
  };
  ExpectNear(
      20,
      [&](const Dims& at) {
        double sum = 0;
        for (int64_t j = 0; j < kKeys; ++j) {
          sum += kScale * d_score(at[0], at[1], at[2], j) * Of(2).At({at[0], at[1] / 2, at[3], j});
        }
        return sum;
      },
      2e-6);
  auto over_heads = [&](const Dims& at, const auto& of) {
    double sum = 0;
    for (int64_t h = 2 * at[1]; h < 2 * at[1] + 2; ++h) {
      for (int64_t i = 0; i < kQueries; ++i) sum += of(h, i);
    }
    return sum;
  };
  ExpectNear(
      21,
      [&](const Dims& at) {
        return over_heads(at, [&](int64_t h, int64_t i) {
          return kScale * d_score(at[0], h, i, at[2]) * Of(1).At({at[0], h, i, at[3]});
        });
      },
      kHalfOnce);
  ExpectNear(
      22,
      [&](const Dims& at) {
        return over_heads(
            at, [&](int64_t h, int64_t i) { return Probability(at[0], h, i, at[2]) * Of(7).At({at[0], h, i, at[3]}); });
      },
      kHalfOnce);
}

}  // namespace
}  // namespace plimsoll::runtime::cudnn
