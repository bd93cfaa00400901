#include "compiler/plugin.h"

extern "C" __attribute__((visibility("default"))) const plimsoll::compiler::Plugin* plimsoll_compiler_plugin() {
  static constexpr plimsoll::compiler::Plugin plugin = {plimsoll::compiler::kPluginVersion,
                                                        &plimsoll::compiler::Compile, &plimsoll::compiler::Check,
                                                        &plimsoll::compiler::Gpus};
  return &plugin;
}
