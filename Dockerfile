# One image for every part: `migrate`, `relay`, `serve`, and any other command of manage.py.
#
#   docker build -t tideline .
#   docker run … tideline serve --host 0.0.0.0 --port 8000      (the default; with --processes N several on the one port)
#   docker run … tideline relay --host 0.0.0.0 --port 8000
#
# Nothing is written to the image's file system while it runs but /tmp: it may be read-only, with a tmpfs there,
# and run as any user. docs/OPERATE.md says what it needs to be told.

FROM python:3.11-slim-bookworm AS build
ENV UV_PROJECT_ENVIRONMENT=/opt/venv \
    UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_PYTHON_DOWNLOADS=never
RUN pip install --no-cache-dir uv==0.13.8
WORKDIR /srv/tideline
# What changes seldom comes first, so that a build after a change of ours takes seconds.
COPY pyproject.toml uv.lock ./
# Translations' sources and Twisted's own tests are never read.
RUN uv sync --frozen --no-default-groups --no-cache \
    && find /opt/venv/lib -name '*.po' -delete \
    && find /opt/venv/lib -path '*/twisted/*' -name test -type d -prune -exec rm -r {} + \
    && rm -f /opt/venv/.lock
COPY asgi.py manage.py ./
COPY realtime realtime
COPY consumers consumers
COPY core core
# Needs neither a server nor a secret; then all is compiled, for nobody may write bytecode later.
RUN STATIC_ROOT=/srv/tideline/staticfiles /opt/venv/bin/python manage.py collectstatic --no-input \
    && /opt/venv/bin/python -m compileall -q -j 0 /srv/tideline

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="Tideline" \
      org.opencontainers.image.description="Live updates for Django shops: server and relay"
COPY --from=build /opt/venv /opt/venv
COPY --from=build /srv/tideline /srv/tideline
WORKDIR /srv/tideline
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    STATIC_ROOT=/srv/tideline/staticfiles
# Any other id works too: everything may be read by everyone and belongs to root.
USER 10001:10001
EXPOSE 8000
# SIGTERM closes every WebSocket with 4000, and takes 3 seconds at most, 5 with several processes.
STOPSIGNAL SIGTERM
# Server and relay answer alike: 200 while they live and get on. A frozen one answers nothing.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import http.client, sys; c = http.client.HTTPConnection('127.0.0.1', 8000, timeout=4); c.request('GET', '/healthz'); sys.exit(c.getresponse().status != 200)"]
ENTRYPOINT ["python", "manage.py"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]
