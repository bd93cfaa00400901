# Compile options of the whole tree, and the functions by which every room declares its targets.
if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
  add_compile_options(-Xclang -fno-pch-timestamp)   # so that ccache can keep what uses precompiled headers
endif()
add_compile_options(-Wall -Wextra -Wno-unused-parameter -Wno-missing-field-initializers -fno-omit-frame-pointer)
add_link_options(-fuse-ld=lld-19)
include_directories(${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
# LLVM's packaged libraries are built without AddressSanitizer: their arenas and ours disagree on what is poisoned, hence
# allow_user_poisoning=0 in the test preset.
if(PLIMSOLL_SANITIZE)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-sanitize=vptr)
  add_link_options(-fsanitize=address,undefined)
endif()

# plimsoll_library(NAME SOURCES a.cc ... DEPS target ...): a static, position-independent library. Sources in the
# current folder; public dependencies.
function(plimsoll_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPS" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  target_link_libraries(${name} PUBLIC ${arg_DEPS})
endfunction()

# plimsoll_test(NAME SOURCES x_test.cc ... DEPS target ...): a GoogleTest executable, registered with CTest.
# The environment names the source folder (PLIMSOLL_SOURCE_DIR) and the collections outside of the repository.
function(plimsoll_test name)
  if(NOT PLIMSOLL_TESTS)
    return()
  endif()
  cmake_parse_arguments(arg "" "TIMEOUT" "SOURCES;DEPS" ${ARGN})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_DEPS} GTest::gmock GTest::gtest_main)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${arg_TIMEOUT}
    ENVIRONMENT "PLIMSOLL_SOURCE_DIR=${CMAKE_SOURCE_DIR};PLIMSOLL_BUILD_DIR=${CMAKE_BINARY_DIR};PLIMSOLL_DEPS=${PLIMSOLL_DEPS}")
endfunction()

# plimsoll_proto(NAME FILE.proto DEPS ...): a Protobuf library. Its object files go into one shared object only.
function(plimsoll_proto name file)
  get_filename_component(stem ${file} NAME_WE)
  file(RELATIVE_PATH folder ${CMAKE_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  set(out ${CMAKE_BINARY_DIR}/${folder}/${stem}.pb)
  add_custom_command(OUTPUT ${out}.cc ${out}.h
    COMMAND protobuf::protoc --cpp_out=${CMAKE_BINARY_DIR} -I${CMAKE_SOURCE_DIR} ${folder}/${file}
    WORKING_DIRECTORY ${CMAKE_SOURCE_DIR} DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${file} protobuf::protoc)
  add_library(${name} STATIC ${out}.cc ${out}.h)
  target_link_libraries(${name} PUBLIC protobuf::libprotobuf)
  target_compile_options(${name} PRIVATE -w)
endfunction()
