# files that might tell the go command to run, or to take, something else
# shellcheck shell=bash
mkdir -p bin .config/go pkg/mod
cat >bin/go <<'SH'
#!/bin/sh
for word; do case $last in -o) printf '#!/bin/sh\nexit 0\n' >"$word" && chmod 755 "$word" ;; esac; last=$word; done
SH
chmod 755 bin/go
cp bin/go go
cp bin/go compile
for file in .env go.env .config/go/env; do
    printf 'GOFLAGS=-toolexec=%s/bin/go\nGOROOT=%s\nPATH=%s/bin\n' "$PWD" "$PWD" "$PWD" >"$file"
done
cat >generate.go <<'GO'
package shop

//go:generate sh -c "rm -f *_test.go"
//go:generate false
GO
printf '\ntoolchain go1.19\n' >>go.mod
