#include "runtime/io/npy.h"

#include <cstring>

#include "gtest/gtest.h"

namespace plimsoll::runtime {
namespace {

plan::TensorType Type(plan::DataType dtype, std::initializer_list<int64_t> dims) {
  plan::TensorType type;
  type.set_dtype(dtype);
  for (int64_t dim : dims) type.add_dims(dim);
  return type;
}

std::string File(const std::string& header, const std::string& data) {
  std::string bytes("\x93NUMPY\x01\x00", 8);
  bytes += static_cast<char>(header.size());
  bytes += '\0';
  return bytes + header + data;
}

TEST(NpyTest, WhatIsWrittenIsRead) {
  for (const auto& type : {Type(plan::F32, {2, 3}), Type(plan::I64, {}), Type(plan::BOOL, {5}), Type(plan::F16, {0, 4})}) {
    int64_t size = type.dtype() == plan::F32 ? 24 : type.dtype() == plan::I64 ? 8 : type.dtype() == plan::BOOL ? 5 : 0;
    const std::string data(size, '\1');
    auto bytes = SerializeNpy(type, data);
    ASSERT_TRUE(bytes.ok());
    EXPECT_EQ((bytes->size() - data.size()) % 64, 0u);
    auto read = ParseNpy(*bytes);
    ASSERT_TRUE(read.ok()) << read.status().ToString();
    EXPECT_EQ(read->type.SerializeAsString(), type.SerializeAsString());
    EXPECT_EQ(read->data, data);
  }
}

TEST(NpyTest, FortranOrderIsTransposed) {
  auto read = ParseNpy(File("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }\n", std::string("\0\1\2\3\4\5", 6)));
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->data, std::string("\0\2\4\1\3\5", 6));
}

TEST(NpyTest, EveryTruncationIsRefused) {
  const std::string bytes = *SerializeNpy(Type(plan::F32, {2, 3}), std::string(24, 'x'));
  for (size_t i = 0; i < bytes.size(); ++i) {
    EXPECT_EQ(ParseNpy(absl::string_view(bytes).substr(0, i)).status().code(), absl::StatusCode::kDataLoss) << i;
  }
}

TEST(NpyTest, HostileHeadersAreRefused) {
  const char* shapes[] = {"(-1,)", "(99999999999,99999999999)", "3", "(a,)", "(1"};
  for (const char* shape : shapes) {
    EXPECT_EQ(ParseNpy(File(std::string("{'descr': '<f4', 'fortran_order': False, 'shape': ") + shape + ", }\n", "1234"))
                  .status().code(),
              absl::StatusCode::kDataLoss) << shape;
  }
  EXPECT_EQ(ParseNpy(File("{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }\n", "1234")).status().code(),
            absl::StatusCode::kUnimplemented);
  EXPECT_EQ(ParseNpy(File("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n", "1234")).status().code(),
            absl::StatusCode::kUnimplemented);
  EXPECT_EQ(ParseNpy(File("{'descr':", "")).status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(ReadNpy("/nonexistent/x.npy").status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace plimsoll::runtime
