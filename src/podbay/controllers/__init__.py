"""The controllers, one file each, and the manager that runs them."""
