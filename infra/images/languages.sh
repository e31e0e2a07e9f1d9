#!/usr/bin/env bash
# Builds the images of the templates python and nodejs: the workspace image with a Python, and with a Node.
#
#   infra/images/languages.sh [--force]      tenure-python:latest and tenure-nodejs:latest
set -euo pipefail
# shellcheck source=base.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/base.sh"

parse_options "" "$@"
"$IMAGES/workspace.sh"
# The base is named by its id: so a new workspace image changes the fingerprint, and these are built anew.
BASE_IMAGE=$(docker image inspect --format '{{.Id}}' "${TENURE_WORKSPACE_IMAGE:-tenure-workspace:latest}")
build python tenure-python:latest "$force"
build nodejs tenure-nodejs:latest "$force"
