#!/usr/bin/env bash
# Builds the functions, uploads them and the nested stacks to the bucket PACKAGES, and leaves in .aws-sam/delivery what is
# deployed (template.yaml with dev.json and prod.json) and what asks whether it serves.
set -euo pipefail
cd "$(dirname "$0")/.."

export PATH=$PWD/.venv/bin:$PATH
export SAM_CLI_TELEMETRY=0 SAM_CLI_BETA_PACKAGE_PERFORMANCE=1
out=.aws-sam/delivery

rm -rf "$out"
mkdir -p "$out/delivery"
sam build
python delivery/share.py
sam package --s3-bucket "$PACKAGES" --s3-prefix packages --force-upload --output-template-file "$out/template.yaml"
images=()
if [ "${CONTAINERS:-no}" = yes ]; then
  images=("ServiceImage=$REGISTRY/$IMAGES/service:$COMMIT" "ProxyImage=$REGISTRY/$IMAGES/proxy:$COMMIT")
fi
python delivery/configuration.py "$out" "${images[@]}"
cp delivery/smoke.py delivery/smoke.yml "$out/delivery"
