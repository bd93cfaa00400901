// Checked builders: what fails is reported and leaves nothing behind, what folds is a constant, types are inferred.
#include "ir/graph/build.h"

#include "ir/graph/testing/fixture.h"

namespace plimsoll::graph {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class BuildTest : public GraphTest {};

TEST_F(BuildTest, ReportsWhatCannotBeInferred) {
  mlir::Value x = input("tensor<2xf32>"), y = input("tensor<3xf32>");
  size_t before = module->getBody()->getOperations().size();
  build::ErrorCollector errors(&context);
  EXPECT_TRUE(mlir::failed(build::op<AddOp>(builder, location, x, y)));
  EXPECT_THAT(errors.take(), HasSubstr("(B1) shapes [2] and [3] do not broadcast"));
  EXPECT_TRUE(errors.empty());
  EXPECT_EQ(module->getBody()->getOperations().size(), before);
}

TEST_F(BuildTest, ReportsWhatDoesNotVerify) {
  mlir::Value x = input("tensor<2x3xf32>");
  build::ErrorCollector errors(&context);
  EXPECT_TRUE(mlir::failed(build::op<ReshapeOp>(builder, location, type("tensor<5xf32>"), x)));
  EXPECT_THAT(errors.take(), HasSubstr("(M1)"));
  EXPECT_EQ(module->getBody()->getOperations().size(), 1u);
}

TEST_F(BuildTest, TakesAttributesByName) {
  mlir::Value x = input("tensor<2x3xf32>");
  auto permutation = builder.getNamedAttr("permutation", builder.getDenseI64ArrayAttr({1, 0}));
  auto y =
      build::op<TransposeOp>(builder, location, mlir::ValueRange{x}, llvm::ArrayRef<mlir::NamedAttribute>{permutation});
  ASSERT_TRUE(mlir::succeeded(y));
  EXPECT_EQ(y->getType(), type("tensor<3x2xf32>"));
}

TEST_F(BuildTest, FoldsToAConstantAndLeavesNoOperation) {
  auto sum = build::op<AddOp>(builder, location, constant("dense<[1, 2]> : tensor<2xi64>"),
                              constant("dense<5> : tensor<i64>"));
  EXPECT_THAT(values(sum), ElementsAre(6, 7));
  module->walk([](mlir::Operation* op) { EXPECT_FALSE(llvm::isa<AddOp>(op)); });
}

TEST_F(BuildTest, FoldsToAnOperand) {
  mlir::Value x = input("tensor<2x3xf32>");
  auto y = build::op<ReshapeOp>(builder, location, type("tensor<2x3xf32>"), x);
  ASSERT_TRUE(mlir::succeeded(y));
  EXPECT_EQ(*y, x);
}

TEST_F(BuildTest, InfersManyResults) {
  auto results = build::ops<RecurrentOp>(builder, location, input("tensor<7x2x3xf32>"), input("tensor<1x20x3xf32>"),
                                         input("tensor<1x20x5xf32>"), mlir::Value(), mlir::Value(), mlir::Value(),
                                         mlir::Value(), "lstm", "forward", uint64_t{5});
  ASSERT_TRUE(mlir::succeeded(results));
  ASSERT_EQ(results->size(), 3u);
  EXPECT_EQ((*results)[0].getType(), type("tensor<7x1x2x5xf32>"));
  EXPECT_EQ((*results)[2].getType(), type("tensor<1x2x5xf32>"));
}

TEST_F(BuildTest, RefusesHostileSizes) {
  build::ErrorCollector errors(&context);
  mlir::Value x = input("tensor<140737488355328x1xi8>"), y = input("tensor<1x140737488355328xi8>");
  EXPECT_TRUE(mlir::failed(build::op<AddOp>(builder, location, x, y)));
  EXPECT_THAT(errors.take(), HasSubstr("(S3)"));
  EXPECT_TRUE(mlir::failed(build::op<PadOp>(builder, location, input("tensor<2xi8>"), mlir::Value(), PadMode::constant,
                                            llvm::ArrayRef<int64_t>{INT64_MAX}, llvm::ArrayRef<int64_t>{INT64_MAX})));
  EXPECT_THAT(errors.take(), HasSubstr("(S1)"));
  EXPECT_TRUE(mlir::failed(build::op<TransposeOp>(builder, location, x, llvm::ArrayRef<int64_t>{-1, 0})));
  EXPECT_THAT(errors.take(), HasSubstr("(M2)"));
  EXPECT_TRUE(
      mlir::failed(build::op<SoftmaxOp>(builder, location, input("tensor<2xf32>"), static_cast<uint64_t>(INT64_MIN))));
  EXPECT_THAT(errors.take(), HasSubstr("(S5)"));
}

TEST_F(BuildTest, InfersConvolutionAndPoolSizes) {
  mlir::Value image = input("tensor<1x3x224x224xf32>");
  const std::vector<int64_t> two{2, 2}, one{1, 1}, three{3, 3}, zero{0, 0};
  auto convolution = [&](mlir::Value x, mlir::Value w, bool transposed, bool last) {
    return build::op<ConvolutionOp>(builder, location, x, w, mlir::Value(), mlir::Value(), mlir::Value(),
                                    mlir::ValueRange(), two, one, three, three, uint64_t{1}, transposed,
                                    llvm::ArrayRef<int64_t>(), last, mlir::ArrayAttr());
  };
  auto y = convolution(image, input("tensor<64x3x7x7xf32>"), false, false);
  ASSERT_TRUE(mlir::succeeded(y));
  EXPECT_EQ(y->getType(), type("tensor<1x64x112x112xf32>"));
  // 2 * 118,013,952 multiply-adds: ResNet's first layer.
  EXPECT_EQ(y->getDefiningOp<CostInterface>().cost().contraction_flops, 2.0 * 118013952);
  auto last = convolution(input("tensor<1x224x224x3xf32>"), input("tensor<64x3x7x7xf32>"), false, true);
  ASSERT_TRUE(mlir::succeeded(last));
  EXPECT_EQ(last->getType(), type("tensor<1x112x112x64xf32>"));
  auto up = convolution(*y, input("tensor<64x3x7x7xf32>"), true, false);
  ASSERT_TRUE(mlir::succeeded(up));
  EXPECT_EQ(up->getType(), type("tensor<1x3x223x223xf32>"));
  auto pool = build::op<PoolOp>(builder, location, *y, PoolKind::max, three, two, one, one, one, zero);
  ASSERT_TRUE(mlir::succeeded(pool));
  EXPECT_EQ(pool->getType(), type("tensor<1x64x56x56xf32>"));
}

TEST_F(BuildTest, ProductsOfBytesAccumulateInto32Bits) {
  auto y = build::op<DotGeneralOp>(builder, location, input("tensor<5x1x2x3xui8>"), input("tensor<4x3xi8>"),
                                   mlir::Value(), mlir::Value(), mlir::Value(), mlir::ValueRange(), false, true,
                                   llvm::APFloat(1.0), mlir::ArrayAttr());
  ASSERT_TRUE(mlir::succeeded(y));
  EXPECT_EQ(y->getType(), type("tensor<5x1x2x4xi32>"));
}

TEST_F(BuildTest, ViewsKnowTheirOffset) {
  mlir::Value x = input("tensor<4x3x8xf32>");
  auto offset = [&](llvm::ArrayRef<int64_t> starts, llvm::ArrayRef<int64_t> sizes, llvm::ArrayRef<int64_t> strides) {
    return build::op<SliceOp>(builder, location, x, starts, sizes, strides)
        ->getDefiningOp<ViewInterface>()
        .viewByteOffset();
  };
  EXPECT_EQ(offset({1, 0, 0}, {2, 3, 8}, {1, 1, 1}), 96);
  EXPECT_EQ(offset({2, 1, 3}, {1, 1, 5}, {1, 1, 1}), 4 * (48 + 8 + 3));
  EXPECT_EQ(offset({2, 1, 0}, {1, 2, 8}, {-1, 1, 1}), 4 * (48 + 8));
  EXPECT_EQ(offset({0, 0, 0}, {4, 2, 8}, {1, 1, 1}), std::nullopt);
  EXPECT_EQ(offset({0, 0, 0}, {4, 3, 4}, {1, 1, 2}), std::nullopt);
  EXPECT_EQ(offset({3, 0, 0}, {4, 3, 8}, {-1, 1, 1}), std::nullopt);
}

TEST_F(BuildTest, BytesCountBoundsAndBools) {
  EXPECT_EQ(byteSize(type("tensor<3xi1>")), 3);
  EXPECT_EQ(byteSize(type("tensor<3xi4>")), 2);
  EXPECT_EQ(byteSize(type("tensor<1x?xi64, #graph.bounds<[1, 4]>>")), 32);
  EXPECT_EQ(byteSize(type("tensor<?xi64>")), std::nullopt);
  EXPECT_EQ(byteSize(type("tensor<4611686018427387904x8xi64>")), std::nullopt);
}

}  // namespace
}  // namespace plimsoll::graph
