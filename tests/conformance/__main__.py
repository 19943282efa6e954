"""Write ``docs/conformance.md`` anew."""

from tests.conformance.document import document
from tests.conformance.names import ROOT, carriers, names

if __name__ == "__main__":
    (ROOT / "docs" / "conformance.md").write_text(document(names(list(carriers()))), "utf-8")
