#include "frontends/onnx/tensor_io.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "frontends/onnx/tensor.h"
#include "ir/weights/mapped_file.h"
#include "onnx/onnx-data.pb.h"

namespace plimsoll::onnx_frontend {

absl::StatusOr<Tensor> ParseTensor(const std::string& bytes, const std::string& what) {
  onnx::TensorProto proto;
  if (bytes.size() >= size_t{1} << 31) return absl::DataLossError(absl::StrCat(what, ": larger than 2 GiB"));
  const bool parsed = proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
  if (!parsed || proto.data_type() == onnx::TensorProto::UNDEFINED) {
    // SequenceProto and OptionalProto look the same on the wire up to their second field.
    onnx::SequenceProto sequence;
    onnx::OptionalProto optional;
    const int size = static_cast<int>(bytes.size());
    if (size > 0 && ((sequence.ParseFromArray(bytes.data(), size) && sequence.elem_type() != 0) ||
                     (optional.ParseFromArray(bytes.data(), size) && optional.elem_type() != 0))) {
      return absl::UnimplementedError(absl::StrCat(what, ": holds a sequence or an optional; only tensors can be read"));
    }
    return absl::DataLossError(absl::StrCat(what, ": holds no tensor (truncated, or not a TensorProto)"));
  }
  absl::StatusOr<std::string> elements = Elements(proto);
  if (!elements.ok()) {
    return absl::Status(elements.status().code(), absl::StrCat(what, ": ", elements.status().message()));
  }
  Tensor tensor;
  tensor.name = proto.name();
  tensor.dtype = FormatOf(proto.data_type())->dtype;
  tensor.dims.assign(proto.dims().begin(), proto.dims().end());
  tensor.bytes = *std::move(elements);
  return tensor;
}

absl::StatusOr<Tensor> ReadTensor(const std::string& path) {
  auto file = weights::MappedFile::Open(path);
  if (!file.ok()) return file.status();
  const weights::Bytes bytes = (*file)->bytes();
  return ParseTensor(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()), path);
}

absl::Status WriteTensor(const std::string& path, const Tensor& tensor) {
  onnx::TensorProto proto;
  proto.set_name(tensor.name);
  proto.set_data_type(OnnxDataType(tensor.dtype));
  for (int64_t dim : tensor.dims) proto.add_dims(dim);
  const absl::StatusOr<int64_t> bytes = KeptBytes(proto);
  if (!bytes.ok() || *bytes != static_cast<int64_t>(tensor.bytes.size())) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": tensor '", tensor.name, "' has ", tensor.bytes.size(),
                                                   " bytes, its type and dimensions make ", bytes.value_or(-1)));
  }
  if (*bytes > (int64_t{1} << 31) - 4096) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": tensor '", tensor.name, "' is over the 2 GiB of a TensorProto"));
  }
  proto.set_raw_data(tensor.bytes);
  const std::string temporary = absl::StrCat(path, ".", static_cast<int64_t>(::getpid()), ".tmp");
  {
    std::ofstream out(temporary, std::ios::binary);
    if (!out) return weights::FileError(errno, "write", temporary);
    if (!proto.SerializeToOstream(&out) || !out.flush()) {
      const int error = errno;
      std::remove(temporary.c_str());
      return weights::FileError(error, "write", temporary);
    }
  }
  if (std::rename(temporary.c_str(), path.c_str()) != 0) {
    const int error = errno;
    std::remove(temporary.c_str());
    return weights::FileError(error, "write", path);
  }
  return absl::OkStatus();
}

}  // namespace plimsoll::onnx_frontend
