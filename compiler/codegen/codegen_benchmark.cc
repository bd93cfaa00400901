// Generated kernels on one thread, in GB/s of bytes read and written once, beside memcpy of as many bytes; and the time to compile.
//   codegen_benchmark [CPU]     or     codegen_benchmark FILE.mlir [CPU]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>

#include "compiler/codegen/test_kernel.h"

namespace {

double Seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

template <typename F>
double Best(const F& run) {
  double best = 1e9;
  const double until = Seconds() + 0.25;
  for (int i = 0; i < 5 || (Seconds() < until && i < 2000); ++i) {
    const double start = Seconds();
    run();
    best = std::min(best, Seconds() - start);
  }
  return best;
}

void Measure(const char* name, const std::string& text, const std::string& cpu) {
  plimsoll::codegen::TestKernel kernel(text, cpu);
  std::vector<std::vector<char>> memory;
  size_t bytes = 0;
  for (size_t size : kernel.operand_bytes()) {
    memory.emplace_back(size + 64);
    for (size_t i = 0; i + 4 <= size; i += 4) {
      const float value = static_cast<float>(i % 977) / 500 - 1;
      uint32_t bits;
      memcpy(&bits, &value, 4);
      bits = (bits & 0xffff0000) | bits >> 16;  // two bf16 of the same value
      memcpy(memory.back().data() + i, &bits, 4);
    }
    bytes += size;
  }
  for (size_t size : kernel.result_bytes()) {
    memory.emplace_back(size + 64);
    bytes += size;
  }
  std::vector<const void*> buffers;
  for (auto& buffer : memory) buffers.push_back(reinterpret_cast<char*>((reinterpret_cast<uintptr_t>(buffer.data()) + 63) / 64 * 64));
  const double seconds = Best([&] { kernel.Call(buffers, 0, kernel.kernel().tiles); });
  std::vector<char> from(bytes / 2 + 1, 1), to(bytes / 2 + 1);
  const double copy = Best([&] {
    memcpy(to.data(), from.data(), bytes / 2);
    asm volatile("" ::"r"(to.data()) : "memory");
  });
  printf("%-34s %8.3f ms %7.1f GB/s (memcpy %6.1f)  %7ld tiles, %5ld a task; add %.2f finish %.1f ms\n", name, seconds * 1e3, static_cast<double>(bytes) / seconds * 1e-9,
         static_cast<double>(bytes) / copy * 1e-9, static_cast<long>(kernel.kernel().tiles), static_cast<long>(kernel.kernel().tiles_per_task),
         kernel.add_seconds() * 1e3, kernel.finish_seconds() * 1e3);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && strstr(argv[1], ".mlir")) {
    std::ifstream file(argv[1]);
    std::ostringstream text;
    text << file.rdbuf();
    Measure(argv[1], text.str(), argc > 2 ? argv[2] : "native");
    return 0;
  }
  const std::string cpu = argc > 1 ? argv[1] : "native";
  const std::pair<const char*, const char*> cases[] = {
      {"add 1024x4096 + row", "func.func @f(%x: tensor<1024x4096xf32>, %b: tensor<4096xf32>) { %y = graph.add %x, %b : (tensor<1024x4096xf32>, tensor<4096xf32>) -> tensor<1024x4096xf32> return }"},
      {"gelu(x + bias) 1024x4096", "func.func @f(%x: tensor<1024x4096xf32>, %b: tensor<4096xf32>) { %y = graph.fusion(%x, %b) : (tensor<1024x4096xf32>, tensor<4096xf32>) -> tensor<1024x4096xf32> { ^bb0(%p: tensor<1024x4096xf32>, %q: tensor<4096xf32>): %s = graph.add %p, %q : (tensor<1024x4096xf32>, tensor<4096xf32>) -> tensor<1024x4096xf32> %g = graph.activation <gelu_erf> %s : tensor<1024x4096xf32> -> tensor<1024x4096xf32> graph.yield %g : tensor<1024x4096xf32> } return }"},
      {"gelu 1024x4093", "func.func @f(%x: tensor<1024x4093xf32>) { %y = graph.activation <gelu_erf> %x : tensor<1024x4093xf32> -> tensor<1024x4093xf32> return }"},
      {"gelu bf16 1024x4096", "func.func @f(%x: tensor<1024x4096xbf16>) { %y = graph.activation <gelu_erf> %x : tensor<1024x4096xbf16> -> tensor<1024x4096xbf16> return }"},
      {"silu 1024x4096", "func.func @f(%x: tensor<1024x4096xf32>) { %y = graph.activation <silu> %x {alpha = 1.0 : f64} : tensor<1024x4096xf32> -> tensor<1024x4096xf32> return }"},
      {"softmax 4096x1024", "func.func @f(%x: tensor<4096x1024xf32>) { %y = graph.softmax %x {axis = 1 : i64, log = false} : tensor<4096x1024xf32> -> tensor<4096x1024xf32> return }"},
      {"softmax 2364x197", "func.func @f(%x: tensor<2364x197xf32>) { %y = graph.softmax %x {axis = 1 : i64, log = false} : tensor<2364x197xf32> -> tensor<2364x197xf32> return }"},
      {"softmax axis 1, 8x256x1024", "func.func @f(%x: tensor<8x256x1024xf32>) { %y = graph.softmax %x {axis = 1 : i64, log = false} : tensor<8x256x1024xf32> -> tensor<8x256x1024xf32> return }"},
      {"layer norm 4096x768", "func.func @f(%x: tensor<4096x768xf32>, %s: tensor<768xf32>, %b: tensor<768xf32>) { %y = graph.layer_norm %x, %s, %b {axis = 1 : i64, epsilon = 1.0e-5 : f64} : (tensor<4096x768xf32>, tensor<768xf32>, tensor<768xf32>) -> tensor<4096x768xf32> return }"},
      {"group norm 4x320x64x64, 32", "func.func @f(%x: tensor<4x320x64x64xf32>, %s: tensor<320xf32>, %b: tensor<320xf32>) { %y = graph.group_norm %x, %s, %b {groups = 32 : i64, epsilon = 1.0e-5 : f64} : (tensor<4x320x64x64xf32>, tensor<320xf32>, tensor<320xf32>) -> tensor<4x320x64x64xf32> return }"},
      {"sum rows 4096x1024", "func.func @f(%x: tensor<4096x1024xf32>) { %y = graph.reduce <sum> %x over [1] keep false : tensor<4096x1024xf32> -> tensor<4096xf32> return }"},
      {"sum columns 4096x1024", "func.func @f(%x: tensor<4096x1024xf32>) { %y = graph.reduce <sum> %x over [0] keep false : tensor<4096x1024xf32> -> tensor<1024xf32> return }"},
      {"sum middle 64x128x256", "func.func @f(%x: tensor<64x128x256xf32>) { %y = graph.reduce <sum> %x over [1] keep false : tensor<64x128x256xf32> -> tensor<64x256xf32> return }"},
      {"mean 64x512x7x7 spatial", "func.func @f(%x: tensor<64x512x7x7xf32>) { %y = graph.reduce <mean> %x over [2, 3] keep true : tensor<64x512x7x7xf32> -> tensor<64x512x1x1xf32> return }"},
      {"arg max 1024x4096", "func.func @f(%x: tensor<1024x4096xf32>) { %y = graph.arg_reduce %x {largest = true, axis = 1 : i64, keep_dims = false, last = false} : tensor<1024x4096xf32> -> tensor<1024xi64> return }"},
      {"transpose 0213 8x128x12x64", "func.func @f(%x: tensor<8x128x12x64xf32>) { %y = graph.transpose %x by [0, 2, 1, 3] : tensor<8x128x12x64xf32> -> tensor<8x12x128x64xf32> return }"},
      {"transpose 0231 8x64x56x56", "func.func @f(%x: tensor<8x64x56x56xf32>) { %y = graph.transpose %x by [0, 2, 3, 1] : tensor<8x64x56x56xf32> -> tensor<8x56x56x64xf32> return }"},
      {"transpose 0312 8x56x56x64", "func.func @f(%x: tensor<8x56x56x64xf32>) { %y = graph.transpose %x by [0, 3, 1, 2] : tensor<8x56x56x64xf32> -> tensor<8x64x56x56xf32> return }"},
      {"transpose 021 64x197x768", "func.func @f(%x: tensor<64x197x768xf32>) { %y = graph.transpose %x by [0, 2, 1] : tensor<64x197x768xf32> -> tensor<64x768x197xf32> return }"},
      {"transpose 10 4096x4096", "func.func @f(%x: tensor<4096x4096xf32>) { %y = graph.transpose %x by [1, 0] : tensor<4096x4096xf32> -> tensor<4096x4096xf32> return }"},
      {"transpose 0231 1x3x224x224", "func.func @f(%x: tensor<1x3x224x224xf32>) { %y = graph.transpose %x by [0, 2, 3, 1] : tensor<1x3x224x224xf32> -> tensor<1x224x224x3xf32> return }"},
      {"gather 4096 of 50000x768", "func.func @f(%x: tensor<50000x768xf32>, %i: tensor<4096xi32>) { %y = graph.gather %x, %i along 0 : (tensor<50000x768xf32>, tensor<4096xi32>) -> tensor<4096x768xf32> return }"},
      {"concat 2 of 8x256x28x28", "func.func @f(%x: tensor<8x256x28x28xf32>, %z: tensor<8x256x28x28xf32>) { %y = graph.concat %x, %z along 1 : (tensor<8x256x28x28xf32>, tensor<8x256x28x28xf32>) -> tensor<8x512x28x28xf32> return }"},
      {"pad 8x64x56x56 by 1", "func.func @f(%x: tensor<8x64x56x56xf32>) { %y = graph.pad <constant> %x {low = array<i64: 0, 0, 1, 1>, high = array<i64: 0, 0, 1, 1>} : (tensor<8x64x56x56xf32>) -> tensor<8x64x58x58xf32> return }"},
      {"resize 4x64x56x56 linear x2", "func.func @f(%x: tensor<4x64x56x56xf32>) { %y = graph.resize %x {mode = \"linear\", coordinates = \"half_pixel\", scales = array<f64: 1.0, 1.0, 2.0, 2.0>} : tensor<4x64x56x56xf32> -> tensor<4x64x112x112xf32> return }"},
      {"scale 64x512x7x7 by channel", "func.func @f(%x: tensor<64x512x7x7xf32>, %s: tensor<512x1x1xf32>) { %y = graph.mul %x, %s : (tensor<64x512x7x7xf32>, tensor<512x1x1xf32>) -> tensor<64x512x7x7xf32> return }"},
  };
  for (const auto& [name, text] : cases) Measure(name, text, cpu);
}
