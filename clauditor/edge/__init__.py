"""Where the world comes in and out: Envoy over gRPC, people and programs over HTTP."""
