#!/usr/bin/env bash
# What containers need of a machine: a Docker engine, and the images that others are made of.
#
#   local/docker.sh engine   install (Debian's packages) and start an engine; as root
#   local/docker.sh image    have the image that `sam local` runs python3.13 functions in
#   local/docker.sh bases    have the images that containers/Dockerfile begins with
#
# Images come from their registry; where that is out of reach, stand-ins are made, as root: of Debian and its nginx, the
# CPython 3.13 of this machine, and AWS's runtime client.
set -euo pipefail

dockerfile=$(dirname "$0")/../containers/Dockerfile
release=bookworm
libraries=ca-certificates,libbz2-1.0,libffi8,liblzma5,libncursesw6,libreadline8,libsqlite3-0,libssl3,zlib1g

die() { echo "$*" >&2; exit 1; }

base() { sed -n "s/^ARG $1=//p" "$dockerfile"; }

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

# Only a Python with a folder of its own (as pyenv makes it) can be taken along.
python313() {
  for candidate in ${PYTHON313:-} python3.13 "$HOME"/.pyenv/versions/3.13.*/bin/python3.13; do
    "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13) or sys.base_prefix == "/usr")' 2>/dev/null || continue
    "$candidate" -c 'import sys; print(sys.base_prefix)' && return
  done
  die "no CPython 3.13 with a folder of its own for the stand-in image: name one in PYTHON313"
}

debian() { # PACKAGES: a Debian with them in the folder $root
  [ "$(id -u)" = 0 ] || die "the registry is out of reach, and making a stand-in for its image needs root"
  from_debian debootstrap debootstrap
  root=$(mktemp -d)
  trap 'rm -rf "$root"' EXIT
  debootstrap --variant=minbase --include="$1" "$release" "$root" >/dev/null
  rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
}

python_in() { # FOLDER
  local prefix
  prefix=$(python313)
  cp -a "$prefix/." "$root$1/"
  rm -rf "$root$1"/lib/python3.13/{test,idlelib,config-3.13-*} "$root$1"/lib/libpython3.13.a
}

import() { # IMAGE CHANGE...
  local to=$1 changes=()
  shift
  for change in "$@"; do changes+=(-c "$change"); done
  tar -C "$root" -c . | docker import "${changes[@]}" - "$to" >/dev/null
}

# The layout is that of AWS's image: /var/lang, /var/runtime, /var/task, an entry point that runs the handler named to it.
lambda() { # IMAGE
  debian "$libraries"
  mkdir -p "$root"/var/{lang,runtime,task}
  python_in /var/lang
  "$(python313)/bin/python3.13" -m pip install --quiet --root-user-action=ignore --target "$root/var/runtime" awslambdaric boto3
  cat >"$root/var/runtime/bootstrap" <<'SH'
#!/bin/sh
export PYTHONPATH=/var/task:/opt/python:/var/runtime
cd "$LAMBDA_TASK_ROOT"
exec /var/lang/bin/python3.13 -m awslambdaric "$_HANDLER"
SH
  printf '#!/bin/sh\nexport _HANDLER="$1"\nexec /var/runtime/bootstrap\n' >"$root/lambda-entrypoint.sh"
  chmod +x "$root/var/runtime/bootstrap" "$root/lambda-entrypoint.sh"
  import "$1" \
    'ENV LAMBDA_TASK_ROOT=/var/task LAMBDA_RUNTIME_DIR=/var/runtime LD_LIBRARY_PATH=/var/lang/lib PATH=/var/lang/bin:/usr/local/bin:/usr/bin:/bin' \
    'WORKDIR /var/task' 'ENTRYPOINT ["/lambda-entrypoint.sh"]'
}

python() { # IMAGE
  debian "$libraries"
  python_in /usr/local
  import "$1" 'ENV LD_LIBRARY_PATH=/usr/local/lib PATH=/usr/local/bin:/usr/bin:/bin' 'CMD ["python3"]'
}

nginx() { # IMAGE
  debian curl,gettext-base,nginx-light
  import "$1" 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' 'CMD ["nginx", "-g", "daemon off;"]'
}

have() { # IMAGE STAND-IN
  docker image inspect "$1" >/dev/null 2>&1 && return
  echo "fetching $1"
  timeout 300 docker pull --quiet "$1" && return
  echo "$1 cannot be fetched; making a stand-in for it (about a minute)"
  ("$2" "$1")
}

image() { have "$(base LAMBDA)-$(uname -m | sed 's/aarch64/arm64/')" lambda; }

bases() {
  have "$(base LAMBDA)" lambda
  have "$(base PYTHON)" python
  have "$(base NGINX)" nginx
}

case ${1:-} in
  engine | image | bases) "$1" ;;
  *) die "usage: local/docker.sh engine | image | bases" ;;
esac
