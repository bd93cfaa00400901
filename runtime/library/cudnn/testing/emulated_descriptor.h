// Objects of cuDNN's graph interface as the emulation keeps them: a kind, attributes of the kinds and types that NVIDIA
// documents, finalized or not.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "runtime/library/cudnn/api.h"
#include "runtime/library/cudnn/backend.h"

namespace plimsoll::runtime::cudnn::emulated {

// Of a call: cuDNN's status, and why it is no success.
struct Outcome {
  int status = kSuccess;
  std::string why;
  bool ok() const { return status == kSuccess; }
};
inline Outcome Bad(std::string why) { return {kBadParam, std::move(why)}; }
inline Outcome Unsupported(std::string why) { return {kNotSupported, std::move(why)}; }

// Kinds of elements that the emulation tells apart, beside those of api.h.
inline constexpr int kDouble = 1, kInt32 = 4, kBoolean = 11;

class Object;

// A descriptor as it was when it became an attribute: cuDNN keeps a copy too.
struct Reference {
  const Object* object = nullptr;
  std::shared_ptr<const Object> copy;
};

struct Value {
  backend::AttributeType type = {};
  int64_t count = 0;
  std::vector<char> bytes;
  std::vector<Reference> references;  // in the place of bytes, where type is kDescriptor
};

// What finalizing an object made of its attributes: operations, graphs, engines and so on, each in a file of its own.
struct Content {
  virtual ~Content() = default;
};

class Object {
 public:
  explicit Object(backend::DescriptorType kind) : kind(kind) {}

  // kBadParam for an attribute that this kind does not have or that is only asked for, for another type or number of
  // elements, and for a finalized object; the pack's types are refused with kNotSupported, as the library does.
  // `lives`: whether a descriptor among the elements is one.
  Outcome Set(backend::Attribute attribute, backend::AttributeType type, int64_t count, const void* elements,
              absl::FunctionRef<bool(const void*)> lives);

  // Whether Get may be called: kNotInitialized before the object is finalized, kBadParam for an attribute that this
  // kind does not have, or of another type.
  Outcome CheckGet(backend::Attribute attribute, backend::AttributeType type) const;
  // Of an attribute that was set; `count` as cuDNN's: all there are if `requested` is 0, else those copied.
  Outcome Get(backend::Attribute attribute, int64_t requested, int64_t* count, void* elements) const;

  // kBadParam naming an attribute that is required and was not set.
  Outcome CheckRequired() const;

  bool Has(backend::Attribute attribute) const { return values.count(attribute) != 0; }
  // Elements of an attribute; empty where it was not set. T is of the size that the attribute's type has.
  template <typename T>
  std::vector<T> All(backend::Attribute attribute) const {
    std::vector<T> all;
    if (auto found = values.find(attribute); found != values.end()) {
      const T* first = reinterpret_cast<const T*>(found->second.bytes.data());
      all.assign(first, first + found->second.count);
    }
    return all;
  }
  template <typename T>
  T One(backend::Attribute attribute, T otherwise = {}) const {
    const std::vector<T> all = All<T>(attribute);
    return all.empty() ? otherwise : all[0];
  }
  // An attribute of kFloat or kDouble.
  double Number(backend::Attribute attribute, double otherwise) const;
  // Of the first descriptor of an attribute; null where it was not set.
  const Object* Part(backend::Attribute attribute) const;
  template <typename T>
  const T* ContentAs() const {
    return dynamic_cast<const T*>(content.get());
  }

  const backend::DescriptorType kind;
  bool is_finalized = false;
  std::map<backend::Attribute, Value> values;
  std::shared_ptr<const Content> content;
};

// Bytes of an element of an attribute's type; 0 where the emulation does not know the type.
int64_t ElementBytes(backend::AttributeType type);

// Whether the emulation knows this kind.
bool IsKnown(backend::DescriptorType kind);

}  // namespace plimsoll::runtime::cudnn::emulated
