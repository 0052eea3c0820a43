"""ModelService."""

from collections.abc import Sequence

from recstream.errors import NotFoundError
from recstream.v1 import model_service_pb2 as model_pb
from recstream.v1.model_service_pb2_grpc import ModelServiceServicer
from recstream_server.rpc_context import Context
from recstream_server.served_model import ServedModel
from recstream_server.settings import LimitSettings
from recstream_server.validation.model import check_get_model, check_list_models, models_page_token


class ModelService(ModelServiceServicer):
    """Tells which models are being served.

    Parameters
    ----------
    models : sequence of ServedModel
    limits : LimitSettings
    """

    def __init__(self, models: Sequence[ServedModel], limits: LimitSettings) -> None:
        self._models = sorted(models, key=lambda model: model.name)
        self._limits = limits

    async def ListModels(self, request: model_pb.ListModelsRequest, context: Context) -> model_pb.ListModelsResponse:
        """List the models by name."""
        page_size, offset = check_list_models(request, self._limits)
        end = offset + page_size
        return model_pb.ListModelsResponse(
            models=[model.description for model in self._models[offset:end]],
            next_page_token=models_page_token(end) if end < len(self._models) else "",
        )

    async def GetModel(self, request: model_pb.GetModelRequest, context: Context) -> model_pb.GetModelResponse:
        """Describe one model."""
        name = check_get_model(request, self._limits)
        for model in self._models:
            if model.name == name:
                return model_pb.GetModelResponse(model=model.description)
        raise NotFoundError("name: no such model is being served; ListModels names them", reason="MODEL_NOT_FOUND")
