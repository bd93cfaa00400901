// libplimsoll_runtime.so as its users see it: the C interface, exported plan symbols, and a light set of libraries.
#include <link.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/api/plimsoll.h"
#include "runtime/testing/plan_builder.h"

namespace plimsoll::runtime {
namespace {

using testing::PlanBuilder;
using testing::Type;

TEST(SharedObjectTest, LoadsNoCompiler) {
  std::vector<std::string> loaded;
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* list) {
        static_cast<std::vector<std::string>*>(list)->push_back(info->dlpi_name);
        return 0;
      },
      &loaded);
  bool runtime = false;
  for (const std::string& name : loaded) {
    runtime |= name.find("libplimsoll_runtime.so") != std::string::npos;
    for (const char* heavy : {"MLIR", "LLVM", "onnx", "libomp", "libcuda", "libmpi"}) {
      EXPECT_EQ(name.find(heavy), std::string::npos) << name;
    }
  }
  EXPECT_TRUE(runtime);
}

std::string WritePlan() {
  PlanBuilder b;
  const int x = b.AddBuffer(b.run(), "x", Type(plan::F32, {2, 8}));
  const int y = b.AddBuffer(b.run(), "y", Type(plan::F32, {2, 8}));
  b.Copy(b.run(), x, y);
  b.Input("x", x);
  b.Output("y", y);
  const std::string path = ::testing::TempDir() + "/c_api.plim" + std::to_string(getpid());
  std::ofstream(path, std::ios::binary) << *b.Serialize();
  return path;
}

TEST(SharedObjectTest, CInterfaceLoadsBindsAndRuns) {
  const std::string path = WritePlan();
  plimsoll_program* program = nullptr;
  ASSERT_EQ(plimsoll_load(path.c_str(), nullptr, &program), 0) << plimsoll_error();
  plimsoll_session* session = nullptr;
  ASSERT_EQ(plimsoll_create_session(program, &session), 0) << plimsoll_error();
  plimsoll_release_program(program);  // the session keeps what it needs
  std::remove(path.c_str());
  ASSERT_EQ(plimsoll_input_count(session), 1);
  ASSERT_EQ(plimsoll_output_count(session), 1);
  plimsoll_tensor input;
  ASSERT_EQ(plimsoll_input(session, 0, &input), 0);
  EXPECT_STREQ(input.name, "x");
  EXPECT_EQ(input.rank, 2);
  EXPECT_EQ(input.bytes, 64);
  float x[16] = {0, 1, 2, 3};
  EXPECT_NE(plimsoll_bind_input(session, 0, x, 63, nullptr, 0), 0);
  EXPECT_NE(std::string(plimsoll_error()).find("63 bytes"), std::string::npos);
  ASSERT_EQ(plimsoll_bind_input(session, 0, x, 64, nullptr, 0), 0);
  ASSERT_EQ(plimsoll_run(session), 0) << plimsoll_error();
  x[3] = 4;
  ASSERT_EQ(plimsoll_bind_device_input(session, 0, x, 64, nullptr, 0), 0) << plimsoll_error();
  EXPECT_NE(plimsoll_run_async(session, x), 0);  // the CPU has no streams
  ASSERT_EQ(plimsoll_run_async(session, nullptr), 0) << plimsoll_error();
  ASSERT_EQ(plimsoll_wait(session), 0) << plimsoll_error();
  plimsoll_cancel(session);  // nothing runs: nothing happens
  plimsoll_tensor output;
  ASSERT_EQ(plimsoll_output(session, 0, &output), 0);
  EXPECT_EQ(static_cast<float*>(output.data)[3], 4);
  plimsoll_release_session(session);
  EXPECT_NE(plimsoll_load(path.c_str(), nullptr, &program), 0);
}

}  // namespace
}  // namespace plimsoll::runtime
