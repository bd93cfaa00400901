# Lit files of the dialect and the passes; run through the site configuration in the build folder.
import os

import lit.formats

config.name = "plimsoll"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir"]
config.test_source_root = os.path.dirname(__file__)
config.environment["PATH"] = os.pathsep.join([config.plimsoll_tools, config.llvm_tools, os.environ["PATH"]])
