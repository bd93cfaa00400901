// A service in twenty lines: one program, a session, the caller's own memory. The README shows this file.
#include <cstdio>
#include <vector>

#include "runtime/session.h"

using plimsoll::runtime::Program, plimsoll::runtime::Session;

absl::Status Serve(const char* path) {
  auto program = Program::Load(path);            // plan and weights: immutable, shared by every session
  if (!program.ok()) return program.status();
  auto session = Session::Create(*program);      // one arena of exactly the planned size; one a thread
  if (!session.ok()) return session.status();
  std::vector<float> x(3 * 48 * 192, 0.5f);
  if (auto s = (*session)->BindInput("x", x.data(), x.size() * sizeof(float)); !s.ok()) return s;  // no copy
  if (auto s = (*session)->Run(); !s.ok()) return s;                                               // allocates nothing
  auto y = (*session)->output(0);
  if (!y.ok()) return y.status();
  const auto* scores = reinterpret_cast<const float*>(y->data);
  std::printf("%f %f\n", scores[0], scores[1]);
  return absl::OkStatus();
}

int main(int argc, char** argv) {
  const absl::Status status = Serve(argc > 1 ? argv[1] : "model.plim");
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
