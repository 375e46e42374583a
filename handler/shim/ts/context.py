"""A handler's view of its model, its server and its batch, and the place for status and headers of its responses."""

import copy
import os


class RequestProcessor:
    """One request of a batch: its headers, and the status and headers that the handler wants for its answer."""

    def __init__(self, request_header):
        """Keep the mapping as it is: a look-up is the mapping's own `get`."""
        self._request_header = request_header
        self._status_code = 200
        self._reason_phrase = None
        self._response_header = {}

    def __repr__(self):
        return f"<RequestProcessor {self._status_code}, {len(self._request_header)} headers>"

    def get_request_property(self, key):
        """The request header of that name, or None."""
        return self._request_header.get(key)

    def get_request_properties(self):
        """All request headers: the live mapping, not a copy."""
        return self._request_header

    def report_status(self, code, reason_phrase=None):
        """Set the status code and the reason phrase of the answer."""
        self._status_code = code
        self._reason_phrase = reason_phrase

    def get_response_status_code(self):
        """The status code of the answer; 200 unless reported otherwise."""
        return self._status_code

    def get_response_status_phrase(self):
        """The reason phrase of the answer, or None."""
        return self._reason_phrase

    def add_response_property(self, key, value):
        """Set a header of the answer."""
        self._response_header[key] = value

    def get_response_headers(self):
        """All headers of the answer: the live dict, not a copy."""
        return self._response_header

    def get_response_header(self, key):
        """The answer's header of that name, or None."""
        return self._response_header.get(key)


class Context:
    """One worker's context: the same object for `initialize` and for every batch of the worker's life.

    The server replaces `request_ids` ({row index: id}) and `request_processor` (one RequestProcessor per row) before
    each batch. `send_piece(index, value)` is where the pieces of a stream go; None where nobody listens. Handlers hang
    attributes of their own here. Before the first batch all methods about requests raise TypeError, later IndexError
    for a row that is not there, as in TorchServe.
    """

    request_ids = None
    request_processor = None
    metrics = None
    send_piece = None
    stopping_criteria = None

    def __init__(
        self,
        model_name,
        model_dir,
        manifest,
        batch_size,
        gpu,
        mms_version,
        limit_max_image_pixels=True,
        metrics=None,
        model_yaml_config=None,
    ):
        self.model_name = model_name
        self.manifest = manifest
        self.model_yaml_config = model_yaml_config
        self.metrics = metrics
        self.header_key_sequence_id = os.environ.get("TS_REQUEST_SEQUENCE_ID", "ts_request_sequence_id")
        self.header_key_sequence_start = os.environ.get("TS_REQUEST_SEQUENCE_START", "ts_request_sequence_start")
        self.header_key_sequence_end = os.environ.get("TS_REQUEST_SEQUENCE_END", "ts_request_sequence_end")
        self._system_properties = {
            "model_dir": model_dir,
            "gpu_id": gpu,
            "batch_size": batch_size,
            "server_name": "MMS",
            "server_version": mms_version,
            "limit_max_image_pixels": limit_max_image_pixels,
        }

    def __repr__(self):
        return f"<Context of {self.model_name}, {len(self.request_ids or ())} requests>"

    def __eq__(self, other):
        return isinstance(other, Context) and vars(self) == vars(other)

    # Compared by its changing content, it can be no key; neither can TorchServe's.
    __hash__ = None

    def __deepcopy__(self, memo):
        # The way to the client belongs to the server: a copy of the context shares it.
        memo[id(self.send_piece)] = self.send_piece
        twin = memo[id(self)] = object.__new__(type(self))
        vars(twin).update(copy.deepcopy(vars(self), memo))
        return twin

    @property
    def system_properties(self):
        """Dict: model_dir, gpu_id (None on a CPU), batch_size, limit_max_image_pixels, server_name, server_version."""
        return self._system_properties

    def get_request_id(self, idx=0):
        """The id of a row's request, or None where there is none."""
        return self.request_ids.get(idx) if self.request_ids else None

    def get_request_header(self, idx, key):
        """The header of that name of a row's request, or None."""
        return self.request_processor[idx].get_request_property(key)

    def get_all_request_header(self, idx):
        """All headers of a row's request."""
        return self.request_processor[idx].get_request_properties()

    def get_sequence_id(self, idx):
        """The id of the sequence that a row's request belongs to, or None."""
        return self.get_request_header(idx, self.header_key_sequence_id)

    def set_response_content_type(self, idx, value):
        """Set the content type of a row's answer."""
        self.set_response_header(idx, "content-type", value)

    def get_response_content_type(self, idx):
        """The content type that the handler set for a row's answer, or None."""
        return self.request_processor[idx].get_response_header("content-type")

    def set_response_header(self, idx, key, value):
        """Set a header of a row's answer."""
        self.request_processor[idx].add_response_property(key, value)

    def get_response_headers(self, idx):
        """The headers that the handler set for a row's answer."""
        return self.request_processor[idx].get_response_headers()

    def get_response_status(self, idx):
        """The status code and the reason phrase of a row's answer."""
        processor = self.request_processor[idx]
        return processor.get_response_status_code(), processor.get_response_status_phrase()

    def set_response_status(self, code=200, phrase="", idx=0):
        """Set the status of a row's answer; before the first batch this does nothing, as in TorchServe."""
        if self.request_processor is not None:
            self.request_processor[idx].report_status(code, phrase)

    def set_all_response_status(self, code=200, phrase=""):
        """Set the status of all answers of the batch."""
        for processor in self.request_processor:
            processor.report_status(code, phrase)
