"""Imports modules whose names another archive uses too, some of them late."""

import utils
from helpers.deep import WHERE
from model import NAME


class Clash:
    def initialize(self, context):
        pass

    def handle(self, data, context):
        import lazy_part
        import utils as again

        seen = {"top": utils.WHO, "again": again.WHO, "model": NAME, "lazy": lazy_part.describe(), "package": WHERE}
        return [seen] * len(data)
