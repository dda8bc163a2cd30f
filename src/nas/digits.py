"""Makes a data set of 28x28 images from scikit-learn's digits, without a download.

The 1,797 images of 8x8 pixels are split once, 1,297 for training and 500 for validation. Images are drawn from each
split with repetition, and every drawn image is enlarged and slightly distorted in its own way. The result is thousands
of different images, and no validation image comes from an original of the training set.
"""

import io
import logging
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ax_moo.system.disk import replace_file

Array = NDArray[Any]
Arrays = tuple[Array, Array, Array, Array]
"""Training images (uint8, n x 28 x 28), training labels (int64), validation images, validation labels."""

VERSION = 1
"""The version of the recipe, which is part of the cache file's name, so that old images are not used again."""

NUM_ORIGINAL_TRAIN = 1297
SIDE, INNER = 28, 20
ROTATION, SCALE, SHEAR, SHIFT, NOISE = np.deg2rad(7), 0.07, 0.1, 0.7, 0.06
NAMES = ("train_images", "train_labels", "val_images", "val_labels")

log = logging.getLogger(__name__)


def load(folder: Path, num_train: int, num_val: int) -> Arrays:
    """Load the data set from its cache file in ``folder``, or make it and cache it there."""
    path = folder / f"digits-v{VERSION}-{num_train}-{num_val}.npz"
    try:
        return _read(path)
    except FileNotFoundError:
        pass
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        log.warning("%s cannot be read (%s); the file is made again.", path, error)
    arrays = make(num_train, num_val)
    try:
        _write(path, arrays)
    except OSError as error:
        log.warning("The images could not be cached, so every training makes them again (set data.dir): %s", error)
    return arrays


def make(num_train: int, num_val: int) -> Arrays:
    from scipy.ndimage import zoom
    from sklearn.datasets import load_digits

    random = np.random.default_rng(0)
    images, labels = load_digits(return_X_y=True)
    enlarged = zoom(images.reshape(-1, 8, 8) / 16, (1, INNER / 8, INNER / 8), order=1)
    margin = (SIDE - INNER) // 2
    padded = np.pad(enlarged, ((0, 0), (margin, margin), (margin, margin)))
    order = random.permutation(len(labels))
    train = random.choice(order[:NUM_ORIGINAL_TRAIN], num_train)
    val = random.choice(order[NUM_ORIGINAL_TRAIN:], num_val)
    labels = labels.astype(np.int64)
    return _bend(padded[train], random), labels[train], _bend(padded[val], random), labels[val]


def _bend(images: Array, random: np.random.Generator) -> Array:
    """The images as bytes, each one rotated, scaled, sheared and shifted by random amounts, with noise."""
    from scipy.ndimage import affine_transform

    bent = np.empty_like(images)
    center = np.full(2, (SIDE - 1) / 2)
    for index, image in enumerate(images):
        matrix = _affine(random)
        offset = center - matrix @ (center + random.uniform(-SHIFT, SHIFT, 2))
        affine_transform(image, matrix, offset, output=bent[index], order=1)
    bent += random.normal(0, NOISE, bent.shape)
    return np.asarray(np.rint(bent.clip(0, 1) * 255), dtype=np.uint8)


def _affine(random: np.random.Generator) -> Array:
    angle = random.uniform(-ROTATION, ROTATION)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shear = np.array([[1, random.uniform(-SHEAR, SHEAR)], [0, 1]])
    stretch = np.diag(random.uniform(1 - SCALE, 1 + SCALE, 2))
    return np.asarray(turn @ shear @ stretch)


def _read(path: Path) -> Arrays:
    with open(path, "rb") as raw, np.load(raw) as file:
        train_images, train_labels, val_images, val_labels = (file[name] for name in NAMES)
    return train_images, train_labels, val_images, val_labels


def _write(path: Path, arrays: Arrays) -> None:
    """Write the cache file in one step: several trials may write it at once, and none may read half a file."""
    images, labels, val_images, val_labels = arrays
    file = io.BytesIO()
    np.savez(file, train_images=images, train_labels=labels, val_images=val_images, val_labels=val_labels)
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, file.getvalue())
