#include "runtime/testing/cuda_kernels.h"

#include <cstring>

#include "absl/strings/str_cat.h"

namespace plimsoll::runtime::testing {
namespace {

std::string Parameters(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) absl::StrAppend(&text, i == 0 ? "" : ", ", ".param .u64 p", i);
  return text;
}

// An entry of one element a thread; `body` finds its byte offset in %rd1 and leaves nothing.
std::string Elementwise(const std::string& name, int operands, const std::string& body) {
  std::string text = absl::StrCat(".visible .entry ", name, "(", Parameters(operands), ")\n{\n",
                                  "  .reg .b32 %r<5>;\n  .reg .b64 %rd<8>;\n  .reg .f32 %f<4>;\n",
                                  "  mov.u32 %r1, %ctaid.x;\n  mov.u32 %r2, %ntid.x;\n  mov.u32 %r3, %tid.x;\n",
                                  "  mad.lo.s32 %r4, %r1, %r2, %r3;\n  mul.wide.s32 %rd1, %r4, 4;\n");
  for (int i = 0; i < operands; ++i) {
    absl::StrAppend(&text, "  ld.param.u64 %rd", i + 2, ", [p", i, "];\n  add.s64 %rd", i + 2, ", %rd", i + 2,
                    ", %rd1;\n");
  }
  return absl::StrCat(text, body, "  ret;\n}\n");
}

}  // namespace

std::string CudaText() {
  return absl::StrCat(
      ".version 7.0\n.target sm_80\n.address_size 64\n",
      Elementwise("twice", 2, "  ld.global.f32 %f1, [%rd2];\n  add.f32 %f2, %f1, %f1;\n  st.global.f32 [%rd3], %f2;\n"),
      Elementwise("increment", 2,
                  "  ld.global.f32 %f1, [%rd2];\n  add.f32 %f2, %f1, 0f3F800000;\n  st.global.f32 [%rd3], %f2;\n"),
      Elementwise("sum", 3,
                  "  ld.global.f32 %f1, [%rd2];\n  ld.global.f32 %f2, [%rd3];\n  add.f32 %f3, %f1, %f2;\n"
                  "  st.global.f32 [%rd4], %f3;\n"),
      ".visible .entry below_four(", Parameters(2),
      ")\n{\n  .reg .pred %p;\n  .reg .b16 %h;\n  .reg .b64 %rd<4>;\n  ld.param.u64 %rd1, [p0];\n"
      "  ld.param.u64 %rd2, [p1];\n  ld.global.s64 %rd3, [%rd1];\n  setp.lt.s64 %p, %rd3, 4;\n"
      "  selp.u16 %h, 1, 0, %p;\n  st.global.u8 [%rd2], %h;\n  ret;\n}\n");
}

std::vector<std::string> CudaSymbols() { return {"twice", "increment", "below_four", "sum"}; }

int CudaParameters(const std::string& symbol) { return symbol == "sum" ? 3 : 2; }

absl::Status RunCudaKernel(const cuda::testing::FakeLaunch& launch) {
  const auto floats = [&](size_t operand) { return static_cast<float*>(launch.arguments[operand]); };
  const int64_t count = launch.grid[0] * launch.block[0];
  if (launch.symbol == "below_four") {
    *static_cast<uint8_t*>(launch.arguments[1]) = *static_cast<const int64_t*>(launch.arguments[0]) < 4;
    return absl::OkStatus();
  }
  for (int64_t i = 0; i < count; ++i) {
    if (launch.symbol == "twice") {
      floats(1)[i] = 2 * floats(0)[i];
    } else if (launch.symbol == "increment") {
      floats(1)[i] = floats(0)[i] + 1;
    } else if (launch.symbol == "sum") {
      floats(2)[i] = floats(0)[i] + floats(1)[i];
    } else {
      return absl::NotFoundError(absl::StrCat("no kernel ", launch.symbol));
    }
  }
  return absl::OkStatus();
}

}  // namespace plimsoll::runtime::testing
