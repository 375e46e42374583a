"""The message of a configuration."""

from google.protobuf import descriptor_pool

from model_registry.triton.config.messages import CONFIG_FILE, ModelConfig


def test_the_numbers_on_the_wire_are_those_of_triton() -> None:
    message = ModelConfig(name="m", max_batch_size=8, backend="python")
    assert message.SerializeToString() == b"\n\x01m \x08\x8a\x01\x06python"


def test_the_common_pool_stays_free_for_generated_code() -> None:
    assert CONFIG_FILE.package == "inference"
    assert ModelConfig.DESCRIPTOR.file.pool is not descriptor_pool.Default()
