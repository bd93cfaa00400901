// Attention's gradient in double precision, and a kernel's against it.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "compiler/codegen/cuda/library_testing.h"

namespace plimsoll::codegen::gradient {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Case {
  int64_t batch, heads, groups, queries, keys, size, value_size;
  plan::DataType type = plan::F32;
  Dims mask;                                             // empty: none
  bool exchanged = false;                                // heads and sequence, in memory
  int64_t padding = 0;                                   // elements between rows
  plan::DataType mask_type = plan::DATA_TYPE_UNDEFINED;  // that of the others
  bool tf32 = false;
  bool zero_if_nan = false;
  plan::DataType gradient_type = plan::DATA_TYPE_UNDEFINED;  // of the three results: that of the operands
  double scale = 0.7;
};

inline plan::AttentionGradient Gradient(const Case& c) {
  plan::AttentionGradient op;
  auto set = [&](plan::MemoryDesc* desc, const Dims& dims, plan::DataType type) {
    const std::vector<int> order = c.exchanged ? std::vector<int>{0, 2, 1, 3} : std::vector<int>{0, 1, 2, 3};
    SetDesc(desc, type, dims, StridesBy(dims, order, c.padding));
  };
  const Dims q{c.batch, c.heads, c.queries, c.size}, k{c.batch, c.groups, c.keys, c.size},
      v{c.batch, c.groups, c.keys, c.value_size}, dst{c.batch, c.heads, c.queries, c.value_size};
  auto or_type = [&](plan::DataType type) { return type == plan::DATA_TYPE_UNDEFINED ? c.type : type; };
  set(op.mutable_q(), q, c.type);
  set(op.mutable_k(), k, c.type);
  set(op.mutable_v(), v, c.type);
  set(op.mutable_dst(), dst, c.type);
  set(op.mutable_stats(), {c.batch, c.heads, c.queries, 1}, plan::F32);
  set(op.mutable_dst_gradient(), dst, c.type);
  set(op.mutable_q_gradient(), q, or_type(c.gradient_type));
  set(op.mutable_k_gradient(), k, or_type(c.gradient_type));
  set(op.mutable_v_gradient(), v, or_type(c.gradient_type));
  if (!c.mask.empty()) SetDesc(op.mutable_mask(), or_type(c.mask_type), c.mask);
  op.set_scale(static_cast<float>(c.scale));
  op.set_zero_if_nan(c.zero_if_nan);
  return op;
}

// A tensor of four dims, in double precision, row-major.
struct Values {
  Dims dims;
  std::vector<double> elements;
  explicit Values(const Dims& shape) : dims(shape), elements(Count(shape), 0) {}
  Values(const Operand& operand, const plan::MemoryDesc& desc) : Values(DimsOf(desc)) {
    const Dims strides = StridesOf(desc);
    Dims at(dims.size(), 0);
    if (elements.empty()) return;
    size_t number = 0;
    do elements[number++] = operand.at(Place(strides, at));
    while (Next(at, dims));
  }
  double& operator()(int64_t n, int64_t h, int64_t s, int64_t d) {
    return elements[((n * dims[1] + h) * dims[2] + s) * dims[3] + d];
  }
  double operator()(int64_t n, int64_t h, int64_t s, int64_t d) const { return const_cast<Values&>(*this)(n, h, s, d); }
};
inline void Assign(const Values& from, const plan::MemoryDesc& desc, Operand& to) {
  const Dims strides = StridesOf(desc);
  Dims at(from.dims.size(), 0);
  if (from.elements.empty()) return;
  size_t number = 0;
  do to.set(Place(strides, at), from.elements[number++]);
  while (Next(at, from.dims));
}

// The scores of one row, scaled and masked.
inline std::vector<double> Scores(const Case& c, const Values& q, const Values& k, const Values* mask, int64_t n, int64_t h,
                           int64_t s) {
  std::vector<double> scores(c.keys, 0);
  const int64_t group = h * c.groups / c.heads;
  for (int64_t t = 0; t < c.keys; ++t) {
    for (int64_t d = 0; d < c.size; ++d) scores[t] += q(n, h, s, d) * k(n, group, t, d);
    scores[t] *= static_cast<float>(c.scale);
    if (mask != nullptr) {
      auto at = [&](int dim, int64_t index) { return mask->dims[dim] == 1 ? 0 : index; };
      scores[t] += (*mask)(at(0, n), at(1, h), at(2, s), at(3, t));
    }
  }
  return scores;
}
inline double StatsOf(const std::vector<double>& scores) {
  double most = -kInfinity, total = 0;
  for (double score : scores) most = std::max(most, score);
  if (most == -kInfinity) return -kInfinity;
  for (double score : scores) total += std::exp(score - most);
  return most + std::log(total);
}

struct Forward {
  Values dst, stats;
};
inline Forward Attend(const Case& c, const Values& q, const Values& k, const Values& v, const Values* mask) {
  Forward to{Values({c.batch, c.heads, c.queries, c.value_size}), Values({c.batch, c.heads, c.queries, 1})};
  for (int64_t n = 0; n < c.batch; ++n)
    for (int64_t h = 0; h < c.heads; ++h)
      for (int64_t s = 0; s < c.queries; ++s) {
        const std::vector<double> scores = Scores(c, q, k, mask, n, h, s);
        const double stats = to.stats(n, h, s, 0) = StatsOf(scores);
        for (int64_t e = 0; e < c.value_size; ++e)
          for (int64_t t = 0; t < c.keys && !(c.zero_if_nan && stats == -kInfinity); ++t)
            to.dst(n, h, s, e) += std::exp(scores[t] - stats) * v(n, h * c.groups / c.heads, t, e);
      }
  return to;
}

// The three gradients, and the sums of their terms' sizes.
struct Gradients {
  Values q, k, v, q_size, k_size, v_size;
};
// `dst` is what D is computed of, `given_of_d` the gradient that it is computed of (unrounded).
inline Gradients Differentiate(const Case& c, const Values& q, const Values& k, const Values& v, const Values* mask,
                               const Values& dst, const Values& given, const Values& given_of_d) {
  Gradients to{Values(q.dims), Values(k.dims), Values(v.dims), Values(q.dims), Values(k.dims), Values(v.dims)};
  const double scale = static_cast<float>(c.scale);
  for (int64_t n = 0; n < c.batch; ++n)
    for (int64_t h = 0; h < c.heads; ++h)
      for (int64_t s = 0; s < c.queries; ++s) {
        const int64_t group = h * c.groups / c.heads;
        const std::vector<double> scores = Scores(c, q, k, mask, n, h, s);
        const double stats = StatsOf(scores);
        if (stats == -kInfinity && c.zero_if_nan) continue;
        double agreement = 0, agreement_size = 0;
        for (int64_t e = 0; e < c.value_size; ++e) {
          agreement += given_of_d(n, h, s, e) * dst(n, h, s, e);
          agreement_size += std::abs(given_of_d(n, h, s, e) * dst(n, h, s, e));
        }
        for (int64_t t = 0; t < c.keys; ++t) {
          const double weight = std::exp(scores[t] - stats);
          double slope = 0, slope_size = 0;
          for (int64_t e = 0; e < c.value_size; ++e) {
            slope += given(n, h, s, e) * v(n, group, t, e);
            slope_size += std::abs(given(n, h, s, e) * v(n, group, t, e));
            to.v(n, group, t, e) += weight * given(n, h, s, e);
            to.v_size(n, group, t, e) += weight * std::abs(given(n, h, s, e));
          }
          slope = weight * (slope - agreement);
          slope_size = weight * (slope_size + agreement_size);
          for (int64_t d = 0; d < c.size; ++d) {
            to.q(n, h, s, d) += scale * slope * k(n, group, t, d);
            to.q_size(n, h, s, d) += scale * slope_size * std::abs(k(n, group, t, d));
            to.k(n, group, t, d) += scale * slope * q(n, h, s, d);
            to.k_size(n, group, t, d) += scale * slope_size * std::abs(q(n, h, s, d));
          }
        }
      }
  return to;
}

// The kernel's operands, in order.
struct Operands {
  Operand q, k, v, mask, dst, stats, given, q_gradient, k_gradient, v_gradient;
  std::vector<Operand*> all;
  std::vector<size_t> written;
};
inline void MakeOperands(const plan::AttentionGradient& op, Operands& to) {
  std::mt19937 random(3);
  to.q = RandomOperand(op.q(), random);
  to.k = RandomOperand(op.k(), random);
  to.v = RandomOperand(op.v(), random);
  to.dst = RandomOperand(op.dst(), random);
  to.stats = RandomOperand(op.stats(), random);
  to.given = RandomOperand(op.dst_gradient(), random);
  to.q_gradient = RandomOperand(op.q_gradient(), random);
  to.k_gradient = RandomOperand(op.k_gradient(), random);
  to.v_gradient = RandomOperand(op.v_gradient(), random);
  if (op.has_mask()) to.mask = RandomOperand(op.mask(), random);
  to.all = {&to.q, &to.k, &to.v};
  if (op.has_mask()) to.all.push_back(&to.mask);
  to.all.insert(to.all.end(), {&to.dst, &to.stats, &to.given});
  for (Operand* gradient : {&to.q_gradient, &to.k_gradient, &to.v_gradient}) {
    to.written.push_back(to.all.size());
    to.all.push_back(gradient);
  }
}

inline Values MaskOf(const plan::AttentionGradient& op, const Operand& mask) {
  plan::MemoryDesc desc = op.mask();
  while (desc.dims_size() < 4) {
    Dims dims = DimsOf(desc);
    dims.insert(dims.begin(), 1);
    SetDesc(&desc, desc.dtype(), dims);
  }
  return Values(mask, desc);
}

inline void Expect(const Values& got, const Values& want, const Values& size, double relative, double absolute,
                   const std::string& what) {
  for (size_t i = 0; i < want.elements.size(); ++i) {
    if (std::isnan(want.elements[i])) {
      ASSERT_TRUE(std::isnan(got.elements[i])) << what << " at " << i;
      continue;
    }
    ASSERT_NEAR(got.elements[i], want.elements[i], relative * size.elements[i] + absolute) << what << " at " << i;
  }
}

// `edit` changes the mask beforehand.
inline void Check(const Case& c, const std::function<void(Operand&)>& edit = {}, const std::string& arch = "sm_80") {
  plan::LibraryOp op;
  *op.mutable_attention_gradient() = Gradient(c);
  op.set_tf32(c.tf32);
  const plan::AttentionGradient& a = op.attention_gradient();
  const std::string what = a.ShortDebugString().substr(0, 600);
  Operands operands;
  MakeOperands(a, operands);
  if (a.has_mask() && edit) edit(operands.mask);
  Values q(operands.q, a.q()), k(operands.k, a.k()), v(operands.v, a.v()), given(operands.given, a.dst_gradient()),
      mask = a.has_mask() ? MaskOf(a, operands.mask) : Values({0});
  const Values* masked = a.has_mask() ? &mask : nullptr;
  const Values given_of_d = given;
  for (Values* values : {&q, &k, &v, &given})
    for (double& value : values->elements) value = c.tf32 ? RoundToTf32(value) : value;
  const Forward forward = Attend(c, q, k, v, masked);
  Assign(forward.dst, a.dst(), operands.dst);
  Assign(forward.stats, a.stats(), operands.stats);
  LibraryKernelRun run(op, arch);
  ASSERT_TRUE(run.status().ok()) << run.status() << what;
  const absl::Status status = run.Run(operands.all, operands.written);
  ASSERT_TRUE(status.ok()) << status << what;
  const Gradients want = Differentiate(c, q, k, v, masked, Values(operands.dst, a.dst()), given, given_of_d);
  // Weights and slopes are rounded as operands are, where these are multiplied by tensor cores; results as they lie in
  // memory. Of f16 there are numbers too small for its full precision.
  const double epsilon = std::max(c.tf32 ? kTf32Epsilon : 0, Epsilon(c.type)),
               relative = 2e-5 + 2 * epsilon + 2 * Epsilon(a.q_gradient().dtype()),
               absolute = c.type == plan::F16 || c.gradient_type == plan::F16
                              ? 0x1p-24 * static_cast<double>(std::max(c.keys, c.queries * c.heads / c.groups))
                              : 1e-6;
  Expect(Values(operands.q_gradient, a.q_gradient()), want.q, want.q_size, relative, absolute, "q_gradient " + what);
  Expect(Values(operands.k_gradient, a.k_gradient()), want.k, want.k_size, relative, absolute, "k_gradient " + what);
  Expect(Values(operands.v_gradient, a.v_gradient()), want.v, want.v_size, relative, absolute, "v_gradient " + what);
}

}  // namespace plimsoll::codegen::gradient
