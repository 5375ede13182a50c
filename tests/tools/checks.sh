# shellcheck shell=bash
# Sourced by scripts of checks: a line a check, the output of those that fail, and the closing line
# that tests/run-all counts.
passed=0 failed=0

check() { # SENTENCE COMMAND...
    local sentence=$1 output
    shift
    if output=$("$@" 2>&1); then
        printf 'ok      %s\n' "$sentence"
        passed=$((passed + 1))
    else
        printf 'FAILED  %s\n%s\n' "$sentence" "$output"
        failed=$((failed + 1))
    fi
}

finish() {
    printf '%d passed, %d failed\n' "$passed" "$failed"
    exit $((failed > 0))
}
