# Debian slim, because one of the packages has no build for musl. The driver of MariaDB and MySQL is built, with a
# compiler that the image does not keep.
FROM debian:trixie-slim AS packages

RUN apt-get update && apt-get install --yes --no-install-recommends \
    ca-certificates gcc libc6-dev libmariadb-dev pkg-config python3-dev python3-pip python3-setuptools python3-venv
COPY requirements-image.lock .
# All that comes from elsewhere has its hash in the lock: what the driver is built with is Debian's.
RUN python3 -m pip wheel --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation --require-hashes \
    --wheel-dir /wheels --requirement requirements-image.lock
RUN python3 -m venv /opt/paysettle && /opt/paysettle/bin/pip install --no-index --no-deps /wheels/*.whl


FROM debian:trixie-slim

RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates libmariadb3 python3 tzdata \
    && rm -rf /var/lib/apt/lists/*
ENV PATH=/opt/paysettle/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PAYSETTLE_VAR=/var/lib/paysettle
RUN useradd --system --uid 10001 --home-dir /var/lib/paysettle --create-home paysettle
WORKDIR /srv/paysettle

COPY --from=packages /opt/paysettle /opt/paysettle
COPY manage.py ./
COPY config config
COPY paysettle paysettle

USER paysettle
VOLUME /var/lib/paysettle
EXPOSE 8000
# The same image is the worker (`worker`) and brings the database up to date (`migrate`).
ENTRYPOINT ["python", "manage.py"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]
