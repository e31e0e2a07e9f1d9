# shellcheck shell=bash
# The options of every recipe: RECIPE [--force] [TARGET]. Sourced by base.sh, which has `fail`.
#
#   parse_options DEFAULT "$@"    sets `force` to "yes" or "", and `target` to the last argument that is no option, or to
#                                 DEFAULT. An empty DEFAULT: the recipe takes no target
#
# This file is no part of a fingerprint: changing it builds no image anew.

# shellcheck disable=SC2034  # the recipe reads both variables
parse_options() {
    local default=$1 argument
    shift
    force='' target=$default
    for argument; do
        case $argument in
            --force) force=yes ;;
            *)
                [ -n "$default" ] || fail "unknown argument $argument; there is only --force"
                [ "${argument#-}" = "$argument" ] || fail "unknown option $argument; there is only --force"
                target=$argument
                ;;
        esac
    done
}
