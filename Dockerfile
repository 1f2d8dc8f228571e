# Debian slim, because one of the packages has no build for musl. Runs as nobody in particular.
FROM python:3.13-slim-bookworm

ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PAYSETTLE_VAR=/var/lib/paysettle
RUN useradd --system --uid 10001 --home-dir /var/lib/paysettle --create-home paysettle
WORKDIR /srv/paysettle

COPY requirements.lock .
RUN python -m pip install --no-cache-dir --disable-pip-version-check --no-deps --require-hashes -r requirements.lock

COPY manage.py ./
COPY config config
COPY paysettle paysettle

USER paysettle
VOLUME /var/lib/paysettle
EXPOSE 8000
# The same image is the worker (`worker`) and brings the database up to date (`migrate`).
ENTRYPOINT ["python", "manage.py"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]
