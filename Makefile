# Commands for working with SmartAttendance; `make` alone lists them.
# Each makes .venv itself when it is missing, and installs again when the pinned requirements have changed.

# The Python to make .venv with; empty: the newest of 3.13, 3.12, 3.11 that runs.
PYTHON ?=
# Passed on to the program behind a target, for example: make train ARGS="--classifier logistic"
ARGS ?=
# Passed on to pip, for example on a machine without a GPU, to save 3 GB:
# make setup INSTALL_ARGS="--extra-index-url https://download.pytorch.org/whl/cpu"
INSTALL_ARGS ?=

# pip would compile the packages on one core, and their own tests as well. A package may carry files for another Python,
# which stay as they are.
COMPILE := -m compileall -q -j 0 -x '[^a-z_]tests?[^a-z_.]' .venv

# How the tests are shared out to processes (tests/conftest.py says how many). For one after another: make test SPREAD=
SPREAD ?= -n auto --no-loadscope-reorder

# Names of programs in which the page can be tested.
BROWSERS ?= chromium chromium-browser google-chrome

ifeq ($(OS),Windows_NT)
VENV_PYTHON := .venv/Scripts/python.exe
else
VENV_PYTHON := .venv/bin/python
endif

TYPED := backend/recognizer backend/training backend/attendance backend/operations backend/api backend/sample_class backend/demonstration backend/diagnosis backend/cluster backend/live_recognition.py backend/demo.py backend/app.py backend/serving.py backend/listening.py backend/connections.py backend/data_folder.py backend/config.py \
         backend/setting_kinds.py backend/student_ids.py backend/errors.py backend/interrupts.py backend/outages.py backend/train_production_model.py backend/test_production_model.py

# Paths below are relative to this folder, so that spaces in its own path do no harm.

.DEFAULT_GOAL := help
.PHONY: help setup demo demo-clean train serve check doctor test lint bench soak screens clean environment browser tools cluster

help:
	@echo 'make setup   create .venv and install the pinned packages'
	@echo 'make demo    make a school that does not exist, the first time, and serve it on this machine'
	@echo 'make demo-clean   remove the demo'
	@echo 'make train   train on the photos in backend/dataset/processed   ARGS="--classifier logistic"'
	@echo 'make serve   start the server on this machine'
	@echo 'make check   compare database, photos and models, and say what does not fit   ARGS="--repair"'
	@echo 'make doctor  look whether everything is as it should be, and what to do where it is not   ARGS="--json"'
	@echo 'make test    check style and types, then run the tests           ARGS="-k name"'
	@echo 'make lint    check style and types only'
	@echo 'make bench   measure accuracy and speed; takes long'
	@echo 'make soak    serve frames for a minute while models change underneath'
	@echo 'make screens take the pictures of the page in docs/screens anew'
	@echo 'make clean   remove caches; keeps .venv, photos and models'

setup: environment
	@echo 'Ready. Put one folder of photos for each student into backend/dataset/processed, then: make train'

demo: environment
	"$(VENV_PYTHON)" backend/demo.py $(ARGS)

# Nothing is installed only to remove what was made with it.
demo-clean:
	@if [ -e "$(VENV_PYTHON)" ]; then "$(VENV_PYTHON)" backend/demo.py clean; else rm -rf demo; fi

train: environment
	"$(VENV_PYTHON)" backend/train_production_model.py $(ARGS)

serve: environment
	cd backend && "../$(VENV_PYTHON)" app.py $(ARGS)

check: environment
	cd backend && "../$(VENV_PYTHON)" app.py check $(ARGS)

# Nothing is installed to find out what is missing.
doctor:
	@if [ -e "$(VENV_PYTHON)" ]; then "$(VENV_PYTHON)" backend/app.py doctor $(ARGS); \
	else "$${PYTHON:-python3}" backend/app.py doctor $(ARGS); fi

# The tests start two hundred programs: what these import is compiled once, whatever the environment says of that.
test: export PYTHONDONTWRITEBYTECODE :=
test: environment
	@$(MAKE) --no-print-directory -j3 tools cluster lint
	"$(VENV_PYTHON)" -m pytest -q --durations=10 $(SPREAD) $(ARGS)

