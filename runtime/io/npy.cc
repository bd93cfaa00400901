#include "runtime/io/npy.h"

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "ir/plan/types.h"
#include "ir/weights/mapped_file.h"

namespace plimsoll::runtime {
namespace {

constexpr absl::string_view kMagic("\x93NUMPY", 6);

struct Descr {
  const char* name;
  plan::DataType dtype;
};

// The first of a type is the one that is written.
constexpr Descr kDescrs[] = {
    {"|b1", plan::BOOL}, {"|i1", plan::I8},   {"|u1", plan::U8},  {"<i2", plan::I16}, {"<u2", plan::U16},
    {"<i4", plan::I32},  {"<u4", plan::U32},  {"<i8", plan::I64}, {"<u8", plan::U64}, {"<f2", plan::F16},
    {"<f4", plan::F32},  {"<f8", plan::F64},  {"<i1", plan::I8},  {"<u1", plan::U8},  {"<b1", plan::BOOL},
    {"<u2", plan::BF16}, {"|u1", plan::F8E4M3FN}, {"|u1", plan::F8E4M3FNUZ}, {"|u1", plan::F8E5M2},
    {"|u1", plan::F8E5M2FNUZ},
};

absl::Status Broken(absl::string_view what) { return absl::DataLossError(absl::StrCat("not a sound .npy file: ", what)); }

// What stands after 'key': in the header's dictionary, up to the end of the header.
absl::StatusOr<absl::string_view> Value(absl::string_view header, const std::string& key) {
  for (const char quote : {'\'', '"'}) {
    const std::string quoted = absl::StrCat(std::string(1, quote), key, std::string(1, quote));
    const size_t at = header.find(quoted);
    if (at == absl::string_view::npos) continue;
    absl::string_view rest = absl::StripLeadingAsciiWhitespace(header.substr(at + quoted.size()));
    if (absl::ConsumePrefix(&rest, ":")) return absl::StripLeadingAsciiWhitespace(rest);
  }
  return Broken(absl::StrCat("its header has no '", key, "'"));
}

absl::Status ParseShape(absl::string_view header, plan::TensorType& type) {
  auto shape = Value(header, "shape");
  if (!shape.ok()) return shape.status();
  const size_t end = shape->find(')');
  if (shape->empty() || shape->front() != '(' || end == absl::string_view::npos) return Broken("its shape is no tuple");
  for (absl::string_view word : absl::StrSplit(shape->substr(1, end - 1), ',')) {
    word = absl::StripAsciiWhitespace(word);
    if (word.empty()) continue;
    int64_t dim = 0;
    if (!absl::SimpleAtoi(word, &dim) || dim < 0) return Broken(absl::StrCat("its shape holds '", word, "'"));
    type.add_dims(dim);
    if (type.dims_size() > 64) return Broken("it has more than 64 dimensions");
  }
  return absl::OkStatus();
}

// Row-major from column-major.
std::string Transposed(absl::string_view data, const plan::TensorType& type) {
  const size_t element = static_cast<size_t>(plan::ElementSize(type.dtype()));
  std::string result(data.size(), '\0');
  std::vector<size_t> index(static_cast<size_t>(type.dims_size()), 0);
  for (size_t to = 0; to < data.size(); to += element) {
    size_t from = 0, stride = 1;
    for (int i = 0; i < type.dims_size(); ++i) {
      from += index[i] * stride;
      stride *= static_cast<size_t>(type.dims(i));
    }
    std::memcpy(&result[to], data.data() + from * element, element);
    for (int i = type.dims_size() - 1; i >= 0; --i) {
      if (++index[i] < static_cast<size_t>(type.dims(i))) break;
      index[i] = 0;
    }
  }
  return result;
}

}  // namespace

absl::StatusOr<NpyArray> ParseNpy(absl::string_view bytes) {
  if (bytes.size() < 10 || bytes.substr(0, 6) != kMagic) return Broken("it does not begin with NumPy's mark");
  const auto* raw = reinterpret_cast<const unsigned char*>(bytes.data());
  const int version = raw[6];
  if (version < 1 || version > 3) return Broken(absl::StrCat("it has format version ", version));
  const size_t begin = version == 1 ? 10 : 12;
  if (bytes.size() < begin) return Broken("it is truncated");
  size_t length = raw[8] | raw[9] << 8;
  if (version > 1) length |= static_cast<size_t>(raw[10]) << 16 | static_cast<size_t>(raw[11]) << 24;
  if (length > bytes.size() - begin) return Broken("it is truncated in its header");
  const absl::string_view header = bytes.substr(begin, length);
  absl::string_view data = bytes.substr(begin + length);

  NpyArray array;
  auto descr = Value(header, "descr");
  if (!descr.ok()) return descr.status();
  const absl::string_view word = descr->substr(0, 5);
  for (const Descr& known : kDescrs) {
    if (word.size() == 5 && (word[0] == '\'' || word[0] == '"') && word.substr(1, 3) == known.name && word[4] == word[0]) {
      array.type.set_dtype(known.dtype);
      break;
    }
  }
  if (array.type.dtype() == plan::DATA_TYPE_UNDEFINED) {
    return absl::UnimplementedError(
        absl::StrCat("a .npy file of elements ", descr->substr(0, descr->find(',')), "; little-endian numbers are read"));
  }
  auto order = Value(header, "fortran_order");
  if (!order.ok()) return order.status();
  if (absl::Status status = ParseShape(header, array.type); !status.ok()) return status;
  auto size = plan::ByteSize(array.type);
  if (!size.ok()) return Broken(absl::string_view(size.status().message()));
  if (static_cast<size_t>(*size) != data.size()) {
    return Broken(absl::StrCat("it holds ", data.size(), " bytes of data, ", plan::ToString(array.type), " takes ", *size));
  }
  array.data = absl::ConsumePrefix(&*order, "True") ? Transposed(data, array.type) : std::string(data);
  return array;
}

absl::StatusOr<NpyArray> ReadNpy(const std::string& path) {
  auto file = weights::MappedFile::Open(path);
  if (!file.ok()) return file.status();
  const weights::Bytes bytes = (*file)->bytes();
  auto array = ParseNpy(absl::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  if (!array.ok()) return absl::Status(array.status().code(), absl::StrCat(path, ": ", array.status().message()));
  return array;
}

absl::StatusOr<std::string> SerializeNpy(const plan::TensorType& type, absl::string_view data) {
  auto size = plan::ByteSize(type);
  if (!size.ok()) return size.status();
  if (static_cast<size_t>(*size) != data.size()) {
    return absl::InvalidArgumentError(absl::StrCat(data.size(), " bytes for ", plan::ToString(type)));
  }
  const char* descr = nullptr;
  for (const Descr& known : kDescrs) {
    if (descr == nullptr && known.dtype == type.dtype()) descr = known.name;
  }
  std::string header = absl::StrCat("{'descr': '", descr, "', 'fortran_order': False, 'shape': (",
                                    absl::StrJoin(type.dims(), ", "), type.dims_size() == 1 ? ",), }" : "), }");
  // Data begin at a multiple of 64.
  header.resize((10 + header.size() + 1 + 63) / 64 * 64 - 10 - 1, ' ');
  header += '\n';
  std::string result(kMagic);
  result += {'\x01', '\x00', static_cast<char>(header.size() & 0xff), static_cast<char>(header.size() >> 8)};
  return absl::StrCat(result, header, data);
}

absl::Status WriteNpy(const std::string& path, const plan::TensorType& type, absl::string_view data) {
  auto bytes = SerializeNpy(type, data);
  if (!bytes.ok()) return bytes.status();
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) return weights::FileError(errno, "write", path);
  const bool written = std::fwrite(bytes->data(), 1, bytes->size(), file) == bytes->size();
  const int error = errno;
  if (std::fclose(file) != 0) return weights::FileError(errno, "write", path);
  return written ? absl::OkStatus() : weights::FileError(error, "write", path);
}

}  // namespace plimsoll::runtime
