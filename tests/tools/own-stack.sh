# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # `dir` is for whoever sources it; `top`, until_seconds and database are its own
# Sourced by scripts of checks that have a stack of their own, in $dir/s: how they speak to it. They set
# `top`, the folder of the tree, before, and `database`, the socket of MariaDB, when the stack is up.

dir=$(mktemp -d /tmp/cs-checks.XXXXXX)
chmod 755 "$dir" # MariaDB and nginx run as users of their own

stack() { "$top/tests/stack" --dir "$dir/s" "$@"; }
leave_stack() {
    stack down >/dev/null 2>&1
    rm -rf "$dir"
}

ctl() { eval "$CODESET_CTL \"\$@\""; }
sql() { mariadb --no-defaults -N -S "$database" -u root codeset -e "$1"; }
answers() { [ "$(sql "$1")" = "$2" ]; } # STATEMENT ANSWER

api_as() { # KEY METHOD PATH [CURL OPTIONS...]
    local key=$1 method=$2 path=$3
    shift 3
    curl -sS --max-time 120 --cacert "$CODESET_CA" -H "Authorization: Bearer $key" \
        -H 'Content-Type: application/json' -X "$method" "$CODESET_BASE_URL$path" "$@"
}
api() { api_as "$CODESET_API_KEY" "$@"; } # METHOD PATH [CURL OPTIONS...]

# Until it is as it must become. The bound ends a hang; no machine is so slow.
until_true() { # COMMAND...
    local deadline=$((SECONDS + ${until_seconds:-90}))
    until "$@"; do
        ((SECONDS < deadline)) || return 1
        sleep 0.05
    done
}
