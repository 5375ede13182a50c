# a build folder and its caches left behind
fix
mkdir build
(cd build && cmake .. -DENABLE_CJSON_TEST=On >/dev/null && cmake --build . >/dev/null 2>&1) || true
cmake . >/dev/null
