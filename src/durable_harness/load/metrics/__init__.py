"""The figures of a run while it continues, for monitoring: scraped by Prometheus, or sent by OTLP."""
