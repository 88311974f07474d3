"""What installs the server names files, settings, options and limits that exist; nothing about a person gets into an
image."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
import yaml

import serving
from config import Settings, settings_table, variable
from data_folder import DATABASE_FILE

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "deploy"
INSTALLED_AT = "/opt/smartattendance/"
UNIT, SITE = DEPLOY / "smartattendance.service", DEPLOY / "nginx.conf"
ENVIRONMENT, COMPOSE_ENVIRONMENT = DEPLOY / "smartattendance.env.example", DEPLOY / "compose.env.example"
ENVIRONMENTS = (ENVIRONMENT, COMPOSE_ENVIRONMENT, *sorted(DEPLOY.glob("cluster/*.env.example")))
NAMING_SETTINGS = (
    *(UNIT, SITE, ENVIRONMENT, COMPOSE_ENVIRONMENT, DEPLOY / "backup.sh", DEPLOY / "run.sh"),
    *(ROOT / "Dockerfile", ROOT / "compose.yaml", ROOT / "docs" / "DEPLOY.md"),
    *sorted((DEPLOY / "cluster").iterdir()),
)
KNOWN = frozenset(re.findall(r"^\| `([A-Z_]+)` \|", settings_table(), re.MULTILINE))


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def entries(path: Path, section: str) -> dict[str, list[str]]:
    """Name -> values of one section of a unit file."""
    found: dict[str, list[str]] = {}
    current = ""
    for line in text(path).splitlines():
        if line.startswith("["):
            current = line.strip("[]")
        elif "=" in line and not line.startswith("#") and current == section:
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


def guide_blocks(language: str) -> list[str]:
    found = re.findall(rf"^ *```{language}\n(.*?)^ *```", text(ROOT / "docs" / "DEPLOY.md"), re.MULTILINE | re.DOTALL)
    assert found
    return found


# ------------------------------------------------------------------------------------------------ settings


@pytest.mark.parametrize("path", NAMING_SETTINGS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_setting_that_is_named_is_one(path: Path) -> None:
    named = set(re.findall(r"\b(SMARTATTENDANCE_[A-Z_]+|DATABASE_URL)\b", text(path)))
    assert named <= KNOWN, f"no settings: {sorted(named - KNOWN)}"


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_example_settings_are_accepted(path: Path) -> None:
    lines = [line for line in text(path).splitlines() if line and not line.startswith("#")]
    assert lines and all(re.fullmatch(r"[A-Z_]+=\S*", line) for line in lines)
    settings = Settings.from_env(dict(line.split("=", 1) for line in lines))
    assert settings.public_url == "https://attendance.example.org" and settings.trusted_proxies == 1


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_examples_hold_no_secret(path: Path) -> None:
    secrets = re.findall(r"^#?\w*(?:PASSWORD|KEY|TOKEN)=(.*)$", text(path), re.MULTILINE)
    # where a key lies is none
    assert secrets and not [each for each in secrets if not re.fullmatch(r"|/etc/\S+", each)]


# -------------------------------------------------------------------------------------------- unit of systemd


def test_what_the_unit_starts_is_there() -> None:
    service = entries(UNIT, "Service")
    assert service["WorkingDirectory"] == [INSTALLED_AT.rstrip("/")]
    (command,) = service["ExecStart"]
    program, *options = shlex.split(command)
    assert program == f"{INSTALLED_AT}.venv/bin/gunicorn"
    assert (ROOT / options[options.index("-c") + 1]).is_file()
    folder = ROOT / options[options.index("--chdir") + 1]
    module, function = options[-1].removesuffix("()").split(":")
    assert re.search(rf"^def {function}\(", text(folder / f"{module}.py"), re.MULTILINE)
    (guide,) = entries(UNIT, "Unit")["Documentation"]
    assert (ROOT / guide.removeprefix(f"file://{INSTALLED_AT}")).is_file()


def test_gunicorn_knows_the_units_options_and_ours() -> None:
    config = pytest.importorskip("gunicorn.config", reason="gunicorn does not run on Windows", exc_type=ImportError)
    known = config.Config()
    (command,) = entries(UNIT, "Service")["ExecStart"]
    arguments = known.parser().parse_args(shlex.split(command)[1:])
    assert arguments.args == ["app:create_app()"] and not arguments.preload_app
    own = set(re.findall(r"^([a-z_]+) = ", text(ROOT / "backend" / "gunicorn.conf.py"), re.MULTILINE))
    assert own and own <= set(known.settings)
    assert "workers = 1\n" in text(ROOT / "backend" / "gunicorn.conf.py")


def test_the_service_can_write_where_its_settings_say_and_nowhere_else() -> None:
    service = entries(UNIT, "Service")
    assert service["ProtectSystem"] == ["strict"] and service["UMask"] == ["0077"]
    writable = [f"/var/lib/{service['StateDirectory'][0]}/", f"/var/cache/{service['CacheDirectory'][0]}"]
    folders = re.findall(r"^SMARTATTENDANCE_\w+_DIR=(.+)$", text(ENVIRONMENT), re.MULTILINE)
    assert len(folders) == 4
    assert all(any(folder.startswith(each) for each in writable) for folder in folders)
    assert service["EnvironmentFile"] == ["/etc/smartattendance/smartattendance.env"]
    # a training of hours is not ended by a restart, nor what it shares with its own processes removed
    assert service["KillMode"] == ["process"] and "RemoveIPC" not in service


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    program = tmp_path / "gunicorn"
    program.write_text("")
    program.chmod(0o755)
    unit = tmp_path / UNIT.name
    unit.write_text(text(UNIT).replace(f"{INSTALLED_AT}.venv/bin/gunicorn", str(program)))
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    said = [line for line in done.stderr.splitlines() if UNIT.name in line]
    assert not said, "\n".join(said)


# ------------------------------------------------------------------------------------------------------ nginx


def nginx_bytes(name: str) -> int:
    (number, unit) = re.findall(rf"^\s*{name} (\d+)([km]?);", text(SITE), re.MULTILINE)[0]
    return int(number) * {"": 1, "k": 2**10, "m": 2**20}[unit]


def test_nginx_lets_through_what_the_server_takes_and_keeps_it_in_memory() -> None:
    limit = nginx_bytes("client_max_body_size")
    assert limit >= Settings().max_image_bytes + 2**20
    assert nginx_bytes("client_body_buffer_size") == limit
    assert "proxy_max_temp_file_size 0;" in text(SITE)


def test_nginx_bounds_what_slow_senders_and_strangers_take() -> None:
    site = text(SITE)
    for name in ("client_header_timeout", "client_body_timeout", "limit_conn smartattendance_addresses"):
        assert re.search(rf"^    {name} \d+s?;", site, re.MULTILINE)
    assert re.search(r"if \(\$smartattendance_unread\) \{\s+return 413;", site)
    [unread] = re.findall(r'^    "~(.+)" 1;', site, re.MULTILINE)
    [upload] = re.findall(r'^    "~(.+)" \$binary_remote_addr;', site, re.MULTILINE)
    # what is shown of a login, a colon, and how long the body is
    assert re.search(unread, ":100000") and not any(
        re.search(unread, told) for told in (":", ":64000", "Bearer x:100000")
    )
    assert re.search(upload, "1000000") and not re.search(upload, "999999")


def test_nginx_vouches_for_who_asks_and_logs_no_addresses() -> None:
    site = text(SITE)
    for line in (
        "proxy_pass http://127.0.0.1:8000;",
        "proxy_set_header X-Forwarded-For $remote_addr;",
        "proxy_set_header X-Forwarded-Proto $scheme;",
        "proxy_set_header X-Forwarded-Host $http_host;",
        "access_log off;",
    ):
        assert line in site
    assert re.search(r'^bind = "127\.0\.0\.1:8000"$', text(ROOT / "backend" / "gunicorn.conf.py"), re.MULTILINE)
    assert re.search(r'add_header Strict-Transport-Security "max-age=\d{8,}" always;', site)


@pytest.mark.skipif(
    None in (shutil.which("nginx"), shutil.which("openssl")), reason="nginx and openssl are not installed"
)
def test_nginx_understands_the_site(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    made = "req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=attendance -keyout"
    command = ["openssl", *made.split(), str(key), "-out", str(certificate)]
    subprocess.run(command, capture_output=True, check=True)
    site = text(SITE).replace("/var/log/nginx", str(tmp_path))
    site = re.sub(r"/etc/letsencrypt/\S+/fullchain\.pem", str(certificate), site)
    site = re.sub(r"/etc/letsencrypt/\S+/privkey\.pem", str(key), site)
    for port, other in (("80", "18980"), ("443", "18981")):
        site = re.sub(rf"^(\s*listen (?:\[::\]:)?){port}\b", rf"\g<1>{other}", site, flags=re.MULTILINE)
    (tmp_path / "site.conf").write_text(site)
    paths = "".join(
        f"{name}_temp_path {tmp_path / name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    http = f"http {{\naccess_log off;\n{paths}include site.conf;\n}}\n"
    main = f"pid {tmp_path}/pid;\nerror_log stderr;\nevents {{}}\n{http}"
    (tmp_path / "nginx.conf").write_text(main)
    done = subprocess.run(
        ["nginx", "-t", "-e", "stderr", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")],
        capture_output=True,
        text=True,
        check=False,
    )
    if "cannot bind" in done.stderr or "Address family not supported" in done.stderr:
        pytest.skip("nginx cannot look at IPv6 addresses on this machine")
    assert done.returncode == 0, done.stderr


# ----------------------------------------------------------------------------------------------------- Docker


def dockerfile() -> list[tuple[str, str]]:
    """(instruction, arguments), continued lines joined."""
    joined = re.sub(r"\\\n", " ", re.sub(r"^\s*#.*\n", "", text(ROOT / "Dockerfile"), flags=re.MULTILINE))
    pairs = (line.partition(" ") for line in joined.splitlines() if line.strip())
    return [(name, " ".join(arguments.split())) for name, _, arguments in pairs]


def of(name: str) -> list[str]:
    return [arguments for instruction, arguments in dockerfile() if instruction == name]


def goes_into_the_image(path: str) -> bool:
    """By .dockerignore: the last pattern that fits the path or a folder above it decides."""
    parts = path.split("/")
    kept = True
    for line in text(ROOT / ".dockerignore").splitlines():
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        decides, pattern = pattern.startswith("!"), pattern.removeprefix("!").rstrip("/")
        if any(_fits(parts[:count], pattern.split("/")) for count in range(1, len(parts) + 1)):
            kept = decides
    return kept


def _fits(parts: list[str], pattern: list[str]) -> bool:
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(_fits(parts[count:], pattern[1:]) for count in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and _fits(parts[1:], pattern[1:])


@pytest.mark.parametrize(
    "path",
    [
        *("backend/dataset/processed/S1/a.jpg", "backend/models/Classifier/face_classifier_v1.pkl"),
        *("backend/models/Classifier/history/v1/X.npy", "backend/instance/secret.key", "backend/instance/review/1.jpg"),
        *("backend/instance/smartattendance.sqlite3", "backend/a.sqlite3-wal", "backend/training.log"),
        *(".git/config", ".venv/bin/python", "demo/dataset/S1/01.jpg", ".env", "backend/.env", "deploy/compose.env"),
        *("deploy/cluster/.env", "deploy/cluster/compose.env.example"),
        *("tests/conftest.py", "frontend/node_modules/a/b.js", "backend/api/__pycache__/a.pyc", "photo.jpg"),
    ],
)
def test_nothing_about_a_person_and_no_secret_gets_into_the_image(path: str) -> None:
    assert not goes_into_the_image(path)


def test_all_of_the_program_gets_into_the_image() -> None:
    sources = [source for copied in of("COPY") for source in copied.split()[:-1]]
    assert {"requirements.txt", "requirements-cluster.txt", "backend", "frontend"} <= set(sources)
    assert all((ROOT / source).exists() for source in sources)
    tracked = subprocess.run(
        ["git", "ls-files", "backend", "frontend", "requirements.txt", "requirements-cluster.txt", "LICENSE"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.split("\n")
    wanted = [path for path in tracked if path and not path.endswith(".gitkeep")] or ["backend/app.py"]
    assert [path for path in wanted if not goes_into_the_image(path)] == []
    assert {path.split("/")[0] for path in wanted} - {*sources} == set()


def test_the_image_runs_the_server_as_nobody_in_particular() -> None:
    (base,) = of("FROM")
    assert re.fullmatch(r"python:3\.1[123]-slim(-\w+)?", base)
    steps = [name for name, _ in dockerfile()]
    assert steps.index("USER") < steps.index("CMD") and not re.match(r"(root|0)\b", of("USER")[-1])
    assert of("CMD") == ['["python", "app.py"]'] and of("WORKDIR")[-1].endswith("/backend")
    assert "/healthz" in of("HEALTHCHECK")[0]
    environment = dict(pair.split("=", 1) for pair in shlex.split(" ".join(of("ENV"))))
    settings = Settings.from_env({name: value for name, value in environment.items() if name in KNOWN})
    (volume,) = of("VOLUME")
    kept = (settings.data_dir, settings.dataset_dir, settings.model_dir, settings.cache_dir)
    assert all(str(folder).startswith(f"{volume}/") for folder in kept)
    assert of("EXPOSE") == [str(settings.port)]
    # PyTorch alone can be had elsewhere; all else comes at the pinned versions
    assert "REQUIREMENTS=requirements.txt" in of("ARG")
    assert any('-r "$REQUIREMENTS"' in step and '"$TORCH_INDEX"' in step for step in of("RUN"))


@pytest.mark.skipif(shutil.which("hadolint") is None, reason="hadolint is not installed")
def test_hadolint_has_nothing_against_the_dockerfile() -> None:
    done = subprocess.run(["hadolint", str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


# What compose knows (its specification) of what could be written here; a misspelt key is silently without effect.
TOP = {"name", "services", "networks", "volumes", "configs", "secrets"}
SERVICE = {
    *("build", "image", "restart", "init", "depends_on", "env_file", "environment", "ports", "volumes", "networks"),
    *("read_only", "tmpfs", "cap_drop", "security_opt", "stop_grace_period", "logging", "healthcheck", "user"),
}
HEALTH = {"test", "interval", "timeout", "retries", "start_period"}


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(text(ROOT / "compose.yaml"))
    return found


def test_compose_is_what_compose_knows() -> None:
    whole = compose()
    assert set(whole) <= TOP
    for name, service in whole["services"].items():
        assert set(service) <= SERVICE, name
        assert set(service.get("healthcheck", {})) <= HEALTH
        assert set(service.get("networks", [])) <= {"default", *whole["networks"]}
        for volume in service["volumes"]:
            assert volume.split(":")[0] in whole["volumes"]
        for other, condition in service.get("depends_on", {}).items():
            assert condition == {"condition": "service_healthy"}
            assert "healthcheck" in whole["services"][other]


def test_compose_fits_the_image_and_shows_itself_to_this_machine_only() -> None:
    server = compose()["services"]["server"]
    (volume,) = server["volumes"]
    assert volume.split(":")[1] == of("VOLUME")[0]
    assert server["ports"] == [f"127.0.0.1:8000:{of('EXPOSE')[0]}"]
    assert set(server["build"]["args"]) < {argument.split("=")[0] for argument in of("ARG")}
    assert "ports" not in compose()["services"]["database"]
    assert compose()["networks"]["database"] == {"internal": True}


def test_compose_has_one_database_for_both_and_its_password_elsewhere() -> None:
    services = compose()["services"]
    database = services["database"]["environment"]
    address = services["server"]["environment"][variable("database_url")]
    password = re.sub(r":\?[^}]*", "", database["POSTGRES_PASSWORD"])
    assert password == "${POSTGRES_PASSWORD}"
    user, name = database["POSTGRES_USER"], database["POSTGRES_DB"]
    assert re.sub(r":\?[^}]*", "", address) == f"postgresql://{user}:{password}@database/{name}"
    assert "--encoding=UTF8" in database["POSTGRES_INITDB_ARGS"]
    wanted = set(re.findall(r"\$\{(\w+)", text(ROOT / "compose.yaml")))
    assert wanted <= set(re.findall(r"^#?(\w+)=", text(COMPOSE_ENVIRONMENT), re.MULTILINE))
    ignored = text(ROOT / ".gitignore").splitlines()
    assert services["server"]["env_file"] == ".env" and "/.env" in ignored


# ------------------------------------------------------------------------------------------ backups, the guide

needs_backups = pytest.mark.skipif(
    os.name == "nt" or None in (shutil.which("bash"), shutil.which("age"), shutil.which("age-keygen")),
    reason="backup.sh needs bash and age",
)


@needs_backups
def test_a_backup_is_encrypted_complete_and_comes_back(tmp_path: Path) -> None:
    data, settings, folder = tmp_path / "with spaces" / "data", tmp_path / "settings", tmp_path / "backups"
    (data / "instance").mkdir(parents=True)
    (data / "dataset" / "S1").mkdir(parents=True)
    (data / "dataset" / "S1" / "a.jpg").write_bytes(b"a face")
    (data / "instance" / "erasures.jsonl").write_text("{}\n")
    (data / "instance" / "faces.lock").touch()
    settings.mkdir()
    folder.mkdir()
    (settings / "smartattendance.env").write_text("A=b\n")
    key = tmp_path / "key"
    made = subprocess.run(["age-keygen", "--output", str(key)], capture_output=True, text=True, check=True)
    public = re.findall(r"age1\w+", made.stderr + text(key))[0]
    old = folder / "smartattendance-20200101T000000Z.tar.age"
    old.touch()
    os.utime(old, (0, 0))
    live = sqlite3.connect(data / "instance" / serving_database())
    live.execute("PRAGMA journal_mode=WAL")
    live.execute("CREATE TABLE t (x)")
    live.execute("INSERT INTO t VALUES (1)")
    live.commit()  # and stays open, as in a running server
    environment = {**os.environ, "DATA": str(data), "SETTINGS": str(settings), "PYTHON": sys.executable}
    subprocess.run([str(DEPLOY / "backup.sh"), str(folder), public], env=environment, check=True)
    live.close()
    (backup,) = folder.glob("*.age")
    assert b"a face" not in backup.read_bytes() and backup.stat().st_mode & 0o077 == 0
    assert (folder / "erasures.jsonl").read_text() == "{}\n"
    archive = subprocess.run(
        ["age", "--decrypt", "--identity", str(key), str(backup)], capture_output=True, check=True
    ).stdout
    restored = tmp_path / "restored"
    restored.mkdir()
    subprocess.run(["tar", "--extract", "--directory", str(restored)], input=archive, check=True)
    files = {path.relative_to(restored).as_posix() for path in restored.rglob("*") if path.is_file()}
    assert files == {
        *("database.sqlite3", "dataset/S1/a.jpg", "instance/erasures.jsonl", "settings/smartattendance.env"),
    }
    with sqlite3.connect(restored / "database.sqlite3") as copy:
        assert copy.execute("SELECT x FROM t").fetchall() == [(1,)]


def serving_database() -> str:
    assert f"instance/{DATABASE_FILE}" in text(DEPLOY / "backup.sh")
    return DATABASE_FILE


@pytest.mark.skipif(os.name == "nt" or shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize("arguments", [[], ["/no/such/folder", "age1"]])
def test_a_backup_that_cannot_be_made_says_how(arguments: list[str]) -> None:
    done = subprocess.run(["bash", str(DEPLOY / "backup.sh"), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "usage" in done.stderr


def test_the_guide_names_files_commands_and_findings_that_exist() -> None:
    guide = text(ROOT / "docs" / "DEPLOY.md")
    for path in re.findall(r"(?:/opt/smartattendance/|\b)(deploy/[\w.-]+)", guide):
        assert (ROOT / path).is_file(), path
    help_text = serving._parser().format_help()
    for command in re.findall(r"\bapp\.py ([a-z][a-z-]+)", guide):
        assert re.search(rf"^\s+{command}\s", help_text, re.MULTILINE), command
    for program in re.findall(r"\brun\.sh (\w+\.py)", guide):
        assert (ROOT / "backend" / program).is_file(), program
    check = text(ROOT / "backend" / "operations" / "check.py")
    table = guide.split("| Finding |")[1].split("\n\n")[0]
    codes = set(re.findall(r"`([a-z]+_[a-z_]+)`", table))
    assert codes and all(f'"{code}"' in check for code in codes)
    for anchor in re.findall(r"\]\(#([\w-]+)\)", guide):
        headings = re.findall(r"^## (.+)$", guide, re.MULTILINE)
        assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    for block in guide_blocks("yaml"):
        assert isinstance(yaml.safe_load(block), dict)


@pytest.mark.skipif(os.name == "nt" or shutil.which("bash") is None, reason="there is no bash")
def test_the_shell_understands_the_guides_commands() -> None:
    for block in guide_blocks("bash"):
        done = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{block}\n{done.stderr}"
