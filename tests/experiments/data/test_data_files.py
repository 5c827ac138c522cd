"""Files of data sets: found, unpacked, verified, downloaded; and refused when they are missing, cut or changed."""

from __future__ import annotations

import gzip
import hashlib
import io
import lzma
import pickle
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path

import numpy as np
import pytest
from mlbreg.experiments.data.catalogue import DATA_SETS, data_set, load
from mlbreg.experiments.data.files import Archive, Content, DataError, chosen_folder, read
from mlbreg.experiments.data.formats import read_cifar, read_idx

PLAIN = bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3]) + bytes(range(6))
PACKED = gzip.compress(PLAIN, mtime=0)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def content(urls: tuple[str, ...] = (), packed: bytes = PACKED) -> Content:
    return Content("pixels", sha256(PLAIN), Archive("pixels.gz", sha256(packed), urls))


@pytest.fixture
def host(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder and the address at which it is served."""
    folder = tmp_path / "host"
    folder.mkdir()

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("place", ["", "set", "Set/raw"])
@pytest.mark.parametrize(
    ("name", "stored"), [("pixels", PLAIN), ("pixels.gz", PACKED), ("pixels.xz", lzma.compress(PLAIN))]
)
def test_a_content_is_found_below_the_folder_however_it_is_packed(
    tmp_path: Path, place: str, name: str, stored: bytes
) -> None:
    (tmp_path / place).mkdir(parents=True, exist_ok=True)
    (tmp_path / place / name).write_bytes(stored)
    assert read(content(), ("set", "Set/raw"), tmp_path) == PLAIN


def test_a_content_is_found_in_a_tar_archive(tmp_path: Path) -> None:
    own = Content("pixels", sha256(PLAIN), Archive("all.tar.gz", "", ()), "inner/pixels")
    with tarfile.open(tmp_path / "all.tar.gz", "w:gz") as archive:
        member = tarfile.TarInfo("inner/pixels")
        member.size = len(PLAIN)
        archive.addfile(member, io.BytesIO(PLAIN))
    assert read(own, (), tmp_path) == PLAIN
    missing = Content("pixels", sha256(PLAIN), own.archive, "inner/other")
    with pytest.raises(DataError, match="cannot be unpacked"):
        read(missing, (), tmp_path)


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("pixels.gz", PACKED[:-9]),
        ("pixels.gz", b""),
        ("pixels.gz", b"<html>not found</html>"),
        ("pixels.xz", lzma.compress(PLAIN)[:-8]),
        ("pixels.gz", PACKED[:12] + b"\xff\xff" + PACKED[14:]),
    ],
)
def test_a_file_that_is_cut_or_damaged_is_refused_by_name(tmp_path: Path, name: str, stored: bytes) -> None:
    (tmp_path / name).write_bytes(stored)
    with pytest.raises(DataError, match=rf"{name}.*(cannot be unpacked|must have the sha256)"):
        read(content(), (), tmp_path)


def test_a_content_with_one_byte_changed_is_refused(tmp_path: Path) -> None:
    changed = PLAIN[:-1] + b"\x07"
    (tmp_path / "pixels.gz").write_bytes(gzip.compress(changed))
    with pytest.raises(DataError, match=rf"must have the sha256 {sha256(PLAIN)}, got {sha256(changed)}"):
        read(content(), (), tmp_path)


def test_a_missing_file_is_named_and_nothing_is_downloaded_for_a_named_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"pixels is missing in .* as pixels.gz"):
        read(content(("http://127.0.0.1:1/pixels.gz",)), ("set",), tmp_path)


def test_the_variable_names_a_folder_and_the_argument_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLBREG_DATA", raising=False)
    assert chosen_folder(None) is None
    (tmp_path / "a").mkdir()
    monkeypatch.setenv("MLBREG_DATA", str(tmp_path / "a"))
    assert chosen_folder(None) == tmp_path / "a"
    assert chosen_folder(tmp_path) == tmp_path
    with pytest.raises(DataError, match="--data-dir must be a folder"):
        chosen_folder(tmp_path / "none")
    monkeypatch.setenv("MLBREG_DATA", str(tmp_path / "none"))
    with pytest.raises(DataError, match="MLBREG_DATA must be a folder"):
        chosen_folder(None)


def test_an_archive_is_downloaded_once_and_kept(
    tmp_path: Path, host: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pooch = pytest.importorskip("pooch")
    monkeypatch.setattr(pooch, "os_cache", lambda _: tmp_path / "cache")
    folder, address = host
    (folder / "pixels.gz").write_bytes(PACKED)
    urls = (address + "nowhere.gz", address + "pixels.gz")
    assert read(content(urls), (), None) == PLAIN
    (folder / "pixels.gz").unlink()
    assert read(content(urls), (), None) == PLAIN


def test_a_download_with_another_digest_is_refused_and_not_kept(
    tmp_path: Path, host: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pooch = pytest.importorskip("pooch")
    monkeypatch.setattr(pooch, "os_cache", lambda _: tmp_path / "cache")
    folder, address = host
    (folder / "pixels.gz").write_bytes(PACKED + b"more")
    with pytest.raises(DataError, match=r"pixels.gz could not be downloaded; put it into a folder .* MLBREG_DATA"):
        read(content((address + "pixels.gz",)), (), None)
    assert not list((tmp_path / "cache").rglob("pixels.gz"))


def test_idx_files_are_arrays_of_their_shape() -> None:
    np.testing.assert_array_equal(read_idx(PLAIN, "x"), [[0, 1, 2], [3, 4, 5]])


@pytest.mark.parametrize("bad", [b"", b"\0\0\x0d\x01", PLAIN[:-1], PLAIN + b"\0", b"PK" + PLAIN[2:]])
def test_what_is_no_idx_file_is_refused(bad: bytes) -> None:
    with pytest.raises(DataError, match="x must"):
        read_idx(bad, "x")


def cifar_batch(n: int, labels: int) -> bytes:
    images = np.arange(n * 3072, dtype=np.uint8).reshape(n, 3072)
    # NumPy 2 writes another module than the file that is published.
    return pickle.dumps({"data": images, "labels": [1] * labels}, protocol=3).replace(
        b"numpy._core.multiarray", b"numpy.core.multiarray"
    )


def test_cifar_batches_are_planes_of_red_green_and_blue() -> None:
    images, labels = read_cifar(cifar_batch(2, 2), "x")
    assert images.shape == (2, 3, 32, 32)
    assert images[0, 1, 0, 0] == 1024 % 256
    assert images[1, 2, 31, 31] == (2 * 3072 - 1) % 256
    np.testing.assert_array_equal(labels, [1, 1])


class _Malice:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("executed",))


@pytest.mark.parametrize(
    "bad", [b"", cifar_batch(2, 2)[:-40], cifar_batch(2, 3), pickle.dumps({"data": []}), pickle.dumps(_Malice())]
)
def test_a_batch_that_is_cut_or_wants_to_run_something_is_refused(
    bad: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(DataError, match="x must"):
        read_cifar(bad, "x")
    assert "executed" not in capsys.readouterr().out


def test_digits_need_no_file_and_training_and_test_do_not_meet(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sklearn")
    monkeypatch.setenv("MLBREG_DATA", "nowhere")
    inputs, labels = load("digits", "training")
    tested, test_labels = load("digits", "test")
    assert inputs.shape == (1437, 1, 8, 8)
    assert tested.shape == (360, 1, 8, 8)
    assert np.bincount(np.concatenate([labels, test_labels])).tolist() == [
        178,
        182,
        177,
        183,
        181,
        182,
        181,
        179,
        174,
        180,
    ]
    # Nobody's handwriting is there twice, so no image is in both.
    assert not {row.tobytes() for row in inputs} & {row.tobytes() for row in tested}


def test_every_content_has_a_digest_and_every_archive_an_address() -> None:
    found = 0
    for one in DATA_SETS.values():
        for reader in (one.training, one.test):
            for own in (
                getattr(reader, "args", ((),))[0] if isinstance(reader, partial) and one.name != "digits" else ()
            ):
                assert len(own.sha256) == len(own.archive.sha256) == 64
                assert own.archive.urls
                found += 1
    assert found == 4 + 4 + 6


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ValueError, match="data must be one of digits, mnist"):
        data_set("imagenet")
    with pytest.raises(ValueError, match="split must be"):
        load("digits", "validation")
