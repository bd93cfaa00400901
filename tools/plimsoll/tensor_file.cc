#include "tools/plimsoll/tensor_file.h"

#include <cstring>
#include <fstream>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "ir/plan/types.h"
#include "runtime/io/npy.h"
#include "tools/plimsoll/tensor.pb.h"
#include "tools/plimsoll/write_file.h"

namespace plimsoll::cli {
namespace {

// ONNX's numbers for element types (TensorProto.DataType) against ours.
struct OnnxType {
  int onnx;
  plan::DataType ours;
};
constexpr OnnxType kTypes[] = {
    {1, plan::F32}, {2, plan::U8},   {3, plan::I8},   {4, plan::U16},  {5, plan::I16},       {6, plan::I32},
    {7, plan::I64}, {9, plan::BOOL}, {10, plan::F16}, {11, plan::F64}, {12, plan::U32},      {13, plan::U64},
    {16, plan::BF16}, {17, plan::F8E4M3FN}, {18, plan::F8E4M3FNUZ}, {19, plan::F8E5M2}, {20, plan::F8E5M2FNUZ},
};

template <typename To, typename Field>
std::string Converted(const Field& field) {
  std::string bytes(field.size() * sizeof(To), '\0');
  for (int i = 0; i < field.size(); ++i) {
    const To value = static_cast<To>(field.Get(i));
    std::memcpy(bytes.data() + i * sizeof(To), &value, sizeof(To));
  }
  return bytes;
}

std::string TypedBytes(const tensor::TensorFile& file, plan::DataType dtype) {
  switch (dtype) {
    case plan::F32: return Converted<float>(file.float_data());
    case plan::F64: return Converted<double>(file.double_data());
    case plan::I64: return Converted<int64_t>(file.int64_data());
    case plan::U64: return Converted<uint64_t>(file.uint64_data());
    case plan::U32: return Converted<uint32_t>(file.uint64_data());
    case plan::I32: return Converted<int32_t>(file.int32_data());
    case plan::I16: case plan::U16: case plan::F16: case plan::BF16: return Converted<uint16_t>(file.int32_data());
    default: return Converted<uint8_t>(file.int32_data());
  }
}

absl::StatusOr<std::string> Contents(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return absl::NotFoundError(absl::StrCat(path, ": cannot be opened: ", std::strerror(errno)));
  std::ostringstream text;
  text << stream.rdbuf();
  return std::move(text).str();
}

absl::StatusOr<Tensor> ReadTensorProto(const std::string& path) {
  absl::StatusOr<std::string> contents = Contents(path);
  if (!contents.ok()) return contents.status();
  tensor::TensorFile file;
  if (!file.ParseFromString(*contents)) {
    return absl::DataLossError(absl::StrCat(path, ": not a TensorProto: truncated or damaged (", contents->size(), " bytes)"));
  }
  if (file.data_location() == 1) return absl::UnimplementedError(absl::StrCat(path, ": test data in an external file"));
  Tensor result;
  result.name = file.name();
  for (const OnnxType& type : kTypes) {
    if (type.onnx == file.data_type()) result.type.set_dtype(type.ours);
  }
  if (result.type.dtype() == plan::DATA_TYPE_UNDEFINED) {
    return absl::UnimplementedError(absl::StrCat(path, ": element type ", file.data_type(),
                                                 " of TensorProto (a string, a sequence, or a type below one byte)"));
  }
  for (int64_t dim : file.dims()) result.type.add_dims(dim);
  absl::StatusOr<int64_t> bytes = plan::ByteSize(result.type);
  if (!bytes.ok()) return absl::DataLossError(absl::StrCat(path, ": ", bytes.status().message()));
  result.bytes = file.has_raw_data() ? file.raw_data() : TypedBytes(file, result.type.dtype());
  if (static_cast<int64_t>(result.bytes.size()) != *bytes) {
    return absl::DataLossError(absl::StrCat(path, ": ", result.bytes.size(), " bytes of data for ", plan::ToString(result.type),
                                            ", which takes ", *bytes));
  }
  return result;
}

}  // namespace

absl::StatusOr<Tensor> ReadTensor(const std::string& path) {
  if (!absl::EndsWith(path, ".npy")) return ReadTensorProto(path);
  auto array = runtime::ReadNpy(path);
  if (!array.ok()) return array.status();
  Tensor result;
  result.type = array->type;
  result.bytes = std::move(array->data);
  return result;
}

absl::Status WriteTensor(const Tensor& tensor, const std::string& path) {
  tensor::TensorFile file;
  for (int64_t dim : tensor.type.dims()) file.add_dims(dim);
  for (const OnnxType& type : kTypes) {
    if (type.ours == tensor.type.dtype()) file.set_data_type(type.onnx);
  }
  file.set_name(tensor.name);
  file.set_raw_data(tensor.bytes);
  return WriteFile(path, file.SerializeAsString());
}

}  // namespace plimsoll::cli
