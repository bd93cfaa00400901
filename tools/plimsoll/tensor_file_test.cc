#include "tools/plimsoll/tensor_file.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "tools/plimsoll/data_set.h"
#include "tools/plimsoll/tensor.pb.h"

namespace plimsoll::cli {
namespace {

std::string Temporary(const std::string& name) {
  const std::string folder = testing::TempDir() + "tensor_file_test";
  std::filesystem::create_directories(folder);
  return folder + "/" + name;
}

void Write(const std::string& path, const std::string& bytes) { std::ofstream(path, std::ios::binary) << bytes; }

TEST(TensorFile, RoundTrips) {
  Tensor tensor;
  tensor.name = "x";
  tensor.type.set_dtype(plan::I16);
  tensor.type.add_dims(3);
  tensor.bytes = std::string("\1\0\2\0\3\0", 6);
  const std::string path = Temporary("input_0.pb");
  ASSERT_TRUE(WriteTensor(tensor, path).ok());
  auto read = ReadTensor(path);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->name, "x");
  EXPECT_EQ(read->bytes, tensor.bytes);
  EXPECT_EQ(read->type.SerializeAsString(), tensor.type.SerializeAsString());
}

TEST(TensorFile, RoundTripsElementsBelowAByte) {
  for (int element : {21, 22, 23, 24, 25, 26}) {
    tensor::TensorFile file;
    file.set_data_type(element);
    file.add_dims(element == 24 ? 2 : 4);
    file.set_raw_data(element > 24 ? "\xb4" : "\x3a\x7f");  // four of 2 bits, or four of 4, or two of 8
    const std::string path = Temporary("narrow.pb"), again = Temporary("again.pb");
    Write(path, file.SerializeAsString());
    auto read = ReadTensor(path);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(read->onnx_element, element);
    ASSERT_TRUE(WriteTensor(*read, again).ok());
    auto copy = ReadTensor(again);
    ASSERT_TRUE(copy.ok()) << copy.status();
    EXPECT_EQ(copy->bytes, read->bytes);
    EXPECT_EQ(copy->onnx_element, element);
  }
}

TEST(TensorFile, ReadsSequencesAndOptionalsAsLists) {
  tensor::ListFile list;
  list.set_name("s");
  list.set_elem_type(1);
  for (int i = 0; i < 2; ++i) {
    tensor::TensorFile& file = *list.add_tensor_values();
    file.set_data_type(3);
    file.add_dims(1);
    file.set_raw_data(i == 0 ? "a" : "b");
  }
  std::filesystem::remove_all(testing::TempDir() + "lists");
  std::filesystem::create_directories(testing::TempDir() + "lists");
  Write(testing::TempDir() + "lists/input_0.pb", list.SerializeAsString());
  tensor::ListFile none;
  none.set_elem_type(1);
  Write(testing::TempDir() + "lists/input_1.pb", none.SerializeAsString());
  auto tensors = ReadTensors(testing::TempDir() + "lists", "input", {"s", "t"});
  ASSERT_TRUE(tensors.ok()) << tensors.status();
  ASSERT_EQ(tensors->size(), 3u);
  EXPECT_EQ(tensors->at("s[0]").bytes, "a");
  EXPECT_EQ(tensors->at("s[1]").bytes, "b");
  EXPECT_EQ(tensors->count("t[]"), 1u);
}

TEST(TensorFile, ADamagedTensorIsNoList) {
  tensor::TensorFile file;
  file.set_data_type(1);
  file.add_dims(3);
  file.set_raw_data("short");
  const std::string path = Temporary("damaged.pb");
  Write(path, file.SerializeAsString());
  EXPECT_EQ(ReadTensorList(path).status().code(), absl::StatusCode::kDataLoss);
  Write(path, file.SerializeAsString().substr(0, 4));
  EXPECT_EQ(ReadTensorList(path).status().code(), absl::StatusCode::kDataLoss);
}

TEST(TensorFile, ReadsTypedFields) {
  tensor::TensorFile file;
  file.set_data_type(9);  // bool, in int32_data
  file.add_dims(2);
  file.add_int32_data(1);
  file.add_int32_data(0);
  Write(Temporary("b.pb"), file.SerializeAsString());
  auto read = ReadTensor(Temporary("b.pb"));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->bytes, std::string("\1\0", 2));
}

TEST(TensorFile, RefusesWhatContradictsItself) {
  tensor::TensorFile file;
  file.set_data_type(1);
  file.add_dims(1000);
  file.set_raw_data("abcd");
  Write(Temporary("short.pb"), file.SerializeAsString());
  EXPECT_EQ(ReadTensor(Temporary("short.pb")).status().code(), absl::StatusCode::kDataLoss);
  file.set_dims(0, -1);
  Write(Temporary("negative.pb"), file.SerializeAsString());
  EXPECT_EQ(ReadTensor(Temporary("negative.pb")).status().code(), absl::StatusCode::kDataLoss);
  file.add_dims(1LL << 62);
  file.set_dims(0, 1LL << 62);
  Write(Temporary("huge.pb"), file.SerializeAsString());
  EXPECT_EQ(ReadTensor(Temporary("huge.pb")).status().code(), absl::StatusCode::kDataLoss);
  Write(Temporary("garbage.pb"), "\xff\xff\xff\xff not a proto");
  EXPECT_EQ(ReadTensor(Temporary("garbage.pb")).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(ReadTensor(Temporary("absent.pb")).status().code(), absl::StatusCode::kNotFound);
}

TEST(DataSet, TakesSetsInTheOrderOfTheirNumbers) {
  const std::string folder = Temporary("sets");
  for (const char* name : {"test_data_set_10", "test_data_set_2", "other"})
    std::filesystem::create_directories(folder + "/" + name);
  auto sets = FindDataSets(folder);
  ASSERT_TRUE(sets.ok());
  ASSERT_EQ(sets->size(), 2u);
  EXPECT_EQ((*sets)[0].name, "test_data_set_2");
  EXPECT_EQ((*sets)[1].name, "test_data_set_10");
  EXPECT_EQ(FindDataSets(folder + "/other").status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace plimsoll::cli
