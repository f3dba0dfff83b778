# Eidetic in a container: docs/deploy.md. Both stages are of one image, so that the virtual
# environment of the first runs in the second.
ARG PYTHON_IMAGE=python:3.11.13-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
# Address of PyTorch's own index of CPU wheels (see README), for a much smaller image.
# Without it torch is the package index's: on Linux with CUDA, for GPUs.
ARG TORCH_INDEX=""
ARG EXTRAS="raw,s3,http,parquet,mcp"
RUN python -m venv /opt/eidetic
WORKDIR /build
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY schema schema
COPY embed embed
COPY ingest ingest
COPY search search
COPY eidetic eidetic
RUN --mount=type=cache,target=/root/.cache/pip \
    /opt/eidetic/bin/pip install --disable-pip-version-check --constraint constraints.txt \
    ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} ".[${EXTRAS}]" \
    && /opt/eidetic/bin/eidetic --version

FROM ${PYTHON_IMAGE}
RUN groupadd --gid 10001 eidetic \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data eidetic \
    && install --directory --owner 10001 --group 10001 /data
COPY --from=build /opt/eidetic /opt/eidetic
# All that is written lies in /data (archives, models) and /tmp; the rest may be read-only.
ENV PATH=/opt/eidetic/bin:$PATH \
    HOME=/data \
    EIDETIC_DATA_DIR=/data/archives \
    HF_HOME=/data/models \
    PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8484
# Archives are opened and models loaded before the first answer.
HEALTHCHECK --interval=30s --timeout=10s --start-period=120s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8484/healthz', timeout=5)"]
ENTRYPOINT ["eidetic"]
CMD ["serve", "--host", "0.0.0.0"]
