#!/usr/bin/env bash
# Builds the images of containers/Dockerfile, named by the commit. Where REGISTRY names one, those that it does not have
# yet are pushed there: their names are given once and for all.
set -euo pipefail
cd "$(dirname "$0")/.."

registry=${REGISTRY:-}
tag=${COMMIT:-$(git rev-parse HEAD)}
export BUILDX_NO_DEFAULT_ATTESTATIONS=1 # Lambda takes no index that lists an attestation beside the image

if [ -n "$registry" ]; then
  aws ecr get-login-password | docker login --username AWS --password-stdin "$registry"
fi
for target in lambda service proxy; do
  image=${registry:+$registry/}${IMAGES:-tradepost}/$target:$tag
  if [ -n "$registry" ] && docker manifest inspect "$image" >/dev/null 2>&1; then
    echo "$image is there"
    continue
  fi
  docker build --file containers/Dockerfile --target "$target" --tag "$image" .
  [ -z "$registry" ] || docker push "$image"
done
