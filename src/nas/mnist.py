"""Loads MNIST from its four IDX files, plain or gzipped, which are downloaded if they do not exist.

The validation set is the test set of 10,000 images, as in the tutorial of Ax that the search follows.
"""

import gzip
import math
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from hydra.errors import CompactHydraException
from numpy.typing import NDArray

Array = NDArray[Any]
Arrays = tuple[Array, Array, Array, Array]

FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
UNSIGNED_BYTE = 0x08


class DataError(CompactHydraException):
    """The data cannot be downloaded or read. Hydra prints only the message, which says what to do."""


def load(folder: Path, url: str, checksums: dict[str, str]) -> Arrays:
    """Training images and labels, then validation images and labels; ``checksums`` has an entry per name in FILES."""
    paths = [_find(folder, name) or _download(folder, name, url, checksums) for name in FILES]
    arrays = [read_idx(path) for path in paths]
    for images, labels, path in zip(arrays[::2], arrays[1::2], paths[::2], strict=True):
        if images.shape != (len(labels), 28, 28) or labels.ndim != 1:
            raise DataError(
                f"{path} must hold images of 28 x 28 with one label each, got images of shape {images.shape} and "
                f"labels of shape {labels.shape}."
            )
    train_images, train_labels, val_images, val_labels = arrays
    return train_images, train_labels.astype(np.int64), val_images, val_labels.astype(np.int64)


def read_idx(path: Path) -> Array:
    """The array in an IDX file of unsigned bytes: two zero bytes, type, rank, the sizes, the values."""
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise _broken(path, f"it cannot be unpacked ({error})") from None
    if len(data) < 4 or data[:3] != bytes([0, 0, UNSIGNED_BYTE]):
        raise _broken(path, f"it must begin with 00 00 08, got {data[:4].hex(' ') or 'an empty file'}")
    header = 4 + 4 * data[3]
    if len(data) < header:
        raise _broken(path, "its header is cut off")
    shape = tuple(int(size) for size in np.frombuffer(data, ">u4", count=data[3], offset=4))
    if len(data) != header + math.prod(shape):
        raise _broken(path, f"its header says {math.prod(shape)} values, but it holds {len(data) - header}")
    return np.frombuffer(bytearray(data), np.uint8, offset=header).reshape(shape)


def _broken(path: Path, reason: str) -> DataError:
    return DataError(f"{path} is not a whole IDX file: {reason}. Delete the file, and it is downloaded again.")


def _find(folder: Path, name: str) -> Path | None:
    """The file in the folder, gzipped or not. A file that the user put there is not compared with the checksum."""
    candidates = (folder / name, folder / name.removesuffix(".gz"))
    return next((path for path in candidates if path.exists()), None)


def _download(folder: Path, name: str, url: str, checksums: dict[str, str]) -> Path:
    """Download the file. Several trials may do so at once, because pooch renames a checked temporary file."""
    import pooch
    import requests

    source = f"{url.rstrip('/')}/{name}"
    downloader = pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), timeout=60)
    try:
        return Path(pooch.retrieve(source, checksums[name], name, folder, downloader=downloader))
    except KeyError:
        raise DataError(f"data.checksums has no entry for {name}.") from None
    except (requests.RequestException, ValueError, OSError) as error:
        raise DataError(
            f"MNIST could not be downloaded from {source}: {error}\n"
            f"Set data.url to a mirror that works, or put {', '.join(FILES)} into {folder} (data.dir)."
        ) from None
