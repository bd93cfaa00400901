// For the tests of library operations: tensors with strides, and a run through Query, Prepare and Run.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <random>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/library/library.h"

namespace plimsoll::runtime {

using plan::MemoryDesc;
using Dims = std::vector<int64_t>;

inline plan::Target TestTarget() {
  plan::Target target;
  target.set_library_isa("AVX2");
  target.set_threads(2);
  return target;
}

inline void SetDesc(MemoryDesc* desc, plan::DataType dtype, const Dims& dims, const Dims& strides = {}) {
  desc->set_dtype(dtype);
  for (int64_t dim : dims) desc->add_dims(dim);
  for (int64_t stride : strides) desc->add_strides(stride);
}

inline int64_t Count(const Dims& dims) {
  int64_t count = 1;
  for (int64_t dim : dims) count *= dim;
  return count;
}

inline Dims Dense(const Dims& dims) {
  Dims strides(dims.size());
  int64_t stride = 1;
  for (size_t i = dims.size(); i-- > 0; stride *= dims[i]) strides[i] = stride;
  return strides;
}

inline Dims ChannelsLast(const Dims& dims) {
  Dims strides(dims.size());
  strides[1] = 1;
  int64_t stride = dims[1];
  for (size_t i = dims.size(); i-- > 2; stride *= dims[i]) strides[i] = stride;
  strides[0] = stride;
  return strides;
}

inline int64_t At(const Dims& strides, const Dims& index) {
  int64_t at = 0;
  for (size_t i = 0; i < index.size(); ++i) at += index[i] * strides[i];
  return at;
}

// Next index in row-major order; false after the last.
inline bool Next(Dims& index, const Dims& dims) {
  for (size_t i = dims.size(); i-- > 0;) {
    if (++index[i] < dims[i]) return true;
    index[i] = 0;
  }
  return false;
}

template <typename T>
std::vector<T> Random(int64_t count, int seed, double low = -1, double high = 1) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<double> distribution(low, high);
  std::vector<T> values(count);
  for (T& value : values) value = static_cast<T>(distribution(generator));
  return values;
}

// Asks, prepares and runs, with a workspace of the size that was asked for.
inline absl::Status Execute(plan::LibraryOp op, std::vector<void*> operands) {
  op.set_library("onednn");
  auto needs = Query(op, TestTarget());
  if (!needs.ok()) return needs.status();
  op.set_workspace_bytes(needs->workspace_bytes);
  auto prepared = Prepare(op, TestTarget());
  if (!prepared.ok()) return prepared.status();
  void* workspace =
      needs->workspace_bytes > 0 ? std::aligned_alloc(64, (needs->workspace_bytes + 63) / 64 * 64) : nullptr;
  if (workspace != nullptr) {
    std::memset(workspace, 0x7f, needs->workspace_bytes);
    operands.push_back(workspace);
  }
  EXPECT_EQ(static_cast<int>(operands.size()), (*prepared)->operand_count());
  absl::Status status = (*prepared)->Run(operands, nullptr);
  std::free(workspace);
  return status;
}

#define EXPECT_OK(expression)                        \
  do {                                               \
    const absl::Status status_ = (expression);       \
    EXPECT_TRUE(status_.ok()) << status_.ToString(); \
  } while (false)

inline void ExpectNear(const std::vector<float>& got, const std::vector<float>& want, float tolerance = 1e-4f) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], want[i], tolerance * (1 + std::abs(want[i]))) << i;
}

// Packs the operand of `op` that the library wishes packed, as the load program does, and checks the sizes.
inline std::vector<char> PackWeights(plan::LibraryOp& op, MemoryDesc* weights, const void* data) {
  op.set_library("onednn");
  const MemoryDesc from = *weights;
  auto wish = Query(op, TestTarget(), /*constant_weights=*/true);
  EXPECT_OK(wish.status());
  if (!wish.ok() || wish->packed.empty()) return {};
  EXPECT_EQ(wish->packed.size(), 1u);
  EXPECT_EQ(wish->packed[0].operand, 1);
  weights->set_packed_bytes(wish->packed[0].bytes);
  auto packed_needs = Query(op, TestTarget());
  EXPECT_OK(packed_needs.status());
  EXPECT_EQ(packed_needs->workspace_bytes, wish->workspace_bytes);
  std::vector<char> packed(wish->packed[0].bytes);
  plan::LibraryOp pack;
  *pack.mutable_pack()->mutable_from() = from;
  *pack.mutable_pack()->mutable_target() = op;
  pack.mutable_pack()->set_operand(1);
  EXPECT_OK(Execute(pack, {const_cast<void*>(data), packed.data()}));
  return packed;
}

}  // namespace plimsoll::runtime
