"""The embedded data set: the same for everybody, made once, whole under concurrent starts."""

import multiprocessing
from pathlib import Path

import numpy as np
import pytest
import torch

from nas import data, digits

pytestmark = pytest.mark.hydra_free


@pytest.fixture(scope="module")
def made() -> digits.Arrays:
    return digits.make(300, 100)


def test_images_are_bytes_of_28_by_28_with_a_label_from_0_to_9(made: digits.Arrays) -> None:
    images, labels, val_images, val_labels = made
    assert images.shape == (300, 28, 28)
    assert val_images.shape == (100, 28, 28)
    assert images.dtype == val_images.dtype == np.uint8
    assert set(labels) == set(val_labels) == set(range(10))


def test_two_makings_are_equal(made: digits.Arrays) -> None:
    for first, second in zip(made, digits.make(300, 100), strict=True):
        np.testing.assert_array_equal(first, second)


def test_draws_of_one_original_are_bent_differently(made: digits.Arrays) -> None:
    images = digits.make(3000, 1)[0]
    assert len(np.unique(images.reshape(3000, -1), axis=0)) == 3000


def test_the_second_load_reads_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = digits.load(tmp_path, 20, 10)
    monkeypatch.delattr(digits, "make")
    for once, again in zip(first, digits.load(tmp_path, 20, 10), strict=True):
        np.testing.assert_array_equal(once, again)


def test_other_sizes_are_another_cache_file(tmp_path: Path) -> None:
    digits.load(tmp_path, 20, 10)
    assert len(digits.load(tmp_path, 21, 10)[1]) == 21
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"no archive"])
def test_a_broken_cache_file_is_made_anew(tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture) -> None:
    digits.load(tmp_path, 20, 10)
    (path,) = tmp_path.iterdir()
    path.write_bytes(content)
    assert len(digits.load(tmp_path, 20, 10)[1]) == 20
    assert "the file is made again" in caplog.text
    assert path.stat().st_size > 20 * 784


def test_a_folder_that_cannot_be_written_costs_the_cache_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    assert len(digits.load(tmp_path / "file" / "below", 20, 10)[1]) == 20
    assert "set data.dir" in caplog.text


def test_four_trials_that_start_at_once_all_get_the_same_images(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        loaded = pool.starmap(digits.load, [(tmp_path, 50, 20)] * 4)
    assert all(np.array_equal(arrays[0], loaded[0][0]) for arrays in loaded)
    assert [path.suffix for path in tmp_path.iterdir()] == [".npz"]


def test_batches_cover_every_image_once_shuffled_by_torch_s_seed() -> None:
    images, labels = torch.zeros(10, 28, 28, dtype=torch.uint8), torch.arange(10)
    batches = data.Batches(images, labels, batch_size=4, shuffle=True)
    torch.manual_seed(0)
    epochs = [torch.cat([labels for _, labels in batches]) for _ in range(2)]
    assert len(batches) == 3
    assert all(torch.equal(epoch.sort().values, labels) for epoch in epochs)
    assert not torch.equal(*epochs)


def test_batches_hold_pixels_from_0_to_1() -> None:
    images = torch.tensor([0, 51, 255], dtype=torch.uint8).reshape(3, 1, 1)
    ((batch, _),) = data.Batches(images, torch.zeros(3), batch_size=8, shuffle=False)
    assert batch.flatten().tolist() == pytest.approx([0, 0.2, 1])
