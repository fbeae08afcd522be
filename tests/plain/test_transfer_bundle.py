"""A zip that was damaged on its way is refused in words, wherever it was damaged."""

from __future__ import annotations

import io
import zipfile

import pytest

from app.transfer.bundle import NotABundle, unpack


def test_a_zip_damaged_in_any_byte_of_its_contents_is_refused() -> None:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr(
            "customers.csv", "slug,name\n" + "\n".join(f"c{n},Customer {n * 7919 % 1000}" for n in range(500))
        )
    assert [name for name, _ in unpack(whole.getvalue())] == ["customers.csv"]
    for place in range(60, 500):
        damaged = bytearray(whole.getvalue())
        damaged[place] ^= 0xFF
        with pytest.raises(NotABundle, match="is no zip that can be read"):
            unpack(bytes(damaged))
