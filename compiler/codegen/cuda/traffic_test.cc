// What kernels ask of memory, counted by the emulator: whole lines, no conflicts in shared memory; and the squares of
// narrow transposes against loops.
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <numeric>

#include "compiler/codegen/cuda/cuda.h"
#include "compiler/codegen/cuda/emulator/emulator.h"
#include "compiler/codegen/test_operation.h"
#include "compiler/codegen/test_values.h"

namespace plimsoll::codegen {
namespace {

// As cuMemAlloc and plans align.
struct Buffer {
  explicit Buffer(const std::string& contents) : bytes(contents.size()), memory(Allocate(contents.size()), &free) {
    memcpy(memory.get(), contents.data(), contents.size());
  }
  static char* Allocate(size_t bytes) { return static_cast<char*>(aligned_alloc(256, (bytes + 511) / 256 * 256)); }
  size_t bytes;
  std::unique_ptr<char, decltype(&free)> memory;
};

struct Counted {
  std::vector<std::string> results;
  std::vector<std::string> skeletons;
  MemoryTraffic traffic;
  double moved = 0;      // bytes of sectors for one of operands and results
  double conflicts = 0;  // cycles of shared memory for one that it takes at the least
};

Counted Measure(const std::string& text, const std::vector<std::string>& inputs) {
  TestOperation operation(text);
  CudaKernelCompiler compiler(*ResolveCuda("sm_80"), FindCudaToolkit());
  auto kernel = compiler.Add(operation.get());
  if (mlir::failed(kernel)) Die("not compiled:\n" + text);
  auto code = compiler.Finish(/*keep_bitcode=*/true);
  if (!code.ok()) Die(code.status().ToString());
  auto device = EmulatedCuda::LoadCounting(code->bitcode);
  if (!device.ok()) Die(device.status().ToString());
  std::vector<Buffer> buffers;
  for (const std::string& input : inputs) buffers.emplace_back(input);
  for (size_t bytes : operation.ResultBytes()) buffers.emplace_back(std::string(bytes, '\x55'));
  std::vector<void*> arguments;
  double bytes = 0;
  for (Buffer& buffer : buffers) {
    arguments.push_back(buffer.memory.get());
    bytes += static_cast<double>(buffer.bytes);
  }
  const absl::Status status = (*device)->Launch(kernel->symbol, kernel->blocks, kernel->threads, arguments, 1);
  if (!status.ok()) Die(status.ToString());
  Counted counted{{}, kernel->skeletons, (*device)->traffic()};
  for (size_t i = inputs.size(); i < buffers.size(); ++i)
    counted.results.emplace_back(buffers[i].memory.get(), buffers[i].bytes);
  counted.moved = static_cast<double>(counted.traffic.sector_bytes) / bytes;
  if (counted.traffic.shared_least > 0)
    counted.conflicts =
        static_cast<double>(counted.traffic.shared_cycles) / static_cast<double>(counted.traffic.shared_least);
  return counted;
}

Counted Measure(const std::string& text, const std::vector<Operand>& operands) {
  std::vector<std::string> inputs;
  for (const Operand& operand : operands) inputs.push_back(Pack(operand.values, operand.element));
  return Measure(text, inputs);
}

// Bytes that tell where they come from.
std::string Pattern(size_t bytes) {
  std::string pattern(bytes, 0);
  uint32_t state = 1;
  for (char& c : pattern) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  return pattern;
}

struct TransposeCase {
  Shape shape;
  std::vector<int64_t> permutation;
  const char* element;
  double moved;  // at most
  int line;      // bytes that a warp moves by an access
};

TEST(Traffic, TransposesOfNarrowElementsMoveWholeLines) {
  const std::vector<TransposeCase> cases = {{{1024, 1024}, {1, 0}, "f16", 1, 128},
                                            {{2048, 2048}, {1, 0}, "i8", 1, 128},
                                            {{2048, 2048}, {1, 0}, "i1", 1, 128},
                                            {{5, 64, 56, 56}, {0, 2, 3, 1}, "f16", 1, 128},
                                            {{9, 56, 56, 128}, {0, 3, 1, 2}, "i8", 1.02, 126},
                                            {{512, 512}, {1, 0}, "f32", 1, 128},
                                            {{512, 512}, {1, 0}, "i64", 1, 256},
                                            // Rows that begin anywhere in a sector, squares that are not full.
                                            {{1000, 1032}, {1, 0}, "bf16", 1.25, 115},
                                            {{3, 2, 640, 272}, {0, 3, 1, 2}, "f16", 1.1, 105},
                                            {{16, 300, 516}, {0, 2, 1}, "ui8", 1.5, 100},
                                            // In the general way: odd sizes, too few squares.
                                            {{1001, 517}, {1, 0}, "f16", 1.55, 60},
                                            {{64, 200}, {1, 0}, "f16", 1.3, 56},
                                            {{2, 3, 515, 30}, {0, 3, 1, 2}, "i8", 2.2, 28}};
  for (const TransposeCase& c : cases) {
    Shape out;
    for (int64_t d : c.permutation) out.push_back(c.shape[d]);
    const std::string in_type = Tensor(c.shape, c.element), out_type = Tensor(out, c.element);
    const std::string text =
        absl::StrCat("func.func @f(%a: ", in_type, ") { %r = graph.transpose %a by [",
                     absl::StrJoin(c.permutation, ", "), "] : ", in_type, " -> ", out_type, " return }");
    const int64_t count = std::accumulate(out.begin(), out.end(), int64_t{1}, std::multiplies<>());
    const size_t bytes = Pack({0}, c.element).size();
    const std::string input = Pattern(static_cast<size_t>(count) * bytes);
    const Counted counted = Measure(text, std::vector<std::string>{input});
    EXPECT_EQ(counted.skeletons, std::vector<std::string>{"transpose"}) << text;
    EXPECT_LE(counted.moved, c.moved + 1e-9) << text;
    EXPECT_EQ(counted.conflicts, 1) << text;
    EXPECT_GE(counted.traffic.global_bytes, c.line * counted.traffic.accesses) << text;
    std::string want(input.size(), 0);
    for (int64_t i = 0; i < count; ++i) {
      int64_t rest = i, from = 0;
      for (size_t d = out.size(); d-- > 0;) {
        int64_t stride = 1;
        for (size_t k = c.permutation[d] + 1; k < c.shape.size(); ++k) stride *= c.shape[k];
        from += rest % out[d] * stride;
        rest /= out[d];
      }
      want.replace(i * bytes, bytes, input, from * bytes, bytes);
    }
    EXPECT_TRUE(counted.results[0] == want) << text;
  }
}

// What is fused reads and writes words too: a bias along the stores, a second result, a residual, another type.
TEST(Traffic, FusedTransposesOfHalves) {
  const Shape in{4, 64, 3136}, out{4, 3136, 64};
  const Operand x(in, "f16", Random(4 * 64 * 3136, -1, 1, 1)), y(in, "f16", Random(4 * 64 * 3136, -1, 1, 2)),
      bias({64}, "f16", Random(64, -1, 1, 3)), residual(out, "f16", Random(4 * 64 * 3136, -1, 1, 4));
  const std::string i = Tensor(in, "f16"), o = Tensor(out, "f16"), w = Tensor(out, "f32");
  const std::string text = absl::StrCat(
      "func.func @f(%x: ", i, ", %y: ", i, ", %b: tensor<64xf16>, %r: ", o,
      ") {\n %f:2 = graph.fusion(%x, %y, %b, %r) : (", i, ", ", i, ", tensor<64xf16>, ", o, ") -> (", o, ", ", w,
      ") {\n ^bb0(%p: ", i, ", %q: ", i, ", %c: tensor<64xf16>, %s: ", o, "):\n %0 = graph.add %p, %q : (", i, ", ", i,
      ") -> ", i, "\n %1 = graph.transpose %0 by [0, 2, 1] : ", i, " -> ", o, "\n %2 = graph.add %1, %c : (", o,
      ", tensor<64xf16>) -> ", o, "\n %3 = graph.add %2, %s : (", o, ", ", o, ") -> ", o, "\n %4 = graph.cast %3 : ", o,
      " -> ", w, "\n graph.yield %3, %4 : ", o, ", ", w, "\n }\n return\n}");
  const Counted counted = Measure(text, std::vector<Operand>{x, y, bias, residual});
  EXPECT_EQ(counted.skeletons, std::vector<std::string>{"transpose"});
  EXPECT_LE(counted.moved, 1.1);  // the bias is read again and again
  EXPECT_EQ(counted.conflicts, 1);
  std::vector<double> want;
  auto half = [](double v) { return static_cast<double>(static_cast<_Float16>(v)); };
  for (int64_t n = 0; n < 4; ++n)
    for (int64_t p = 0; p < 3136; ++p)
      for (int64_t c = 0; c < 64; ++c) {
        const int64_t from = (n * 64 + c) * 3136 + p, to = (n * 3136 + p) * 64 + c;
        want.push_back(half(half(half(x.values[from] + y.values[from]) + bias.values[c]) + residual.values[to]));
      }
  ExpectNear(Unpack(counted.results[0], "f16"), want, 0, 0, "f16");
  ExpectNear(Unpack(counted.results[1], "f32"), want, 0, 0, "f32");
}

// Channels of groups, each with its own factor: squares are not cut where groups end.
TEST(Traffic, TransposedGroupsOfChannels) {
  const Shape in{2, 640, 1024}, out{2, 1024, 640};
  const Operand x(in, "f16", Random(2 * 640 * 1024, -1, 1, 1)), factor({2, 32, 1}, "f32", Random(64, 1, 2, 2));
  const std::string grouped = "tensor<2x32x20480xf16>", wide = "tensor<2x32x20480xf32>", i = Tensor(in, "f16"),
                    o = Tensor(out, "f16");
  const std::string text =
      absl::StrCat("func.func @f(%x: ", grouped, ", %m: tensor<2x32x1xf32>) {\n %f = graph.fusion(%x, %m) : (", grouped,
                   ", tensor<2x32x1xf32>) -> ", o, " {\n ^bb0(%p: ", grouped, ", %q: tensor<2x32x1xf32>",
                   "):\n %0 = graph.cast %p : ", grouped, " -> ", wide, "\n %1 = graph.mul %0, %q : (", wide,
                   ", tensor<2x32x1xf32>) -> ", wide, "\n %2 = graph.cast %1 : ", wide, " -> ", grouped,
                   "\n %3 = graph.reshape %2 : ", grouped, " -> ", i, "\n %4 = graph.transpose %3 by [0, 2, 1] : ", i,
                   " -> ", o, "\n graph.yield %4 : ", o, "\n }\n return\n}");
  const Counted counted = Measure(text, std::vector<Operand>{x, factor});
  EXPECT_EQ(counted.skeletons, std::vector<std::string>{"transpose"});
  EXPECT_LE(counted.moved, 1.3);  // factors are read again and again
  EXPECT_EQ(counted.conflicts, 1);
  std::vector<double> want;
  for (int64_t n = 0; n < 2; ++n)
    for (int64_t p = 0; p < 1024; ++p)
      for (int64_t c = 0; c < 640; ++c) {
        const double v = x.values[(n * 640 + c) * 1024 + p] * factor.values[n * 32 + c / 20];
        want.push_back(static_cast<double>(static_cast<_Float16>(static_cast<float>(v))));
      }
  ExpectNear(Unpack(counted.results[0], "f16"), want, 0, 0, "f16");
}

struct KernelCase {
  const char* what;
  std::string op;  // ends in ':' as Function takes it
  std::vector<Operand> operands;
  Shape out;
  const char* element;
  double moved;
};

std::vector<KernelCase> TypicalKernels() {
  auto tensor = [](const Shape& shape, const char* element) {
    return Operand(shape, element, Random(Count(shape), 0.5, 2));
  };
  std::vector<KernelCase> cases;
  for (const char* e : {"f32", "f16", "i8"})
    cases.push_back(
        {"map", "graph.add %a0, %a1 :", {tensor({512, 1024}, e), tensor({512, 1024}, e)}, {512, 1024}, e, 1});
  for (const char* e : {"f32", "bf16"}) {
    cases.push_back(
        {"map with a row", "graph.mul %a0, %a1 :", {tensor({512, 1024}, e), tensor({512, 1}, e)}, {512, 1024}, e, 1.1});
    for (int64_t columns : {64, 768, 1024, 4096, 16384})
      cases.push_back({"softmax",
                       "graph.softmax %a0 {axis = 1 : i64, log = false} :",
                       {tensor({64, columns}, e)},
                       {64, columns},
                       e,
                       1.01});
    cases.push_back({"layer norm",
                     "graph.layer_norm %a0, %a1, %a2 {axis = 1 : i64, epsilon = 1.0e-5 : f64} :",
                     {tensor({256, 4096}, e), tensor({4096}, e), tensor({4096}, e)},
                     {256, 4096},
                     e,
                     2.1});  // and its parameters in each row
    cases.push_back(
        {"sum of rows", "graph.reduce <sum> %a0 over [1] keep false :", {tensor({512, 4096}, e)}, {512}, e, 1.1});
    cases.push_back(
        {"sum of columns", "graph.reduce <sum> %a0 over [0] keep false :", {tensor({512, 4096}, e)}, {4096}, e, 1.1});
    cases.push_back(
        {"long row", "graph.softmax %a0 {axis = 1 : i64, log = false} :", {tensor({4, 50000}, e)}, {4, 50000}, e, 2.1});
  }
  for (const char* e : {"f32", "f16"}) {
    cases.push_back({"argmax",
                     "graph.arg_reduce %a0 {largest = true, axis = 1 : i64, keep_dims = false, last = false} :",
                     {tensor({256, 4096}, e)},
                     {256},
                     "i64",
                     1.1});
    cases.push_back({"sum of a middle dim",
                     "graph.reduce <sum> %a0 over [1] keep false :",
                     {tensor({8, 64, 4096}, e)},
                     {8, 4096},
                     e,
                     1.1});
    cases.push_back({"bias of channels",
                     "graph.add %a0, %a1 :",
                     {tensor({4, 64, 56, 56}, e), tensor({64, 1, 1}, e)},
                     {4, 64, 56, 56},
                     e,
                     1.1});
    cases.push_back(
        {"slice",
         "graph.slice %a0 {starts = array<i64: 0, 64>, sizes = array<i64: 512, 960>, strides = array<i64: 1, 1>} :",
         {tensor({512, 1024}, e)},
         {512, 960},
         e,
         1});
  }
  cases.push_back({"cast", "graph.cast %a0 :", {tensor({512, 1024}, "f32")}, {512, 1024}, "bf16", 1});
  return cases;
}

// A tenth more than operands and results at most; more only where a kernel reads again, by its plan.
TEST(Traffic, TypicalKernelsMoveWhatTheyMust) {
  for (const KernelCase& c : TypicalKernels()) {
    const Counted counted = Measure(Function(c.op, c.operands, c.out, c.element), c.operands);
    printf("%-20s %-5s moved %.3f, conflicts %.3f\n", c.what, c.element, counted.moved, counted.conflicts);
    EXPECT_LE(counted.moved, c.moved + 1e-9) << c.what << " " << c.element;
    EXPECT_LE(counted.conflicts, 1) << c.what << " " << c.element;
  }
}

}  // namespace
}  // namespace plimsoll::codegen
