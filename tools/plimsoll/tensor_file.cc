#include "tools/plimsoll/tensor_file.h"

#include <cstring>
#include <fstream>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "ir/plan/onnx_elements.h"
#include "ir/plan/types.h"
#include "runtime/io/npy.h"
#include "tools/plimsoll/tensor.pb.h"
#include "tools/plimsoll/write_file.h"

namespace plimsoll::cli {
namespace {

template <typename To, typename Field>
std::string Converted(const Field& field) {
  std::string bytes(field.size() * sizeof(To), '\0');
  for (int i = 0; i < field.size(); ++i) {
    const To value = static_cast<To>(field.Get(i));
    std::memcpy(bytes.data() + i * sizeof(To), &value, sizeof(To));
  }
  return bytes;
}

std::string TypedBytes(const tensor::TensorFile& file, const plan::OnnxElement& element) {
  if (element.narrow()) return Converted<uint8_t>(file.int32_data());  // packed as in raw_data
  switch (element.kept) {
    case plan::F32:
      return Converted<float>(file.float_data());
    case plan::F64:
      return Converted<double>(file.double_data());
    case plan::I64:
      return Converted<int64_t>(file.int64_data());
    case plan::U64:
      return Converted<uint64_t>(file.uint64_data());
    case plan::U32:
      return Converted<uint32_t>(file.uint64_data());
    case plan::I32:
      return Converted<int32_t>(file.int32_data());
    case plan::I16:
    case plan::U16:
    case plan::F16:
    case plan::BF16:
      return Converted<uint16_t>(file.int32_data());
    default:
      return Converted<uint8_t>(file.int32_data());
  }
}

absl::StatusOr<std::string> Contents(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return absl::NotFoundError(absl::StrCat(path, ": cannot be opened: ", std::strerror(errno)));
  std::ostringstream text;
  text << stream.rdbuf();
  return std::move(text).str();
}

absl::StatusOr<Tensor> FromProto(const tensor::TensorFile& file, const std::string& path) {
  if (file.data_location() == 1) return absl::UnimplementedError(absl::StrCat(path, ": test data in an external file"));
  Tensor result;
  result.name = file.name();
  const plan::OnnxElement* element = plan::FindOnnxElement(file.data_type());
  if (element == nullptr) {
    return absl::UnimplementedError(absl::StrCat(path, ": element type ", file.data_type(),
                                                 " of TensorProto (strings, complex numbers, a sequence)"));
  }
  result.type.set_dtype(element->kept);
  result.onnx_element = element->narrow() ? element->number : 0;
  for (int64_t dim : file.dims()) result.type.add_dims(dim);
  absl::StatusOr<int64_t> bytes = plan::ByteSize(result.type);
  if (!bytes.ok()) return absl::DataLossError(absl::StrCat(path, ": ", bytes.status().message()));
  const int64_t count = *bytes / element->kept_bytes, stored_bytes = plan::StoredBytes(*element, count);
  std::string stored = file.has_raw_data() ? file.raw_data() : TypedBytes(file, *element);
  if (static_cast<int64_t>(stored.size()) != stored_bytes) {
    return absl::DataLossError(absl::StrCat(path, ": ", stored.size(), " bytes of data for ",
                                            plan::ToString(result.type), ", which takes ", stored_bytes));
  }
  result.bytes = plan::FromStored(*element, std::move(stored), count);
  if (element->kept == plan::BOOL) {
    for (char& value : result.bytes) value = value != 0;
  }
  return result;
}

absl::StatusOr<Tensor> ReadTensorProto(const std::string& path) {
  absl::StatusOr<std::string> contents = Contents(path);
  if (!contents.ok()) return contents.status();
  tensor::TensorFile file;
  if (!file.ParseFromString(*contents)) {
    return absl::DataLossError(
        absl::StrCat(path, ": not a TensorProto: truncated or damaged (", contents->size(), " bytes)"));
  }
  return FromProto(file, path);
}

// Whether all of it is what lists have: another message has fields that are none of theirs, or of another kind.
bool IsList(const tensor::ListFile& list) {
  if (list.GetReflection()->GetUnknownFields(list).field_count() > 0 || list.elem_type() < 1 || list.elem_type() > 5)
    return false;
  for (const tensor::ListFile& inner : list.sequence_values()) {
    if (!IsList(inner)) return false;
  }
  return true;
}

}  // namespace

absl::StatusOr<TensorList> ReadTensorList(const std::string& path) {
  TensorList result;
  absl::StatusOr<Tensor> single = ReadTensor(path);
  if (single.ok()) {
    result.tensors.push_back(*std::move(single));
    return result;
  }
  absl::StatusOr<std::string> contents = Contents(path);
  tensor::ListFile file;
  if (!contents.ok() || absl::EndsWith(path, ".npy") || !file.ParseFromString(*contents) || !IsList(file))
    return single.status();
  result.is_list = true;
  result.name = file.name();
  // An optional sequence holds one list.
  const tensor::ListFile& list =
      file.sequence_values_size() == 1 && file.tensor_values().empty() ? file.sequence_values(0) : file;
  if (!list.sequence_values().empty()) return absl::UnimplementedError(absl::StrCat(path, ": a sequence of sequences"));
  for (const tensor::TensorFile& one : list.tensor_values()) {
    absl::StatusOr<Tensor> tensor = FromProto(one, path);
    if (!tensor.ok()) return tensor.status();
    result.tensors.push_back(*std::move(tensor));
  }
  return result;
}

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
  const int number = tensor.onnx_element != 0 ? tensor.onnx_element : plan::OnnxNumber(tensor.type.dtype());
  const plan::OnnxElement* element = plan::FindOnnxElement(number);
  if (element == nullptr)
    return absl::InvalidArgumentError(absl::StrCat(path, ": '", tensor.name, "' has no element type"));
  file.set_data_type(number);
  file.set_name(tensor.name);
  file.set_raw_data(plan::ToStored(*element, tensor.bytes));
  return WriteFile(path, file.SerializeAsString());
}

}  // namespace plimsoll::cli
