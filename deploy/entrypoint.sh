#!/bin/sh
# What the container runs. As in TorchServe's image, `serve` serves and anything else is a command of its own; but
# `torchserve` stays in the foreground, where the platform's signals reach it. Where neither a config.properties lies in
# the working folder nor --ts-config names a file, each has a file of its own.
set -eu
own=${MARSERVE_PROPERTIES:-/usr/local/share/marserve}

use_own() {
    [ -f config.properties ] || export TS_CONFIG_FILE="${TS_CONFIG_FILE:-$own/$1}"
}

case "${1-serve}" in
    serve)
        [ "$#" -eq 0 ] || shift
        case " $* " in *" --ts-config"*) ;; *) use_own serve.properties ;; esac
        exec marserve serve --host 0.0.0.0 "$@"
        ;;
    torchserve)
        shift
        case " $* " in *" --ts-config"*) ;; *) use_own torchserve.properties ;; esac
        exec torchserve --foreground "$@"
        ;;
esac
exec "$@"
