// Generated kernels of attention's gradient against finite differences of attention, and against what PyTorch computes.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "compiler/codegen/cuda/attention_gradient_torch.h"
#include "compiler/codegen/cuda/library_attention_gradient_testing.h"

namespace plimsoll::codegen {
namespace {

using namespace gradient;  // NOLINT: its names

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

}  // namespace
}  // namespace plimsoll::codegen
