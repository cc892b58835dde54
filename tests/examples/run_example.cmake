# cmake -D NAME=x -D HERE=folder -P run_example.cmake -- program arguments...
#
# Runs the program and fails unless it exits with 0 and its output is what NAME.expected says, or
# matches NAME.matches. With -D SELF_TEST=ON the comparison is tested instead.
cmake_minimum_required(VERSION 3.25)

# What is wrong with an output, or nothing.
function(compare name folder output complaint)
  set(wrong "")
  if(EXISTS ${folder}/${name}.expected)
    file(READ ${folder}/${name}.expected expected)
    if(NOT output STREQUAL expected)
      set(wrong "expected, word for word:\n${expected}\nbut it wrote:\n${output}")
    endif()
  elseif(EXISTS ${folder}/${name}.matches)
    file(READ ${folder}/${name}.matches expected)
    if(NOT output MATCHES "^${expected}$")
      set(wrong "expected, as a pattern:\n${expected}\nbut it wrote:\n${output}")
    endif()
  else()
    set(wrong "neither ${name}.expected nor ${name}.matches is there")
  endif()
  set(${complaint} "${wrong}" PARENT_SCOPE)
endfunction()

if(SELF_TEST)
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/self_test)
  file(WRITE ${folder}/word.expected "1 (of 4)\n")
  file(WRITE ${folder}/pattern.matches "[1-4] of 4\n")
  # name, output, whether it is good
  foreach(case "word|1 (of 4)\n|yes" "word|1 (of 4)|no" "word|2 (of 4)\n|no" "word||no"
      "pattern|2 of 4\n|yes" "pattern|5 of 4\n|no" "pattern|2 of 4\n2 of 4\n|no" "none|x|no")
    string(REPLACE "|" ";" case "${case}")
    list(GET case 0 name)
    list(GET case 1 output)
    list(GET case 2 good)
    compare(${name} ${folder} "${output}" complaint)
    if((complaint AND good) OR NOT (complaint OR good))
      set(wrong "${wrong}${name}, '${output}': ${complaint}\n")
    endif()
  endforeach()
  file(REMOVE_RECURSE ${folder})
  if(wrong)
    message(FATAL_ERROR "${wrong}")
  endif()
  return()
endif()

# The command stands behind "--".
set(command)
set(found OFF)
math(EXPR last "${CMAKE_ARGC} - 1")
foreach(i RANGE ${last})
  if(found)
    list(APPEND command "${CMAKE_ARGV${i}}")
  elseif(CMAKE_ARGV${i} STREQUAL "--")
    set(found ON)
  endif()
endforeach()

execute_process(COMMAND ${command}
  RESULT_VARIABLE code OUTPUT_VARIABLE output ERROR_VARIABLE errors)
message("${output}${errors}") # a sanitizer's words are looked for in it
if(NOT code EQUAL 0)
  message(FATAL_ERROR "it ended with ${code}")
endif()
if(NOT errors STREQUAL "")
  message(FATAL_ERROR "it wrote to its standard error")
endif()
compare(${NAME} ${HERE} "${output}" complaint)
if(complaint)
  message(FATAL_ERROR "${complaint}")
endif()
