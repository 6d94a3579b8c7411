from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat

import numpy as np
import pytest

from yolo_tl.edge.buffers import Buffers
from yolo_tl.edge.letterbox import letterbox, to_tensor
from yolo_tl.edge.network import NetworkInfo
from yolo_tl.edge.preprocess import Preprocess

INFO = NetworkInfo("detect", ("a",), "raw", (64, 96))
RNG = np.random.default_rng(0)
IMAGES = [RNG.integers(0, 256, (height, width, 3), dtype=np.uint8) for height, width in ((50, 70), (200, 40), (64, 96))]


def test_memory_is_used_again_when_nobody_holds_it() -> None:
    buffers = Buffers()
    first, tensor = buffers.take((1, 3, 8, 8))
    again, _ = buffers.take((1, 3, 8, 8))
    assert again is not first
    del tensor
    assert buffers.take((1, 3, 8, 8))[0] is first


@pytest.mark.parametrize("view", [lambda t: t[0], lambda t: t[:, 1:][0, 0], lambda t: t.reshape(-1)[3:].T])
def test_a_view_of_a_view_holds_it(view) -> None:
    buffers = Buffers()
    block, tensor = buffers.take((1, 3, 8, 8))
    held = view(tensor)
    del tensor
    assert buffers.take((1, 3, 8, 8))[0] is not block
    del held
    assert buffers.take((1, 3, 8, 8))[0] is block


def test_what_is_kept_is_bounded() -> None:
    buffers = Buffers()
    held = [buffers.take((1, 3, 8, 8))[1] for _ in range(9)]
    assert len({tensor.ctypes.data for tensor in held}) == 9
    assert len(buffers._blocks) == 4
    buffers.take((8, 3, 2048, 1024))  # 192 MB, never touched
    assert all(block.shape == (1, 3, 8, 8) for block in buffers._blocks)


def test_a_tensor_stays_as_it_is_as_long_as_it_is_held() -> None:
    """Also one of the same shape, whose padding is left as it was."""
    preprocess, expected = Preprocess(), [to_tensor([letterbox(image, (64, 96))]) for image in IMAGES]
    for turn in range(3):
        held = [preprocess([image], INFO)[0] for image in IMAGES]
        for tensor, wanted in zip(held, expected, strict=True):
            np.testing.assert_array_equal(tensor, wanted, err_msg=str(turn))
        both, _ = preprocess([IMAGES[1], IMAGES[0]], INFO)
        np.testing.assert_array_equal(both, np.concatenate([expected[1], expected[0]]))
        with pytest.raises(ValueError, match="read-only"):
            both[0, 0, 0, 0] = 1


def test_any_number_of_threads_prepare_images_at_once() -> None:
    preprocess, expected = Preprocess(), [to_tensor([letterbox(image, (64, 96))]) for image in IMAGES]

    def prepare(turn: int) -> None:
        chosen = [(turn + i) % len(IMAGES) for i in range(3)]
        held = [preprocess([IMAGES[i]], INFO)[0] for i in chosen]
        for tensor, i in zip(held, chosen, strict=True):
            np.testing.assert_array_equal(tensor, expected[i])

    with ThreadPoolExecutor(8) as pool:
        for _ in pool.map(prepare, range(400)):
            pass


def test_other_preprocessing_has_other_padding() -> None:
    dark, levels = Preprocess(padding=0), Preprocess(scale="1", colour="BGR")
    for _ in repeat(None, 2):
        assert dark([IMAGES[0]], INFO)[0][0, :, 0, 0].tolist() == [0, 0, 0]
        tensor, _ = levels([IMAGES[0]], INFO)
        assert tensor[0, :, 0, 0].tolist() == [114, 114, 114]
        wanted = to_tensor([letterbox(IMAGES[0], (64, 96))], rgb=False, scaled=False)
        np.testing.assert_array_equal(tensor, wanted)


def test_what_is_done_to_images_can_be_sent_to_another_process() -> None:
    preprocess = Preprocess(padding=7)
    assert pickle.loads(pickle.dumps(preprocess)) == preprocess
