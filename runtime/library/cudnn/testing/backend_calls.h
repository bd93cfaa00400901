// For tests: objects of cuDNN's graph interface made by its plain functions, by the emulation's or the library's own.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "runtime/library/cudnn/api.h"
#include "runtime/library/cudnn/backend.h"

namespace plimsoll::runtime::cudnn {

struct TensorSpec {
  int64_t id = 0;
  std::vector<int64_t> dims;
  std::vector<int64_t> strides = {};  // empty: row-major
  int type = kFloat;
  bool is_virtual = false, is_by_value = false;
  int64_t alignment = 16;
};

struct ConvolutionSpec {
  std::vector<int64_t> pads_begin, pads_end, strides, dilations;
};

// The first status that was no success is kept; calls go on after it. Descriptors are destroyed with the object.
class BackendCalls {
 public:
  using Descriptor = backend::Descriptor;
  using Attribute = backend::Attribute;
  using AttributeType = backend::AttributeType;
  using DescriptorType = backend::DescriptorType;

  explicit BackendCalls(const Api& api) : api_(api) {}
  BackendCalls(const BackendCalls&) = delete;
  ~BackendCalls() {
    for (size_t i = made_.size(); i-- > 0;) {
      if (made_[i] != nullptr) api_.BackendDestroyDescriptor(made_[i]);
    }
  }

  int status() const { return status_; }
  std::string message() const {
    char text[1024] = {};
    api_.GetLastErrorString(text, sizeof(text));
    return text;
  }
  const Api& api() const { return api_; }

  Descriptor Make(DescriptorType kind) {
    Descriptor descriptor = nullptr;
    Keep(api_.BackendCreateDescriptor(kind, &descriptor));
    made_.push_back(descriptor);
    return descriptor;
  }
  template <typename T>
  int Set(Descriptor descriptor, Attribute attribute, AttributeType type, const std::vector<T>& elements) {
    return Keep(
        api_.BackendSetAttribute(descriptor, attribute, type, static_cast<int64_t>(elements.size()), elements.data()));
  }
  template <typename T>
  int SetOne(Descriptor descriptor, Attribute attribute, AttributeType type, T element) {
    return Keep(api_.BackendSetAttribute(descriptor, attribute, type, 1, &element));
  }
  int SetPart(Descriptor descriptor, Attribute attribute, Descriptor part) {
    return SetOne(descriptor, attribute, AttributeType::kDescriptor, part);
  }
  Descriptor Finalize(Descriptor descriptor) {
    Keep(api_.BackendFinalize(descriptor));
    return descriptor;
  }

