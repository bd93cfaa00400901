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

  const bool scaled = op.scale() != 0 && op.scale() != 1;
  const Layout layout = LayoutOf(op.b(), constant_weights);
  auto describe = [&](const dnnl::memory::desc& bias, const dnnl::primitive_attr& with) {
    // Without packing, b stays where it is: oneDNN multiplies plain matrices well, and a copy at each run costs more.
    return std::make_shared<dnnl::matmul::primitive_desc>(
        Engine(), *a, layout == Layout::kGiven ? *b : AnyLayout(*b), bias, *dst, with);
  };
  dnnl::post_ops post_ops;
  std::vector<Step::Argument> arguments;
  dnnl::memory::desc bias;
  // The bias as the matmul's own, or as the first post-op.
  auto attempt = [&](bool own_bias) -> absl::StatusOr<std::shared_ptr<dnnl::matmul::primitive_desc>> {
    post_ops = dnnl::post_ops();
    arguments.clear();
    bias = dnnl::memory::desc();
    if (scaled) post_ops.append_eltwise(dnnl::algorithm::eltwise_linear, op.scale(), 0);
    if (op.has_bias()) {
      auto desc = PlainDesc(op.bias(), rank);
      if (!desc.ok()) return desc.status();
      if (own_bias) {
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
    dnnl::primitive_attr attributes = Attributes();
    attributes.set_post_ops(post_ops);
    return describe(bias, attributes);
  };
  const bool own_bias = op.has_bias() && !scaled && IsRowBias(op.bias(), dst->get_dims().back());
  auto made = attempt(own_bias);
  // Some kernels for f16 take no bias of their own.
  if (made.ok() && own_bias && IsReference(**made)) made = attempt(false);
  if (!made.ok()) return made.status();
  std::shared_ptr<dnnl::matmul::primitive_desc> pd = *std::move(made);
  if (absl::Status fast = RefuseSlowHalves(*a, *pd, post_ops); !fast.ok()) return fast;
  const bool apart = RunsBetterApart(*pd, post_ops);
  if (apart) pd = describe(bias, Attributes());
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