lint: environment
	"$(VENV_PYTHON)" -m ruff check .
	"$(VENV_PYTHON)" -m ruff format --check .
	"$(VENV_PYTHON)" -m mypy $(TYPED)

bench: environment
	"$(VENV_PYTHON)" benchmarks/openset.py
	"$(VENV_PYTHON)" benchmarks/conditions.py
	"$(VENV_PYTHON)" benchmarks/alike.py
	"$(VENV_PYTHON)" benchmarks/roster.py
	"$(VENV_PYTHON)" benchmarks/scale.py
	"$(VENV_PYTHON)" benchmarks/training_time.py
	"$(VENV_PYTHON)" benchmarks/sample_class.py
	"$(VENV_PYTHON)" benchmarks/live_page.py
	"$(VENV_PYTHON)" benchmarks/frames.py
	"$(VENV_PYTHON)" benchmarks/frames_http.py
	"$(VENV_PYTHON)" benchmarks/mirrored.py
	"$(VENV_PYTHON)" benchmarks/gallery.py
	"$(VENV_PYTHON)" benchmarks/parity.py
	"$(VENV_PYTHON)" benchmarks/service_times.py
	"$(VENV_PYTHON)" benchmarks/frame_cost.py
	"$(VENV_PYTHON)" benchmarks/simulate_lecture.py
	"$(VENV_PYTHON)" -m pip install --disable-pip-version-check -q -r requirements-cluster.txt
	"$(VENV_PYTHON)" benchmarks/ray_nodes.py
	"$(VENV_PYTHON)" benchmarks/overload.py
	"$(VENV_PYTHON)" benchmarks/ray_training.py

soak: environment
	"$(VENV_PYTHON)" benchmarks/hot_swap.py $(ARGS)

screens: environment browser
	"$(VENV_PYTHON)" tests/support/take_screens.py $(ARGS)

clean:
	rm -rf .pytest_cache .mypy_cache .ruff_cache build
	find . -path ./.venv -prune -o -path ./.git -prune -o -type d -name __pycache__ -exec rm -rf {} +

environment:
	@sh -c "$$PREPARE"

browser:
	@sh -c "$$TOOLS" tools chromium

# all that the tests need besides Python's packages
tools:
	@sh -c "$$TOOLS" tools chromium nginx openssl

cluster: environment
	@sh -c "$$CLUSTER"

# A shell script; in a makefile each of its dollar signs is written twice.
define PREPARE
set -eu

fail() {
    printf '%s\n' "$$@" >&2
    exit 1
}

# Runs, and is a version this project supports. Only running it tells: pyenv and the Windows store put
# programs on the path that do nothing but fail.
usable() {
    "$$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1
}

# system_packages WHY PACKAGES HINT: installs PACKAGES (names on Debian and Ubuntu) if it may, else says what to do.
system_packages() {
    if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "$$1: installing $$2"
        apt-get update -q &&
            DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $$2 && return 0
    fi
    fail "$$1." "Install what is missing, then run this again. On Debian or Ubuntu:" \
        "    sudo apt-get update && sudo apt-get install $$2" "$$3"
}

find_python() {
    for candidate in "$$@"; do
        if usable "$$candidate"; then
            python=$$candidate
            return 0
        fi
    done
    return 1
}

