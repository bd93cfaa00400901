#include "ir/plan/types.h"

#include "absl/strings/str_cat.h"

namespace plimsoll::plan {
namespace {

constexpr int64_t kLargest = int64_t{1} << 62;

struct TypeInfo {
  DataType dtype;
  int bytes;
  const char* name;
};

constexpr TypeInfo kTypes[] = {
    {BOOL, 1, "bool"},
    {I8, 1, "i8"},
    {I16, 2, "i16"},
    {I32, 4, "i32"},
    {I64, 8, "i64"},
    {U8, 1, "u8"},
    {U16, 2, "u16"},
    {U32, 4, "u32"},
    {U64, 8, "u64"},
    {F16, 2, "f16"},
    {BF16, 2, "bf16"},
    {F32, 4, "f32"},
    {F64, 8, "f64"},
    {F8E4M3FN, 1, "f8e4m3fn"},
    {F8E4M3FNUZ, 1, "f8e4m3fnuz"},
    {F8E5M2, 1, "f8e5m2"},
    {F8E5M2FNUZ, 1, "f8e5m2fnuz"},
};

const TypeInfo* Find(DataType dtype) {
  for (const TypeInfo& info : kTypes) {
    if (info.dtype == dtype) return &info;
  }
  return nullptr;
}

}  // namespace

int ElementSize(DataType dtype) {
  const TypeInfo* info = Find(dtype);
  return info == nullptr ? 0 : info->bytes;
}

const char* Name(DataType dtype) {
  const TypeInfo* info = Find(dtype);
  return info == nullptr ? "undefined" : info->name;
}

absl::StatusOr<DataType> DataTypeFromName(const std::string& name) {
  std::string known;
  for (const TypeInfo& info : kTypes) {
    if (name == info.name) return info.dtype;
    absl::StrAppend(&known, known.empty() ? "" : ", ", info.name);
  }
  return absl::InvalidArgumentError(absl::StrCat("unknown element type '", name, "'; known are ", known));
}

absl::StatusOr<int64_t> ElementCount(const TensorType& type) {
  bool empty = false;
  for (const int64_t dim : type.dims()) {
    if (dim < 0) return absl::InvalidArgumentError(absl::StrCat("negative dimension in ", ToString(type)));
    if (dim == 0) empty = true;
  }
  if (empty) return 0;
  int64_t count = 1;
  for (const int64_t dim : type.dims()) {
    if (dim > kLargest / count) {
      return absl::InvalidArgumentError(absl::StrCat("more than 2^62 elements in ", ToString(type)));
    }
    count *= dim;
  }
  return count;
}

absl::StatusOr<int64_t> ByteSize(const TensorType& type) {
  const int64_t element = ElementSize(type.dtype());
  if (element == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("unknown element type number ", static_cast<int>(type.dtype()), " in ", ToString(type)));
  }
  const absl::StatusOr<int64_t> count = ElementCount(type);
  if (!count.ok()) return count.status();
  if (*count > kLargest / element) {
    return absl::InvalidArgumentError(absl::StrCat("more than 2^62 bytes in ", ToString(type)));
  }
  return *count * element;
}

std::string ToString(const TensorType& type) {
  constexpr int kMostDims = 16;
  std::string text = Name(type.dtype());
  if (type.dims_size() == 0) return text;
  for (int i = 0; i < type.dims_size() && i < kMostDims; ++i) {
    const bool open = i < type.slots_size() && type.slots(i) > 0;
    absl::StrAppend(&text, i == 0 ? "[" : ",", open ? "<=" : "", type.dims(i));
  }
  absl::StrAppend(&text, type.dims_size() > kMostDims ? ",...]" : "]");
  return text;
}

}  // namespace plimsoll::plan
