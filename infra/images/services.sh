#!/usr/bin/env bash
# Builds PostgreSQL and Redis images from Debian's packages, for tests and for docker compose without a registry.
#
#   infra/images/services.sh [--force]      tenure-postgres:latest and tenure-redis:latest
set -euo pipefail
# shellcheck source=base.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/base.sh"

parse_options "" "$@"
build postgres tenure-postgres:latest "$force"
build redis tenure-redis:latest "$force"