if ! usable "$$VENV_PYTHON"; then
    if [ -n "$$PYTHON" ]; then
        find_python "$$PYTHON" ||
            fail "PYTHON=$$PYTHON does not run or is not Python 3.11, 3.12 or 3.13." "Name one that is, or leave PYTHON out."
    else
        find_python python3.13 python3.12 python3.11 python3 python ||
            fail "No Python 3.11, 3.12 or 3.13 was found that runs." \
                "Install one (Debian 12 and later, Ubuntu 24.04 and later: sudo apt-get install python3 python3-venv;" \
                "others: https://www.python.org/downloads/), or name one: make PYTHON=/path/to/python3.12"
    fi
    version=$$("$$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    # Debian packs the module without ensurepip, and then it makes a .venv without pip.
    "$$python" -c 'import ensurepip, venv' >/dev/null 2>&1 ||
        system_packages "Python $$version lacks its venv module" "python$$version-venv" \
            "Elsewhere it comes with Python: reinstall Python."
    echo "Creating .venv with Python $$version"
    "$$python" -m venv --clear .venv
fi

# The versions asked for, in the Python they are for.
wanted=$$("$$VENV_PYTHON" -c 'import hashlib, sys
digest = hashlib.sha256(sys.version.encode())
for name in ("requirements.txt", "requirements-dev.txt"):
    digest.update(open(name, "rb").read())
print(digest.hexdigest())')
stamp=.venv/requirements.sha256
installed=$$(cat "$$stamp" 2>/dev/null || true)

if [ "$$installed" != "$$wanted" ]; then
    echo "Installing the pinned packages; the first time this takes some minutes, PyTorch is large"
    "$$VENV_PYTHON" -m pip install --disable-pip-version-check --no-compile $$INSTALL_ARGS -r requirements-dev.txt ||
        fail "The packages could not be installed; pip says why above. Nothing was trained or tested."
    "$$VENV_PYTHON" $(COMPILE) >/dev/null 2>&1 || true
    # OpenCV is the one package that needs libraries of the system. Minimal servers and containers lack them.
    if ! problem=$$("$$VENV_PYTHON" -c 'import cv2' 2>&1); then
        case $$problem in
        *"shared object file"*)
            system_packages "OpenCV lacks libraries of the system ($${problem##*Error: })" "libgl1 libglib2.0-0" \
                "On Fedora: sudo dnf install mesa-libGL glib2" ;;
        *) fail "OpenCV was installed but cannot be loaded:" "$$problem" ;;
        esac
        "$$VENV_PYTHON" -c 'import cv2' || fail "OpenCV still cannot be loaded; the reason is above."
    fi
    echo "$$wanted" > "$$stamp"
fi
endef

# tools NAME...: installs those that are missing, if it may. Without them the other tests are run all the same.
define TOOLS
set -eu

there() {
    if [ "$$1" != chromium ]; then
        command -v "$$1" >/dev/null 2>&1
        return
    fi
    if [ -n "$${SMARTATTENDANCE_TEST_CHROMIUM:-}" ]; then return 0; fi
    for name in $$BROWSERS; do
        if command -v "$$name" >/dev/null 2>&1; then return 0; fi
    done
    return 1
}

missing=
for tool in "$$@"; do
    there "$$tool" || missing="$$missing $$tool"
done
if [ -z "$$missing" ]; then exit 0; fi
if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Without$$missing some tests are skipped: installing"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -q || true
    failed=
    for tool in $$missing; do
        # and the same without windows, which is quicker, where the system has it
        if [ "$$tool" = chromium ] &&
            apt-get install -y -q --no-install-recommends chromium chromium-headless-shell; then continue; fi
        apt-get install -y -q --no-install-recommends "$$tool" || failed="$$failed $$tool"
    done
    missing=$$failed
    if [ -z "$$missing" ]; then exit 0; fi
fi
printf '%s\n' "Without$$missing some tests are skipped. On Debian: sudo apt-get install$$missing" \
    "Chromium or Chrome elsewhere can be named: SMARTATTENDANCE_TEST_CHROMIUM=/path/to/chrome make test"
endef

# Ray for the tests of several machines, on Linux; elsewhere, and where it is missing, they say why they are not run.
define CLUSTER
set -eu
if [ "$$(uname -s 2>/dev/null || true)" != Linux ]; then exit 0; fi
wanted=$$("$$VENV_PYTHON" -c 'import hashlib, sys
digest = hashlib.sha256(sys.version.encode())
for name in ("requirements.txt", "requirements-cluster.txt"):
    digest.update(open(name, "rb").read())
print(digest.hexdigest())')
stamp=.venv/requirements-cluster.sha256
if [ "$$(cat "$$stamp" 2>/dev/null || true)" != "$$wanted" ]; then
    echo "Installing Ray for the tests of several machines"
    if "$$VENV_PYTHON" -m pip install --disable-pip-version-check --no-compile -q -r requirements-cluster.txt; then
        "$$VENV_PYTHON" $(COMPILE) >/dev/null 2>&1 || true
        echo "$$wanted" > "$$stamp"
    else
        echo "Ray could not be installed; pip says why above. The tests of several machines are skipped."
    fi
fi
endef
export PREPARE TOOLS CLUSTER BROWSERS PYTHON VENV_PYTHON INSTALL_ARGS
