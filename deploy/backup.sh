#!/usr/bin/env bash
# Backs up SmartAttendance while it runs, encrypted: database, photos, models, list of erasures and settings.
#
#     backup.sh FOLDER PUBLIC_KEY
#
# As root. FOLDER: on another disk or machine. PUBLIC_KEY: of age-keygen, whose private half is kept elsewhere. Backups
# older than KEEP_DAYS (default 30) are deleted there. docs/DEPLOY.md says how to restore one.
set -euo pipefail
umask 077

if [ $# -ne 2 ] || [ ! -d "$1" ]; then
    echo "usage: backup.sh FOLDER PUBLIC_KEY, where FOLDER is there already" >&2
    exit 2
fi
folder=$1
key=$2
data=${DATA:-/var/lib/smartattendance}
settings=${SETTINGS:-/etc/smartattendance}
python=${PYTHON:-/opt/smartattendance/.venv/bin/python}
database=${DATABASE:-smartattendance}

work=$(mktemp -d)
part=$folder/.part.$$
trap 'rm -rf "$work" "$part"' EXIT

# The database first: a photo that comes after it is found by its folder, one that is missing would be lost.
if [ -e "$data/instance/smartattendance.sqlite3" ]; then
    "$python" - "$data/instance/smartattendance.sqlite3" "$work/database.sqlite3" <<'PYTHON'
import sqlite3
import sys

with sqlite3.connect(sys.argv[1]) as live, sqlite3.connect(sys.argv[2]) as copy:
    live.backup(copy)
PYTHON
else
    (cd / && runuser -u postgres -- pg_dump --format=custom "$database") > "$work/database.dump"
fi

mkdir "$work/settings"
cp -p "$settings"/*.env "$work/settings/"
kept=()
for name in instance dataset models; do
    if [ -d "$data/$name" ]; then kept+=("$name"); fi
done

# 1 is a file that changed or went while it was read, which check accounts for after a restore.
{
    tar --create --exclude='smartattendance.sqlite3*' --exclude='*.lock' --exclude='server.log*' \
        --directory "$work" . --directory "$data" "${kept[@]}" || [ $? -eq 1 ]
} | age --recipient "$key" --output "$part"
sync "$part"
mv "$part" "$folder/smartattendance-$(date -u +%Y%m%dT%H%M%SZ).tar.age"

# Beside the backups, and newer than any of them: without it a backup brings back whom it should not.
if [ -e "$data/instance/erasures.jsonl" ]; then
    cp "$data/instance/erasures.jsonl" "$folder/.erasures.part" && mv "$folder/.erasures.part" "$folder/erasures.jsonl"
fi
find "$folder" -maxdepth 1 -name 'smartattendance-*.tar.age' -mtime "+${KEEP_DAYS:-30}" -delete
