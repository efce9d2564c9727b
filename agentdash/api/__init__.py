"""Coder's API: schema, calls, streams, PTY; with local/ the only package that opens sockets."""
