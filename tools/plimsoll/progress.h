// A line on a terminal that shows how far long work is; nothing where stderr is no terminal.
#pragma once

#include <chrono>

#include "compiler/compile.h"

namespace plimsoll::cli {

class ProgressLine {
 public:
  ProgressLine();
  ~ProgressLine();   // clears the line
  ProgressLine(const ProgressLine&) = delete;
  void Show(const compiler::Progress& progress);

 private:
  std::chrono::steady_clock::time_point start_;
  bool enabled_;
  bool shown_ = false;
};

}  // namespace plimsoll::cli
