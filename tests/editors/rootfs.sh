#!/usr/bin/env bash
# The real editors, in a Debian root filesystem outside the repository, for tests.
#
#   rootfs.sh build                   make what is missing: some minutes, 3 GB and PyTorch
#   rootfs.sh check                   say whether it is there
#   rootfs.sh install SCRATCH         a virtual environment SCRATCH/venv with impasto from this checkout
#   rootfs.sh run SCRATCH COMMAND...  run inside, without network: SCRATCH is /scratch, this checkout /checkout (read-only)
#
# After `run` nothing stays mounted or running. Exit code 77: it cannot be had here, and the line says why.
# It lives in $IMPASTO_EDITORS, or else in the user's cache folder. Another package for an editor goes into PACKAGES.
# $IMPASTO_EDITORS_SUITE is Debian's suite: trixie (GIMP 3.0, Krita 5.2), or for newer editors forky, sid, or experimental,
# which is sid with Krita 6 out of experimental. Each has a root filesystem of its own.
set -euo pipefail

SUITE=${IMPASTO_EDITORS_SUITE:-trixie}
BASE=$SUITE KRITA="krita python3-pyqt5"
if [ "$SUITE" = experimental ]; then BASE=sid KRITA="krita/experimental python3-pyqt6"; fi  # a suite of additions to sid
PACKAGES="gimp $KRITA python3-venv xvfb xdotool imagemagick twm procps ca-certificates fonts-dejavu-core"
CHECKOUT=$(cd "$(dirname "$0")/../.." && pwd)
CACHE=${IMPASTO_EDITORS:-${XDG_CACHE_HOME:-$HOME/.cache}/impasto-editors}
key() { sha256sum | head -c 12; }
ROOT=$CACHE/$SUITE-$(echo "$PACKAGES" | key)
# What the virtual environment of dependencies depends on: a change of code is none.
DEPENDENCIES=/opt/impasto-$(sed -n '/^requires = /p; /^dependencies/,/^]/p' "$CHECKOUT/pyproject.toml" | key)
# A wheel's build writes into its sources: inside, they take that, and it is gone with the process.
WRITABLE="mkdir /tmp/upper /tmp/work && mount -t overlay -o lowerdir=/checkout,upperdir=/tmp/upper,workdir=/tmp/work over /checkout"

cannot() { echo "no root filesystem with the editors: $*"; exit 77; }

possible() {
    [ "$(id -u)" = 0 ] || cannot "only root can build and enter it"
    unshare --mount --pid --net --fork true 2>/dev/null || cannot "this machine does not allow root its own namespaces"
}

# inside SCRATCH NETWORK COMMAND...: its own mounts, processes and, if NETWORK is empty, no network.
inside() {
    local scratch=$1 network=$2; shift 2
    if [ -d "$ROOT$DEPENDENCIES" ]; then exec 8< "$ROOT$DEPENDENCIES"; flock -s 8; fi  # held until the last process ends
    # Process 1 stays a shell, which reaps the orphans of the others, and everything dies with it.
    exec unshare --mount --pid ${network:---net} --fork --kill-child bash -c '
        set -e; root=$1 scratch=$2 checkout=$3; shift 3
        mount --make-rprivate /
        mount -t proc proc "$root/proc"; mount --rbind /dev "$root/dev"; mount -t devpts -o ptmxmode=666 devpts "$root/dev/pts"
        mount -t tmpfs tmpfs "$root/tmp"
        mkdir -p "$root/scratch" "$root/checkout"
        mount --bind "$scratch" "$root/scratch"; mount --bind "$checkout" "$root/checkout"
        mount -o remount,bind,ro "$root/checkout"
        set +e; chroot "$root" /usr/bin/env -i "$@"; exit $?
    ' inside "$ROOT" "$scratch" "$CHECKOUT" HOME=/root LANG=C.UTF-8 PATH=/usr/bin:/bin:/usr/sbin:/sbin "$@"
}

settings() { env | grep -E '^(PIP_|https?_proxy=|no_proxy=|HTTPS?_PROXY=|NO_PROXY=)' | grep -v -E '^PIP_(FIND_LINKS|CERT)=' || true; }

