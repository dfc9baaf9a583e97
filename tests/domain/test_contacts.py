import pytest

from chalicelib.domain.contacts import masked_email, masked_phone, normalise_email, normalise_phone


@pytest.mark.parametrize(
    ("text", "mailbox"),
    [
        ("Ann@Example.com", "ann@example.com"),
        ("  ann@example.com ", "ann@example.com"),
        ("ann+shop@example.com", "ann@example.com"),
        ("a.n.n+x+y@gmail.com", "ann@gmail.com"),
        ("a.n.n@googlemail.com", "ann@gmail.com"),
        ("a.n.n@example.com", "a.n.n@example.com"),
        ("ａｎｎ@example.com", "ann@example.com"),
        ("a" * 64 + "@mail.example.co", "a" * 64 + "@mail.example.co"),
        ("王@example.com", "王@example.com"),
        ("ann@x-1.example.co", "ann@x-1.example.co"),
    ],
)
def test_a_mailbox_has_one_spelling(text, mailbox):
    assert normalise_email(text) == mailbox


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ann",
        "@example.com",
        "ann@",
        "ann@example",
        "ann@-example.com",
        "ann@example-.com",
        "ann@exa_mple.com",
        "ann@example..com",
        "an n@example.com",
        "ann@bob@example.com",
        "+shop@example.com",
        "...@gmail.com",
        "a" * 65 + "@example.com",
        "ann@" + "a." * 126 + "com",
        "ann@1.2.3.4",
        "an\x00n@example.com",
    ],
)
def test_what_is_no_address_is_none(text):
    assert normalise_email(text) is None


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("13812345678", "+8613812345678"),
        ("138 1234-5678", "+8613812345678"),
        ("+86 138 1234 5678", "+8613812345678"),
        ("0086 13812345678", "+8613812345678"),
        ("＋86 138 1234 5678", "+8613812345678"),
        ("+44 (20) 7946.0958", "+442079460958"),
        ("+49–30/901820", "+4930901820"),
        ("+1234567", "+1234567"),
        ("+123456789012345", "+123456789012345"),
        ("19912345678", "+8619912345678"),
    ],
)
def test_a_phone_number_has_one_spelling(text, number):
    assert normalise_phone(text) == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        "12345",
        "12812345678",
        "1381234567",
        "02079460958",
        "+0123456789",
        "+123456",
        "+1234567890123456",
        "+१२३४५६७८",
        "abc",
    ],
)
def test_no_country_is_guessed_and_what_is_no_number_is_none(text):
    assert normalise_phone(text) is None


def test_contacts_are_masked_to_what_their_owner_recognises():
    assert masked_email(" linda@example.com ") == "l***@example.com"
    assert masked_email("nobody") == "***@nobody"
    assert masked_phone(" +8613812345678 ") == "***5678"
