"""What /openapi.json and /docs say beyond the schemas."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from frontend.schedules import RecommendedSchedule


def state_model_defaults(app: FastAPI, schedule: RecommendedSchedule) -> None:
    """Name the loaded model's steps, guidance and sway as the defaults of the fields.

    In the requests they are None, which means "the model's own"; a fixed number in the schema
    would be wrong for every other model.
    """
    plain = app.openapi
    defaults = {
        "num_inference_steps": schedule.num_steps,
        "guidance_scale": schedule.guidance,
        "use_sway_sampling": schedule.sway is not None,
    }

    def openapi() -> dict[str, Any]:
        schema = plain()
        for body in schema["components"]["schemas"].values():
            _state(body.get("properties", {}), defaults)
        for operations in schema["paths"].values():
            for operation in operations.values():
                parameters = operation.get("parameters", ())
                _state({p["name"]: p["schema"] for p in parameters}, defaults)
        return schema

    app.openapi = openapi


def _state(fields: dict[str, dict[str, Any]], defaults: dict[str, Any]) -> None:
    for name in fields.keys() & defaults.keys():
        fields[name]["default"] = defaults[name]
