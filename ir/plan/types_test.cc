#include "ir/plan/types.h"

#include <gtest/gtest.h>

namespace plimsoll::plan {
namespace {

TensorType Type(DataType dtype, std::initializer_list<int64_t> dims) {
  TensorType type;
  type.set_dtype(dtype);
  for (const int64_t dim : dims) type.add_dims(dim);
  return type;
}

TEST(TypesTest, EveryElementTypeHasASizeAndAName) {
  for (int i = 1; i < DataType_ARRAYSIZE; ++i) {
    const auto dtype = static_cast<DataType>(i);
    EXPECT_GT(ElementSize(dtype), 0) << i;
    EXPECT_EQ(*DataTypeFromName(Name(dtype)), dtype);
  }
  EXPECT_EQ(ElementSize(DATA_TYPE_UNDEFINED), 0);
  EXPECT_EQ(ElementSize(static_cast<DataType>(1000)), 0);
  EXPECT_EQ(DataTypeFromName("f33").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(DataTypeFromName("undefined").ok());
}

TEST(TypesTest, Sizes) {
  EXPECT_EQ(*ByteSize(Type(F32, {})), 4);
  EXPECT_EQ(*ByteSize(Type(BF16, {2, 3})), 12);
  EXPECT_EQ(*ByteSize(Type(F64, {int64_t{1} << 40, 0, int64_t{1} << 40})), 0);
  EXPECT_EQ(*ByteSize(Type(I8, {int64_t{1} << 62})), int64_t{1} << 62);
  EXPECT_FALSE(ByteSize(Type(I16, {int64_t{1} << 62})).ok());
  EXPECT_FALSE(ByteSize(Type(I8, {INT64_MAX, INT64_MAX})).ok());
  EXPECT_FALSE(ByteSize(Type(I8, {-1})).ok());
  EXPECT_FALSE(ByteSize(Type(I8, {0, -1})).ok());
  EXPECT_FALSE(ByteSize(Type(DATA_TYPE_UNDEFINED, {1})).ok());
}

TEST(TypesTest, Text) {
  EXPECT_EQ(ToString(Type(F32, {})), "f32");
  TensorType type = Type(I64, {1, 80});
  EXPECT_EQ(ToString(type), "i64[1,80]");
  type.add_slots(0);
  type.add_slots(1);
  EXPECT_EQ(ToString(type), "i64[1,<=80]");
}

}  // namespace
}  // namespace plimsoll::plan