# This machine's ways to packages: its mirror and apt's settings for it, names, certificates, pip's settings.
configure() {
    local root=$1 mirror=$2
    {
        echo "deb $mirror $BASE main"
        case $SUITE in
            sid) ;;  # it has its updates in itself
            experimental) echo "deb $mirror experimental main" ;;
            *) echo "deb $mirror $SUITE-updates main"; echo "deb $mirror-security $SUITE-security main" ;;
        esac
    } > "$root/etc/apt/sources.list"
    for tree in http https Check-Valid-Until Check-Date; do
        apt-config dump "Acquire::$tree" 2>/dev/null
    done > "$root/etc/apt/apt.conf.d/00machine"
    cp /etc/resolv.conf "$root/etc/resolv.conf"
    mkdir -p "$root/etc/ssl/certs"
    cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/machine.crt"
    { echo "[global]"; echo "cert = /etc/ssl/certs/machine.crt"; python3 -m pip config list |
        sed -n "s/^global\.\([a-z-]*\)='\(.*\)'$/\1 = \2/p" | grep -v -E '^(cert|find-links) '; } > "$root/etc/pip.conf"
    sed -n 's/^constraint = //p' "$root/etc/pip.conf" | while read -r file; do cp --parents "$file" "$root"; done
}

system() {
    [ -d "$ROOT" ] && return
    command -v debootstrap > /dev/null || cannot "debootstrap is not installed"
    local mirror new=$ROOT.new
    mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
        grep -v '^ *#' | grep -oE 'https?://[^ ]*/debian(/| |$)' | head -1) || true
    mirror=${mirror:-http://deb.debian.org/debian}; mirror=${mirror%[/ ]}
    rm -rf --one-file-system "$new"
    # Debian's suites have one script, and a debootstrap older than a suite knows no name for it.
    debootstrap --variant=minbase "$BASE" "$new" "$mirror" "${DEBOOTSTRAP_DIR:-/usr/share/debootstrap}/scripts/sid"
    configure "$new" "$mirror"
    ( ROOT=$new; inside "$CACHE" --pid DEBIAN_FRONTEND=noninteractive sh -c \
        "apt-get update -q && apt-get install -qy --no-install-recommends $PACKAGES && apt-get clean" )
    mv "$new" "$ROOT"
}

# As the README says it, in a copy of this checkout; what stays is all but impasto itself, which `install` adds.
dependencies() {
    [ -d "$ROOT$DEPENDENCIES" ] && return
    mapfile -t set < <(settings)
    rm -rf "$ROOT$DEPENDENCIES.new"
    ( inside "$CACHE" --pid "${set[@]}" bash -ec "$WRITABLE; cd /checkout
        python3 -m venv $DEPENDENCIES.new && . $DEPENDENCIES.new/bin/activate && pip install -q .
        pip install -q 'hatchling>=1.27' 'babel>=2.16' && pip uninstall -qy impasto" )
    mv "$ROOT$DEPENDENCIES.new" "$ROOT$DEPENDENCIES"
}

# Environments of earlier dependencies take 5 GB each: those go that nobody is in, or has begun with for an hour.
prune() {
    local old
    for old in $(find "$ROOT/opt" -maxdepth 1 -name 'impasto-*' -mmin +60); do
        [ "$old" = "$ROOT$DEPENDENCIES" ] || flock -n "$old" rm -rf --one-file-system "$old" || true
    done
}

build() {
    possible
    mkdir -p "$CACHE"
    exec 9> "$CACHE/lock"; flock 9
    # A process of its own: within a condition, this shell would go on after an error.
    if ! "$0" make > "$CACHE/build.log" 2>&1; then
        cannot "building it failed, see $CACHE/build.log: $(grep -v '^$' "$CACHE/build.log" | tail -1)"
    fi
    echo "the editors are in $ROOT"
}

check() {
    [ -d "$ROOT$DEPENDENCIES" ] || cannot "make it by: sudo $CHECKOUT/tests/editors/rootfs.sh build"
    possible
    echo "the editors are in $ROOT"
}

install() {
    touch -c "$ROOT$DEPENDENCIES"
    ( inside "$1" "" bash -ec "$WRITABLE; python3 -m venv --without-pip /scratch/venv
        echo $DEPENDENCIES/lib/python3.*/site-packages > \$(echo /scratch/venv/lib/python3.*/site-packages)/dependencies.pth
        $DEPENDENCIES/bin/python -m pip --python /scratch/venv/bin/python install -q --no-deps --no-build-isolation /checkout" )
}

case ${1:-} in
    build | check) "$1" ;;
    make) system; dependencies; prune ;;
    install) install "$(realpath "$2")" ;;
    run) scratch=$(realpath "$2"); shift 2; inside "$scratch" "" "$@" ;;
    *) sed -n '2,/^set/{/^#/p}' "$0"; exit 2 ;;
esac
