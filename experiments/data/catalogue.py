"""The data sets by name: their files, sizes and normalisation.

data set          | inputs        | classes | test  | mean                   | standard deviation     | augmentation
------------------|---------------|---------|-------|------------------------|------------------------|------------------
``digits``        | 1 × 8 × 8     | 10      | 360   | 0                      | 1                      | none
``mnist``         | 1 × 28 × 28   | 10      | 10000 | .1307                  | .3081                  | none
``fashion-mnist`` | 1 × 28 × 28   | 10      | 10000 | .5                     | .5                     | none
``cifar-10``      | 3 × 32 × 32   | 10      | 10000 | .4914, .4822, .4465    | .2023, .1994, .2010    | crop, 4 px; flip
``tiny-imagenet`` | 3 × 64 × 64   | 200     | 10000 | .4802, .4481, .3975    | .2302, .2265, .2262    | crop, 8 px; flip

Inputs are divided by their largest value (255, digits 16) before mean and standard deviation. The constants are those of the
published notebooks of bungert2021. For CIFAR-10 they are not the deviations of the pixels (.2470, .2435, .2616) but means
over images of each image's own deviation; they are in common use. Those of TinyImageNet are in common use and were not recomputed.

digits is scikit-learn's, and needs no download. It has no test set: 360 of the 1797 are put aside, by a permutation with a
fixed seed.
The labels of TinyImageNet's test set are not public: its validation set is the test set here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import final

import numpy as np
from numpy.typing import NDArray

from . import tiny_imagenet
from .files import Archive, Content, DataError, chosen_folder, read
from .formats import read_cifar, read_idx

Arrays = tuple[NDArray[np.uint8], NDArray[np.int64]]
"""Inputs (n, channels, height, width), and labels (n,)."""

_DIGITS_TEST, _DIGITS_SEED = 360, 42


@final
@dataclass(frozen=True)
class DataSet:
    """A data set; ``training`` and ``test`` read it, from the user's folder or, where there is none, from the cache."""

    name: str
    shape: tuple[int, int, int]
    classes: int
    largest: float
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    padding: int
    """Of the random crop, in pixels; 0: no augmentation, no flip either."""
    training: Callable[[Path | None], Arrays]
    test: Callable[[Path | None], Arrays]
    check: Callable[[Path | None], None]
    """Raises a `DataError` where a file of the test set is missing or wrong, without decoding it."""


def data_set(name: str) -> DataSet:
    """The data set of that name, or a `ValueError`."""
    if name not in DATA_SETS:
        raise ValueError(f"data must be one of {', '.join(DATA_SETS)}, got {name!r}")
    return DATA_SETS[name]


def load(name: str, split: str, data_dir: Path | None = None) -> Arrays:
    """The ``training`` or the ``test`` examples. Raises a `DataError`."""
    found = data_set(name)
    if split not in ("training", "test"):
        raise ValueError(f"split must be 'training' or 'test', got {split!r}")
    folder = None if name == "digits" else chosen_folder(data_dir)
    inputs, labels = (found.training if split == "training" else found.test)(folder)
    if inputs.shape[1:] != found.shape or len(inputs) != len(labels) or not len(labels):
        raise DataError(
            f"{name} must have inputs of shape {found.shape}, a label each, got {inputs.shape[1:]}, {len(inputs)} and {len(labels)}"
        )
    if int(labels.max()) >= found.classes:
        raise DataError(f"{name} must have labels below {found.classes}, got {int(labels.max())}")
    return inputs, labels


def _idx(contents: tuple[Content, Content], below: tuple[str, ...], folder: Path | None) -> Arrays:
    images, labels = (read_idx(read(content, below, folder), content.name) for content in contents)
    return images[:, None], labels.astype(np.int64)


def _batches(contents: tuple[Content, ...], below: tuple[str, ...], folder: Path | None) -> Arrays:
    parts = [read_cifar(read(content, below, folder), content.name) for content in contents]
    return np.concatenate([images for images, _ in parts]), np.concatenate([labels for _, labels in parts]).astype(
        np.int64
    )


def _check(contents: tuple[Content, ...], below: tuple[str, ...], folder: Path | None) -> None:
    for content in contents:
        read(content, below, folder)


