#!/bin/sh
# What the container runs. As in TorchServe's image, `serve` serves and anything else is a command of its own; but
# `torchserve` stays in the foreground, where the platform's signals reach it.
set -eu
case "${1-serve}" in
    serve)
        [ "$#" -eq 0 ] || shift
        exec marserve serve --host 0.0.0.0 "$@"
        ;;
    torchserve)
        shift
        exec torchserve --foreground "$@"
        ;;
esac
exec "$@"
