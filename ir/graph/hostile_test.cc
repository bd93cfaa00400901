// Random operands and attributes, most of them wrong: building never stops the process, and what it builds has the type
// that was inferred and verifies.
#include <random>

#include "ir/graph/testing/fixture.h"
#include "mlir/IR/Verifier.h"

namespace plimsoll::graph {
namespace {

using I64s = std::vector<int64_t>;

class HostileTest : public GraphTest {
 protected:
  int64_t number() {
    static constexpr int64_t kNumbers[] = {0,
                                           0,
                                           0,
                                           1,
                                           1,
                                           1,
                                           1,
                                           2,
                                           2,
                                           3,
                                           4,
                                           7,
                                           -1,
                                           -2,
                                           63,
                                           64,
                                           65,
                                           1 << 20,
                                           int64_t{1} << 31,
                                           int64_t{1} << 47,
                                           INT64_MAX,
                                           INT64_MIN,
                                           INT64_MIN + 1,
                                           INT64_MAX - 1};
    return kNumbers[random() % std::size(kNumbers)];
  }
  int64_t small() { return static_cast<int64_t>(random() % 4); }
  I64s numbers() {
    // Mostly of a length that fits, with a few numbers that do not.
    I64s result(random() % 4);
    for (int64_t& value : result) value = random() % 4 ? small() : number();
    return result;
  }
  mlir::Type element() {
    mlir::Type types[] = {builder.getI1Type(),
                          builder.getI8Type(),
                          builder.getI16Type(),
                          builder.getI32Type(),
                          builder.getI64Type(),
                          builder.getI64Type(),
                          builder.getIntegerType(4),
                          builder.getIntegerType(8, false),
                          builder.getIntegerType(32, false),
                          builder.getIntegerType(64, false),
                          builder.getF16Type(),
                          builder.getBF16Type(),
                          builder.getF32Type(),
                          builder.getF32Type(),
                          builder.getF64Type(),
                          builder.getFloat8E4M3FNType(),
                          builder.getFloat8E5M2FNUZType()};
    return types[random() % std::size(types)];
  }
  mlir::RankedTensorType tensor(mlir::Type element) {
    llvm::SmallVector<int64_t> shape(random() % 4);
    for (int64_t& dim : shape) dim = small();
    if (random() % 32 == 0 && !shape.empty()) shape[0] = int64_t{1} << 40;
    return mlir::RankedTensorType::get(shape, element);
  }
  mlir::Value value() { return value(element()); }
  mlir::Value value(mlir::Type element) {
    mlir::RankedTensorType type = tensor(element);
    if (random() % 4 == 0 || type.getNumElements() > 100) return input(text(type));
    if (auto format = llvm::dyn_cast<mlir::FloatType>(element)) {
      llvm::SmallVector<llvm::APFloat> elements;
      for (int64_t i = 0; i < type.getNumElements(); ++i)
        elements.push_back(llvm::APFloat(format.getFloatSemantics(), llvm::APInt(format.getWidth(), random(), false)));
      return build::constant(builder, location, mlir::DenseElementsAttr::get(type, elements));
    }
    unsigned width = element.getIntOrFloatBitWidth();
    llvm::SmallVector<llvm::APInt> elements;
    for (int64_t i = 0; i < type.getNumElements(); ++i)
      elements.push_back(llvm::APInt(64, static_cast<uint64_t>(number())).trunc(width));
    return build::constant(builder, location, mlir::DenseElementsAttr::get(type, elements));
  }

  template <typename Op, typename... Args>
  void attempt(Args&&... args) {
    auto results = build::ops<Op>(builder, location, std::forward<Args>(args)...);
    if (mlir::failed(results)) {
      EXPECT_FALSE(errors.take().empty()) << Op::getOperationName().str() << " failed without a word";
      return;
    }
    ++built;
    for (mlir::Value result : *results) {
      EXPECT_TRUE(mlir::succeeded(mlir::verify(result.getDefiningOp()))) << errors.take();
      if (constantOf(result)) ++folded;
      if (auto cost = result.getDefiningOp<CostInterface>()) {
        EXPECT_GE(cost.cost().bytes_read, 0);
        EXPECT_GE(cost.cost().contraction_flops, 0);
      }
      if (auto view = result.getDefiningOp<ViewInterface>())
        if (auto offset = view.viewByteOffset()) EXPECT_GE(*offset, 0);
    }
  }

