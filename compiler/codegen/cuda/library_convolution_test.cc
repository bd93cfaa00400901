// Generated kernels of convolutions, on the emulator, against loops in double precision written here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "compiler/codegen/cuda/library_comparison.h"

namespace plimsoll::codegen {
namespace {

using testing::ElementsAre;

// Runs a convolution on random operands and compares.
void CheckConvolution(const plan::Convolution& convolution, const std::string& skeleton = "", uint32_t seed = 1) {
  const std::string what = convolution.ShortDebugString();
  std::mt19937 random(seed);
  plan::LibraryOp op;
  *op.mutable_convolution() = convolution;
  Operand src = RandomOperand(convolution.src(), random), weights = RandomOperand(convolution.weights(), random),
          dst = RandomOperand(convolution.dst(), random), bias, src_zero, weights_zero;
  std::vector<Operand*> operands{&src, &weights};
  const int64_t channels = convolution.dst().dims(1);
  if (convolution.has_bias()) operands.push_back(&(bias = RandomOperand(convolution.bias(), random)));
  if (convolution.has_src_zero_point())
    operands.push_back(&(src_zero = RandomOperand(convolution.src().dtype(), 1, random)));
  if (convolution.has_weights_zero_point())
    operands.push_back(
        &(weights_zero = RandomOperand(convolution.weights().dtype(),
                                       convolution.weights_zero_point_per_channel() ? channels : 1, random)));
  std::vector<Operand> post = PostOperands(convolution.post_ops(), random);
  for (Operand& operand : post) operands.push_back(&operand);
  const Operand before = dst;
  operands.push_back(&dst);
  LibraryKernelRun run(op);
  ASSERT_TRUE(run.status().ok()) << run.status() << what;
  if (!skeleton.empty()) EXPECT_THAT(run.kernel().skeletons, ElementsAre(skeleton)) << what;
  const absl::Status status = run.Run(operands, {operands.size() - 1});
  ASSERT_TRUE(status.ok()) << status << what;
  const int spatial = convolution.src().dims_size() - 2;
  const int64_t groups = convolution.groups(), out_of_group = channels / groups,
                in_of_group = convolution.src().dims(1) / groups;
  const Dims src_strides = StridesOf(convolution.src()), weight_strides = StridesOf(convolution.weights());
  Dims kernel{in_of_group};
  for (int i = 0; i < spatial; ++i) kernel.push_back(convolution.weights().dims(i + 2));
  auto entry = [](const auto& list, int i, int64_t otherwise) {
    return list.empty() ? otherwise : static_cast<int64_t>(list[i]);
  };
  Compare(
      dst, convolution.dst(),
      [&](const Dims& at) {
        Expectation e;
        const int64_t group = at[1] / out_of_group;
        Dims k(kernel.size(), 0);
        do {
          Dims from{at[0], group * in_of_group + k[0]}, w{at[1], k[0]};
          if (convolution.transposed()) w = {group * in_of_group + k[0], at[1] % out_of_group};
          bool inside = true;
          for (int i = 0; i < spatial; ++i) {
            const int64_t stride = entry(convolution.strides(), i, 1), dilation = entry(convolution.dilations(), i, 1),
                          pad = entry(convolution.pads_begin(), i, 0);
            int64_t p;
            if (convolution.transposed()) {  // at = p * stride + k * dilation - pad
              const int64_t scaled = at[i + 2] + pad - k[i + 1] * dilation;
              inside &= scaled >= 0 && scaled % stride == 0;
              p = scaled / stride;
            } else {
              p = at[i + 2] * stride + k[i + 1] * dilation - pad;
            }
            inside &= p >= 0 && p < convolution.src().dims(i + 2);
            from.push_back(p);
            w.push_back(k[i + 1]);
          }
          if (!inside) continue;
          const double x = src.at(Place(src_strides, from)) - (convolution.has_src_zero_point() ? src_zero.at(0) : 0),
                       y = weights.at(Place(weight_strides, w)) -
                           (convolution.has_weights_zero_point()
                                ? weights_zero.at(convolution.weights_zero_point_per_channel() ? at[1] : 0)
                                : 0);
          e.value += x * y;
          e.magnitude += std::abs(x * y);
        } while (Next(k, kernel));
        if (convolution.has_bias()) e.value += bias.at(at[1]);
        e.value =
            PostOpsAt(convolution.post_ops(), post, at, e.value, before.at(Place(StridesOf(convolution.dst()), at)));
        return e;
      },
      what, Count(kernel));
}

struct Shape {
  Dims image, kernel, strides, dilations, begin, end;
  int64_t batch = 1, in = 1, out = 1, groups = 1;
  bool transposed = false, channels_last = false;
};
plan::Convolution Convolution(plan::DataType type, const Shape& s) {
  plan::Convolution convolution;
  Dims src{s.batch, s.in}, dst{s.batch, s.out}, weights{s.out, s.in / s.groups};
  if (s.transposed) weights = {s.in, s.out / s.groups};
  for (size_t i = 0; i < s.image.size(); ++i) {
    auto entry = [&](const Dims& list, int64_t otherwise) { return list.empty() ? otherwise : list[i]; };
    const int64_t range = (s.kernel[i] - 1) * entry(s.dilations, 1) + 1, stride = entry(s.strides, 1),
                  pads = entry(s.begin, 0) + entry(s.end, 0);
    src.push_back(s.image[i]);
    weights.push_back(s.kernel[i]);
    dst.push_back(s.transposed ? (s.image[i] - 1) * stride + range - pads : (s.image[i] + pads - range) / stride + 1);
  }
  SetDesc(convolution.mutable_src(), type, src, ImageStrides(src, s.channels_last));
  SetDesc(convolution.mutable_weights(), type, weights);
  SetDesc(convolution.mutable_dst(), type, dst, ImageStrides(dst, s.channels_last));
  for (int64_t v : s.strides) convolution.add_strides(v);
  for (int64_t v : s.dilations) convolution.add_dilations(v);
  for (int64_t v : s.begin) convolution.add_pads_begin(v);
  for (int64_t v : s.end) convolution.add_pads_end(v);
  convolution.set_groups(s.groups);
  convolution.set_transposed(s.transposed);
  return convolution;
}

TEST(Convolution, KernelsStridesDilationsAndPads) {
  for (bool channels_last : {false, true})
    for (bool transposed : {false, true}) {
      for (int64_t stride : {1, 2, 3})
        for (int64_t dilation : {1, 2})
          for (int64_t pad : {0, 1}) {
            Shape s{{11, 13}, {3, 2}, {stride, stride}, {dilation, dilation}, {pad, 0}, {pad, pad}, 2, 12, 20};
            s.channels_last = channels_last;
            s.transposed = transposed;
            CheckConvolution(Convolution(plan::F32, s));
          }
      Shape pointwise{{9, 8}, {1, 1}, {1, 1}, {1, 1}, {0, 0}, {0, 0}, 2, 36, 40};
      pointwise.channels_last = channels_last;
      pointwise.transposed = transposed;
      CheckConvolution(Convolution(plan::F32, pointwise));
      pointwise.strides = {2, 2};
      CheckConvolution(Convolution(plan::F32, pointwise));
    }
}

TEST(Convolution, AnySpatialRank) {
  for (bool channels_last : {false, true})
    for (bool transposed : {false, true}) {
      Shape one{{40}, {5}, {2}, {1}, {2}, {1}, 2, 8, 12},
          three{{5, 6, 7}, {3, 1, 2}, {1, 2, 1}, {1, 1, 2}, {1, 0, 1}, {1, 0, 0}, 1, 6, 8},
          four{{3, 4, 3, 5}, {2, 3, 1, 2}, {1, 1, 1, 2}, {1, 1, 1, 1}, {0, 1, 0, 1}, {0, 1, 0, 0}, 1, 4, 6};
      for (Shape* s : {&one, &three, &four}) {
        s->channels_last = channels_last;
        s->transposed = transposed;
        CheckConvolution(Convolution(plan::F32, *s));
      }
    }
}

TEST(Convolution, Groups) {
  for (bool channels_last : {false, true})
    for (bool transposed : {false, true})
      for (int64_t groups : {2, 6}) {
        Shape s{{9, 10}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 2, 12, 24, groups};
        s.channels_last = channels_last;
        s.transposed = transposed;
        plan::Convolution convolution = Convolution(plan::F32, s);
        SetDesc(convolution.mutable_bias(), plan::F32, {24});
        CheckConvolution(convolution);
      }
}

TEST(Convolution, DepthwiseAndNarrowGroups) {
  for (bool channels_last : {false, true})
    for (bool transposed : {false, true})
      for (int64_t multiplier : {1, 3})
        for (plan::DataType type : {plan::F32, plan::F16}) {
          Shape s{{9, 10}, {3, 3}, {2, 1}, {1, 2}, {1, 1}, {1, 2}, 2, 12, 12 * multiplier, 12};
          s.channels_last = channels_last;
          s.transposed = transposed;
          plan::Convolution convolution = Convolution(type, s);
          SetDesc(convolution.mutable_bias(), type, {12 * multiplier});
          AddPostOp(convolution.mutable_post_ops(), "hard_swish");
          const Dims dims = DimsOf(convolution.dst());
          AddBinary(convolution.mutable_post_ops(), "add", type, dims, ImageStrides(dims, channels_last));
          CheckConvolution(convolution, multiplier == 1 ? "depthwise" : "grouped");
        }
  Shape large{{20, 21}, {7, 7}, {1, 1}, {1, 1}, {3, 3}, {3, 3}, 1, 8, 8, 8};
  large.channels_last = true;
  CheckConvolution(Convolution(plan::F32, large), "depthwise");
  Shape one{{9, 10}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 2, 12, 1};
  CheckConvolution(Convolution(plan::F64, one), "grouped");
  CheckConvolution(Convolution(plan::I32, one), "grouped");
}

TEST(Convolution, FewPositions) {
  for (bool channels_last : {false, true}) {
    Shape s{{1, 1}, {1, 1}, {1, 1}, {1, 1}, {0, 0}, {0, 0}, 2, 36, 40};
    s.channels_last = channels_last;
    plan::Convolution convolution = Convolution(plan::F32, s);
    SetDesc(convolution.mutable_bias(), plan::F32, {40});
    CheckConvolution(convolution, "matvec");
  }
}

TEST(Convolution, AllElementTypes) {
  for (plan::DataType type :
       {plan::F64, plan::F16, plan::BF16, plan::F8E4M3FN, plan::F8E5M2, plan::I16, plan::I32, plan::I64})
    for (bool channels_last : {false, true}) {
      Shape s{{9, 10}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 1, 8, 16};
      s.channels_last = channels_last;
      CheckConvolution(Convolution(type, s));
    }
}

TEST(Convolution, TensorCores) {
  for (plan::DataType type : {plan::F16, plan::BF16})
    for (bool transposed : {false, true}) {
      Shape s{{9, 10}, {3, 3}, {2, 1}, {1, 2}, {1, 1}, {1, 2}, 2, 24, 40};
      s.channels_last = true;
      s.transposed = transposed;
      plan::Convolution convolution = Convolution(type, s);
      if (!transposed) {  // the channels of the weights last, too
        const Dims dims = DimsOf(convolution.weights());
        SetDesc(convolution.mutable_weights(), type, dims, ImageStrides(dims, true));
      }
      plan::LibraryOp op;
      *op.mutable_convolution() = convolution;
      LibraryKernelRun run(op);
      if (!transposed) EXPECT_THAT(run.code().ptx, testing::HasSubstr("mma.sync"));
      SetDesc(convolution.mutable_bias(), type, {40});
      AddPostOp(convolution.mutable_post_ops(), "silu");
      CheckConvolution(convolution);
    }
}

TEST(Convolution, BiasAndPostOps) {
  for (bool channels_last : {false, true})
    for (plan::DataType type : {plan::F32, plan::F16}) {
      Shape s{{9, 12}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 2, 8, 16};
      s.channels_last = channels_last;
      plan::Convolution convolution = Convolution(type, s);
      SetDesc(convolution.mutable_bias(), type, {16});
      AddPostOp(convolution.mutable_post_ops(), "silu");
      const Dims dims = DimsOf(convolution.dst());
      AddBinary(convolution.mutable_post_ops(), "add", type, dims, ImageStrides(dims, channels_last));
      AddBinary(convolution.mutable_post_ops(), "mul", type, {1, 16, 1, 1});
      AddPostOp(convolution.mutable_post_ops(), "relu");
      CheckConvolution(convolution);
      convolution.clear_post_ops();
      convolution.mutable_post_ops()->Add()->set_kind(plan::PostOp::SUM);
      CheckConvolution(convolution);
    }
}

TEST(Convolution, IntegersAreExact) {
  for (bool channels_last : {false, true})
    for (int64_t groups : {1, 2})
      for (plan::DataType a : {plan::U8, plan::I8})
        for (int zeros = 0; zeros < 6; ++zeros) {
          Shape s{{9, 10}, {3, 3}, {2, 1}, {1, 1}, {1, 1}, {1, 1}, 2, 16, 24, groups};
          s.channels_last = channels_last;
          plan::Convolution convolution = Convolution(a, s);
          convolution.mutable_weights()->set_dtype(zeros % 2 ? plan::I8 : plan::U8);
          convolution.mutable_dst()->set_dtype(plan::I32);
          convolution.set_has_src_zero_point(zeros != 0);
          convolution.set_has_weights_zero_point(zeros > 1);
          convolution.set_weights_zero_point_per_channel(zeros > 3);
          if (zeros == 5) SetDesc(convolution.mutable_bias(), plan::I32, {24});
          CheckConvolution(convolution);
        }
}

TEST(Convolution, RandomShapes) {
  std::mt19937 random(11);
  auto some = [&](int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(random); };
  for (int round = 0; round < 60; ++round) {
    Shape s;
    s.groups = some(0, 2) == 0 ? some(1, 4) : 1;
    s.batch = some(1, 3);
    s.in = s.groups * some(1, 12);
    s.out = s.groups * some(1, 40);
    s.transposed = some(0, 3) == 0;
    s.channels_last = some(0, 1);
    for (int64_t i = some(1, 3); i > 0; --i) {
      s.kernel.push_back(some(1, 4));
      s.dilations.push_back(some(1, 2));
      s.strides.push_back(some(1, 3));
      s.begin.push_back(some(0, 2));
      s.end.push_back(some(0, 2));
      s.image.push_back(some(0, 6) + (s.kernel.back() - 1) * 2 + 3);
    }
    const plan::DataType types[] = {plan::F32, plan::F32, plan::F16, plan::F64};
    CheckConvolution(Convolution(types[some(0, 3)], s), "", round + 1);
    if (HasFatalFailure()) return;
  }
}

// Weights with the channels last, as cuDNN likes them.
TEST(Convolution, WeightsWithChannelsLast) {
  for (bool channels_last : {false, true})
    for (bool transposed : {false, true}) {
      Shape s{{9, 10}, {3, 3}, {1, 2}, {1, 1}, {1, 1}, {1, 1}, 2, 8, 12};
      s.channels_last = channels_last;
      s.transposed = transposed;
      plan::Convolution convolution = Convolution(plan::F32, s);
      const Dims dims = DimsOf(convolution.weights());
      SetDesc(convolution.mutable_weights(), plan::F32, dims, ImageStrides(dims, true));
      CheckConvolution(convolution);
    }
  plan::LibraryOp op;
  *op.mutable_convolution() = Convolution(plan::F32, {{9, 10}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 2, 8, 12});
  op.mutable_convolution()->mutable_weights()->set_packed_bytes(12 * 72 * 4);
  EXPECT_EQ(LibraryKernelRun(op).status().code(), absl::StatusCode::kUnimplemented);
}

TEST(Convolution, ShapesThatDoNotAgree) {
  Shape s{{9, 10}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 1, 8, 16};
  plan::LibraryOp op;
  *op.mutable_convolution() = Convolution(plan::F32, s);
  op.mutable_convolution()->set_groups(3);
  EXPECT_EQ(LibraryKernelRun(op).status().code(), absl::StatusCode::kInvalidArgument);
  op.mutable_convolution()->set_groups(0);
  EXPECT_EQ(LibraryKernelRun(op).status().code(), absl::StatusCode::kInvalidArgument);
  *op.mutable_convolution() = Convolution(plan::F32, s);
  op.mutable_convolution()->set_strides(0, 0);
  EXPECT_EQ(LibraryKernelRun(op).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace plimsoll::codegen
