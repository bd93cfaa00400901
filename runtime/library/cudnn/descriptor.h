// An object of cuDNN's graph interface: made, given its attributes, finalized, and asked.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "runtime/library/cudnn/api.h"
#include "runtime/library/cudnn/backend.h"

namespace plimsoll::runtime::cudnn {

// Owns one descriptor. Setters keep the first error, after which they do nothing; Finalize returns it. Errors are
// ToStatus's, with the library's own words on what it refuses. What a descriptor refers to must outlive its Finalize,
// after which the library keeps a copy.
class Descriptor {
 public:
  // `api` outlives the object.
  Descriptor(const Api& api, backend::DescriptorType type);
  Descriptor(Descriptor&& other) noexcept;
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor();

  Descriptor& Set(backend::Attribute attribute, bool value);
  Descriptor& Set(backend::Attribute attribute, int64_t value);
  Descriptor& Set(backend::Attribute attribute, double value);
  Descriptor& Set(backend::Attribute attribute, DataType value);
  Descriptor& Set(backend::Attribute attribute, ConvolutionMode value);
  Descriptor& Set(backend::Attribute attribute, Handle value);
  Descriptor& Set(backend::Attribute attribute, backend::PointwiseMode value);
  Descriptor& Set(backend::Attribute attribute, backend::ReductionOperator value);
  Descriptor& Set(backend::Attribute attribute, backend::HeuristicsMode value);
  Descriptor& Set(backend::Attribute attribute, absl::Span<const int64_t> values);
  Descriptor& Set(backend::Attribute attribute, const std::string& text);
  Descriptor& Set(backend::Attribute attribute, const Descriptor& value);
  Descriptor& Set(backend::Attribute attribute, absl::Span<const Descriptor* const> values);
  // An address, and many.
  Descriptor& SetAddress(backend::Attribute attribute, void* value);
  Descriptor& SetAddresses(backend::Attribute attribute, absl::Span<void* const> values);
  // Factors of an operation: one f32.
  Descriptor& SetFactor(backend::Attribute attribute, float value);

  absl::Status Finalize();

  // Of a finalized descriptor.
  absl::StatusOr<int64_t> Int64(backend::Attribute attribute) const;
  // The elements of an attribute whose type is one of the library's enumerations, at most `most`.
  absl::StatusOr<std::vector<int>> Enumerators(backend::Attribute attribute, backend::AttributeType type,
                                               int64_t most) const;
  // How many elements there are.
  absl::StatusOr<int64_t> Count(backend::Attribute attribute, backend::AttributeType type) const;
  // Makes `parts` what the attribute holds and drops those that are too many. Each was made, of the type that the
  // attribute has, and not finalized.
  absl::Status Fill(backend::Attribute attribute, std::vector<Descriptor>& parts) const;

  backend::Descriptor get() const { return descriptor_; }
  const Api& api() const { return *api_; }

 private:
  Descriptor& SetElements(backend::Attribute attribute, backend::AttributeType type, int64_t count,
                          const void* elements);
  absl::Status StatusOf(int code, const char* call, int attribute) const;

  const Api* api_;
  backend::DescriptorType type_;
  backend::Descriptor descriptor_ = nullptr;
  absl::Status status_;
};

}  // namespace plimsoll::runtime::cudnn
