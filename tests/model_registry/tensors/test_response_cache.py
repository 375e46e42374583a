"""A cache of responses: what is kept, for which requests, and at whose cost."""

import numpy as np

from handler.tensors.requests import TensorRequest, TensorResponse
from handler.tensors.statistics import Statistics
from handler.tensors.tensor import Tensor
from model_registry.tensors.response_cache import ENTRY_BYTES, Answered, ResponseCache, VersionCache, key_of
from tests.support.tensor_models import INT32


def tensor(*values: int, name: str = "X") -> Tensor:
    return Tensor.of_array(name, INT32, np.array(values, np.int32))


def test_equal_tensors_have_one_key_and_all_others_another() -> None:
    request = TensorRequest([tensor(1, 2), tensor(3, name="Y")], ["A", "B"], id="one")
    same = TensorRequest([tensor(3, name="Y"), tensor(1, 2)], ["B", "A"], id="other")
    assert key_of("m", request) == key_of("m", same)
    others = (TensorRequest([tensor(1, 2)], ["A"]), TensorRequest([tensor(1, 3), tensor(3, name="Y")], ["A", "B"]))
    assert len({key_of("m", each) for each in (request, *others)} | {key_of("n", request)}) == 4


def test_the_response_that_was_used_longest_ago_is_evicted() -> None:
    cache = ResponseCache(2 * (ENTRY_BYTES + 4))
    keys = [("m", bytes([number])) for number in range(3)]
    for key in keys[:2]:
        cache.put(key, TensorResponse([tensor(1)]))
    assert cache.get(keys[0]) is not None
    cache.put(keys[2], TensorResponse([tensor(1)]))
    assert [cache.get(key) is not None for key in keys] == [True, False, True]
    assert (len(cache), cache.hits, cache.misses, cache.evictions) == (2, 3, 1, 1)


def test_a_response_larger_than_the_cache_is_not_kept() -> None:
    cache = ResponseCache(ENTRY_BYTES)
    cache.put(("m", b""), TensorResponse([tensor(1)]))
    assert repr(cache) == "<ResponseCache 0 entries, 0 bytes>"


def test_versions_share_a_cache_and_not_their_responses() -> None:
    cache, request, received = ResponseCache(1 << 20), TensorRequest([tensor(1)]), list[TensorResponse]()
    one, other = VersionCache(cache, Statistics()), VersionCache(cache, Statistics())
    response = TensorResponse([tensor(2)])
    assert one.find(request) is None
    one.keeping(request, lambda kept, is_final: received.append(kept))(response, True)
    assert received == [response]
    assert one.find(request) is response
    assert other.find(request) is None
    Answered().cancel()
