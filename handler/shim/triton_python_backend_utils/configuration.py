"""A model's configuration: looked up, and completed by `auto_complete_config`."""

import copy

TENSOR_KEYS = {"name", "data_type", "dims", "optional"}
NEEDED_KEYS = ("name", "data_type", "dims")


def get_input_config_by_name(model_config, name):
    return next((entry for entry in model_config.get("input", ()) if entry["name"] == name), None)


def get_output_config_by_name(model_config, name):
    return next((entry for entry in model_config.get("output", ()) if entry["name"] == name), None)


def using_decoupled_model_transaction_policy(model_config):
    return bool(model_config.get("model_transaction_policy", {}).get("decoupled", False))


class ModelConfig:
    """The argument of `auto_complete_config`: sets what the configuration leaves open, and refuses what it denies."""

    def __init__(self, model_config):
        self._model_config = model_config

    def as_dict(self):
        return self._model_config

    def set_max_batch_size(self, max_batch_size):
        if self._model_config["max_batch_size"] > max_batch_size:
            raise ValueError(
                "configuration specified max_batch_size {}, but in auto-complete-config function for model '{}' "
                "specified max_batch_size {}".format(
                    self._model_config["max_batch_size"], self._model_config["name"], max_batch_size
                )
            )
        self._model_config["max_batch_size"] = max_batch_size

    def set_dynamic_batching(self):
        found = [kind for kind in ("sequence_batching", "ensemble_scheduling") if kind in self._model_config]
        if found:
            raise ValueError(
                f"Configuration specified scheduling_choice as '{found[0]}', but auto-complete-config function for "
                f"model '{self._model_config['name']}' tries to set scheduling_choice as 'dynamic_batching'"
            )
        self._model_config.setdefault("dynamic_batching", {})

    def set_model_transaction_policy(self, transaction_policy_dict):
        foreign = [key for key in transaction_policy_dict if key != "decoupled"]
        if foreign:
            raise ValueError(
                "model transaction property in auto-complete-config function for model '{}' contains property other "
                "than 'decoupled'.".format(self._model_config["name"])
            )
        if "decoupled" not in transaction_policy_dict:
            raise ValueError(
                "model transaction policy in auto-complete-config function for model '{}' is missing property "
                "'decoupled'".format(self._model_config["name"])
            )
        current = self._model_config.setdefault("model_transaction_policy", {})
        if "decoupled" in current and current["decoupled"] != transaction_policy_dict["decoupled"]:
            raise ValueError(
                "trying to change decoupled property in auto-complete-config for model '{}', which is already set to "
                "'{}'.".format(self._model_config["name"], current["decoupled"])
            )
        current["decoupled"] = transaction_policy_dict["decoupled"]

    def add_input(self, input):
        self._add("input", input)

    def add_output(self, output):
        self._add("output", output)

    def _add(self, kind, tensor):
        name = self._model_config["name"]
        allowed = TENSOR_KEYS if kind == "input" else TENSOR_KEYS - {"optional"}
        if set(tensor) - allowed:
            listed = (
                "'name', 'data_type', 'dims' and 'optional'" if kind == "input" else "'name', 'data_type' and 'dims'"
            )
            raise ValueError(
                f"{kind} '{tensor.get('name', '')}' in auto-complete-config function for model '{name}' contains "
                f"property other than {listed}."
            )
        for key in NEEDED_KEYS:
            if key not in tensor:
                raise ValueError(
                    f"{kind} in auto-complete-config function for model '{name}' is missing '{key}' property."
                )
        present = next((each for each in self._model_config[kind] if each["name"] == tensor["name"]), None)
        if present is None:
            self._model_config[kind].append(copy.deepcopy(tensor))
        else:
            self._complete(kind, present, tensor)

    def _complete(self, kind, present, tensor):
        for key, empty in (("data_type", (None, "TYPE_INVALID")), ("dims", (None, [])), ("optional", (None, False))):
            if key not in tensor:
                continue
            if present.get(key) in empty:
                present[key] = copy.deepcopy(tensor[key])
            elif present[key] != tensor[key]:
                raise ValueError(
                    "unable to load model '{}', configuration expects {} {} for {} '{}', model provides {}".format(
                        self._model_config["name"], key, present[key], kind, tensor["name"], tensor[key]
                    )
                )
