"""The precedence of the archive's YAML, the configuration and the registration."""

from dataclasses import replace
from typing import Any

import pytest

from model_registry.config import ModelConfig
from model_registry.errors import TooManyWorkers
from model_registry.registration import Registration
from model_registry.server_defaults import JSON_MAX_BATCH_DELAY_MS, ServerDefaults


def asks(**fields: Any) -> Registration:
    return Registration("m.mar", **fields)


NOTHING = asks()


def merged(yaml: object = None, request: Registration = NOTHING, setting: Any = None, **defaults: int) -> ModelConfig:
    """The configuration in force; what is left out says nothing."""
    return ModelConfig.merge(request, yaml, setting or {}, ServerDefaults(**defaults))


def test_with_nothing_said_the_defaults_are_in_force() -> None:
    assert merged() == ModelConfig()
    config = merged(batch_size=2, max_batch_delay=3, response_timeout=4, startup_timeout=5, workers=6, job_queue_size=7)
    assert config == ModelConfig(
        batch_size=2, max_batch_delay=3, response_timeout=4, startup_timeout=5,
        min_workers=6, max_workers=6, job_queue_size=7,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("request_", "yaml", "setting", "size", "delay"),
    [
        (
            asks(batch_size=7, max_batch_delay=9),
            {"batchSize": 3, "maxBatchDelay": 150},
            {"batchSize": 4, "maxBatchDelay": 5},
            7,
            9,
        ),
        (NOTHING, {"batchSize": 3, "maxBatchDelay": 150}, {"batchSize": 4, "maxBatchDelay": 5}, 3, 150),
        (NOTHING, {"minWorkers": 1}, {"batchSize": 4, "maxBatchDelay": 5}, 4, 5),
        (NOTHING, None, {"batchSize": "4", "maxBatchDelay": "5"}, 4, 5),
        (NOTHING, None, {"batchSize": 0, "maxBatchDelay": -1}, 1, 100),
        (NOTHING, None, {"batchSize": "many", "maxBatchDelay": None}, 1, 100),
        (asks(batch_size=-1, max_batch_delay=-100), {"batchSize": 3, "maxBatchDelay": 150}, {}, 3, 150),
        (asks(batch_size=-5, max_batch_delay=-7), {"batchSize": 3, "maxBatchDelay": 150}, {}, -5, -7),
        (asks(batch_size=0, max_batch_delay=0), None, {}, 0, 0),
        (NOTHING, {"batchSize": 0, "maxBatchDelay": 0}, {}, 1, 100),
    ],
)
def test_batch_size_and_delay_come_from_request_then_yaml_then_setting(
    request_: Registration, yaml: object, setting: dict[str, Any], size: int, delay: int
) -> None:
    config = merged(yaml, request_, setting)
    assert (config.batch_size, config.max_batch_delay) == (size, delay)


@pytest.mark.parametrize(
    ("delay", "yaml", "expected"),
    [
        (None, None, 20),
        (JSON_MAX_BATCH_DELAY_MS, None, 20),
        (JSON_MAX_BATCH_DELAY_MS, {"maxBatchDelay": 150}, 150),
        (7, {"maxBatchDelay": 150}, 7),
    ],
)
def test_a_configured_delay_is_that_of_models_and_registrations_that_name_none(
    delay: int | None, yaml: object, expected: int
) -> None:
    registration = replace(NOTHING, max_batch_delay=delay)
    assert merged(yaml, registration, max_batch_delay=20, batch_size=8).max_batch_delay == expected
    assert merged(yaml, registration, batch_size=8).batch_size == 8
    if delay is not None:
        assert merged(yaml, registration).max_batch_delay == delay


@pytest.mark.parametrize(
    ("request_", "yaml", "setting", "response", "startup"),
    [
        (
            asks(response_timeout=11, startup_timeout=13),
            {"responseTimeout": 7, "startupTimeout": 55}, {"responseTimeout": 70}, 7, 55,
        ),
        (asks(response_timeout=11, startup_timeout=13), {"batchSize": 2}, {"responseTimeout": 70}, 120, 120),
        (asks(response_timeout=11, startup_timeout=13), None, {"responseTimeout": 70}, 70, 13),
        (asks(response_timeout=-1, startup_timeout=-1), {}, {}, 60, 61),
        (asks(response_timeout=0, startup_timeout=-3), None, {}, 0, -3),
        (NOTHING, {"responseTimeout": 0, "startupTimeout": -1}, {}, 120, 120),
    ],
)  # fmt: skip
def test_timeouts_come_from_any_yaml_then_setting_then_request(
    request_: Registration, yaml: object, setting: dict[str, Any], response: int, startup: int
) -> None:
    """With a YAML file they are 120 where it says nothing, as in TorchServe."""
    config = merged(yaml, request_, setting, response_timeout=60, startup_timeout=61)
    assert (config.response_timeout, config.startup_timeout) == (response, startup)


