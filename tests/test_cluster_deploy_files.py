"""What installs a cluster names files, settings, options and ports that exist, and fits together; secrets go to whom
they are for, Ray's ports to nobody but the cluster."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import socket
import subprocess
from dataclasses import fields
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

import serving
from api import frames, kiosks
from config import Settings, variable
from settings_of_cluster import ClusterSettings
from test_deploy_files import DEPLOY, INSTALLED_AT, KNOWN, ROOT, SITE, UNIT, entries, of, text

CLUSTER = DEPLOY / "cluster"
HEAD, WORKER, WEB = (CLUSTER / f"smartattendance-{name}.service" for name in ("ray-head", "ray-worker", "web@"))
UNITS = (HEAD, WORKER, WEB)
ENVIRONMENT, COMPOSE_ENVIRONMENT = CLUSTER / "smartattendance.env.example", CLUSTER / "compose.env.example"
COMPOSE, NGINX, FIREWALL = CLUSTER / "compose.yaml", CLUSTER / "nginx.conf", CLUSTER / "nftables.conf"
RAY_NODES = ("head", "worker-1", "worker-2")
WEB_PROCESSES = ("web-1", "web-2")

needs_bash = pytest.mark.skipif(os.name == "nt" or shutil.which("bash") is None, reason="there is no bash")


def whole(path: Path) -> dict[str, list[str]]:
    """The section [Service] of a unit file, continued lines joined."""
    lines = re.sub(r"\\\n\s*", " ", text(path))
    found: dict[str, list[str]] = {}
    for line in lines.split("[Service]")[1].split("[Install]")[0].splitlines():
        if "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(text(COMPOSE))
    return found


def service(name: str) -> dict[str, Any]:
    found: dict[str, Any] = compose()["services"][name]
    return found


def shell_of(name: str) -> str:
    """What the shell of a container reads, where compose has replaced its own variables."""
    command = service(name)["command"]
    assert command[0] in ("sh", "bash") and command[1] == "-c"
    return re.sub(r"\$\{\w+:-(\w+)\}", r"\1", command[2]).replace("$$", "$")


def ray_commands() -> dict[str, list[str]]:
    """The arguments of every ``ray start``, by where it is."""
    found = {}
    for unit in (HEAD, WORKER):
        (command,) = whole(unit)["ExecStart"]
        program, *arguments = shlex.split(command)
        assert program == f"{INSTALLED_AT}.venv/bin/ray"
        found[unit.name] = arguments
    for name in (*RAY_NODES, *WEB_PROCESSES, "recognizers"):
        given = service(name)["environment"]["RAY_PORTS"]
        (line,) = (line for line in shell_of(name).splitlines() if "ray start" in line)
        start = re.split(r"&&|\|\|", line.replace("$RAY_PORTS", given).replace("exec ", ""))[0]
        found[name] = shlex.split(start)[1:]
    return found


# ---------------------------------------------------------------------------------------------------- settings


def test_a_machine_of_the_cluster_is_told_all_that_its_units_ask_for() -> None:
    given = set(re.findall(r"^#?(\w+)=", text(ENVIRONMENT), re.MULTILINE))
    for unit in UNITS:
        assert whole(unit)["EnvironmentFile"] == ["/etc/smartattendance/smartattendance.env"]
        assert set(re.findall(r"\$\{(\w+)\}", text(unit))) <= given, unit.name
    assert {"RAY_AUTH_MODE=token", "SMARTATTENDANCE_RECOGNIZER=ray"} <= set(text(ENVIRONMENT).splitlines())


def test_the_example_names_every_setting_of_the_cluster_where_it_is_read() -> None:
    everywhere = {variable(field.name) for field in fields(ClusterSettings)}
    assert everywhere <= set(re.findall(r"^#?(\w+)=", text(ENVIRONMENT), re.MULTILINE))
    # no process on a machine without web processes reads any other setting of ours
    workers = text(ENVIRONMENT).split("# ---- On machines with web")[0]
    named = set(re.findall(r"^#?(\w+)=", workers, re.MULTILINE))
    assert named & (KNOWN | everywhere) == {"SMARTATTENDANCE_RAY_ADDRESS", "SMARTATTENDANCE_MODEL_SIGNING_KEY"}


def test_a_web_process_of_compose_is_one_of_a_cluster() -> None:
    for name in WEB_PROCESSES:
        given = service(name)["environment"]
        filled = {key: re.sub(r"\$\{\w+:\?[^}]*\}", "x" * 48, str(value)) for key, value in given.items()}
        settings = Settings.from_env({key: value for key, value in filled.items() if key in KNOWN})
        assert settings.recognizer == "ray" and settings.ray_address == "head:6379"
        assert settings.database_url == f"postgresql://smartattendance:{'x' * 48}@database/smartattendance"
        assert settings.rate_limit_storage == f"redis://:{'x' * 48}@redis:6379"
        assert settings.secret_key == "x" * 48, "both take each other's cookies"
    assert service("web-1")["volumes"] == service("web-2")["volumes"]


def test_compose_asks_only_for_what_its_example_has_and_git_leaves_it_out() -> None:
    wanted = set(re.findall(r"(?<!\$)\$\{(\w+)", text(COMPOSE)))
    assert wanted <= set(re.findall(r"^#?(\w+)=", text(COMPOSE_ENVIRONMENT), re.MULTILINE))
    assert "/deploy/cluster/.env" in text(ROOT / ".gitignore").splitlines()


# --------------------------------------------------------------------------------------------------------- Ray


def test_every_ray_start_has_options_that_ray_has() -> None:
    scripts = pytest.importorskip("ray.scripts.scripts", reason="Ray is not installed: requirements-cluster.txt")
    known = {option for parameter in scripts.start.params for option in parameter.opts}
    for where, (what, *arguments) in ray_commands().items():
        assert what == "start"
        assert {each for each in arguments if each.startswith("--")} <= known, where
        # parsed as Ray would, but for what is only known on the machine
        filled = [re.sub(r"^\$\{?NODE_CPUS\}?$", "2", each) for each in arguments]
        scripts.start.make_context("start", filled)


def test_only_workers_offer_processors_and_no_node_shows_a_dashboard() -> None:
    for where, arguments in ray_commands().items():
        cpus = arguments[arguments.index("--num-cpus") + 1]
        assert cpus == {"smartattendance-ray-worker.service": "${NODE_CPUS}"}.get(
            where, "2" if where.startswith("worker") else "0"
        )
        if "--head" in arguments:
            assert arguments[arguments.index("--include-dashboard") + 1] == "false"
        else:
            assert arguments[arguments.index("--address") + 1] in (
                *("head:6379", "$SMARTATTENDANCE_RAY_ADDRESS", "${SMARTATTENDANCE_RAY_ADDRESS}"),
            )


def test_who_joins_the_cluster_needs_its_token() -> None:
    for name in (*RAY_NODES, *WEB_PROCESSES, "recognizers"):
        environment = service(name)["environment"]
        assert environment["RAY_AUTH_MODE"] == "token" and environment["RAY_AUTH_TOKEN"].startswith(
            "${RAY_AUTH_TOKEN:?"
        )
    authentication = pytest.importorskip(
        "ray._private.authentication.authentication_token_setup",
        reason="Ray is not installed: requirements-cluster.txt",
    )
    assert authentication.AUTH_MODE_ENV_VAR == "RAY_AUTH_MODE"


def test_what_recognises_is_told_no_password_and_cannot_write_photos_or_models() -> None:
    for name in ("worker-1", "worker-2"):
        assert "env_file" not in service(name)
        assert set(service(name)["environment"]) & KNOWN == {variable("model_signing_key")}
        writable = [volume for volume in service(name)["volumes"] if not volume.endswith(":ro")]
        assert writable == ["cache:/var/lib/smartattendance/cache"]
        assert not any("instance" in volume for volume in service(name)["volumes"])
        assert service(name).get("networks", ["default"]) == ["default"], "neither the database nor Redis"


def test_the_firewall_covers_every_port_that_ray_is_given() -> None:
    (ports,) = re.findall(r"define ray = \{(.*)\}", text(FIREWALL))
    closed: set[int] = set()
    for part in ports.split(","):
        low, _, high = part.strip().partition("-")
        closed |= set(range(int(low), int(high or low) + 1))
    opened: set[int] = set()
    for arguments in ray_commands().values():
        named = {name: int(value) for name, value in pairwise(arguments) if name.endswith("-port")}
        low, high = named.pop("--min-worker-port"), named.pop("--max-worker-port")
        assert high - low > 500, "each process takes one"
        opened |= {*named.values(), *range(low, high + 1)}
        assert len(named) >= 7
        if "--port" in arguments:
            opened.add(int(arguments[arguments.index("--port") + 1]))
    assert opened == closed
    published = [port for each in compose()["services"].values() for port in each.get("ports", [])]
    assert published == ["80:80", "443:443"]


@pytest.mark.skipif(shutil.which("nft") is None or not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs nft")
def test_nft_understands_the_firewall() -> None:
    done = subprocess.run(["nft", "-c", "-f", str(FIREWALL)], capture_output=True, text=True, check=False)
    if "Operation not permitted" in done.stderr or "not supported" in done.stderr:
        pytest.skip("this machine lets nobody look at its firewall")
    assert done.returncode == 0, done.stderr


# ------------------------------------------------------------------------------------------------------ systemd


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_each_unit_is_as_closed_as_that_of_one_machine(unit: Path) -> None:
    model, here = entries(UNIT, "Service"), whole(unit)
    kept = [name for name in model if name.startswith(("Protect", "Restrict", "SystemCall", "Private"))]
    kept += [
        "NoNewPrivileges",
        "CapabilityBoundingSet",
        "LockPersonality",
        "UMask",
        "User",
        "Group",
        "StateDirectoryMode",
    ]
    assert len(kept) > 15
    for name in kept:
        assert here[name] == model[name], name
    (guide,) = entries(unit, "Unit")["Documentation"]
    assert (ROOT / guide.removeprefix(f"file://{INSTALLED_AT}")).is_file()


def test_gunicorn_knows_the_units_options_and_those_of_compose() -> None:
    config = pytest.importorskip("gunicorn.config", reason="gunicorn does not run on Windows", exc_type=ImportError)
    (command,) = whole(WEB)["ExecStart"]
    program, *arguments = shlex.split(command)
    assert program == f"{INSTALLED_AT}.venv/bin/gunicorn"
    (line,) = (line for line in shell_of("web-1").splitlines() if line.startswith("gunicorn"))
    settings = Settings()
    for given in (arguments, shlex.split(line.split("&")[0])[1:]):
        parsed = config.Config().parser().parse_args(given)
        assert parsed.args == ["app:create_app()"] and not parsed.preload_app
        # frames under way and waiting leave threads for everybody else's pages
        assert parsed.threads >= settings.ray_frames + settings.inference_queue + 8
    assert (ROOT / "backend" / "gunicorn.conf.py").is_file()


def test_ray_and_the_web_processes_share_a_folder_in_memory() -> None:
    for unit in (HEAD, WORKER):
        service_ = whole(unit)
        (command,) = service_["ExecStart"]
        arguments = shlex.split(command)
        assert arguments[arguments.index("--temp-dir") + 1] == f"%t/{service_['RuntimeDirectory'][0]}"
        assert service_["RuntimeDirectoryPreserve"] == ["yes"]
        assert f"-%t/{service_['RuntimeDirectory'][0]}" in whole(WEB)["ReadWritePaths"]
        # longer than Ray takes to hand over what a node has in hand
        assert int(service_["TimeoutStopSec"][0]) > 30
    bound = entries(WEB, "Unit")["PartOf"][0].split()
    assert set(bound) == {HEAD.name, WORKER.name}


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_understands_the_units(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("")
    program.chmod(0o755)
    copies = []
    for unit in UNITS:
        copies.append(tmp_path / unit.name.replace("@", "@8001"))
        copies[-1].write_text(re.sub(rf"{INSTALLED_AT}\.venv/bin/\w+", str(program), text(unit)))
    done = subprocess.run(["systemd-analyze", "verify", *map(str, copies)], capture_output=True, text=True, check=False)
    said = [line for line in done.stderr.splitlines() if "smartattendance" in line]
    assert not said, "\n".join(said)


# -------------------------------------------------------------------------------------------------------- nginx


def locations() -> dict[str, str]:
    """The locations of the HTTPS server: pattern -> what they say."""
    site = text(NGINX).split("listen 443")[1]
    return dict(re.findall(r"^    location (?:~ )?(\S+) \{\n(.*?)^    \}", site, re.MULTILINE | re.DOTALL))


def test_nginx_says_what_that_of_one_machine_says() -> None:
    ours, theirs = (
        {line.strip() for line in text(path).splitlines() if line.strip().endswith(";")} for path in (NGINX, SITE)
    )
    assert theirs - ours == {
        *("proxy_pass http://127.0.0.1:8000;", "error_log /var/log/nginx/smartattendance.error.log crit;"),
    }


def test_only_frames_are_sent_twice_and_every_frame_is() -> None:
    again = {pattern: said for pattern, said in locations().items() if "non_idempotent" in said}
    ((pattern, said),) = again.items()
    assert "proxy_next_upstream error timeout non_idempotent;" in said, "and not what was answered 503"
    frame = re.compile(pattern)
    # what takes an Idempotency-Key, and nothing else
    for module, path in ((frames, "/sessions/12/frames"), (kiosks, "/kiosk/frames")):
        rule = re.sub(r"\d+", "<id:session_id>", path)
        assert f'@blueprint.route("{rule}")' in text(Path(module.__file__))
        assert frame.search(f"/api/v1{path}")
    for path in (
        "/api/v1/sessions/12/open",
        "/api/v1/sessions/12/frames/1",
        "/x/api/v1/kiosk/frames",
        "/api/v1/trainings",
    ):
        assert not frame.search(path)


def test_nginx_asks_the_web_processes_and_lets_go_of_connections_before_they_do() -> None:
    (theirs,) = re.findall(r"^keepalive = (\d+)$", text(ROOT / "backend" / "gunicorn.conf.py"), re.MULTILINE)
    found = dict(re.findall(r"^upstream (\w+) \{\n(.*?)^\}", text(NGINX), re.MULTILINE | re.DOTALL))
    for upstream in found.values():
        assert tuple(re.findall(r"server (\S+):8000 ", upstream)) == WEB_PROCESSES
        (kept,) = re.findall(r"keepalive_timeout (\d+)s;", upstream)
        assert int(kept) < int(theirs)
    passed = {re.findall(r"proxy_pass http://(\w+);", said)[0] for said in locations().values()}
    assert passed == set(found)


@pytest.mark.skipif(
    None in (shutil.which("nginx"), shutil.which("openssl")), reason="nginx and openssl are not installed"
)
def test_nginx_understands_the_site(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    made = "req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=attendance -keyout"
    subprocess.run(["openssl", *made.split(), str(key), "-out", str(certificate)], capture_output=True, check=True)
    site = text(NGINX).replace("/var/log/nginx", str(tmp_path)).replace("server web-", "server 127.0.0.")
    site = re.sub(r"/etc/letsencrypt/\S+/fullchain\.pem", str(certificate), site)
    site = re.sub(r"/etc/letsencrypt/\S+/privkey\.pem", str(key), site)
    for port, other in (("80", "18982"), ("443", "18983")):
        site = re.sub(rf"^(\s*listen (?:\[::\]:)?){port}\b", rf"\g<1>{other}", site, flags=re.MULTILINE)
    (tmp_path / "site.conf").write_text(site)
    paths = "".join(
        f"{name}_temp_path {tmp_path / name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    http = f"http {{\naccess_log off;\n{paths}include site.conf;\n}}\n"
    (tmp_path / "nginx.conf").write_text(f"pid {tmp_path}/pid;\nerror_log stderr;\nevents {{}}\n{http}")
    done = subprocess.run(
        ["nginx", "-t", "-e", "stderr", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")],
        capture_output=True,
        text=True,
        check=False,
    )
    if "cannot bind" in done.stderr or "Address family not supported" in done.stderr:
        pytest.skip("nginx cannot look at IPv6 addresses on this machine")
    assert done.returncode == 0, done.stderr


# ------------------------------------------------------------------------------------------------------- compose


def test_compose_starts_everything_in_an_order_that_can_be() -> None:
    services = compose()["services"]
    placed: list[str] = []
    while len(placed) < len(services):
        ready = [
            name for name in services if name not in placed and set(services[name].get("depends_on", ())) <= set(placed)
        ]
        assert ready, f"these wait for one another: {sorted(set(services) - set(placed))}"
        placed += ready
    for name, each in services.items():
        for other, wait in each.get("depends_on", {}).items():
            if wait == {"condition": "service_completed_successfully"}:
                assert services[other]["restart"] == "on-failure", "it must end"
            else:
                assert wait == {"condition": "service_healthy"} and "test" in services[other]["healthcheck"], name


def test_every_part_of_compose_is_watched_bounded_and_closed() -> None:
    for name, each in compose()["services"].items():
        assert "mem_limit" in each and each["logging"]["options"]["max-size"], name
        assert each["healthcheck"] == {"disable": True} if name == "recognizers" else each["healthcheck"]["retries"]
        if name not in ("database", "redis"):
            assert (
                each["read_only"] and each["cap_drop"] == ["ALL"] and "no-new-privileges:true" in each["security_opt"]
            )
    for network in ("database", "redis"):
        assert compose()["networks"][network] == {"internal": True}


def test_compose_fits_the_image() -> None:
    build = service("web-1")["build"]
    assert (CLUSTER / build["context"]).resolve() == ROOT
    assert set(build["args"]) == {argument.split("=")[0] for argument in of("ARG")}
    assert build["args"]["REQUIREMENTS"] == "requirements-cluster.txt" and (ROOT / "requirements-cluster.txt").is_file()
    (volume,) = of("VOLUME")
    made = " ".join(of("RUN")).split()
    names = set(compose()["volumes"])
    for name in (*WEB_PROCESSES, *RAY_NODES):
        assert service(name)["image"] == service("web-1")["image"]
        for mounted in service(name).get("volumes", []):
            source, target = mounted.split(":")[:2]
            assert source in names
            # a volume is the server's only where the image has the folder
            assert target.startswith(f"{volume}/") and target in made


def test_the_recognizers_are_started_by_a_command_that_there_is() -> None:
    (command,) = re.findall(r"python app\.py (\S+?);", shell_of("recognizers"))
    assert re.search(rf"^\s+{command}\s", serving._parser().format_help(), re.MULTILINE)


@needs_bash
def test_a_web_process_ends_when_its_node_is_lost_and_when_it_is_told_to(tmp_path: Path) -> None:
    ended = tmp_path / "ended"
    gunicorn = f"trap 'echo gently > {ended}; exit 0' TERM; echo serving; while :; do sleep 0.1; done"
    for name, does in (("ray", "exit 0"), ("gunicorn", gunicorn)):
        (tmp_path / name).write_text(f"#!/bin/sh\n{does}\n")
        (tmp_path / name).chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "RAY_PORTS": ""}
    for is_lost in (True, False):
        with socket.create_server(("127.0.0.1", 0)) as node:
            shell = shell_of("web-1").replace("6381", str(node.getsockname()[1])).replace("sleep 5", "sleep 0.2")
            running = subprocess.Popen(["bash", "-c", shell], env=environment, stdout=subprocess.PIPE)
            assert running.stdout is not None and running.stdout.readline() == b"serving\n"
            if not is_lost:
                running.terminate()
                running.communicate(timeout=60)
        running.communicate(timeout=60)
        assert ended.read_text() == "gently\n"
        ended.unlink()
