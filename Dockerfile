# The scheduler as an image, usable wherever the DTS emulator's image is: the same ports, the same variables.
#   docker build --tag durable-harness-scheduler .
#   docker run --publish 8080:8080 --publish 8081:8081 --publish 8082:8082 durable-harness-scheduler
# To build on one certain base: --build-arg BASE_DIGEST=sha256:…
ARG BASE=python:3.12-slim
ARG BASE_DIGEST=
FROM ${BASE}${BASE_DIGEST:+@${BASE_DIGEST}}
WORKDIR /app
COPY constraints-image.txt ./
RUN python3 -m pip install --no-cache-dir --no-deps --require-hashes --requirement constraints-image.txt
COPY pyproject.toml README.md LICENSE ./
COPY src ./src
COPY loadtests ./loadtests
RUN python3 -m pip install --no-cache-dir --no-deps --no-build-isolation . \
    && useradd --system --uid 10001 --no-create-home harness \
    && install --directory --owner harness /data
# Files of --data belong under /data: nothing else is this user's to write.
USER harness
WORKDIR /data
EXPOSE 8080 8081 8082
ENTRYPOINT ["durable-harness", "scheduler", "--address", "0.0.0.0"]
