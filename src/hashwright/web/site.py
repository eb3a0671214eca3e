"""Puts the web together: handlers, who may, how errors are told, the built front end, the OpenAPI document."""

import asyncio
import http
from pathlib import Path
from typing import Any, Final

import structlog
from litestar import Litestar, MediaType, Request, Response, get
from litestar.config.compression import CompressionConfig
from litestar.datastructures import State
from litestar.exceptions import HTTPException, ValidationException
from litestar.middleware import DefineMiddleware
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.static_files import create_static_files_router

import hashwright
from hashwright.errors import HashwrightError
from hashwright.web.api_books import BooksController
from hashwright.web.api_care import CareController, NotifyController
from hashwright.web.api_energy import EnergyController, PowerSteerController
from hashwright.web.api_find import FindController
from hashwright.web.api_fleet import FleetController
from hashwright.web.api_grid import GridController, PinController
from hashwright.web.api_hold import HoldController
from hashwright.web.api_lab import LabController
from hashwright.web.api_machine import MachineController
from hashwright.web.api_market import MarketController
from hashwright.web.api_market_data import MarketDataController
from hashwright.web.api_market_money import MarketMoneyController
from hashwright.web.api_mine import OwnController, PoolController, RouteController
from hashwright.web.api_now import NowController
from hashwright.web.api_people import PeopleController
from hashwright.web.api_plan import PlanController
from hashwright.web.api_prices import PriceController
from hashwright.web.api_session import SessionController
from hashwright.web.api_steer import SteerController
from hashwright.web.api_view import ViewController
from hashwright.web.books import DayBook
from hashwright.web.context import Doorman, Site, site_of
from hashwright.web.encoded import Kept
from hashwright.web.energy import FleetWatch
from hashwright.web.grid import GridDesk
from hashwright.web.lab import Lab
from hashwright.web.metrics import MetricsController
from hashwright.web.problems import MEDIA_TYPE, Place, Problem, encoded, problem, problem_of
from hashwright.web.scans import Scanner
from hashwright.web.shield import BODY_MAX, Shield
from hashwright.web.steering import Helm
from hashwright.web.stream import Deltas, StreamController

log = structlog.get_logger()

STATIC: Final = Path(__file__).parent / "static"
OF_STATUS: Final = {400: "HW-745", 404: "HW-748", 405: "HW-749", 413: "HW-750", 401: "HW-740", 403: "HW-741"}
COMPRESS_FROM: Final = 2_000
NO_PAGE: Final = "The front end is not in this package. Build it: cd frontend && npm ci && npm run build\n"
CONTROLLERS: Final = (
    SessionController,
    ViewController,
    FleetController,
    FindController,
    MachineController,
    NowController,
    MarketController,
    MarketDataController,
    MarketMoneyController,
    NotifyController,
    CareController,
    StreamController,
    RouteController,
    PoolController,
    OwnController,
    BooksController,
    HoldController,
    LabController,
    PlanController,
    GridController,
    PinController,
    SteerController,
    EnergyController,
    PowerSteerController,
    PriceController,
    PeopleController,
    MetricsController,
)


def build(site: Site) -> Litestar:
    """Return the application behind the shield."""
    return Litestar(
        route_handlers=[*CONTROLLERS, page, healthz, create_static_files_router("/assets", [STATIC / "assets"])],
        middleware=[DefineMiddleware(Doorman)],
        exception_handlers={
            HashwrightError: tell_ours,
            HTTPException: tell_http,
            Exception: tell_fault,
        },
        openapi_config=OpenAPIConfig(
            title="Hashwright",
            version="1",
            path="/api",
            description="The verbs of `hw` over HTTP. Errors are RFC 9457 problems; times are [ms since 1970 UTC].",
            render_plugins=[JsonRenderPlugin()],
            components=Components(
                security_schemes={
                    "key": SecurityScheme(type="http", scheme="bearer", description="A key of Settings: `hwk_...`."),
                    "session": SecurityScheme(type="apiKey", name=site.cookie, security_scheme_in="cookie"),
                }
            ),
            security=[{"key": []}, {"session": []}],
        ),
        compression_config=CompressionConfig(
            backend="gzip", minimum_size=COMPRESS_FROM, gzip_compress_level=3, exclude_opt_key="is_packed"
        ),
        request_max_body_size=BODY_MAX,
        state=State(
            {
                "site": site,
                "deltas": Deltas(),
                "days": DayBook(),
                "proving": asyncio.Lock(),
                "lab": Lab(site.live.folder, clock=site.clock),
                "helm": Helm(site.live),
                "fleet_watch": FleetWatch(site.live),
                "grids": GridDesk(),
                "kept": Kept(),
                "preferences": site.preferences,
                "scanner": Scanner(clock=site.clock),
            }
        ),
        debug=False,
    )


def shielded(site: Site, *, hosts: set[str]) -> Shield:
    """Return the application as the server runs it."""
    return Shield(build(site), hosts=hosts, is_https=site.is_https, clock=site.clock)  # type: ignore[arg-type]


@get("/", include_in_schema=False, media_type=MediaType.HTML, sync_to_thread=True)
def page() -> Response[bytes]:
    """Send the one page of the front end."""
    path = STATIC / "index.html"
    if not path.exists():
        return Response(NO_PAGE.encode(), media_type="text/plain", status_code=503)
    return Response(path.read_bytes(), media_type="text/html; charset=utf-8", headers={"cache-control": "no-cache"})


@get("/healthz", include_in_schema=False, media_type=MediaType.TEXT)
async def healthz(request: Request[Any, Any, Any]) -> Response[str]:
    """Say whether the program behind this web answers."""
    picture = await site_of(request).live.fresh()
    is_good = picture.status is not None and picture.status["journal"]["state"] == "ok"
    words = "ok" if is_good else "the web runs; no program answers, or its journal cannot be written"
    return Response(words + "\n", status_code=200 if is_good else 503)


# ---------------------------------------------------------------- errors


def tell_ours(_: Request[Any, Any, Any], error: HashwrightError) -> Response[bytes]:
    """Answer with an error of ours."""
    return _respond(problem_of(error))


def tell_http(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """Answer with an error of the framework: a path, a method, or a value that it could not read."""
    status = error.status_code
    if status >= 500:
        return tell_fault(request, error)
    code = OF_STATUS.get(status, "HW-745")
    places: tuple[Place, ...] = ()
    if isinstance(error, ValidationException) and isinstance(error.extra, list):
        places = tuple(
            Place(str(it.get("key", ""))[:100], str(it.get("message", ""))[:300])
            for it in error.extra
            if isinstance(it, dict)
        )
    detail = str(error.detail)[:300] or http.HTTPStatus(status).phrase
    return _respond(problem(code, detail, status=status, findings=places), headers=dict(error.headers or {}))


def tell_fault(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Answer a fault of ours without its traceback, and log it."""
    log.error("a request failed", path=request.scope["path"][:200], exc_info=error)
    return _respond(problem("HW-901", f"Hashwright itself failed: {type(error).__name__}."))


def _respond(found: Problem, *, headers: dict[str, str] | None = None) -> Response[bytes]:
    return Response(encoded(found), status_code=found.status, media_type=MEDIA_TYPE, headers=headers)


VERSION: Final = hashwright.__version__