def test_a_pair_of_workers_that_is_ignored_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    merged({"minWorkers": 3, "maxWorkers": 2}, asks(initial_workers=1), {}, workers=1)
    assert "minWorkers: 3 with maxWorkers: 2 counts for nothing" in caplog.text


@pytest.mark.parametrize(
    ("yaml", "asked", "workers"),
    [
        ({"minWorkers": 1, "maxWorkers": 2}, 0, (1, 2)),
        ({"minWorkers": 1, "maxWorkers": 2}, 5, (1, 2)),
        ({"minWorkers": 0, "maxWorkers": 2}, 5, (1, 2)),
        ({"maxWorkers": 2}, 5, (5, 5)),
        ({"minWorkers": 2}, 5, (5, 5)),
        ({"minWorkers": 3, "maxWorkers": 2}, 5, (5, 5)),
        ({"minWorkers": 1, "maxWorkers": -1}, 5, (5, 5)),
        (None, -2, (0, 0)),
        (None, None, (3, 3)),
    ],
)
def test_workers_of_a_registration_come_from_a_sound_pair_in_the_yaml_then_the_request(
    yaml: object, asked: int | None, workers: tuple[int, int]
) -> None:
    config = merged(yaml, asks(initial_workers=asked), {"minWorkers": 8, "maxWorkers": 9}, workers=3)
    assert (config.min_workers, config.max_workers) == workers


@pytest.mark.parametrize(
    ("yaml", "setting", "workers"),
    [
        ({"minWorkers": 1, "maxWorkers": 2}, {"minWorkers": 8, "maxWorkers": 9}, (1, 2)),
        (None, {"minWorkers": 8, "maxWorkers": 9}, (8, 9)),
        (None, {"maxWorkers": 9}, (4, 9)),
        (None, {}, (4, 4)),
    ],
)
def test_workers_at_start_come_from_the_yaml_then_the_setting(
    yaml: object, setting: dict[str, int], workers: tuple[int, int]
) -> None:
    config = merged(yaml, asks(at_startup=True), setting, workers=3, startup_workers=4)
    assert (config.min_workers, config.max_workers) == workers


def test_values_of_a_wrong_type_are_logged_and_ignored(caplog: pytest.LogCaptureFixture) -> None:
    yaml = {
        "batchSize": 99999999999, "maxBatchDelay": True, "minWorkers": "2", "maxWorkers": None, "jobQueueSize": [5],
        "useVenv": "yes", "useJobTicket": 1, "deviceType": "tpu", "deviceIds": 0, "parallelType": 3, "torchrun": 2,
        "unknownKey": 1, True: 1, "BatchSize": 7,
    }  # fmt: skip
    assert merged(yaml) == ModelConfig()
    assert len(caplog.records) == 12  # and a key that is nearly one of the server
    assert "batchSize" in caplog.text


@pytest.mark.parametrize("yaml", [None, {}, [1], "text", 3])
def test_what_is_no_map_of_settings_says_nothing(yaml: object) -> None:
    assert merged(yaml, response_timeout=7).response_timeout == 7


def test_the_other_settings_are_taken_from_the_yaml() -> None:
    yaml = {
        "maxRetryTimeoutInSec": 17, "clientTimeoutInMills": 250, "jobQueueSize": 4, "useJobTicket": True,
        "deviceType": "GPU", "deviceIds": [1, 0], "continuousBatching": True, "asyncCommunication": True,
        "useVenv": True, "sequenceBatching": True,
    }  # fmt: skip
    assert merged(yaml, gpus=2) == ModelConfig(
        max_retry_timeout=17, client_timeout=250, job_queue_size=4, use_job_ticket=True, device_type="gpu",
        device_ids=(1, 0), continuous_batching=True, async_communication=True, use_venv=True, in_process=True,
        stateful=True,
        isolation="process",
    )  # fmt: skip


def test_negative_settings_mean_zero_or_the_default() -> None:
    yaml = {"maxRetryTimeoutInSec": -4, "clientTimeoutInMills": -1, "jobQueueSize": -1}
    assert merged(yaml) == ModelConfig(max_retry_timeout=0, client_timeout=0, job_queue_size=100)


