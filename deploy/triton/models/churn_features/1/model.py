"""Customers as numbers: the plan in two columns, the months and the charges on a scale of about one."""

import numpy as np
import triton_python_backend_utils as pb_utils

PLANS = {b"monthly": (1.0, 0.0), b"yearly": (0.0, 1.0)}


class TritonPythonModel:
    def execute(self, requests):
        return [pb_utils.InferenceResponse([pb_utils.Tensor("FEATURES", features(request))]) for request in requests]


def features(request):
    plans, tenures, charges = (
        pb_utils.get_input_tensor_by_name(request, name).as_numpy() for name in ("PLAN", "TENURE", "CHARGES")
    )
    columns = np.array([PLANS.get(plan, (0.0, 0.0)) for plan in plans.ravel()], np.float32)
    return np.hstack([columns, tenures / 72, charges / 120]).astype(np.float32)
