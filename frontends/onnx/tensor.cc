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
    case TensorProto::FLOAT: return Convert<float>(tensor.float_data());
    case TensorProto::DOUBLE: return Convert<double>(tensor.double_data());
    case TensorProto::INT64: return Convert<int64_t>(tensor.int64_data());
    case TensorProto::UINT64: return Convert<uint64_t>(tensor.uint64_data());
    case TensorProto::UINT32: return Convert<uint32_t>(tensor.uint64_data());
    case TensorProto::INT32: return Convert<int32_t>(tensor.int32_data());
    case TensorProto::INT16: return Convert<int16_t>(tensor.int32_data());
    case TensorProto::UINT16:
    case TensorProto::FLOAT16:
    case TensorProto::BFLOAT16: return Convert<uint16_t>(tensor.int32_data());
    case TensorProto::BOOL: return Convert<uint8_t>(tensor.int32_data());
    default: return Convert<uint8_t>(tensor.int32_data());
  }
}

}  // namespace

std::optional<ElementFormat> FormatOf(int type) {
  switch (type) {
    case TensorProto::FLOAT: return ElementFormat{plan::F32, 4};
    case TensorProto::UINT8: return ElementFormat{plan::U8, 1};
    case TensorProto::INT8: return ElementFormat{plan::I8, 1};
    case TensorProto::UINT16: return ElementFormat{plan::U16, 2};
    case TensorProto::INT16: return ElementFormat{plan::I16, 2};
    case TensorProto::INT32: return ElementFormat{plan::I32, 4};
    case TensorProto::INT64: return ElementFormat{plan::I64, 8};
    case TensorProto::BOOL: return ElementFormat{plan::BOOL, 1};
    case TensorProto::FLOAT16: return ElementFormat{plan::F16, 2};
    case TensorProto::DOUBLE: return ElementFormat{plan::F64, 8};
    case TensorProto::UINT32: return ElementFormat{plan::U32, 4};
    case TensorProto::UINT64: return ElementFormat{plan::U64, 8};
    case TensorProto::BFLOAT16: return ElementFormat{plan::BF16, 2};
    case TensorProto::FLOAT8E4M3FN: return ElementFormat{plan::F8E4M3FN, 1};
    case TensorProto::FLOAT8E4M3FNUZ: return ElementFormat{plan::F8E4M3FNUZ, 1};
    case TensorProto::FLOAT8E5M2: return ElementFormat{plan::F8E5M2, 1};
    case TensorProto::FLOAT8E5M2FNUZ: return ElementFormat{plan::F8E5M2FNUZ, 1};
    case TensorProto::UINT4: return ElementFormat{plan::U8, 1, 4};
    case TensorProto::INT4: return ElementFormat{plan::I8, 1, 4};
    case TensorProto::UINT2: return ElementFormat{plan::U8, 1, 2};
    case TensorProto::INT2: return ElementFormat{plan::I8, 1, 2};
    default: return std::nullopt;
  }
}

int OnnxDataType(plan::DataType dtype) {
  for (int type = 1; type <= TensorProto::DataType_MAX; ++type) {
    const std::optional<ElementFormat> format = FormatOf(type);
    if (format && format->dtype == dtype && format->packed_bits == 0) return type;
  }
  return TensorProto::UNDEFINED;
}

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
  const std::optional<ElementFormat> format = FormatOf(tensor.data_type());
  if (!format) {
    return absl::UnimplementedError(absl::StrCat(What(tensor), " has elements of type ", OnnxTypeName(tensor.data_type())));
  }
  absl::StatusOr<int64_t> count = ElementCount(tensor);
  if (!count.ok()) return count;
  return *count * format->size;
}

absl::StatusOr<int64_t> RawBytes(const TensorProto& tensor) {
  absl::StatusOr<int64_t> kept = KeptBytes(tensor);
  if (!kept.ok()) return kept;
  const int bits = FormatOf(tensor.data_type())->packed_bits;
  return bits == 0 ? *kept : (*kept * bits + 7) / 8;
}

std::string Unpack(const TensorProto& tensor, const ElementFormat& format, std::string raw) {
  if (format.packed_bits == 0) return raw;
  const absl::StatusOr<int64_t> count = ElementCount(tensor);
  const int bits = format.packed_bits, per_byte = 8 / bits;
  std::string bytes(count.value_or(0), '\0');
  for (size_t i = 0; i < bytes.size() && i / per_byte < raw.size(); ++i) {
    int value = (static_cast<uint8_t>(raw[i / per_byte]) >> (i % per_byte * bits)) & ((1 << bits) - 1);
    if (format.dtype == plan::I8 && value >= 1 << (bits - 1)) value -= 1 << bits;
    bytes[i] = static_cast<char>(value);
  }
  return bytes;
}

absl::StatusOr<std::string> Elements(const TensorProto& tensor) {
  const absl::StatusOr<int64_t> kept = KeptBytes(tensor);
  if (!kept.ok()) return kept.status();
  if (tensor.has_segment()) return absl::UnimplementedError(absl::StrCat(What(tensor), " is stored in segments"));
  if (tensor.data_location() == TensorProto::EXTERNAL) {
    return absl::UnimplementedError(absl::StrCat(What(tensor), " is stored in another file"));
  }
  const ElementFormat format = *FormatOf(tensor.data_type());
  const int64_t raw_bytes = *RawBytes(tensor);
  // Sub-byte elements are packed in int32_data as in raw_data.
  std::string raw = tensor.has_raw_data() ? tensor.raw_data() : TypedElements(tensor);
  if (static_cast<int64_t>(raw.size()) != raw_bytes) {
    return absl::DataLossError(absl::StrCat(What(tensor), " has ", raw.size(), " bytes of elements; its type ",
                                            OnnxTypeName(tensor.data_type()), " and dimensions make ", raw_bytes));
  }
  std::string bytes = Unpack(tensor, format, std::move(raw));
  if (format.dtype == plan::BOOL) {
    for (char& value : bytes) value = value != 0;
  }
  return bytes;
}

}  // namespace plimsoll::onnx_frontend
