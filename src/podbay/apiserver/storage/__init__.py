"""The only door to the store: objects as encoded bytes, a cache that follows every change, and writes that compare.

Takes objects from the registry; gives entries, pages and watches to the verbs.
"""
