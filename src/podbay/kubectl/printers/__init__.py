"""What commands print: tables, YAML, JSON, names, JSONPath and custom columns."""
