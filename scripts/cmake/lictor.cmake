# Build rules shared by every folder. A module is either a core (strict C17, no DPDK, no I/O) or a
# shell (GNU C17, may use whatever its dependencies bring).

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(DPDK REQUIRED IMPORTED_TARGET libdpdk>=22.11)
pkg_check_modules(URCU REQUIRED IMPORTED_TARGET liburcu-qsbr)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)

add_library(lictor_flags INTERFACE)
target_include_directories(lictor_flags INTERFACE
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}> $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>)
target_compile_options(lictor_flags INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla
  -fno-omit-frame-pointer -fno-strict-aliasing)
if(LICTOR_WERROR)
  target_compile_options(lictor_flags INTERFACE -Werror)
endif()
if(LICTOR_SANITIZE)
  # Instrumented code makes gcc see sizes and paths that are not there; the release build warns of
  # real ones.
  target_compile_options(lictor_flags INTERFACE -fsanitize=${LICTOR_SANITIZE} -fno-sanitize-recover=all
    $<$<C_COMPILER_ID:GNU>:-Wno-format-truncation;-Wno-maybe-uninitialized;-Wno-stringop-overflow;-Wno-stringop-overread>)
  # ThreadSanitizer does not see fences; the one there is faces a guest, which it does not see either.
  if(LICTOR_SANITIZE MATCHES thread)
    target_compile_options(lictor_flags INTERFACE $<$<C_COMPILER_ID:GNU>:-Wno-tsan>)
  endif()
  target_link_options(lictor_flags INTERFACE -fsanitize=${LICTOR_SANITIZE})
endif()

# DPDK's headers are not ours to warn about.
get_target_property(_dpdk_includes PkgConfig::DPDK INTERFACE_INCLUDE_DIRECTORIES)
set_target_properties(PkgConfig::DPDK PROPERTIES
  INTERFACE_SYSTEM_INCLUDE_DIRECTORIES "${_dpdk_includes}")

function(lictor_module name standard_extensions)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  add_library(${name} OBJECT ${ARG_SOURCES})
  set_target_properties(${name} PROPERTIES
    C_STANDARD 17 C_STANDARD_REQUIRED ON C_EXTENSIONS ${standard_extensions}
    C_VISIBILITY_PRESET hidden POSITION_INDEPENDENT_CODE ON)
  target_link_libraries(${name} PUBLIC lictor_flags ${ARG_DEPENDS})
endfunction()

# lictor_core(name SOURCES ... [DEPENDS ...]): a pure module.
function(lictor_core name)
  lictor_module(${name} OFF ${ARGN})
  target_compile_options(${name} PRIVATE -Wpedantic)
endfunction()

# lictor_shell(name SOURCES ... [DEPENDS ...]): a module that does I/O.
function(lictor_shell name)
  lictor_module(${name} ON ${ARGN})
  target_compile_definitions(${name} PRIVATE _GNU_SOURCE)
endfunction()

# lictor_test(name SOURCES ... [LIBS ...]): a Criterion program run by ctest, labelled by its folder.
function(lictor_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  set_target_properties(${name} PROPERTIES C_STANDARD 17 C_EXTENSIONS ON)
  target_compile_definitions(${name} PRIVATE _GNU_SOURCE)
  if(LICTOR_SANITIZE MATCHES thread)
    # Criterion cannot start under ThreadSanitizer; see the header there.
    target_sources(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests/sanitizers/plain/main.c)
    target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests/sanitizers/plain)
    target_link_libraries(${name} PRIVATE lictor_flags ${ARG_LIBS})
  else()
    target_link_libraries(${name} PRIVATE lictor_flags ${ARG_LIBS} PkgConfig::CRITERION)
  endif()
  add_test(NAME ${name} COMMAND ${name} --timeout 120)
  file(RELATIVE_PATH folder ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES LABELS ${folder})
endfunction()

# lictor_fuzz(name SOURCES ... [LIBS ...]): LLVMFuzzerTestOneInput over tests/fuzz/corpus/<name>.
# Built by clang it fuzzes; otherwise it replays the committed corpus as an ordinary test.
function(lictor_fuzz name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBS" ${ARGN})
  set(corpus ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${name})
  add_executable(fuzz_${name} ${ARG_SOURCES})
  set_target_properties(fuzz_${name} PROPERTIES C_STANDARD 17 C_EXTENSIONS ON)
  target_compile_definitions(fuzz_${name} PRIVATE _GNU_SOURCE)
  target_link_libraries(fuzz_${name} PRIVATE lictor_flags ${ARG_LIBS})
  if(LICTOR_FUZZ)
    target_compile_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  else()
    target_sources(fuzz_${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests/fuzz/replay.c)
    add_test(NAME fuzz_${name}_replay COMMAND fuzz_${name} ${corpus})
  endif()
endfunction()
