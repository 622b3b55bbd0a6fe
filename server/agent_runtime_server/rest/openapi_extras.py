"""Routes that are no method of the contract: uploads, reports, metrics, the descriptions themselves."""

from __future__ import annotations

from google.protobuf.descriptor import FieldDescriptor

from agent_runtime.v1 import service_pb2, session_pb2
from agent_runtime_server.rest import openapi_answers as answers
from agent_runtime_server.rest.openapi_comments import Comments
from agent_runtime_server.rest.openapi_rules import Keywords
from agent_runtime_server.rest.openapi_schemas import Schemas, Way

_HEADER = service_pb2.WriteSessionFileHeader.DESCRIPTOR.fields_by_name
_UPLOAD = service_pb2.DESCRIPTOR.services_by_name["SessionService"].methods_by_name["WriteSessionFile"]


def extra_paths(schemas: Schemas, comments: Comments) -> dict[str, Keywords]:
    """Their paths, each with its operations."""
    session, path = (_in_path(schemas, _HEADER[name]) for name in ("session_id", "path"))
    return {
        "/v1/sessions/{session_id}/files/{path}": {
            "put": {
                "operationId": _UPLOAD.name,
                "tags": ["Sessions"],
                "summary": "Puts one file into the session",
                "description": comments.of(_UPLOAD.full_name),
                "parameters": [
                    session,
                    path,
                    *(
                        {"name": name, "in": "query", "schema": schemas.field(_HEADER[name], Way.IN)}
                        for name in ("sha256", "overwrite")
                    ),
                ],
                "requestBody": {
                    "required": True,
                    "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
                },
                "responses": {
                    "200": answers.message(
                        schemas.message(session_pb2.SessionFile.DESCRIPTOR, Way.OUT), "It is there."
                    ),
                    **answers.problems((400, 403, 404, 408, 409, 413, 429, 500, 503, 504)),
                },
            }
        },
        "/report/{session_id}/{path}": {
            "get": {
                "operationId": "ReadReport",
                "tags": ["Sessions"],
                "summary": "Shows a file of the session as a page of its own, without rights",
                "parameters": [session, path, *answers.range_headers()],
                "responses": answers.content(in_parts=True) | answers.problems((400, 404, 409, 416, 500, 503, 504)),
            }
        },
        "/metrics": {
            "get": {
                "operationId": "ReadMetrics",
                "tags": ["Server"],
                "summary": "Figures for Prometheus",
                "responses": {
                    "200": {
                        "description": "In its text format, or in that of OpenMetrics.",
                        "content": {
                            name: {"schema": {"type": "string"}}
                            for name in ("text/plain", "application/openmetrics-text")
                        },
                    }
                },
            }
        },
    }


def _in_path(schemas: Schemas, field: FieldDescriptor) -> Keywords:
    return {"name": field.name, "in": "path", "required": True, "schema": schemas.field(field, Way.IN)}
