#include "absl/strings/str_cat.h"
#include "runtime/library/onednn/descriptors.h"
#include "runtime/library/onednn/engine.h"
#include "runtime/library/onednn/operations.h"
#include "runtime/library/onednn/post_ops.h"

namespace plimsoll::runtime::onednn {
namespace {

struct Geometry {
  Dims strides, dilations, pads_begin, pads_end;
};

absl::StatusOr<Geometry> GeometryOf(const plan::Convolution& op) {
  const int spatial = op.src().dims_size() - 2;
  if (spatial < 1 || spatial > 3) {
    return absl::UnimplementedError(absl::StrCat("oneDNN convolves 1 to 3 spatial dimensions, this has ", spatial));
  }
  if (op.dst().dims_size() != spatial + 2 || op.weights().dims_size() != spatial + 2 || op.groups() < 1) {
    return absl::InvalidArgumentError("a convolution's source, weights and destination differ in rank, or groups < 1");
  }
  for (const auto* list : {&op.strides(), &op.dilations(), &op.pads_begin(), &op.pads_end()}) {
    if (!list->empty() && list->size() != spatial) {
      return absl::InvalidArgumentError("a convolution's strides, dilations or pads do not match its dimensions");
    }
  }
  Geometry g;
  for (int i = 0; i < spatial; ++i) {
    g.strides.push_back(op.strides().empty() ? 1 : op.strides(i));
    g.dilations.push_back(op.dilations().empty() ? 0 : op.dilations(i) - 1);
    g.pads_begin.push_back(op.pads_begin().empty() ? 0 : op.pads_begin(i));
    g.pads_end.push_back(op.pads_end().empty() ? 0 : op.pads_end(i));
    if (op.transposed()) {
      // Output padding shows in the destination's size only; oneDNN wants the end pad that gives this size.
      const int64_t range = (op.weights().dims(i + 2) - 1) * (g.dilations[i] + 1) + 1;
      g.pads_end[i] = (op.src().dims(i + 2) - 1) * g.strides[i] + range - op.dst().dims(i + 2) - g.pads_begin[i];
    }
  }
  return g;
}

void DropDim(plan::MemoryDesc& desc, int index) {
  desc.mutable_dims()->erase(desc.dims().begin() + index);
  if (index < desc.strides_size()) desc.mutable_strides()->erase(desc.strides().begin() + index);
}

void DropEntry(google::protobuf::RepeatedField<int64_t>& list, int index) {
  if (index < list.size()) list.erase(list.begin() + index);
}

}  // namespace

plan::Convolution WithoutUnitDims(const plan::Convolution& op) {
  plan::Convolution result = op;
  for (int i = 0; i < result.src().dims_size() - 2;) {
    const int dim = i + 2, rank = result.src().dims_size();
    auto is_padded = [&](const google::protobuf::RepeatedField<int64_t>& pads) { return i < pads.size() && pads[i] != 0; };
    if (rank <= 3 || result.weights().dims_size() != rank || result.dst().dims_size() != rank ||
        result.src().dims(dim) != 1 || result.weights().dims(dim) != 1 || result.dst().dims(dim) != 1 ||
        is_padded(result.pads_begin()) || is_padded(result.pads_end())) {
      ++i;
      continue;
    }
    for (plan::MemoryDesc* desc : {result.mutable_src(), result.mutable_weights(), result.mutable_dst()}) {
      DropDim(*desc, dim);
    }
    for (plan::PostOp& post_op : *result.mutable_post_ops()) {
      const int index = dim + post_op.operand().dims_size() - rank;  // dims are aligned on the right
      if (index >= 0 && post_op.has_operand()) DropDim(*post_op.mutable_operand(), index);
    }
    for (auto* list : {result.mutable_strides(), result.mutable_dilations(), result.mutable_pads_begin(),
                       result.mutable_pads_end()}) {
      DropEntry(*list, i);
    }
  }
  return result;
}

absl::StatusOr<dnnl::memory::desc> ConvolutionWeightsDesc(const plan::Convolution& op) {
  auto dtype = DataTypeOf(op.weights().dtype());
  if (!dtype.ok()) return dtype.status();
  auto given = StridesOf(op.weights());
  if (!given.ok()) return given.status();
  const Dims from = DimsOf(op.weights());
  const int64_t groups = op.groups();
  if (from.size() < 3 || from[0] % groups != 0) {
    return absl::InvalidArgumentError(absl::StrCat("convolution weights of rank ", from.size(), " with ",
                                                   from.empty() ? 0 : from[0], " channels for ", groups, " groups"));
  }
  const int o = op.transposed() ? 1 : 0;
  const int i = 1 - o;
  Dims dims, strides;
  if (groups > 1) {
    dims.push_back(groups);
    strides.push_back(from[0] / groups * (*given)[0]);
  }
  for (int dim : {o, i}) {
    dims.push_back(dim == 0 ? from[0] / groups : from[1]);
    strides.push_back((*given)[dim]);
  }
  dims.insert(dims.end(), from.begin() + 2, from.end());
  strides.insert(strides.end(), given->begin() + 2, given->end());
  return dnnl::memory::desc(dims, *dtype, strides);
}

absl::StatusOr<Recipe> ConvolutionRecipe(const plan::Convolution& given, bool constant_weights) {
  const plan::Convolution op = WithoutUnitDims(given);
  Recipe recipe;
  const int first_post_op = 2 + (op.has_bias() ? 1 : 0);
  const int dst_operand = first_post_op + PostOpOperands(op.post_ops());
  recipe.operands = dst_operand + 1;
  auto geometry = GeometryOf(op);
  if (!geometry.ok()) return geometry.status();
  if (HasZeroElements(op.dst())) return recipe;
  if (HasZeroElements(op.src()) || HasZeroElements(op.weights())) {
    return absl::UnimplementedError("a convolution over zero elements: its result is a constant");
  }
  const int rank = op.dst().dims_size();
  auto src = PlainDesc(op.src());
  if (!src.ok()) return src.status();
  auto weights = ConvolutionWeightsDesc(op);
  if (!weights.ok()) return weights.status();
  auto dst = PlainDesc(op.dst());
  if (!dst.ok()) return dst.status();

  dnnl::primitive_attr attributes = Attributes();
  dnnl::post_ops post_ops;
  std::vector<Step::Argument> arguments;
  dnnl::memory::desc bias;
  if (op.has_bias()) {
    auto dtype = DataTypeOf(op.bias().dtype());
    if (!dtype.ok()) return dtype.status();
    if (ElementCount(DimsOf(op.bias())) != dst->get_dims()[1]) {
      return absl::InvalidArgumentError("a convolution's bias does not have one element a channel");
    }
    bias = dnnl::memory::desc({dst->get_dims()[1]}, *dtype, dnnl::memory::format_tag::a);
    arguments.push_back({DNNL_ARG_BIAS, bias, {2}});
  }
  if (absl::Status status = AppendPostOps(op.post_ops(), first_post_op, rank, post_ops, arguments); !status.ok()) {
    return status;
  }
  attributes.set_post_ops(post_ops);

  const Layout layout = LayoutOf(op.weights(), constant_weights);
  // oneDNN has no fast kernel for plain weights: they are copied into the workspace where they are not packed.
  const dnnl::memory::desc any = AnyLayout(*weights);
  const Geometry& g = *geometry;
  dnnl::memory::desc chosen;
  auto describe = [&](const dnnl::primitive_attr& with) -> std::shared_ptr<dnnl::primitive_desc_base> {
    if (op.transposed()) {
      auto deconvolution = std::make_shared<dnnl::deconvolution_forward::primitive_desc>(
          Engine(), dnnl::prop_kind::forward_inference, dnnl::algorithm::deconvolution_direct, *src, any, bias, *dst,
          g.strides, g.dilations, g.pads_begin, g.pads_end, with);
      chosen = deconvolution->weights_desc();
      return deconvolution;
    }
    auto convolution = std::make_shared<dnnl::convolution_forward::primitive_desc>(
        Engine(), dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct, *src, any, bias, *dst,
        g.strides, g.dilations, g.pads_begin, g.pads_end, with);
    chosen = convolution->weights_desc();
    return convolution;
  };
  std::shared_ptr<dnnl::primitive_desc_base> pd = describe(attributes);
  if (absl::Status fast = RefuseSlowHalves(*src, *pd, post_ops); !fast.ok()) return fast;
  const bool apart = RunsBetterApart(*pd, post_ops);
  if (apart) pd = describe(Attributes());
  auto place = PlaceWeights(recipe, 1, op.weights(), layout, *weights, chosen);
  if (!place.ok()) return place.status();
  std::vector<Step::Argument> own = apart ? WithoutPostOps(arguments) : arguments;
  own.push_back({DNNL_ARG_SRC, *src, {0}});
  own.push_back({DNNL_ARG_WEIGHTS, chosen, *place});
  own.push_back({DNNL_ARG_DST, *dst, {dst_operand}});
  recipe.AddPrimitive(std::move(pd), std::move(own));
  if (apart) AddPostOpSteps(post_ops, arguments, *dst, dst_operand, recipe);
  return recipe;
}

}  // namespace plimsoll::runtime::onednn