def _of_idx(
    name: str,
    below: tuple[str, ...],
    hosts: tuple[str, ...],
    digests: dict[str, tuple[str, str]],
    mean: float,
    deviation: float,
) -> DataSet:
    """``digests``: for each content its sha256 and that of its .gz."""
    contents = [
        Content(own, plain, Archive(f"{own}.gz", packed, tuple(f"{host}{own}.gz" for host in hosts)))
        for own, (plain, packed) in digests.items()
    ]
    training, test = (contents[0], contents[1]), (contents[2], contents[3])
    return DataSet(
        name, (1, 28, 28), 10, 255.0, (mean,), (deviation,), 0,
        partial(_idx, training, below), partial(_idx, test, below), partial(_check, test, below),
    )  # fmt: skip


def _of_cifar() -> DataSet:
    below = ("cifar-10", "cifar-10-batches-py")
    archive = Archive(
        "cifar-10-python.tar.gz",
        "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
        ("https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",),
    )
    digests = {
        "data_batch_1": "54636561a3ce25bd3e19253c6b0d8538147b0ae398331ac4a2d86c6d987368cd",
        "data_batch_2": "766b2cef9fbc745cf056b3152224f7cf77163b330ea9a15f9392beb8b89bc5a8",
        "data_batch_3": "0f00d98ebfb30b3ec0ad19f9756dc2630b89003e10525f5e148445e82aa6a1f9",
        "data_batch_4": "3f7bb240661948b8f4d53e36ec720d8306f5668bd0071dcb4e6c947f78e9682b",
        "data_batch_5": "d91802434d8376bbaeeadf58a737e3a1b12ac839077e931237e0dcd43adcb154",
        "test_batch": "f53d8d457504f7cff4ea9e021afcf0e0ad8e24a91f3fc42091b8adef61157831",
    }
    contents = tuple(Content(own, plain, archive, f"cifar-10-batches-py/{own}") for own, plain in digests.items())
    training, test = contents[:5], contents[5:]
    return DataSet(
        "cifar-10", (3, 32, 32), 10, 255.0, (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010), 4,
        partial(_batches, training, below), partial(_batches, test, below), partial(_check, test, below),
    )  # fmt: skip


def _digits(test: bool, _: Path | None) -> Arrays:
    from sklearn.datasets import load_digits  # of the extra torch

    found = load_digits()
    inputs, labels = found.images.astype(np.uint8)[:, None], found.target.astype(np.int64)
    order = np.random.RandomState(_DIGITS_SEED).permutation(len(labels))  # its stream is frozen, unlike default_rng's
    chosen = order[:_DIGITS_TEST] if test else order[_DIGITS_TEST:]
    return inputs[chosen], labels[chosen]


_MNIST = {
    "train-images-idx3-ubyte": (
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    ),
    "train-labels-idx1-ubyte": (
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    ),
    "t10k-images-idx3-ubyte": (
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    ),
    "t10k-labels-idx1-ubyte": (
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
}
_FASHION = {
    "train-images-idx3-ubyte": (
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    ),
    "train-labels-idx1-ubyte": (
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    ),
    "t10k-images-idx3-ubyte": (
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    ),
    "t10k-labels-idx1-ubyte": (
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    ),
}

DATA_SETS: dict[str, DataSet] = {
    one.name: one
    for one in (
        DataSet(
            "digits", (1, 8, 8), 10, 16.0, (0.0,), (1.0,), 0,
            partial(_digits, False), partial(_digits, True), lambda _: None,
        ),
        _of_idx(
            "mnist", ("mnist", "MNIST/raw"),
            # The first is the mirror that the PyTorch project keeps; the publisher's own host often refuses.
            ("https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/"),
            _MNIST, 0.1307, 0.3081,
        ),
        _of_idx(
            "fashion-mnist", ("fashion-mnist", "FashionMNIST/raw"),
            ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",), _FASHION, 0.5, 0.5,
        ),
        _of_cifar(),
        DataSet(
            "tiny-imagenet", (3, 64, 64), 200, 255.0, (0.4802, 0.4481, 0.3975), (0.2302, 0.2265, 0.2262), 8,
            tiny_imagenet.training, tiny_imagenet.validation, tiny_imagenet.check,
        ),
    )
}  # fmt: skip
