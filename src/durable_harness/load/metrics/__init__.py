"""The figures of a run while it goes on, for systems that watch: scraped by Prometheus, or sent by OTLP."""
