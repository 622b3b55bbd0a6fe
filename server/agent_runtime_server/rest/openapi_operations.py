"""Methods of the contract as operations: where they are, what they take and what they answer."""

from __future__ import annotations

import re
from collections.abc import Iterable

from google.protobuf.descriptor import FieldDescriptor

from agent_runtime_server.rest import openapi_answers as answers
from agent_runtime_server.rest.bindings import WHOLE, Binding
from agent_runtime_server.rest.openapi_comments import Comments
from agent_runtime_server.rest.openapi_rules import Keywords
from agent_runtime_server.rest.openapi_schemas import Schemas, Way, is_required, reference

_VARIABLE = re.compile(r"\{([a-z_.]+)(=\*\*)?\}")
_ID = "^[A-Za-z0-9_-][A-Za-z0-9._-]*$"
_ALWAYS = (400, 500, 503, 504)
_WITH_BODY = (408, 413, 415, 429)
_EXAMPLES: dict[str, Keywords] = {
    "CreateTask": {
        "task_type": "complete",
        "configuration": {"app_url": "https://example.com", "instructions": "Focus on login and checkout flows"},
    },
    "UpdateTask": {"labels": {"team": "shop"}, "priority": 1},
    "CancelTask": {"reason": "no longer needed"},
    "RetryTask": {"failed_tests_only": True},
    "RespondToInput": {"decision": "answer", "text": "the second one"},
    "CreateSession": {"session_id": "my-session"},
}
"""Bodies that are worth sending: what a page would make of a schema names every field."""


class Operations:
    """Makes operations; the schemas that they refer to are kept in ``schemas``."""

    def __init__(self, schemas: Schemas, comments: Comments) -> None:
        self._schemas = schemas
        self._comments = comments

    def path(self, binding: Binding) -> str:
        """The path, with names of parameters that everyone takes."""
        return _VARIABLE.sub(lambda match: "{" + _plain(match[1]) + "}", binding.template)

    def operation(self, binding: Binding) -> Keywords:
        """The operation of a method."""
        method = binding.method
        comment = self._comments.of(method.full_name)
        statuses = set(_ALWAYS)
        if binding.variables or binding.body:
            statuses.add(404)
        operation: Keywords = {
            "operationId": method.name,
            "tags": [_tag(binding)],
            "summary": _first_sentence(comment),
            "description": comment + ("\n\n`HEAD` tells the headers alone." if binding.chunked else ""),
            "parameters": [*self._in_path(binding), *self._in_query(binding), *self._headers(binding)],
        }
        if binding.body:
            operation["requestBody"] = self._body(binding)
            statuses.update(_WITH_BODY)
        if binding.verb != "GET":
            statuses |= {403, 409}
        if binding.chunked:
            ok = answers.content(_in_parts(binding))
            statuses.update((409, 416) if _in_parts(binding) else (409,))
        elif method.server_streaming:
            ok = answers.streamed(self._schemas.message(method.output_type, Way.OUT))
            statuses |= {406, 429}
        else:
            ok = {"200": answers.message(self._answer(binding), "Carried out.")}
            if "replayed" in method.output_type.fields_by_name:
                ok["200"]["headers"] = answers.REPLAYED
        operation["responses"] = ok | answers.problems(statuses)
        return operation

    def _answer(self, binding: Binding) -> Keywords:
        output = binding.method.output_type
        if binding.response_body:
            return self._schemas.field(output.fields_by_name[binding.response_body], Way.OUT)
        return self._schemas.message(output, Way.OUT)

    def _in_path(self, binding: Binding) -> Iterable[Keywords]:
        for match in _VARIABLE.finditer(binding.template):
            field = _find(binding, match[1])
            schema = self._schemas.field(field, Way.IN)
            text = schema.pop("description", "")
            if match[2]:
                text = f"{text} It may hold slashes.".strip()
            else:
                schema["pattern"] = _ID
            parameter = {"name": _plain(match[1]), "in": "path", "required": True, "schema": schema}
            yield parameter | ({"description": text} if text else {})

    def _in_query(self, binding: Binding) -> Iterable[Keywords]:
        for field in () if binding.body == WHOLE else _others(binding):
            schema = self._schemas.field(field, Way.IN)
            parameter: Keywords = {"name": field.name, "in": "query"}
            if text := schema.pop("description", ""):
                parameter["description"] = text
            if is_required(field, Way.IN):
                parameter["required"] = True
            yield parameter | {"schema": schema}

    def _headers(self, binding: Binding) -> Iterable[Keywords]:
        if "request_id" in binding.method.input_type.fields_by_name:
            text = "Makes the call safe to repeat, as `request_id` does; any text."
            yield answers.header("Idempotency-Key", text, {"type": "string", "minLength": 1, "maxLength": 255})
        if binding.chunked:
            yield from answers.range_headers() if _in_parts(binding) else ()
        elif binding.method.server_streaming:
            text = "Goes on after the event that had this `id`."
            yield answers.header("Last-Event-ID", text, {"type": "string"})

    def _body(self, binding: Binding) -> Keywords:
        message = binding.method.input_type
        if binding.body == WHOLE:
            self._schemas.components[message.name] = self._schemas.body(message, _others(binding), Way.IN)
            schema = reference(message.name)
        else:
            schema = self._schemas.field(message.fields_by_name[binding.body], Way.IN)
        media: Keywords = {"schema": schema}
        if example := _EXAMPLES.get(binding.method.name):
            media["example"] = example
        needed = binding.body != WHOLE or "required" in self._schemas.components[message.name]
        return {"required": needed, "content": {answers.JSON: media}}


def _others(binding: Binding) -> list[FieldDescriptor]:
    """Fields of the request that are neither in the path, nor excluded by what is, nor the body."""
    taken = {binding.body, *binding.variables, *(name.partition(".")[0] for name in binding.variables)}
    oneofs = [_find(binding, name).containing_oneof for name in binding.variables]
    return [
        field
        for field in binding.method.input_type.fields
        if field.name not in taken and (field.containing_oneof is None or field.containing_oneof not in oneofs)
    ]


def _find(binding: Binding, path: str) -> FieldDescriptor:
    fields = binding.method.input_type.fields_by_name
    *parents, name = path.split(".")
    for parent in parents:
        holder = fields[parent].message_type
        assert holder is not None, path
        fields = holder.fields_by_name
    return fields[name]


def _in_parts(binding: Binding) -> bool:
    return "read_offset" in binding.method.input_type.fields_by_name


def _plain(variable: str) -> str:
    """Name of a path's parameter: ``task_id`` for the field ``task.id``."""
    return variable.replace(".", "_")


def _tag(binding: Binding) -> str:
    return re.split(r"[/:]", binding.template)[2].capitalize()


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=[.:])\s", text, maxsplit=1)[0].rstrip(".:").replace("`", "")
