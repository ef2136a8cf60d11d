# waldrill_tests(LABEL unit FLOOR name DEPENDS target...) - every test_*.c of the current folder becomes
# one CUnit program and one ctest entry.
pkg_check_modules(CUNIT REQUIRED IMPORTED_TARGET cunit)
function(waldrill_tests)
    cmake_parse_arguments(ARG "" "LABEL;FLOOR;TIMEOUT" "DEPENDS" ${ARGN})
    if(NOT ARG_TIMEOUT)
        set(ARG_TIMEOUT 120)
    endif()
    file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/test_*.c")
    foreach(source ${sources})
        get_filename_component(stem ${source} NAME_WE)
        set(name "${ARG_LABEL}_${ARG_FLOOR}_${stem}")
        add_executable(${name} ${source})
        target_link_libraries(${name} PRIVATE ${ARG_DEPENDS} test_lib waldrill_options waldrill_warnings)
        target_compile_definitions(${name} PRIVATE
            TEST_DATA_DIR="${CMAKE_SOURCE_DIR}/tests/data" TEST_BIN_DIR="${CMAKE_BINARY_DIR}/bin"
            TEST_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
        set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests")
        add_test(NAME ${name} COMMAND ${name})
        set_tests_properties(${name} PROPERTIES LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT})
    endforeach()
endfunction()
