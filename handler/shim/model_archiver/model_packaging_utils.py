"""The steps on the way to an archive."""

import datetime
import json
import os
import re

from model_archiver.model_archiver_error import ModelArchiverError

NAME = "^[A-Za-z0-9][A-Za-z0-9_\\-.]*$"
SUFFIXES = {"tgz": ".tar.gz", "no-archive": "", "zip-store": ".mar", "default": ".mar"}


class ModelExportUtils:
    """Functions without a state."""

    @staticmethod
    def get_archive_export_path(export_file_path, model_name, archive_format):
        """The path of an archive."""
        return os.path.join(export_file_path, f"{model_name}{SUFFIXES[archive_format]}")

    @staticmethod
    def check_mar_already_exists(model_name, export_file_path, overwrite, archive_format="default"):
        """The folder, which defaults to the working one; raises ModelArchiverError for an archive in the way."""
        folder = export_file_path or os.getcwd()
        path = ModelExportUtils.get_archive_export_path(folder, model_name, archive_format)
        if os.path.exists(path) and not overwrite:
            raise ModelArchiverError(
                f"{path} already exists.\nPlease specify --force/-f option to overwrite the model archive output "
                "file.\nSee -h/--help for more details."
            )
        return folder

    @staticmethod
    def generate_model(modelcfg):
        """The specification of the archive that a configuration describes."""
        import marserve

        marserve.find_own_packages()
        from model_registry.archive.archive_spec import ArchiveSpec

        return ArchiveSpec(
            model_name=modelcfg.model_name,
            version=modelcfg.version,
            handler=modelcfg.handler,
            model_file=modelcfg.model_file,
            serialized_file=modelcfg.serialized_file,
            extra_files=tuple((modelcfg.extra_files or "").split(",")),
            requirements_file=modelcfg.requirements_file,
            config_file=modelcfg.config_file,
            runtime=modelcfg.runtime,
        )

    @staticmethod
    def generate_manifest_json(config):
        """The text of the manifest."""
        return json.dumps(
            ModelExportUtils.generate_model(config).manifest(datetime.datetime.now().astimezone()), indent=2
        )

    @staticmethod
    def check_model_name_regex_or_exit(model_name):
        """Raise ModelArchiverError for a name that no model may have."""
        if not re.match(NAME, model_name):
            raise ModelArchiverError(
                "Model name contains special characters.\n"
                f"The allowed regular expression filter for model name is: {NAME}"
            )

    @staticmethod
    def validate_inputs(model_name, export_path):
        """Raise ModelArchiverError for a bad name, or a folder that is none."""
        ModelExportUtils.check_model_name_regex_or_exit(model_name)
        if not os.path.isdir(export_path):
            raise ModelArchiverError(
                f"Given export-path {export_path} is not a directory. Point to a valid export-path directory."
            )
