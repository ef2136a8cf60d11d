# Language, warnings, hardening and sanitizers, as INTERFACE targets that floors link.

option(WALDRILL_TESTS "Build the tests" ON)
option(WALDRILL_FUZZ "Build the libFuzzer targets" OFF)
option(WALDRILL_MUTANTS "Build the known-bad proxies into the core (never in a release)" OFF)
option(WALDRILL_HARDENING "Hardening flags of a release" OFF)
option(WALDRILL_COVERAGE "Instrument for gcov" OFF)
set(WALDRILL_SANITIZE "" CACHE STRING "Sanitizers, e.g. address,undefined or thread")

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(YAML REQUIRED IMPORTED_TARGET yaml-0.1)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(MHD REQUIRED IMPORTED_TARGET libmicrohttpd)
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl)

add_library(waldrill_warnings INTERFACE)
target_compile_options(waldrill_warnings INTERFACE
    -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wstrict-prototypes
    -Wmissing-prototypes -Wold-style-definition -Wformat=2 -Wundef -Wcast-qual -Wwrite-strings
    -Wpointer-arith -Wvla -Walloca -Wswitch-enum -Wnull-dereference -Wdouble-promotion -Wdate-time
    -fno-common
    -Werror=incompatible-pointer-types -Werror=int-conversion -Werror=return-type
    -Werror=implicit-function-declaration)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    target_compile_options(waldrill_warnings INTERFACE
        -Wcast-align=strict -Wimplicit-fallthrough=5 -Wduplicated-cond -Wduplicated-branches
        -Wlogical-op -Wstack-usage=16384)
endif()
option(WALDRILL_WERROR "Warnings are errors" ON)
if(WALDRILL_WERROR)
    target_compile_options(waldrill_warnings INTERFACE -Werror)
endif()

add_library(waldrill_options INTERFACE)
target_compile_definitions(waldrill_options INTERFACE _GNU_SOURCE)
target_include_directories(waldrill_options INTERFACE "${CMAKE_SOURCE_DIR}")
if(WALDRILL_MUTANTS)
    target_compile_definitions(waldrill_options INTERFACE WALDRILL_MUTANTS=1)
endif()
if(WALDRILL_HARDENING)
    target_compile_options(waldrill_options INTERFACE
        -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection
        -fcf-protection=full -fPIE)
    if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
        # clang 14 wants a second flag to admit that it knows what this one does
        target_compile_options(waldrill_options INTERFACE -ftrivial-auto-var-init=zero)
    endif()
    target_link_options(waldrill_options INTERFACE
        -pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code -Wl,--as-needed)
endif()
if(WALDRILL_COVERAGE)
    target_compile_options(waldrill_options INTERFACE --coverage)
    target_link_options(waldrill_options INTERFACE --coverage)
endif()
if(WALDRILL_SANITIZE)
    target_compile_options(waldrill_options INTERFACE
        -fsanitize=${WALDRILL_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
    target_link_options(waldrill_options INTERFACE -fsanitize=${WALDRILL_SANITIZE})
endif()
