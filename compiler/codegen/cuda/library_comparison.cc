#include "compiler/codegen/cuda/library_comparison.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "absl/strings/str_join.h"

namespace plimsoll::codegen {
namespace {

// The value as an integer type holds it.
double Wrapped(plan::DataType type, double value) {
  if (IsFloating(type)) return value;
  char bytes[8];
  Encode(type, value, bytes);
  return Decode(type, bytes);
}

}  // namespace

bool IsFloating(plan::DataType type) { return type >= plan::F16; }

void Compare(const Operand& got, const plan::MemoryDesc& desc, const std::function<Expectation(const Dims&)>& want,
             const std::string& what, int64_t terms) {
  const Dims dims = DimsOf(desc), strides = StridesOf(desc);
  Dims at(dims.size(), 0);
  if (Count(dims) == 0) return;
  const double sum_epsilon = got.type == plan::F64 ? 0x1p-52 : 0x1p-23;
  do {
    const Expectation expected = want(at);
    const double value = got.at(Place(strides, at));
    if (!IsFloating(got.type)) {
      ASSERT_EQ(value, Wrapped(got.type, expected.value)) << what << " at " << absl::StrJoin(at, ",");
      continue;
    }
    const double tolerance = 2 * Epsilon(got.type) * std::abs(expected.value) + Epsilon(got.type) * 0x1p-6 +
                             sum_epsilon * (8 + static_cast<double>(terms)) * (expected.magnitude + 1) *
                                 std::max(1.0, std::abs(expected.value));
    ASSERT_NEAR(value, expected.value, tolerance) << what << " at " << absl::StrJoin(at, ",");
  } while (Next(at, dims));
}

double At(const Operand& operand, const plan::MemoryDesc& desc, const Dims& at) {
  const Dims strides = StridesOf(desc);
  int64_t place = 0;
  for (int i = 0; i < desc.dims_size(); ++i) {
    const int64_t index = at[at.size() - desc.dims_size() + i];
    place += (desc.dims(i) == 1 ? 0 : index) * strides[i];
  }
  return operand.at(place);
}

std::vector<Operand> PostOperands(const PostOpList& list, std::mt19937& random) {
  std::vector<Operand> operands;
  for (const plan::PostOp& op : list) {
    if (op.kind() != plan::PostOp::BINARY) continue;
    operands.push_back(RandomOperand(op.operand(), random));
    for (int64_t i = 0; i < operands.back().size(); ++i)  // away from divisions by nearly nothing
      if (const double value = operands.back().at(i); std::abs(value) < 0.25)
        operands.back().set(i, value < 0 ? -0.25 : 0.25);
  }
  return operands;
}
double PostOpsAt(const PostOpList& list, const std::vector<Operand>& operands,
                 const Dims& at, double value, double before) {
  std::vector<const plan::MemoryDesc*> descs;
  for (const plan::PostOp& op : list)
    if (op.kind() == plan::PostOp::BINARY) descs.push_back(&op.operand());
  return ReferencePostOps(list, value, before, [&](int i) { return At(operands[i], *descs[i], at); });
}

void AddPostOp(PostOpList* list, const std::string& function, float alpha,
               float beta) {
  plan::PostOp* op = list->Add();
  op->set_kind(plan::PostOp::ELTWISE);
  op->set_function(function);
  op->set_alpha(alpha);
  op->set_beta(beta);
}
void AddBinary(PostOpList* list, const std::string& function, plan::DataType type,
               const Dims& dims, const Dims& strides) {
  plan::PostOp* op = list->Add();
  op->set_kind(plan::PostOp::BINARY);
  op->set_function(function);
  SetDesc(op->mutable_operand(), type, dims, strides);
}

}  // namespace plimsoll::codegen