@pytest.mark.parametrize("ids", [[0, 2], [-1], [0, "1"], [True], []])
def test_device_ids_that_are_not_all_there_do_not_count(ids: list[Any]) -> None:
    assert merged({"deviceIds": ids}, gpus=2).device_ids == ()


@pytest.mark.parametrize(
    ("yaml", "kind", "level"),
    [
        ({"parallelType": "TP", "parallelLevel": 2}, "tp", 2),
        ({"parallelLevel": 2}, "", 0),
        ({"parallelType": "pp"}, "", 0),
        ({"parallelType": "pp", "parallelLevel": -1}, "", 0),
        ({"parallelType": "pp", "parallelLevel": 2, "torchrun": {"nproc-per-node": 4}}, "pp", 4),
        ({"parallelType": "custom", "torchrun": {}}, "custom", 1),
    ],
)
def test_parallelism_needs_both_a_type_and_a_level(yaml: object, kind: str, level: int) -> None:
    config = merged(yaml)
    assert (config.parallel_type, config.parallel_level) == (kind, level)


@pytest.mark.parametrize(
    ("yaml", "idle", "timeout", "sequences", "queue"),
    [
        ({"sequenceMaxIdleMSec": 1500, "maxNumSequence": 2, "maxSequenceJobQueueSize": 4}, 1500, 0, 2, 4),
        ({"sequenceMaxIdleMSec": 100}, 100, 0, 1, 1),
        ({"sequenceMaxIdleMSec": 100, "sequenceTimeoutMSec": 9, "maxSequenceJobQueueSize": -5}, 100, 9, 1, 1),
        ({"sequenceTimeoutMSec": 100, "maxNumSequence": 4}, 0, 0, 0, 0),
        ({"batchSize": 2}, 0, 0, 0, 0),
    ],
)
def test_sequence_settings_count_only_where_sequences_may_idle(
    yaml: object, idle: int, timeout: int, sequences: int, queue: int
) -> None:
    config = merged(yaml)
    assert (config.sequence_max_idle, config.sequence_timeout) == (idle, timeout)
    assert (config.max_num_sequence, config.max_sequence_job_queue_size) == (sequences, queue)


def test_a_snapshot_wins_over_the_yaml() -> None:
    state = {
        "minWorkers": 2, "maxWorkers": 3, "batchSize": 4, "maxBatchDelay": 5, "responseTimeout": 6,
        "startupTimeout": 7, "marName": "m.mar", "runtimeType": "python",
    }  # fmt: skip
    yaml = {"minWorkers": 1, "maxWorkers": 1, "batchSize": 1, "responseTimeout": 9, "useJobTicket": True}
    assert merged(yaml, asks(state=state)) == ModelConfig(
        2, 3, 4, 5, 6, 7, use_job_ticket=True, workers_are_default=False
    )


def test_a_snapshot_without_timeouts_means_120() -> None:
    config = merged({"responseTimeout": 9}, asks(state={"minWorkers": 1, "responseTimeout": None}))
    assert (config.response_timeout, config.startup_timeout) == (120, 120)


@pytest.mark.parametrize("yaml", [{"minWorkers": 10_000, "maxWorkers": 10_000}, {"minWorkers": 1, "maxWorkers": 1001}])
def test_more_workers_than_a_machine_bears_are_refused(yaml: object) -> None:
    with pytest.raises(TooManyWorkers, match="1000 are the limit"):
        merged(yaml)


def test_more_workers_are_refused_from_any_source() -> None:
    with pytest.raises(TooManyWorkers):
        merged(None, asks(at_startup=True), {"minWorkers": 1001, "maxWorkers": 1001})
    with pytest.raises(TooManyWorkers):
        merged({}, asks(state={"minWorkers": 1001, "maxWorkers": 1001}))


@pytest.mark.parametrize("at_startup", [False, True])
def test_a_number_of_workers_is_a_default_until_one_is_given(at_startup: bool) -> None:
    request = asks(at_startup=at_startup)
    assert merged(None, request, workers=2, startup_workers=2).workers_are_default
    assert not merged(None, request, workers_are_given=True).workers_are_default
    assert not merged({"minWorkers": 1, "maxWorkers": 1}, request).workers_are_default
    assert merged(None, request, {"minWorkers": 1}).workers_are_default is not at_startup
    assert not merged(None, asks(initial_workers=1)).workers_are_default
