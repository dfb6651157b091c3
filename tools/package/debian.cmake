# Debian packages: `cmake --preset package && cmake --build --preset package && cpack --preset package`. One has the program, the
# other the library; tools/deb_test.sh installs them in a clean Debian.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_CONTACT "assay developers <assay@localhost>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "neural architectures judged before training them")
set(CPACK_COMPONENTS_ALL program development)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(CPACK_DEBIAN_PROGRAM_PACKAGE_NAME assay)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SUGGESTS "dataset-fashion-mnist")
set(CPACK_COMPONENT_PROGRAM_DESCRIPTION
    "assay executes randomly initialised networks on a tiny batch, reads
trainability scores off them, estimates latency and memory on an
accelerator that a small file describes, searches a space of networks
under budgets, and trains only the final shortlist.")

set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libassay-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS
    "libdnnl-dev, ocl-icd-opencl-dev, libfmt-dev, libtomlplusplus-dev, libnlopt-dev, libsqlitecpp-dev, libsqlite3-dev, zlib1g-dev, libxxhash-dev")
if(ASSAY_ONNX)
  string(APPEND CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS ", libonnx-dev, libprotobuf-dev, protobuf-compiler")
endif()
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION
    "Static libraries, headers and the CMake package of assay: spaces of
networks, zero-shot scores, latency and memory estimates, search.")

# Every package has its copyright and the changes. Debian has the text of the Apache licence in one place.
file(READ src/report/assets/LICENSE.echarts echarts_licence)
string(FIND "${echarts_licence}" "                                 Apache License" begin)
string(FIND "${echarts_licence}" "BSD 3-Clause (d3.js)" end)
if(begin EQUAL -1 OR end LESS begin)
  message(FATAL_ERROR "src/report/assets/LICENSE.echarts does not hold the Apache licence, then that of d3.")
endif()
string(SUBSTRING "${echarts_licence}" 0 ${begin} notice)
string(SUBSTRING "${echarts_licence}" ${end} -1 parts)
set(echarts_licence "${notice}Apache License, Version 2.0: /usr/share/common-licenses/Apache-2.0\n\n${parts}")
configure_file(tools/package/copyright.in ${PROJECT_BINARY_DIR}/copyright @ONLY)
foreach(component program development)
  string(TOUPPER ${component} upper)
  set(documents ${CMAKE_INSTALL_DATADIR}/doc/${CPACK_DEBIAN_${upper}_PACKAGE_NAME})
  install(FILES ${PROJECT_BINARY_DIR}/copyright DESTINATION ${documents} COMPONENT ${component})
  install(FILES ${PROJECT_BINARY_DIR}/changelog.gz DESTINATION ${documents} COMPONENT ${component})
endforeach()
add_custom_command(OUTPUT ${PROJECT_BINARY_DIR}/changelog.gz
                   COMMAND gzip -9nc ${PROJECT_SOURCE_DIR}/CHANGELOG.md > ${PROJECT_BINARY_DIR}/changelog.gz
                   DEPENDS CHANGELOG.md VERBATIM)
add_custom_target(assay_changelog ALL DEPENDS ${PROJECT_BINARY_DIR}/changelog.gz)
include(CPack)
