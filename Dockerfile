# One image for server and relay: `docker run … serve --port 8000`, `docker run … relay`.
FROM python:3.11-slim-bookworm AS build
ENV UV_PROJECT_ENVIRONMENT=/opt/venv UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy
RUN pip install --no-cache-dir uv==0.13.8
WORKDIR /srv/tideline
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-default-groups
COPY asgi.py manage.py ./
COPY realtime realtime
COPY consumers consumers
COPY core core
# No server is needed to collect files, and the key that is used for it stays here.
RUN SECRET_KEY=build STATIC_ROOT=/srv/tideline/staticfiles /opt/venv/bin/python manage.py collectstatic --no-input

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /srv/tideline tideline
COPY --from=build /opt/venv /opt/venv
COPY --from=build /srv/tideline /srv/tideline
WORKDIR /srv/tideline
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 STATIC_ROOT=/srv/tideline/staticfiles
USER tideline
EXPOSE 8000
ENTRYPOINT ["python", "manage.py"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]
