#include "runtime/library/cudnn/testing/emulated_operation.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"

namespace plimsoll::runtime::cudnn::emulated {
namespace {

using backend::Attribute;
using backend::DescriptorType;
using backend::PointwiseMode;
using backend::ReductionOperator;

constexpr size_t kMostDims = 8;

Outcome MakeTensor(Object& object) {
  auto tensor = std::make_shared<Tensor>();
  tensor->id = object.One<int64_t>(Attribute::kTensorUniqueId);
  tensor->type = object.One<int>(Attribute::kTensorDataType);
  tensor->dims = object.All<int64_t>(Attribute::kTensorDimensions);
  tensor->strides = object.All<int64_t>(Attribute::kTensorStrides);
  tensor->alignment = object.One<int64_t>(Attribute::kTensorByteAlignment);
  tensor->is_virtual = object.One<bool>(Attribute::kTensorIsVirtual);
  tensor->is_by_value = object.One<bool>(Attribute::kTensorIsByValue);
  if (tensor->dims.empty() || tensor->dims.size() > kMostDims) return Bad("a tensor of no dims, or of more than 8");
  if (tensor->dims.size() != tensor->strides.size()) return Bad("a tensor with another number of strides than dims");
  const int64_t bytes = ElementBytes(tensor->type);
  if (bytes == 0) return Unsupported(absl::StrCat("tensors of type ", tensor->type));
  if (tensor->alignment <= 0 || tensor->alignment % bytes != 0) {
    return Bad(absl::StrCat("a tensor at a multiple of ", tensor->alignment, " bytes, with elements of ", bytes));
  }
  for (size_t i = 0; i < tensor->dims.size(); ++i) {
    if (tensor->dims[i] < 1 || tensor->strides[i] < 0) return Bad("a dim below 1, or a stride below 0");
  }
  if (tensor->is_by_value && (tensor->is_virtual || Count(tensor->dims) != 1)) {
    return Bad("a tensor by value that is virtual, or of more than one element");
  }
  object.content = std::move(tensor);
  return {};
}

Outcome MakeConvolution(Object& object) {
  auto convolution = std::make_shared<ConvolutionParameters>();
  convolution->spatial = object.One<int64_t>(Attribute::kConvolutionSpatialDims);
  convolution->compute_type = object.One<int>(Attribute::kConvolutionComputeType);
  convolution->pads_begin = object.All<int64_t>(Attribute::kConvolutionPrePaddings);
  convolution->pads_end = object.All<int64_t>(Attribute::kConvolutionPostPaddings);
  convolution->strides = object.All<int64_t>(Attribute::kConvolutionStrides);
  convolution->dilations = object.All<int64_t>(Attribute::kConvolutionDilations);
  const size_t spatial = static_cast<size_t>(convolution->spatial);
  if (convolution->spatial < 1 || spatial > kMostDims - 2) return Bad("a convolution of no spatial dims, or too many");
  for (const Dims* dims :
       {&convolution->pads_begin, &convolution->pads_end, &convolution->strides, &convolution->dilations}) {
    if (dims->size() != spatial) return Bad("a convolution with another number of pads, strides or dilations");
  }
  for (size_t i = 0; i < spatial; ++i) {
    if (convolution->pads_begin[i] < 0 || convolution->pads_end[i] < 0 || convolution->strides[i] < 1 ||
        convolution->dilations[i] < 1) {
      return Bad("a pad below 0, or a stride or dilation below 1");
    }
  }
  if (object.One<int>(Attribute::kConvolutionMode) != kCrossCorrelation) return Unsupported("no cross-correlation");
  if (spatial > 3) return Unsupported("a convolution of more than 3 spatial dims");
  object.content = std::move(convolution);
  return {};
}

// All arithmetic is in f32.
Outcome CheckPrecision(const Object& object, Attribute attribute) {
  return object.One<int>(attribute) == kFloat ? Outcome() : Unsupported("arithmetic in another type than f32");
}

Outcome MakePointwise(Object& object) {
  auto pointwise = std::make_shared<PointwiseParameters>();
  pointwise->mode = static_cast<PointwiseMode>(object.One<int>(Attribute::kPointwiseMode));
  switch (pointwise->mode) {
    case PointwiseMode::kGenIndex:
      if (!object.Has(Attribute::kPointwiseAxis)) return Bad("an index without an axis");
      break;
    case PointwiseMode::kAdd:
    case PointwiseMode::kMul:
    case PointwiseMode::kMin:
    case PointwiseMode::kMax:
    case PointwiseMode::kSqrt:
    case PointwiseMode::kDiv:
    case PointwiseMode::kSub:
    case PointwiseMode::kAbs:
    case PointwiseMode::kExp:
    case PointwiseMode::kLog:
    case PointwiseMode::kIdentity:
    case PointwiseMode::kReluForward:
    case PointwiseMode::kTanhForward:
    case PointwiseMode::kSigmoidForward:
    case PointwiseMode::kEluForward:
    case PointwiseMode::kGeluForward:
    case PointwiseMode::kSoftplusForward:
    case PointwiseMode::kSwishForward:
    case PointwiseMode::kGeluTanhForward:
    case PointwiseMode::kCompareGreaterEqual:
    case PointwiseMode::kSelect:
      break;
    default:
      return Unsupported(absl::StrCat("pointwise mode ", static_cast<int>(pointwise->mode)));
  }
  pointwise->lower_clip = object.Number(Attribute::kPointwiseReluLowerClip, pointwise->lower_clip);
  pointwise->upper_clip = object.Number(Attribute::kPointwiseReluUpperClip, pointwise->upper_clip);
  pointwise->slope = object.Number(Attribute::kPointwiseReluLowerClipSlope, pointwise->slope);
  pointwise->swish_beta = object.Number(Attribute::kPointwiseSwishBeta, pointwise->swish_beta);
  pointwise->axis = object.One<int64_t>(Attribute::kPointwiseAxis, -1);
  if (Outcome outcome = CheckPrecision(object, Attribute::kPointwisePrecision); !outcome.ok()) return outcome;
  object.content = std::move(pointwise);
  return {};
}

Outcome MakeReduction(Object& object) {
  auto reduction = std::make_shared<ReductionParameters>();
  const int function = object.One<int>(Attribute::kReductionOperator);
  constexpr int kOperators = 9;
  if (function < 0 || function >= kOperators) return Bad("an unknown reduction");
  reduction->function = static_cast<ReductionOperator>(function);
  if (reduction->function != ReductionOperator::kAdd && reduction->function != ReductionOperator::kMax) {
    return Unsupported("a reduction that is no sum and no maximum");
  }
  if (Outcome outcome = CheckPrecision(object, Attribute::kReductionComputeType); !outcome.ok()) return outcome;
  object.content = std::move(reduction);
  return {};
}

// What an operation's attributes are called, by its kind.
struct Roles {
  DescriptorType kind;
  Attribute x, y;
  std::optional<Attribute> b, t, parameters, alpha, beta;
};
const Roles kRoles[] = {
    {DescriptorType::kConvolutionForward,
     Attribute::kForwardX,
     Attribute::kForwardY,
     Attribute::kForwardW,
     {},
     Attribute::kForwardConvolution,
     Attribute::kForwardAlpha,
     Attribute::kForwardBeta},
    {DescriptorType::kConvolutionBackwardData,
     Attribute::kBackwardDataDy,
     Attribute::kBackwardDataDx,
     Attribute::kBackwardDataW,
     {},
     Attribute::kBackwardDataConvolution,
     Attribute::kBackwardDataAlpha,
     Attribute::kBackwardDataBeta},
    {DescriptorType::kConvolutionBackwardFilter,
     Attribute::kBackwardFilterX,
     Attribute::kBackwardFilterDw,
     Attribute::kBackwardFilterDy,
     {},
     Attribute::kBackwardFilterConvolution,
     Attribute::kBackwardFilterAlpha,
     Attribute::kBackwardFilterBeta},
    {DescriptorType::kPointwiseOperation,
     Attribute::kPointwiseOperationX,
     Attribute::kPointwiseOperationY,
     Attribute::kPointwiseOperationB,
     Attribute::kPointwiseOperationT,
     Attribute::kPointwiseOperationPointwise,
     {},
     {}},
    {DescriptorType::kMatmulOperation,
     Attribute::kMatmulOperationA,
     Attribute::kMatmulOperationC,
     Attribute::kMatmulOperationB,
     {},
     Attribute::kMatmulOperationMatmul,
     {},
     {}},
    {DescriptorType::kReductionOperation,
     Attribute::kReductionOperationX,
     Attribute::kReductionOperationY,
     {},
     {},
     Attribute::kReductionOperationReduction,
     {},
     {}},
    {DescriptorType::kReshapeOperation,
     Attribute::kReshapeOperationX,
     Attribute::kReshapeOperationY,
     {},
     {},
     {},
     {},
     {}},
};

template <typename T>
Outcome Take(const Object& object, Attribute attribute, T& out) {
  const Object* part = object.Part(attribute);
  if (part == nullptr || !part->is_finalized) return Bad("an operation with a descriptor that was not finalized");
  const T* content = part->ContentAs<T>();
  if (content == nullptr) return Bad("an operation with a descriptor of another kind than its attribute's");
  out = *content;
  return {};
}

Outcome MakeOperation(Object& object, const Roles& roles) {
  auto operation = std::make_shared<Operation>();
  operation->kind = object.kind;
  Outcome outcome = Take(object, roles.x, operation->x);
  if (outcome.ok()) outcome = Take(object, roles.y, operation->y);
  for (auto [role, tensor] : {std::pair(roles.b, &operation->b), std::pair(roles.t, &operation->t)}) {
    if (outcome.ok() && role.has_value() && object.Has(*role)) outcome = Take(object, *role, tensor->emplace());
  }
  if (!outcome.ok()) return outcome;
  MatmulParameters matmul;
  if (operation->IsConvolution()) {
    outcome = Take(object, *roles.parameters, operation->convolution);
  } else if (object.kind == DescriptorType::kPointwiseOperation) {
    outcome = Take(object, *roles.parameters, operation->pointwise);
  } else if (object.kind == DescriptorType::kReductionOperation) {
    outcome = Take(object, *roles.parameters, operation->reduction);
  } else if (object.kind == DescriptorType::kMatmulOperation) {
    outcome = Take(object, *roles.parameters, matmul);
  }
  if (!outcome.ok()) return outcome;
  if (roles.alpha.has_value()) operation->alpha = object.Number(*roles.alpha, 1);
  if (roles.beta.has_value()) operation->beta = object.Number(*roles.beta, 0);
  if (outcome = CheckShapes(*operation); !outcome.ok()) return outcome;
  object.content = std::move(operation);
  return {};
}

}  // namespace

int64_t Count(const Dims& dims) {
  return std::accumulate(dims.begin(), dims.end(), int64_t{1}, [](int64_t a, int64_t b) { return a * b; });
}

int64_t Tensor::Span() const {
  int64_t last = 0;
  for (size_t i = 0; i < dims.size(); ++i) last += (dims[i] - 1) * strides[i];
  return last + 1;
}

std::vector<std::pair<int64_t, int64_t>> Tensor::Places() const {
  std::vector<std::pair<int64_t, int64_t>> places;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] > 1) places.emplace_back(strides[i], dims[i]);
  }
  std::sort(places.begin(), places.end());
  return places;
}

