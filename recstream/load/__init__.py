"""The load client behind `recstream load`: measures a server without sparing it.

Worker processes speak HTTP/2 themselves (`http2`), since a gRPC library costs the client about as much as the server's
whole answer. Each call's latency runs from the moment at which the schedule wanted it sent.
"""
