// Few long rows cut in parts (passes/fuse/split_rows_pass.h) and fused, kernel by kernel on the emulator, against loops
// in double precision.
#include <algorithm>
#include <map>

#include "compiler/codegen/cuda/cuda.h"
#include "compiler/codegen/cuda/emulator/emulator.h"
#include "compiler/codegen/cuda/emulator/guarded_buffer.h"
#include "compiler/codegen/test_operation.h"
#include "compiler/codegen/test_values.h"
#include "ir/graph/build.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "passes/cost/memory_of.h"
#include "passes/fuse/fuse_pass.h"
#include "passes/fuse/split_rows_pass.h"

namespace plimsoll::codegen {
namespace {

constexpr passes::RowMachine kMachine{108, 1.555e12};

// A function of graph operations, each a kernel.
class EmulatedFunction {
 public:
  EmulatedFunction(const std::string& text, bool cut)
      : operation_(text), function_(operation_.get()->getParentOfType<mlir::func::FuncOp>()) {
    mlir::PassManager manager(function_->getContext(), mlir::func::FuncOp::getOperationName());
    if (cut) manager.addPass(passes::CreateSplitRowsPass(kMachine));
    manager.addPass(
        passes::CreateFusePass([](llvm::ArrayRef<mlir::Operation*> ops, llvm::ArrayRef<mlir::Value> results) {
          return CanBeOneCudaKernel(ops, results, *ResolveCuda("sm_80"));
        }));
    if (mlir::failed(manager.run(function_))) Die("a pass failed:\n" + text);
    CudaKernelCompiler compiler(*ResolveCuda("sm_80"), FindCudaToolkit());
    for (mlir::Operation& op : function_.getBody().front().without_terminator()) {
      if (llvm::isa<graph::ConstantOp>(op) || passes::IsView(&op)) continue;
      auto kernel = compiler.Add(&op);
      if (mlir::failed(kernel)) Die("not compiled:\n" + text);
      kernels_[&op] = *kernel;
    }
    auto code = compiler.Finish(/*keep_bitcode=*/true);
    if (!code.ok()) Die(code.status().ToString());
    auto device = EmulatedCuda::Load(code->bitcode);
    if (!device.ok()) Die(device.status().ToString());
    device_ = *std::move(device);
  }

  int kernels() const { return static_cast<int>(kernels_.size()); }
  mlir::func::FuncOp function() { return function_; }

  // The results' memory. `seed`: of the order of blocks and threads.
  std::vector<std::string> Run(const std::vector<std::string>& inputs, uint64_t seed) {
    llvm::DenseMap<mlir::Value, std::string> values;
    for (auto [argument, input] : llvm::zip_equal(function_.getArguments(), inputs)) values[argument] = input;
    std::vector<std::string> results;
    for (mlir::Operation& op : function_.getBody().front()) {
      if (llvm::isa<mlir::func::ReturnOp>(op)) {
        for (mlir::Value value : op.getOperands()) results.push_back(values[value]);
      } else if (auto constant = llvm::dyn_cast<graph::ConstantOp>(op)) {
        values[constant] = BytesOf(llvm::cast<mlir::DenseElementsAttr>(constant.getValue()));
      } else if (passes::IsView(&op)) {
        values[op.getResult(0)] = values[op.getOperand(0)].substr(
            *llvm::cast<graph::ViewInterface>(op).viewByteOffset(), passes::BytesOf(op.getResult(0)));
      } else {
        Launch(op, values, seed);
      }
    }
    return results;
  }

 private:
  static std::string BytesOf(mlir::DenseElementsAttr elements) {
    std::string bytes;
    const int64_t count = elements.isSplat() ? elements.getNumElements() : 1;
    for (int64_t i = 0; i < count; ++i) bytes.append(elements.getRawData().begin(), elements.getRawData().end());
    return bytes;
  }

