"""OpenTelemetry: a trace for each sampled request, with spans for queue, batch, handler and encoding."""
