"""Requests to a store are signed as Amazon's documentation shows it, and no text has the secret."""

from datetime import UTC, datetime

import pytest
from taskflow_api.bucket import NOTHING, Bucket, BucketError, signed

# https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html, "Examples"
KEY_ID = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"  # noqa: S105 - Amazon's example
STORE = "https://examplebucket.s3.amazonaws.com"


@pytest.mark.parametrize(
    ("query", "signature"),
    [
        ("lifecycle=", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
        (
            "max-keys=2&prefix=J",
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
    ],
)
def test_a_signature_is_the_documented_one(query: str, signature: str) -> None:
    headers = signed(
        "GET",
        f"{STORE}/?{query}",
        NOTHING,
        region="us-east-1",
        key_id=KEY_ID,
        secret=SECRET,
        now=datetime(2013, 5, 24, tzinfo=UTC),
    )
    assert headers["authorization"] == (
        f"AWS4-HMAC-SHA256 Credential={KEY_ID}/20130524/us-east-1/s3/aws4_request, "
        f"SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature={signature}"
    )


def test_a_store_that_is_away_is_named_without_the_secret() -> None:
    bucket = Bucket(
        endpoint="http://127.0.0.1:1",
        region="us-east-1",
        address="s3://backups/blue/",
        key_id=KEY_ID,
        secret=SECRET,
    )
    with pytest.raises(BucketError, match=r"GET s3://backups/ at http://127\.0\.0\.1:1: ") as away:
        bucket.sizes()
    assert SECRET not in f"{away.value} {bucket!r}"