  Descriptor Tensor(const TensorSpec& spec) {
    const Descriptor tensor = Make(DescriptorType::kTensor);
    std::vector<int64_t> strides = spec.strides;
    if (strides.empty()) {
      strides.assign(spec.dims.size(), 1);
      for (size_t i = spec.dims.size() - 1; i-- > 0;) strides[i] = strides[i + 1] * spec.dims[i + 1];
    }
    SetOne(tensor, Attribute::kTensorDataType, AttributeType::kDataType, spec.type);
    Set(tensor, Attribute::kTensorDimensions, AttributeType::kInt64, spec.dims);
    Set(tensor, Attribute::kTensorStrides, AttributeType::kInt64, strides);
    SetOne(tensor, Attribute::kTensorUniqueId, AttributeType::kInt64, spec.id);
    SetOne(tensor, Attribute::kTensorByteAlignment, AttributeType::kInt64, spec.alignment);
    SetOne(tensor, Attribute::kTensorIsVirtual, AttributeType::kBoolean, spec.is_virtual);
    SetOne(tensor, Attribute::kTensorIsByValue, AttributeType::kBoolean, spec.is_by_value);
    return Finalize(tensor);
  }
  Descriptor Convolution(const ConvolutionSpec& spec) {
    const Descriptor convolution = Make(DescriptorType::kConvolution);
    SetOne(convolution, Attribute::kConvolutionSpatialDims, AttributeType::kInt64,
           static_cast<int64_t>(spec.strides.size()));
    SetOne(convolution, Attribute::kConvolutionComputeType, AttributeType::kDataType, int{kFloat});
    SetOne(convolution, Attribute::kConvolutionMode, AttributeType::kConvolutionMode, int{kCrossCorrelation});
    Set(convolution, Attribute::kConvolutionPrePaddings, AttributeType::kInt64, spec.pads_begin);
    Set(convolution, Attribute::kConvolutionPostPaddings, AttributeType::kInt64, spec.pads_end);
    Set(convolution, Attribute::kConvolutionStrides, AttributeType::kInt64, spec.strides);
    Set(convolution, Attribute::kConvolutionDilations, AttributeType::kInt64, spec.dilations);
    return Finalize(convolution);
  }
  Descriptor Forward(const ConvolutionSpec& spec, Descriptor x, Descriptor w, Descriptor y) {
    return Operation(DescriptorType::kConvolutionForward, {{Attribute::kForwardConvolution, Convolution(spec)},
                                                           {Attribute::kForwardX, x},
                                                           {Attribute::kForwardW, w},
                                                           {Attribute::kForwardY, y}});
  }
  Descriptor BackwardData(const ConvolutionSpec& spec, Descriptor w, Descriptor dy, Descriptor dx) {
    return Operation(DescriptorType::kConvolutionBackwardData,
                     {{Attribute::kBackwardDataConvolution, Convolution(spec)},
                      {Attribute::kBackwardDataW, w},
                      {Attribute::kBackwardDataDy, dy},
                      {Attribute::kBackwardDataDx, dx}});
  }
  Descriptor BackwardFilter(const ConvolutionSpec& spec, Descriptor x, Descriptor dy, Descriptor dw) {
    return Operation(DescriptorType::kConvolutionBackwardFilter,
                     {{Attribute::kBackwardFilterConvolution, Convolution(spec)},
                      {Attribute::kBackwardFilterX, x},
                      {Attribute::kBackwardFilterDy, dy},
                      {Attribute::kBackwardFilterDw, dw}});
  }
  // b and t may be null. `axis`: of an index.
  Descriptor Pointwise(backend::PointwiseMode mode, Descriptor x, Descriptor b, Descriptor y, Descriptor t = nullptr,
                       int64_t axis = -1) {
    const Descriptor pointwise = Make(DescriptorType::kPointwise);
    SetOne(pointwise, Attribute::kPointwiseMode, AttributeType::kPointwiseMode, mode);
    SetOne(pointwise, Attribute::kPointwisePrecision, AttributeType::kDataType, int{kFloat});
    if (axis >= 0) SetOne(pointwise, Attribute::kPointwiseAxis, AttributeType::kInt64, axis);
    Finalize(pointwise);
    return Operation(DescriptorType::kPointwiseOperation, {{Attribute::kPointwiseOperationPointwise, pointwise},
                                                           {Attribute::kPointwiseOperationX, x},
                                                           {Attribute::kPointwiseOperationB, b},
                                                           {Attribute::kPointwiseOperationT, t},
                                                           {Attribute::kPointwiseOperationY, y}});
  }
  Descriptor Matmul(Descriptor a, Descriptor b, Descriptor c) {
    const Descriptor matmul = Make(DescriptorType::kMatmul);
    SetOne(matmul, Attribute::kMatmulComputeType, AttributeType::kDataType, int{kFloat});
    return Operation(DescriptorType::kMatmulOperation, {{Attribute::kMatmulOperationMatmul, Finalize(matmul)},
                                                        {Attribute::kMatmulOperationA, a},
                                                        {Attribute::kMatmulOperationB, b},
                                                        {Attribute::kMatmulOperationC, c}});
  }
  Descriptor Reduce(backend::ReductionOperator function, Descriptor x, Descriptor y) {
    const Descriptor reduction = Make(DescriptorType::kReduction);
    SetOne(reduction, Attribute::kReductionOperator, AttributeType::kReductionOperator, function);
    SetOne(reduction, Attribute::kReductionComputeType, AttributeType::kDataType, int{kFloat});
    return Operation(DescriptorType::kReductionOperation,
                     {{Attribute::kReductionOperationReduction, Finalize(reduction)},
                      {Attribute::kReductionOperationX, x},
                      {Attribute::kReductionOperationY, y}});
  }
  Descriptor Reshape(Descriptor x, Descriptor y) {
    return Operation(DescriptorType::kReshapeOperation,
                     {{Attribute::kReshapeOperationX, x}, {Attribute::kReshapeOperationY, y}});
  }
  Descriptor Operation(DescriptorType kind, const std::vector<std::pair<Attribute, Descriptor>>& parts) {
    const Descriptor operation = Make(kind);
    for (const auto& [attribute, part] : parts) {
      if (part != nullptr) SetPart(operation, attribute, part);
    }
    return Finalize(operation);
  }

