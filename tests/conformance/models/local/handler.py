"""Reads a file beside itself by its relative path at every stage, and speaks on every channel."""

import logging
import os
import sys
from pathlib import Path


def note(folder=""):
    return Path(folder, "note.txt").read_text().strip()


AT_IMPORT = note()


class Local:
    def initialize(self, context):
        self.at_load = note()
        self.folder = context.system_properties["model_dir"]

    def handle(self, data, context):
        self.speak()
        return [self.look()] * len(data)

    def speak(self):
        print("handler says this on stdout")
        print("handler says this on stderr", file=sys.stderr)
        logger = logging.getLogger("sample")
        logger.debug("handler says this at debug")
        logger.info("handler says this at info")
        logger.error("handler says this at error")

    def look(self):
        return {
            "import": AT_IMPORT,
            "load": self.at_load,
            "call": note(),
            "by_model_dir": note(self.folder),
            "working_folder_is_model_dir": Path.cwd() == Path(self.folder).resolve(),
            "model_dir_on_path": Path(self.folder).resolve() in [Path(place).resolve() for place in sys.path],
            "module": __name__,
            "environment": os.environ.get("SAMPLE_SETTING"),
        }
