#include "runtime/library/cudnn/testing/emulated_descriptor.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "absl/strings/str_cat.h"

namespace plimsoll::runtime::cudnn::emulated {
namespace {

using backend::Attribute;
using backend::AttributeType;
using backend::DescriptorType;

constexpr int64_t kMany = std::numeric_limits<int64_t>::max();

// An attribute of a kind. `also` is a second type that does as well.
struct Rule {
  DescriptorType kind;
  Attribute attribute;
  AttributeType type;
  int64_t most = 1;
  bool is_required = true;
  AttributeType also = type;
  bool is_set = true;  // false: only asked for
  bool is_got = true;
};

using A = Attribute;
using D = DescriptorType;
using T = AttributeType;

constexpr Rule Optional(D kind, A attribute, T type, T also) { return {kind, attribute, type, 1, false, also}; }
constexpr Rule Optional(D kind, A attribute, T type) { return Optional(kind, attribute, type, type); }
constexpr Rule Answer(D kind, A attribute, T type) { return {kind, attribute, type, kMany, false, type, false}; }
constexpr Rule Part(D kind, A attribute) { return {kind, attribute, T::kDescriptor}; }

// By NVIDIA's reference of each descriptor type. The required ones are all that say what the descriptor is, although
// the library has a default for some (see backend_agreement_test.cc).
constexpr Rule kRules[] = {
    {D::kTensor, A::kTensorDataType, T::kDataType},
    {D::kTensor, A::kTensorDimensions, T::kInt64, kMany},
    {D::kTensor, A::kTensorStrides, T::kInt64, kMany},
    {D::kTensor, A::kTensorUniqueId, T::kInt64},
    {D::kTensor, A::kTensorByteAlignment, T::kInt64},
    Optional(D::kTensor, A::kTensorIsVirtual, T::kBoolean),
    Optional(D::kTensor, A::kTensorIsByValue, T::kBoolean),

    {D::kConvolution, A::kConvolutionSpatialDims, T::kInt64},
    {D::kConvolution, A::kConvolutionComputeType, T::kDataType},
    {D::kConvolution, A::kConvolutionMode, T::kConvolutionMode},
    {D::kConvolution, A::kConvolutionDilations, T::kInt64, kMany},
    {D::kConvolution, A::kConvolutionStrides, T::kInt64, kMany},
    {D::kConvolution, A::kConvolutionPrePaddings, T::kInt64, kMany},
    {D::kConvolution, A::kConvolutionPostPaddings, T::kInt64, kMany},

    {D::kPointwise, A::kPointwiseMode, T::kPointwiseMode},
    {D::kPointwise, A::kPointwisePrecision, T::kDataType},
    Optional(D::kPointwise, A::kPointwiseReluLowerClip, T::kDouble, T::kFloat),
    Optional(D::kPointwise, A::kPointwiseReluUpperClip, T::kDouble, T::kFloat),
    Optional(D::kPointwise, A::kPointwiseReluLowerClipSlope, T::kDouble, T::kFloat),
    Optional(D::kPointwise, A::kPointwiseSwishBeta, T::kDouble, T::kFloat),
    Optional(D::kPointwise, A::kPointwiseAxis, T::kInt64),

    {D::kMatmul, A::kMatmulComputeType, T::kDataType},
    {D::kReduction, A::kReductionOperator, T::kReductionOperator},
    {D::kReduction, A::kReductionComputeType, T::kDataType},
    Optional(D::kReduction, A::kReductionIsDeterministic, T::kBoolean),

    Part(D::kConvolutionForward, A::kForwardConvolution),
    Part(D::kConvolutionForward, A::kForwardX),
    Part(D::kConvolutionForward, A::kForwardW),
    Part(D::kConvolutionForward, A::kForwardY),
    Optional(D::kConvolutionForward, A::kForwardAlpha, T::kFloat, T::kDouble),
    Optional(D::kConvolutionForward, A::kForwardBeta, T::kFloat, T::kDouble),
    Part(D::kConvolutionBackwardData, A::kBackwardDataConvolution),
    Part(D::kConvolutionBackwardData, A::kBackwardDataW),
    Part(D::kConvolutionBackwardData, A::kBackwardDataDy),
    Part(D::kConvolutionBackwardData, A::kBackwardDataDx),
    Optional(D::kConvolutionBackwardData, A::kBackwardDataAlpha, T::kFloat, T::kDouble),
    Optional(D::kConvolutionBackwardData, A::kBackwardDataBeta, T::kFloat, T::kDouble),
    Part(D::kConvolutionBackwardFilter, A::kBackwardFilterConvolution),
    Part(D::kConvolutionBackwardFilter, A::kBackwardFilterX),
    Part(D::kConvolutionBackwardFilter, A::kBackwardFilterDy),
    Part(D::kConvolutionBackwardFilter, A::kBackwardFilterDw),
    Optional(D::kConvolutionBackwardFilter, A::kBackwardFilterAlpha, T::kFloat, T::kDouble),
    Optional(D::kConvolutionBackwardFilter, A::kBackwardFilterBeta, T::kFloat, T::kDouble),
    Part(D::kPointwiseOperation, A::kPointwiseOperationPointwise),
    Part(D::kPointwiseOperation, A::kPointwiseOperationX),
    Part(D::kPointwiseOperation, A::kPointwiseOperationY),
    Optional(D::kPointwiseOperation, A::kPointwiseOperationB, T::kDescriptor),
    Optional(D::kPointwiseOperation, A::kPointwiseOperationT, T::kDescriptor),
    Part(D::kMatmulOperation, A::kMatmulOperationMatmul),
    Part(D::kMatmulOperation, A::kMatmulOperationA),
    Part(D::kMatmulOperation, A::kMatmulOperationB),
    Part(D::kMatmulOperation, A::kMatmulOperationC),
    Part(D::kReductionOperation, A::kReductionOperationReduction),
    Part(D::kReductionOperation, A::kReductionOperationX),
    Part(D::kReductionOperation, A::kReductionOperationY),
    Part(D::kReshapeOperation, A::kReshapeOperationX),
    Part(D::kReshapeOperation, A::kReshapeOperationY),

    {D::kOperationGraph, A::kGraphOperations, T::kDescriptor, kMany},
    Optional(D::kOperationGraph, A::kGraphHandle, T::kHandle),
    {D::kDeviceProperties, A::kDevicePropertiesJson, T::kChar, kMany},
    {D::kEngineHeuristics, A::kHeuristicsOperationGraph, T::kDescriptor},
    {D::kEngineHeuristics, A::kHeuristicsMode, T::kHeuristicsMode},
    Optional(D::kEngineHeuristics, A::kHeuristicsDeviceProperties, T::kDescriptor),
    Answer(D::kEngineHeuristics, A::kHeuristicsResults, T::kDescriptor),
    {D::kEngine, A::kEngineOperationGraph, T::kDescriptor},
    {D::kEngine, A::kEngineGlobalIndex, T::kInt64},
    Optional(D::kEngine, A::kEngineDeviceProperties, T::kDescriptor),
    Answer(D::kEngine, A::kEngineNumericalNotes, T::kNumericalNote),
    Answer(D::kEngine, A::kEngineBehaviorNotes, T::kBehaviorNote),
    {D::kEngineConfig, A::kEngineConfigEngine, T::kDescriptor},
    Answer(D::kEngineConfig, A::kEngineConfigWorkspaceSize, T::kInt64),
    {D::kExecutionPlan, A::kPlanEngineConfig, T::kDescriptor},
    Optional(D::kExecutionPlan, A::kPlanHandle, T::kHandle),
    Optional(D::kExecutionPlan, A::kPlanDeviceProperties, T::kDescriptor),
    Answer(D::kExecutionPlan, A::kPlanWorkspaceSize, T::kInt64),
    {D::kVariantPack, A::kPackUniqueIds, T::kInt64, kMany, false},
    {D::kVariantPack, A::kPackDataPointers, T::kVoidPointer, kMany, false},
    Optional(D::kVariantPack, A::kPackWorkspace, T::kVoidPointer),
};

const Rule* Find(DescriptorType kind, Attribute attribute) {
  for (const Rule& rule : kRules) {
    if (rule.kind == kind && rule.attribute == attribute) return &rule;
  }
  return nullptr;
}

std::string Name(DescriptorType kind, Attribute attribute) {
  return absl::StrCat("attribute ", static_cast<int>(attribute), " of a descriptor of type ", static_cast<int>(kind));
}

}  // namespace

int64_t ElementBytes(AttributeType type) {
  switch (type) {
    case T::kBoolean:
    case T::kChar:
      return 1;
    case T::kInt64:
    case T::kDouble:
    case T::kVoidPointer:
    case T::kHandle:
    case T::kDescriptor:
      return 8;
    case T::kDataType:
    case T::kFloat:
    case T::kConvolutionMode:
    case T::kHeuristicsMode:
    case T::kNumericalNote:
    case T::kPointwiseMode:
    case T::kReductionOperator:
    case T::kBehaviorNote:
      return 4;
  }
  return 0;
}

bool IsKnown(DescriptorType kind) {
  return std::any_of(std::begin(kRules), std::end(kRules), [&](const Rule& rule) { return rule.kind == kind; });
}

Outcome Object::Set(Attribute attribute, AttributeType type, int64_t count, const void* elements,
                    absl::FunctionRef<bool(const void*)> lives) {
  const std::string name = Name(kind, attribute);
  if (is_finalized) return Bad(absl::StrCat(name, " set after it was finalized"));
  const Rule* rule = Find(kind, attribute);
  if (rule == nullptr || !rule->is_set) return Bad(absl::StrCat("there is no ", name, " to be set"));
  if (type != rule->type && type != rule->also) {
    const std::string why = absl::StrCat(name, " is not of type ", static_cast<int>(type));
    return kind == D::kVariantPack ? Unsupported(why) : Bad(why);
  }
  if (count < 0 || count > rule->most || (rule->most == 1 && count != 1)) {
    return Bad(absl::StrCat(name, " does not have ", count, " elements"));
  }
  if (count > 0 && elements == nullptr) return Bad(absl::StrCat(name, " without elements"));
  Value value = {type, count, {}, {}};
  if (type == T::kDescriptor) {
    for (int64_t i = 0; i < count; ++i) {
      const void* part = static_cast<const backend::Descriptor*>(elements)[i];
      if (!lives(part)) return Bad(absl::StrCat(name, " names a descriptor that does not live"));
      const Object* object = static_cast<const Object*>(part);
      value.references.push_back({object, std::make_shared<const Object>(*object)});
    }
  } else {
    const char* first = static_cast<const char*>(elements);
    value.bytes.assign(first, first + count * ElementBytes(type));
  }
  values[attribute] = std::move(value);
  return {};
}

Outcome Object::CheckGet(Attribute attribute, AttributeType type) const {
  const std::string name = Name(kind, attribute);
  if (!is_finalized) return {kNotInitialized, absl::StrCat(name, " asked for before it was finalized")};
  const Rule* rule = Find(kind, attribute);
  if (rule == nullptr || !rule->is_got) return Bad(absl::StrCat("there is no ", name));
  if (type != rule->type && type != rule->also) {
    return Bad(absl::StrCat(name, " is not of type ", static_cast<int>(type)));
  }
  return {};
}

Outcome Object::Get(Attribute attribute, int64_t requested, int64_t* count, void* elements) const {
  const auto found = values.find(attribute);
  if (found == values.end()) return Bad(absl::StrCat(Name(kind, attribute), " was not set"));
  const Value& value = found->second;
  const int64_t given = requested == 0 ? value.count : std::min(requested, value.count);
  if (count != nullptr) *count = given;
  if (requested == 0) return {};
  if (requested < 0 || elements == nullptr) return Bad(absl::StrCat("no room for ", Name(kind, attribute)));
  if (value.type == T::kDescriptor) return Unsupported(absl::StrCat(Name(kind, attribute), " is not given back"));
  if (given > 0) std::memcpy(elements, value.bytes.data(), given * ElementBytes(value.type));
  return {};
}

Outcome Object::CheckRequired() const {
  for (const Rule& rule : kRules) {
    if (rule.kind == kind && rule.is_required && values.count(rule.attribute) == 0) {
      return Bad(absl::StrCat("finalized without ", Name(kind, rule.attribute)));
    }
  }
  return {};
}

double Object::Number(Attribute attribute, double otherwise) const {
  const auto found = values.find(attribute);
  if (found == values.end()) return otherwise;
  return found->second.type == T::kFloat ? One<float>(attribute) : One<double>(attribute);
}

const Object* Object::Part(Attribute attribute) const {
  const auto found = values.find(attribute);
  return found == values.end() || found->second.references.empty() ? nullptr : found->second.references[0].copy.get();
}

}  // namespace plimsoll::runtime::cudnn::emulated
