"""Errors of models and archives; the messages are TorchServe's."""

from collections.abc import Sequence


class RegistryError(Exception):
    """Base class of the errors of this package. `headers` are those that the answer gets besides."""

    headers: tuple[tuple[str, str], ...] = ()


class ModelNotFound(RegistryError):
    """No model has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Model not found: {name}")


class VersionNotFound(RegistryError):
    """The model has no such version."""

    def __init__(self, name: str, version: str) -> None:
        super().__init__(f"Model version: {version} does not exist for model: {name}")


class UnknownDefault(RegistryError):
    """The version to become the default does not exist; worded unlike VersionNotFound, as in TorchServe."""

    def __init__(self, name: str, version: str) -> None:
        super().__init__(f"Model version {version} does not exist for model {name}")


class WorkflowNotFound(RegistryError):
    """No workflow has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Workflow not found: {name}")


class WorkflowArchiveNotFound(RegistryError):
    """The url of a workflow leads to no archive, or is refused."""


class WorkflowExists(RegistryError):
    """The name belongs to another workflow."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Workflow {name} is already registered.")


class InvalidWorkflow(RegistryError):
    """The unpacked archive is no workflow."""


class InvalidDag(RegistryError):
    """The nodes of a workflow do not form a graph without circles from one start node."""


class WorkflowFailed(RegistryError):
    """Some nodes of a workflow could not be registered; `failures` has a sentence for each."""

    def __init__(self, name: str, failures: Sequence[str]) -> None:
        super().__init__(f"Workflow {name} has failed to register. Failures: [{', '.join(failures)}]")


class NodeFailed(RegistryError):
    """A node of a workflow failed at every attempt."""

    def __init__(self, node: str) -> None:
        super().__init__(f"Error executing {node}")


class Conflict(RegistryError):
    """The model has this version already."""

    def __init__(self, name: str, version: str) -> None:
        super().__init__(f"Model version {version} is already registered for model {name}")


class InvalidVersionRemoval(RegistryError):
    """The default version cannot be unregistered while the model has others."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Cannot remove default version for model {name}")


class NoWorker(RegistryError):
    """The model version has no worker, or its queue is full; `label` is the version as the client named it."""

    def __init__(self, name: str, label: str = "default") -> None:
        # the quotation mark that is never opened is TorchServe's
        subject = f'Model "{name}"' if label == "default" else f'Model "{name}" Version {label}"'
        super().__init__(
            f"{subject} has no worker to serve inference request. Please use scale workers API to add workers. "
            "If this is a sequence inference, please check if it is closed, or expired; "
            "or exceeds maxSequenceJobQueueSize"
        )


class ControlledByRepository(RegistryError):
    """A model of a repository cannot be changed as an archive can."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Model {name} belongs to a model repository: use /v2/repository/models/{name}/unload")


class TensorsWanted(RegistryError):
    """A model whose requests are tensors was asked in another way, or one that knows no tensors was asked for them."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Model {name} takes tensors: POST /v2/models/{name}/infer (Open Inference Protocol, v2)")


class ClientTimedOut(RegistryError):
    """The client's own timeout has passed."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"No answer within clientTimeoutInMills={seconds * 1000:.0f}")


class NoWorkerToDescribe(NoWorker):
    """A model without workers cannot give its customized description."""

    def __init__(self, name: str) -> None:
        Exception.__init__(
            self,
            f'Model "{name}" has no worker to serve describe request. Please use scale workers API to add workers.',
        )


class WorkersFailed(RegistryError):
    """A worker of a newly registered version could not load; the cause has the reason."""

    def __init__(self, name: str, version: str) -> None:
        super().__init__(f"Failed to start workers for model {name} version: {version}")


class WorkersOutOfMemory(WorkersFailed):
    """A worker could not load for lack of memory."""


class InsufficientMemory(RegistryError):
    """The model is larger than the remaining memory."""


class PackagesFailed(RegistryError):
    """The packages that an archive requires could not be installed."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Custom pip package installation failed for model {name}")


class InvalidRuntime(RegistryError):
    """The runtime of a registration is unknown."""

    def __init__(self, runtime: str) -> None:
        super().__init__(f"Invalid RuntimeType value: {runtime}")