  void once() {
    mlir::Value x = value(), y = value(random() % 2 ? tensorElement(x) : element());
    uint64_t axis = random() % 4 ? static_cast<uint64_t>(small()) : static_cast<uint64_t>(number());
    llvm::APFloat alpha(static_cast<double>(number())), beta(static_cast<double>(number()));
    switch (random() % 42) {
      case 0:
        return attempt<AddOp>(x, y);
      case 1:
        return attempt<SubOp>(x, y);
      case 2:
        return attempt<MulOp>(x, y);
      case 3:
        return attempt<DivOp>(x, y);
      case 4:
        return attempt<PowOp>(x, y);
      case 5:
        return attempt<MaxOp>(x, y);
      case 6:
        return attempt<AndOp>(x, y);
      case 7:
        return attempt<XorOp>(x, y);
      case 8:
        return attempt<ShiftLeftOp>(x, y);
      case 9:
        return attempt<ShiftRightOp>(x, y);
      case 10:
        return attempt<ModOp>(x, y, random() % 2 == 0);
      case 11:
        return attempt<CompareOp>(static_cast<ComparePredicate>(random() % 6), x, y);
      case 12:
        return attempt<SelectOp>(value(builder.getI1Type()), x, y);
      case 13:
        return attempt<AbsOp>(x);
      case 14:
        return attempt<NegOp>(x);
      case 15:
        return attempt<SignOp>(x);
      case 16:
        return attempt<RsqrtOp>(x);
      case 17:
        return attempt<AcosOp>(x);
      case 18:
        return attempt<RoundOp>(x);
      case 19:
        return attempt<NotOp>(x);
      case 20:
        return attempt<IsInfOp>(x, random() % 2 == 0, random() % 2 == 0);
      case 21:
        return attempt<ActivationOp>(x, static_cast<ActivationKind>(random() % 12), alpha, beta);
      case 22:
        return attempt<CastOp>(
            mlir::RankedTensorType::get(llvm::cast<mlir::RankedTensorType>(x.getType()).getShape(), element()), x,
            random() % 2 == 0);
      case 23:
        return attempt<ReshapeOp>(tensor(tensorElement(x)), x);
      case 24:
        return attempt<TransposeOp>(x, numbers());
      case 25:
        return attempt<ExpandOp>(tensor(tensorElement(x)), x);
      case 26:
        return attempt<SliceOp>(x, numbers(), numbers(), numbers());
      case 27:
        return attempt<ConcatOp>(mlir::ValueRange{x, y, x}, axis);
      case 28:
        return attempt<PadOp>(x, random() % 2 ? mlir::Value() : y, static_cast<PadMode>(random() % 4), numbers(),
                              numbers());
      case 29:
        return attempt<GatherOp>(x, value(builder.getI64Type()), axis);
      case 30:
        return attempt<GatherElementsOp>(x, value(builder.getI32Type()), axis);
      case 31:
        return attempt<GatherNdOp>(x, value(builder.getI64Type()), static_cast<uint64_t>(small()));
      case 32:
        return attempt<IotaOp>(tensor(element()), axis, alpha, beta);
      case 33:
        return attempt<ReduceOp>(x, static_cast<ReduceKind>(random() % 8), numbers(), random() % 2 == 0);
      case 34:
        return attempt<ArgReduceOp>(x, random() % 2 == 0, axis, random() % 2 == 0, random() % 2 == 0);
      case 35:
        return attempt<SoftmaxOp>(x, axis);
      case 36:
        return attempt<LayerNormOp>(x, y, mlir::Value(), axis, alpha);
      case 37:
        return attempt<GroupNormOp>(x, y, y, axis, alpha);
      case 38:
        return attempt<DotGeneralOp>(x, y, mlir::Value(), mlir::Value(), mlir::Value(), mlir::ValueRange(),
                                     random() % 2 == 0, random() % 2 == 0, alpha, mlir::ArrayAttr());
      case 39:
        return attempt<ConvolutionOp>(x, y, mlir::Value(), mlir::Value(), mlir::Value(), mlir::ValueRange(), numbers(),
                                      numbers(), numbers(), numbers(), axis, random() % 2 == 0, numbers(),
                                      random() % 2 == 0, mlir::ArrayAttr());
      case 40:
        return attempt<PoolOp>(x, PoolKind::max, numbers(), numbers(), numbers(), numbers(), numbers(), numbers(),
                               random() % 2 == 0);
      case 41:
        return attempt<ResizeOp>(tensor(tensorElement(x)), x, "linear", "half_pixel", "floor",
                                 std::vector<double>(random() % 4, static_cast<double>(small())), alpha);
    }
  }
  static mlir::Type tensorElement(mlir::Value x) {
    return llvm::cast<mlir::RankedTensorType>(x.getType()).getElementType();
  }

  build::ErrorCollector errors{&context};
  std::mt19937_64 random{20};
  int built = 0, folded = 0;
};

TEST_F(HostileTest, BuildingNeverStopsTheProcess) {
  for (int i = 0; i < 60000; ++i) {
    once();
    if (i % 1000 == 0) module->getBody()->clear();
    if (HasFailure()) FAIL() << "after " << i << " operations";
  }
  EXPECT_GT(built, 5000);
  EXPECT_GT(folded, 2000);
}

}  // namespace
}  // namespace plimsoll::graph
