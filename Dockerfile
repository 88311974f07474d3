# The server of SmartAttendance. compose.yaml runs it with its database; docs/DEPLOY.md says how.
FROM python:3.12-slim-bookworm

# Where PyTorch comes from: without a GPU this saves 3 GB. With one, for example https://download.pytorch.org/whl/cu128
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
# For a cluster requirements-cluster.txt, as deploy/cluster/compose.yaml has it.
ARG REQUIREMENTS=requirements.txt

# What OpenCV needs of the system; as new as Debian has them.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /app
COPY requirements.txt requirements-cluster.txt ./
RUN pip install --no-cache-dir --disable-pip-version-check --extra-index-url "$TORCH_INDEX" -r "$REQUIREMENTS"

COPY LICENSE ./
COPY frontend ./frontend
COPY backend ./backend

# The numbers are fixed, so that a folder of the host can be given to it. Each folder is there, so that a volume that is
# put in its place is the server's.
RUN python -m compileall -q backend \
    && useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin smartattendance \
    && install -d -o smartattendance -g smartattendance -m 0700 /var/lib/smartattendance /var/lib/smartattendance/instance \
        /var/lib/smartattendance/dataset /var/lib/smartattendance/models /var/lib/smartattendance/cache
USER 10001:10001

# Everything that is kept is in this one folder. Inside the container the server listens on all addresses; which of the
# host's it is reached at, the published port decides.
ENV SMARTATTENDANCE_DATA_DIR=/var/lib/smartattendance/instance \
    SMARTATTENDANCE_DATASET_DIR=/var/lib/smartattendance/dataset \
    SMARTATTENDANCE_MODEL_DIR=/var/lib/smartattendance/models \
    SMARTATTENDANCE_CACHE_DIR=/var/lib/smartattendance/cache \
    SMARTATTENDANCE_HOST=0.0.0.0 \
    SMARTATTENDANCE_PORT=8000 \
    MPLCONFIGDIR=/tmp/matplotlib \
    PYTHONUNBUFFERED=1
VOLUME /var/lib/smartattendance
EXPOSE 8000

# Alive, not ready: without a model the server is not ready, and is still needed, for training one. The first start
# downloads FaceNet's weights before it answers.
HEALTHCHECK --interval=30s --timeout=10s --start-period=15m \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=5)"]

WORKDIR /app/backend
# One process with its threads, and the link for the first admin in the log while there is none.
CMD ["python", "app.py"]
