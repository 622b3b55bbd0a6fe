# syntax=docker/dockerfile:1

FROM node:22-trixie-slim AS toolchain
WORKDIR /toolchain
COPY config/toolchain/package.json config/toolchain/package-lock.json config/toolchain/.npmrc ./
RUN npm ci --ignore-scripts
COPY config/toolchain/opencode.lock ./
RUN package="opencode-linux-$(node -p process.arch)" \
    && version="$(awk -v name="$package" '$1 == name { print $2 }' opencode.lock)" \
    && npm pack --silent "$package@$version" \
    && tar -xzf "$package-$version.tgz" \
    && mkdir opencode \
    && mv package/bin/opencode opencode/ \
    && rm -r package "$package-$version.tgz"

FROM python:3.13-slim-trixie
SHELL ["/bin/bash", "-o", "pipefail", "-c"]

# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
        bubblewrap chromium chromium-headless-shell ffmpeg fonts-liberation ripgrep \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 10001 agent

COPY --from=toolchain /usr/local/bin/node /usr/local/bin/node
COPY --from=toolchain /toolchain /opt/agent-runtime/.toolchain

WORKDIR /opt/agent-runtime
COPY requirements.lock ./
RUN pip install --no-cache-dir --require-hashes --no-deps --requirement requirements.lock
COPY . ./
RUN pip install --no-cache-dir --no-build-isolation --no-deps . \
    && cp config/toolchain/browser.cjs .toolchain/

# Playwright finds the system's browser and ffmpeg where it looks for its own.
ENV PLAYWRIGHT_BROWSERS_PATH=/opt/agent-runtime/browsers
RUN node .toolchain/browser.cjs link /usr/bin/chromium /usr/bin/chromium-headless-shell /usr/bin/ffmpeg \
        /opt/agent-runtime/.toolchain/node_modules/playwright-core \
        "$(python -c 'import pathlib, playwright; print(pathlib.Path(playwright.__file__).parent)')/driver/package" \
    && install --directory --owner agent /data /data/workspaces /data/state

# The container's network is the boundary: publish the ports on the loopback interface only, as docker-compose.yml does.
ENV AGENT_RUNTIME_GRPC_ADDRESS=0.0.0.0:50051 \
    AGENT_RUNTIME_INSECURE=true \
    HOST=0.0.0.0 \
    AGENT_RUNTIME_STATE_DIR=/data/state \
    AGENT_RUNTIME_TOOLCHAIN_DIR=/opt/agent-runtime/.toolchain \
    WORKSPACE_ROOT=/data/workspaces

USER 10001
WORKDIR /data
VOLUME ["/data/state", "/data/workspaces"]
EXPOSE 5001 50051
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s CMD ["agent-runtime", "health"]
CMD ["agent-runtime", "serve"]
