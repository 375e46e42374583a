"""The schemas of the OpenAPI 3.1 document, by name."""

from typing import Any

Schema = dict[str, Any]
STRING: Schema = {"type": "string"}
INTEGER: Schema = {"type": "integer"}
NUMBER: Schema = {"type": "number"}
BOOLEAN: Schema = {"type": "boolean"}
POSITIVE: Schema = {"type": "number", "minimum": 0}
LATENCY: Schema = {"type": ["object", "null"], "description": "Quantiles in milliseconds.",
                   "additionalProperties": {"type": ["number", "null"]}}  # fmt: skip
VERSION: Schema = {"type": "string", "minLength": 1, "maxLength": 256}
WORDS: Schema = {"type": "string", "maxLength": 256}


def record(properties: dict[str, Schema], *required: str, closed: bool = False) -> Schema:
    """An object with these members; a `closed` one has no others."""
    more = {"additionalProperties": False} if closed else {}
    return {"type": "object", "properties": properties, **({"required": list(required)} if required else {}), **more}


def one_of(*words: str) -> Schema:
    """One of some words."""
    return {"type": "string", "enum": list(words)}


def listing(items: Schema, **more: Any) -> Schema:
    """A list."""
    return {"type": "array", "items": items, **more}


def reference(name: str) -> Schema:
    """A schema of this document."""
    return {"$ref": f"#/components/schemas/{name}"}


_TOLERANCE = record(
    {
        "relative": POSITIVE,
        "absolute": POSITIVE,
        "ignored": listing({"type": "string", "minLength": 1, "maxLength": 200}, maxItems=50),
        "topK": {"type": "integer", "minimum": 0, "maximum": 1000},
    },
    closed=True,
)
_LIMIT = {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}
_INCREASE = {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 10}
_KEY = {
    "oneOf": [
        *(record({name: {**VERSION}}, name, closed=True) for name in ("header", "cookie", "json")),
        record({"address": {"const": True}}, "address", closed=True),
    ]
}
_CONDITION = record({"header": VERSION, "value": {"type": ["string", "null"], "maxLength": 256}, "version": VERSION},
                    "header", "version", closed=True)  # fmt: skip
_WORKER = record({
    "id": STRING, "startTime": {"type": "string", "format": "date-time"}, "status": one_of("READY", "UNLOADING"),
    "memoryUsage": INTEGER, "pid": INTEGER, "gpu": BOOLEAN, "gpuUsage": STRING,
}, "id", "status")  # fmt: skip
_FIGURES = record({"answers": INTEGER, "errors": INTEGER, "latency": LATENCY})

SCHEMAS: dict[str, Schema] = {
    "Error": record({
        "code": {**INTEGER, "description": "The HTTP status."},
        "type": {**STRING, "description": "The kind of error, by TorchServe's name."},
        "message": {**STRING, "description": "Cause and cure."},
    }, "code", "type"),
    "Status": record({"status": STRING}, "status"),
    "Object": {"type": "object"},
    "Ready": record({"name": STRING, "ready": BOOLEAN}, "name", "ready"),
    "Index": {"type": "object", "additionalProperties": STRING},
    "ModelList": record({
        "nextPageToken": STRING,
        "models": listing(record({"modelName": STRING, "modelUrl": STRING}, "modelName")),
    }, "models"),
    "ModelDescription": listing(record({
        "modelName": STRING, "modelVersion": STRING, "modelUrl": STRING, "runtime": STRING,
        "minWorkers": INTEGER, "maxWorkers": INTEGER, "batchSize": INTEGER, "maxBatchDelay": INTEGER,
        "responseTimeout": INTEGER, "startupTimeout": INTEGER, "loadedAtStartup": BOOLEAN,
        "workers": listing(_WORKER),
        "jobQueueStatus": record({"remainingCapacity": INTEGER, "pendingRequests": INTEGER}),
        "customizedMetadata": {"type": "object"},
    }, "modelName", "modelVersion", "workers")),
    "TrafficRules": {**record({
        "weights": {"type": "object", "additionalProperties": POSITIVE,
                    "description": "Relative weights by version; at least one above 0."},
        "key": {"anyOf": [_KEY, {"type": "null"}]},
        "experiment": WORDS,
        "conditions": listing(_CONDITION, maxItems=64),
        "shadow": {"anyOf": [
            record({"version": VERSION, "share": {**POSITIVE, "maximum": 1}, "tolerance": _TOLERANCE}, "version",
                   closed=True),
            {"type": "null"},
        ]},
    }, closed=True), "minProperties": 1},
    "Traffic": record({
        "modelName": STRING, "defaultVersion": STRING, "rules": {"type": "object"},
        "shadow": record({"version": STRING, "agreed": INTEGER, "differed": INTEGER, "dropped": INTEGER,
                          "agreement": NUMBER, "samples": listing({"type": "object"})}),
        "rollout": reference("Rollout"),
    }, "modelName", "defaultVersion", "rules"),
    "RolloutPlan": record({
        "from": {"type": "string", "minLength": 1}, "to": {"type": "string", "minLength": 1},
        "steps": listing({"type": "number", "exclusiveMinimum": 0, "maximum": 100}, minItems=1, maxItems=50,
                         description="Percentages that rise to 100."),
        "hold": {"type": "integer", "minimum": 1, "maximum": 1_000_000_000},
        "shadowFirst": BOOLEAN,
        "limits": record({"errorIncrease": _INCREASE, "p95Increase": _INCREASE, "disagreement": _LIMIT,
                          "falseAlarmRate": _LIMIT}, closed=True),
        "webhook": {"type": "string", "pattern": "^(https?://.*)?$"},
        "tolerance": _TOLERANCE,
    }, "to", closed=True),
    "Rollout": record({
        "from": STRING, "to": STRING,
        "state": one_of("shadowing", "stepping", "paused", "completed", "rolled_back", "aborted"),
        "share": {**POSITIVE, "maximum": 1}, "steps": listing(NUMBER), "step": INTEGER, "hold": INTEGER,
        "answersInStep": INTEGER, "reason": STRING, "versions": {"type": "object", "additionalProperties": _FIGURES},
        "evidence": {"type": "object", "additionalProperties": NUMBER}, "limits": {"type": "object"},
    }, "from", "to", "state", "share"),
    "DriftOptions": record({
        "window": {"type": "number", "minimum": 20, "maximum": 100_000},
        "rate": {"type": "number", "minimum": 0.001, "maximum": 1000}, "collect": {},
    }, closed=True),
    "Drift": record({
        "modelName": STRING, "modelVersion": STRING, "state": one_of("collecting", "watching"), "windows": INTEGER,
        "samplesInWindow": INTEGER, "windowSamples": INTEGER,
        "features": listing(record({"feature": STRING, "psi": NUMBER, "ks": NUMBER, "p_value": NUMBER,
                                    "missing": NUMBER}, "feature", "psi")),
    }, "modelName", "modelVersion", "state", "features"),
    "WorkflowList": record({
        "nextPageToken": STRING,
        "workflows": listing(record({"workflowName": STRING, "workflowUrl": STRING}, "workflowName")),
    }, "workflows"),
    "WorkflowDescription": listing(record({
        "workflowName": STRING, "workflowUrl": STRING, "minWorkers": INTEGER, "maxWorkers": INTEGER,
        "batchSize": INTEGER, "maxBatchDelay": INTEGER, "workflowDag": STRING,
    }, "workflowName", "workflowDag")),
}  # fmt: skip
