"""The files of a model store: a folder that machines share, or what fsspec reaches by a URL. A few, flat, small in
number; each is read and written whole."""

from __future__ import annotations

import importlib
from contextlib import suppress
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any, Protocol
from urllib.parse import urlsplit
from urllib.request import url2pathname

from errors import ConfigurationError, ModelStoreError
from recognizer.durable_files import write_atomically

INSTALL = "python -m pip install -r requirements-cluster.txt"


class StoreFiles(Protocol):
    """Every method raises ModelStoreError where the store does not answer. address: for messages, without secrets."""

    @property
    def address(self) -> str: ...

    def read(self, name: str, most: int) -> bytes | None:
        """The content, or its first ``most`` bytes if it has more; None when there is no such file."""
        ...

    def write(self, name: str, data: bytes) -> None:
        """Make ``data`` the content: for others the old one is there until all of the new one is."""
        ...

    def sizes(self) -> dict[str, int]:
        """Bytes by name, temporary files included."""
        ...

    def remove(self, name: str) -> None: ...


def files_at(address: str) -> StoreFiles:
    """The files at ``address``: the whole path of a folder, or a URL. Raises ConfigurationError."""
    if "://" not in address:
        return FolderFiles(Path(address).expanduser(), address)
    if address.startswith("file://"):
        return FolderFiles(Path(url2pathname(urlsplit(address).path)), address)
    return RemoteFiles(address)


class FolderFiles:
    """Of a folder, of which fsspec is asked nothing: it need not be installed."""

    def __init__(self, folder: Path, address: str) -> None:
        if not folder.is_absolute():
            raise ConfigurationError(
                f"the model store {address} is neither a whole path nor a URL; every machine must find the same "
                "folder by it, so begin at the top: /srv/models, or name a URL such as s3://bucket/models"
            )
        self.folder, self.address = folder, address

    def read(self, name: str, most: int) -> bytes | None:
        try:
            with (self.folder / name).open("rb") as file:
                return file.read(most)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._failed(error) from error

    def write(self, name: str, data: bytes) -> None:
        try:
            # not its parents: they are missing where a share is not mounted
            self.folder.mkdir(mode=0o700, exist_ok=True)
            write_atomically(self.folder / name, data)
        except OSError as error:
            raise self._failed(error) from error

    def sizes(self) -> dict[str, int]:
        found = {}
        try:
            for path in self.folder.iterdir() if self.folder.is_dir() else ():
                with suppress(FileNotFoundError):  # another process may have removed it just now
                    if path.is_file():
                        found[path.name] = path.stat().st_size
        except OSError as error:
            raise self._failed(error) from error
        return found

    def remove(self, name: str) -> None:
        try:
            (self.folder / name).unlink(missing_ok=True)
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: OSError) -> ModelStoreError:
        return ModelStoreError(
            f"the model store {self.address} cannot be used ({error.strerror or error}); see that it is mounted, that "
            "there is space and that its permissions let this machine in. It is tried again"
        )


class RemoteFiles:
    """Of whatever fsspec reaches. Object stores put an object in place whole; where a server does not (SFTP, SMB), a
    half-written file is told by its content, which whoever reads it checks."""

    def __init__(self, url: str) -> None:
        self._url = url
        parts = urlsplit(url)
        who, at, host = parts.netloc.rpartition("@")
        self.address = parts._replace(netloc=who.partition(":")[0] + at + host, query="", fragment="").geturl()
        if ":" in who:
            raise ConfigurationError(
                f"the URL of the model store {self.address} holds a password, which settings and logs would show; "
                f"leave it out, and set FSSPEC_{parts.scheme.upper()}_PASSWORD in the environment of every machine"
            )
        if "::" in url:
            raise ConfigurationError(
                f"the model store {self.address} names one file system behind another, which may answer with what was "
                "there before; name the last one alone"
            )
        fsspec = _fsspec(self.address)
        try:
            fsspec.get_filesystem_class(parts.scheme)
        except ValueError as error:
            raise ConfigurationError(
                f"fsspec knows no {parts.scheme}:// for the model store {self.address}; name a folder, or a URL that "
                "begins with s3://, gs://, abfs:// or another protocol it knows"
            ) from error
        except ImportError as error:
            raise ConfigurationError(
                f"the model store {self.address} needs one more package, on every machine: {error}; with pip"
            ) from error

    def read(self, name: str, most: int) -> bytes | None:
        try:
            files, folder = self._files()
            content: bytes = files.cat_file(f"{folder}/{name}", start=0, end=most)
            return content
        except FileNotFoundError:
            return None
        except Exception as error:  # each of the many packages behind fsspec has its own
            raise self._failed("read from", error) from error

    def write(self, name: str, data: bytes) -> None:
        try:
            files, folder = self._files()
            files.pipe_file(f"{folder}/{name}", data)
        except Exception as error:
            raise self._failed("written to", error) from error

    def sizes(self) -> dict[str, int]:
        try:
            files, folder = self._files()
            files.invalidate_cache()  # lists are remembered, and others write here too
            found = files.ls(folder, detail=True)
        except FileNotFoundError:
            return {}
        except Exception as error:
            raise self._failed("read from", error) from error
        return {
            PurePosixPath(item["name"]).name: int(item["size"] or 0) for item in found if item.get("type") == "file"
        }

    def remove(self, name: str) -> None:
        try:
            files, folder = self._files()
            files.rm_file(f"{folder}/{name}")
        except FileNotFoundError:
            return
        except Exception as error:
            raise self._failed("written to", error) from error

    def _files(self) -> tuple[Any, str]:
        """Asked each time, as what is connected does not survive a fork; fsspec keeps one for each process."""
        files, folder = _fsspec(self.address).core.url_to_fs(self._url)
        return files, folder.rstrip("/")

    def _failed(self, verb: str, error: Exception) -> ModelStoreError:
        why = (str(error) or type(error).__name__).replace(self._url, self.address).splitlines()[0]
        return ModelStoreError(
            f"the model store {self.address} cannot be {verb} ({why:.200}); see that it is there, that this machine "
            "reaches it and that its credentials are good. It is tried again"
        )


def _fsspec(address: str) -> ModuleType:
    try:
        importlib.import_module("fsspec.core")
        return importlib.import_module("fsspec")
    except ImportError as error:
        raise ConfigurationError(f"the model store {address} needs the package fsspec; run: {INSTALL}") from error
