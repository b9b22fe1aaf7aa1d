# Two stages: what builds the wheel stays behind, so that no tool and no source lies in the image.
FROM python:3.13-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE config.toml neaptide.py requirements.lock ./
COPY app app
COPY jobs jobs
COPY sql sql
# The wheel with the extras of a server, in the versions that the lock names.
RUN sed -e '/^[^a-z0-9]/d' -e 's/ *\\$//' requirements.lock > /tmp/versions \
    && python -m pip wheel --no-cache-dir --no-deps --wheel-dir /tmp/wheel . \
    && python -m venv /opt/neaptide \
    && /opt/neaptide/bin/pip install --no-cache-dir --only-binary :all: -c /tmp/versions \
       "neaptide[web,alerts] @ file://$(echo /tmp/wheel/neaptide-*.whl)"

FROM python:3.13-slim
RUN useradd --system --uid 10001 --create-home --home-dir /srv/neaptide neaptide \
    && install --directory --owner=neaptide --mode=0700 /srv/neaptide/var
COPY --from=build /opt/neaptide /opt/neaptide
ENV PATH=/opt/neaptide/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001
WORKDIR /srv/neaptide
VOLUME /srv/neaptide/var
EXPOSE 8321
STOPSIGNAL SIGTERM
# The token is in the environment of the container, where [http] is, and nowhere in the image.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(u.Request('http://127.0.0.1:8321/healthz', headers={'Authorization': 'Bearer ' + os.environ.get('NEAPTIDE_HTTP__TOKEN', '')}), timeout=4)"]
ENTRYPOINT ["neaptide"]
CMD ["daemon"]
