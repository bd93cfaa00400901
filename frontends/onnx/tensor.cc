#include "frontends/onnx/tensor.h"

#include <bit>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace plimsoll::onnx_frontend {
namespace {

using onnx::TensorProto;

static_assert(std::endian::native == std::endian::little, "raw_data is little-endian, and so are plans");

std::string What(const TensorProto& tensor) { return absl::StrCat("tensor '", tensor.name(), "'"); }

template <typename To, typename Field>
std::string Convert(const Field& field) {
  std::string bytes(field.size() * sizeof(To), '\0');
  char* out = bytes.data();
  for (const auto& value : field) {
    const To element = static_cast<To>(value);
    std::memcpy(out, &element, sizeof(To));
    out += sizeof(To);
  }
  return bytes;
}

// The typed field that holds `tensor`'s elements, and the elements in it.
std::string TypedElements(const TensorProto& tensor) {
  switch (tensor.data_type()) {
    case TensorProto::FLOAT:
      return Convert<float>(tensor.float_data());
    case TensorProto::DOUBLE:
      return Convert<double>(tensor.double_data());
    case TensorProto::INT64:
      return Convert<int64_t>(tensor.int64_data());
    case TensorProto::UINT64:
      return Convert<uint64_t>(tensor.uint64_data());
    case TensorProto::UINT32:
      return Convert<uint32_t>(tensor.uint64_data());
    case TensorProto::INT32:
      return Convert<int32_t>(tensor.int32_data());
    case TensorProto::INT16:
      return Convert<int16_t>(tensor.int32_data());
    case TensorProto::UINT16:
    case TensorProto::FLOAT16:
    case TensorProto::BFLOAT16:
      return Convert<uint16_t>(tensor.int32_data());
    case TensorProto::BOOL:
      return Convert<uint8_t>(tensor.int32_data());
    default:
      return Convert<uint8_t>(tensor.int32_data());
  }
}

}  // namespace

std::string OnnxTypeName(int type) {
  return TensorProto::DataType_IsValid(type) ? TensorProto::DataType_Name(static_cast<TensorProto::DataType>(type))
                                             : absl::StrCat("number ", type);
}

absl::StatusOr<int64_t> ElementCount(const TensorProto& tensor) {
  __int128 count = 1;
  bool empty = false;
  for (int64_t dim : tensor.dims()) {
    if (dim < 0) return absl::DataLossError(absl::StrCat(What(tensor), " has the negative dimension ", dim));
    if (dim == 0) empty = true;
    if (count <= int64_t{1} << 59) count *= dim == 0 ? 1 : dim;
  }
  if (empty) return 0;
  if (count > int64_t{1} << 59) return absl::DataLossError(absl::StrCat(What(tensor), " is larger than any memory"));
  return static_cast<int64_t>(count);
}

absl::StatusOr<int64_t> KeptBytes(const TensorProto& tensor) {
  const plan::OnnxElement* element = plan::FindOnnxElement(tensor.data_type());
  if (!element) {
    return absl::UnimplementedError(
        absl::StrCat(What(tensor), " has elements of type ", OnnxTypeName(tensor.data_type())));
  }
  absl::StatusOr<int64_t> count = ElementCount(tensor);
  if (!count.ok()) return count;
  return *count * element->kept_bytes;
}

absl::StatusOr<int64_t> RawBytes(const TensorProto& tensor) {
  absl::StatusOr<int64_t> kept = KeptBytes(tensor);
  if (!kept.ok()) return kept;
  const plan::OnnxElement& element = *plan::FindOnnxElement(tensor.data_type());
  return plan::StoredBytes(element, *kept / element.kept_bytes);
}

absl::StatusOr<std::string> Elements(const TensorProto& tensor) {
  const absl::StatusOr<int64_t> kept = KeptBytes(tensor);
  if (!kept.ok()) return kept.status();
  if (tensor.has_segment()) return absl::UnimplementedError(absl::StrCat(What(tensor), " is stored in segments"));
  if (tensor.data_location() == TensorProto::EXTERNAL) {
    return absl::UnimplementedError(absl::StrCat(What(tensor), " is stored in another file"));
  }
  const plan::OnnxElement& element = *plan::FindOnnxElement(tensor.data_type());
  const int64_t raw_bytes = *RawBytes(tensor);
  // Sub-byte elements are packed in int32_data as in raw_data.
  std::string raw = tensor.has_raw_data() ? tensor.raw_data() : TypedElements(tensor);
  if (static_cast<int64_t>(raw.size()) != raw_bytes) {
    return absl::DataLossError(absl::StrCat(What(tensor), " has ", raw.size(), " bytes of elements; its type ",
                                            OnnxTypeName(tensor.data_type()), " and dimensions make ", raw_bytes));
  }
  std::string bytes = plan::FromStored(element, std::move(raw), *kept / element.kept_bytes);
  if (element.kept == plan::BOOL) {
    for (char& value : bytes) value = value != 0;
  }
  return bytes;
}

}  // namespace plimsoll::onnx_frontend
