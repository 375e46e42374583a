"""What can go wrong with models and archives, in domain words; the messages are those that TorchServe sends."""

from collections.abc import Sequence


class RegistryError(Exception):
    """The root of what this floor raises."""


class ModelNotFound(RegistryError):
    """No model has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Model not found: {name}")


class VersionNotFound(RegistryError):
    """The model has no such version."""

    def __init__(self, name: str, version: str) -> None:
        super().__init__(f"Model version: {version} does not exist for model: {name}")


class UnknownDefault(RegistryError):
    """A version that does not exist was to become the default; worded unlike VersionNotFound, as TorchServe does."""

    def __init__(self, name: str, version: str) -> None:
        super().__init__(f"Model version {version} does not exist for model {name}")


class WorkflowNotFound(RegistryError):
    """No workflow has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Workflow not found: {name}")


class WorkflowArchiveNotFound(RegistryError):
    """The url of a workflow leads to no archive, or must not be followed."""


class WorkflowExists(RegistryError):
    """The name belongs to another workflow."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Workflow {name} is already registered.")


class InvalidWorkflow(RegistryError):
    """The archive was unpacked, but is no workflow."""


class InvalidDag(RegistryError):
    """The nodes of a workflow do not lead from one first node onwards."""


class WorkflowFailed(RegistryError):
    """Some nodes of a workflow could not be registered; `failures` has a sentence for each."""

    def __init__(self, name: str, failures: Sequence[str]) -> None:
        super().__init__(f"Workflow {name} has failed to register. Failures: [{', '.join(failures)}]")


class NodeFailed(RegistryError):
    """A node of a workflow gave no answer, however often it was asked; the cause is that of the last time."""

    def __init__(self, node: str) -> None:
        super().__init__(f"Error executing {node}")


class Conflict(RegistryError):
    """The model has this version already."""

    def __init__(self, name: str, version: str) -> None:
        super().__init__(f"Model version {version} is already registered for model {name}")


class InvalidVersionRemoval(RegistryError):
    """The default version cannot go while the model has others."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Cannot remove default version for model {name}")


class NoWorker(RegistryError):
    """The model version has no worker, or its queue takes no more; `label` is the version as the client named it."""

    def __init__(self, name: str, label: str = "default") -> None:
        # the quotation mark that nobody opened is TorchServe's
        who = f'Model "{name}"' if label == "default" else f'Model "{name}" Version {label}"'
        super().__init__(
            f"{who} has no worker to serve inference request. Please use scale workers API to add workers. "
            "If this is a sequence inference, please check if it is closed, or expired; "
            "or exceeds maxSequenceJobQueueSize"
        )


class ClientTimedOut(RegistryError):
    """The client's own timeout has passed long ago."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"No answer within clientTimeoutInMills={seconds * 1000:.0f}")


class NoWorkerToDescribe(NoWorker):
    """A customized description was asked of a model with no worker."""

    def __init__(self, name: str) -> None:
        Exception.__init__(
            self,
            f'Model "{name}" has no worker to serve describe request. Please use scale workers API to add workers.',
        )


class WorkersFailed(RegistryError):
    """A worker of a newly registered version could not load; the cause says why."""

    def __init__(self, name: str, version: str) -> None:
        super().__init__(f"Failed to start workers for model {name} version: {version}")


class WorkersOutOfMemory(WorkersFailed):
    """The same, for lack of memory."""


class InsufficientMemory(RegistryError):
    """The model is larger than the memory that is left to it."""


class PackagesFailed(RegistryError):
    """The packages that an archive requires could not be installed."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Custom pip package installation failed for model {name}")


class InvalidRuntime(RegistryError):
    """A registration names a runtime that there is not."""

    def __init__(self, runtime: str) -> None:
        super().__init__(f"Invalid RuntimeType value: {runtime}")


class ArchiveNotFound(RegistryError):
    """The store has no such archive."""

    def __init__(self, url: str) -> None:
        super().__init__(f"Model not found at: {url}")


class EmptyUrl(RegistryError):
    """An archive was asked for by an empty url."""

    def __init__(self) -> None:
        super().__init__("empty url")


class NoStore(ArchiveNotFound):
    """An archive was asked for, but the server has no model store."""

    def __init__(self) -> None:
        RegistryError.__init__(self, "Model store has not been configured.")


class UrlRefused(RegistryError):
    """The server's configuration does not allow archives from this url."""

    def __init__(self, url: str) -> None:
        super().__init__(f"Given URL {url} does not match any allowed URL(s)")


class RelativeUrl(UrlRefused):
    """The url climbs with ".."."""

    def __init__(self, url: str) -> None:
        RegistryError.__init__(self, f"Relative path is not allowed in url: {url}")


class DownloadFailed(RegistryError):
    """The archive could not be copied into the store."""

    def __init__(self, url: str) -> None:
        super().__init__(f"Failed to download archive from: {url}")


class ArchiveExists(RegistryError):
    """The store has a file of the name that a download would get."""

    def __init__(self, file_name: str) -> None:
        super().__init__(f"Model file already exists {file_name}")


class SaveFailed(RegistryError):
    """The archive could not be unpacked, or must not be; the cause says why."""

    def __init__(self, url: str) -> None:
        super().__init__(f"Failed to save model: {url}")


class InvalidModel(RegistryError):
    """The archive was unpacked, but is no model."""

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
        """The manifest's `runtime` is none that there is."""
        return cls("Runtime is not defined or invalid.")

    @classmethod
    def bad_manifest(cls) -> "InvalidModel":
        """The manifest is no JSON object of the known shape (the file name is TorchServe's slip)."""
        return cls("Failed to parse signature.json.")

    @classmethod
    def bad_config(cls) -> "InvalidModel":
        """The YAML file that the manifest names cannot be read."""
        return cls("Failed to parse model config yaml file.")
