"""The kubelet's HTTPS server: logs and streams of the node's containers, for the API server.

Takes requests with the API server's certificate; gives logs from files, and streams by handing connections to the
runtime's streaming server. Paths and parameters are upstream's.
"""
