# shellcheck shell=bash
# Sourced by the scripts beside it: tools that are not part of a Rust toolchain.

# install_missing TOOL:PACKAGE:USE...
# Installs the Debian packages of the tools that are missing, as root on Debian. Prints a line for each tool that is
# missing after that, with what is left out for want of it; true if none is.
install_missing() {
    local entry tool package use missing=() left=0
    for entry; do
        IFS=: read -r tool package use <<<"$entry"
        command -v "$tool" >/dev/null || missing+=("$package")
    done
    if ((${#missing[@]})) && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "installing from Debian: ${missing[*]}"
        apt_install "${missing[@]}" || { apt_get update && apt_install "${missing[@]}"; } ||
            for package in "${missing[@]}"; do apt_install "$package" || true; done
    fi
    for entry; do
        IFS=: read -r tool package use <<<"$entry"
        if ! command -v "$tool" >/dev/null; then
            echo "missing: $tool (apt-get install $package), so not here: $use"
            left=1
        fi
    done
    return "$left"
}

apt_install() {
    apt_get install -y --no-install-recommends "$@"
}

apt_get() {
    DEBIAN_FRONTEND=noninteractive apt-get -qq -o Acquire::Retries=1 -o Acquire::http::Timeout=30 "$@" \
        </dev/null >/dev/null 2>&1
}

# The toolchain may be where rustup put it and in no login's PATH yet.
need_cargo() {
    command -v cargo >/dev/null || PATH=$PATH:${CARGO_HOME:-${HOME:-/root}/.cargo}/bin
    if ! command -v cargo >/dev/null; then
        echo "missing: cargo, of a Rust toolchain 1.89 or later" >&2
        return 1
    fi
}

# Builds the binary as users have it, and prints where it is.
build_release() {
    cargo build --release --locked --bin swarmlock --message-format=json-render-diagnostics |
        sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -n 1
}
