// libplimsoll_runtime.so has no source of its own: it is made of the archives that CMakeLists.txt names.
