#!/usr/bin/env bash
# Builds the workspace image without a registry: Debian, an SSH server for keys only, tmux. About a minute, once.
#
#   infra/images/workspace.sh [--force] [IMAGE]      IMAGE: else TENURE_WORKSPACE_IMAGE, else tenure-workspace:latest
set -euo pipefail
# shellcheck source=base.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/base.sh"

parse_options "${TENURE_WORKSPACE_IMAGE:-tenure-workspace:latest}" "$@"
build workspace "$target" "$force"
