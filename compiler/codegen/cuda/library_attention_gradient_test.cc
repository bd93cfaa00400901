// Generated kernels of attention's gradient, on the emulator: against the formula in double precision, against finite
// differences of attention, and against what PyTorch computes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compiler/codegen/cuda/attention_gradient_torch.h"
#include "compiler/codegen/cuda/library_testing.h"

namespace plimsoll::codegen {
namespace {

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

constexpr double kTf32Epsilon = 1.0 / 2048;  // the largest relative error of rounding to it

plan::AttentionGradient Gradient(const Case& c) {
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

// To 10 bits of mantissa behind the first, ties away from zero.
double RoundToTf32(double value) {
  int exponent;
  const double mantissa = std::frexp(value, &exponent);
  return std::ldexp(std::round(std::ldexp(mantissa, 11)), exponent - 11);
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
void Assign(const Values& from, const plan::MemoryDesc& desc, Operand& to) {
  const Dims strides = StridesOf(desc);
  Dims at(from.dims.size(), 0);
  if (from.elements.empty()) return;
  size_t number = 0;
  do to.set(Place(strides, at), from.elements[number++]);
  while (Next(at, from.dims));
}

// The scores of one row, scaled and masked.
std::vector<double> Scores(const Case& c, const Values& q, const Values& k, const Values* mask, int64_t n, int64_t h,
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
double StatsOf(const std::vector<double>& scores) {
  double most = -kInfinity, total = 0;
  for (double score : scores) most = std::max(most, score);
  if (most == -kInfinity) return -kInfinity;
  for (double score : scores) total += std::exp(score - most);
  return most + std::log(total);
}

struct Forward {
  Values dst, stats;
};
Forward Attend(const Case& c, const Values& q, const Values& k, const Values& v, const Values* mask) {
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
Gradients Differentiate(const Case& c, const Values& q, const Values& k, const Values& v, const Values* mask,
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
void MakeOperands(const plan::AttentionGradient& op, Operands& to) {
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

Values MaskOf(const plan::AttentionGradient& op, const Operand& mask) {
  plan::MemoryDesc desc = op.mask();
  while (desc.dims_size() < 4) {
    Dims dims = DimsOf(desc);
    dims.insert(dims.begin(), 1);
    SetDesc(&desc, desc.dtype(), dims);
  }
  return Values(mask, desc);
}

void Expect(const Values& got, const Values& want, const Values& size, double relative, double absolute,
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
void Check(const Case& c, const std::function<void(Operand&)>& edit = {}, const std::string& arch = "sm_80") {
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

TEST(AttentionGradient, TilesOfQueriesAndKeys) {
  for (int64_t size : {3, 16, 64, 100, 128, 200})
    for (int64_t queries : {1, 32, 45}) Check({2, 2, 2, queries, 50, size, size, plan::F32, {}, queries != 32});
}

TEST(AttentionGradient, ElementTypesGroupsAndValueSizes) {
  for (plan::DataType type : {plan::F32, plan::F16, plan::BF16}) {
    Check({2, 6, 2, 20, 50, 31, 48, type});  // odd: by FMA whatever the type
    Check({1, 4, 1, 40, 30, 40, 7, type, {1, 1, 40, 30}, true});
  }
  Case c = {1, 4, 2, 20, 30, 16, 24, plan::F16};
  for (plan::DataType type : {plan::F32, plan::BF16}) {
    c.gradient_type = type;
    Check(c);
    Check(c, {}, "sm_75");
  }
}

TEST(AttentionGradient, MasksBroadcast) {
  for (plan::DataType type : {plan::F32, plan::F16})
    for (const Dims& mask : std::vector<Dims>{{2, 4, 20, 40}, {2, 1, 20, 40}, {20, 40}, {2, 1, 1, 40}, {1, 4, 20, 1}})
      Check({2, 4, 2, 20, 40, 8, 8, type, mask});
}

// What the mask forbids, for some keys, for the first tile of keys, for all of them.
TEST(AttentionGradient, MasksThatForbid) {
  for (plan::DataType type : {plan::F32, plan::F16, plan::BF16})
    for (bool zero : {false, true}) {
      Case c = {1, 4, 2, 20, 100, 8, 8, type, {20, 100}};
      c.zero_if_nan = zero;
      Check(c, [&](Operand& mask) {
        for (int64_t row = 0; row < 20; ++row)
          for (int64_t key = 0; key < 100; ++key) {
            const bool forbidden = row % 4 == 0   ? key > row
                                   : row % 4 == 1 ? key < 80
                                   : row % 4 == 2 ? (zero && row == 2) || key % 2 == 0
                                                  : false;
            mask.set(row * 100 + key, forbidden ? -kInfinity : 0);
          }
      });
    }
  // A row that forbids all, where that makes no zeros: NaN in its own gradient and in all keys' and values'.
  Case c = {1, 1, 1, 20, 40, 8, 8, plan::F32, {20, 40}};
  for (plan::DataType type : {plan::F32, plan::BF16}) {
    c.type = type;
    Check(c, [](Operand& mask) {
      for (int64_t key = 0; key < 40; ++key) mask.set(7 * 40 + key, -kInfinity);
    });
  }
}

// Causal masks by the least number that f32 has: forbidden scores are that large.
TEST(AttentionGradient, MasksOfTheLeastNumber) {
  for (plan::DataType type : {plan::F32, plan::F16, plan::BF16})
    Check({1, 2, 2, 40, 40, 16, 16, type, {40, 40}, false, 0, plan::F32}, [](Operand& mask) {
      for (int64_t place = 0; place < mask.size(); ++place)
        mask.set(place, place % 40 > place / 40 ? std::numeric_limits<float>::lowest() : 0);
    });
}

TEST(AttentionGradient, NothingToAttendTo) {
  for (plan::DataType type : {plan::F32, plan::F16}) {
    for (bool zero : {false, true}) {
      Case none = {1, 2, 2, 20, 0, 8, 8, type};
      none.zero_if_nan = zero;
      Check(none);
    }
    Check({1, 2, 2, 0, 20, 8, 8, type});
    Check({1, 2, 2, 20, 20, 8, 0, type});
    Check({1, 2, 2, 20, 20, 0, 8, type});
  }
}

TEST(TensorAttentionGradient, RandomShapesStridesAndMasks) {
  std::mt19937 random(5);
  auto draw = [&](int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(random); };
  const int64_t most[] = {64, 128, 256};
  for (int i = 0; i < 24; ++i) {
    Case c = {draw(1, 2), 1, draw(1, 2), draw(1, 140), draw(1, 100), 0, 0};
    c.type = i % 2 == 0 ? plan::F16 : plan::BF16;
    c.heads = c.groups * draw(1, 2);
    c.size = 2 * draw(1, most[i % 3] / 2);
    c.value_size = 2 * draw(1, most[i % 3] / 2);
    if (i % 4 == 0) c.size = c.value_size = most[i % 3];
    c.exchanged = draw(0, 1) != 0;
    c.padding = 2 * draw(0, 4);
    if (draw(0, 3) != 0) {
      c.mask = {c.batch, c.heads, c.queries, c.keys};
      for (int64_t& dim : c.mask) dim = draw(0, 2) == 0 ? 1 : dim;
      c.mask_type = draw(0, 1) != 0 ? plan::F32 : c.type;
    }
    Check(c);
  }
}

TEST(TensorAttentionGradient, OfF32RoundedToTf32) {
  std::mt19937 random(7);
  auto draw = [&](int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(random); };
  for (int i = 0; i < 8; ++i) {
    const int64_t most = i % 2 == 0 ? 64 : 128, queries = draw(5, 100), keys = draw(1, 100);
    Case c = {1, 4, draw(0, 1) == 0 ? 2 : 4, queries, keys, 2 * draw(1, most / 2), 2 * draw(1, most / 2)};
    if (i < 4) c.size = c.value_size = most;
    c.exchanged = draw(0, 1) != 0;
    c.padding = 2 * draw(0, 2);
    if (draw(0, 1) != 0) c.mask = {queries, keys};
    c.tf32 = true;
    Check(c);
  }
}

TEST(TensorAttentionGradient, TakesPairsFromAmpereOn) {
  auto uses = [](const Case& c, const char* arch) {
    plan::LibraryOp op;
    *op.mutable_attention_gradient() = Gradient(c);
    op.set_tf32(c.tf32);
    LibraryKernelRun run(op, arch);
    EXPECT_TRUE(run.status().ok()) << run.status();
    return absl::StrContains(run.code().ptx, "mma.sync");
  };
  for (int64_t size : {16, 100, 200}) {
    EXPECT_TRUE(uses({1, 2, 2, 70, 80, size, size, plan::F16}, "sm_80"));
    EXPECT_TRUE(uses({1, 2, 2, 70, 80, size, size, plan::BF16}, "sm_90"));
  }
  EXPECT_FALSE(uses({1, 2, 2, 70, 80, 16, 16, plan::F16}, "sm_75"));
  EXPECT_FALSE(uses({1, 2, 2, 70, 80, 16, 16, plan::F32}, "sm_80"));
  Case f32 = {1, 2, 2, 70, 80, 16, 16};
  f32.tf32 = true;
  EXPECT_TRUE(uses(f32, "sm_80"));
  EXPECT_FALSE(uses(f32, "sm_75"));
  EXPECT_FALSE(uses({1, 2, 2, 70, 80, 15, 16, plan::F16}, "sm_80"));
}

// Of f(q, k, v) = sum(given * attention(q, k, v)), in double precision, by differences in every element.
TEST(AttentionGradient, IsWhatFiniteDifferencesAre) {
  for (bool masked : {false, true}) {
    Case c = {1, 4, 2, 6, 7, 5, 4};
    if (masked) c.mask = {1, 4, 6, 7};
    plan::LibraryOp op;
    *op.mutable_attention_gradient() = Gradient(c);
    const plan::AttentionGradient& a = op.attention_gradient();
    Operands operands;
    MakeOperands(a, operands);
    if (masked)
      for (int64_t place = 0; place < operands.mask.size(); place += 5) operands.mask.set(place, -kInfinity);
    Values q(operands.q, a.q()), k(operands.k, a.k()), v(operands.v, a.v());
    const Values given(operands.given, a.dst_gradient()), mask = masked ? MaskOf(a, operands.mask) : Values({0});
    auto f = [&] {
      const Values dst = Attend(c, q, k, v, masked ? &mask : nullptr).dst;
      double sum = 0;
      for (size_t i = 0; i < dst.elements.size(); ++i) sum += given.elements[i] * dst.elements[i];
      return sum;
    };
    const Forward forward = Attend(c, q, k, v, masked ? &mask : nullptr);
    Assign(forward.dst, a.dst(), operands.dst);
    Assign(forward.stats, a.stats(), operands.stats);
    LibraryKernelRun run(op);
    ASSERT_TRUE(run.status().ok()) << run.status();
    const absl::Status status = run.Run(operands.all, operands.written);
    ASSERT_TRUE(status.ok()) << status;
    const Values got[] = {Values(operands.q_gradient, a.q_gradient()), Values(operands.k_gradient, a.k_gradient()),
                          Values(operands.v_gradient, a.v_gradient())};
    Values* by[] = {&q, &k, &v};
    for (int i = 0; i < 3; ++i)
      for (size_t place = 0; place < by[i]->elements.size(); ++place) {
        constexpr double kStep = 1e-5;
        double& element = by[i]->elements[place];
        const double before = element;
        element = before + kStep;
        const double above = f();
        element = before - kStep;
        const double below = f();
        element = before;
        ASSERT_NEAR(got[i].elements[place], (above - below) / (2 * kStep), 2e-6) << "qkv"[i] << " at " << place;
      }
  }
}

// Element `place` of operand `operand`, as attention_gradient_torch.py has it: a multiple of 1/128 in [-1, 1).
double TorchElement(int operand, size_t place) {
  uint32_t x = static_cast<uint32_t>(place) + (static_cast<uint32_t>(operand) << 24);
  x = (x ^ (x >> 16)) * 0x85ebca6bu;
  x = (x ^ (x >> 13)) * 0xc2b2ae35u;
  return static_cast<double>((x ^ (x >> 16)) >> 24) / 128 - 1;
}

TEST(AttentionGradient, IsWhatPyTorchComputes) {
  const std::vector<std::tuple<plan::DataType, bool, double>> kinds = {
      {plan::F32, false, 1e-6}, {plan::F32, true, 4e-4}, {plan::F16, false, 5e-4}, {plan::BF16, false, 6e-3}};
  for (const TorchCase& from : kTorchCases)
    for (const auto& [type, tf32, tolerance] : kinds) {
      Case c = {from.batch, from.heads, from.groups, from.queries, from.keys, from.size, from.size, type};
      if (from.causal) c.mask = {from.queries, from.keys};
      c.scale = from.scale;
      c.tf32 = tf32;
      c.exchanged = true;
      plan::LibraryOp op;
      *op.mutable_attention_gradient() = Gradient(c);
      op.set_tf32(tf32);
      const plan::AttentionGradient& a = op.attention_gradient();
      Operands operands;
      MakeOperands(a, operands);
      auto fill = [&](int operand, const plan::MemoryDesc& desc, Operand& to) {
        Values values(DimsOf(desc));
        for (size_t i = 0; i < values.elements.size(); ++i) values.elements[i] = TorchElement(operand, i);
        Assign(values, desc, to);
        return values;
      };
      const Values q = fill(0, a.q(), operands.q), k = fill(1, a.k(), operands.k), v = fill(2, a.v(), operands.v);
      fill(3, a.dst_gradient(), operands.given);
      for (int64_t place = 0; place < operands.mask.size(); ++place)
        operands.mask.set(place, place % from.keys > place / from.keys ? -kInfinity : 0);
      const Values mask = from.causal ? MaskOf(a, operands.mask) : Values({0});
      const Forward forward = Attend(c, q, k, v, from.causal ? &mask : nullptr);
      Assign(forward.dst, a.dst(), operands.dst);
      Assign(forward.stats, a.stats(), operands.stats);
      LibraryKernelRun run(op);
      ASSERT_TRUE(run.status().ok()) << run.status();
      const absl::Status status = run.Run(operands.all, operands.written);
      ASSERT_TRUE(status.ok()) << status;
      const Values got[] = {Values(operands.q_gradient, a.q_gradient()), Values(operands.k_gradient, a.k_gradient()),
                            Values(operands.v_gradient, a.v_gradient())};
      for (int i = 0; i < 3; ++i) {
        double worst = 0, largest = 0;
        for (double value : got[i].elements) largest = std::max(largest, std::abs(value));
        for (size_t s = 0; s < std::size(from.places[i]); ++s)
          worst = std::max(worst, std::abs(got[i].elements[from.places[i][s]] - from.values[i][s]));
        EXPECT_LE(worst, tolerance * from.largest[i])
            << "qkv"[i] << " of " << plan::DataType_Name(type) << (tf32 ? " as TF32, " : ", ") << from.size;
        EXPECT_NEAR(largest, from.largest[i], tolerance * from.largest[i]);
      }
    }
}

TEST(AttentionGradient, EveryBarrierIsNeeded) {
  int barriers = 0;
  const std::vector<std::tuple<int64_t, plan::DataType, bool>> kinds = {
      {32, plan::F32, false}, {32, plan::F16, false}, {160, plan::BF16, false}, {32, plan::F32, true}};
  for (const auto& [size, type, tf32] : kinds) {
    plan::LibraryOp op;
    *op.mutable_attention_gradient() = Gradient({1, 1, 1, 100, 100, size, size, type});
    op.set_tf32(tf32);
    Operands operands;
    MakeOperands(op.attention_gradient(), operands);
    LibraryKernelRun run(op);
    ASSERT_TRUE(run.status().ok()) << run.status();
    for (int number = 0;; ++number) {
      bool there = false;
      const bool noticed = run.NoticesMissingBarrier(operands.all, operands.written, number, &there);
      if (!there) break;
      ++barriers;
      EXPECT_TRUE(noticed) << "barrier " << number << " of " << plan::DataType_Name(type);
    }
  }
  // A wait for copies counts as one: blocks of keys and of queries by FMA; with two buffers; with one and dk, dv apart.
  EXPECT_EQ(barriers, (3 + 3) + (3 + 2) + (4 + 4 + 3) + (3 + 2));
}

TEST(AttentionGradient, WhatThereIsNoKernelFor) {
  auto code = [](const plan::AttentionGradient& gradient) {
    plan::LibraryOp op;
    *op.mutable_attention_gradient() = gradient;
    return LibraryKernelRun(op).status().code();
  };
  EXPECT_EQ(code(Gradient({1, 2, 2, 5, 6, 300, 8})), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(code(Gradient({1, 2, 2, 5, 6, 8, 8, plan::F64})), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(code(Gradient({1, 3, 2, 5, 6, 8, 8})), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(Gradient({1, 0, 2, 5, 6, 8, 8})), absl::StatusCode::kUnimplemented);
  plan::AttentionGradient other = Gradient({1, 2, 2, 5, 6, 8, 8});
  SetDesc(other.mutable_v_gradient(), plan::F32, {1, 2, 6, 4});
  EXPECT_EQ(code(other), absl::StatusCode::kInvalidArgument);
  other = Gradient({1, 2, 2, 5, 6, 8, 8});
  other.clear_stats();
  EXPECT_EQ(code(other), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace plimsoll::codegen
