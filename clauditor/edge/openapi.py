"""The endpoints as an OpenAPI 3.1 document, for programs that read such."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from clauditor.edge.endpoints import ENDPOINTS, JSON, Endpoint

_BODY_ERRORS: Final[Mapping[str, str]] = {
    "408": "The body did not arrive in time.",
    "413": "The body is too large.",
    "415": "The body is not application/json.",
}
_ERRORS: Final[Mapping[str, str]] = {
    "400": "A parameter cannot be used.",
    "401": "The token is missing or wrong.",
    "403": "The request comes from another web page.",
    "404": "There is no such session.",
    "421": "The Host header names somebody else.",
    "503": "The history cannot be read now, or too many readers.",
}


def description(version: str) -> dict[str, Any]:
    """The OpenAPI 3.1 document of ENDPOINTS."""
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in ENDPOINTS:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Clauditor", "version": version},
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {
                "Error": {
                    "type": "object",
                    "required": ["error"],
                    "properties": {
                        "error": {
                            "type": "object",
                            "required": ["code", "message"],
                            "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
                        }
                    },
                }
            },
        },
    }


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    query = [
        {"name": parameter.name, "in": "query", "description": parameter.text, "schema": parameter.schema()}
        for parameter in endpoint.parameters
    ]
    session_id = {"name": "id", "in": "path", "required": True, "schema": {"type": "string", "minLength": 4}}
    error = {JSON: {"schema": {"$ref": "#/components/schemas/Error"}}}
    is_post = endpoint.method == "POST"
    errors = {**_ERRORS, **_BODY_ERRORS} if is_post else _ERRORS
    operation: dict[str, Any] = {
        "summary": endpoint.text,
        "parameters": [session_id, *query] if "{id}" in endpoint.path else query,
        "responses": {
            "200": {"description": "As the summary says.", "content": {endpoint.media_type: {}}},
            **{status: {"description": text, "content": error} for status, text in sorted(errors.items())},
        },
    }
    if is_post:
        operation["requestBody"] = {"required": True, "content": {JSON: {"schema": {"type": "object"}}}}
    return operation | {"security": []} if endpoint.is_open else operation
