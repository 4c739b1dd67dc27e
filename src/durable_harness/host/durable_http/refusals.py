"""What the durable HTTP API answers where it cannot do what it was asked for."""

from __future__ import annotations

from durable_harness.host.durable_http.messages import ApiError, ApiResponse, bad_argument
from durable_harness.protocol import RpcError, RpcStatus


class EmptyError(ApiError):
    code = 0

    def __init__(self) -> None:
        super().__init__(self.code, "")

    def response(self) -> ApiResponse:
        return ApiResponse(self.code)


class NotFoundError(EmptyError):
    code = 404


class GoneError(EmptyError):
    code = 410


def rpc_error(error: RpcError) -> ApiError:
    if error.status is RpcStatus.INVALID_ARGUMENT:
        return bad_argument(str(error))
    return unexpected("Grpc.Core.RpcException", f'Status(StatusCode="{error.status}", Detail="{error}")')


def start_error(error: RpcError) -> ApiError:
    if error.status is RpcStatus.ALREADY_EXISTS:
        return ApiError(409, str(error), error_type="DurableTask.Core.Exceptions.OrchestrationAlreadyExistsException")
    if error.status is RpcStatus.INVALID_ARGUMENT:
        return bad_argument(str(error))
    return unexpected(str(error.status), str(error))


def unexpected(error_type: str, detail: str) -> ApiError:
    return ApiError(500, "Something went wrong while processing your request", error_type=error_type, detail=detail)
