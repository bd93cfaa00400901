#include <algorithm>

#include "absl/strings/str_cat.h"
#include "runtime/library/onednn/descriptors.h"
#include "runtime/library/onednn/engine.h"
#include "runtime/library/onednn/operations.h"
#include "runtime/library/onednn/post_ops.h"

namespace plimsoll::runtime::onednn {
namespace {

// A bias along the last dimension only; other shapes are added as a post-op.
bool IsRowBias(const plan::MemoryDesc& bias, int64_t n) {
  if (bias.dims_size() == 0 || bias.dims(bias.dims_size() - 1) != n) return false;
  return ElementCount(DimsOf(bias)) == n && (bias.strides().empty() || bias.strides(bias.dims_size() - 1) == 1);
}

}  // namespace

absl::StatusOr<Recipe> MatmulRecipe(const plan::Matmul& op, bool constant_weights) {
  const int rank = std::max({op.a().dims_size(), op.b().dims_size(), op.dst().dims_size(), 2});
  if (op.a().dims_size() < 2 || op.b().dims_size() < 2 || op.dst().dims_size() < 2) {
    return absl::InvalidArgumentError("a matmul's operands have at least two dimensions, [.., M, K] x [.., K, N]");
  }
  Recipe recipe;
  const int bias_operand = 2;
  const int first_post_op = bias_operand + (op.has_bias() ? 1 : 0);
  const int dst_operand = first_post_op + PostOpOperands(op.post_ops());
  recipe.operands = dst_operand + 1;
  if (HasZeroElements(op.dst())) return recipe;
  if (HasZeroElements(op.a()) || HasZeroElements(op.b())) {
    return absl::UnimplementedError("a matmul over zero elements: its result is a constant");
  }
  auto a = PlainDesc(op.a(), rank);
  if (!a.ok()) return a.status();
  auto b = PlainDesc(op.b(), rank);
  if (!b.ok()) return b.status();
  auto dst = PlainDesc(op.dst(), rank);
  if (!dst.ok()) return dst.status();

  dnnl::primitive_attr attributes = Attributes();
  dnnl::post_ops post_ops;
  std::vector<Step::Argument> arguments;
  const bool scaled = op.scale() != 0 && op.scale() != 1;
  if (scaled) post_ops.append_eltwise(dnnl::algorithm::eltwise_linear, op.scale(), 0);
  dnnl::memory::desc bias;
  if (op.has_bias()) {
    auto desc = PlainDesc(op.bias(), rank);
    if (!desc.ok()) return desc.status();
    if (!scaled && IsRowBias(op.bias(), dst->get_dims().back())) {
      bias = *desc;
      arguments.push_back({DNNL_ARG_BIAS, bias, {bias_operand}});
    } else {
      arguments.push_back({DNNL_ARG_ATTR_MULTIPLE_POST_OP(post_ops.len()) | DNNL_ARG_SRC_1, *desc, {bias_operand}});
      post_ops.append_binary(dnnl::algorithm::binary_add, *desc);
    }
  }
  if (absl::Status status = AppendPostOps(op.post_ops(), first_post_op, rank, post_ops, arguments); !status.ok()) {
    return status;
  }
  attributes.set_post_ops(post_ops);

  // Without packing, b stays where it is: oneDNN multiplies plain matrices well, and a copy at each run costs more.
  const Layout layout = LayoutOf(op.b(), constant_weights);
  auto describe = [&](const dnnl::primitive_attr& with) {
    return std::make_shared<dnnl::matmul::primitive_desc>(
        Engine(), *a, layout == Layout::kGiven ? *b : AnyLayout(*b), bias, *dst, with);
  };
  auto pd = describe(attributes);
  const bool apart = RunsBetterApart(*pd, post_ops);
  if (apart) pd = describe(Attributes());
  auto place = PlaceWeights(recipe, 1, op.b(), layout, *b, pd->weights_desc());
  if (!place.ok()) return place.status();
  std::vector<Step::Argument> own = apart ? WithoutPostOps(arguments) : arguments;
  own.push_back({DNNL_ARG_SRC, *a, {0}});
  own.push_back({DNNL_ARG_WEIGHTS, pd->weights_desc(), *place});
  own.push_back({DNNL_ARG_DST, *dst, {dst_operand}});
  recipe.AddPrimitive(std::move(pd), std::move(own));
  if (apart) AddPostOpSteps(post_ops, arguments, *dst, dst_operand, recipe);
  return recipe;
}

}  // namespace plimsoll::runtime::onednn
