"""The one form of every error answer, and which error becomes which."""

from __future__ import annotations

import logging

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

log = logging.getLogger(__name__)


def problem(status: int, code: str, message: str) -> JSONResponse:
    """`{"error": {"code", "message"}}`; the code is for programs, the sentence for people."""
    return JSONResponse({"error": {"code": code, "message": message}}, status_code=status)


async def bad_parameter(request: Request, error: Exception) -> Response:  # noqa: ARG001
    return problem(400, "bad_parameter", str(error))


async def no_history(request: Request, error: Exception) -> Response:  # noqa: ARG001
    log.warning("the history could not be read: %s", error)
    return problem(503, "history_unavailable", "The history cannot be read now; the sidecar's log says why.")


async def http_problem(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    match error.status_code:
        case 404 if request.url.path.startswith("/api/v1/sessions/") and "id" not in request.path_params:
            return problem(404, "not_found", "No session can have such an id; clauditor sessions lists them.")
        case 404 if "id" not in request.path_params:
            return problem(
                404, "not_found", "There is nothing here; /api/v1/openapi.json lists what there is."
            )
        case 405:
            return problem(
                405,
                "method_not_allowed",
                "This method is not answered here; /api/v1/openapi.json lists what is.",
            )
        case status:
            return problem(status, "not_found" if status == 404 else "bad_parameter", str(error.detail))
