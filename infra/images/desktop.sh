#!/usr/bin/env bash
# Builds the workspace image with a display: an X server in memory, a browser, and a program that types and clicks.
#
#   infra/images/desktop.sh [--force] [IMAGE]      IMAGE: else tenure-desktop:latest
set -euo pipefail
# shellcheck source=base.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/base.sh"

parse_options tenure-desktop:latest "$@"
"$IMAGES/workspace.sh"
# The base is named by its id: so a new workspace image changes the fingerprint, and the desktop is built anew.
BASE_IMAGE=$(docker image inspect --format '{{.Id}}' "${TENURE_WORKSPACE_IMAGE:-tenure-workspace:latest}")
build desktop "$target" "$force"
