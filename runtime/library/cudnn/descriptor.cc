#include "runtime/library/cudnn/descriptor.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace plimsoll::runtime::cudnn {

using backend::Attribute;
using backend::AttributeType;

Descriptor::Descriptor(const Api& api, backend::DescriptorType type) : api_(&api), type_(type) {
  status_ = StatusOf(api_->BackendCreateDescriptor(type, &descriptor_), "cudnnBackendCreateDescriptor", -1);
}

Descriptor::Descriptor(Descriptor&& other) noexcept
    : api_(other.api_),
      type_(other.type_),
      descriptor_(std::exchange(other.descriptor_, nullptr)),
      status_(std::move(other.status_)) {}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  std::swap(api_, other.api_);
  std::swap(type_, other.type_);
  std::swap(descriptor_, other.descriptor_);
  std::swap(status_, other.status_);
  return *this;
}

Descriptor::~Descriptor() {
  if (descriptor_ != nullptr) api_->BackendDestroyDescriptor(descriptor_);
}

absl::Status Descriptor::StatusOf(int code, const char* call, int attribute) const {
  if (code == kSuccess) return absl::OkStatus();
  char reason[512] = {};
  api_->GetLastErrorString(reason, sizeof(reason));
  reason[sizeof(reason) - 1] = 0;
  const std::string what = absl::StrCat(call, " (descriptor ", static_cast<int>(type_),
                                        attribute < 0 ? std::string() : absl::StrCat(", attribute ", attribute), ")");
  const absl::Status status = ToStatus(*api_, code, what.c_str());
  if (reason[0] == 0) return status;
  return absl::Status(status.code(), absl::StrCat(status.message(), ": ", reason));
}

Descriptor& Descriptor::SetElements(Attribute attribute, AttributeType type, int64_t count, const void* elements) {
  if (!status_.ok()) return *this;
  status_ = StatusOf(api_->BackendSetAttribute(descriptor_, attribute, type, count, elements),
                     "cudnnBackendSetAttribute", static_cast<int>(attribute));
  return *this;
}

Descriptor& Descriptor::Set(Attribute attribute, bool value) {
  return SetElements(attribute, AttributeType::kBoolean, 1, &value);
}
Descriptor& Descriptor::Set(Attribute attribute, int64_t value) {
  return SetElements(attribute, AttributeType::kInt64, 1, &value);
}
Descriptor& Descriptor::Set(Attribute attribute, double value) {
  return SetElements(attribute, AttributeType::kDouble, 1, &value);
}
Descriptor& Descriptor::Set(Attribute attribute, DataType value) {
  return SetElements(attribute, AttributeType::kDataType, 1, &value);
}
Descriptor& Descriptor::Set(Attribute attribute, ConvolutionMode value) {
  return SetElements(attribute, AttributeType::kConvolutionMode, 1, &value);
}
Descriptor& Descriptor::Set(Attribute attribute, Handle value) {
  return SetElements(attribute, AttributeType::kHandle, 1, &value);
}
Descriptor& Descriptor::Set(Attribute attribute, backend::PointwiseMode value) {
  return SetElements(attribute, AttributeType::kPointwiseMode, 1, &value);
}
Descriptor& Descriptor::Set(Attribute attribute, backend::ReductionOperator value) {
  return SetElements(attribute, AttributeType::kReductionOperator, 1, &value);
}
Descriptor& Descriptor::Set(Attribute attribute, backend::HeuristicsMode value) {
  return SetElements(attribute, AttributeType::kHeuristicsMode, 1, &value);
}
Descriptor& Descriptor::Set(Attribute attribute, absl::Span<const int64_t> values) {
  return SetElements(attribute, AttributeType::kInt64, static_cast<int64_t>(values.size()), values.data());
}
Descriptor& Descriptor::Set(Attribute attribute, const std::string& text) {
  return SetElements(attribute, AttributeType::kChar, static_cast<int64_t>(text.size()), text.data());
}
Descriptor& Descriptor::Set(Attribute attribute, const Descriptor& value) {
  return SetElements(attribute, AttributeType::kDescriptor, 1, &value.descriptor_);
}
Descriptor& Descriptor::Set(Attribute attribute, absl::Span<const Descriptor* const> values) {
  std::vector<backend::Descriptor> raw;
  for (const Descriptor* value : values) raw.push_back(value->descriptor_);
  return SetElements(attribute, AttributeType::kDescriptor, static_cast<int64_t>(raw.size()), raw.data());
}
Descriptor& Descriptor::SetAddress(Attribute attribute, void* value) {
  return SetElements(attribute, AttributeType::kVoidPointer, 1, &value);
}
Descriptor& Descriptor::SetAddresses(Attribute attribute, absl::Span<void* const> values) {
  return SetElements(attribute, AttributeType::kVoidPointer, static_cast<int64_t>(values.size()), values.data());
}
Descriptor& Descriptor::SetFactor(Attribute attribute, float value) {
  return SetElements(attribute, AttributeType::kFloat, 1, &value);
}

absl::Status Descriptor::Finalize() {
  if (status_.ok()) status_ = StatusOf(api_->BackendFinalize(descriptor_), "cudnnBackendFinalize", -1);
  return status_;
}

absl::StatusOr<int64_t> Descriptor::Int64(Attribute attribute) const {
  int64_t value = 0, count = 0;
  if (absl::Status status =
          StatusOf(api_->BackendGetAttribute(descriptor_, attribute, AttributeType::kInt64, 1, &count, &value),
                   "cudnnBackendGetAttribute", static_cast<int>(attribute));
      !status.ok()) {
    return status;
  }
  if (count != 1) return absl::InternalError(absl::StrCat("cuDNN gives ", count, " elements for one"));
  return value;
}

absl::StatusOr<int64_t> Descriptor::Count(Attribute attribute, AttributeType type) const {
  int64_t count = 0;
  if (absl::Status status = StatusOf(api_->BackendGetAttribute(descriptor_, attribute, type, 0, &count, nullptr),
                                     "cudnnBackendGetAttribute", static_cast<int>(attribute));
      !status.ok()) {
    return status;
  }
  return count;
}

absl::StatusOr<std::vector<int>> Descriptor::Enumerators(Attribute attribute, AttributeType type, int64_t most) const {
  std::vector<int> values(most);
  int64_t count = 0;
  if (absl::Status status =
          StatusOf(api_->BackendGetAttribute(descriptor_, attribute, type, most, &count, values.data()),
                   "cudnnBackendGetAttribute", static_cast<int>(attribute));
      !status.ok()) {
    return status;
  }
  values.resize(std::clamp<int64_t>(count, 0, most));
  return values;
}

absl::Status Descriptor::Fill(Attribute attribute, std::vector<Descriptor>& parts) const {
  std::vector<backend::Descriptor> raw;
  for (const Descriptor& part : parts) {
    if (!part.status_.ok()) return part.status_;
    raw.push_back(part.descriptor_);
  }
  int64_t count = 0;
  if (absl::Status status = StatusOf(api_->BackendGetAttribute(descriptor_, attribute, AttributeType::kDescriptor,
                                                               static_cast<int64_t>(raw.size()), &count, raw.data()),
                                     "cudnnBackendGetAttribute", static_cast<int>(attribute));
      !status.ok()) {
    return status;
  }
  parts.erase(parts.begin() + std::clamp<int64_t>(count, 0, static_cast<int64_t>(parts.size())), parts.end());
  return absl::OkStatus();
}

}  // namespace plimsoll::runtime::cudnn
