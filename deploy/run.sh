#!/bin/sh
# Runs a Python program of backend/ as the service of systemd does, with its user and settings: run.sh app.py check
exec systemd-run --quiet --pipe --wait --collect --uid=smartattendance --gid=smartattendance \
    --working-directory=/opt/smartattendance/backend \
    --property=EnvironmentFile=/etc/smartattendance/smartattendance.env --property=UMask=0077 \
    /opt/smartattendance/.venv/bin/python "$@"
