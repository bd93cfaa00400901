#include "tools/plimsoll/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>

namespace plimsoll::cli {

ProgressLine::ProgressLine() : start_(std::chrono::steady_clock::now()), enabled_(isatty(STDERR_FILENO)) {}

ProgressLine::~ProgressLine() {
  if (shown_) std::fputs("\r\033[K", stderr);
}

void ProgressLine::Show(const compiler::Progress& progress) {
  using std::chrono::milliseconds;
  if (!enabled_ || std::chrono::steady_clock::now() - start_ < milliseconds(300)) return;   // short work shows nothing
  constexpr int kWidth = 30;
  const int done = std::clamp(static_cast<int>(progress.fraction * kWidth), 0, kWidth);
  std::fprintf(stderr, "\r\033[K[%s%s] %3d%% %s", std::string(done, '#').c_str(), std::string(kWidth - done, '.').c_str(),
               static_cast<int>(progress.fraction * 100), progress.stage.c_str());
  std::fflush(stderr);
  shown_ = true;
}

}  // namespace plimsoll::cli
