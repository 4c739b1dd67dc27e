# The scheduler as an image, usable wherever the DTS emulator's image is: the same ports, the same variables.
#   docker build --tag durable-harness-scheduler .
#   docker run --publish 8080:8080 --publish 8081:8081 --publish 8082:8082 durable-harness-scheduler
ARG BASE=python:3.12-slim
FROM ${BASE}
WORKDIR /app
COPY pyproject.toml constraints.txt README.md ./
COPY src ./src
RUN python3 -m pip install --no-cache-dir --constraint constraints.txt .
EXPOSE 8080 8081 8082
ENTRYPOINT ["durable-harness", "scheduler", "--address", "0.0.0.0"]
