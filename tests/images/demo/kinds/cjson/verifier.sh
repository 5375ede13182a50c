#!/bin/bash
# Builds what is in /cjson with the hidden tests and leaves CTest's JUnit report in
# /cjson/test-results.xml. The folder's own tests, its instructions to CMake (which could write the
# tests anew) and earlier builds are not used.
[ "${VERIFIER-}" ] || exec env -i VERIFIER=1 PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
    LC_ALL=C.UTF-8 /bin/bash "$0"
set -eu
cd /cjson
rm -rf tests test-results.xml CMakeCache.txt CMakeFiles
cp -a /verifier/tests tests
for pinned in /verifier/pinned/*; do
    rm -rf "${pinned##*/}"
    cp -a "$pinned" .
done
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT

# A test that does not compile is missing when CTest runs, which counts as failed.
status=0
compile() {
    cmake -S . -B "$build" -DCMAKE_BUILD_TYPE= -DENABLE_CUSTOM_COMPILER_FLAGS=Off \
        -DENABLE_CJSON_TEST=On && cmake --build "$build" -- -k -s -j2
}
if ! compile >"$build/compile.log" 2>&1; then
    status=1
    tail -n 50 "$build/compile.log"
fi
ctest --test-dir "$build" --timeout 60 --no-tests=error --output-on-failure \
    --output-junit /cjson/test-results.xml || status=1

# CTest writes no report when the build could not even be configured.
[ -f test-results.xml ] || rm -rf test-results.xml
grep -qs '<testcase' test-results.xml || cat >test-results.xml <<'XML'
<testsuites><testsuite name="verifier"><testcase classname="verifier" name="build">
<failure message="the project can't be configured"/>
</testcase></testsuite></testsuites>
XML
exit "$status"
