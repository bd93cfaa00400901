// For the tests of products' kernels: results against loops in double precision, and post-operations.
#pragma once

#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "compiler/codegen/cuda/library_testing.h"

namespace plimsoll::codegen {

bool IsFloating(plan::DataType type);

struct Expectation {
  double value = 0, magnitude = 0;  // and the sum of the terms' sizes
};

// Expects the elements of `got` to be what `want` says of each position: integers equal, as their type holds them, floats
// within what sums of `terms` terms may be off by.
void Compare(const Operand& got, const plan::MemoryDesc& desc, const std::function<Expectation(const Dims&)>& want,
             const std::string& what, int64_t terms);

// The element for a position of the result, to which the operand is broadcast, right-aligned.
double At(const Operand& operand, const plan::MemoryDesc& desc, const Dims& at);

using PostOpList = google::protobuf::RepeatedPtrField<plan::PostOp>;

void AddPostOp(PostOpList* list, const std::string& function, float alpha = 0, float beta = 0);
void AddBinary(PostOpList* list, const std::string& function, plan::DataType type, const Dims& dims, const Dims& strides = {});

// Random operands for the list's BINARY ones.
std::vector<Operand> PostOperands(const PostOpList& list, std::mt19937& random);
// What the list makes of an element's value. `before`: what the destination held.
double PostOpsAt(const PostOpList& list, const std::vector<Operand>& operands, const Dims& at, double value, double before);

}  // namespace plimsoll::codegen
