import os
import ssl

import pytest

from podbay.lib import system_certificates


def test_a_context_made_meanwhile_trusts_nobody() -> None:
    with system_certificates.unread():
        assert ssl.create_default_context().get_ca_certs() == []


def test_the_environment_is_as_it_was_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/etc/mine.pem")
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    with pytest.raises(ImportError), system_certificates.unread():
        raise ImportError
    assert os.environ["SSL_CERT_FILE"] == "/etc/mine.pem"
    assert "SSL_CERT_DIR" not in os.environ
