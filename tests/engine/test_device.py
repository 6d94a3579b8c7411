from __future__ import annotations

import pytest

from yolo_tl.engine.device import find_device
from yolo_tl.errors import ConfigError


def test_several_devices_are_for_training_only():
    assert find_device("cpu").count == 1
    found = find_device("cpu,cpu", several=True)
    assert (found.id, found.count) == ("cpu", 2)
    with pytest.raises(ConfigError, match="expected one device, found 'cpu,cpu'"):
        find_device("cpu,cpu")


@pytest.mark.parametrize("request_", ["cpu,0", "gpu", "cuda:x"])
def test_what_is_no_device_is_refused(request_):
    with pytest.raises(ConfigError, match="device: expected auto"):
        find_device(request_, several=True)