  void Launch(mlir::Operation& op, llvm::DenseMap<mlir::Value, std::string>& values, uint64_t seed) {
    const CudaKernel& kernel = kernels_.at(&op);
    std::vector<GuardedBuffer> memory;
    for (mlir::Value operand : op.getOperands()) memory.emplace_back(values[operand]);
    for (mlir::Value result : op.getResults()) memory.emplace_back(passes::BytesOf(result));
    std::vector<void*> buffers;
    for (GuardedBuffer& buffer : memory) buffers.push_back(buffer.data());
    const absl::Status status = device_->Launch(kernel.symbol, kernel.blocks, kernel.threads, buffers, seed);
    if (!status.ok()) Die(status.ToString());
    for (size_t i = 0; i < memory.size(); ++i) {
      EXPECT_EQ(memory[i].Damage(), "");
      if (i >= op.getNumOperands()) values[op.getResult(i - op.getNumOperands())] = memory[i].contents();
    }
  }

  TestOperation operation_;
  mlir::func::FuncOp function_;
  std::map<mlir::Operation*, CudaKernel> kernels_;
  std::unique_ptr<EmulatedCuda> device_;
};

// [outer, reduced, inner].
struct Dims {
  int64_t outer = 1, reduced = 1, inner = 1;
  Shape shape() const { return {outer, reduced, inner}; }
  int64_t rows() const { return outer * inner; }
  int64_t at(int64_t row, int64_t i) const { return (row / inner * reduced + i) * inner + row % inner; }
};

std::vector<double> RunCut(const std::string& text, const std::vector<Operand>& operands, const std::string& element) {
  EmulatedFunction function(text, true);
  EXPECT_GE(function.kernels(), 2) << "not cut:\n" << text;
  std::vector<std::string> inputs;
  for (const Operand& operand : operands) inputs.push_back(Pack(operand.values, operand.element));
  const auto once = function.Run(inputs, 1);
  EXPECT_EQ(once, function.Run(inputs, 2)) << "the order of blocks changes the result of\n" << text;
  return Unpack(once[0], element);
}

std::string Returning(const std::string& op, const std::vector<Operand>& operands, const Shape& shape,
                      const std::string& element) {
  std::string text = Function(op, operands, shape, element);
  const std::string type = Tensor(shape, element);
  text.replace(text.find(") {"), 3, ") -> " + type + " {");
  return text.replace(text.find("return"), 6, "return %r : " + type);
}

// Even, odd and prime lengths, along memory and across it.
std::vector<Dims> Shapes(unsigned seed) {
  std::mt19937 random(seed);
  auto between = [&](int64_t low, int64_t high) { return low + static_cast<int64_t>(random() % (high - low)); };
  return {{1, 16 * between(4000, 12000), 1},
          {between(2, 4), 2 * between(50000, 80000) + 1, 1},
          {1, 99991, 1},
          {1, 64 * between(60, 90), between(20, 40)},
          {between(1, 3), 7919, between(20, 33)}};
}

double Reduced(const std::string& kind, const std::vector<double>& x, const Dims& dims, int64_t row) {
  double sum = kind == "prod" ? 1 : kind == "max" ? -HUGE_VAL : kind == "min" ? HUGE_VAL : 0;
  for (int64_t i = 0; i < dims.reduced; ++i) {
    const double v = x[dims.at(row, i)];
    if (kind == "prod")
      sum *= v;
    else if (kind == "max")
      sum = std::isnan(v) || std::isnan(sum) ? NAN : std::max(sum, v);
    else if (kind == "min")
      sum = std::isnan(v) || std::isnan(sum) ? NAN : std::min(sum, v);
    else if (kind == "l1")
      sum += std::abs(v);
    else if (kind == "sum" || kind == "mean")
      sum += v;
    else
      sum += v * v;
  }
  if (kind == "mean") sum /= static_cast<double>(dims.reduced);
  return kind == "l2" ? std::sqrt(sum) : sum;
}

std::string ReduceText(const std::string& kind, const Operand& x) {
  return Returning("graph.reduce <" + kind + "> %a0 over [1] keep true :", {x}, {x.shape[0], 1, x.shape[2]}, x.element);
}

TEST(SplitRows, ReductionsOfAllKindsAndTypes) {
  unsigned seed = 0;
  for (const char* kind : {"sum", "mean", "max", "min", "prod", "sum_square", "l1", "l2"})
    for (const char* element : {"f32", "f16", "bf16", "f64", "i32"}) {
      const bool integer = element == std::string("i32"), product = kind == std::string("prod");
      const auto shapes = Shapes(++seed);
      const Dims dims = shapes[seed % shapes.size()];
      std::vector<double> values =
          integer ? RandomIntegers(Count(dims.shape()), -3, 5, seed) : Random(Count(dims.shape()), -1, 2, seed);
      for (size_t i = 0; product && i < values.size(); ++i)
        values[i] = integer ? (i % 7 == 0 ? -1 : 1) : 1 + (values[i] - 0.5) * 1e-3;
      Operand x(dims.shape(), element, values);
      if (product && !integer && element != std::string("f32") && element != std::string("f64"))
        continue;  // 1 + little is 1 there
      const std::string text = ReduceText(kind, x);
      const auto got = RunCut(text, {x}, element);
      std::vector<double> want;
      for (int64_t row = 0; row < dims.rows(); ++row) {
        const double v = Reduced(kind, x.values, dims, row);
        want.push_back(integer ? std::trunc(v) : v);
      }
      // Halves overflow where their sum does.
      for (double& v : want)
        if (element == std::string("f16") && std::abs(v) > 65519) v = HUGE_VAL;
      const double tolerance = element == std::string("f32") ? 2e-5 : Tolerance(element);
      ExpectNear(got, want, integer ? 0 : tolerance, element == std::string("f64") ? 1e-8 : integer ? 0 : 1e-2, text);
    }
}

TEST(SplitRows, KeepNaNAndInfinity) {
  const Dims dims{3, 50000, 1};
  for (const char* kind : {"sum", "mean", "max", "min", "prod", "sum_square", "l1", "l2"}) {
    std::vector<double> values = Random(Count(dims.shape()), 0.999, 1.001, 3);
    values[49999] = NAN;           // row 0: in its last part
    values[50000 + 7] = HUGE_VAL;  // row 1
    values[100000 + 30000] = -HUGE_VAL;
    Operand x(dims.shape(), "f32", values);
    std::vector<double> want;
    for (int64_t row = 0; row < 3; ++row) want.push_back(Reduced(kind, x.values, dims, row));
    ExpectNear(RunCut(ReduceText(kind, x), {x}, "f32"), want, 1e-4, 0, kind);
  }
}

TEST(SplitRows, FirstAndLastOfTheLargest) {
  for (const bool largest : {true, false})
    for (const bool last : {true, false})
      for (const Dims& dims : {Dims{2, 131072, 1}, Dims{1, 99991, 1}, Dims{1, 7919, 24}}) {
        std::vector<double> values = RandomIntegers(Count(dims.shape()), -50, 50, 5);  // many equals
        for (int64_t i = 0; i < dims.reduced; i += 3) values[dims.at(0, i)] = NAN;
        for (int64_t i = 0; i < dims.reduced; ++i)
          values[dims.at(dims.rows() - 1, i)] = dims.rows() > 1 ? NAN : values[dims.at(0, i)];
        Operand x(dims.shape(), "f32", values);
        const std::string text =
            Returning(absl::StrCat("graph.arg_reduce %a0 {largest = ", largest ? "true" : "false",
                                   ", axis = 1 : i64, keep_dims = true, last = ", last ? "true" : "false", "} :"),
                      {x}, {dims.outer, 1, dims.inner}, "i64");
        std::vector<double> want;
        for (int64_t row = 0; row < dims.rows(); ++row) {
          int64_t best = -1;
          for (int64_t i = 0; i < dims.reduced; ++i) {
            const double v = x.values[dims.at(row, i)];
            if (std::isnan(v)) continue;
            const double most = best < 0 ? 0 : x.values[dims.at(row, best)];
            if (best < 0 || (largest ? v > most : v < most) || (last && v == most)) best = i;
          }
          want.push_back(static_cast<double>(std::max<int64_t>(best, 0)));
        }
        ExpectNear(RunCut(text, {x}, "i64"), want, 0, 0, text);
      }
}

TEST(SplitRows, SoftmaxWithMaskedParts) {
  for (const char* element : {"f32", "f16", "f64"})
    for (const bool log : {false, true})
      for (const Dims& dims : {Dims{5, 65536, 1}, Dims{2, 99991, 1}, Dims{1, 8192, 16}}) {
        std::vector<double> values = Random(Count(dims.shape()), -4, 9, 11);
        const int64_t rows = dims.rows();
        for (int64_t i = 0; i < dims.reduced / 2; ++i) values[dims.at(0, i)] = -HUGE_VAL;  // whole parts
        if (rows > 2) {
          for (int64_t i = 0; i < dims.reduced; ++i) values[dims.at(1, i)] = -HUGE_VAL;  // NaN, as in one piece
          values[dims.at(2, 17)] = HUGE_VAL;
          values[dims.at(3, dims.reduced - 1)] = NAN;
        }
        Operand x(dims.shape(), element, values);
        const std::string text =
            Returning(absl::StrCat("graph.softmax %a0 {axis = 1 : i64, log = ", log ? "true" : "false", "} :"), {x},
                      x.shape, element);
        std::vector<double> want(values.size());
        for (int64_t row = 0; row < rows; ++row) {
          double most = -HUGE_VAL, sum = 0;
          for (int64_t i = 0; i < dims.reduced; ++i) most = std::fmax(most, x.values[dims.at(row, i)]);
          for (int64_t i = 0; i < dims.reduced; ++i) sum += std::exp(x.values[dims.at(row, i)] - most);
          for (int64_t i = 0; i < dims.reduced; ++i) {
            const double v = x.values[dims.at(row, i)] - most;
            want[dims.at(row, i)] = log ? v - std::log(sum) : std::exp(v) / sum;
          }
        }
        const double tolerance = element == std::string("f32") ? 1e-5 : Tolerance(element);
        ExpectNear(RunCut(text, {x}, element), want, tolerance, element == std::string("f16") ? 1e-6 : 1e-9, text);
      }
}

struct NormCase {
  std::string op;  // %a0: x, %a1: scale, %a2: bias
  Shape shape;
  int64_t columns, channels, inner;  // elements of a row; of scale; for which a channel is the same, in a row
  bool centered, bias;
};

TEST(SplitRows, NormalizationsOfNumbersFarFromZero) {
  const std::vector<NormCase> cases = {{"graph.layer_norm %a0, %a1, %a2 {axis = 1 : i64, epsilon = 1.0e-5 : f64} :",
                                        {2, 65536},
                                        65536,
                                        65536,
                                        1,
                                        true,
                                        true},
                                       {"graph.layer_norm %a0, %a1 {axis = 1 : i64, epsilon = 1.0e-5 : f64} :",
                                        {3, 99991},
                                        99991,
                                        99991,
                                        1,
                                        true,
                                        false},
                                       {"graph.rms_norm %a0, %a1 {axis = 1 : i64, epsilon = 1.0e-5 : f64} :",
                                        {2, 3, 30000},
                                        90000,
                                        90000,
                                        1,
                                        false,
                                        false},
                                       {"graph.group_norm %a0, %a1, %a2 {groups = 3 : i64, epsilon = 1.0e-5 : f64} :",
                                        {2, 12, 96, 96},
                                        4 * 96 * 96,
                                        12,
                                        96 * 96,
                                        true,
                                        true},
                                       {"graph.group_norm %a0, %a1, %a2 {groups = 5 : i64, epsilon = 1.0e-5 : f64} :",
                                        {1, 5, 65537},
                                        65537,
                                        5,
                                        65537,
                                        true,
                                        true}};
  for (const NormCase& c : cases)
    for (const char* element : {"f32", "f16", "bf16", "f64"}) {
      const int64_t count = Count(c.shape);
      // The squares of the mean are a million times the variance: sums of squares would lose all in f32.
      const double offset = element == std::string("f32") || element == std::string("f64") ? 1000 : 3;
      std::vector<Operand> operands = {{c.shape, element, Random(count, offset - 1, offset + 1, 7)}};
      const bool channels = c.op.find("group") != std::string::npos;
      const Shape parameters = channels ? Shape{c.channels} : Shape(c.shape.begin() + 1, c.shape.end());
      operands.push_back({parameters, element, Random(c.channels, 0.5, 2, 8)});
      if (c.bias) operands.push_back({parameters, element, Random(c.channels, -1, 1, 9)});
      std::vector<double> want(count);
      for (int64_t row = 0; row < count / c.columns; ++row) {
        const double* x = operands[0].values.data() + row * c.columns;
        long double mean = 0, squares = 0;
        for (int64_t i = 0; i < c.columns && c.centered; ++i) mean += x[i];
        mean /= static_cast<long double>(c.columns);
        for (int64_t i = 0; i < c.columns; ++i) squares += (x[i] - mean) * (x[i] - mean);
        const auto rstd = static_cast<double>(1 / std::sqrt(squares / static_cast<long double>(c.columns) + 1e-5L));
        for (int64_t i = 0; i < c.columns; ++i) {
          const int64_t channel = (row * c.columns + i) / c.inner % c.channels;
          const auto deviation = static_cast<double>(x[i] - mean);
          want[row * c.columns + i] =
              deviation * rstd * operands[1].values[channel] + (c.bias ? operands[2].values[channel] : 0);
        }
      }
      const std::string text = Returning(c.op, operands, c.shape, element);
      // The mean's own rounding, 2^-24 of 1000, over the deviation of 0.6.
      const double rounding = element == std::string("f32") ? 3e-4 : 1e-11;
      const double atol = offset == 1000 && c.centered ? rounding : Tolerance(element);
      ExpectNear(RunCut(text, operands, element), want, Tolerance(element) * 4, atol, text);
    }
}

// What computes the rows goes into the kernel of the parts, and into nothing else where nobody else reads it.
TEST(SplitRows, ProducersAreFusedIntoTheParts) {
  EmulatedFunction sum(R"(func.func @f(%x: tensor<2x65536xf32>, %y: tensor<2x65536xf32>) -> tensor<2xf32> {
    %0 = graph.mul %x, %y : (tensor<2x65536xf32>, tensor<2x65536xf32>) -> tensor<2x65536xf32>
    %1 = graph.exp %0 : tensor<2x65536xf32> -> tensor<2x65536xf32>
    %2 = graph.reduce <sum> %1 over [1] keep false : tensor<2x65536xf32> -> tensor<2xf32>
    %3 = graph.log %2 : tensor<2xf32> -> tensor<2xf32>
    return %3 : tensor<2xf32>
  })",
                       true);
  EXPECT_EQ(sum.kernels(), 2);
  EmulatedFunction halves(R"(func.func @f(%x: tensor<2x524288xf16>, %y: tensor<2x524288xf16>) -> tensor<2xf16> {
    %0 = graph.mul %x, %y : (tensor<2x524288xf16>, tensor<2x524288xf16>) -> tensor<2x524288xf16>
    %2 = graph.reduce <sum> %0 over [1] keep false : tensor<2x524288xf16> -> tensor<2xf16>
    return %2 : tensor<2xf16>
  })",
                          true);
  EXPECT_EQ(halves.kernels(), 2);
  // Sums, their combination, and one kernel for each element, with what follows.
  EmulatedFunction norm(
      R"(func.func @f(%x: tensor<1x64x128x128xf16>, %y: tensor<1x64x128x128xf16>, %s: tensor<64xf16>) -> tensor<1x64x128x128xf16> {
    %0 = graph.add %x, %y : (tensor<1x64x128x128xf16>, tensor<1x64x128x128xf16>) -> tensor<1x64x128x128xf16>
    %1 = graph.group_norm %0, %s, %s {groups = 2 : i64, epsilon = 1.0e-5 : f64} : (tensor<1x64x128x128xf16>, tensor<64xf16>, tensor<64xf16>) -> tensor<1x64x128x128xf16>
    %2 = graph.activation <silu> %1 {alpha = 1.0 : f64} : tensor<1x64x128x128xf16> -> tensor<1x64x128x128xf16>
    return %2 : tensor<1x64x128x128xf16>
  })",
      true);
  EXPECT_EQ(norm.kernels(), 3);
  // No tensor of f32 of the operand's size is stored.
  norm.function()->walk([](graph::FusionOp fusion) {
    for (mlir::Type type : fusion->getResultTypes()) {
      auto tensor = llvm::cast<mlir::RankedTensorType>(type);
      EXPECT_TRUE(tensor.getNumElements() < 10000 || tensor.getElementType().isF16());
    }
  });
}

}  // namespace
}  // namespace plimsoll::codegen
