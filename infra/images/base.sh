# shellcheck shell=bash
# What the image recipes share: options, messages, and a base image made of Debian's packages instead of a registry.
# A host with a registry can skip debootstrap: BASE_IMAGE=debian:bookworm-slim infra/images/workspace.sh

SUITE=bookworm
IMAGES=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
started=$SECONDS
scratch=$(mktemp -d)
trap 'rm -rf --one-file-system -- "$scratch"' EXIT
# shellcheck source=options.sh
. "$IMAGES/options.sh"

say() { printf '%4ss  %s\n' "$((SECONDS - started))" "$*"; }
fail() { say "$*" >&2; exit 1; }

# quietly COMMAND…: runs it, and shows the end of its output only if it fails.
quietly() {
    "$@" >"$scratch/log" 2>&1 || { tail -n 20 "$scratch/log" >&2; fail "$1 failed; its last lines are above"; }
}

# fingerprint [FOLDER]: a hash of what an image is made from: the base image, this file, and the folder's files.
fingerprint() {
    (cd -- "$IMAGES" && { echo "${BASE_IMAGE-}"; sha256sum base.sh ${1:+"$1"/*}; } | sha256sum | cut -c 1-16)
}

# is_current IMAGE FINGERPRINT: whether the image is there, and was made from the same.
is_current() {
    [ "$(docker image inspect --format '{{index .Config.Labels "tenure.source"}}' "$1" 2>/dev/null)" = "$2" ]
}

# The mirrors in this host's own apt sources, as lines "URI SUITE", the main archive first. On a host of another suite,
# the same mirrors are taken to have this suite too.
mirrors() {
    command -v apt-get >/dev/null || return 0
    # shellcheck disable=SC2016  # the dollars are apt's
    apt-get indextargets --format '$(ORIGIN) $(COMPONENT) $(CODENAME) $(REPO_URI)' 'Created-By: Packages' |
        awk -v suite="$SUITE" '$1 == "Debian" && $2 == "main" && $3 ~ /^[a-z]+(-updates|-security)?$/ {
            sub(/^[a-z]+/, suite, $3); print $4, $3 }' | sort -u -k 2,2
}

# ensure_base: sets BASE to the base image's name, and builds the image if it is missing or outdated.
ensure_base() {
    BASE=${BASE_IMAGE:-tenure-base:$SUITE}
    [ -z "${BASE_IMAGE-}" ] || return 0
    local source
    source=$(fingerprint)
    if is_current "$BASE" "$source"; then say "$BASE is there"; return 0; fi
    [ "$(id -u)" = 0 ] || fail "debootstrap needs root; or name an image that can be pulled: BASE_IMAGE=debian:bookworm-slim"
    command -v debootstrap >/dev/null || fail "debootstrap is missing: apt-get install debootstrap"

    local root=$scratch/root mirror suite
    mirror=$(mirrors | awk -v suite="$SUITE" '$2 == suite { print $1 }')
    say "debootstrap $SUITE"
    quietly debootstrap --variant=minbase --include=ca-certificates "$SUITE" "$root" ${mirror:+"$mirror"}
    mirrors | while read -r mirror suite; do
        [ "$suite" = "$SUITE" ] || echo "deb $mirror $suite main" >>"$root/etc/apt/sources.list"
    done
    # Without manuals the images are smaller. Without a sync of each file they build faster: a build that is cut short
    # starts anew, so nothing half-written is kept.
    printf '%s\n' force-unsafe-io path-exclude=/usr/share/{doc,man,locale,info}/* >"$root/etc/dpkg/dpkg.cfg.d/image"
    rm -rf -- "$root"/usr/share/{doc,man,locale,info}/* "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/archives/*.deb
    say "importing $BASE"
    tar --numeric-owner --one-file-system -C "$root" -c . |
        docker import --change "LABEL tenure.source=$source" --change 'ENV LANG=C.UTF-8' --change 'CMD ["bash"]' \
            - "$BASE" >/dev/null
}

# build FOLDER IMAGE FORCE: builds the folder's Dockerfile on the base, unless the image is current and FORCE is empty.
build() {
    local folder=$1 image=$2 force=$3 source old_id proxy name
    source=$(fingerprint "$folder")
    if [ -z "$force" ] && is_current "$image" "$source"; then say "$image is there"; return 0; fi
    docker info >/dev/null 2>&1 || fail "no Docker engine answers: $(docker info 2>&1 | tail -n 1)"
    ensure_base
    say "building $image"
    old_id=$(docker image inspect --format '{{.Id}}' "$image" 2>/dev/null || true)
    local -a proxies=()
    for name in http_proxy https_proxy no_proxy; do
        proxy=$(printenv "$name" || true)
        [ -z "$proxy" ] || proxies+=(--build-arg "$name=$proxy")
    done
    # The host's network: only the host may be able to resolve the mirror's name.
    quietly docker build --network host --force-rm ${force:+--no-cache} "${proxies[@]}" \
        --build-arg "BASE=$BASE" --label "tenure.source=$source" --tag "$image" "$IMAGES/$folder"
    # The old image has lost its name. It is removed, unless a container still uses it.
    [ "$old_id" = "$(docker image inspect --format '{{.Id}}' "$image")" ] ||
        docker image rm "$old_id" >/dev/null 2>&1 || true
    say "$image is built, $(docker image inspect --format '{{.Size}}' "$image" | numfmt --to=iec)"
}
