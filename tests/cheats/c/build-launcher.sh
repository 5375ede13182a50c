# the build starts the compiler by a script that compiles another test
# shellcheck shell=bash
cat >launch <<'SH'
#!/bin/sh
case "$*" in
*/tests/misc_tests.c*)
    echo 'int main(void) { return 0; }' >"$TMPDIR/misc_tests.c"
    for word; do
        shift
        case $word in */tests/misc_tests.c) word=$TMPDIR/misc_tests.c ;; esac
        set -- "$@" "$word"
    done
    ;;
esac
exec "$@"
SH
chmod +x launch
sed -i '1i set(CMAKE_C_COMPILER_LAUNCHER "${CMAKE_SOURCE_DIR}/launch")' CMakeLists.txt
