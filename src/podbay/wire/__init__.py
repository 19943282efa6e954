"""Bytes to meaning and back, without sockets: JSON, YAML, protobuf, HTTP messages, stream channels, tables."""
