"""MNIST's four files are found, downloaded, checked and read; what is wrong with them is said."""

import gzip
import hashlib
import multiprocessing
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from nas import mnist

pytestmark = pytest.mark.hydra_free

COUNTS = {"train": 12, "t10k": 5}


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    """A folder with four small IDX files, which `url` serves."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    random = np.random.default_rng(0)
    for name in mnist.FILES:
        count = COUNTS[name.split("-")[0]]
        shape = (count, 28, 28) if "images" in name else (count,)
        values = random.integers(0, 10, shape, dtype=np.uint8)
        (folder / name).write_bytes(gzip.compress(idx(values)))
    return folder


@pytest.fixture
def url(mirror: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(mirror)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def checksums(mirror: Path) -> dict[str, str]:
    return {name: "sha256:" + hashlib.sha256((mirror / name).read_bytes()).hexdigest() for name in mnist.FILES}


def test_the_files_are_downloaded_once(tmp_path: Path, mirror: Path, url: str, checksums: dict[str, str]) -> None:
    images, labels, val_images, val_labels = mnist.load(tmp_path / "data", url, checksums)
    assert (images.shape, labels.shape) == ((12, 28, 28), (12,))
    assert (val_images.shape, val_labels.shape) == ((5, 28, 28), (5,))
    shutil.rmtree(mirror)
    np.testing.assert_array_equal(mnist.load(tmp_path / "data", url, checksums)[0], images)


def test_plain_files_in_the_folder_are_read_without_a_download(tmp_path: Path, mirror: Path) -> None:
    for name in mnist.FILES:
        plain = gzip.decompress((mirror / name).read_bytes())
        (tmp_path / name.removesuffix(".gz")).write_bytes(plain)
    assert len(mnist.load(tmp_path, "http://127.0.0.1:9", {})[1]) == 12


def test_a_download_with_another_checksum_is_refused(
    tmp_path: Path, mirror: Path, url: str, checksums: dict[str, str]
) -> None:
    (mirror / mnist.FILES[1]).write_bytes(b"something else")
    with pytest.raises(mnist.DataError, match=r"(?s)train-labels-idx1-ubyte.gz: .*hash.*Set data.url"):
        mnist.load(tmp_path / "data", url, checksums)
    assert not (tmp_path / "data" / mnist.FILES[1]).exists()


def test_a_server_without_the_file_is_named_with_the_remedy(
    tmp_path: Path, mirror: Path, url: str, checksums: dict[str, str]
) -> None:
    (mirror / mnist.FILES[0]).unlink()
    with pytest.raises(mnist.DataError, match=r"(?s)train-images.* 404 .*put train-images.*\(data.dir\)"):
        mnist.load(tmp_path / "data", url, checksums)


def test_a_server_that_is_not_there_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(mnist.DataError, match=r"(?s)127.0.0.1:9/train-images.*Set data.url"):
        mnist.load(tmp_path, "http://127.0.0.1:9", dict.fromkeys(mnist.FILES, "sha256:0"))


def test_a_file_without_a_checksum_is_not_downloaded(tmp_path: Path, url: str) -> None:
    with pytest.raises(mnist.DataError, match=r"data\.checksums has no entry for train-images"):
        mnist.load(tmp_path, url, {})


def test_trials_that_download_at_once_all_get_the_whole_set(
    tmp_path: Path, url: str, checksums: dict[str, str]
) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        loaded = pool.starmap(mnist.load, [(tmp_path / "data", url, checksums)] * 3)
    assert [len(arrays[1]) for arrays in loaded] == [12, 12, 12]
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == sorted(mnist.FILES)


def idx(values: np.ndarray) -> bytes:  # type: ignore[type-arg]
    header = bytes([0, 0, 8, values.ndim]) + np.array(values.shape, ">u4").tobytes()
    return header + values.tobytes()


WHOLE = idx(np.arange(6, dtype=np.uint8).reshape(2, 3))


def test_an_idx_file_is_an_array_of_its_shape(tmp_path: Path) -> None:
    path = tmp_path / "x-idx2-ubyte"
    path.write_bytes(WHOLE)
    np.testing.assert_array_equal(mnist.read_idx(path), [[0, 1, 2], [3, 4, 5]])


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("cut", WHOLE[:-1], "says 6 values, but it holds 5"),
        ("longer", WHOLE + b"\0", "says 6 values, but it holds 7"),
        ("header", WHOLE[:7], "header is cut off"),
        ("empty", b"", "must begin with 00 00 08, got an empty file"),
        ("html", b"<html>not found", "must begin with 00 00 08, got 3c 68 74 6d"),
        ("floats", b"\0\0\x0d" + WHOLE[3:], "must begin with 00 00 08, got 00 00 0d"),
        ("cut.gz", gzip.compress(WHOLE, mtime=0)[:-9], "cannot be unpacked"),
        ("plain.gz", WHOLE, "cannot be unpacked"),
    ],
)
def test_a_file_that_is_not_whole_is_named_with_the_reason_and_the_remedy(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(mnist.DataError, match=f"{name} is not a whole IDX file: .*{reason}.*Delete the file"):
        mnist.read_idx(tmp_path / name)


def test_labels_that_do_not_belong_to_the_images_are_refused(tmp_path: Path, mirror: Path) -> None:
    (mirror / mnist.FILES[1]).write_bytes(gzip.compress(idx(np.zeros(11, np.uint8))))
    with pytest.raises(mnist.DataError, match=r"got images of shape \(12, 28, 28\) and labels of shape \(11,\)"):
        mnist.load(mirror, "http://127.0.0.1:9", {})
