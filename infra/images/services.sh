#!/usr/bin/env bash
# Builds PostgreSQL and Redis images from Debian's packages, for tests and for docker compose without a registry.
#
#   infra/images/services.sh [--force]      tenure-postgres:latest and tenure-redis:latest
set -euo pipefail
# shellcheck source=base.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/base.sh"

force=''
for argument; do
    [ "$argument" = --force ] || fail "unknown argument $argument; there is only --force"
    force=yes
done
build postgres tenure-postgres:latest "$force"
build redis tenure-redis:latest "$force"
