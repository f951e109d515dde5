#!/usr/bin/env bash
# Builds the real servers of the end-to-end tests from pinned versions and
# prints the folder that holds them; everything else goes to stderr, so that
#
#     servers=$(tests/servers/build.sh)
#
# works. `--print` only prints the folder. The first build takes about a
# quarter of an hour on two cores; later calls find everything in place.
#
# The folder lies outside the source tree, in the user's cache (LEASEHOLD_CACHE
# overrides where), and its name holds a digest of all pins: a changed pin gets
# a new folder, and an old one can simply be deleted.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${LEASEHOLD_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/leasehold}
pins=(
    kubernetes/go.mod kubernetes/go.sum
    vault/go.mod vault/go.sum
    requirements.txt
)
digest=$(cd "$here" && cat "${pins[@]}" | sha256sum | cut -c1-12)
out=$cache/servers-$digest

say() { printf 'servers: %s\n' "$*" >&2; }

# All programs of a part are there: each arrives by a rename, never half written.
have() {
    local program
    for program in "$@"; do
        [[ -x $out/bin/$program ]] || return 1
    done
}

# run_part NAME FUNCTION PROGRAM...: runs FUNCTION with an empty scratch folder,
# then moves the programs it left in SCRATCH/bin into place.
run_part() {
    local name=$1 function=$2 scratch started program
    shift 2
    if have "$@"; then
        return
    fi
    say "building $name ($*)"
    started=$SECONDS
    # Beside the target: a rename is only atomic within one file system.
    scratch=$out/.building-$name
    rm -rf "$scratch"
    mkdir -p "$scratch/bin" "$out/bin"
    "$function" "$scratch"
    for program in "$@"; do
        mv -f "$scratch/bin/$program" "$out/bin/$program"
    done
    rm -rf "$scratch"
    say "built $name in $((SECONDS - started)) s"
}

# go_tools MODULE FOLDER LDFLAGS: builds every `tool` of a module into FOLDER.
# The two modules are built one after the other: each alone keeps all cores and
# some gigabytes of memory busy. Without cgo no C compiler is needed.
go_tools() {
    (
        cd "$here/$1"
        CGO_ENABLED=0 GOWORK=off go build -mod=readonly -trimpath \
            -ldflags="-s -w $3" -o "$2/" tool
    ) >&2
}

build_kubernetes() {
    # Without its version stamped in, the apiserver calls itself v0.0.0 and
    # clients distrust it.
    local version
    version=$(awk '$1 == "k8s.io/kubernetes" { print $2 }' "$here/kubernetes/go.mod")
    go_tools kubernetes "$1/bin" "-X k8s.io/component-base/version.gitVersion=$version"
    mv "$1/bin/server" "$1/bin/etcd" # go names it after its folder
}

build_vault() {
    go_tools vault "$1/bin" ""
}

build_python() {
    python3 -m venv "$1/venv" >&2
    "$1/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps \
        --requirement "$here/requirements.txt" >&2
    # The scripts pip writes name the folder they were installed into, which is
    # about to be renamed; the interpreter itself finds its packages anywhere.
    cat >"$1/bin/moto_server" <<'WRAPPER'
#!/bin/sh
exec "$(dirname "$0")/../venv/bin/python" -c 'import sys; from moto.server import main; sys.exit(main())' "$@"
WRAPPER
    chmod +x "$1/bin/moto_server"
    cp "$1/venv/bin/kubectl" "$1/bin/kubectl" # the real program, not a script
    rm -rf "$out/venv"
    mv "$1/venv" "$out/venv"
}

case ${1-} in
    --print)
        printf '%s\n' "$out"
        exit
        ;;
    '') ;;
    *)
        say "usage: build.sh [--print]"
        exit 2
        ;;
esac

kubernetes=(etcd kube-apiserver kube-controller-manager)
vault=(vault)
python=(kubectl moto_server)

if ! have "${kubernetes[@]}" "${vault[@]}" "${python[@]}"; then
    mkdir -p "$out"
    # Test programs run in parallel and each asks for the servers: one builds,
    # the others wait for it.
    exec 9>"$out/.lock"
    if ! flock --nonblock 9; then
        say "waiting for another build"
        flock 9
    fi
    say "into $out (kept for later runs)"
    run_part python build_python "${python[@]}"
    run_part kubernetes build_kubernetes "${kubernetes[@]}"
    run_part vault build_vault "${vault[@]}"
fi
printf '%s\n' "$out"
