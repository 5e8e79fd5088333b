# syntax=docker/dockerfile:1
# One image for api, producer, worker and flower; docker-compose.yml says which.

FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
# Every file that is fetched has a hash in the lock; nothing after this line goes to the network.
COPY requirements.lock ./
RUN --mount=type=cache,target=/root/.cache/pip \
    pip wheel --require-hashes --wheel-dir /wheels -r requirements.lock
COPY pyproject.toml README.md LICENSE .env.example Procfile ./
COPY migration migration
COPY producer producer
COPY worker worker
COPY api api
RUN pip wheel --no-index --find-links /wheels --no-deps --wheel-dir /wheels .

FROM python:3.11-slim-bookworm
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# Of the wheels, only what a cluster needs is installed; --build-arg EXTRAS='[s3,tracing]' for a store of objects and traces.
ARG EXTRAS=""
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-index --find-links /wheels --no-cache-dir "convoy-migrate$EXTRAS" \
    && useradd --system --uid 10001 --home-dir /var/lib/convoy --create-home convoy \
    && install --directory --owner convoy --group convoy /var/lib/convoy/snapshots /var/lib/convoy/reports
USER convoy
# Not the folder of a source tree: Python and Celery look for modules in the working folder first.
WORKDIR /var/lib/convoy
ENV MIGRATION_SNAPSHOT_DIR=/var/lib/convoy/snapshots MIGRATION_REPORT_DIR=/var/lib/convoy/reports
CMD ["python", "-m", "api"]
