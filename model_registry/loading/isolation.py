"""Where the workers of an archive start, as far as its sources tell that before any of them runs."""

from dataclasses import replace

from handler.linting.handler_linter import LintFinding, findings_that_need_a_process
from handler.workers.isolation_policy import log_move
from model_registry.archive.archive import Archive
from model_registry.config import ModelConfig

SHOWN_PLACES = 3


def isolated(archive: Archive, config: ModelConfig) -> ModelConfig:
    """The same configuration, with workers in processes if it is left to the server and threads would harm.

    Reads the sources that the handler reaches, or knows them from before; logs its reasons.
    """
    if config.isolation != "auto" or config.in_process:
        return config
    manifest = archive.manifest
    findings = findings_that_need_a_process(archive.folder, manifest.handler or "", manifest.model_file)
    if not findings:
        return config
    log_move(str(manifest.model_name), _in_words(findings))
    return replace(config, in_process=True)


def _in_words(findings: tuple[LintFinding, ...]) -> str:
    places: dict[str, list[str]] = {}
    for finding in findings:
        places.setdefault(finding.rule.title, []).append(finding.place)
    return "; ".join(f"{_listed(where)} {title}" for title, where in places.items())


def _listed(places: list[str]) -> str:
    more = len(places) - SHOWN_PLACES
    return ", ".join(places[:SHOWN_PLACES]) + (f" and {more} more" if more > 0 else "")
