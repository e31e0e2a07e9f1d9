#!/usr/bin/env bash
# Builds the workspace image with a display: an X server without a screen, a browser, and what types and clicks there.
#
#   infra/images/desktop.sh [--force] [IMAGE]      IMAGE: else tenure-desktop:latest
set -euo pipefail
# shellcheck source=base.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/base.sh"

force='' image=tenure-desktop:latest
for argument; do
    case $argument in
        --force) force=yes ;;
        -*) fail "unknown option $argument; there is only --force" ;;
        *) image=$argument ;;
    esac
done
"$IMAGES/workspace.sh"
# By its id: another workspace image is another desktop.
BASE_IMAGE=$(docker image inspect --format '{{.Id}}' "${TENURE_WORKSPACE_IMAGE:-tenure-workspace:latest}")
build desktop "$image" "$force"
