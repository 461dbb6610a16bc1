# One image for every worker and the web; the command says which: `docker run cryptoviz writer`.
FROM python:3.13-slim-bookworm AS build
WORKDIR /src
COPY requirements.lock pyproject.toml README.md LICENSE ./
COPY pipeline pipeline
COPY dashboard dashboard
COPY assets assets
COPY sql sql
# The lock file as constraints: the locked versions, without what only tests need.
RUN python -m venv /app && /app/bin/pip install --no-cache-dir --no-compile -c requirements.lock ".[tracing]"

FROM python:3.13-slim-bookworm
RUN useradd --system --uid 10001 --no-create-home cryptoviz && install -d -o cryptoviz /exports
COPY --from=build /app /app
ENV PATH=/app/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001
WORKDIR /tmp
ENTRYPOINT ["cryptoviz"]
CMD ["web"]
