# waldrill_embed(TARGET NAME FILE) - makes FILE's bytes part of TARGET at build time, as
#   const unsigned char NAME[]; const size_t NAME_size;
# The bytes are written out as numbers: no assembler, no linker script, the same under every compiler.
set(WALDRILL_EMBED_SCRIPT "${CMAKE_CURRENT_LIST_DIR}/EmbedFile.cmake")
function(waldrill_embed target name file)
    set(source "${CMAKE_CURRENT_BINARY_DIR}/embedded/${name}.c")
    get_filename_component(file "${file}" ABSOLUTE)
    add_custom_command(
        OUTPUT "${source}"
        COMMAND "${CMAKE_COMMAND}" -DNAME=${name} "-DFILE=${file}" "-DOUT=${source}" -P "${WALDRILL_EMBED_SCRIPT}"
        DEPENDS "${file}" "${WALDRILL_EMBED_SCRIPT}"
        COMMENT "Embedding ${name}"
        VERBATIM)
    target_sources(${target} PRIVATE "${source}")
endfunction()
