"""Addresses of objects."""

import pytest

from model_registry.object_storage.address import ObjectAddress, is_object_url


@pytest.mark.parametrize("url", ["s3://b", "s3://b/", "GS://b/k", "az://c/deep/key.mar"])
def test_addresses(url: str) -> None:
    assert is_object_url(url)


@pytest.mark.parametrize("url", ["", "s3:/b", "s3://", "http://b/k", "file:///k", "s3://b/k?versionId=1", "m.mar"])
def test_others(url: str) -> None:
    assert not is_object_url(url)
    with pytest.raises(ValueError, match="s3://BUCKET/KEY"):
        ObjectAddress.parse(url)


def test_parts() -> None:
    address = ObjectAddress.parse("S3://b/models/prod/")
    assert (address.root, address.key, str(address)) == ("s3://b", "models/prod", "s3://b/models/prod")
    assert (str(address.child("m.mar")), address.child("m.mar").name) == ("s3://b/models/prod/m.mar", "m.mar")
    assert str(ObjectAddress.parse("s3://b").child("m.mar")) == "s3://b/m.mar"