bool Tensor::IsDense() const {
  int64_t next = 1;
  for (const auto& [stride, dim] : Places()) {
    if (stride != next) return false;
    next *= dim;
  }
  return true;
}

bool Tensor::IsChannelsLast() const { return dims.size() < 3 || dims[1] == 1 || strides[1] == 1; }

bool Tensor::operator==(const Tensor& other) const {
  return id == other.id && type == other.type && dims == other.dims && strides == other.strides &&
         alignment == other.alignment && is_virtual == other.is_virtual && is_by_value == other.is_by_value;
}

int64_t ElementBytes(int type) {
  switch (type) {
    case kFloat:
    case kInt32:
      return 4;
    case kDouble:
      return 8;
    case kHalf:
    case kBfloat16:
      return 2;
    case kBoolean:
      return 1;
    default:
      return 0;
  }
}

bool Operation::IsConvolution() const {
  return kind == DescriptorType::kConvolutionForward || kind == DescriptorType::kConvolutionBackwardData ||
         kind == DescriptorType::kConvolutionBackwardFilter;
}

std::vector<const Tensor*> Operation::Inputs() const {
  std::vector<const Tensor*> inputs = {&x};
  if (b.has_value()) inputs.push_back(&*b);
  if (t.has_value()) inputs.push_back(&*t);
  return inputs;
}

