# add_layer: one static library per top-level folder, and the rule of who may include whom.
#
# A layer's headers are reached through a directory that holds nothing but a symbolic link to the layer, and only the targets
# that link the layer get that directory. Including a layer that is not linked is therefore "file not found". A layer may
# export only some of its folders (PUBLIC_DIRS); the others, like engine/backend, do not exist for anyone else.

set(TANGENT_ROOTS ${PROJECT_BINARY_DIR}/include_roots)

add_library(tangent_warnings INTERFACE)
target_compile_options(tangent_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion
  # The engine's loops: no errno and no traps, so that the compiler may use vector code; NaN and Inf keep their meaning.
  -fno-math-errno -fno-trapping-math -fopenmp-simd)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 and 13 see an overlap in "literal" + std::string at -O3 that is not there (GCC bug 105651).
  # Without AVX-512 it notes that functions which take its vectors would have another ABI; ours are local to one file.
  target_compile_options(tangent_warnings INTERFACE -Wno-restrict -Wno-psabi)
endif()
if(TANGENT_NATIVE)
  target_compile_options(tangent_warnings INTERFACE -march=native)
endif()
if(TANGENT_SANITIZE)
  target_compile_options(tangent_warnings INTERFACE -fsanitize=${TANGENT_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(tangent_warnings INTERFACE -fsanitize=${TANGENT_SANITIZE})
endif()

# An include root `<root>/<name>` that shows one folder of the source tree under the layer's own path.
function(add_include_root target layer)
  set(root ${TANGENT_ROOTS}/${target})
  if(ARGN)
    file(MAKE_DIRECTORY ${root}/${layer})
    foreach(dir IN LISTS ARGN)
      file(CREATE_LINK ${PROJECT_SOURCE_DIR}/${layer}/${dir} ${root}/${layer}/${dir} SYMBOLIC)
    endforeach()
  else()
    file(MAKE_DIRECTORY ${root})
    file(CREATE_LINK ${PROJECT_SOURCE_DIR}/${layer} ${root}/${layer} SYMBOLIC)
  endif()
  add_library(${target}_headers INTERFACE)
  target_include_directories(${target}_headers INTERFACE ${root})
  target_compile_features(${target}_headers INTERFACE cxx_std_20)  # for projects around this one
endfunction()

function(add_layer name)
  cmake_parse_arguments(ARG "" "" "PUBLIC_DIRS;DEPENDS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${name}/*.cpp)
  add_library(${name} STATIC ${sources})
  add_include_root(${name} ${name} ${ARG_PUBLIC_DIRS})
  add_include_root(${name}_all ${name})           # the whole layer: for itself and for its tests
  target_link_libraries(${name} PRIVATE ${name}_all_headers $<BUILD_INTERFACE:tangent_warnings> INTERFACE ${name}_headers)
  foreach(dependency IN LISTS ARG_DEPENDS)
    if(TARGET ${dependency})
      target_link_libraries(${name} PUBLIC ${dependency})
    else()                                        # one folder of a layer, as engine_tensor is engine/tensor
      string(REPLACE "_" ";" parts ${dependency})
      list(GET parts 0 layer)
      list(GET parts 1 dir)
      add_include_root(${dependency} ${layer} ${dir})
      target_link_libraries(${name} PUBLIC ${dependency}_headers)
    endif()
  endforeach()
endfunction()

# One program per .cpp directly in the folder; its sub-folders are one library that the programs share. A program whose name
# is taken by a layer has a source called <name>_program.cpp.
function(add_programs folder)
  cmake_parse_arguments(ARG "" "" "DEPENDS" ${ARGN})
  file(GLOB_RECURSE shared CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*/*.cpp)
  file(GLOB programs CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*.cpp)
  add_library(${folder} STATIC ${shared})
  add_include_root(${folder} ${folder})
  target_link_libraries(${folder} PUBLIC ${folder}_headers ${ARG_DEPENDS} CLI11::CLI11 nlohmann_json::nlohmann_json
                        tangent_warnings)
  target_precompile_headers(${folder} PRIVATE <nlohmann/json.hpp>)
  add_custom_target(programs)
  foreach(source IN LISTS programs)
    get_filename_component(program ${source} NAME_WE)
    add_executable(${program} ${source})
    string(REGEX REPLACE "_program$" "" output ${program})
    set_target_properties(${program} PROPERTIES OUTPUT_NAME ${output})
    target_link_libraries(${program} PRIVATE ${folder})
    target_precompile_headers(${program} REUSE_FROM ${folder})
    add_dependencies(programs ${program})
  endforeach()
endfunction()
