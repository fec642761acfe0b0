"""The HTTP API: one NinjaAPI at /api/, with its description at /api/openapi.json and a page of it at /api/docs."""

from ninja import NinjaAPI
from ninja.openapi.docs import Swagger

from core.bodies import StrictParser
from core.notifications.api import router as notifications
from core.orders.api import router as orders
from core.problems import install
from core.stock.api import materials
from core.stock.api import router as stock

api = NinjaAPI(
    title="Tideline",
    version="1",
    description="What programs and pages ask of Tideline over HTTP. What changes by itself comes over the WebSocket.",
    urls_namespace="api",
    parser=StrictParser(),
    docs=Swagger({"deepLinking": False}),  # its links stand inside buttons, where they can't be reached
)
install(api)
api.add_router("/v1/notifications", notifications)
api.add_router("/v1", orders)
api.add_router("/v1/stock", stock)
api.add_router("/v1/materials", materials)
