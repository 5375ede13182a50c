# shellcheck shell=bash
# Sourced by scripts of checks: a line a check, the output of those that fail, and the closing line
# that tests/run-all counts. after_failure: a command that is run after each check that failed.
passed=0 failed=0 after_failure=

check() { # SENTENCE COMMAND...
    local sentence=$1 output
    shift
    if output=$("$@" 2>&1); then
        printf 'ok      %s\n' "$sentence"
        passed=$((passed + 1))
    else
        printf 'FAILED  %s\n%s\n' "$sentence" "$output"
        failed=$((failed + 1))
        ${after_failure:+"$after_failure"}
    fi
}

finish() {
    printf '%d passed, %d failed\n' "$passed" "$failed"
    exit $((failed > 0 || passed == 0))
}
