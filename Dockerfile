# syntax=docker/dockerfile:1

FROM python:3.12.12-slim-bookworm AS build

WORKDIR /src
RUN python -m venv --without-pip /opt/hubpulse
COPY . .
# The pip of the image installs into the environment, which so holds no installer itself.
RUN python -m pip --python /opt/hubpulse/bin/python install --no-cache-dir --constraint constraints.txt '.[codecs]'


FROM python:3.12.12-slim-bookworm

# Nothing is installed from here on.
RUN python -m pip uninstall --yes --quiet --root-user-action=ignore pip \
    && groupadd --system --gid 10001 hubpulse \
    && useradd --system --uid 10001 --gid hubpulse --no-create-home --shell /usr/sbin/nologin hubpulse \
    && install --directory --owner hubpulse --group hubpulse --mode 700 /data /audits

COPY --from=build /opt/hubpulse /opt/hubpulse

ENV PATH=/opt/hubpulse/bin:$PATH \
    HUBPULSE_DATA_DIR=/data \
    PYTHONUNBUFFERED=1

WORKDIR /data
USER 10001:10001
ENTRYPOINT ["hubpulse"]
CMD ["--help"]
