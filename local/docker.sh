#!/usr/bin/env bash
# What `sam local` needs of a machine: a Docker engine, and the image that python3.13 functions run in.
#
#   local/docker.sh engine   install (Debian's packages) and start an engine; as root
#   local/docker.sh image    have the image: AWS's own from its registry, or, where that is out of reach, a stand-in
#                            of Debian, the CPython 3.13 of this machine and AWS's runtime client; as root
set -euo pipefail

image=public.ecr.aws/lambda/python:3.13-$(uname -m | sed 's/aarch64/arm64/')
release=bookworm
libraries=ca-certificates,libbz2-1.0,libffi8,liblzma5,libncursesw6,libreadline8,libsqlite3-0,libssl3,zlib1g

die() { echo "$*" >&2; exit 1; }

from_debian() { # PROGRAM PACKAGE
  command -v "$1" >/dev/null && return
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || die "$1 is missing: install the package $2"
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "$2" >/dev/null
}

engine() {
  docker info >/dev/null 2>&1 && return
  from_debian dockerd docker.io
  from_debian iptables iptables
  echo "starting dockerd (its log: /var/log/dockerd.log)"
  setsid dockerd >/var/log/dockerd.log 2>&1 </dev/null &
  for _ in $(seq 60); do
    docker info >/dev/null 2>&1 && return
    sleep 0.5
  done
  die "dockerd does not answer: $(tail -n 3 /var/log/dockerd.log)"
}

python313() {
  for candidate in ${PYTHON313:-} python3.13 "$HOME"/.pyenv/versions/3.13.*/bin/python3.13; do
    "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null || continue
    "$candidate" -c 'import sys; print(sys.base_prefix)' && return
  done
  die "no CPython 3.13 for the stand-in image: name one in PYTHON313"
}

# The layout is that of AWS's image: /var/lang, /var/runtime, /var/task, an entry point that runs the handler named
# to it. Only a Python with a folder of its own (as pyenv makes it) can be taken along.
stand_in() {
  local prefix
  [ "$(id -u)" = 0 ] || die "the registry is out of reach, and making a stand-in for its image needs root"
  prefix=$(python313)
  [ "$prefix" != /usr ] || die "the stand-in needs a CPython 3.13 with a folder of its own: name one in PYTHON313"
  from_debian debootstrap debootstrap
  root=$(mktemp -d)
  trap 'rm -rf "$root"' EXIT
  debootstrap --variant=minbase --include="$libraries" "$release" "$root" >/dev/null
  mkdir -p "$root"/var/{lang,runtime,task}
  cp -a "$prefix/." "$root/var/lang/"
  rm -rf "$root"/var/lang/lib/python3.13/test "$root"/var/cache/apt/archives/*.deb
  "$prefix/bin/python3.13" -m pip install --quiet --root-user-action=ignore --target "$root/var/runtime" awslambdaric boto3
  cat >"$root/var/runtime/bootstrap" <<'SH'
#!/bin/sh
export PYTHONPATH=/var/task:/opt/python:/var/runtime
cd "$LAMBDA_TASK_ROOT"
exec /var/lang/bin/python3.13 -m awslambdaric "$_HANDLER"
SH
  printf '#!/bin/sh\nexport _HANDLER="$1"\nexec /var/runtime/bootstrap\n' >"$root/lambda-entrypoint.sh"
  chmod +x "$root/var/runtime/bootstrap" "$root/lambda-entrypoint.sh"
  tar -C "$root" -c . | docker import \
    -c 'ENV LAMBDA_TASK_ROOT=/var/task LAMBDA_RUNTIME_DIR=/var/runtime LD_LIBRARY_PATH=/var/lang/lib PATH=/var/lang/bin:/usr/local/bin:/usr/bin:/bin' \
    -c 'WORKDIR /var/task' -c 'ENTRYPOINT ["/lambda-entrypoint.sh"]' - "$image" >/dev/null
}

image() {
  docker image inspect "$image" >/dev/null 2>&1 && return
  echo "fetching $image"
  timeout 300 docker pull --quiet "$image" && return
  echo "$image cannot be fetched; making a stand-in for it (about a minute)"
  stand_in
}

case ${1:-} in
  engine | image) "$1" ;;
  *) die "usage: local/docker.sh engine | image" ;;
esac
