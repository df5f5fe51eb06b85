"""Subunit version 2: bytes in, attachments out; the writer; gzip taken off. Opens no file."""
