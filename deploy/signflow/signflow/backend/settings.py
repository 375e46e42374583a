"""Settings of the environment: where the model server is, how long it may take, which users are sent there."""

import hashlib
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """USE_TORCHSERVE, TORCHSERVE_URL and so on."""

    model_config = SettingsConfigDict(frozen=True)

    use_torchserve: bool = False
    torchserve_url: str = "http://torchserve:8080"
    torchserve_metrics_url: str = ""
    """Of the server's metrics, where they are not at /metrics of the same port."""
    torchserve_timeout_ms: int = Field(default=2000, gt=0)
    """For a request with its retries."""
    torchserve_hedge_ms: int = Field(default=100, ge=0)
    """The local pipeline starts if the server has not answered by then."""
    torchserve_rollout_percent: float = Field(default=100, ge=0, le=100)
    """Share of the users who are sent to the server."""
    torchserve_model: str = "signflow"
    torchserve_encoding: Literal["json", "float32"] = "json"
    torchserve_token: SecretStr | None = None
    torchserve_retries: int = Field(default=1, ge=0)
    torchserve_backoff_ms: int = Field(default=20, ge=0)
    """The pause before the first retry; each further one is twice as long."""
    torchserve_failures: int = Field(default=5, gt=0)
    """In a row, and the circuit opens."""
    torchserve_cooldown_ms: int = Field(default=2000, gt=0)
    """Until the first probe of an open circuit; doubles with each failed probe, up to a minute."""

    def in_rollout(self, key: str) -> bool:
        """Whether the user with this key belongs to the rollout; one who does at 10 % does at 20 % too."""
        share = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8]) / 2**64
        return 100 * share < self.torchserve_rollout_percent
