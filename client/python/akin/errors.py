"""Errors with the service's reasons."""

from __future__ import annotations

from dataclasses import dataclass

import grpc

from .v1 import details_pb2, status_pb2


@dataclass(frozen=True)
class FieldViolation:
    """What is wrong with one field of a request, such as "paper.title"."""

    field: str
    description: str


class Error(Exception):
    """The error of a call.

    code is the status code of gRPC; reason the service's stable upper-case reason, such as "PAPER_NOT_FOUND", or "";
    fields are those at fault; metadata is what the service adds; retry_after the wait in seconds that it asks for, or
    None.
    """

    def __init__(self, code: grpc.StatusCode, message: str, details=()):
        super().__init__(message or code.name)
        self.code = code
        self.reason = ""
        self.metadata: dict[str, str] = {}
        self.fields: list[FieldViolation] = []
        self.retry_after: float | None = None
        for detail in details:
            kind = detail.type_url.rpartition("/")[2]
            if kind == "google.rpc.ErrorInfo":
                info = details_pb2.ErrorInfo.FromString(detail.value)
                if info.domain == "akin":
                    self.reason, self.metadata = info.reason, dict(info.metadata)
            elif kind == "google.rpc.BadRequest":
                violations = details_pb2.BadRequest.FromString(detail.value).field_violations
                self.fields = [FieldViolation(v.field, v.description) for v in violations]
            elif kind == "google.rpc.RetryInfo":
                delay = details_pb2.RetryInfo.FromString(detail.value).retry_delay
                self.retry_after = max(0.0, delay.seconds + delay.nanos / 1e9)

    @property
    def field(self) -> str:
        """The first field at fault, or ""."""
        return self.fields[0].field if self.fields else ""


_CODES = {code.value[0]: code for code in grpc.StatusCode}


def of_call(error: grpc.RpcError) -> Error:
    """The Error of a call that failed."""
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            return Error(error.code(), error.details(), status_pb2.Status.FromString(value).details)
    return Error(error.code(), error.details())


def of_item(status: status_pb2.Status) -> Error:
    """The Error of one item of a call."""
    return Error(_CODES.get(status.code, grpc.StatusCode.UNKNOWN), status.message, status.details)
