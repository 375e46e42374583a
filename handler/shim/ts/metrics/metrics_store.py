"""A list of measurements that can be asked afterwards: for tests of handlers, and for handlers of older releases."""

from ts.metrics.dimension import Dimension
from ts.metrics.metric import Metric


class MetricsStore:
    """Has the methods of `context.metrics`; `store` keeps the first Metric for each name, unit and request."""

    def __init__(self, request_ids, model_name):
        self.store = []
        self.request_ids = request_ids
        self.model_name = model_name
        self.cache = {}

    def __repr__(self):
        return f"<MetricsStore of {self.model_name}: {len(self.store)} metrics>"

    def add_metric(self, name, value, unit, idx=None, dimensions=None):
        """Keep a value of any unit."""
        self._add_or_update(name, value, self._get_req(idx), unit, None, dimensions)

    def add_counter(self, name, value, idx=None, dimensions=None):
        """Keep a count."""
        self._add_or_update(name, value, self._get_req(idx), "count", "counter", dimensions)

    def add_time(self, name, value, idx=None, unit="ms", dimensions=None):
        """Keep a time in "ms" or "s"; raises ValueError for another unit."""
        if unit not in ("ms", "s"):
            raise ValueError("the unit for a timed metric should be one of ['ms', 's']")
        self._add_or_update(name, value, self._get_req(idx), unit, None, dimensions)

    def add_size(self, name, value, idx=None, unit="MB", dimensions=None):
        """Keep a size in "MB", "kB", "GB" or "B"; raises ValueError for another unit."""
        if unit not in ("MB", "kB", "GB", "B"):
            raise ValueError("The unit for size based metric is one of ['MB','kB', 'GB', 'B']")
        self._add_or_update(name, value, self._get_req(idx), unit, None, dimensions)

    def add_percent(self, name, value, idx=None, dimensions=None):
        """Keep a percentage."""
        self._add_or_update(name, value, self._get_req(idx), "percent", None, dimensions)

    def add_error(self, name, value, dimensions=None):
        """Keep an error, often a text; it belongs to no request."""
        self._add_or_update(name, value, None, "", None, dimensions)

    def _get_req(self, idx):
        if not isinstance(self.request_ids, dict):
            return self.request_ids
        return self.request_ids[idx] if idx in self.request_ids else ",".join(self.request_ids.values())

    def _add_or_update(self, name, value, req_id, unit, metrics_method=None, dimensions=None):
        level = {"Level": "Error"} if req_id is None else {"ModelName": self.model_name, "Level": "Model"}
        defaults = [Dimension(*pair) for pair in level.items()]
        key = "-".join((name, unit, str(req_id), *map(str, defaults)))
        if key in self.cache:
            self.cache[key].update(value)
            return
        self.cache[key] = Metric(name, value, unit, [*(dimensions or ()), *defaults], req_id, metrics_method)
        self.store.append(self.cache[key])
