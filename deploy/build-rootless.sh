#!/bin/bash
# Builds an image without Docker, without root, and without a registry of images, then starts it and asks it:
#   deploy/build-rootless.sh [onnx|cpu|cuda|kserve]
# It needs Debian's packages mmdebstrap, buildah and uidmap, a line for the user in /etc/subuid and /etc/subgid, and the
# registries of apt and pip. Where the Dockerfile names python:3.11-slim, a base of Debian's own Python stands in: the
# image that comes out is of the same make, not the same bytes. Isolation is a chroot and the storage plain folders, so
# what a container engine adds (limits, a network of its own, a read-only root) is not tried here. On an x86-64 machine the
# onnx image had 328 MiB unpacked, of which marserve and all its packages were 167 MiB.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${1-onnx}
export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=vfs
port=${PORT-8080}
work=$(mktemp --directory)
mkdir --mode=777 "$work/models"
chmod 755 "$work"
trap 'rm -rf "$work"' EXIT

step() { printf '\n== %s\n' "$*"; }

base() {
    mmdebstrap --quiet --mode=unshare --variant=minbase \
        --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr \
        --include=usr-is-merged,ca-certificates,python3,python3-venv,python-is-python3 \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' bookworm "$work/base.tar"
    local container
    container=$(buildah from scratch)
    buildah add --quiet "$container" "$work/base.tar" / > "$work/added"
    buildah config --env PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
    buildah run "$container" python3 -m venv --copies /usr/local    # `python` and `pip`, where python:slim has them
    buildah commit --quiet --rm "$container" localhost/marserve-base
}

image() {
    buildah bud --quiet --format docker --pull-never --build-arg BASE=localhost/marserve-base \
        --file deploy/Dockerfile --ignorefile deploy/Dockerfile.dockerignore --target "$target" \
        --volume /etc/ssl/certs:/etc/ssl/certs:ro --tag "localhost/marserve:$target" .
}

ask() {
    local container server
    container=$(buildah from --pull-never "localhost/marserve:$target")
    # shellcheck disable=SC2016 # the shell inside expands it
    buildah unshare sh -c 'du --summarize --apparent-size --block-size=1M "$(buildah mount "$1")" | cut -f1' - "$container" |
        xargs printf 'unpacked: %s MiB\n'
    inside() { buildah run --env PORT="$port" --volume "$work/models:/home/model-server/model-store" "$container" "$@"; }
    inside python -m app.initial_models.sample_archives /home/model-server/model-store
    inside sh -c 'id -u && ! touch /opt/marserve/x /home/model-server/../x'
    # shellcheck disable=SC2016
    inside sh -c 'echo $$ > /tmp/pid && exec entrypoint.sh serve' > "$work/log" &
    server=$!
    for _ in $(seq 200); do
        curl --silent --fail "http://127.0.0.1:$port/v2/health/ready" && break
        sleep 0.1
    done
    curl --silent --fail "http://127.0.0.1:$port/predictions/everyday" -H 'Content-Type: application/json' \
        -d '{"features": [5.1, 3.5, 1.4, 0.2]}'
    inside python /usr/local/bin/healthcheck.py
    # shellcheck disable=SC2016
    inside sh -c 'kill -TERM "$(cat /tmp/pid)"'
    wait "$server"
    buildah rm "$container" > "$work/removed"
}

step "A base of Debian's own packages" && base
step "The image $target, by the Dockerfile" && image
step 'A container of it, as its own user' && ask
step "Asked, healthy, and ended with status 0: localhost/marserve:$target"
