# What `cmake --install` puts where: the program with all that it finds at run time (component "program"), and the library with
# headers and a CMake package (component "development").
include(CMakePackageConfigHelpers)
set(CMAKE_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ
                                                WORLD_EXECUTE)

# --- program
install(TARGETS assay RUNTIME COMPONENT program)
install(DIRECTORY spaces/ DESTINATION ${CMAKE_INSTALL_DATADIR}/assay/spaces COMPONENT program)

# The program itself writes its manual and the completion scripts. One with sanitizers is not worth installing.
if(NOT ASSAY_SANITIZE)
  set(pages ${PROJECT_BINARY_DIR}/man)
  set(scripts ${PROJECT_BINARY_DIR}/completion)
  file(MAKE_DIRECTORY ${scripts})
  add_custom_command(
    OUTPUT ${scripts}/assay ${scripts}/_assay ${pages}/assay.1.gz
    COMMAND assay completion bash > ${scripts}/assay
    COMMAND assay completion zsh > ${scripts}/_assay
    COMMAND ${CMAKE_COMMAND} -E rm -rf ${pages}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${pages}
    COMMAND assay man --folder ${pages}
    COMMAND gzip -9nr ${pages}
    DEPENDS assay
    COMMENT "Writing the manual and completion scripts"
    VERBATIM)
  add_custom_target(assay_manual ALL DEPENDS ${pages}/assay.1.gz)
  install(DIRECTORY ${pages}/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT program)
  install(FILES ${scripts}/assay DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions COMPONENT program)
  install(FILES ${scripts}/_assay DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/${ASSAY_ZSH_FOLDER} COMPONENT program)
endif()

# --- library
# What a module needs at run time is asked for by assay-config.cmake; header-only libraries are inside the archives.
set(package ${CMAKE_INSTALL_LIBDIR}/cmake/assay)
add_library(assay_library INTERFACE)
target_compile_features(assay_library INTERFACE cxx_std_20)
set_target_properties(assay_library PROPERTIES EXPORT_NAME assay)
foreach(module ${assay_modules})
  target_link_libraries(assay_library INTERFACE assay_${module})
  set_target_properties(assay_${module} PROPERTIES EXPORT_NAME ${module})
  install(TARGETS assay_${module} EXPORT assay ARCHIVE COMPONENT development FILE_SET HEADERS COMPONENT development)
endforeach()
install(TARGETS assay_library EXPORT assay)
install(EXPORT assay NAMESPACE assay:: FILE assay-targets.cmake DESTINATION ${package} COMPONENT development)
configure_package_config_file(tools/package/assay-config.cmake.in ${PROJECT_BINARY_DIR}/assay-config.cmake
                              INSTALL_DESTINATION ${package})
# 0.x: any minor version may change the interface.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/assay-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/assay-config.cmake ${PROJECT_BINARY_DIR}/assay-config-version.cmake
        DESTINATION ${package} COMPONENT development)

# --- licences
if(ASSAY_DEBIAN)
  include(tools/package/debian.cmake)
else()
  file(GLOB licences CONFIGURE_DEPENDS LICENSE src/report/assets/LICENSE.*)
  install(FILES ${licences} DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT program)
endif()
