# shellcheck shell=bash
# Sourced by the image scripts: Debian from its own packages instead of a registry, once for all images.
# A machine that has a registry may skip debootstrap: BASE_IMAGE=debian:bookworm-slim infra/images/workspace.sh

SUITE=bookworm
IMAGES=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
started=$SECONDS
scratch=$(mktemp -d)
trap 'rm -rf --one-file-system -- "$scratch"' EXIT

say() { printf '%4ss  %s\n' "$((SECONDS - started))" "$*"; }
fail() { say "$*" >&2; exit 1; }

# A command whose words matter only if it fails.
quietly() {
    "$@" >"$scratch/log" 2>&1 || { tail -n 20 "$scratch/log" >&2; fail "$1 failed; its last words are above"; }
}

# What an image is made from, in one word: this file, and the folder of the image if one is named.
fingerprint() {
    (cd -- "$IMAGES" && { echo "${BASE_IMAGE-}"; sha256sum base.sh ${1:+"$1"/*}; } | sha256sum | cut -c 1-16)
}

is_current() {  # image fingerprint
    [ "$(docker image inspect --format '{{index .Config.Labels "tenure.source"}}' "$1" 2>/dev/null)" = "$2" ]
}

# This host's own mirror, as apt understands its sources: "URI suite", the main archive first.
mirrors() {
    command -v apt-get >/dev/null || return 0
    # shellcheck disable=SC2016  # the dollars are apt's
    apt-get indextargets --format '$(ORIGIN) $(COMPONENT) $(REPO_URI) $(RELEASE)' 'Created-By: Packages' |
        awk -v suite="$SUITE" '$1 == "Debian" && $2 == "main" && index($4, suite) == 1 { print $3, $4 }' |
        sort -u -k 2,2
}

# The base image's name is left in BASE; it is made if there is none of this recipe.
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
    # Nobody reads manuals in there, and a build that is cut short is begun anew: no need to sync each file.
    printf '%s\n' force-unsafe-io path-exclude=/usr/share/{doc,man,locale,info}/* >"$root/etc/dpkg/dpkg.cfg.d/image"
    rm -rf -- "$root"/usr/share/{doc,man,locale,info}/* "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/archives/*.deb
    say "importing $BASE"
    tar --numeric-owner --one-file-system -C "$root" -c . |
        docker import --change "LABEL tenure.source=$source" --change 'ENV LANG=C.UTF-8' --change 'CMD ["bash"]' \
            - "$BASE" >/dev/null
}

# build FOLDER IMAGE FORCE: the folder's Dockerfile on the base, unless it is there as it would be made now.
build() {
    local folder=$1 image=$2 force=$3 source before proxy name
    source=$(fingerprint "$folder")
    if [ -z "$force" ] && is_current "$image" "$source"; then say "$image is there"; return 0; fi
    docker info >/dev/null 2>&1 || fail "no Docker engine answers: $(docker info 2>&1 | tail -n 1)"
    ensure_base
    say "building $image"
    before=$(docker image inspect --format '{{.Id}}' "$image" 2>/dev/null || true)
    local -a proxies=()
    for name in http_proxy https_proxy no_proxy; do
        proxy=$(printenv "$name" || true)
        [ -z "$proxy" ] || proxies+=(--build-arg "$name=$proxy")
    done
    # The host's network: the mirror may be one that only the host can resolve.
    quietly docker build --network host --force-rm ${force:+--no-cache} "${proxies[@]}" \
        --build-arg "BASE=$BASE" --label "tenure.source=$source" --tag "$image" "$IMAGES/$folder"
    # Its predecessor has lost its name; it goes as well, unless something still runs from it.
    [ "$before" = "$(docker image inspect --format '{{.Id}}' "$image")" ] || docker image rm "$before" >/dev/null 2>&1 || true
    say "$image is built, $(docker image inspect --format '{{.Size}}' "$image" | numfmt --to=iec)"
}
