from calc import add


def test_nothing():
    assert add(0, 0) == 0
