"""A cluster with recognizers of a small class, and server processes that ask them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from config import Settings, recognition_environment, variable
from recognizer.weights import WeightsFile
from support.compute import COMPUTE, ENGINE_DIR
from support.ending import end
from support.pictures import write_class
from support.ports import free_port
from support.service import make_settings
from training.production import TrainingJob, run_training
from training.trainer import TrainingConfig

BACKEND = Path(__file__).resolve().parents[2] / "backend"
PEOPLE = (1, 2, 3, 4, 5)
NAMES = tuple(f"student-{person:02d}" for person in PEOPLE)
_READY_WITHIN_SECONDS = 90


def class_settings(folder: Path, weights: WeightsFile) -> Settings:
    """Settings of a server in ``folder`` with a model of PEOPLE, trained with dlib on four photos of each."""

    @contextmanager
    def quiet(stage: str) -> Iterator[Callable[..., None]]:
        yield lambda *_: None

    write_class(folder / "photos", PEOPLE, 4)
    job = TrainingJob(folder / "photos", folder / "model", TrainingConfig(), lambda: weights, compute=COMPUTE)
    run_training(job, quiet, lambda line: None)
    return make_settings(
        folder,
        f"sqlite:///{folder / 'database'}",
        model_dir=folder / "model",
        embedder="dlib",
        engine_dir=ENGINE_DIR,
        recognizer="ray",
        inference_deadline_seconds=20.0,
        model_poll_seconds=0.2,
    )


def copied(settings: Settings, folder: Path) -> Settings:
    """The same with everything of its own in ``folder``, so that its models may be exchanged."""
    shutil.copytree(settings.model_dir, folder / "model")
    return make_settings(
        folder,
        f"sqlite:///{folder / 'database'}",
        **{name: getattr(settings, name) for name in _SHARED},
        model_dir=folder / "model",
    )


_SHARED = ("embedder", "engine_dir", "recognizer", "inference_deadline_seconds", "model_poll_seconds")


@dataclass
class Web:
    """address: of the proxy, behind which the server processes take turns. processes: theirs."""

    address: str
    processes: list[subprocess.Popen[bytes]]


@contextmanager
def web(settings: Settings, folder: Path, *, processes: int = 2) -> Iterator[Web]:
    """``processes`` servers of these settings behind nginx, each with the log ``web-N.log`` in ``folder``."""
    with ExitStack() as stack:
        ports = [free_port() for _ in range(processes)]
        started = [stack.enter_context(_server(settings, folder, number, port)) for number, port in enumerate(ports)]
        for number, (port, process) in enumerate(zip(ports, started, strict=True)):
            _wait_until_ready(f"http://127.0.0.1:{port}", process, folder / f"web-{number}.log")
        yield Web(stack.enter_context(_nginx(folder, ports)), started)


@contextmanager
def server(settings: Settings, folder: Path, number: int, port: int) -> Iterator[None]:
    """One server at ``port``, ready to answer, with its log as ``web`` has it."""
    with _server(settings, folder, number, port) as process:
        _wait_until_ready(f"http://127.0.0.1:{port}", process, folder / f"web-{number}.log")
        yield


def deployed_by_command(settings: Settings, folder: Path) -> str:
    """What ``app.py recognizers`` printed."""
    environ = _environment(settings, folder, 0)
    command = [sys.executable, "app.py", "recognizers"]
    done = subprocess.run(command, cwd=BACKEND, env=environ, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _environment(settings: Settings, folder: Path, port: int) -> dict[str, str]:
    ours = {
        "port": port or free_port(),
        "data_dir": folder / f"data-{port}",
        "secret_key": settings.secret_key or "of a test, and known to everybody",
        "frames_per_second": 1000,
        **{name: getattr(settings, name) for name in _OF_THE_CLUSTER},
    }
    environ = {**os.environ, **recognition_environment(settings), "DATABASE_URL": settings.database_url or ""}
    return {**environ, **{variable(name): str(value) for name, value in ours.items()}}


_OF_THE_CLUSTER = (
    "recognizer",
    "ray_address",
    "ray_least_replicas",
    "ray_most_replicas",
    "inference_deadline_seconds",
)


@contextmanager
def _server(settings: Settings, folder: Path, number: int, port: int) -> Iterator[subprocess.Popen[bytes]]:
    environ = _environment(settings, folder, port)
    with (folder / f"web-{number}.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "app.py"], cwd=BACKEND, env=environ, stdout=log, stderr=log)
        try:
            yield process
        finally:
            end(process)


def _wait_until_ready(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _READY_WITHIN_SECONDS
    while True:
        assert process.poll() is None and time.monotonic() < deadline, log.read_text("utf-8", "replace")[-2000:]
        try:
            if requests.get(f"{address}/readyz", timeout=5).status_code == 200:
                return
        except requests.ConnectionError:
            pass
        time.sleep(0.2)


@contextmanager
def _nginx(folder: Path, ports: list[int]) -> Iterator[str]:
    """nginx as deploy/cluster has it, without TLS: who does not answer is left out, and another one is asked."""
    port = free_port()
    upstream = "\n".join(f"        server 127.0.0.1:{each} max_fails=1 fail_timeout=2s;" for each in ports)
    config = folder / "nginx.conf"
    # else its worker becomes somebody who may not write here
    user = "user root;" if hasattr(os, "geteuid") and os.geteuid() == 0 else ""
    config.write_text(
        f"""{user} daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log; worker_processes 1;
events {{ worker_connections 256; }}
http {{
    access_log off; client_max_body_size 20m;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    upstream web {{
{upstream}
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://web;
            proxy_set_header Host $http_host;
            proxy_next_upstream error timeout non_idempotent;
            proxy_read_timeout 60s;
        }}
    }}
}}
""",
        "utf-8",
    )
    process = subprocess.Popen(["nginx", "-p", str(folder), "-c", str(config)])
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_until_ready(address, process, folder / "nginx.log")
        yield address
    finally:
        end(process)
