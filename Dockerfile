# Any image with Python 3.11 or newer and venv will do: docker build --build-arg BASE=… .
ARG BASE=python:3.12-slim

FROM ${BASE} AS build
RUN python3 -m venv /opt/tenure
WORKDIR /src
COPY requirements-runtime.lock .
RUN /opt/tenure/bin/pip install --no-cache-dir --disable-pip-version-check \
        --require-hashes -r requirements-runtime.lock
COPY . .
RUN /opt/tenure/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation .

FROM ${BASE}
RUN useradd --system --user-group --no-create-home tenure \
 && install -d -o tenure -g tenure -m 700 /var/lib/tenure
COPY --from=build /opt/tenure /opt/tenure
ENV PATH=/opt/tenure/bin:$PATH TENURE_HOME=/var/lib/tenure PYTHONUNBUFFERED=1
USER tenure
WORKDIR /var/lib/tenure
VOLUME /var/lib/tenure
EXPOSE 3000
# A worker serves no port: docker-compose.yml turns this off for it.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["python3", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:3000/health/ready', timeout=4)"]
CMD ["tenure", "up", "--bind", "0.0.0.0:3000"]
