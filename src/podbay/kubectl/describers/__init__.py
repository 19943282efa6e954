"""What ``describe`` says of an object, one module per kind. They take objects and give text; no I/O."""
