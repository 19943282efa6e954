"""What a list or a watch selects, parsed from the query once.

Pure. Takes query parameters and the path; gives a predicate over entries and the narrowest index that covers it.
Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/field-selectors/
"""

from dataclasses import dataclass

from podbay.api.errors import BadRequest
from podbay.api.fields import converted
from podbay.api.resources import Resource
from podbay.api.selectors import FieldSelector, LabelSelector, parse_field_selector, parse_label_selector
from podbay.apiserver.request_info import RequestInfo
from podbay.apiserver.storage.entry import Entry


@dataclass(frozen=True, slots=True)
class Selection:
    """Labels, fields and a namespace (empty: all). Hashable, so that equal ones share an answer."""

    resource: Resource
    namespace: str
    labels: LabelSelector
    fields: FieldSelector

    def matches(self, entry: Entry) -> bool:
        """Tell whether an object is selected."""
        if self.namespace and entry.namespace != self.namespace:
            return False
        if self.labels and not self.labels.matches(entry.labels):
            return False
        return not self.fields or self.fields.matches(entry.fields(self.resource))

    @property
    def is_everything(self) -> bool:
        """Tell whether only the namespace selects."""
        return not self.labels and not self.fields

    @property
    def index(self) -> tuple[str, ...]:
        """Return the key under which the cache offers every change that this could select."""
        name = self.fields.required("metadata.name")
        if name and (self.namespace or not self.resource.namespaced):
            return ("name", self.namespace, name)
        node = self.fields.required("spec.nodeName")
        if node:
            return ("node", node)
        return ("namespace", self.namespace) if self.namespace else ()


def selection(resource: Resource, info: RequestInfo) -> Selection:
    """Return what a request selects. Raises BadRequest with upstream's message."""
    label_text, field_text = info.query.get("labelSelector", ""), info.query.get("fieldSelector", "")
    if info.name:
        field_text = f"metadata.name={info.name}"
    try:
        labels = parse_label_selector(label_text)
        fields = converted(resource, parse_field_selector(field_text))
    except ValueError as error:
        raise BadRequest(str(error)) from None
    namespace = info.namespace if resource.namespaced else ""
    required = fields.required("metadata.namespace")
    if not namespace and required:
        namespace = required
    return Selection(resource, namespace, labels, fields)
