"""The proxy: Envoy, configured, started, watched."""
