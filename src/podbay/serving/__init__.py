"""The HTTP(S) door of the API server and of the kubelet: sockets on one side, ``wire.http`` messages on the other.

The one place that knows aiohttp's server. Takes requests from sockets; gives them to a handler as plain data, and its
responses back: whole, as a stream, or by handing the connection over.
"""
