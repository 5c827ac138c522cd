"""The files of the data sets: their addresses, their digests, and how their bytes are found and checked.

A content is what a file holds once it is unpacked. Its bytes are taken from the first of

where                          | for example
-------------------------------|------------------------------------------------------------------
a folder that the user names   | ``data_batch_1``, ``data_batch_1.xz`` or ``cifar-10-python.tar.gz`` in it, or below it in
                               | the data set's own folder (``cifar-10``, ``cifar-10-batches-py``)
pooch's cache                  | the publisher's archive, downloaded once and held against the archive's sha256

and always held against the sha256 of the content: a file that was cut or changed is refused before it is parsed. With a
folder named (``--data-dir`` or the environment variable MLBREG_DATA) nothing is ever downloaded.
"""

from __future__ import annotations

import gzip
import hashlib
import lzma
import os
import tarfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import final

VARIABLE = "MLBREG_DATA"


class DataError(Exception):
    """A file of a data set is missing, cut, changed, or cannot be downloaded."""


@final
@dataclass(frozen=True)
class Archive:
    """A file as its publisher offers it."""

    name: str
    sha256: str
    urls: tuple[str, ...]


@final
@dataclass(frozen=True)
class Content:
    """What is in an archive: all of it, or the member of that name of a tar file."""

    name: str
    sha256: str
    archive: Archive
    member: str = ""


def chosen_folder(data_dir: Path | None) -> Path | None:
    """``data_dir``, else what MLBREG_DATA says, else None: download. Raises a `DataError` for what is no folder."""
    said = os.environ.get(VARIABLE)
    folder = data_dir if data_dir is not None else Path(said) if said else None
    if folder is not None and not folder.is_dir():
        origin = "--data-dir" if data_dir is not None else VARIABLE
        raise DataError(f"{origin} must be a folder with the files of the data sets, got {str(folder)!r}")
    return folder


def read(content: Content, below: tuple[str, ...], folder: Path | None) -> bytes:
    """The verified bytes of a content; ``below`` are the data set's own folders, looked into before ``folder`` itself."""
    path = _downloaded(content.archive) if folder is None else _find(content, below, folder)
    try:
        found = _unpack(path, content)
    except (EOFError, OSError, KeyError, gzip.BadGzipFile, lzma.LZMAError, tarfile.TarError, zlib.error) as error:
        raise DataError(
            f"{path.name} must hold {content.name}, but it cannot be unpacked ({error}): it is cut or damaged; replace it"
        ) from error
    digest = hashlib.sha256(found).hexdigest()
    if digest != content.sha256:
        raise DataError(
            f"{content.name}, from {path.name}, must have the sha256 {content.sha256}, got {digest} of {len(found):,} bytes: "
            "it is cut, changed or of another data set; replace it"
        )
    return found


def _candidates(content: Content, below: tuple[str, ...], folder: Path) -> Iterator[Path]:
    names = (content.name, f"{content.name}.gz", f"{content.name}.xz", content.archive.name)
    for place in (*(folder / own for own in below), folder):
        for name in dict.fromkeys(names):
            yield place / name


def _find(content: Content, below: tuple[str, ...], folder: Path) -> Path:
    for path in _candidates(content, below, folder):
        if path.is_file():
            return path
    places = ", ".join([*below, "the folder itself"])
    raise DataError(
        f"{content.name} is missing in {str(folder)!r}: put it there, as it is, as .gz, as .xz or as {content.archive.name} "
        f"(looked in {places}); without --data-dir and {VARIABLE} it is downloaded"
    )


def _gzip(path: Path, _: Content) -> bytes:
    return gzip.decompress(path.read_bytes())


def _xz(path: Path, _: Content) -> bytes:
    return lzma.decompress(path.read_bytes())


def _tar(path: Path, content: Content) -> bytes:
    with tarfile.open(path) as archive:
        member = archive.extractfile(content.member)
        if member is None:
            raise KeyError(f"{content.member} is no file")
        return member.read()


def _plain(path: Path, _: Content) -> bytes:
    return path.read_bytes()


_UNPACKERS: dict[str, Callable[[Path, Content], bytes]] = {
    ".tar.gz": _tar,
    ".gz": _gzip,
    ".xz": _xz,
}


def _unpack(path: Path, content: Content) -> bytes:
    for ending, unpacker in _UNPACKERS.items():
        if path.name.endswith(ending):
            return unpacker(path, content)
    return _plain(path, content)


def _downloaded(archive: Archive) -> Path:
    import pooch  # of the extra torch, and only a download needs it

    failures = []
    for url in archive.urls:
        try:
            return Path(
                pooch.retrieve(
                    url,
                    f"sha256:{archive.sha256}",
                    fname=archive.name,
                    path=pooch.os_cache("mlbreg") / archive.sha256[:12],
                )
            )
        # No network or no such file; another file than the one that was asked for.
        except (OSError, ValueError) as error:
            failures.append(f"{url}: {error}")
    raise DataError(
        f"{archive.name} could not be downloaded; put it into a folder and name that with --data-dir or {VARIABLE}. "
        + "; ".join(failures)
    )