class InvalidName(RegistryError):
    """A model, version or workflow would have a name that no request can carry, or that would confuse who reads it."""

    def __init__(self, kind: str, name: str, reason: str) -> None:
        super().__init__(f"Invalid {kind} {name[:100]!a}: {reason}")


class TooManyWorkers(RegistryError):
    """A configuration asks for more workers than a version may have."""

    def __init__(self, number: int, limit: int) -> None:
        super().__init__(f"The model's configuration asks for {number} workers; {limit} are the limit.")


class TooManyRegistrations(RegistryError):
    """As many archives are being downloaded or unpacked as the server takes at once."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"Too many models are being registered ({reason}). Try again later.")


class ArchiveNotFound(RegistryError):
    """The store has no such archive."""

    def __init__(self, url: str) -> None:
        super().__init__(f"Model not found at: {url}")
        self.url = url


class EmptyUrl(RegistryError):
    """The url of a registration is empty."""

    def __init__(self) -> None:
        super().__init__("empty url")


class NoStore(ArchiveNotFound):
    """The server has no model store."""

    def __init__(self) -> None:
        RegistryError.__init__(self, "Model store has not been configured.")


class UrlRefused(RegistryError):
    """The server's configuration does not allow archives from this url."""

    def __init__(self, url: str) -> None:
        super().__init__(f"Given URL {url} does not match any allowed URL(s)")


class RelativeUrl(UrlRefused):
    """The url contains ".."."""

    def __init__(self, url: str) -> None:
        RegistryError.__init__(self, f"Relative path is not allowed in url: {url}")


class DownloadFailed(RegistryError):
    """The archive could not be copied into the store."""

    def __init__(self, url: str) -> None:
        super().__init__(f"Failed to download archive from: {url}")


class ArchiveExists(RegistryError):
    """The store already has a file of the download's name."""

    def __init__(self, file_name: str) -> None:
        super().__init__(f"Model file already exists {file_name}")


class SaveFailed(RegistryError):
    """The archive could not be unpacked, or is unsafe; the cause has the reason."""

    def __init__(self, url: str) -> None:
        super().__init__(f"Failed to save model: {url}")


class InvalidModel(RegistryError):
    """The unpacked archive is no model."""

    @classmethod
    def no_name(cls) -> "InvalidModel":
        """Neither the registration nor the manifest names the model."""
        return cls("Model name is not defined.")

    @classmethod
    def no_entry(cls) -> "InvalidModel":
        """The manifest's `model` is null."""
        return cls("Missing Model entry in manifest file.")

    @classmethod
    def no_runtime(cls) -> "InvalidModel":
        """The manifest's `runtime` is unknown."""
        return cls("Runtime is not defined or invalid.")

    @classmethod
    def bad_manifest(cls) -> "InvalidModel":
        """The manifest cannot be read (the file name is TorchServe's slip)."""
        return cls("Failed to parse signature.json.")

    @classmethod
    def bad_config(cls) -> "InvalidModel":
        """The YAML file that the manifest names cannot be read."""
        return cls("Failed to parse model config yaml file.")


class NoManifest(InvalidModel):
    """No manifest can be made for a source without one; the text is the reason, with a remedy."""


class InvalidTrafficRule(RegistryError):
    """A member of traffic rules, or of a rollout's plan, cannot be used."""

    def __init__(self, member: str, expected: str) -> None:
        super().__init__(f"{member} must be {expected}.")


class VersionNotLoaded(RegistryError):
    """A traffic rule names a version that is not loaded."""

    def __init__(self, version: str) -> None:
        super().__init__(f"Version {version} is not loaded; register it before traffic is sent to it.")


class VersionInTraffic(RegistryError):
    """A version that still gets traffic was to be unregistered."""

    def __init__(self, name: str, version: str) -> None:
        super().__init__(f"Version {version} of model {name} still gets traffic; change or delete its rules first.")


class RolloutConflict(RegistryError):
    """A rollout is in progress, or there is none, where a call needs the opposite."""


class UnboundedConfig(InvalidModel):
    """The YAML file that the manifest names is beyond the limits of what is read."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The model config yaml file is refused: {reason}.")
