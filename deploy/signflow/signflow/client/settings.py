"""What the environment says about the model server: where it is, how long to wait for it, and who is sent there."""

import hashlib
from functools import cached_property

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """USE_TORCHSERVE, and the other fields as TORCHSERVE_URL, TORCHSERVE_TIMEOUT_MS and so on."""

    model_config = SettingsConfigDict(env_prefix="TORCHSERVE_", frozen=True, validate_by_name=True)

    use_torchserve: bool = Field(default=True, validation_alias="USE_TORCHSERVE")
    """The feature flag; where it is off, everything is translated in this process."""
    rollout_percent: float = Field(default=100, ge=0, le=100)
    """How many of the users are sent to the server; one who is sent at 10 % is sent at 20 % too."""
    url: str = "http://127.0.0.1:8080"
    model: str = "sign"
    token: SecretStr | None = None
    """The inference key of a server that asks for one."""
    timeout_ms: int = Field(default=1000, gt=0)
    """For the whole request, retries and their pauses included."""
    retries: int = Field(default=2, ge=0)
    backoff_ms: int = Field(default=50, ge=0)
    """The first pause before a retry; each further one is twice as long."""
    connections: int = Field(default=64, gt=0)
    failures: int = Field(default=5, gt=0)
    """So many failures in a row, and the server is left alone for a while."""
    cooldown_ms: int = Field(default=2000, gt=0)
    """The first such while; it doubles, up to a minute, as long as the server stays away."""

    @cached_property
    def address(self) -> str:
        """Where a window is posted to."""
        return f"{self.url.rstrip('/')}/predictions/{self.model}"

    @cached_property
    def headers(self) -> dict[str, str]:
        """What goes with a window."""
        content = {"Content-Type": "application/octet-stream"}
        return content if self.token is None else content | {"Authorization": f"Bearer {self.token.get_secret_value()}"}

    def sends(self, key: str) -> bool:
        """Whether this user is sent to the server; the answer for a key changes only with the settings."""
        if not self.use_torchserve:
            return False
        share = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8]) / 2**64
        return 100 * share < self.rollout_percent