  Descriptor Graph(const std::vector<Descriptor>& operations) {
    const Descriptor graph = Make(DescriptorType::kOperationGraph);
    Set(graph, Attribute::kGraphOperations, AttributeType::kDescriptor, operations);
    return Finalize(graph);
  }
  Descriptor DeviceProperties(const std::string& json) {
    const Descriptor properties = Make(DescriptorType::kDeviceProperties);
    Set(properties, Attribute::kDevicePropertiesJson, AttributeType::kChar,
        std::vector<char>(json.begin(), json.end()));
    return Finalize(properties);
  }
  Descriptor Heuristics(Descriptor graph, backend::HeuristicsMode mode, Descriptor device) {
    const Descriptor heuristics = Make(DescriptorType::kEngineHeuristics);
    SetPart(heuristics, Attribute::kHeuristicsOperationGraph, graph);
    SetOne(heuristics, Attribute::kHeuristicsMode, AttributeType::kHeuristicsMode, mode);
    if (device != nullptr) SetPart(heuristics, Attribute::kHeuristicsDeviceProperties, device);
    return Finalize(heuristics);
  }
  // Some of which may not be finalized.
  std::vector<Descriptor> Configurations(Descriptor heuristics) {
    int64_t count = 0;
    Keep(api_.BackendGetAttribute(heuristics, Attribute::kHeuristicsResults, AttributeType::kDescriptor, 0, &count,
                                  nullptr));
    std::vector<Descriptor> configurations;
    for (int64_t i = 0; i < count; ++i) configurations.push_back(Make(DescriptorType::kEngineConfig));
    if (count > 0) {
      Keep(api_.BackendGetAttribute(heuristics, Attribute::kHeuristicsResults, AttributeType::kDescriptor, count,
                                    &count, configurations.data()));
    }
    return configurations;
  }
  // For a handle, or for an absent device.
  Descriptor Plan(Descriptor configuration, Handle handle, Descriptor device = nullptr) {
    const Descriptor plan = Make(DescriptorType::kExecutionPlan);
    SetPart(plan, Attribute::kPlanEngineConfig, configuration);
    if (handle != nullptr) SetOne(plan, Attribute::kPlanHandle, AttributeType::kHandle, handle);
    if (device != nullptr) SetPart(plan, Attribute::kPlanDeviceProperties, device);
    return Finalize(plan);
  }
  Descriptor Pack(const std::vector<int64_t>& ids, const std::vector<void*>& pointers, void* workspace) {
    const Descriptor pack = Make(DescriptorType::kVariantPack);
    Set(pack, Attribute::kPackUniqueIds, AttributeType::kInt64, ids);
    Set(pack, Attribute::kPackDataPointers, AttributeType::kVoidPointer, pointers);
    SetOne(pack, Attribute::kPackWorkspace, AttributeType::kVoidPointer, workspace);
    return Finalize(pack);
  }
  // Up to `room` elements.
  int Get(Descriptor descriptor, Attribute attribute, AttributeType type, int64_t room, void* elements) {
    int64_t count = 0;
    return Keep(api_.BackendGetAttribute(descriptor, attribute, type, room, &count, elements));
  }
  // -1 where it cannot be had.
  int64_t Int64(Descriptor descriptor, Attribute attribute) {
    int64_t value = -1, count = 0;
    Keep(api_.BackendGetAttribute(descriptor, attribute, AttributeType::kInt64, 1, &count, &value));
    return value;
  }

 private:
  int Keep(int status) {
    if (status_ == kSuccess) status_ = status;
    return status;
  }

  const Api& api_;
  int status_ = kSuccess;
  std::vector<Descriptor> made_;
};

}  // namespace plimsoll::runtime::cudnn
