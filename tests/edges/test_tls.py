import ssl

import pytest

from counterbot.clients.tls import context
from counterbot.core.model import Unreadable


def test_certificate_and_host_name_are_verified():
    trusted = context()
    assert (trusted.verify_mode, trusted.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert not trusted.verify_flags & ssl.VERIFY_X509_STRICT


def test_a_file_that_cannot_be_used_is_named_with_the_reason(tmp_path):
    (tmp_path / "empty.pem").write_text("")
    for name, why in (("empty.pem", "holds no certificate in PEM form"),
                      ("absent.pem", "cannot be read: No such file or directory")):
        with pytest.raises(Unreadable) as refused:
            context(str(tmp_path / name))
        assert str(refused.value) == f"{tmp_path / name} {why}"
