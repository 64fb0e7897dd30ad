# This Meltano project with its connectors installed; a run connects only to the services.
# docs/containers.md describes how to run it.
ARG BASE_IMAGE=docker.io/library/python:3.13-slim-trixie

FROM $BASE_IMAGE AS build
# Compile now, because the root file system may be read-only.
ENV PATH=/opt/meltano/bin:$PATH UV_COMPILE_BYTECODE=1 UV_CACHE_DIR=/tmp/uv
WORKDIR /project
COPY constraints.txt ./
# Backends for state; gcs and azure are available as well.
ARG MELTANO_EXTRAS=postgres,s3
RUN python3 -m venv /opt/meltano && \
    pip install --no-cache-dir --constraint constraints.txt "meltano[$MELTANO_EXTRAS]"
COPY . ./
ARG PLUGINS="tap-moesif target-segment target-moesif"
# Meltano's default database is in the mounted folder.
RUN meltano install $PLUGINS && \
    python3 -m compileall -q singer-delivery tap-moesif target-moesif target-segment && \
    rm -rf sandbox /tmp/uv .meltano/analytics.json .meltano/run && \
    ln -sf ../output/meltano.db .meltano/meltano.db && \
    install --directory --owner=10001 --group=10001 output

# Both services, for compose.yaml.
FROM $BASE_IMAGE AS sandbox
COPY constraints.txt sandbox /sandbox/
RUN python3 -m venv /opt/sandbox && \
    /opt/sandbox/bin/pip install --no-cache-dir --constraint /sandbox/constraints.txt /sandbox && \
    rm -r /sandbox
USER 10001:10001
ENTRYPOINT ["/opt/sandbox/bin/moesif-sandbox"]

FROM $BASE_IMAGE
COPY --from=build /opt/meltano /opt/meltano
COPY --from=build /project /project
ENV PATH=/opt/meltano/bin:$PATH HOME=/tmp MELTANO_AUTO_INSTALL=false MELTANO_ENVIRONMENT=prod
WORKDIR /project
USER 10001:10001
ENTRYPOINT ["orchestrate/run"]
CMD ["run", "moesif-to-segment"]
