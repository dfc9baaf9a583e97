from chalicelib.domain.errors import Fault, FenrunError, Refused


def test_a_refusal_carries_its_code_its_faults_and_its_figures():
    error = Refused("BELOW_MINIMUM", Fault("amount", "TOO_SMALL", {"minimum": 1000}), minimum=1000, currency="CNY")

    assert isinstance(error, FenrunError)
    assert error.code == "BELOW_MINIMUM"
    assert error.faults == (Fault("amount", "TOO_SMALL", {"minimum": 1000}),)
    assert error.params == {"minimum": 1000, "currency": "CNY"}
    assert error.args == ("BELOW_MINIMUM", *error.faults)


def test_its_text_names_every_fault():
    assert str(Refused("A", Fault("x", "B"), Fault("y", "C", {"n": 1}))) == "A; x: B {}; y: C {'n': 1}"
    assert str(Refused("A")) == "A"
