"""MNIST from its four IDX files, plain or gzipped, downloaded if they are not there.

As in the tutorial that this search comes from, the 10,000 images of the test set are the validation set.
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
    """Data that cannot be had or cannot be read. Hydra prints the message alone; it says what to do about it."""


def load(folder: Path, url: str, checksums: dict[str, str]) -> Arrays:
    """Training images and labels, validation images and labels; ``checksums`` has one for each of FILES."""
    paths = [_find(folder, name) or _download(folder, name, url, checksums) for name in FILES]
    arrays = [read_idx(path) for path in paths]
    for images, labels, path in zip(arrays[::2], arrays[1::2], paths[::2], strict=True):
        if images.shape != (len(labels), 28, 28) or labels.ndim != 1:
            raise DataError(
                f"{path} holds images of shape {images.shape}, its labels are of shape {labels.shape}; "
                "MNIST has images of 28 x 28 and one label each."
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
        raise _broken(path, f"it begins with {data[:4].hex(' ') or 'nothing'}, not with 00 00 08")
    header = 4 + 4 * data[3]
    if len(data) < header:
        raise _broken(path, "its header is cut off")
    shape = tuple(int(size) for size in np.frombuffer(data, ">u4", count=data[3], offset=4))
    if len(data) != header + math.prod(shape):
        raise _broken(path, f"its header announces {math.prod(shape)} values, it holds {len(data) - header}")
    return np.frombuffer(bytearray(data), np.uint8, offset=header).reshape(shape)


def _broken(path: Path, what: str) -> DataError:
    return DataError(f"{path} is not a whole IDX file: {what}. Delete it, and it is downloaded again.")


def _find(folder: Path, name: str) -> Path | None:
    """The file in the folder, gzipped or not. Files that somebody put there are taken as they are."""
    candidates = (folder / name, folder / name.removesuffix(".gz"))
    return next((path for path in candidates if path.exists()), None)


def _download(folder: Path, name: str, url: str, checksums: dict[str, str]) -> Path:
    """Pooch writes aside, checks and renames: several trials may do this at once, each for itself."""
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
