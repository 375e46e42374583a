"""A Python model that gives back what it gets."""

import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """Copies INPUT to OUTPUT."""

    def execute(self, requests):
        return [
            pb_utils.InferenceResponse(
                [pb_utils.Tensor("OUTPUT", pb_utils.get_input_tensor_by_name(request, "INPUT").as_numpy())]
            )
            for request in requests
        ]