std::string Operation::Name() const {
  switch (kind) {
    case DescriptorType::kConvolutionForward:
      return "forward";
    case DescriptorType::kConvolutionBackwardData:
      return "backward data";
    case DescriptorType::kConvolutionBackwardFilter:
      return "backward filter";
    case DescriptorType::kMatmulOperation:
      return "matmul";
    case DescriptorType::kReductionOperation:
      return absl::StrCat("reduction ", static_cast<int>(reduction.function));
    case DescriptorType::kReshapeOperation:
      return "reshape";
    default:
      return absl::StrCat("pointwise ", static_cast<int>(pointwise.mode));
  }
}

Outcome MakeContent(Object& object) {
  switch (object.kind) {
    case DescriptorType::kTensor:
      return MakeTensor(object);
    case DescriptorType::kConvolution:
      return MakeConvolution(object);
    case DescriptorType::kPointwise:
      return MakePointwise(object);
    case DescriptorType::kReduction:
      return MakeReduction(object);
    case DescriptorType::kMatmul:
      object.content = std::make_shared<MatmulParameters>();
      return CheckPrecision(object, Attribute::kMatmulComputeType);
    default:
      break;
  }
  for (const Roles& roles : kRoles) {
    if (roles.kind == object.kind) return MakeOperation(object, roles);
  }
  return Unsupported("a descriptor of a kind that is not emulated");
}

}  // namespace plimsoll::runtime::cudnn::emulated
