"""What /openapi.json and /docs say beyond the schemas."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from frontend.schedules import RecommendedSchedule


def state_model_facts(
    app: FastAPI, schedule: RecommendedSchedule, max_guidance: float | None
) -> None:
    """Name the loaded model's steps, guidance and sway as the defaults of the fields.

    In the requests they are None, which means "the model's own"; a fixed number in the schema
    would be wrong for every other model. So would a largest guidance scale.
    """
    plain = app.openapi
    facts: dict[str, dict[str, Any]] = {
        "num_inference_steps": {"default": schedule.num_steps},
        "guidance_scale": {"default": schedule.guidance},
        "use_sway_sampling": {"default": schedule.sway is not None},
    }
    if max_guidance is not None:
        facts["guidance_scale"]["maximum"] = max_guidance

    def openapi() -> dict[str, Any]:
        schema = plain()
        for body in schema["components"]["schemas"].values():
            _state(body.get("properties", {}), facts)
        for operations in schema["paths"].values():
            for operation in operations.values():
                parameters = operation.get("parameters", ())
                _state({p["name"]: p["schema"] for p in parameters}, facts)
        return schema

    app.openapi = openapi


def _state(fields: dict[str, dict[str, Any]], facts: dict[str, dict[str, Any]]) -> None:
    for name in fields.keys() & facts.keys():
        fields[name] |= facts[name]
