#!/usr/bin/env bash
# Names the images of a COMMIT also prod-COMMIT, before prod runs them: by that name they outlive the newer ones that go no
# further than dev (stacks/images.yaml).
set -euo pipefail

manifest() { # REPOSITORY TAG
  aws ecr batch-get-image --repository-name "$1" --image-ids "imageTag=$2" --query 'images[0].imageManifest' --output text
}

for target in lambda service proxy; do
  repository=${IMAGES:-tradepost}/$target
  found=$(manifest "$repository" "$COMMIT")
  [ "$found" != None ] || { echo "$repository has no image $COMMIT" >&2; exit 1; }
  [ "$(manifest "$repository" "prod-$COMMIT")" = "$found" ] ||
    aws ecr put-image --repository-name "$repository" --image-tag "prod-$COMMIT" --image-manifest "$found" >/dev/null
  echo "$repository:prod-$COMMIT"
done
